#pragma once
// How precise the answer is, and what it costs to make it precise.
#include "src/cube/cube.h"

namespace tailcube {

// The largest relative standard error, over the cells, of the total's expected shortfall: economic loss, last horizon,
// highest confidence. Cells whose shortfall is not positive or has no error above 0 are left out; cell is -1 if none is
// left.
struct ShortfallError {
  int cell = -1;
  double confidence = 0, relative = 0;
};
ShortfallError shortfall_error(const Cube&);

// What a run would cost that brings this relative error to 1 %, if it costs `cost` as it is: an error falls with the root of
// the number of scenarios, the cost grows with that number.
double cost_of_one_percent(double cost, double relative_error);

}  // namespace tailcube
