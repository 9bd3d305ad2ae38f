// Quantiles by Newton steps on log probability against log x: concave for both distributions and both tails, so that from
// any start one step may overshoot and all that follow approach the root from one side.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/math/functions.h"
#include "kernels/math/tails.h"

namespace tailcube {
namespace {
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Point {
  double log_ratio;  // log(probability at x / wanted)
  double slope;      // of the same against log x
};

template <class Evaluate>
double newton_in_log(double x, Evaluate evaluate) {
  double last = kInfinity;
  for (int i = 0; i < 200; ++i) {
    const Point at = evaluate(x);
    const double step = std::clamp(at.log_ratio / at.slope, -600.0, 600.0);
    if (!(std::abs(step) > 0)) break;
    x = std::clamp(x * exp(-step), std::numeric_limits<double>::min(), std::numeric_limits<double>::max());
    if (std::abs(step) < 1e-15 || (std::abs(step) < 1e-12 && std::abs(step) >= last)) break;
    last = std::abs(step);
  }
  return x;
}

// P(|T| > x) and P(|T| <= x).
Tails two_sided(double x, double dof) {
  const double square = x * x, sum = dof + square;
  if (square == kInfinity) return {0, 1};
  return beta_tails(dof / 2, 0.5, dof / sum, square / sum);
}
}  // namespace

double student_cdf(double x, double dof) {
  if (!(dof > 0) || x != x) return kNan;
  if (dof == kInfinity) return normal_cdf(x);
  const Tails t = two_sided(x, dof);
  return x < 0 ? 0.5 * t.lower : 0.5 + 0.5 * t.upper;
}

double student_quantile(double p, double dof) {
  if (!(dof > 0 && p > 0 && p < 1)) return p == 0 && dof > 0 ? -kInfinity : p == 1 && dof > 0 ? kInfinity : kNan;
  if (dof == kInfinity || p == 0.5) return normal_quantile(p);
  const double tail = std::min(p, 1 - p), centre = std::abs(p - 0.5);
  const double x = newton_in_log(std::abs(normal_quantile(tail)), [&](double at) {
    const double sum = dof + at * at, density_x = beta_term(dof / 2, 0.5, dof / sum, at * at / sum);
    const Tails t = two_sided(at, dof);
    return tail < 0.25 ? Point{log(t.lower / (2 * tail)), -2 * density_x / t.lower}
                       : Point{log(t.upper / (2 * centre)), 2 * density_x / t.upper};
  });
  return p < 0.5 ? -x : x;
}

double chi_squared_quantile(double p, double dof) {
  if (!(dof > 0 && p >= 0 && p <= 1)) return kNan;
  if (p == 0 || p == 1) return p == 0 ? 0 : kInfinity;
  const double a = dof / 2,
               cube_root = 1 - 1 / (9 * a) + normal_quantile(p) / (3 * std::sqrt(a));  // Wilson and Hilferty (1931)
  const double start = cube_root > 0.1 ? a * cube_root * cube_root * cube_root : exp((log(p) + log_gamma(a + 1)) / a);
  const double x = newton_in_log(std::max(start, std::numeric_limits<double>::min()), [&](double at) {
    const Tails t = gamma_tails(a, at);
    const double slope = gamma_term(a, at);
    return p < 0.5 ? Point{log(t.lower / p), slope / t.lower} : Point{log(t.upper / (1 - p)), -slope / t.upper};
  });
  return 2 * x;
}

}  // namespace tailcube
