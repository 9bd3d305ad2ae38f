#include "src/report/html_sections.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "src/report/html_data.h"
#include "src/report/html_parts.h"

namespace tailcube::html {
namespace {

Cell with_share(const View& view, const Estimate& e, double base, double largest) {
  const std::string share = view.share(e.value, base);
  const double ratio = view.shown(e.value) / view.shown(base);
  return {view.amount(e) + (share.empty() ? "" : "<span class=\"share\">" + share + "</span>"), View::heat(ratio, largest)};
}

std::string legend(const std::string& id, double largest) {
  std::string steps;
  for (int i = 0; i < 9; ++i) steps += "<i class=\"h" + std::to_string(i) + "\"></i>";
  return "<p class=\"legend\">Expected shortfall as a share of the value today: 0 % " + steps + " <span id=\"" + id + "\">" +
         grouped(100 * largest, 1) + " %</span></p>\n";
}

}  // namespace

Section section(const std::string& id, const std::string& title, const std::string& inner) {
  return {id, title,
          "<section id=\"" + id + "\" aria-labelledby=\"" + id + "-title\"><h2 id=\"" + id + "-title\">" + escaped(title) +
              "</h2>\n" + inner + "</section>\n"};
}

Section distribution(const View& view) {
  return section(
      "distribution", "Distribution of losses",
      shown(view, "cnhk") + chart("density") + chart("exceedance") +
          note("Bars: share of scenarios by loss; their area counts. Below: how often a loss is at least so large, "
               "on a logarithmic scale. Lines mark value at risk and expected shortfall with their intervals.") +
          "<details><summary>Table: how often a loss is at least so large</summary>" +
          table({"t-distribution",
                 "Losses and the share of scenarios that reach them",
                 {"Loss of at least, " + view.money.unit, "Scenarios", "Share of scenarios"},
                 {}}) +
          "</details>");
}

Section nodes(const View& view) {
  const double largest = view.largest_share(view.level);
  Table t{"t-nodes",
          "Expected shortfall of each node alone, in " + view.money.unit + ", and as a share of its value today",
          {"Node", "Value today"},
          {}};
  for (int h = 0; h < view.horizons(); ++h) t.head.push_back("After " + view.horizon_name(h));
  for (int n = 0; n < view.nodes(); ++n) {
    const double base = view.cube.base_value[static_cast<std::size_t>(n)];
    std::vector<Cell> row{{breakable(view.node_name(n)), "d" + std::to_string(std::min(view.depth(n), 5))},
                          {view.money(base), ""}};
    for (int h = 0; h < view.horizons(); ++h)
      row.push_back(with_share(view, view.shortfall(0, n, h, view.level), base, largest));
    t.rows.push_back(std::move(row));
  }
  return section(
      "nodes", "Each node alone, by horizon",
      shown(view, "ck") + legend("nodes-largest", largest) + table(t) +
          note("Each node is taken alone: the worst scenarios of two nodes need not be the same, so their shortfalls "
               "add up to more than their parent's. What nodes add to a whole is <a href=\"#drivers\">above</a>."));
}

Section grid(const View& view) {
  double largest = 0;
  for (int c = 0; c < view.cells(); ++c)
    for (const int n : view.top) {
      const double base = view.shown(view.cube.base_value[static_cast<std::size_t>(n)]);
      const double share = view.shown(view.shortfall(c, n, view.horizon, view.level).value) / base;
      if (std::isfinite(share)) largest = std::max(largest, share);
    }
  std::string matrix;
  const StressGrid g = stress_grid(view.cube);
  const double total = view.cube.base_value[0];
  if (!g.rows.empty()) {
    Table t{"t-matrix",
            "Expected shortfall of the total, in " + view.money.unit + ": " + g.row_axis + " (rows) × " + g.column_axis +
                " (columns)",
            {g.row_axis + " \\ " + g.column_axis},
            {}};
    for (const std::string& column : g.columns) t.head.push_back(column);
    for (std::size_t r = 0; r < g.rows.size(); ++r) {
      std::vector<Cell> row{{escaped(g.rows[r]), ""}};
      for (const int c : g.cell[r])
        row.push_back(c < 0 ? Cell{} : with_share(view, view.shortfall(c, 0, view.horizon, view.level), total, largest));
      t.rows.push_back(std::move(row));
    }
    matrix = table(t);
  }
  Table t{"t-grid",
          "Expected shortfall by stress cell, in " + view.money.unit + ", and as a share of the node's value today",
          {"Stress cell"},
          {}};
  for (const int n : view.top) t.head.push_back(view.node_name(n));
  for (int c = 0; c < view.cells(); ++c) {
    std::vector<Cell> row{{breakable(view.cube.cells[static_cast<std::size_t>(c)]), ""}};
    for (const int n : view.top)
      row.push_back(with_share(view, view.shortfall(c, n, view.horizon, view.level),
                               view.cube.base_value[static_cast<std::size_t>(n)], largest));
    t.rows.push_back(std::move(row));
  }
  return section("stress", "Stress grid", shown(view, "hk") + legend("grid-largest", largest) + matrix + table(t));
}

Section horizons(const View& view) {
  Table t{"t-horizons", "Loss by horizon, in " + view.money.unit, {"Horizon", "Expected loss"}, {}};
  for (int k = 0; k < view.levels(); ++k) {
    t.head.push_back("VaR " + view.level_text(k));
    t.head.push_back("ES " + view.level_text(k));
  }
  for (int h = 0; h < view.horizons(); ++h) {
    std::vector<Cell> row{{view.horizon_name(h), ""}, {view.amount(view.expected(0, 0, h)), ""}};
    for (int k = 0; k < view.levels(); ++k) {
      row.push_back({view.amount(view.var(0, 0, h, k)), ""});
      row.push_back({view.amount(view.shortfall(0, 0, h, k)), ""});
    }
    t.rows.push_back(std::move(row));
  }
  return section("horizons", "How the loss grows with the horizon",
                 shown(view, "cn") + chart("fan") + table(t) + what_marks_mean());
}

Section worst_scenarios(const View& view, const std::string& stories) {
  Table t{"t-tail",
          "The worst scenarios of the node, in " + view.money.unit,
          {"Rank", "Scenario", "Loss", "Also among the worst of"},
          {}};
  const Cube& cube = view.cube;
  const auto ranks = static_cast<std::size_t>(cube.tail_ranks);
  for (int rank = 0; rank < std::min(cube.tail_ranks, tail_rows); ++rank) {
    const std::size_t at = static_cast<std::size_t>(view.horizon) * ranks + static_cast<std::size_t>(rank);
    if (!cube.tail_valid[at]) break;
    std::string others;
    for (const OtherRank& other : elsewhere(view, 0, 0, view.horizon, rank))
      others +=
          (others.empty() ? "" : ", ") + escaped(view.node_name(other.node)) + " (rank " + std::to_string(other.rank) + ")";
    t.rows.push_back({{std::to_string(rank + 1), ""},
                      {std::to_string(cube.tail_scenario[at]), ""},
                      {view.money(cube.tail_loss[at]), ""},
                      {others.empty() ? "–" : others, "text"}});
  }
  return section("tail", "The worst scenarios",
                 shown(view, "cnh") + table(t) +
                     note("A scenario is a number: the job and this number give the same scenario again, in every stress "
                          "cell; <code>tailcube replay</code> tells any of them in full. The last column says which other "
                          "nodes have it among the " +
                          std::to_string(cube.tail_ranks) + " worst that the cube keeps of each: what fails together.") +
                     stories);
}

Section precision(const View& view) {
  Table t{"t-precision",
          "Relative standard error of the total's expected shortfall, and scenarios that would bring it to 1 %",
          {"Stress cell"},
          {}};
  for (int k = 0; k < view.levels(); ++k) {
    t.head.push_back("Error, " + view.level_text(k));
    t.head.push_back("Scenarios for 1 %, " + view.level_text(k));
  }
  for (int c = 0; c < view.cells(); ++c) {
    std::vector<Cell> row{{breakable(view.cube.cells[static_cast<std::size_t>(c)]), ""}};
    for (int k = 0; k < view.levels(); ++k) {
      const double error = view.relative_error(c, view.horizon, k);
      row.push_back({std::isnan(error) ? "n/a" : grouped(100 * error, 2) + " %", ""});
      row.push_back({view.scenarios_for(error), ""});
    }
    t.rows.push_back(std::move(row));
  }
  return section(
      "precision", "How sure: what more scenarios would bring",
      shown(view, "ch") + chart("precision") + table(t) +
          note("The error falls with the square root of the number of scenarios: a quarter of the error takes 16 times "
               "as many. The measured errors are marked; the lines continue them by that rule, which holds while "
               "the estimate's own error is small. It is the error of the simulation, not of the model or its "
               "parameters."));
}

}  // namespace tailcube::html
