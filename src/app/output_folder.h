#pragma once
// Where a run writes: a folder with cube.h5, run.json and run.log.
#include <filesystem>

namespace tailcube {

class OutputFolder {
 public:
  explicit OutputFolder(std::filesystem::path folder) : folder_(std::move(folder)) {}
  // Throws FileError if it exists and may not be written over, or is not a folder. Changes nothing.
  void check(bool overwrite) const;
  // Makes it, and removes what an earlier run left unfinished. Throws FileError.
  void create() const;
  std::filesystem::path cube() const { return folder_ / "cube.h5"; }
  std::filesystem::path record() const { return folder_ / "run.json"; }
  std::filesystem::path log() const { return folder_ / "run.log"; }
  const std::filesystem::path& path() const { return folder_; }

 private:
  std::filesystem::path folder_;
};

}  // namespace tailcube
