#include "src/report/terminal_table.h"

#include <algorithm>
#include <cmath>
#include <ostream>

#include "src/report/money.h"

namespace tailcube {
namespace {

constexpr std::size_t margin = 2;

}  // namespace

std::string Terminal::strong(const std::string& text) const { return colour ? "\033[1m" + text + "\033[0m" : text; }
std::string Terminal::painted(const std::string& text) const { return colour ? "\033[36m" + text + "\033[0m" : text; }

void write_columns(std::ostream& out, const std::vector<std::vector<std::string>>& rows, std::size_t names) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows)
    for (std::size_t c = 0; c < row.size(); ++c) {
      if (c == widths.size()) widths.push_back(0);
      widths[c] = std::max(widths[c], width(row[c]));
    }
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c)
      line += "  " + (c < names ? left(row[c], widths[c]) : right(row[c], widths[c]));
    out << line.substr(0, line.find_last_not_of(' ') + 1) << "\n";
  }
}

std::size_t TerminalTable::columns(std::size_t column) const {
  std::size_t widest = width(heads_[column]);
  for (const Row& row : rows_) widest = std::max(widest, width(row.cells[column]));
  return margin + widest;
}

void TerminalTable::write(std::ostream& out, const Terminal& terminal) const {
  std::size_t labels = 0, widest = 0;
  for (const Row& row : rows_) labels = std::max(labels, width(row.label));
  for (std::size_t c = 0; c < heads_.size(); ++c) widest = std::max(widest, columns(c));
  const std::size_t third = terminal.columns / 3;
  if (margin + labels + widest > terminal.columns) labels = std::min(labels, std::max<std::size_t>(third, 8));
  for (std::size_t first = 0; first < heads_.size();) {
    std::size_t last = first, used = margin + labels;
    do used += columns(last++);
    while (last < heads_.size() && used + columns(last) <= terminal.columns);
    panel(out, labels, first, last);
    first = last;
  }
}

void TerminalTable::panel(std::ostream& out, std::size_t labels, std::size_t first, std::size_t last) const {
  const auto part = [&](std::string label, const std::vector<std::string>& cells) {
    std::vector<std::string> row{std::move(label)};
    row.insert(row.end(), cells.begin() + static_cast<std::ptrdiff_t>(first),
               cells.begin() + static_cast<std::ptrdiff_t>(last));
    return row;
  };
  std::vector<std::vector<std::string>> rows{part("", heads_)};
  for (const Row& row : rows_) rows.push_back(part(left(row.label, labels), row.cells));
  write_columns(out, rows, 1);
}

std::string wrapped(const std::string& text, std::size_t columns) {
  std::string out;
  std::size_t used = 0, blank = std::string::npos, used_at_blank = 0;  // blank: the last one in the line, in `out`
  bool escape = false;
  for (const char c : text) {
    out += c;
    if (c == '\033') escape = true;
    if (!escape && (static_cast<unsigned char>(c) & 0xC0U) != 0x80U) ++used;
    if (escape && c == 'm') escape = false;
    if (c == '\n') {
      used = 0;
      blank = std::string::npos;
    } else if (c == ' ' && used > 2 * margin) {
      blank = out.size() - 1;
      used_at_blank = used;
    } else if (used > columns && blank != std::string::npos) {
      out.replace(blank, 1, "\n" + std::string(2 * margin, ' '));
      used = used - used_at_blank + 2 * margin;
      blank = std::string::npos;
    }
  }
  return out;
}

std::string bar(double solid, double shaded) {
  static const char* const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  std::string text;
  const long whole = std::lround(std::max(solid, 0.0) * 8);
  for (long i = 0; i < whole / 8; ++i) text += "█";
  text += eighths[whole % 8];
  const long after = std::lround(std::max(shaded, 0.0)) - (whole + 7) / 8;
  for (long i = 0; i < after; ++i) text += "▒";
  return text;
}

}  // namespace tailcube
