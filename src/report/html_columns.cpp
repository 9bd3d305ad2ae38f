#include "src/report/html_columns.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "src/report/html_parts.h"
#include "src/report/json.h"

namespace tailcube::html {
namespace {

std::string column_table(const View& view, int column, const std::string& name) {
  const int h = view.horizon, k = view.level, parent = view.parts.front().parent;
  Table t{"t-by-" + std::to_string(column),
          "What each " + name + " adds to the expected shortfall of the whole, largest first, in " + view.money.unit,
          {view.columns[static_cast<std::size_t>(column)].name, "Adds to the ES", "Standard error", "Share of the ES"},
          {}};
  std::vector<View::Part> parts = view.parts_by(column, parent);
  const auto adds = [&](const View::Part& part) {
    const double value = view.shown(view.contribution_by(0, part, h, k).value);
    return std::isnan(value) ? -HUGE_VAL : value;
  };
  std::stable_sort(parts.begin(), parts.end(), [&](const View::Part& a, const View::Part& b) { return adds(a) > adds(b); });
  const double whole = view.shortfall(0, parent, h, k).value;
  for (const View::Part& part : parts) {
    const Estimate found = view.contribution_by(0, part, h, k);
    const double se = view.contribution_by_se(0, part, h, k);
    t.rows.push_back({{breakable(view.cube.part_value[part.at]), ""},
                      {view.amount(found), ""},
                      {std::isnan(se) ? "n/a" : grouped_error(se, view.money.decimals), ""},
                      {view.share(found.value, whole), ""}});
  }
  return table(t);
}

// [part][horizon][level]: what it adds, standard error.
std::string numbers(const View& view, int cell, const std::vector<View::Part>& parts) {
  std::string all = "[";
  for (const View::Part& part : parts)
    for (int h = 0; h < view.horizons(); ++h)
      for (int k = 0; k < view.levels(); ++k) {
        if (all.size() > 1) all += ',';
        all += view.number(view.contribution_by(cell, part, h, k).value);
        all += ',';
        all += json_value(view.contribution_by_se(cell, part, h, k));
      }
  return all + "]";
}

// "parts" (parent, column, value) of these levels of the tree and their numbers.
std::string parts_json(const View& view, int deepest) {
  std::vector<View::Part> parts;
  std::copy_if(view.parts.begin(), view.parts.end(), std::back_inserter(parts),
               [&](const View::Part& part) { return view.depth(part.parent) <= deepest; });
  std::string places, cells;
  for (const View::Part& part : parts) {
    places += places.empty() ? "[" : ",[";
    places += std::to_string(part.parent) + "," + std::to_string(part.column) + "," + std::to_string(part.value) + "]";
  }
  for (const int cell : view.detailed) {
    if (!cells.empty()) cells += ',';
    cells += numbers(view, cell, parts);
  }
  return ",\"parts\":[" + places + "],\"contributionBy\":[" + cells + "]";
}

}  // namespace

std::string columns_html(const View& view) {
  if (view.parts.empty()) return {};
  std::string html;
  for (int i = 0; i < static_cast<int>(view.columns.size()); ++i) {
    std::string name = view.columns[static_cast<std::size_t>(i)].name;
    std::replace(name.begin(), name.end(), '_', ' ');
    html += "<h3>By " + escaped(name) + "</h3>\n" + shown(view, "cbhk") + chart("by-" + std::to_string(i)) +
            "<p class=\"note\" id=\"n-by-" + std::to_string(i) + "\"></p>\n" +
            details("Table: what each " + name + " adds", column_table(view, i, name));
  }
  return html + note(
                    "The parts of a column add up to the node, which is chosen at the top of the page. (none): positions "
                    "without a value; (others): the values that are not told apart, together; neither has a bar.");
}

ColumnsData columns_data(const View& view, std::size_t room) {
  std::vector<Json> columns;
  for (const View::Column& column : view.columns)
    columns.push_back(Json().add("name", column.name).add("values", column.values));
  std::set<int> levels;
  for (const View::Part& part : view.parts) levels.insert(view.depth(part.parent));
  ColumnsData data{parts_json(view, levels.empty() ? 0 : *levels.begin()), 0, true};
  for (const int depth : levels) {
    std::string more = parts_json(view, depth);
    data.whole = depth == *levels.begin() || more.size() <= room;
    if (!data.whole) break;
    data.json = std::move(more), data.deepest = depth;
  }
  data.json = ",\"columns\":" + json_value(columns) + data.json;
  return data;
}

}  // namespace tailcube::html
