#include "src/report/table.h"

#include <algorithm>
#include <cmath>
#include <ostream>

#include "src/report/figures.h"
#include "src/report/terminal_table.h"

namespace tailcube {
namespace {

constexpr std::size_t line_columns = 120, name_columns = 22, money_columns = 13, expected_columns = 21, tail_columns = 19;
constexpr int confidences_abreast = 3;  // more are written below each other

class CubeTable {
 public:
  CubeTable(std::ostream& out, const Cube& cube);
  void write();

 private:
  void header();
  void cell(int);
  void columns(int first, int last);
  void node(int cell, int node, int first, int last);
  void worst(int cell);
  void contributors(int cell);
  void summary();
  void notes();
  std::string expected(int cell, int node);
  std::string tail(int cell, int node, int confidence, bool shortfall);

  std::ostream& out_;
  const Cube& cube_;
  int horizon_;
  MoneyScale money_;
  Marks marks_;
};

CubeTable::CubeTable(std::ostream& out, const Cube& cube)
    : out_(out),
      cube_(cube),
      horizon_(static_cast<int>(cube.horizon_years.size()) - 1),
      money_(money_scale(largest_amount(cube), cube.currency)) {}

void CubeTable::write() {
  header();
  for (int c = 0; c < static_cast<int>(cube_.cells.size()); ++c) cell(c);
  summary();
  notes();
}

void CubeTable::header() {
  out_ << "Loss after " << horizon_text(cube_.horizon_years.back()) << " in " << money_.unit << " (positive = bad), "
       << grouped(static_cast<double>(cube_.scenarios)) << " scenarios in each of " << cube_.cells.size()
       << (cube_.cells.size() == 1 ? " cell" : " cells") << "\n± is the wider half of a 95 % interval\n";
}

std::string description(const Cube& cube, std::size_t cell) {
  std::string text = cube.cell_propagates[cell] ? "propagates" : "does not propagate";
  const double distance = cube.cell_distance[cell], pd = cube.cell_conditional_pd[cell];
  if (std::isfinite(distance) && distance > 0) text += ", " + significant(distance, 3) + " standard deviations out";
  if (std::isfinite(pd) && pd > 0) text += ", mean PD " + significant(100 * pd, 3) + " %";
  return text;
}

void CubeTable::cell(int c) {
  out_ << "\n"
       << cube_.cells[static_cast<std::size_t>(c)] << "  [" << description(cube_, static_cast<std::size_t>(c)) << "]\n";
  const int confidences = static_cast<int>(cube_.confidence.size());
  for (int first = 0; first < confidences; first += confidences_abreast) {
    const int last = std::min(first + confidences_abreast, confidences);
    columns(first, last);
    for (std::size_t n = 0; n < cube_.nodes.size(); ++n)
      if (depth(cube_.nodes[n]) <= 1) node(c, static_cast<int>(n), first, last);
  }
  worst(c);
  contributors(c);
}

void CubeTable::columns(int first, int last) {
  out_ << "  " << left("", name_columns) << right("value today", money_columns) << right("expected loss", expected_columns)
       << "     ";
  for (int k = first; k < last; ++k)
    out_ << right(percent(cube_.confidence[static_cast<std::size_t>(k)].value()), tail_columns);
  out_ << "\n";
}

void CubeTable::node(int c, int n, int first, int last) {
  const std::string& path = cube_.nodes[static_cast<std::size_t>(n)];
  const std::string name = n == 0 ? path : "  " + path.substr(path.find('/') + 1);
  out_ << "  " << left(name, name_columns) << right(money_(cube_.base_value[static_cast<std::size_t>(n)]), money_columns)
       << right(expected(c, n), expected_columns) << "  VaR";
  for (int k = first; k < last; ++k) out_ << right(tail(c, n, k, false), tail_columns);
  out_ << "\n  " << left("", name_columns + money_columns + expected_columns) << "   ES";
  for (int k = first; k < last; ++k) out_ << right(tail(c, n, k, true), tail_columns);
  out_ << "\n";
}

std::string CubeTable::expected(int c, int n) {
  static const Figure& figure = *figure_of("mean");
  return with_error(estimate(cube_, figure, {economic, c, n, horizon_, 0}), figure, money_, marks_);
}

std::string CubeTable::tail(int c, int n, int k, bool shortfall) {
  const Figure& figure = *figure_of(shortfall ? "es" : "var");
  return with_error(estimate(cube_, figure, {economic, c, n, horizon_, k}), figure, money_, marks_);
}

void CubeTable::worst(int c) {
  const int k = ranking_confidence(cube_);
  std::vector<int> leaves;
  const auto shortfall = [&](int n) { return cube_.expected_shortfall[cube_.at(economic, c, n, horizon_, k)]; };
  for (int n = 1; n < static_cast<int>(cube_.nodes.size()); ++n)
    if (is_leaf(cube_, n) && !std::isnan(shortfall(n))) leaves.push_back(n);
  std::stable_sort(leaves.begin(), leaves.end(), [&](int a, int b) { return shortfall(a) > shortfall(b); });
  if (leaves.empty()) return;
  leaves.resize(std::min<std::size_t>(leaves.size(), 3));
  std::string line =
      "  hurt most (ES " + percent(cube_.confidence[static_cast<std::size_t>(k)].value()) + " of each alone): ";
  for (const int n : leaves) {
    const std::string& path = cube_.nodes[static_cast<std::size_t>(n)];
    line += (n == leaves.front() ? "" : "; ") + path.substr(path.find('/') + 1) + " " + tail(c, n, k, true);
  }
  out_ << wrapped(line + "\n", line_columns);
}

// Where the total's tail comes from: what its children add to it, the largest first.
void CubeTable::contributors(int c) {
  const int k = ranking_confidence(cube_);
  const auto at = [&](std::size_t edge) { return cube_.at_edge(c, edge, horizon_, k); };
  std::vector<std::size_t> edges;
  for (std::size_t e = 0; e < cube_.edges.size(); ++e)
    if (cube_.edge_parent[e] == cube_.nodes[0] && depth(cube_.edge_child[e]) == 1 && !std::isnan(cube_.contribution[at(e)]))
      edges.push_back(e);
  std::stable_sort(edges.begin(), edges.end(),
                   [&](std::size_t a, std::size_t b) { return cube_.contribution[at(a)] > cube_.contribution[at(b)]; });
  if (edges.empty()) return;
  edges.resize(std::min<std::size_t>(edges.size(), 3));
  std::string line = "  add most to the total's ES " + percent(cube_.confidence[static_cast<std::size_t>(k)].value()) + ": ";
  for (const std::size_t e : edges) {
    const std::string& child = cube_.edge_child[e];
    const double error = normal_95 * cube_.contribution_se[at(e)];
    if (std::isnan(error)) marks_.missing = true;
    line += (e == edges[0] ? "" : "; ") + child.substr(child.find('/') + 1) + " " + money_(cube_.contribution[at(e)]) +
            (std::isnan(error) ? " ±?" : " ±" + money_.error(error));
  }
  out_ << wrapped(line + "\n", line_columns);
}

// The totals of all cells below each other, as in a comparison one would make by hand.
void CubeTable::summary() {
  if (cube_.cells.size() < 2) return;
  const int k = ranking_confidence(cube_), last = static_cast<int>(cube_.confidence.size()) - 1;
  const std::string at = percent(cube_.confidence[static_cast<std::size_t>(k)].value());
  out_ << "\nTotal of each cell\n  " << left("", 36) << right("expected loss", expected_columns)
       << right("VaR " + at, tail_columns) << right("ES " + at, tail_columns);
  if (last != k) out_ << right("ES " + percent(cube_.confidence.back().value()), tail_columns);
  out_ << "\n";
  for (int c = 0; c < static_cast<int>(cube_.cells.size()); ++c) {
    out_ << "  " << left(cube_.cells[static_cast<std::size_t>(c)], 36) << right(expected(c, 0), expected_columns)
         << right(tail(c, 0, k, false), tail_columns) << right(tail(c, 0, k, true), tail_columns);
    if (last != k) out_ << right(tail(c, 0, last, true), tail_columns);
    out_ << "\n";
  }
}

void CubeTable::notes() {
  explain(out_, marks_);
  if (!cube_.quarantined.empty()) {
    out_ << "! quarantined, in none of the numbers above: " << cube_.quarantined.size()
         << (cube_.quarantined.size() == 1 ? " position, " : " positions, ") << percent(cube_.fault_share[0])
         << " of the value today\n";
    for (std::size_t i = 0; i < std::min<std::size_t>(cube_.quarantined.size(), 10); ++i)
      out_ << "    " << cube_.quarantined_instrument[i] << " " << cube_.quarantined[i] << " in " << cube_.quarantined_path[i]
           << ": " << cube_.quarantined_reason[i] << "\n";
  }
}

}  // namespace

void write_table(std::ostream& out, const Cube& cube) { CubeTable(out, cube).write(); }

}  // namespace tailcube
