#include "src/report/html_data.h"

#include <algorithm>
#include <cmath>

#include "src/report/html_columns.h"
#include "src/report/html_drivers.h"
#include "src/report/json.h"

namespace tailcube::html {
namespace {

std::string list(const std::vector<std::string>& values) {
  std::string all;
  for (const std::string& value : values) all += (all.empty() ? "" : ",") + value;
  return "[" + all + "]";
}

template <class F>
std::string list(int count, F value) {
  std::string all = "[";
  for (int i = 0; i < count; ++i) all += (i ? "," : "") + value(i);
  return all + "]";
}

void append(const View& view, std::string& all, const Estimate& e, bool interval) {
  all += view.number(e.value) + ",";
  if (interval) all += view.number(e.lower) + "," + view.number(e.upper) + ",";
  all += view.error_number(e.error()) + ",";
}

// Of the total: expected loss and error; by level VaR, lower, upper, error, ES, lower, upper, error, standard error, flag.
std::string total(const View& view, int cell) {
  std::string all = "[";
  for (int h = 0; h < view.horizons(); ++h) {
    append(view, all, view.expected(cell, 0, h), false);
    for (int k = 0; k < view.levels(); ++k) {
      const Estimate shortfall = view.shortfall(cell, 0, h, k);
      append(view, all, view.var(cell, 0, h, k), true);
      append(view, all, shortfall, true);
      all += json_value(view.shortfall_se(cell, 0, h, k)) + "," + std::to_string(shortfall.flag) + ",";
    }
  }
  all.back() = ']';
  return all;
}

// [node of View::top][horizon][level]: ES, error, flag.
std::string first_level(const View& view, int cell) {
  std::string all = "[";
  for (const int node : view.top)
    for (int h = 0; h < view.horizons(); ++h)
      for (int k = 0; k < view.levels(); ++k) {
        const Estimate shortfall = view.shortfall(cell, node, h, k);
        append(view, all, shortfall, false);
        all += std::to_string(shortfall.flag) + ",";
      }
  all.back() = ']';
  return all;
}

// [node][horizon]: expected loss, error; by level VaR, error, ES, error, flag.
std::string all_nodes(const View& view, int cell) {
  std::string all = "[";
  for (int node = 0; node < view.nodes(); ++node)
    for (int h = 0; h < view.horizons(); ++h) {
      append(view, all, view.expected(cell, node, h), false);
      for (int k = 0; k < view.levels(); ++k) {
        const Estimate shortfall = view.shortfall(cell, node, h, k);
        append(view, all, view.var(cell, node, h, k), false);
        append(view, all, shortfall, false);
        all += std::to_string(shortfall.flag) + ",";
      }
    }
  all.back() = ']';
  return all;
}

std::size_t place(const View& view, int cell, int node, int h) {
  return (static_cast<std::size_t>(cell) * static_cast<std::size_t>(view.nodes()) + static_cast<std::size_t>(node)) *
             static_cast<std::size_t>(view.horizons()) +
         static_cast<std::size_t>(h);
}

// The first occupied bin, and the weight (scenarios, in a plain run) of it and those after it.
std::string histogram(const View& view, int cell, int node, int h) {
  const std::size_t bins = view.cube.bin_edge.empty() ? 0 : view.cube.bin_edge.size() - 1;
  const double* const weight = view.cube.bin_weight.data() + place(view, cell, node, h) * bins;
  std::size_t first = 0, last = bins;
  while (first < last && !(weight[first] > 0)) ++first;
  while (last > first && !(weight[last - 1] > 0)) --last;
  std::string all = "[" + std::to_string(first);
  for (std::size_t bin = first; bin < last; ++bin) all += "," + significant(weight[bin], 6);
  return all + "]";
}

// [rank]: scenario, loss, and pairs of a node and the scenario's rank there.
std::string worst_scenarios(const View& view, int cell, int node, int h) {
  const auto ranks = static_cast<std::size_t>(view.cube.tail_ranks);
  std::vector<std::string> rows;
  for (int rank = 0; rank < std::min(view.cube.tail_ranks, tail_rows); ++rank) {
    const std::size_t at = place(view, cell, node, h) * ranks + static_cast<std::size_t>(rank);
    if (!view.cube.tail_valid[at]) break;
    std::vector<std::string> others;
    for (const OtherRank& other : elsewhere(view, cell, node, h, rank)) {
      others.push_back(std::to_string(other.node));
      others.push_back(std::to_string(other.rank));
    }
    rows.push_back("[" + std::to_string(view.cube.tail_scenario[at]) + "," + view.number(view.cube.tail_loss[at]) + "," +
                   list(others) + "]");
  }
  return list(rows);
}

// {"nodes": [...], "at": [detailed cell][node][horizon]}: whole levels of the node tree, from the total down, as far as the
// budget goes; the total always.
template <class F>
std::string by_depth(const View& view, std::size_t budget, int& deepest, F text) {
  int depth = 0;
  for (int n = 0; n < view.nodes(); ++n) depth = std::max(depth, view.depth(n));
  std::string json;
  for (deepest = 0; deepest <= depth; ++deepest) {
    std::vector<int> nodes;
    for (int n = 0; n < view.nodes(); ++n)
      if (view.depth(n) <= deepest) nodes.push_back(n);
    std::string all =
        "{\"nodes\":" +
        list(static_cast<int>(nodes.size()), [&](int i) { return std::to_string(nodes[static_cast<std::size_t>(i)]); }) +
        ",\"at\":" +
        list(static_cast<int>(view.detailed.size()),
             [&](int c) {
               const int cell = view.detailed[static_cast<std::size_t>(c)];
               return list(static_cast<int>(nodes.size()), [&](int i) {
                 return list(view.horizons(), [&](int h) { return text(cell, nodes[static_cast<std::size_t>(i)], h); });
               });
             }) +
        "}";
    if (deepest > 0 && all.size() > budget) break;
    json = std::move(all);
  }
  deepest = std::min(deepest, depth + 1) - 1;
  return json;
}

std::string names(const View& view) {
  std::vector<std::string> horizons, levels, edges, base;
  for (int h = 0; h < view.horizons(); ++h) horizons.push_back(view.horizon_name(h));
  for (int k = 0; k < view.levels(); ++k) levels.push_back(view.level_text(k));
  for (const double edge : view.cube.bin_edge) edges.push_back(significant(edge / view.money.divisor, 7));
  for (const double value : view.cube.base_value) base.push_back(view.number(value));
  std::vector<double> alphas;
  for (const Confidence& level : view.cube.confidence) alphas.push_back(level.value());
  Json all;
  all.add("unit", view.money.unit).add("decimals", view.money.decimals).add("scenarios", view.cube.scenarios);
  all.add("cells", view.cube.cells).add("nodes", view.cube.nodes).add("horizons", horizons).add("levels", levels);
  all.add("years", view.cube.horizon_years).add("alphas", alphas);
  all.add("horizon", view.horizon).add("level", view.level).add("detailed", view.detailed).add("top", view.top);
  all.add("digest", view.origin.job_digest);
  std::string text = all.text();
  return text.substr(0, text.rfind('}')) + ",\"base\":" + list(base) + ",\"edges\":" + list(edges);
}

std::string axes(const View& view) {
  const StressGrid g = stress_grid(view.cube);
  return Json()
      .add("rowAxis", g.row_axis)
      .add("columnAxis", g.column_axis)
      .add("rows", g.rows)
      .add("columns", g.columns)
      .add("cell", g.cell)
      .text();
}

std::string whole_levels(int deepest) {
  return deepest == 0 ? "the total only" : "nodes of the first " + std::to_string(deepest + 1) + " levels of the tree only";
}

}  // namespace

std::vector<OtherRank> elsewhere(const View& view, int cell, int node, int h, int rank) {
  const Cube& cube = view.cube;
  const auto ranks = static_cast<std::size_t>(cube.tail_ranks);
  const std::int64_t scenario = cube.tail_scenario[place(view, cell, node, h) * ranks + static_cast<std::size_t>(rank)];
  std::vector<OtherRank> found;
  for (const int other : view.top) {
    if (other == node) continue;
    const auto first = cube.tail_scenario.begin() + static_cast<std::ptrdiff_t>(place(view, cell, other, h) * ranks);
    const auto last = first + static_cast<std::ptrdiff_t>(ranks), at = std::find(first, last, scenario);
    if (at != last && cube.tail_loss[static_cast<std::size_t>(at - cube.tail_scenario.begin())] > 0)
      found.push_back({other, static_cast<int>(at - first) + 1});
  }
  std::stable_sort(found.begin(), found.end(), [](const OtherRank& a, const OtherRank& b) { return a.rank < b.rank; });
  return found;
}

StressGrid stress_grid(const Cube& cube) {
  StressGrid grid;
  const auto index = [](std::vector<std::string>& all, const std::string& name) {
    const auto place = static_cast<std::size_t>(std::find(all.begin(), all.end(), name) - all.begin());
    if (place == all.size()) all.push_back(name);
    return place;
  };
  for (std::size_t c = 0; c < cube.cells.size(); ++c) {
    const std::string& name = cube.cells[c];
    const std::size_t comma = name.find(','), first = name.find('='), second = name.find('=', comma + 1);
    if (comma == std::string::npos) continue;  // named alone
    if (first > comma || second == std::string::npos || name.find(',', comma + 1) != std::string::npos) return {};
    grid.row_axis = name.substr(0, first);
    grid.column_axis = name.substr(comma + 1, second - comma - 1);
    const std::size_t row = index(grid.rows, name.substr(first + 1, comma - first - 1));
    const std::size_t column = index(grid.columns, name.substr(second + 1));
    grid.cell.resize(grid.rows.size());
    for (auto& cells : grid.cell) cells.resize(grid.columns.size(), -1);
    grid.cell[row][column] = static_cast<int>(c);
  }
  return grid.rows.size() < 2 || grid.columns.size() < 2 ? StressGrid{} : grid;
}

PageData page_data(const View& view, std::size_t room) {
  PageData page;
  const int detailed = static_cast<int>(view.detailed.size());
  int histograms = 0, tails = 0, depth = 0;
  for (int n = 0; n < view.nodes(); ++n) depth = std::max(depth, view.depth(n));
  const auto each = [&](auto text) { return list(view.cells(), [&](int c) { return text(view, c); }); };
  const auto take = [&](const std::string& used) { room -= std::min(room, used.size()); };
  page.json = names(view) + ",\"total\":" + each(total) + ",\"first\":" + each(first_level) + ",\"grid\":" + axes(view);
  const std::string details =
      ",\"all\":" + list(detailed, [&](int i) { return all_nodes(view, view.detailed[static_cast<std::size_t>(i)]); }) +
      "," + drivers_json(view);
  take(details);
  const ColumnsData columns = columns_data(view, room * 2 / 5);
  take(columns.json);
  const std::string histogram_part =
      ",\"histogram\":" +
      by_depth(view, room * 11 / 20, histograms, [&](int c, int n, int h) { return histogram(view, c, n, h); });
  take(histogram_part);
  const std::string tail_part =
      ",\"tail\":" + by_depth(view, room, tails, [&](int c, int n, int h) { return worst_scenarios(view, c, n, h); });
  page.json += details + columns.json + histogram_part + tail_part + "}";
  if (detailed < view.cells())
    page.left_out.push_back(
        "Nodes are shown for " + std::to_string(detailed) + " of " + std::to_string(view.cells()) +
        " stress cells: the first one and those with the largest shortfall of the total. The total and the "
        "first level of the tree are shown for all.");
  if (!columns.whole)
    page.left_out.push_back("What sectors, obligors and other columns add is shown for " + whole_levels(columns.deepest) +
                            ".");
  if (histograms < depth) page.left_out.push_back("Loss distributions are shown for " + whole_levels(histograms) + ".");
  if (tails < depth) page.left_out.push_back("Worst scenarios are shown for " + whole_levels(tails) + ".");
  page.left_out.push_back("Of the worst scenarios the first " + std::to_string(tail_rows) + " are listed; the cube keeps " +
                          std::to_string(view.cube.tail_ranks) + " of each node.");
  page.left_out.push_back(
      "Figures are economic losses; what defaults and liquidations alone cost (the quantity credit) and the gauges are "
      "shown "
      "for the total at the last horizon only.");
  return page;
}

}  // namespace tailcube::html
