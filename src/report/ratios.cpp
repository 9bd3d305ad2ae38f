#include "src/report/ratios.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tailcube {
namespace {

constexpr const char* sums[] = {"collateral", "debt", "equity"};  // equity = collateral - debt

std::size_t place_of(const Cube& cube, const char* gauge) {
  return static_cast<std::size_t>(std::find(cube.gauges.begin(), cube.gauges.end(), gauge) - cube.gauges.begin());
}
double divided(double a, double b) { return b != 0 ? a / b : std::numeric_limits<double>::quiet_NaN(); }

}  // namespace

bool has_ratios(const Cube& cube) {
  return !cube.gauge_today.empty() && std::all_of(std::begin(sums), std::end(sums),
                                                  [&](const char* g) { return place_of(cube, g) < cube.gauges.size(); });
}

RatioEstimate estimate_ratio(const Cube& cube, Ratio ratio, int cell, int node, int horizon) {
  struct Sum {
    double today, mean, variance;
  };
  const auto sum = [&](int i) {
    const std::size_t gauge = place_of(cube, sums[i]);
    const std::size_t at = cube.at(static_cast<int>(gauge), cell, node, horizon);
    return Sum{cube.gauge_today[gauge * cube.nodes.size() + static_cast<std::size_t>(node)], cube.gauge_mean[at],
               cube.gauge_se[at] * cube.gauge_se[at]};
  };
  const int over = ratio == Ratio::loan_to_value ? 1 : 0, under = ratio == Ratio::leverage ? 2 : 1 - over;
  const Sum a = sum(over), b = sum(under), third = sum(3 - over - under);
  // Each of the three is the sum or the difference of the others: collateral = debt + equity.
  const double covariance = (a.variance + b.variance - third.variance) / 2;
  const double value = divided(a.mean, b.mean);
  const double variance = a.variance - 2 * value * covariance + value * value * b.variance;
  return {divided(a.today, b.today), value, divided(std::sqrt(std::max(variance, 0.0)), std::abs(b.mean))};
}

}  // namespace tailcube
