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

using ChosenDatasets = std::vector<std::pair<std::size_t, std::size_t>>;  // group and field in the layout, in its order
// Datasets by name ("expected_loss"), by the names of figures.h ("mean", "contributions"), by group and name ("tail/loss")
// or a whole group ("tail"); "all". Empty: the figures. Throws BadFilter.
ChosenDatasets choose_datasets(const std::vector<std::string>& what);
std::vector<std::string_view> groups_without(const ChosenDatasets&);  // those of which nothing is chosen

class ExportRows {
 public:
  // The cube outlives it. Throws BadFilter.
  ExportRows(const Cube&, const Filters&, ChosenDatasets);
  // Which axes are among them depends on what is exported.
  const std::vector<std::string>& columns() const { return columns_; }
  // Row by row, in the order of the file; the values are in the order of the columns.
  void each(const std::function<void(const std::vector<ExportValue>&)>& row) const;

 private:
  struct Source;
  void rows_of(const Source&, const std::function<void(const std::vector<ExportValue>&)>&) const;
  std::size_t column(std::string_view name) const;
  const Cube& cube_;
  Selection selection_;
  ChosenDatasets chosen_;
  std::vector<std::string> columns_;
};

void export_csv(const ExportRows&, const std::function<void(std::string_view)>& write);
// `about`: the inside of a JSON object that says what cube this is.
void export_json(const ExportRows&, const std::string& about, const std::function<void(std::string_view)>& write);

}  // namespace tailcube
