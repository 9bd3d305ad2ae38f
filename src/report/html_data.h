#pragma once
// What the page's script draws from, as JSON; every amount is rounded as it is shown.
#include <string>
#include <vector>

#include "src/report/html_view.h"

namespace tailcube::html {

// Stress cells that are the cross product of two axes, "a=x,b=y"; no rows if there is none.
struct StressGrid {
  std::string row_axis, column_axis;
  std::vector<std::string> rows, columns;
  std::vector<std::vector<int>> cell;  // [row][column], -1: there is none
};
StressGrid stress_grid(const Cube&);

constexpr int tail_rows = 20;  // worst scenarios of a node in the page
// A node among whose worst scenarios (all that the cube keeps) one is, and its rank there, from 1.
struct OtherRank {
  int node, rank;
};
// Of the scenario at this rank (from 0) of a node's tail: where else it is bad, among View::top.
std::vector<OtherRank> elsewhere(const View&, int cell, int node, int h, int rank);

struct PageData {
  std::string json;
  std::vector<std::string> left_out;  // sentences: what of the cube is not in the page
};
// With `room` bytes for what need not be there: nodes of more than the first cell, histograms and worst scenarios.
PageData page_data(const View&, std::size_t room);

}  // namespace tailcube::html
