#include "src/report/show_parts.h"

#include <algorithm>
#include <cmath>
#include <ostream>

#include "src/report/money.h"
#include "src/report/ratios.h"

namespace tailcube {
namespace {

constexpr std::size_t worst_listed = 10;

}  // namespace

void ShowParts::title(const std::string& text) { out_ << "\n" << terminal_.strong(text) << "\n"; }

std::string ShowParts::where(const Place& at) const {
  return cube_.quantities[as_size(at.quantity)] + " loss, cell " + cube_.cells[as_size(at.cell)] + ", after " +
         horizon_text(cube_.horizon_years[as_size(at.horizon)]);
}

std::string ShowParts::named(const Figure& figure, const Place& at) const {
  return figure.by_confidence ? std::string(figure.title) + " " + percent(cube_.confidence[as_size(at.confidence)].value())
                              : figure.title;
}

// As a tree where every parent is there, else by path.
std::vector<std::string> ShowParts::node_labels(const std::vector<int>& nodes) const {
  std::vector<std::string> paths, names;
  for (const int n : nodes) paths.push_back(cube_.nodes[as_size(n)]);
  const auto parent = [](const std::string& path) { return path.substr(0, path.rfind('/')); };
  const bool tree = std::all_of(paths.begin(), paths.end(), [&](const std::string& path) {
    return depth(path) == 0 || std::find(paths.begin(), paths.end(), parent(path)) != paths.end();
  });
  for (const std::string& path : paths) {
    const std::size_t from = depth(path) == 0 ? 0 : (tree ? path.rfind('/') : path.find('/')) + 1;
    names.push_back(std::string(tree ? 2 * as_size(depth(path)) : 0, ' ') + path.substr(from));
  }
  return names;
}

MoneyScale ShowParts::scale(const std::vector<const Figure*>& chosen, const std::vector<Place>& places) const {
  double largest = 0;
  for (const Figure* figure : chosen)
    for (const Place& place : places) {
      const double value = figure->money ? std::abs(estimate(cube_, *figure, place).value) : 0;
      if (std::isfinite(value)) largest = std::max(largest, value);
    }
  return money_scale(largest, cube_.currency);
}

void ShowParts::figures(const std::vector<const Figure*>& chosen, const Place& at, const std::vector<int>& nodes,
                        const std::vector<int>& confidences) {
  struct Shown {
    const Figure* figure;
    int confidence;
  };
  std::vector<Shown> columns;
  std::vector<std::string> heads{"value today"};
  for (const Figure* figure : chosen)
    for (const int k : figure->by_confidence ? confidences : std::vector<int>{0}) {
      columns.push_back({figure, k});
      heads.push_back(named(*figure, {0, 0, 0, 0, k}));
    }
  double largest = 0;
  for (const int n : nodes) largest = std::max(largest, std::abs(cube_.base_value[as_size(n)]));
  for (const Shown& column : columns)
    for (const int n : nodes) {
      const FigureEstimate found = estimate(cube_, *column.figure, {at.quantity, at.cell, n, at.horizon, column.confidence});
      if (column.figure->money && std::isfinite(found.value)) largest = std::max(largest, std::abs(found.value));
    }
  const MoneyScale money = money_scale(largest, cube_.currency);
  title("By node: " + where(at) + ", in " + money.unit);
  TerminalTable table(heads);
  const auto labels = node_labels(nodes);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    std::vector<std::string> cells{money(cube_.base_value[as_size(nodes[i])])};
    for (const Shown& column : columns) {
      const Place place{at.quantity, at.cell, nodes[i], at.horizon, column.confidence};
      cells.push_back(with_error(estimate(cube_, *column.figure, place), *column.figure, money, marks_));
    }
    table.add(labels[i], cells);
  }
  table.write(out_, terminal_);
}

