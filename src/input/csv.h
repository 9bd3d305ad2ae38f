#pragma once
// Records of a CSV text (RFC 4180): quoted cells, doubled quotes, line ends inside quotes, LF or CRLF.
#include <string>
#include <string_view>
#include <vector>

#include "src/input/files.h"

namespace tailcube {

class Csv {
 public:
  // Cells point into the text; doubled quotes are undone in place.
  Csv(SourceFile& file, Issues& issues) : file_(file), issues_(issues) {}
  // The next record; empty lines are skipped. A malformed record is reported and skipped. False at the end.
  bool next();
  // Unquoted cells without blanks around them.
  const std::vector<std::string_view>& cells() const { return cells_; }
  int line() const { return line_; }  // where the record starts
  bool dropped_any() const { return dropped_; }

 private:
  void split(std::string_view record);
  bool quoted_record();
  bool quoted_cell(std::size_t& at);
  bool malformed(std::size_t at, const char* text);
  SourceFile& file_;
  Issues& issues_;
  std::vector<std::string_view> cells_;
  std::size_t at_ = 0;
  int line_ = 0, next_line_ = 1;
  bool dropped_ = false;
};

}  // namespace tailcube
