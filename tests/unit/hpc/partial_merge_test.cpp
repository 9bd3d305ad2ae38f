#include "hpc/partial_merge.h"

#include "tests/catch_any.h"
#include "tests/unit/hpc/temporary_folder.h"
#include "tests/unit/tally/samples.h"

namespace tailcube {
namespace {

using test::TemporaryFolder;

constexpr std::uint64_t scenarios = 2000;
const std::vector<Units>& losses() {
  static const std::vector<Units> all = test::sample(test::Law::lumpy, scenarios, 61);  // many ties
  return all;
}

PartialHeader job_header() {
  PartialHeader header;
  header.identity = {"tailcube", "0123", 7, 1.0 / 1024, 2, {1, 1, 1, 1, 1, 0}, {false, {95, 100, 40, true}}, {}};
  header.scenarios = scenarios;
  header.wanted = header.split = ScenarioSet({{0, scenarios}});
  return header;
}

Tallies tallies_of(const PartialHeader& header) {
  Tallies tallies(header.identity.cell_shape, header.identity.settings);
  for (const Tile range : header.wanted.ranges())
    tallies.losses[0].fold(std::span(losses()).subspan(range.begin, range.end - range.begin), {}, range.begin);
  return tallies;
}

PartialReader written(const std::filesystem::path& path, const PartialHeader& header, int cells = 2) {
  PartialWriter writer(path, header);
  for (int cell = 0; cell < cells; ++cell) {
    CellPart part{header.wanted, tallies_of(header)};
    writer.add(cell, part);
  }
  writer.finish();
  return PartialReader(path);
}

PartialHeader shard(int k, int n) {
  PartialHeader header = job_header();
  header.shard = k, header.shards = n;
  header.wanted = header.split.part(static_cast<std::uint64_t>(k), static_cast<std::uint64_t>(n));
  return header;
}

TEST_CASE("shards in any order add up to the whole") {
  const TemporaryFolder folder;
  std::vector<PartialReader> parts;
  for (const int k : {4, 1, 7, 2, 3, 6, 5}) parts.push_back(written(folder.path / std::to_string(k), shard(k, 7)));
  CHECK(merge_problems(job_header(), parts).empty());
  Tallies whole = tallies_of(job_header());
  CellPart sum = merged_cell(parts, 1);
  CHECK(sum.done == job_header().wanted);
  CHECK(sum.tallies.losses[0].moments == whole.losses[0].moments);
  const Tail::Worst worst = sum.tallies.losses[0].tail.worst(), expected = whole.losses[0].tail.worst();
  REQUIRE(worst.depth() >= 100);  // 5 % of 2000
  for (std::size_t i = 0; i < std::min(worst.size(), expected.size()); ++i) {
    CHECK(worst.loss[i] == expected.loss[i]);
    CHECK(worst.scenario[i] == expected.scenario[i]);
  }
}

TEST_CASE("every problem of every part is told") {
  const TemporaryFolder folder;
  const auto path = [&](const char* name) { return folder.path / name; };
  PartialHeader coarse = shard(2, 4), left_out = shard(2, 4), other = shard(2, 4);
  coarse.identity.unit = 1.0 / 512;
  left_out.identity.quarantined = {"bond b3", "bond b7"};
  other.identity.seed = 8;
  std::vector<PartialReader> parts;
  parts.push_back(written(path("good"), shard(1, 4)));
  parts.push_back(written(path("coarse"), coarse));
  parts.push_back(written(path("left_out"), left_out));
  parts.push_back(written(path("other"), other));
  parts.push_back(written(path("half"), shard(2, 4), 1));
  PartialHeader overlapping = job_header();
  overlapping.wanted = ScenarioSet({{100, 128}, {1500, 1600}});
  parts.push_back(written(path("overlapping"), overlapping));
  const auto at = [&](const char* name) { return path(name).string(); };
  CHECK(merge_problems(job_header(), parts) ==
        std::vector<std::string>{
            at("coarse") +
                ": counts losses in units of 0.001953125, which 2000 scenarios allow; 2000 need units of 0.0009765625: "
                "it cannot be added to, run the whole job",
            at("left_out") +
                ": positions were left out of it (bond b3 and others), and which they are depends on all scenarios: it "
                "cannot be added to, run the whole job",
            at("other") + ": belongs to another job: seed 8, not 7",
            at("half") +
                ": is not complete: up to 512 of its 512 scenarios are missing in 1 of 2 stress cells; start the run that "
                "wrote it again, it goes on",
            at("good") + " and " + at("overlapping") + " both hold scenarios 100-127; leave one of them out",
            "shard 2 of 4 is missing: scenarios 512-1023", "shard 3 of 4 is missing: scenarios 1024-1499",
            "shard 4 of 4 is missing: scenarios 1600-1999"});
}

}  // namespace
}  // namespace tailcube