void ShowParts::horizons(const Figure& figure, Place at, const std::vector<int>& nodes, const std::vector<int>& horizons) {
  std::vector<Place> places;
  std::vector<std::string> heads;
  for (const int h : horizons) {
    heads.push_back(horizon_text(cube_.horizon_years[as_size(h)]));
    for (const int n : nodes) places.push_back({at.quantity, at.cell, n, h, at.confidence});
  }
  const MoneyScale money = scale({&figure}, places);
  title("By horizon: " + named(figure, at) + ", " + cube_.quantities[as_size(at.quantity)] + " loss, cell " +
        cube_.cells[as_size(at.cell)] + (figure.money ? ", in " + money.unit : ""));
  TerminalTable table(heads);
  const auto labels = node_labels(nodes);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    std::vector<std::string> cells;
    for (std::size_t h = 0; h < horizons.size(); ++h)
      cells.push_back(with_error(estimate(cube_, figure, places[h * nodes.size() + i]), figure, money, marks_));
    table.add(labels[i], cells);
  }
  table.write(out_, terminal_);
}

void ShowParts::cells(const Figure& figure, Place at, const std::vector<int>& cells, const std::vector<int>& nodes) {
  std::vector<Place> places;
  std::vector<std::string> heads;
  for (const int c : cells)
    for (const int n : nodes) places.push_back({at.quantity, c, n, at.horizon, at.confidence});
  for (const int n : nodes) {
    const std::string& path = cube_.nodes[as_size(n)];
    heads.push_back(path.substr(depth(path) == 0 ? 0 : path.find('/') + 1));
  }
  const MoneyScale money = scale({&figure}, places);
  title("By cell: " + named(figure, at) + ", " + cube_.quantities[as_size(at.quantity)] + " loss after " +
        horizon_text(cube_.horizon_years[as_size(at.horizon)]) + (figure.money ? ", in " + money.unit : ""));
  TerminalTable table(heads);
  for (std::size_t c = 0; c < cells.size(); ++c) {
    std::vector<std::string> row;
    for (std::size_t n = 0; n < nodes.size(); ++n)
      row.push_back(with_error(estimate(cube_, figure, places[c * nodes.size() + n]), figure, money, marks_));
    table.add(cube_.cells[as_size(cells[c])], row);
  }
  table.write(out_, terminal_);
}

void ShowParts::bars(const Figure& figure, Place at, const std::vector<int>& nodes) {
  if (nodes.size() < 2) return;
  const auto labels = node_labels(nodes);
  std::size_t columns = 0;
  double largest = 0;
  std::vector<FigureEstimate> found;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    found.push_back(estimate(cube_, figure, {at.quantity, at.cell, nodes[i], at.horizon, at.confidence}));
    columns = std::max(columns, width(labels[i]));
    for (const double value : {found[i].value, found[i].value + found[i].error()})
      if (std::isfinite(value)) largest = std::max(largest, value);
  }
  if (largest <= 0) return;
  const MoneyScale money = money_scale(largest, cube_.currency);
  const std::string axis = figure.money ? money(largest) + " " + money.unit : percent(largest);
  columns = std::min(columns, std::max<std::size_t>(terminal_.columns / 3, 8));
  const std::size_t room = terminal_.columns > columns + 8 ? terminal_.columns - columns - 4 : 4;
  title(named(figure, at) + " by node: " + where(at));
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const double scale = static_cast<double>(room) / largest, error = found[i].error();
    const double solid = std::isnan(error) ? found[i].value : found[i].value - error;
    const double shaded = std::isnan(error) ? 0 : found[i].value + error;
    out_ << "  " << left(labels[i], columns) << "  "
         << (std::isnan(found[i].value) ? "n/a" : terminal_.painted(bar(scale * solid, scale * shaded))) << "\n";
  }
  out_ << "  " << left("", columns) << "  full width: " << axis
       << (figure.se == nullptr && figure.lower == nullptr ? "\n" : "; ▒ is the 95 % interval\n");
}

