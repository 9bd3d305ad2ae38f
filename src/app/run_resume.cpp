// What a run goes on with: the checkpoint of an earlier one, if it is of the same job.
#include <spdlog/spdlog.h>

#include <cstring>

#include "hpc/partial_header.h"
#include "src/app/exit_codes.h"
#include "src/app/failure.h"
#include "src/app/run.h"
#include "src/input/input.h"
#include "src/report/money.h"

namespace tailcube {
namespace {

// The logs one after the other, each with its length before it.
std::vector<std::byte> packed(const std::vector<FaultLog>& rounds) {
  std::vector<std::byte> all;
  for (const FaultLog& round : rounds) {
    const std::vector<std::byte> bytes = round.to_bytes();
    const std::uint64_t length = bytes.size();
    const auto head = std::as_bytes(std::span(&length, 1));
    all.insert(all.end(), head.begin(), head.end());
    all.insert(all.end(), bytes.begin(), bytes.end());
  }
  return all;
}

std::vector<FaultLog> unpacked(std::span<const std::byte> all) {
  std::vector<FaultLog> rounds;
  while (!all.empty()) {
    std::uint64_t length = 0;
    if (all.size() < sizeof length) throw std::runtime_error("a list of quarantine rounds is too short");
    std::memcpy(&length, all.data(), sizeof length);
    all = all.subspan(sizeof length);
    if (length > all.size()) throw std::runtime_error("a list of quarantine rounds is too short");
    rounds.push_back(FaultLog::from_bytes(all.first(length)));
    all = all.subspan(length);
  }
  return rounds;
}

std::string refused(const PartialReader& source, const std::string& difference) {
  return source.path().string() + ": cannot be gone on with: " + difference +
         "; start anew with --resume never, or choose another folder with -o";
}

}  // namespace

PartialHeader Run::header() const {
  std::vector<std::string> quarantined;
  for (const Quarantine::Position& p : quarantine_.positions())
    quarantined.push_back(std::string(p.instrument->name) + " " + p.id);
  PartialHeader header = partial_header(job_, *book_, std::move(quarantined));
  header.wanted = wanted_;
  if (is_shard()) header.shard = options_.shard, header.shards = options_.shards, header.split = split_;
  header.rounds = packed(rounds_);
  return header;
}

// Rank 0 finds and checks the checkpoint; every rank takes out what the earlier run had to leave out.
void Run::resume() {
  std::vector<std::byte> rounds;
  meet(world_, attempt([&] {
         if (!leads()) return;
         find_source();
         if (source_) rounds = source_->header().rounds;
       }));
  rounds = world_.broadcast(std::move(rounds));
  if (!rounds.empty()) {
    std::vector<FaultLog> logs;
    meet(world_, attempt([&] { logs = unpacked(rounds); }));
    for (const FaultLog& faults : logs) take_out(faults);
  }
  meet(world_, attempt([&] {
         if (source_) check_source(header());
       }));
  if (source_) tell_source();
}

void Run::find_source() {
  const CheckpointFiles files = output_->checkpoints();
  if (options_.resume == "never") {
    files.remove();
  } else if (options_.resume == "auto") {
    source_ = find_checkpoint(files, [](const std::string& text) { spdlog::warn(text); });
  } else {
    if (!std::filesystem::exists(options_.resume))
      throw InvalidInput({{options_.resume, 0, 0, "", "no such file"}}, exit_code::missing);
    source_ = std::make_shared<PartialReader>(options_.resume);
    source_->check_all();
  }
  if (!source_) return;
  // What was left out, and with it the loss unit, is known after the rounds of quarantine.
  PartialHeader mine = header();
  mine.identity.quarantined = source_->header().identity.quarantined;
  mine.identity.unit = source_->header().identity.unit;
  check_source(mine);
}

void Run::check_source(const PartialHeader& mine) const {
  const PartialHeader& theirs = source_->header();
  std::string what = difference(mine.identity, theirs.identity);
  if (what.empty() && theirs.scenarios != mine.scenarios)
    what = std::to_string(theirs.scenarios) + " scenarios, not " + std::to_string(mine.scenarios);
  if (what.empty() && theirs.wanted != mine.wanted)
    what = "scenarios " + theirs.wanted.text() + ", not " + mine.wanted.text();
  if (what.empty() && theirs.job_digest != mine.job_digest)
    what = "job digest " + theirs.job_digest.substr(0, 12) + ", not " + mine.job_digest.substr(0, 12);
  if (!what.empty()) throw InvalidJob({refused(*source_, what)});
}

void Run::tell_source() const {
  double done = 0;
  for (int c = 0; c < source_->header().identity.cells; ++c) done += static_cast<double>(source_->done(c).size());
  const double all = static_cast<double>(part_scenarios_) * static_cast<double>(job_.cells.size());
  spdlog::info("going on with {}: {} of {} scenarios x cells are there", source_->path().string(), grouped(done),
               grouped(all));
}

}  // namespace tailcube
