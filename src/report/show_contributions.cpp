#include <algorithm>
#include <cmath>
#include <ostream>

#include "src/report/show_parts.h"

namespace tailcube {
namespace {

constexpr std::size_t edges_unfolded = 24;  // more are cut at the first level below the parent
constexpr std::size_t values_listed = 15;

// Below the parent: 1 for its children.
int level(const Cube& cube, int edge) {
  return depth(cube.edge_child[as_size(edge)]) - depth(cube.edge_parent[as_size(edge)]);
}

Place of(Place at, int confidence, int edge, int part) {
  at.confidence = confidence, at.edge = edge, at.part = part;
  return at;
}

}  // namespace

void ShowParts::contributions(const Place& at, const std::vector<int>& confidences) {
  if (confidences.empty()) return;
  const std::string& parent = cube_.nodes[as_size(at.node)];
  std::size_t folded = 0;
  std::vector<Contributor> below = nodes_below(at, folded);
  if (!below.empty()) {
    contributors(at, "Contributions", below, confidences);
    out_ << "  nodes one level below add up to " << parent
         << "; a share is as sure as its contribution. ±? also where a node "
         << "loses the same in the whole tail\n";
    if (folded > 0)
      out_ << "  not shown: " << folded << " nodes further below; tailcube export --what contributions has them\n";
    std::erase_if(below, [&](const Contributor& c) { return level(cube_, c.edge) > 1; });
    contribution_bars(at, "Contributions", std::move(below));
  }
  std::vector<std::string> columns;
  for (std::size_t p = 0; p < cube_.parts.size(); ++p)
    if (cube_.part_parent[p] == parent && (columns.empty() || columns.back() != cube_.part_column[p]))
      columns.push_back(cube_.part_column[p]);
  for (const std::string& column : columns) {
    std::vector<Contributor> values = values_of(at, column);
    const std::size_t more = values.size() - std::min(values.size(), values_listed);
    values.resize(values.size() - more);
    contributors(at, "Contributions by " + column, values, confidences);
    if (more > 0) out_ << "  not shown: " << more << " smaller ones; tailcube export --what contributions has them\n";
    contribution_bars(at, "Contributions by " + column, std::move(values));
  }
}

std::vector<ShowParts::Contributor> ShowParts::nodes_below(const Place& at, std::size_t& folded) const {
  std::vector<Contributor> below;
  for (std::size_t e = 0; e < cube_.edges.size(); ++e) {
    if (cube_.edge_parent[e] != cube_.nodes[as_size(at.node)]) continue;
    const int edge = static_cast<int>(e);
    const std::string& child = cube_.edge_child[e];
    below.push_back({std::string(2 * as_size(level(cube_, edge)), ' ') + child.substr(child.rfind('/') + 1), edge, -1});
  }
  if (below.size() > edges_unfolded)
    folded = std::erase_if(below, [&](const Contributor& c) { return level(cube_, c.edge) > 1; });
  return below;
}

// Largest first at the place's confidence, whatever their sign.
std::vector<ShowParts::Contributor> ShowParts::values_of(const Place& at, const std::string& column) const {
  std::vector<Contributor> values;
  for (std::size_t p = 0; p < cube_.parts.size(); ++p)
    if (cube_.part_parent[p] == cube_.nodes[as_size(at.node)] && cube_.part_column[p] == column)
      values.push_back({"  " + cube_.part_value[p], -1, static_cast<int>(p)});
  const auto amount = [&](const Contributor& c) {
    const double value = std::abs(contribution(cube_, of(at, at.confidence, -1, c.part)).value);
    return std::isnan(value) ? -1 : value;
  };
  std::stable_sort(values.begin(), values.end(),
                   [&](const Contributor& a, const Contributor& b) { return amount(a) > amount(b); });
  return values;
}

void ShowParts::contributors(const Place& at, const std::string& what, const std::vector<Contributor>& all,
                             const std::vector<int>& confidences) {
  const std::string& parent = cube_.nodes[as_size(at.node)];
  const Figure &es = *figure_of("es"), &added = contribution_figure();
  double largest = 0;
  for (const int k : confidences) {
    const auto look = [&](double value) {
      if (std::isfinite(value)) largest = std::max(largest, std::abs(value));
    };
    look(estimate(cube_, es, of(at, k, -1, -1)).value);
    for (const Contributor& c : all) look(contribution(cube_, of(at, k, c.edge, c.part)).value);
  }
  const MoneyScale money = money_scale(largest, cube_.currency);
  title(what + " to the ES of " + parent + ": " + where(at) + ", in " + money.unit);
  std::vector<std::string> heads, total;
  for (const int k : confidences) {
    heads.insert(heads.end(), {named(es, {0, 0, 0, 0, k}), "share"});
    const FigureEstimate whole = estimate(cube_, es, of(at, k, -1, -1));
    total.insert(total.end(), {with_error(whole, es, money, marks_), std::isnan(whole.value) ? "n/a" : "100 %"});
  }
  TerminalTable table(heads);
  table.add(parent, total);
  for (const Contributor& c : all) {
    std::vector<std::string> cells;
    for (const int k : confidences) {
      const double whole = estimate(cube_, es, of(at, k, -1, -1)).value;
      const FigureEstimate part = contribution(cube_, of(at, k, c.edge, c.part));
      cells.push_back(with_error(part, added, money, marks_));
      cells.push_back(std::isnan(part.value / whole) || whole == 0 ? "n/a"
                                                                   : significant(100 * part.value / whole, 3) + " %");
    }
    table.add(c.label, cells);
  }
  table.write(out_, terminal_);
}

// Largest first; a negative one, which lowers the parent's ES, to the left.
void ShowParts::contribution_bars(const Place& at, const std::string& what, std::vector<Contributor> all) {
  double most = 0, least = 0;
  std::size_t columns = 0;
  const auto value = [&](const Contributor& c) { return contribution(cube_, of(at, at.confidence, c.edge, c.part)).value; };
  for (Contributor& c : all) {
    if (std::isnan(value(c))) return;
    c.label.erase(0, c.label.find_first_not_of(' '));
    most = std::max(most, value(c)), least = std::min(least, value(c));
    columns = std::max(columns, width(c.label));
  }
  if (all.size() < 2 || most - least <= 0) return;
  std::stable_sort(all.begin(), all.end(), [&](const Contributor& a, const Contributor& b) { return value(a) > value(b); });
  columns = std::min(columns, std::max<std::size_t>(terminal_.columns / 3, 8));
  const std::size_t room = terminal_.columns > columns + 8 ? terminal_.columns - columns - 4 : 4;
  const double scale = static_cast<double>(room - 1) / (most - least);
  const auto zero = static_cast<std::size_t>(std::ceil(-least * scale));
  const MoneyScale money = money_scale(most - least, cube_.currency);
  title(what + " to " + named(*figure_of("es"), at) + " of " + cube_.nodes[as_size(at.node)] + ": " + where(at));
  for (const Contributor& c : all) {
    const auto left_of_zero = static_cast<std::size_t>(std::lround(std::max(0.0, -value(c) * scale)));
    const std::string drawn = value(c) < 0 ? bar(static_cast<double>(left_of_zero)) : bar(value(c) * scale);
    out_ << "  " << left(c.label, columns) << "  " << std::string(zero - std::min(zero, left_of_zero), ' ')
         << terminal_.painted(drawn) << "\n";
  }
  out_ << "  " << left("", columns) << "  full width: " << money(most - least) << " " << money.unit
       << (least < 0 ? "; bars to the left lower the ES\n" : "\n");
}

}  // namespace tailcube
