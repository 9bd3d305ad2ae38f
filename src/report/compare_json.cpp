#include <cmath>

#include "src/report/compare_report.h"
#include "src/report/json.h"

namespace tailcube {
namespace {

const char* kind_name(RowChange::Kind kind) {
  return kind == RowChange::Kind::added ? "added" : kind == RowChange::Kind::removed ? "removed" : "changed";
}

// Keeps every digit, unlike a double in Json.
struct Exact {
  double value;
};
std::string json_value(const Exact& number) { return std::isfinite(number.value) ? shortest(number.value) : "null"; }

// An object on one line: lists of them stay short, and Json need not indent each again.
struct Line {
  std::string text;
};
std::string json_value(const Line& line) { return line.text; }
Line line(const Json& object) {
  std::string text;
  const std::string spread = object.text();
  for (std::size_t i = 0; i < spread.size(); ++i) {
    if (spread[i] != '\n') {
      text += spread[i];
      continue;
    }
    while (i + 1 < spread.size() && spread[i + 1] == ' ') ++i;
    if (text.back() == ',') text += ' ';
  }
  return {text};
}

Line input_json(const InputChange& input) {
  std::vector<Line> rows;
  for (const RowChange& row : input.table.rows)
    rows.push_back(
        line(Json().add("id", row.id).add("node", row.node).add("change", kind_name(row.kind)).add("columns", row.columns)));
  return line(Json()
                  .add("role", input.role)
                  .add("before", input.before)
                  .add("after", input.after)
                  .add("not_read", input.unread)
                  .add("lines", input.table.lines)
                  .add("rows", rows));
}

Line difference_json(const Cube& cube, const Difference& d) {
  const auto at = [](int place) { return static_cast<std::size_t>(place); };
  Json json;
  json.add("name", d.figure == nullptr ? "base_value"
                   : d.a.part >= 0     ? "contribution_by/expected_shortfall"
                                       : d.figure->dataset)
      .add("node", cube.nodes[at(d.a.node)]);
  if (d.figure != nullptr)
    json.add("quantity", cube.quantities[at(d.a.quantity)])
        .add("cell", cube.cells[at(d.a.cell)])
        .add("horizon", Exact{cube.horizon_years[at(d.a.horizon)]});
  if (d.a.edge >= 0) json.add("edge_parent", cube.edge_parent[at(d.a.edge)]);
  if (d.a.part >= 0)
    json.add("part_column", cube.part_column[at(d.a.part)]).add("part_value", cube.part_value[at(d.a.part)]);
  if (d.figure != nullptr && d.figure->by_confidence)
    json.add("confidence", Exact{cube.confidence[at(d.a.confidence)].value()});
  return line(json.add("a", Exact{d.before})
                  .add("b", Exact{d.after})
                  .add("difference", Exact{d.difference()})
                  .add("standard_error", Exact{d.errors == Errors::exact ? 0 : d.se})
                  .add("errors", to_string(d.errors))
                  .add("unit", d.figure == nullptr || d.figure->money ? cube.currency : "1"));
}

}  // namespace

std::string comparison_json(const CompareReport& report) {
  std::vector<Line> settings, inputs, axes, differences;
  for (const JobChange& change : report.causes.settings)
    settings.push_back(line(Json()
                                .add("key", change.key)
                                .add("before", change.before)
                                .add("line_before", change.line_before)
                                .add("after", change.after)
                                .add("line_after", change.line_after)));
  for (const InputChange& input : report.causes.inputs) inputs.push_back(input_json(input));
  for (const AxisDifference& axis : report.comparison.axes)
    axes.push_back(line(Json().add("axis", axis.axis).add("only_a", axis.only_a).add("only_b", axis.only_b)));
  for (const Difference& d : report.comparison.beyond) differences.push_back(difference_json(report.a, d));
  const Comparison& found = report.comparison;
  return Json()
             .add("a", report.name_a)
             .add("b", report.name_b)
             .add("same_job", report.causes.same_job)
             .add("same_scenarios", report.request.same_scenarios)
             .add("program_before", report.causes.program_before)
             .add("program_after", report.causes.program_after)
             .add("settings", settings)
             .add("inputs", inputs)
             .add("axes", axes)
             .add("compared", found.compared)
             .add("equal", found.equal)
             .add("within", found.within)
             .add("beyond", found.beyond.size())
             .add("paired", found.paired)
             .add("independent", found.independent)
             .add("without_error", found.without_error)
             .add("sigma", Exact{found.sigma})
             .add("differences", differences)
             .text() +
         "\n";
}

}  // namespace tailcube
