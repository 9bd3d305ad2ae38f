#include <algorithm>
#include <cmath>
#include <ostream>

#include "src/report/show_parts.h"

namespace tailcube {
namespace {

constexpr std::size_t edges_unfolded = 24;  // more are cut at the first level below the parent

std::size_t size(int place) { return static_cast<std::size_t>(place); }

std::vector<int> edges_of(const Cube& cube, const std::string& parent) {
  std::vector<int> edges;
  for (std::size_t e = 0; e < cube.edges.size(); ++e)
    if (cube.edge_parent[e] == parent) edges.push_back(static_cast<int>(e));
  return edges;
}

// Below the parent: 1 for its children.
int level(const Cube& cube, int edge) { return depth(cube.edge_child[size(edge)]) - depth(cube.edge_parent[size(edge)]); }

}  // namespace

void ShowParts::contributions(const Place& at, const std::vector<int>& confidences) {
  if (confidences.empty()) return;
  const std::string& parent = cube_.nodes[size(at.node)];
  std::vector<int> edges = edges_of(cube_, parent);
  const auto deeper = [&](int edge) { return level(cube_, edge) > 1; };
  std::size_t folded = 0;
  if (edges.size() > edges_unfolded) folded = std::erase_if(edges, deeper);
  const Figure &es = *figure_of("es"), &added = contribution_figure();
  double largest = 0;
  for (const int k : confidences) {
    const auto look = [&](double value) {
      if (std::isfinite(value)) largest = std::max(largest, std::abs(value));
    };
    look(estimate(cube_, es, {at.quantity, at.cell, at.node, at.horizon, k}).value);
    for (const int e : edges) look(contribution(cube_, {at.quantity, at.cell, at.node, at.horizon, k, e}).value);
  }
  const MoneyScale money = money_scale(largest, cube_.currency);
  title("Contributions to the ES of " + parent + ": " + where(at) + ", in " + money.unit);
  std::vector<std::string> heads, total;
  for (const int k : confidences) {
    heads.insert(heads.end(), {named(es, {0, 0, 0, 0, k}), "share"});
    const FigureEstimate whole = estimate(cube_, es, {at.quantity, at.cell, at.node, at.horizon, k});
    total.insert(total.end(), {with_error(whole, es, money, marks_), std::isnan(whole.value) ? "n/a" : "100 %"});
  }
  TerminalTable table(heads);
  table.add(parent, total);
  for (const int e : edges) {
    std::vector<std::string> cells;
    for (const int k : confidences) {
      const Place place{at.quantity, at.cell, at.node, at.horizon, k, e};
      const double whole = estimate(cube_, es, place).value;
      const FigureEstimate part = contribution(cube_, place);
      cells.push_back(with_error(part, added, money, marks_));
      cells.push_back(std::isnan(part.value / whole) || whole == 0 ? "n/a"
                                                                   : significant(100 * part.value / whole, 3) + " %");
    }
    const std::string& child = cube_.edge_child[size(e)];
    table.add(std::string(2 * size(level(cube_, e)), ' ') + child.substr(child.rfind('/') + 1), cells);
  }
  table.write(out_, terminal_);
  out_ << "  nodes one level below add up to " << parent << "; a share is as sure as its contribution. ±? also where a node "
       << "loses the same in the whole tail\n";
  if (folded > 0)
    out_ << "  not shown: " << folded << " nodes further below; tailcube export --what contributions has them\n";
  std::erase_if(edges, deeper);
  contribution_bars(at, edges);
}

// Largest first; a negative one, which lowers the parent's ES, to the left.
void ShowParts::contribution_bars(const Place& at, const std::vector<int>& edges) {
  struct Bar {
    std::string label;
    double value;
  };
  std::vector<Bar> bars;
  double most = 0, least = 0;
  std::size_t columns = 0;
  for (const int e : edges) {
    const double value = contribution(cube_, {at.quantity, at.cell, at.node, at.horizon, at.confidence, e}).value;
    if (std::isnan(value)) return;
    const std::string& child = cube_.edge_child[size(e)];
    bars.push_back({child.substr(child.rfind('/') + 1), value});
    most = std::max(most, value), least = std::min(least, value);
    columns = std::max(columns, width(bars.back().label));
  }
  if (bars.size() < 2 || most - least <= 0) return;
  std::stable_sort(bars.begin(), bars.end(), [](const Bar& a, const Bar& b) { return a.value > b.value; });
  columns = std::min(columns, std::max<std::size_t>(terminal_.columns / 3, 8));
  const std::size_t room = terminal_.columns > columns + 8 ? terminal_.columns - columns - 4 : 4;
  const double scale = static_cast<double>(room - 1) / (most - least);
  const auto zero = static_cast<std::size_t>(std::ceil(-least * scale));
  const MoneyScale money = money_scale(most - least, cube_.currency);
  title("Contributions to " + named(*figure_of("es"), at) + " of " + cube_.nodes[size(at.node)] + ": " + where(at));
  for (const Bar& b : bars) {
    const auto left_of_zero = static_cast<std::size_t>(std::lround(std::max(0.0, -b.value * scale)));
    const std::string drawn = b.value < 0 ? bar(static_cast<double>(left_of_zero)) : bar(b.value * scale);
    out_ << "  " << left(b.label, columns) << "  " << std::string(zero - std::min(zero, left_of_zero), ' ')
         << terminal_.painted(drawn) << "\n";
  }
  out_ << "  " << left("", columns) << "  full width: " << money(most - least) << " " << money.unit
       << (least < 0 ? "; bars to the left lower the ES\n" : "\n");
}

}  // namespace tailcube
