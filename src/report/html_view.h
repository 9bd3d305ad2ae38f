#pragma once
// What of a cube goes into a page, and how its numbers read there.
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "src/cube/cube.h"
#include "src/report/figures.h"
#include "src/report/html_report.h"
#include "src/report/html_text.h"
#include "src/report/money.h"

namespace tailcube::html {

using Estimate = FigureEstimate;
// Of amounts that are not figures of the cube: what is less or more by `error` is still within 95 %.
Estimate give_or_take(double value, double error);
// Without unit, with as many digits as the error makes sense of, as HTML: "0.031 ±0.004".
std::string plain_number(double value, double error);

// A page holds the total and the first level of every cell, and all nodes and contributions of as many cells as fit: the
// first one and those with the largest shortfall of the total. All figures are economic losses.
struct View {
  View(const Cube&, const ReportOrigin&);  // with the details of one cell
  void detail(std::size_t bytes);          // of as many more as take about so much of the page

  const Cube& cube;
  const ReportOrigin& origin;
  MoneyScale money;
  int horizon, level;         // at first: the last horizon and the largest confidence up to 99 %
  std::vector<int> ranked;    // all cells: the first one, then by shortfall of the total at `horizon` and `level`
  std::vector<int> detailed;  // cells with all nodes, ascending; the first one is shown at first
  std::vector<int> top;       // the total and, as far as they are 12 or fewer, the nodes of the first level
  int worst;                  // the cell with the largest shortfall of the total at `horizon` and `level`
  struct Edge {               // a node, one that is below it, and the place of the pair in the cube
    int parent, child;
    std::size_t at;
  };
  std::vector<Edge> edges;   // what children add to shortfalls; empty: the cube has no contributions
  std::vector<int> parents;  // those that are split up, ascending
  int split = -1;            // the one that is shown at first: the total where it is split up; -1: none is
  struct Column {            // of positions, by whose values nodes are split up
    std::string name;
    std::vector<std::string> values;
  };
  struct Part {  // a node, the positions below it that have a value of a column, and the place of both in the cube
    int parent, column, value;
    std::size_t at;
  };
  std::vector<Column> columns;
  std::vector<Part> parts;  // by parent, as the nodes are; empty: the cube has none
  std::vector<Part> parts_by(int column, int parent) const;

  int cells() const { return static_cast<int>(cube.cells.size()); }
  int nodes() const { return static_cast<int>(cube.nodes.size()); }
  int horizons() const { return static_cast<int>(cube.horizon_years.size()); }
  int levels() const { return static_cast<int>(cube.confidence.size()); }

  Estimate expected(int cell, int node, int h, int quantity = 0) const;
  Estimate var(int cell, int node, int h, int k) const;
  Estimate shortfall(int cell, int node, int h, int k, int quantity = 0) const;
  double shortfall_se(int cell, int node, int h,
                      int k) const;  // in the money scale, four digits: what the page computes with
  // What the child of an edge adds to its parent's shortfall, with the parent's marks, and the standard error, as above.
  Estimate contribution(int cell, const Edge&, int h, int k) const;
  double contribution_se(int cell, const Edge&, int h, int k) const;
  Estimate contribution_by(int cell, const Part&, int h, int k) const;
  double contribution_by_se(int cell, const Part&, int h, int k) const;
  double relative_error(int cell, int h, int k) const;  // of the total's shortfall: standard error / value; or NaN
  std::string gauge(int gauge,
                    int cell) const;  // of the total at `horizon`: money in the money scale, or a number ± its error
  // Scenarios that bring this error to 1 %, two digits: "1,300,000"; "reached" where it is there, "n/a" where unknown.
  std::string scenarios_for(double relative_error) const;
  // The largest share of its value today that a node loses at this level: over all horizons and detailed cells.
  double largest_share(int k) const;

  // As in the page's data: in the money scale, as many decimals as are shown, "null" where there is none.
  std::string number(double amount) const;
  std::string error_number(double error) const;  // the same of an error (grouped_error)
  std::string amount(const Estimate&) const;     // "12,346 ±346!", as HTML
  // The loss as a share of the value today, from the numbers as shown: "5.6 %"; empty where there is none.
  std::string share(double loss, double base) const;
  // "h0" to "h8", the darkest for `largest` and above; empty where there is no share.
  static std::string heat(double share, double largest);
  double error_shown(double se) const;  // of a standard error: in the money scale, four digits
  double shown(double amount) const;    // rounded as it is shown, in the money scale

  std::string level_text(int k) const;    // "99 %"
  std::string horizon_name(int h) const;  // "1 year"
  std::string node_name(int n) const;     // the last part of its path
  int depth(int n) const;                 // 0 for the total
  // The nodes between the child and the parent and the child itself, "credit/pool_a".
  std::string name_below(int child, int parent) const;

 private:
  void read_parts(const std::unordered_map<std::string_view, int>& place_of_node);
};

}  // namespace tailcube::html
