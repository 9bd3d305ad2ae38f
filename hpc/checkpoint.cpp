#include "hpc/checkpoint.h"

#include <algorithm>
#include <system_error>

namespace tailcube {

namespace fs = std::filesystem;

bool CheckpointFiles::any() const {
  std::error_code error;
  return fs::exists(latest, error) || fs::exists(previous, error);
}

void CheckpointFiles::remove() const {
  std::error_code error;  // the latest last: a kill in between leaves it
  for (const fs::path& file : {next, previous, latest}) {
    fs::remove(file.string() + ".part", error);
    fs::remove(file, error);
  }
}

std::shared_ptr<const PartialReader> find_checkpoint(const CheckpointFiles& files,
                                                     const std::function<void(const std::string&)>& warn) {
  std::string wrong;
  for (const fs::path& file : {files.latest, files.previous}) {
    std::error_code error;
    if (!fs::exists(file, error)) continue;
    try {
      auto reader = std::make_shared<PartialReader>(file);
      reader->check_all();
      if (!wrong.empty()) {
        warn(wrong + "; going on with the one before");
        fs::remove(files.latest, error);  // or it would push out the good one
      }
      return reader;
    } catch (const BadPartial& bad) {
      wrong += (wrong.empty() ? "" : "\n") + std::string(bad.what());
    }
  }
  if (!wrong.empty()) throw BadPartial(wrong + "\nno checkpoint can be used: start anew with --resume never");
  return nullptr;
}

Checkpoint::Checkpoint(const CheckpointFiles& files, const PartialHeader& header,
                       std::shared_ptr<const PartialReader> source, const Settings& settings, Complete complete, Warn warn)
    : files_(files),
      header_(header),
      source_(std::move(source)),
      settings_(settings),
      complete_(std::move(complete)),
      warn_(std::move(warn)) {}

ScenarioSet Checkpoint::done(int cell) const { return source_ ? source_->done(cell) : ScenarioSet{}; }

Tallies Checkpoint::load(CellRange cells) {
  std::vector<Tallies> parts;
  for (int c = cells.begin; c < cells.end; ++c) parts.push_back(source_->read(c).tallies);
  return join_cells(std::move(parts));
}

double Checkpoint::since_last() const { return std::chrono::duration<double>(Clock::now() - last_).count(); }

bool Checkpoint::due() {
  if (settings_.every_seconds <= 0) return false;
  const bool now = since_last() >= std::max(settings_.every_seconds, settings_.exact ? 0.0 : 100 * last_seconds_);
  if (now && !due_since_) due_since_ = Clock::now();
  return now;
}

void Checkpoint::save(CellRange cells, Tallies& tallies, const ScenarioSet& done) { write(cells, &tallies, done); }

void Checkpoint::save_header() { write({0, 0}, nullptr, {}); }

// Before a group's tallies leave the memory they go to disk, if others are still to come, or if they are worth it: what
// follows may fail as well.
void Checkpoint::finish(CellRange cells, Tallies&& tallies, const ScenarioSet& done) {
  const bool more = cells.end < header_.identity.cells;
  const bool worth = settings_.every_seconds > 0 && since_last() > settings_.every_seconds / 10;
  if (!stored(cells, done) && (more || worth || settings_.last)) write(cells, &tallies, done);
  complete_(cells, std::move(tallies));
}

bool Checkpoint::stored(CellRange cells, const ScenarioSet& done) const {
  for (int c = cells.begin; c < cells.end; ++c)
    if (this->done(c) != done) return false;
  return true;
}

std::uint64_t Checkpoint::scenario_cells() const {
  std::uint64_t sum = 0;
  for (int c = 0; c < header_.identity.cells; ++c) sum += done(c).size();
  return sum;
}

void Checkpoint::add(const Cost& earlier) {
  cost_.written += earlier.written;
  cost_.failed += earlier.failed;
  cost_.seconds += earlier.seconds;
  cost_.bytes += earlier.bytes;
}

void Checkpoint::write(CellRange cells, Tallies* tallies, const ScenarioSet& done) {
  const Clock::time_point start = due_since_.value_or(Clock::now());
  due_since_.reset();
  std::vector<CellPart> parts;
  if (tallies != nullptr)
    for (Tallies& cell : split_cells(std::move(*tallies))) parts.push_back({done, std::move(cell)});
  try {
    write_file(cells, parts);
    ++cost_.written;
    cost_.bytes += source_->bytes();
  } catch (const std::runtime_error& failed) {  // a full disk; a file that somebody took away
    ++cost_.failed;
    warn_("no checkpoint was written: " + std::string(failed.what()));
  }
  if (tallies != nullptr) {
    std::vector<Tallies> whole;
    whole.reserve(parts.size());
    for (CellPart& part : parts) whole.push_back(std::move(part.tallies));
    *tallies = join_cells(std::move(whole));
  }
  last_ = Clock::now();
  last_seconds_ = std::chrono::duration<double>(last_ - start).count();
  cost_.seconds += last_seconds_;
}

// The cells at hand from memory, the others as they are on disk.
void Checkpoint::write_file(CellRange cells, std::vector<CellPart>& parts) {
  PartialWriter writer(files_.next, header_);
  for (int c = 0; c < header_.identity.cells; ++c) {
    if (c >= cells.begin && c < cells.end) {
      writer.add(c, parts[static_cast<std::size_t>(c - cells.begin)]);
    } else if (!done(c).empty()) {
      writer.copy(c, *source_);
    }
  }
  writer.finish();
  if (fs::exists(files_.latest)) fs::rename(files_.latest, files_.previous);
  fs::rename(files_.next, files_.latest);
  source_ = std::make_shared<PartialReader>(files_.latest);
}

}  // namespace tailcube
