#pragma once
// One writer to a folder: a lock on its file .lock, which the system takes back when the process ends, however it ends.
#include <filesystem>
#include <string>

namespace tailcube {

class FolderLock {
 public:
  // The folder exists. Throws FileError, naming process, host and time, when another process holds it. Where the file system
  // has no locks nobody is kept out.
  // `name`: another file than .lock, for writers that do not disturb one another.
  explicit FolderLock(const std::filesystem::path& folder, const std::string& name = ".lock");
  ~FolderLock();  // the file goes away
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  std::filesystem::path path_;
  int file_ = -1;
};

}  // namespace tailcube
