#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "kernels/credit/thresholds.h"
#include "kernels/math/functions.h"

namespace tailcube {
namespace {

constexpr std::size_t nodes = 12;  // in each direction
static_assert(nodes * nodes == PassageGrid::node_count);
constexpr double smallest_pd = 1e-5, largest_pd = 0.5, smallest_square = 0.01, largest_square = 0.8;

// cos(pi (2 i + 1) / (2 n)), the zeros of the Chebyshev polynomial of degree n.
constexpr std::array<double, nodes> zero = {0.99144486137381038,  0.92387953251128674,  0.79335334029123517,
                                            0.60876142900872066,  0.38268343236508984,  0.13052619222005171,
                                            -0.1305261922200516,  -0.3826834323650895,  -0.60876142900872066,
                                            -0.79335334029123505, -0.92387953251128674, -0.99144486137381038};

struct Interval {
  double low, high;
  double at(double node) const { return 0.5 * (low + high) + 0.5 * (high - low) * node; }
  double position(double x) const { return (2 * x - low - high) / (high - low); }
};
Interval pd_interval() { return {normal_quantile(smallest_pd), normal_quantile(largest_pd)}; }
Interval loading_interval() { return {std::sqrt(smallest_square), std::sqrt(largest_square)}; }

// Lagrange's polynomials of the nodes at x.
std::array<double, nodes> lagrange(double x) {
  std::array<double, nodes> out;
  for (std::size_t i = 0; i < nodes; ++i) {
    out[i] = 1;
    for (std::size_t j = 0; j < nodes; ++j)
      if (j != i) out[i] *= (x - zero[j]) / (zero[i] - zero[j]);
  }
  return out;
}

}  // namespace

bool PassageGrid::contains(double pd_1y, double squared_loading) {
  return pd_1y >= smallest_pd && pd_1y <= largest_pd && squared_loading >= smallest_square &&
         squared_loading <= largest_square;
}

PassageGrid::PassageGrid(double step_years, int steps, int match) : step_years_(step_years), steps_(steps), match_(match) {
  for (const double p : zero)
    for (const double r : zero) {
      const std::vector<double> curve = default_curve(normal_cdf(pd_interval().at(p)), step_years, steps);
      const double loading = loading_interval().at(r);
      const Matched m = matched_passage(curve, loading * loading, match);
      node_.push_back(m.kappa * m.kappa);
      for (std::size_t n = 0; n < curve.size(); ++n) node_.push_back(m.passage.threshold[n] - normal_threshold(curve[n]));
    }
}

PassageGrid::Value PassageGrid::operator()(double pd_1y, double squared_loading) const {
  const auto p = lagrange(pd_interval().position(normal_quantile(pd_1y)));
  const auto r = lagrange(loading_interval().position(std::sqrt(squared_loading)));
  std::vector<double> sum(static_cast<std::size_t>(steps_) + 1, 0.0);
  const double* node = node_.data();
  for (const double a : p)
    for (const double b : r) {
      const double weight = a * b;
      for (double& s : sum) s += weight * *node++;
    }
  Value out{match_ > 1 ? std::sqrt(sum[0]) : 1.0, default_curve(pd_1y, step_years_, steps_)};
  for (std::size_t n = 0; n < out.threshold.size(); ++n) out.threshold[n] = normal_threshold(out.threshold[n]) + sum[n + 1];
  return out;
}

}  // namespace tailcube
