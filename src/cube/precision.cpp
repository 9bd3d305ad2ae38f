#include "src/cube/precision.h"

#include <cmath>

namespace tailcube {

ShortfallError shortfall_error(const Cube& cube) {
  ShortfallError largest;
  const int horizon = static_cast<int>(cube.horizon_years.size()) - 1;
  const int level = static_cast<int>(cube.confidence.size()) - 1;
  largest.confidence = cube.confidence.back().value();
  for (int cell = 0; cell < static_cast<int>(cube.cells.size()); ++cell) {
    const std::size_t at = cube.at(0, cell, 0, horizon, level);
    const double shortfall = cube.expected_shortfall[at], error = cube.expected_shortfall_se[at];
    if (!(shortfall > 0) || !(error > 0) || !(error / shortfall > largest.relative)) continue;
    largest.cell = cell;
    largest.relative = error / shortfall;
  }
  return largest;
}

double cost_of_one_percent(double cost, double relative_error) { return cost * std::pow(relative_error / 0.01, 2); }

}  // namespace tailcube
