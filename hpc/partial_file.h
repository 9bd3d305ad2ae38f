#pragma once
// What has been evaluated of a job, as a file: a checkpoint, a shard, the .tally beside a cube (docs/cube.md). One section
// per stress cell, so that whoever reads it may group the cells as its memory allows.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "hpc/file_output.h"
#include "hpc/scenario_set.h"
#include "kernels/tally/tally.h"

namespace tailcube {

// Changes whenever a reader of the old format would read the new one wrongly; any other version is refused.
inline constexpr std::uint32_t partial_format = 1;

// A file that is no partial, of another format, cut off, altered or impossible. The message names the file.
class BadPartial : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// What two partials must share to be added up, and what a program must share with one to go on with it.
struct PartialIdentity {
  std::string program;       // version, commit, compiler: other builds may differ in the last bit
  std::string tally_digest;  // Job::tally_digest: everything but the number of scenarios
  std::uint64_t seed = 0;
  double unit = 0;  // loss unit, of the job's currency
  int cells = 0;
  Shape cell_shape;  // of one cell
  TallySettings settings;
  std::vector<std::string> quarantined;  // "instrument id", sorted: positions left out
  friend bool operator==(const PartialIdentity&, const PartialIdentity&) = default;
};
// Empty if equal; otherwise one line for people, with the first thing that differs and both its values: "seed 7, not 8" with
// theirs first.
std::string difference(const PartialIdentity& mine, const PartialIdentity& theirs);

struct PartialHeader {
  PartialIdentity identity;
  std::string job;         // its name
  std::string job_digest;  // Job::digest, with the number of scenarios
  std::uint64_t scenarios = 0;
  ScenarioSet wanted;         // what this file is to hold when complete: of the whole job, a shard, an extension
  int shard = 0, shards = 0;  // K from 1, of N; 0 of 0: not a shard
  ScenarioSet split;          // of a shard: what the N shards share out, split.part(K, N) being `wanted`
  // Checkpoints of jobs that quarantine: the fault logs of the finished rounds. Not looked at here.
  std::vector<std::byte> rounds;
};

struct CellPart {  // one stress cell
  ScenarioSet done;
  Tallies tallies;  // shape.cells == 1; an empty shape where `done` is empty
};

// Cuts the tallies of a group of cells into single cells, and joins such again. Exact. join_cells throws
// std::invalid_argument if they differ in shape or settings.
std::vector<Tallies> split_cells(Tallies&&);
Tallies join_cells(std::vector<Tallies>&&);

// Writes X.part, a cell at a time, and renames it when finished; X.part goes away otherwise. Everything throws FileError.
class PartialReader;
class PartialWriter {
 public:
  PartialWriter(const std::filesystem::path&, const PartialHeader&);
  // Cells in rising order; those left out have nothing done. Sorts and trims the tails. Throws std::invalid_argument for
  // another order or shape.
  void add(int cell, CellPart&);
  // The cell as it is in a file with the same identity; throws BadPartial, too, if that was damaged in the meantime.
  void copy(int cell, const PartialReader&);
  void finish();

 private:
  void open_entry(int cell);
  void add_bytes(const ScenarioSet& done, std::span<const std::byte>);
  void write(std::span<const std::byte>);
  struct Entry {
    ScenarioSet done;
    std::uint64_t offset = 0, length = 0, checksum = 0;
  };
  PartFile file_;
  PartialIdentity identity_;
  std::uint64_t written_ = 0;
  std::vector<Entry> entries_;
};

// Reads and checks head and index at once, a cell when asked for. The file is open during calls only.
class PartialReader {
 public:
  explicit PartialReader(const std::filesystem::path&);  // throws FileError if it cannot be opened, BadPartial
  const std::filesystem::path& path() const { return path_; }
  const PartialHeader& header() const { return header_; }
  const ScenarioSet& done(int cell) const { return entries_[static_cast<std::size_t>(cell)].done; }
  bool complete() const;          // every cell has what is wanted
  CellPart read(int cell) const;  // throws FileError, BadPartial
  void check_all() const;         // reads every cell; the same
  std::uint64_t bytes() const { return size_; }
  std::uint64_t cell_bytes(int cell) const { return entries_[static_cast<std::size_t>(cell)].length; }

 private:
  friend class PartialWriter;  // copies bytes
  std::vector<std::byte> bytes_at(std::uint64_t offset, std::uint64_t length) const;
  void read_index(std::span<const std::byte>, std::uint64_t begin, std::uint64_t end);
  [[noreturn]] void refuse(const std::string& what) const;
  struct Entry {
    ScenarioSet done;
    std::uint64_t offset = 0, length = 0, checksum = 0;
  };
  std::filesystem::path path_;
  std::uint64_t size_ = 0;
  PartialHeader header_;
  std::vector<Entry> entries_;
};

}  // namespace tailcube
