#include "src/app/export_rows.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "hpc/cube_file_layout.h"
#include "src/report/figures.h"

namespace tailcube {
namespace {

using layout::AxisName;

const layout::Group& group_at(std::size_t i) { return layout::groups()[i]; }
const layout::Field& field_at(std::pair<std::size_t, std::size_t> at) { return group_at(at.first).fields[at.second]; }

// "expected_loss", "tail/loss": those of /cube need no group.
std::string full_name(std::pair<std::size_t, std::size_t> at) {
  const std::string group = group_at(at.first).name;
  return (group == "cube" ? "" : group + "/") + field_at(at).name;
}

bool ends_with_any(std::string_view name, std::initializer_list<std::string_view> ends) {
  return std::any_of(ends.begin(), ends.end(), [&](std::string_view end) { return name.ends_with(end); });
}
// What stands in another dataset's row, as its error, unit or flags.
bool is_companion(const layout::Field& field) {
  const std::string_view name = field.name;
  return ends_with_any(name, {"_se", "_lower", "_upper"}) || name == "gauge_unit" || name == "estimate_flag";
}

const layout::Field* companion(const layout::Group& group, const layout::Field& field, const std::string& name) {
  const auto found = std::find_if(group.fields.begin(), group.fields.end(), [&](const layout::Field& other) {
    return other.name == name && other.axes == field.axes;
  });
  return found == group.fields.end() ? nullptr : &*found;
}

ExportValue value_at(const Cube& cube, const layout::Field* field, std::size_t at) {
  if (field == nullptr) return {};
  return std::visit(
      [&](auto member) -> ExportValue {
        const auto& values = cube.*member;
        if (at >= values.size()) return {};
        if constexpr (std::is_same_v<decltype(member), layout::Doubles>) {
          if (std::isnan(values[at])) return {};
          return values[at];
        } else if constexpr (std::is_same_v<decltype(member), layout::Strings>) {
          return values[at];
        } else {
          return static_cast<std::int64_t>(values[at]);
        }
      },
      field->values);
}

std::vector<std::string> flag_names(int bits) {
  std::vector<std::string> names;
  const auto* flags = layout::flag_meanings("estimate_flag");
  const std::string_view meanings = flags->meanings;
  std::size_t from = 0;
  for (const std::int8_t value : flags->values) {
    const auto bit = static_cast<unsigned char>(value);
    const std::size_t end = std::min(meanings.find(' ', from), meanings.size());
    if (bits & bit) names.emplace_back(meanings.substr(from, end - from));
    from = end + 1;
  }
  return names;
}

// The value of an axis at a place; a bin is told by its edges, in columns of their own.
ExportValue axis_value(const Cube& cube, AxisName name, std::size_t at) {
  if (name == AxisName::confidence) return cube.confidence[at].value();
  return std::visit(
      [&](const auto& values) -> ExportValue {
        using Values = std::decay_t<decltype(values)>;
        if constexpr (std::is_same_v<Values, layout::Index>)
          return values.first + static_cast<std::int64_t>(at);
        else if constexpr (std::is_same_v<Values, layout::Levels>)
          return {};
        else
          return (cube.*values)[at];
      },
      layout::axis(name).values);
}

std::vector<std::size_t> places(const Cube& cube, const Selection& selection, AxisName name) {
  const auto chosen = [](const std::vector<int>& from) { return std::vector<std::size_t>(from.begin(), from.end()); };
  switch (name) {
    case AxisName::quantity:
      return chosen(selection.quantities);
    case AxisName::cell:
      return chosen(selection.cells);
    case AxisName::node:
      return chosen(selection.nodes);
    case AxisName::horizon:
      return chosen(selection.horizons);
    case AxisName::confidence:
      return chosen(selection.confidences);
    default:
      break;
  }
  std::vector<std::size_t> all(layout::extent(cube, name));
  std::iota(all.begin(), all.end(), std::size_t{0});
  if (name == AxisName::edge || name == AxisName::part) {  // those of the nodes that are split up
    const std::vector<std::string>& parent = name == AxisName::edge ? cube.edge_parent : cube.part_parent;
    std::erase_if(all, [&](std::size_t at) {
      return std::none_of(selection.nodes.begin(), selection.nodes.end(),
                          [&](int node) { return cube.nodes[static_cast<std::size_t>(node)] == parent[at]; });
    });
  }
  return all;
}

constexpr AxisName always[] = {AxisName::quantity, AxisName::cell, AxisName::node, AxisName::horizon, AxisName::confidence};

}  // namespace

ChosenDatasets choose_datasets(const std::vector<std::string>& what) {
  std::vector<std::string> wanted = what;
  if (wanted.empty())
    for (const Figure& figure : figures()) wanted.emplace_back(figure.name);
  std::set<std::pair<std::size_t, std::size_t>> chosen;
  std::string known = "all";
  for (std::size_t g = 0; g < layout::groups().size(); ++g) known += std::string(", ") + group_at(g).name;
  for (const std::string& name : wanted) {
    const Figure* figure = figure_of(name);
    const std::string dataset = name == "gauges"                     ? "gauge_mean"
                                : name == contribution_figure().name ? contribution_figure().dataset
                                : figure != nullptr                  ? figure->dataset
                                                                     : name;
    const std::size_t before = chosen.size();
    bool found = false;
    for (std::size_t g = 0; g < layout::groups().size(); ++g)
      for (std::size_t f = 0; f < group_at(g).fields.size(); ++f) {
        const bool whole = (dataset == "all" || dataset == group_at(g).name) && !is_companion(field_at({g, f}));
        const std::string with_group = std::string(group_at(g).name) + "/" + field_at({g, f}).name;
        const bool contribution = name == contribution_figure().name && with_group.starts_with("contribution") &&
                                  with_group.ends_with("/expected_shortfall");
        if (!whole && !contribution && dataset != full_name({g, f}) && dataset != with_group) continue;
        chosen.insert({g, f});
        found = true;
      }
    if (!found && before == chosen.size()) {
      refuse_what(name, "gauges, " + known + " or a dataset of one of these groups");
    }
  }
  return {chosen.begin(), chosen.end()};
}

std::vector<std::string_view> groups_without(const ChosenDatasets& chosen) {
  std::vector<std::string_view> groups;
  for (std::size_t g = 0; g < layout::groups().size(); ++g)
    if (std::none_of(chosen.begin(), chosen.end(), [&](const auto& at) { return at.first == g; }))
      groups.emplace_back(group_at(g).name);
  return groups;
}

ExportRows::ExportRows(const Cube& cube, const Filters& filters, ChosenDatasets chosen)
    : cube_(cube), selection_(select(cube, filters)), chosen_(std::move(chosen)) {
  columns_ = {"name"};
  std::vector<AxisName> axes(std::begin(always), std::end(always));
  for (const auto& at : chosen_)
    for (const AxisName name : field_at(at).axes)
      if (std::find(axes.begin(), axes.end(), name) == axes.end()) axes.push_back(name);
  for (const AxisName name : axes) {
    columns_.emplace_back(layout::axis(name).name);
    if (name == AxisName::bin) columns_.insert(columns_.end(), {"bin_lower", "bin_upper"});
    if (name == AxisName::edge) columns_.insert(columns_.end(), {"edge_parent", "edge_child"});
    if (name == AxisName::part) columns_.insert(columns_.end(), {"part_parent", "part_column", "part_value"});
  }
  for (const char* last : {"value", "standard_error", "lower", "upper", "unit", "flag"}) columns_.emplace_back(last);
}

std::size_t ExportRows::column(std::string_view name) const {
  return static_cast<std::size_t>(std::find(columns_.begin(), columns_.end(), name) - columns_.begin());
}

// What a row of one dataset is made of.
struct ExportRows::Source {
  std::string name;
  const layout::Field* field;
  const layout::Field *se, *lower, *upper, *flag;
  int flag_bits;
};

void ExportRows::each(const std::function<void(const std::vector<ExportValue>&)>& row) const {
  for (const auto& at : chosen_) {
    const layout::Group& group = group_at(at.first);
    const layout::Field& field = field_at(at);
    std::string stem = field.name;
    if (stem.ends_with("_mean")) stem.resize(stem.size() - 5);
    const Figure* figure = group_at(at.first).name == std::string_view("cube") ? figure_of(field.name) : nullptr;
    rows_of({full_name(at), &field, companion(group, field, stem + "_se"), companion(group, field, stem + "_lower"),
             companion(group, field, stem + "_upper"),
             figure != nullptr && figure->flags != 0 ? companion(group, field, "estimate_flag") : nullptr,
             figure != nullptr ? figure->flags : 0},
            row);
  }
}

void ExportRows::rows_of(const Source& source, const std::function<void(const std::vector<ExportValue>&)>& row) const {
  if (layout::empty(cube_, *source.field)) return;
  const std::vector<AxisName>& axes = source.field->axes;
  std::vector<std::vector<std::size_t>> chosen;
  chosen.reserve(axes.size());
  for (const AxisName name : axes) chosen.push_back(places(cube_, selection_, name));
  if (std::any_of(chosen.begin(), chosen.end(), [](const auto& on_axis) { return on_axis.empty(); })) return;
  const std::size_t value = column("value");
  std::vector<std::size_t> index(axes.size(), 0);
  while (true) {
    std::vector<ExportValue> cells(columns_.size());
    cells[0] = source.name;
    std::size_t at = 0;
    for (std::size_t a = 0; a < axes.size(); ++a) {
      const std::size_t place = chosen[a][index[a]], here = column(layout::axis(axes[a]).name);
      at = at * layout::extent(cube_, axes[a]) + place;
      cells[here] = axis_value(cube_, axes[a], place);
      if (axes[a] == AxisName::edge) cells[here + 1] = cube_.edge_parent[place], cells[here + 2] = cube_.edge_child[place];
      if (axes[a] == AxisName::part)
        cells[here + 1] = cube_.part_parent[place], cells[here + 2] = cube_.part_column[place],
                     cells[here + 3] = cube_.part_value[place];
      if (axes[a] == AxisName::bin) cells[here + 1] = cube_.bin_edge[place], cells[here + 2] = cube_.bin_edge[place + 1];
    }
    cells[value] = value_at(cube_, source.field, at);
    cells[value + 1] = value_at(cube_, source.se, at);
    cells[value + 2] = value_at(cube_, source.lower, at);
    cells[value + 3] = value_at(cube_, source.upper, at);
    if (source.field->unit == layout::Unit::money) cells[value + 4] = cube_.currency;
    if (source.field->unit == layout::Unit::one) cells[value + 4] = std::string("1");
    if (axes.front() == AxisName::gauge) cells[value + 4] = cube_.gauge_units[chosen[0][index[0]]];
    if (source.flag != nullptr) {
      const ExportValue bits = value_at(cube_, source.flag, at);
      if (const auto* found = std::get_if<std::int64_t>(&bits))
        cells[value + 5] = flag_names(static_cast<int>(*found) & source.flag_bits);
    }
    row(cells);
    std::size_t a = axes.size();
    while (a > 0 && ++index[a - 1] == chosen[a - 1].size()) index[--a] = 0;
    if (a == 0) return;
  }
}

}  // namespace tailcube
