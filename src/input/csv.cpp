#include "src/input/csv.h"

#include <algorithm>
#include <cstring>

namespace tailcube {
namespace {

std::string_view trimmed(std::string_view cell) {
  while (!cell.empty() && (cell.front() == ' ' || cell.front() == '\t')) cell.remove_prefix(1);
  while (!cell.empty() && (cell.back() == ' ' || cell.back() == '\t')) cell.remove_suffix(1);
  return cell;
}

}  // namespace

bool Csv::next() {
  const std::string& text = file_.text;
  while (at_ < text.size()) {
    line_ = next_line_;
    std::size_t end = std::min(text.find('\n', at_), text.size());
    std::string_view record(text.data() + at_, end - at_);
    if (!record.empty() && std::memchr(record.data(), '"', record.size())) {
      if (quoted_record()) return true;
      continue;
    }
    at_ = end + 1;
    ++next_line_;
    if (record.ends_with('\r')) record.remove_suffix(1);
    if (trimmed(record).empty()) continue;
    split(record);
    return true;
  }
  return false;
}

// The common case: no quote in the line.
void Csv::split(std::string_view record) {
  cells_.clear();
  while (true) {
    const std::size_t comma = record.find(',');
    cells_.push_back(trimmed(record.substr(0, comma)));
    if (comma == std::string_view::npos) return;
    record.remove_prefix(comma + 1);
  }
}

bool Csv::quoted_record() {
  const std::string& text = file_.text;
  cells_.clear();
  std::size_t at = at_;
  while (true) {
    while (at < text.size() && (text[at] == ' ' || text[at] == '\t')) ++at;
    if (at < text.size() && text[at] == '"') {
      if (!quoted_cell(at)) return false;
    } else {
      const std::size_t end = std::min(text.find_first_of(",\n\"", at), text.size());
      if (end < text.size() && text[end] == '"')
        return malformed(end, "a quote inside an unquoted cell; put the whole cell in quotes");
      std::string_view cell(text.data() + at, end - at);
      if ((end == text.size() || text[end] == '\n') && cell.ends_with('\r')) cell.remove_suffix(1);
      cells_.push_back(trimmed(cell));
      at = end;
    }
    if (at >= text.size() || text[at] == '\n') break;
    ++at;  // the comma
  }
  at_ = at + 1;
  ++next_line_;
  return true;
}

// Reads from the opening quote up to the comma or line end after the cell.
bool Csv::quoted_cell(std::size_t& at) {
  std::string& text = file_.text;
  const std::size_t begin = at + 1;
  std::size_t from = begin, to = begin;
  while (true) {
    if (from - at_ > longest_record)
      return malformed(text.size(), "a record longer than 1 MiB: is a closing quote missing?");
    if (from >= text.size()) return malformed(text.size(), "a quoted cell without its closing quote");
    if (text[from] == '"') {
      if (from + 1 >= text.size() || text[from + 1] != '"') break;
      ++from;
    }
    next_line_ += text[from] == '\n';
    text[to++] = text[from++];
  }
  cells_.emplace_back(text.data() + begin, to - begin);
  at = from + 1;
  while (at < text.size() && (text[at] == ' ' || text[at] == '\t' || text[at] == '\r')) ++at;
  if (at < text.size() && text[at] != ',' && text[at] != '\n')
    return malformed(at, "text after a closing quote; double a quote inside a quoted cell");
  return true;
}

// Reports the record and goes on behind the line that holds `at`.
bool Csv::malformed(std::size_t at, const char* text) {
  dropped_ = true;
  issues_.add({file_.shown, line_, 0, "", text});
  at_ = std::min(file_.text.find('\n', at), file_.text.size()) + 1;
  ++next_line_;
  return false;
}

}  // namespace tailcube
