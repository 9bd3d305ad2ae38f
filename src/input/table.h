#pragma once
// A CSV table with columns by name: header, unknown and missing columns, cells with ranges, defaults counted.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/instruments/instrument.h"
#include "src/input/csv.h"
#include "src/input/names.h"

namespace tailcube {

struct ColumnSpec {
  std::string_view name;
  bool required = false;  // as a column; blank cells are the caller's matter
};

class Table {
 public:
  // Reads the header. Unknown columns are ignored only where the job did not say which columns there are.
  enum class Unknown { refused, ignored };
  // `hint` is told with an unknown column that is like no other.
  Table(SourceFile&, Issues&, std::vector<ColumnSpec>, Unknown = Unknown::refused, std::string_view hint = {});

  bool next();  // the next record with as many cells as the header
  // False once a record had to be dropped: the names in it are then not known.
  bool complete() const { return short_rows_ == 0 && !csv_.dropped_any(); }
  int line() const { return csv_.line(); }
  bool has(int column) const { return place_[static_cast<std::size_t>(column)] >= 0; }
  std::string_view cell(int column) const {  // blank where the column is missing
    const int place = place_[static_cast<std::size_t>(column)];
    return place < 0 ? std::string_view() : csv_.cells()[static_cast<std::size_t>(place)];
  }

  // Each reports what is wrong and then returns something harmless; row_good() tells.
  double number(int column, const Range&, std::optional<double> otherwise = {});
  std::string_view id(int column);                      // required, of id characters
  bool blank_error(int column, std::string_view rule);  // "blank; required, ..."
  void error(int column, std::string text);
  bool row_good() const { return good_; }

  // Counts a blank cell whose default was used; `text` is how the default reads.
  void count_default(int column, std::string_view text);
  // "loans.csv: currency = USD (3000 rows)", a line per column.
  void list_defaults(std::vector<std::string>& lines) const;
  const std::vector<std::string_view>& header() const { return header_; }
  const SourceFile& file() const { return file_; }
  Issues& issues() { return issues_; }
  std::string_view name(int column) const { return specs_[static_cast<std::size_t>(column)].name; }

 private:
  void read_header(Unknown, std::string_view hint);
  SourceFile& file_;
  Issues& issues_;
  Csv csv_;
  std::vector<ColumnSpec> specs_;
  std::vector<std::string_view> header_;
  std::vector<int> place_;  // of each spec in the record, -1: no such column
  std::vector<std::size_t> defaults_;
  std::vector<std::string> default_text_;
  std::size_t width_ = 0, short_rows_ = 0;
  bool good_ = true, header_good_ = true;
};

}  // namespace tailcube
