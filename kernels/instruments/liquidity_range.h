#pragma once
// What a share of an automated market maker's pool holds at a price.
#include <algorithm>
#include <cmath>
#include <limits>

namespace tailcube {

// Liquidity L between two prices of the first token in units of the second (Adams and others 2021, Uniswap v3, section 2);
// from 0 to infinity: the constant product x y = L^2 of Uniswap v2.
struct LiquidityRange {
  double liquidity = 0;
  double root_lower = 0, root_upper = std::numeric_limits<double>::infinity();  // square roots of the prices

  double inside(double root) const { return std::min(std::max(root, root_lower), root_upper); }
  double first(double root) const { return liquidity * (1 / inside(root) - 1 / root_upper); }
  double second(double root) const { return liquidity * (inside(root) - root_lower); }
  bool in_range(double root) const { return root >= root_lower && root < root_upper; }
};

}  // namespace tailcube
