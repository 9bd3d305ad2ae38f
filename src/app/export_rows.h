#pragma once
// A cube in long form: a row for each number, with its place on every axis (docs/cube.md, "As a table").
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "src/cube/cube.h"
#include "src/report/selection.h"

namespace tailcube {

// Nothing (not there, NaN, or no such axis), a number, a text, or names of flags.
using ExportValue = std::variant<std::monostate, double, std::int64_t, std::string, std::vector<std::string>>;

class ExportRows {
 public:
  // what: datasets by name ("expected_loss"), by the names of figures.h ("mean", "contributions"), by group and name
  // ("tail/loss") or a whole group ("tail"); "all". Empty: the figures. Throws BadFilter. The cube outlives it.
  ExportRows(const Cube&, const Filters&, const std::vector<std::string>& what);
  // Which axes are among them depends on what is exported.
  const std::vector<std::string>& columns() const { return columns_; }
  // Row by row, in the order of the file; the values are in the order of the columns.
  void each(const std::function<void(const std::vector<ExportValue>&)>& row) const;

 private:
  struct Source;
  void choose(const std::vector<std::string>& what);
  void rows_of(const Source&, const std::function<void(const std::vector<ExportValue>&)>&) const;
  std::size_t column(std::string_view name) const;
  const Cube& cube_;
  Selection selection_;
  std::vector<std::pair<std::size_t, std::size_t>> chosen_;  // group and field in the layout
  std::vector<std::string> columns_;
};

void export_csv(const ExportRows&, const std::function<void(std::string_view)>& write);
// `about`: the inside of a JSON object that says what cube this is.
void export_json(const ExportRows&, const std::string& about, const std::function<void(std::string_view)>& write);

}  // namespace tailcube
