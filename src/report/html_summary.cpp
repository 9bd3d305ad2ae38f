#include <algorithm>
#include <cmath>

#include "src/report/html_sections.h"

namespace tailcube::html {
namespace {

std::string strong(const std::string& html) { return "<strong>" + html + "</strong>"; }
std::string place(const std::string& name) { return "<b class=\"name\">" + escaped(name) + "</b>"; }

std::string of_value_today(const View& view, const Estimate& e) {
  const std::string share = view.share(e.value, view.cube.base_value[0]);
  return share.empty() ? "" : ", " + share + " of the value today";
}

std::string how_bad(const View& view) {
  const int h = view.horizon, k = view.level;
  const auto sentence = [&](int cell) {
    const Estimate shortfall = view.shortfall(cell, 0, h, k);
    return "<p>In " + place(view.cube.cells[static_cast<std::size_t>(cell)]) + " the worst " +
           percent(1 - view.cube.confidence[static_cast<std::size_t>(k)].value()) + " of scenarios lose on average " +
           strong(view.amount(shortfall) + " " + escaped(view.money.unit)) + of_value_today(view, shortfall) + " (ES " +
           view.level_text(k) + "); " + view.level_text(k) + " of scenarios lose no more than " +
           view.amount(view.var(cell, 0, h, k)) + " (VaR).</p>\n";
  };
  std::string text = "<p>Worth today: " + strong(view.money(view.cube.base_value[0]) + " " + escaped(view.money.unit)) +
                     ". Losses after " + view.horizon_name(h) + ":</p>\n" + sentence(0);
  if (view.worst != 0)
    text += "<p>The worst of " + std::to_string(view.cells()) + " stress cells:</p>\n" + sentence(view.worst);
  return text;
}

std::string how_sure(const View& view) {
  const int h = view.horizon;
  int cell = -1, level = -1, few = 0, without = 0;
  double largest = 0;
  for (int c = 0; c < view.cells(); ++c)
    for (int k = 0; k < view.levels(); ++k) {
      const Estimate shortfall = view.shortfall(c, 0, h, k);
      few += (shortfall.flag & few_tail_scenarios) != 0;
      without += std::isnan(shortfall.lower) || std::isnan(shortfall.upper);
      const double error = view.relative_error(c, h, k);
      if (std::isfinite(error) && error > largest) largest = error, cell = c, level = k;
    }
  std::string text =
      "<p>" + strong(grouped(static_cast<double>(view.cube.scenarios))) +
      " scenarios in each stress cell; ± is the wider half of a 95 % interval, of the simulation alone.</p>\n";
  if (cell >= 0)
    text += "<p>The least certain ES of the total: " + view.level_text(level) + " in " +
            place(view.cube.cells[static_cast<std::size_t>(cell)]) + ", standard error " +
            strong(grouped(100 * largest, 2) + " %") + ". " +
            (largest <= 0.01 ? "All are within 1 %."
                             : "About " + view.scenarios_for(largest) + " scenarios would bring it to 1 %.") +
            "</p>\n";
  const std::string all = std::to_string(view.cells() * view.levels());
  if (few > 0)
    text += "<p>" + strong("!") + " " + std::to_string(few) + " of " + all +
            " tail figures of the total rest on fewer than 100 scenarios.</p>\n";
  if (without > 0) text += "<p>" + strong("±?") + " " + std::to_string(without) + " of " + all + " have no error bar.</p>\n";
  if (!view.cube.quarantined.empty())
    text += "<p>" + strong("Left out") + ": " + std::to_string(view.cube.quarantined.size()) + " positions, " +
            percent(view.cube.fault_share[0]) + " of the value today, are in none of the figures.</p>\n";
  return text;
}

bool is_leaf(const Cube& cube, std::size_t node) {
  return node + 1 == cube.nodes.size() || !cube.nodes[node + 1].starts_with(cube.nodes[node] + "/");
}

std::string where_from(const View& view, int cell) {
  const auto value = [&](int n) { return view.shortfall(cell, n, view.horizon, view.level).value; };
  std::vector<int> leaves;
  for (std::size_t n = 1; n < view.cube.nodes.size(); ++n)
    if (is_leaf(view.cube, n) && !std::isnan(value(static_cast<int>(n)))) leaves.push_back(static_cast<int>(n));
  std::stable_sort(leaves.begin(), leaves.end(), [&](int a, int b) { return value(a) > value(b); });
  leaves.resize(std::min<std::size_t>(leaves.size(), 3));
  if (leaves.empty()) return {};
  std::string text = "<p>In " + place(view.cube.cells[static_cast<std::size_t>(cell)]) +
                     " these hurt most, each alone (ES " + view.level_text(view.level) + "):</p>\n<ol>\n";
  for (const int n : leaves) {
    const std::string& path = view.cube.nodes[static_cast<std::size_t>(n)];
    const std::string share = view.share(value(n), view.cube.base_value[static_cast<std::size_t>(n)]);
    text += "<li>" + place(path.substr(path.find('/') + 1)) + " " +
            view.amount(view.shortfall(cell, n, view.horizon, view.level)) +
            (share.empty() ? "" : ", " + share + " of its value") + "</li>\n";
  }
  return text + "</ol>\n";
}

std::string card(const std::string& title, const std::string& inner) {
  return "<div class=\"card\"><h3>" + title + "</h3>\n" + inner + "</div>\n";
}

// Both quantities and the gauges of the total: what happens, beside what it costs.
std::string happenings(const View& view) {
  const Cube& cube = view.cube;
  Table t{"t-happenings",
          "What happens in the total after " + view.horizon_name(view.horizon) + ": mean over scenarios ± 95 % (money in " +
              view.money.unit + ")",
          {"Stress cell"},
          {}};
  const bool credit = cube.quantities.size() > 1;
  if (credit) {
    t.head.push_back("Expected credit loss");
    t.head.push_back("Credit ES " + view.level_text(view.level));
  }
  for (std::string gauge : cube.gauges) {
    std::replace(gauge.begin(), gauge.end(), '_', ' ');
    t.head.push_back(std::move(gauge));
  }
  for (int c = 0; c < view.cells(); ++c) {
    std::vector<Cell> row{{breakable(cube.cells[static_cast<std::size_t>(c)]), ""}};
    if (credit) {
      row.push_back({view.amount(view.expected(c, 0, view.horizon, 1)), ""});
      row.push_back({view.amount(view.shortfall(c, 0, view.horizon, view.level, 1)), ""});
    }
    for (int g = 0; g < static_cast<int>(cube.gauges.size()); ++g) row.push_back({view.gauge(g, c), ""});
    t.rows.push_back(std::move(row));
  }
  return t.head.size() > 1 ? "<h3>What happens</h3>\n" + table(t) : "";
}

}  // namespace

Section summary(const View& view) {
  Table t{"t-total", "Loss of the total in each stress cell, in " + view.money.unit, {"Stress cell", "Expected loss"}, {}};
  for (int k = 0; k < view.levels(); ++k) {
    t.head.push_back("VaR " + view.level_text(k));
    t.head.push_back("ES " + view.level_text(k));
  }
  for (int c = 0; c < view.cells(); ++c) {
    std::vector<Cell> row{{breakable(view.cube.cells[static_cast<std::size_t>(c)]), ""},
                          {view.amount(view.expected(c, 0, view.horizon)), ""}};
    for (int k = 0; k < view.levels(); ++k) {
      row.push_back({view.amount(view.var(c, 0, view.horizon, k)), ""});
      row.push_back({view.amount(view.shortfall(c, 0, view.horizon, k)), ""});
    }
    t.rows.push_back(std::move(row));
  }
  return section(
      "summary", "Summary",
      "<div class=\"cards\">\n" + card("How bad", how_bad(view)) +
          card("Where from", where_from(view, 0) + (view.worst != 0 ? where_from(view, view.worst) : "")) +
          card("How sure", how_sure(view)) + "</div>\n" +
          "<h3>The total in every stress cell</h3>\n<p class=\"shown\" data-parts=\"hk\">after " +
          view.horizon_name(view.horizon) + " · " + view.level_text(view.level) +
          "</p>\n<div class=\"chart\" id=\"c-cells\"></div>\n" + table(t) +
          "<p class=\"note\">± is the wider half of a 95 % interval. <b>!</b> fewer than 100 scenarios lie beyond "
          "this confidence. <b>±?</b> no interval: an indication only. <b>*</b> the middle of a certified "
          "bracket.</p>\n" +
          happenings(view));
}

}  // namespace tailcube::html
