#pragma once
// One writer to a folder: a lock on its file .lock, which the system takes back when the process ends, however it ends.
#include <filesystem>

namespace tailcube {

class FolderLock {
 public:
  // The folder exists. Throws FileError, naming process, host and time, when another process holds it. Where the file system
  // has no locks nobody is kept out.
  explicit FolderLock(const std::filesystem::path& folder);
  ~FolderLock();  // the file goes away
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  std::filesystem::path path_;
  int file_ = -1;
};

}  // namespace tailcube
