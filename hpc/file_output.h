#pragma once
// Files that appear whole or not at all.
#include <cstddef>
#include <filesystem>
#include <initializer_list>
#include <span>
#include <stdexcept>
#include <string>

namespace tailcube {

class FileError : public std::runtime_error {  // exit 74; the message names file and cause
 public:
  using std::runtime_error::runtime_error;
};

// X.part, which becomes X when it is kept and goes away otherwise.
class PartFile {
 public:
  explicit PartFile(const std::filesystem::path&);  // of X; throws FileError
  ~PartFile();
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;
  void write(std::span<const std::byte>);  // at its end; throws FileError
  void keep();                             // syncs, renames to X and syncs the folder; throws FileError
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_, part_;
  int file_ = -1;
  bool kept_ = false;
};

// For tests that end a process in the middle of a write: where the PartFile of a file with this name is about to become the
// file, the process waits for its end. Empty, as it is at first: nowhere.
void pause_at(const std::string& name);

// Writes the parts, one after the other, to X.part, syncs it, renames it to X and syncs the folder. Throws FileError; X.part
// is then gone and X is as it was.
void write_whole_file(const std::filesystem::path&, std::initializer_list<std::span<const std::byte>> parts);

}  // namespace tailcube
