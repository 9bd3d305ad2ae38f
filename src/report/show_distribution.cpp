#include <algorithm>
#include <cmath>
#include <numeric>
#include <ostream>

#include "src/report/show_parts.h"

namespace tailcube {
namespace {

constexpr double most_rows = 18;
constexpr std::size_t shortest_bar = 8;

struct Row {
  double from, to, share, beyond;  // beyond: the share of losses from `from` on
};

// Neighbouring bins are joined until a row is a fixed part of the whole range wide, so that shares stay exact.
std::vector<Row> rows_of(const Cube& cube, std::size_t first, double& total) {
  const std::size_t bins = cube.bin_edge.size() - 1;
  std::size_t low = bins, high = 0;
  total = 0;
  for (std::size_t b = 0; b < bins; ++b) {
    if (cube.bin_count[first + b] == 0) continue;
    total += cube.bin_weight[first + b];
    low = std::min(low, b);
    high = b;
  }
  std::vector<Row> rows;
  if (low == bins) return rows;
  const double wide = (cube.bin_edge[high + 1] - cube.bin_edge[low]) / most_rows;
  double beyond = 1;
  for (std::size_t b = low; b <= high; ++b) {
    const bool starts = rows.empty() || cube.bin_edge[b] - rows.back().from >= wide;
    if (starts) rows.push_back({cube.bin_edge[b], 0, 0, std::clamp(beyond, 0.0, 1.0)});
    rows.back().to = cube.bin_edge[b + 1];
    rows.back().share += cube.bin_weight[first + b] / total;
    beyond -= cube.bin_weight[first + b] / total;
  }
  return rows;
}

// Wider half of the 95 % interval of a share of n scenarios (Wilson 1927), which is not zero where none was seen.
double share_error(double share, double n) {
  const double z2 = normal_95 * normal_95, middle = (share + z2 / (2 * n)) / (1 + z2 / n);
  const double half = normal_95 / (1 + z2 / n) * std::sqrt(share * (1 - share) / n + z2 / (4 * n * n));
  return half + std::abs(middle - share);
}

}  // namespace

void ShowParts::distribution(const Place& at, const std::vector<int>& confidences) {
  if (cube_.bin_edge.size() < 2) return;
  const std::size_t bins = cube_.bin_edge.size() - 1;
  double total = 0;
  const auto rows = rows_of(cube_, cube_.at(economic, at.cell, at.node, at.horizon) * bins, total);
  if (rows.empty()) return;
  double largest = 0, tallest = 0;
  for (const Row& row : rows) {
    largest = std::max({largest, std::abs(row.from), std::abs(row.to)});
    tallest = std::max(tallest, row.share);
  }
  const MoneyScale money = money_scale(largest, cube_.currency);
  title("Distribution of the loss of " + cube_.nodes[static_cast<std::size_t>(at.node)] + ": " + where(at) + ", in " +
        money.unit);
  const auto share_text = [&](double share) { return number_with_error(100 * share, 100 * share_error(share, total)); };
  std::vector<std::string> heads{"from", "below", "% of scenarios", "% from here on"};
  std::vector<std::vector<std::string>> cells;
  std::vector<std::string> marks;
  std::vector<std::size_t> columns;
  columns.reserve(heads.size());
  for (const std::string& head : heads) columns.push_back(width(head));
  std::size_t widest = 0;
  for (const Row& row : rows) {
    cells.push_back({money(row.from), money(row.to), share_text(std::min(row.share, 1.0)), share_text(row.beyond)});
    for (std::size_t c = 0; c < heads.size(); ++c) columns[c] = std::max(columns[c], width(cells.back()[c]));
    marks.emplace_back();
    for (const int k : confidences)
      for (const char* name : {"var", "es"}) {
        const Figure& figure = *figure_of(name);
        const double value = estimate(cube_, figure, {economic, at.cell, at.node, at.horizon, k}).value;
        if (value >= row.from && value < row.to) marks.back() += " ◂ " + named(figure, {0, 0, 0, 0, k});
      }
    widest = std::max(widest, width(marks.back()));
  }
  const auto used = [&] { return std::accumulate(columns.begin(), columns.end(), 2 * columns.size() + 2); };
  if (used() + shortest_bar > terminal_.columns) columns.pop_back();   // the share beyond
  if (used() + shortest_bar + widest > terminal_.columns) widest = 0;  // no room for marks
  const std::size_t room = std::max(terminal_.columns, used() + widest + shortest_bar) - used() - widest;
  for (std::size_t r = 0; r <= rows.size(); ++r) {
    out_ << " ";
    for (std::size_t c = 0; c < columns.size(); ++c)
      out_ << " " << right(r == 0 ? heads[c] : cells[r - 1][c], columns[c]) << " ";
    if (r > 0)
      out_ << terminal_.painted(bar(rows[r - 1].share / tallest * static_cast<double>(room)))
           << (widest > 0 ? marks[r - 1] : std::string());
    out_ << "\n";
  }
}

}  // namespace tailcube
