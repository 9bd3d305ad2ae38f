#include "hpc/file_output.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>
#include <utility>

namespace tailcube {
namespace {

std::string pausing_at;

[[noreturn]] void fail(const std::filesystem::path& path, const char* doing, int error) {
  throw FileError(path.string() + ": " + doing + ": " + std::generic_category().message(error));
}

void sync_folder(const std::filesystem::path& path) {
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  const int opened = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (opened < 0) return;  // a folder that may be written but not read; the file itself is safe
  ::fsync(opened);         // not every file system can sync a folder
  ::close(opened);
}

}  // namespace

void pause_at(const std::string& name) { pausing_at = name; }

PartFile::PartFile(const std::filesystem::path& path) : path_(path), part_(path.string() + ".part") {
  file_ = ::open(part_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file_ < 0) fail(part_, "cannot be created", errno);
}

PartFile::~PartFile() {
  if (file_ >= 0) ::close(file_);
  if (!kept_) ::unlink(part_.c_str());
}

void PartFile::write(std::span<const std::byte> bytes) {
  constexpr std::size_t most = std::size_t{1} << 30;  // the kernel takes 2 GiB at most in one call
  while (!bytes.empty()) {
    const ssize_t written = ::write(file_, bytes.data(), std::min(bytes.size(), most));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail(part_, "cannot be written", errno);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void PartFile::keep() {
  while (!pausing_at.empty() && path_.filename() == pausing_at) ::pause();
  if (::fsync(file_) != 0) fail(part_, "cannot be synced", errno);
  const int file = std::exchange(file_, -1);
  if (::close(file) != 0) fail(part_, "cannot be closed", errno);  // some network file systems report a full disk here
  if (std::rename(part_.c_str(), path_.c_str()) != 0) fail(path_, "cannot be renamed from .part", errno);
  kept_ = true;
  sync_folder(path_);
}

void write_whole_file(const std::filesystem::path& path, std::initializer_list<std::span<const std::byte>> parts) {
  PartFile file(path);
  for (const auto part : parts) file.write(part);
  file.keep();
}

}  // namespace tailcube
