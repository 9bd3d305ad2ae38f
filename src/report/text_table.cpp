#include "src/report/text_table.h"

#include <algorithm>
#include <ostream>

#include "src/report/money.h"

namespace tailcube {

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

}  // namespace tailcube
