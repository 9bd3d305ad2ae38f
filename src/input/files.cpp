#include "src/input/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "src/input/digest.h"

namespace tailcube {
namespace {

struct Descriptor {
  int number;
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
};

int line_at(std::string_view text, std::size_t offset) {
  return 1 + static_cast<int>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(offset), '\n'));
}

// What is wrong with a file as text; `line` is 0 where no line is to blame. Looked for piece by piece while reading, so that
// a file without line ends is not read to its end.
struct Flaw {
  std::string text;
  int line = 0;
};

class Screen {
 public:
  // False when the file cannot be a text; `flaw` then says why.
  bool accept(std::string_view text, std::size_t from, Flaw& flaw) {
    const auto* nul = static_cast<const char*>(std::memchr(text.data() + from, 0, text.size() - from));
    if (nul) {
      flaw = {"a NUL byte: this is a binary file, not text", line_at(text, static_cast<std::size_t>(nul - text.data()))};
      return false;
    }
    for (std::size_t at = from; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      if (end - line_start_ > longest_record) {
        flaw = {"a line longer than 1 MiB", line_at(text, line_start_)};
        return false;
      }
      if (end < text.size()) line_start_ = end + 1;
      at = end + 1;
    }
    return true;
  }

 private:
  std::size_t line_start_ = 0;
};

// errno, or 0 when all was read or `flaw` is set.
int read_all(int file, std::size_t expected, std::string& text, Flaw& flaw) {
  constexpr std::size_t piece = std::size_t{4} << 20;
  text.reserve(expected + 1);
  Screen screen;
  while (true) {
    const std::size_t before = text.size();
    text.resize(std::max(before + 1, std::min(expected + 1, before + piece)));
    const ssize_t got = ::read(file, text.data() + before, text.size() - before);
    text.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) return 0;
    if (!screen.accept(text, before, flaw)) return 0;
  }
}

}  // namespace

SourceFile* Files::open(const std::filesystem::path& path, std::string written, Issue where, Issues& issues) {
  const auto unreadable = [&](const std::string& why) {
    where.text = (where.file.empty() ? "" : in_quotes(path.string()) + " ") + "cannot be read: " + why;
    if (where.file.empty()) where.file = path.string();
    issues.add_unreadable(where);
    return nullptr;
  };
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.number < 0) return unreadable(std::strerror(errno));
  struct stat about {};
  if (::fstat(file.number, &about) != 0) return unreadable(std::strerror(errno));
  if (S_ISDIR(about.st_mode)) return unreadable("it is a directory");
  if (!S_ISREG(about.st_mode)) return unreadable("it is not a regular file");

  SourceFile& source = files_.emplace_back();
  source.written = std::move(written);
  source.shown = path.string();
  Flaw flaw;
  const int error = read_all(file.number, static_cast<std::size_t>(about.st_size), source.text, flaw);
  if (error != 0) return unreadable(std::strerror(error));
  if (flaw.text.empty()) {
    source.sha256 = sha256(source.text);
    if (source.text.starts_with("\xEF\xBB\xBF")) source.text.erase(0, 3);
    if (source.text.find_first_not_of(" \t\r\n") == std::string::npos) flaw = {"the file is empty", 0};
  }
  if (flaw.text.empty()) {
    const std::size_t bad = invalid_utf8(source.text);
    if (bad != std::string::npos)
      flaw = {"not valid UTF-8: this is a binary file or has another encoding", line_at(source.text, bad)};
  }
  if (flaw.text.empty()) return &source;
  issues.add({source.shown, flaw.line, 0, "", flaw.text});
  return nullptr;
}

std::size_t invalid_utf8(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto tail = [&](std::size_t i) { return (byte(i) & 0xC0u) == 0x80u; };
  for (std::size_t i = 0; i < text.size();) {
    std::uint64_t eight = 0;
    if (i + 8 <= text.size() && (std::memcpy(&eight, text.data() + i, 8), (eight & 0x8080808080808080u) == 0)) {
      i += 8;
      continue;
    }
    const unsigned first = byte(i);
    if (first < 0x80) {
      ++i;
    } else if (first >= 0xC2 && first <= 0xDF && tail(i + 1)) {
      i += 2;
    } else if ((first & 0xF0) == 0xE0 && tail(i + 1) && tail(i + 2) && !(first == 0xE0 && byte(i + 1) < 0xA0) &&
               !(first == 0xED && byte(i + 1) > 0x9F)) {
      i += 3;
    } else if (first >= 0xF0 && first <= 0xF4 && tail(i + 1) && tail(i + 2) && tail(i + 3) &&
               !(first == 0xF0 && byte(i + 1) < 0x90) && !(first == 0xF4 && byte(i + 1) > 0x8F)) {
      i += 4;
    } else {
      return i;
    }
  }
  return std::string_view::npos;
}

}  // namespace tailcube
