#pragma once
// Where a run writes: a folder with cube.h5, run.json and run.log.
#include <filesystem>
#include <string>
#include <utility>

#include "hpc/checkpoint.h"

namespace tailcube {

// "shard-0003-of-0016"
std::string shard_name(int shard, int shards);

class OutputFolder {
 public:
  // `shard`: "shard-0003-of-0016", which shares the folder with others and names its files so; empty: not a shard.
  explicit OutputFolder(std::filesystem::path folder, std::string shard = {})
      : folder_(std::move(folder)), shard_(std::move(shard)) {}
  // Throws FileError if it is not a folder, or if it holds a finished cube or files of others and may not be written over.
  // Changes nothing.
  void check(bool overwrite) const;
  // The same for a command whose folder may hold other things: throws if there is a cube that may not be written over.
  void check_merge(bool overwrite) const;
  void create() const;  // throws FileError
  void clean() const;   // removes what an earlier run left half-written
  std::filesystem::path cube() const { return folder_ / "cube.h5"; }
  std::filesystem::path record() const { return folder_ / (shard_.empty() ? "run.json" : shard_ + ".json"); }
  std::filesystem::path log() const { return folder_ / (shard_.empty() ? "run.log" : shard_ + ".log"); }
  std::filesystem::path tally() const { return folder_ / (shard_.empty() ? "cube.tally" : shard_ + ".tally"); }
  CheckpointFiles checkpoints() const { return CheckpointFiles(folder_, shard_.empty() ? "" : shard_ + "."); }
  std::string lock() const { return shard_.empty() ? ".lock" : "." + shard_ + ".lock"; }
  const std::filesystem::path& path() const { return folder_; }

 private:
  std::filesystem::path folder_;
  std::string shard_;
};

}  // namespace tailcube
