#include "src/report/html_drivers.h"

#include <algorithm>
#include <cmath>

#include "src/report/html_columns.h"
#include "src/report/html_parts.h"
#include "src/report/json.h"

namespace tailcube::html {
namespace {

bool is_child(const View& view, const View::Edge& edge) { return view.depth(edge.child) == view.depth(edge.parent) + 1; }

// Of numbers as they are shown, which the script has as well.
Estimate in_scale(const View& view, double value, double error) {
  return give_or_take(value * view.money.divisor, error * view.money.divisor);
}
double shown_error(const View& view, const Estimate& e) {
  return std::isfinite(e.error()) ? std::strtod(view.error_number(e.error()).c_str(), nullptr) : e.error();
}

std::vector<Cell> row(const View& view, const View::Edge& edge, Cell name) {
  const int h = view.horizon, k = view.level;
  const Estimate adds = view.contribution(0, edge, h, k);
  const double se = view.contribution_se(0, edge, h, k);
  return {std::move(name),
          {view.amount(adds), ""},
          {std::isnan(se) ? "n/a" : grouped_error(se, view.money.decimals), ""},
          {view.share(adds.value, view.shortfall(0, edge.parent, h, k).value), ""},
          {view.amount(view.shortfall(0, edge.child, h, k)), ""},
          {view.amount(diversification(view, 0, edge, h, k)), ""}};
}

Table parts_table(const std::string& id, const std::string& caption) {
  return {id,
          caption,
          {"Part", "Adds to the ES", "Standard error", "Share of the ES", "ES alone", "Diversification: alone − adds"},
          {}};
}

std::string children_table(const View& view) {
  const int h = view.horizon, k = view.level;
  Table t = parts_table("t-drivers",
                        "What the parts add to the expected shortfall of the whole, largest first, in " + view.money.unit);
  for (const std::size_t e : parts_of(view, view.split, false)) {
    const View::Edge& edge = view.edges[e];
    t.rows.push_back(row(view, edge, {breakable(view.node_name(edge.child)), ""}));
  }
  const Estimate whole = view.shortfall(0, view.split, h, k);
  const double se = view.shortfall_se(0, view.split, h, k);
  t.rows.push_back({{breakable(view.node_name(view.split) + ", together"), "sum"},
                    {view.amount(whole), "sum"},
                    {std::isnan(se) ? "n/a" : grouped_error(se, view.money.decimals), "sum"},
                    {view.share(whole.value, whole.value), "sum"},
                    {view.amount(alone_together(view, 0, view.split, h, k)), "sum"},
                    {view.amount(diversification_of(view, 0, view.split, h, k)), "sum"}});
  return table(t);
}

std::string not_computed(const View& view) {
  const std::vector<std::size_t> parts = parts_of(view, view.split, false);
  const bool none = std::all_of(parts.begin(), parts.end(), [&](std::size_t e) {
    return std::isnan(view.contribution(0, view.edges[e], view.horizon, view.level).value);
  });
  return none ? "Not computed here: the tail that the run kept does not reach VaR." : "";
}

// All nodes below the total, as a tree; empty where children are all there is, or the total is not split up.
std::string tree_table(const View& view) {
  const std::vector<std::size_t> all = parts_of(view, 0, true);
  if (all.size() <= parts_of(view, 0, false).size()) return {};
  Table t = parts_table("t-tree", "What every node adds to the expected shortfall of the total, in " + view.money.unit);
  t.head[0] = "Node";
  constexpr std::size_t most = 300;  // more are in the page once, as what the script fills the table from
  for (const std::size_t e : all.size() > most ? std::vector<std::size_t>{} : all) {
    const int child = view.edges[e].child;
    t.rows.push_back(
        row(view, view.edges[e], {breakable(view.node_name(child)), "d" + std::to_string(std::min(view.depth(child), 5))}));
  }
  return "<h3>Over the whole tree of the total</h3>\n" + shown(view, "chk") + chart("treemap") +
         details("Table: what every node adds to the total", table(t));
}

}  // namespace

std::vector<std::size_t> parts_of(const View& view, int parent, bool deep) {
  std::vector<std::size_t> parts;
  for (std::size_t e = 0; e < view.edges.size(); ++e)
    if (view.edges[e].parent == parent && (deep || is_child(view, view.edges[e]))) parts.push_back(e);
  const auto adds = [&](std::size_t e) {
    const double value = view.shown(view.contribution(0, view.edges[e], view.horizon, view.level).value);
    return std::isnan(value) ? -HUGE_VAL : value;
  };
  if (!deep) std::stable_sort(parts.begin(), parts.end(), [&](std::size_t a, std::size_t b) { return adds(a) > adds(b); });
  return parts;
}

Estimate diversification(const View& view, int cell, const View::Edge& edge, int h, int k) {
  const Estimate alone = view.shortfall(cell, edge.child, h, k), adds = view.contribution(cell, edge, h, k);
  return in_scale(view, view.shown(alone.value) - view.shown(adds.value),
                  shown_error(view, alone) + normal_95 * view.contribution_se(cell, edge, h, k));
}

Estimate alone_together(const View& view, int cell, int parent, int h, int k) {
  double value = 0, error = 0;
  for (const View::Edge& edge : view.edges)
    if (edge.parent == parent && is_child(view, edge)) {
      const Estimate alone = view.shortfall(cell, edge.child, h, k);
      value += view.shown(alone.value);
      error += shown_error(view, alone);
    }
  return in_scale(view, value, error);
}

Estimate diversification_of(const View& view, int cell, int parent, int h, int k) {
  const Estimate whole = view.shortfall(cell, parent, h, k), alone = alone_together(view, cell, parent, h, k);
  return in_scale(view, view.shown(alone.value) - view.shown(whole.value),
                  shown_error(view, alone) + shown_error(view, whole));
}

Section drivers(const View& view) {
  const std::string title = "What drives the tail";
  if (view.edges.empty() && !view.columns.empty()) return section("drivers", title, columns_html(view));
  if (view.edges.empty())
    return section(
        "drivers", title,
        note("This cube does not say what its nodes add to the expected shortfall of the whole. A run does where its "
             "job names <code>cube.levels</code> and does not turn <code>cube.contributions</code> off: run it "
             "again, with <code>--set 'cube.contributions=\"first_level\"'</code> if need be. Below is each node "
             "alone."));
  return section(
      "drivers", title,
      shown(view, "cphk") + "<p class=\"note\" id=\"drivers-note\">" + not_computed(view) + "</p>\n" + chart("waterfall") +
          children_table(view) +
          note(
              "<b>Adds</b>: the part's mean loss in the scenarios that make the expected shortfall of the whole (Euler's "
              "principle), so that parts add up to it; negative: the part gains where the whole loses. A <b>share</b> is as "
              "sure as what the part adds. <b>Alone</b>: the part's own expected shortfall, in its "
              "own worst scenarios, as in the next section. The difference is what holding the parts together takes off; "
              "its ± is the sum of both errors, which it cannot exceed.") +
          tree_table(view) + columns_html(view));
}

std::string drivers_json(const View& view) {
  std::string edges, cells, errors;
  for (const View::Edge& edge : view.edges)
    edges += (edges.empty() ? "[" : ",[") + std::to_string(edge.parent) + "," + std::to_string(edge.child) + "]";
  const auto each = [&](std::string& all, auto numbers) {
    for (int h = 0; h < view.horizons(); ++h)
      for (int k = 0; k < view.levels(); ++k) all += (all.back() == '[' ? "" : ",") + numbers(h, k);
  };
  for (const int cell : view.detailed) {
    cells += cells.empty() ? "[" : ",[";
    for (const View::Edge& edge : view.edges)
      each(cells, [&](int h, int k) {
        return view.number(view.contribution(cell, edge, h, k).value) + "," +
               json_value(view.contribution_se(cell, edge, h, k));
      });
    cells += "]";
    errors += errors.empty() ? "[" : ",[";
    for (const int parent : view.parents)
      each(errors, [&](int h, int k) { return json_value(view.shortfall_se(cell, parent, h, k)); });
    errors += "]";
  }
  return "\"splits\":[" + edges + "],\"parents\":" + json_value(view.parents) + ",\"contribution\":[" + cells +
         "],\"parentSe\":[" + errors + "]";
}

}  // namespace tailcube::html
