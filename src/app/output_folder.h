#pragma once
// Where a run writes: a folder with cube.h5, run.json and run.log.
#include <filesystem>

#include "hpc/checkpoint.h"

namespace tailcube {

class OutputFolder {
 public:
  explicit OutputFolder(std::filesystem::path folder) : folder_(std::move(folder)) {}
  // Throws FileError if it is not a folder, or if it holds a finished cube or files of others and may not be written over.
  // Changes nothing.
  void check(bool overwrite) const;
  void create() const;  // throws FileError
  void clean() const;   // removes what an earlier run left half-written
  std::filesystem::path cube() const { return folder_ / "cube.h5"; }
  std::filesystem::path record() const { return folder_ / "run.json"; }
  std::filesystem::path log() const { return folder_ / "run.log"; }
  CheckpointFiles checkpoints() const { return CheckpointFiles(folder_); }
  const std::filesystem::path& path() const { return folder_; }

 private:
  std::filesystem::path folder_;
};

}  // namespace tailcube
