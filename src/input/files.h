#pragma once
// Whole text files in memory, checked for what makes a file unreadable as text.
#include <deque>
#include <filesystem>
#include <string>
#include <string_view>

#include "src/input/issues.h"

namespace tailcube {

struct SourceFile {
  std::string written;  // as named in the job; the job file: its name without folder
  std::string shown;    // as opened, for messages
  std::string text;     // without a byte order mark
  std::string sha256;   // of the bytes of the file
};

// Keeps every file that was read: ids point into the texts.
class Files {
 public:
  // Where the file's name was written, for a file that cannot be read; its text is overwritten.
  // Null after reporting one issue: missing, unreadable, not a regular file; empty, binary, not UTF-8, an endless line.
  SourceFile* open(const std::filesystem::path&, std::string written, Issue where, Issues&);
  const std::deque<SourceFile>& all() const { return files_; }

 private:
  std::deque<SourceFile> files_;
};

inline constexpr std::size_t longest_record = std::size_t{1} << 20;  // bytes of a CSV record, and of any line

// Byte offset of the first byte that is not valid UTF-8 (RFC 3629); npos if there is none.
std::size_t invalid_utf8(std::string_view);

}  // namespace tailcube
