#include "hpc/partial_merge.h"

#include <algorithm>

#include "src/report/money.h"

namespace tailcube {
namespace {

std::string counted(const ScenarioSet& set) {
  constexpr std::size_t shown = 4;
  const std::vector<Tile>& ranges = set.ranges();
  if (ranges.size() <= shown) return "scenarios " + set.text();
  const ScenarioSet first(std::vector<Tile>(ranges.begin(), ranges.begin() + shown));
  return std::to_string(set.size()) + " scenarios, " + first.text() + " and " + std::to_string(ranges.size() - shown) +
         " more ranges";
}

std::string incomplete(const PartialReader& part) {
  int cells = 0;
  std::uint64_t most = 0;
  for (int cell = 0; cell < part.header().identity.cells; ++cell) {
    const std::uint64_t missing = part.header().wanted.without(part.done(cell)).size();
    cells += missing > 0 ? 1 : 0;
    most = std::max(most, missing);
  }
  return "is not complete: up to " + std::to_string(most) + " of its " + std::to_string(part.header().wanted.size()) +
         " scenarios are missing in " + std::to_string(cells) + " of " + std::to_string(part.header().identity.cells) +
         " stress cells; start the run that wrote it again, it goes on";
}

void find_overlaps(const std::vector<const PartialReader*>& parts, std::vector<std::string>& problems) {
  for (std::size_t i = 0; i < parts.size(); ++i)
    for (std::size_t j = i + 1; j < parts.size(); ++j)
      if (const auto both = parts[i]->header().wanted.overlap(parts[j]->header().wanted))
        problems.push_back(parts[i]->path().string() + " and " + parts[j]->path().string() + " both hold scenarios " +
                           ScenarioSet({*both}).text() + "; leave one of them out");
}

void find_missing(const PartialHeader& job, const std::vector<const PartialReader*>& parts,
                  std::vector<std::string>& problems) {
  ScenarioSet there, split;
  int shards = 0;
  for (const PartialReader* part : parts) {
    there.add(part->header().wanted.without(there));
    if (shards != 0 || part->header().shards == 0) continue;
    shards = part->header().shards;
    split = part->header().split;
  }
  for (int k = 1; k <= shards; ++k) {
    const ScenarioSet left = split.part(static_cast<std::uint64_t>(k), static_cast<std::uint64_t>(shards)).without(there);
    if (!left.empty())
      problems.push_back("shard " + std::to_string(k) + " of " + std::to_string(shards) + " is missing: " + counted(left));
  }
  const ScenarioSet left = job.wanted.without(there).without(split);
  if (!left.empty()) problems.push_back("missing: " + counted(left));
}

}  // namespace

std::string part_problem(const PartialHeader& job, const PartialReader& part) {
  const PartialHeader& header = part.header();
  const auto said = [&part](const std::string& what) { return part.path().string() + ": " + what; };
  if (!header.identity.quarantined.empty())
    return said("positions were left out of it (" + header.identity.quarantined.front() +
                (header.identity.quarantined.size() > 1 ? " and others" : "") +
                "), and which they are depends on all scenarios: it cannot be added to, run the whole job");
  if (header.identity.tally_digest == job.identity.tally_digest && header.identity.unit != job.identity.unit)
    return said("counts losses in units of " + shortest(header.identity.unit) + ", which " +
                std::to_string(header.scenarios) + " scenarios allow; " + std::to_string(job.scenarios) + " need units of " +
                shortest(job.identity.unit) + ": it cannot be added to, run the whole job");
  const std::string differs = difference(job.identity, header.identity);
  if (!differs.empty()) return said("belongs to another job: " + differs);
  if (!job.wanted.contains(header.wanted))
    return said("holds scenarios up to " + std::to_string(header.wanted.ranges().back().end - 1) + ", the job has " +
                std::to_string(job.scenarios) +
                "; give the number with --set run.scenarios=" + std::to_string(header.scenarios));
  return part.complete() ? std::string() : said(incomplete(part));
}

std::vector<std::string> merge_problems(const PartialHeader& job, const std::vector<PartialReader>& parts) {
  std::vector<std::string> problems;
  std::vector<const PartialReader*> good;
  for (const PartialReader& part : parts) {
    const std::string problem = part_problem(job, part);
    if (problem.empty())
      good.push_back(&part);
    else
      problems.push_back(problem);
  }
  find_overlaps(good, problems);
  find_missing(job, good, problems);
  return problems;
}

void add_part(const PartialReader& part, int cell, CellPart& sum) {
  CellPart more = part.read(cell);
  if (more.done.empty()) return;
  if (sum.done.empty()) {
    sum = std::move(more);
    return;
  }
  sum.done.add(more.done);
  sum.tallies.merge(more.tallies);
}

CellPart merged_cell(const std::vector<PartialReader>& parts, int cell) {
  CellPart sum;
  for (const PartialReader& part : parts) add_part(part, cell, sum);
  return sum;
}

}  // namespace tailcube
