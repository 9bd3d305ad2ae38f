#pragma once
// Tables and bars of text.
#include <iosfwd>
#include <string>
#include <vector>

namespace tailcube {

struct Terminal {
  std::size_t columns = 120;
  bool colour = false;
  std::string strong(const std::string& text) const;   // a heading
  std::string painted(const std::string& text) const;  // a bar
};

// Columns as wide as what they hold, two blanks before each. The first row is the head; the first `names` columns are flush
// left, the others flush right. Rows may be of different length.
void write_columns(std::ostream&, const std::vector<std::vector<std::string>>& rows, std::size_t names);

// Rows of a label and right-aligned cells that keep to the width of a terminal. Columns that do not fit beside each other
// follow in further panels, each with the labels again; a label longer than a third of the width is cut where it has to be.
class TerminalTable {
 public:
  explicit TerminalTable(std::vector<std::string> heads) : heads_(std::move(heads)) {}
  void add(std::string label, std::vector<std::string> cells) { rows_.push_back({std::move(label), std::move(cells)}); }
  void write(std::ostream&, const Terminal&) const;

 private:
  struct Row {
    std::string label;
    std::vector<std::string> cells;
  };
  void panel(std::ostream&, std::size_t label_columns, std::size_t first, std::size_t last) const;
  std::size_t columns(std::size_t column) const;  // with the blanks before it
  std::vector<std::string> heads_;
  std::vector<Row> rows_;
};

// Lines that are too long are broken at blanks, and go on with an indent. Escape sequences have no width.
std::string wrapped(const std::string& text, std::size_t columns);

// A horizontal bar in eighths of a character: solid up to `solid`, shaded from there to `shaded`, both in characters.
std::string bar(double solid, double shaded = 0);

}  // namespace tailcube
