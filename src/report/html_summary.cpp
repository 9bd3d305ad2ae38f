#include <algorithm>
#include <cmath>

#include "src/report/figures.h"
#include "src/report/html_drivers.h"
#include "src/report/html_parts.h"
#include "src/report/html_sections.h"

namespace tailcube::html {
namespace {

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

// The three leaves with the largest figure, each with its share; nothing where there is none.
template <class Value, class Text>
std::string three(const View& view, Value value, Text text) {
  std::vector<int> leaves;
  for (int n = 1; n < view.nodes(); ++n)
    if (is_leaf(view.cube, n) && !std::isnan(value(n))) leaves.push_back(n);
  std::stable_sort(leaves.begin(), leaves.end(), [&](int a, int b) { return value(a) > value(b); });
  leaves.resize(std::min<std::size_t>(leaves.size(), 3));
  if (leaves.empty()) return {};
  std::string list = "<ol>\n";
  for (const int n : leaves) list += "<li>" + place(view.name_below(n, 0)) + " " + text(n) + "</li>\n";
  return list + "</ol>\n";
}

std::string hurt_alone(const View& view, int cell) {
  const auto alone = [&](int n) { return view.shortfall(cell, n, view.horizon, view.level); };
  return three(
      view, [&](int n) { return alone(n).value; },
      [&](int n) {
        const std::string share = view.share(alone(n).value, view.cube.base_value[static_cast<std::size_t>(n)]);
        return view.amount(alone(n)) + (share.empty() ? "" : ", " + share + " of its value");
      });
}

std::string add_most(const View& view, int cell) {
  std::vector<const View::Edge*> of(static_cast<std::size_t>(view.nodes()), nullptr);
  for (const View::Edge& edge : view.edges)
    if (edge.parent == 0) of[static_cast<std::size_t>(edge.child)] = &edge;
  const auto adds = [&](int n) {
    const View::Edge* edge = of[static_cast<std::size_t>(n)];
    return edge == nullptr ? give_or_take(std::nan(""), 0) : view.contribution(cell, *edge, view.horizon, view.level);
  };
  const double total = view.shortfall(cell, 0, view.horizon, view.level).value;
  return three(
      view, [&](int n) { return adds(n).value; },
      [&](int n) {
        const std::string share = view.share(adds(n).value, total);
        return view.amount(adds(n)) + (share.empty() ? "" : ", " + share + " of it");
      });
}

std::string where_from(const View& view, int cell) {
  const std::string in = "<p>In " + place(view.cube.cells[static_cast<std::size_t>(cell)]),
                    es = "ES " + view.level_text(view.level);
  if (const std::string list = add_most(view, cell); !list.empty())
    return in + " these add most to the total's " + es + ":</p>\n" + list +
           "<p>Held together, the parts of the first level lose " +
           view.amount(diversification_of(view, cell, 0, view.horizon, view.level)) +
           " less in the tail than each alone (diversification).</p>\n";
  const std::string list = hurt_alone(view, cell);
  return list.empty() ? "" : in + " these hurt most, each alone (" + es + "):</p>\n" + list;
}

std::string card(const std::string& title, const std::string& inner) {
  return "<div class=\"card\"><h3>" + title + "</h3>\n" + inner + "</div>\n";
}

// Both quantities and the gauges of the total: what happens, beside what it costs.
std::string happenings(const View& view) {
  const Cube& cube = view.cube;
  Table t{"t-happenings",
          "What happens in the total after " + view.horizon_name(view.horizon) + ": mean over scenarios ± 95 %; money in " +
              view.money.unit + ", the rest are numbers",
          {"Stress cell"},
          {}};
  const bool credit = cube.quantities.size() > 1;
  if (credit) {
    t.head.push_back("Expected credit loss");
    t.head.push_back("Credit ES " + view.level_text(view.level));
  }
  std::vector<int> gauges;  // those that happen
  for (int g = 0; g < static_cast<int>(cube.gauges.size()); ++g)
    for (int c = 0; c < view.cells(); ++c)
      if (cube.gauge_mean[cube.at(g, c, 0, view.horizon)] != 0) {
        gauges.push_back(g);
        break;
      }
  for (const int g : gauges) {
    std::string gauge = cube.gauges[static_cast<std::size_t>(g)];
    std::replace(gauge.begin(), gauge.end(), '_', ' ');
    t.head.push_back(std::move(gauge));
  }
  for (int c = 0; c < view.cells(); ++c) {
    std::vector<Cell> row{{breakable(cube.cells[static_cast<std::size_t>(c)]), ""}};
    if (credit) {
      row.push_back({view.amount(view.expected(c, 0, view.horizon, 1)), ""});
      row.push_back({view.amount(view.shortfall(c, 0, view.horizon, view.level, 1)), ""});
    }
    for (const int g : gauges) row.push_back({view.gauge(g, c), ""});
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
