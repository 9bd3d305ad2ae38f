#pragma once
// The estimates of a cube, one name for each: what `show`, `export` and `compare` call them, and their error bars as text.
#include <iosfwd>
#include <string>
#include <vector>

#include "src/cube/cube.h"
#include "src/report/money.h"

namespace tailcube {

inline constexpr double normal_95 = 1.959963984540054;  // half a 95 % interval, in standard errors

struct Figure {
  const char* name;     // "es", on the command line
  const char* dataset;  // "expected_shortfall", in the cube; on the command line as well
  const char* title;    // "ES"
  CubeValues<double> Cube::*value;
  CubeValues<double> Cube::*se;                   // null: none
  CubeValues<double> Cube::*lower, Cube::*upper;  // null: none
  bool by_confidence, money;                      // not money: a share
  int flags;                                      // the bits of estimate_flag that are about it
};
const std::vector<Figure>& figures();       // mean, std, worst, probability, var, es
const Figure* figure_of(std::string_view);  // by name or dataset; null: none

inline constexpr int economic = 0;  // a quantity
struct Place {
  int quantity = economic, cell = 0, node = 0, horizon = 0, confidence = 0;
  int edge = -1, part = -1;  // of a contribution: in the tree, or by a column
};
// What does not exist is NaN, a flag 0.
struct FigureEstimate {
  double value, se, lower, upper;
  int flag = 0;
  bool interval = false;  // whether there are lower and upper, though either may be NaN
  // Half the 95 % interval, the wider half where it is not symmetric; NaN: there is none.
  double error() const;
};
FigureEstimate estimate(const Cube&, const Figure&, const Place&);

// /contribution and /contribution_by: what a node, or the positions with a column's value, add to the expected shortfall of
// a node above. None of figures(), since it is of an edge or a part.
const Figure& contribution_figure();
// Of the place's edge or part.
FigureEstimate contribution(const Cube&, const Place&);

// What a marker after a number means; collected while a table is written, explained once below it.
struct Marks {
  bool bracket = false, missing = false, few = false, descriptive = false;
};
// "12,346 ±346", "12,346 ±?!"; "n/a" where there is no value.
std::string with_error(const FigureEstimate&, const Figure&, const MoneyScale&, Marks&);
void explain(std::ostream&, const Marks&);

// Of a quantity without unit: as many digits as its error makes sense of, "0.0312 ±0.0004".
std::string number_with_error(double value, double error);

// The largest confidence up to 99 % among these places (all, where none are given), or the smallest there is: beyond it an
// order of nodes would be mostly noise.
int ranking_confidence(const Cube&, const std::vector<int>& confidences);
int ranking_confidence(const Cube&);

int depth(const std::string& path);  // of a node: 0 for the total
bool is_leaf(const Cube&, int node);
double largest_amount(const Cube&);  // of values today, VaR and ES, without sign: what a scale of money has to do for

}  // namespace tailcube