void ShowParts::gauges(const Place& at, const std::vector<int>& nodes) {
  if (cube_.gauges.empty()) return;
  title("Gauges: mean over scenarios, cell " + cube_.cells[as_size(at.cell)] + ", after " +
        horizon_text(cube_.horizon_years[as_size(at.horizon)]));
  std::vector<std::string> heads;
  std::vector<int> told;
  std::string nowhere;
  for (int g = 0; g < static_cast<int>(cube_.gauges.size()); ++g) {
    const auto happens = [&](int node) { return cube_.gauge_mean[cube_.at(g, at.cell, node, at.horizon)] != 0; };
    const std::string &name = cube_.gauges[as_size(g)], &unit = cube_.gauge_units[as_size(g)];
    if (std::any_of(nodes.begin(), nodes.end(), happens)) {
      heads.push_back(name);
      if (unit != "1") heads.back().append(", ").append(unit);
      told.push_back(g);
    } else {
      nowhere += (nowhere.empty() ? "" : ", ") + name;
    }
  }
  TerminalTable table(heads);
  const auto labels = node_labels(nodes);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    std::vector<std::string> row;
    for (const int g : told) {
      const std::size_t place = cube_.at(g, at.cell, nodes[i], at.horizon);
      row.push_back(number_with_error(cube_.gauge_mean[place], normal_95 * cube_.gauge_se[place]));
    }
    table.add(labels[i], row);
  }
  if (!told.empty()) table.write(out_, terminal_);
  if (!nowhere.empty()) out_ << "  0 at all of these nodes: " << nowhere << "\n";
}

void ShowParts::ratios(const Place& at, const std::vector<int>& nodes) {
  if (!has_ratios(cube_)) return;
  title("Ratios of means: today, and cell " + cube_.cells[as_size(at.cell)] + ", after " +
        horizon_text(cube_.horizon_years[as_size(at.horizon)]));
  TerminalTable table({"collateral/debt", "then", "LTV", "then", "leverage", "then"});
  const auto labels = node_labels(nodes);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    std::vector<std::string> row;
    for (const Ratio ratio : {Ratio::collateralisation, Ratio::loan_to_value, Ratio::leverage}) {
      const RatioEstimate e = estimate_ratio(cube_, ratio, at.cell, nodes[i], at.horizon);
      row.push_back(std::isnan(e.today) ? "n/a" : significant(e.today, 4));
      row.push_back(number_with_error(e.value, normal_95 * e.standard_error));
    }
    table.add(labels[i], row);
  }
  table.write(out_, terminal_);
}

void ShowParts::tail(const Place& at) {
  if (cube_.tail_ranks == 0) return;
  const std::size_t ranks = as_size(cube_.tail_ranks), first = cube_.at(economic, at.cell, at.node, at.horizon) * ranks;
  const std::size_t listed = std::min(ranks, worst_listed);
  const double largest = std::abs(cube_.tail_loss[first]);
  const MoneyScale money = money_scale(std::isfinite(largest) ? largest : 0, cube_.currency);
  title("Worst scenarios of " + cube_.nodes[as_size(at.node)] + ": " + where(at) + ", in " + money.unit);
  TerminalTable table({"scenario", "loss"});
  for (std::size_t rank = 0; rank < listed && cube_.tail_valid[first + rank] != 0; ++rank)
    table.add(std::to_string(rank + 1),
              {std::to_string(cube_.tail_scenario[first + rank]), money(cube_.tail_loss[first + rank])});
  table.write(out_, terminal_);
}

void ShowParts::notes() {
  explain(out_, marks_);
  if (!cube_.quarantined.empty())
    out_ << "! quarantined, in none of these numbers: " << cube_.quarantined.size()
         << (cube_.quarantined.size() == 1 ? " position, " : " positions, ") << percent(cube_.fault_share[0])
         << " of the value today; tailcube info names them\n";
}

}  // namespace tailcube
