#include "hpc/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <string>
#include <system_error>

#include "hpc/file_output.h"

namespace tailcube {
namespace {

std::string myself() {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 32> time{};
  std::strftime(time.data(), time.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return "process " + std::to_string(::getpid()) + " on " + host.data() + " since " + time.data();
}

std::string contents(int file) {
  std::array<char, 512> text{};
  const ssize_t read = ::pread(file, text.data(), text.size() - 1, 0);
  return read > 0 ? std::string(text.data(), static_cast<std::size_t>(read)) : "another process";
}

// Whoever held it may have removed the file in the meantime.
bool still_there(int file, const std::filesystem::path& path) {
  struct stat opened {
  }, named{};
  return ::fstat(file, &opened) == 0 && ::stat(path.c_str(), &named) == 0 && opened.st_ino == named.st_ino &&
         opened.st_dev == named.st_dev;
}

}  // namespace

FolderLock::FolderLock(const std::filesystem::path& folder, const std::string& name) : path_(folder / name) {
  for (;;) {
    file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (file_ < 0) throw FileError(path_.string() + ": cannot be opened: " + std::generic_category().message(errno));
    if (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) break;  // no locks here
      const std::string who = contents(file_);
      ::close(file_);
      throw FileError(folder.string() + ": " + who + " writes here; wait for it, or choose another folder with -o");
    }
    if (still_there(file_, path_)) break;
    ::close(file_);
  }
  const std::string text = myself();
  const bool written = ::ftruncate(file_, 0) == 0 && ::pwrite(file_, text.data(), text.size(), 0) >= 0;
  static_cast<void>(written);  // on a full disk the lock holds without a name
}

FolderLock::~FolderLock() {
  ::unlink(path_.c_str());
  ::close(file_);
}

}  // namespace tailcube
