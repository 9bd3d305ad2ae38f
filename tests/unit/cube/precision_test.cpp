#include "src/cube/precision.h"

#include <cmath>

#include "tests/catch_any.h"

namespace tailcube {
namespace {

// Two cells, a total and a book, two horizons, two confidences.
Cube cube_of(double base, double stressed) {
  Cube cube;
  cube.quantities = {"economic", "credit"};
  cube.cells = {"base", "stressed"};
  cube.nodes = {"total", "total/book"};
  cube.horizon_years = {0.5, 1};
  cube.confidence = {{9, 10}, {99, 100}};
  cube.expected_shortfall.assign(2 * 2 * 2 * 2 * 2, 1000);
  cube.expected_shortfall_se.assign(cube.expected_shortfall.size(), 900);  // not to be looked at
  cube.expected_shortfall_se[cube.at(0, 0, 0, 1, 1)] = base;
  cube.expected_shortfall_se[cube.at(0, 1, 0, 1, 1)] = stressed;
  return cube;
}

TEST_CASE("the error of the answer is the total's, at the end, far out, in the cell where it is largest") {
  const ShortfallError error = shortfall_error(cube_of(20, 30));
  CHECK(error.cell == 1);
  CHECK(error.relative == Approx(0.03));
  CHECK(error.confidence == 0.99);
  CHECK(shortfall_error(cube_of(40, 30)).cell == 0);
}

TEST_CASE("a cell without an error does not count") {
  CHECK(shortfall_error(cube_of(20, std::nan(""))).cell == 0);
  CHECK(shortfall_error(cube_of(20, 0)).cell == 0);
  CHECK(shortfall_error(cube_of(std::nan(""), std::nan(""))).cell == -1);
  Cube gain = cube_of(20, 30);
  gain.expected_shortfall[gain.at(0, 1, 0, 1, 1)] = -5;
  CHECK(shortfall_error(gain).cell == 0);
}

TEST_CASE("half the error costs four times as much") {
  CHECK(cost_of_one_percent(8, 0.01) == Approx(8));
  CHECK(cost_of_one_percent(8, 0.02) == Approx(32));
  CHECK(cost_of_one_percent(8, 0.005) == Approx(2));
}

}  // namespace
}  // namespace tailcube
