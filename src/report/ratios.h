#pragma once
// Ratios of sums that the cube has as gauges (kernels/METHODS.md, Ratios).
#include "src/cube/cube.h"

namespace tailcube {

// Collateralisation and loan-to-value are each other's inverse, leverage is assets over equity: 1000 of collateral against
// 700 of debt is 1.43, 0.7, and 3.33.
enum class Ratio { collateralisation, loan_to_value, leverage };
// The ratio of the means over scenarios with its standard error by the delta method, and of today's sums. NaN where the
// denominator is 0.
struct RatioEstimate {
  double today, value, standard_error;
};
bool has_ratios(const Cube&);
RatioEstimate estimate_ratio(const Cube&, Ratio, int cell, int node, int horizon);  // of a cube that has them

}  // namespace tailcube
