#include "kernels/credit/thresholds.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "kernels/credit/first_passage.h"
#include "kernels/math/functions.h"

namespace tailcube {
namespace {

// Newton on the logarithm of the flux, kept inside a bracket; the iteration stops by the same rule everywhere. The error is
// then of the order of the square of `accuracy`.
double solve(const Recursion& recursion, int k, double target, double guess, double accuracy) {
  double threshold = guess, low = std::min(-1e3, 10 * guess), high = 1e3;
  for (int iteration = 0; iteration < 60; ++iteration) {
    const auto f = recursion.flux(k, threshold);
    (f.hit > target ? high : low) = threshold;
    double next = f.hit > 0 && f.slope > 0 ? threshold - (log(f.hit) - log(target)) * f.hit / f.slope : threshold + 0.5;
    if (!(next > low && next < high)) next = 0.5 * (std::max(low, threshold - 3) + std::min(high, threshold + 3));
    const double change = std::abs(next - threshold);
    threshold = next;
    if (change < accuracy * std::max(1.0, std::abs(threshold))) break;
  }
  return threshold;
}

constexpr double negligible = 1e-13;  // survivors or defaults below this share are not resolved

// Without a common driver X_n is the same at every step.
Passage independent(std::span<const double> curve, double dof) {
  Passage out;
  for (const double p : curve) {
    out.threshold.push_back(marginal_threshold(p, dof));
    out.marginal.push_back(p);
    out.joint.push_back(copula_joint(p, 0, dof));
  }
  return out;
}

// Nodes of (W, eps) that cannot matter to the first step's defaults; the Gaussian copula keeps them all.
double resolution(double probability, double dof) { return dof > 0 ? 1e-9 * probability : 0; }

}  // namespace

std::vector<double> default_curve(double pd_1y, double step_years, int steps) {
  std::vector<double> curve;
  for (int n = 1; n <= steps; ++n)
    curve.push_back(pd_1y >= 1 ? 1.0 : pd_1y <= 0 ? 0.0 : -expm1(n * step_years * log1p(-pd_1y)));
  return curve;
}

std::vector<double> default_curve(std::span<const DefaultBy> term, double step_years, int steps) {
  std::vector<double> curve;
  curve.reserve(static_cast<std::size_t>(steps));
  const auto hazard_by = [&](std::size_t i) { return -log1p(-term[i].probability); };
  std::size_t next = 0;  // of the points after t
  for (int n = 1; n <= steps; ++n) {
    const double t = n * step_years;
    while (next < term.size() && term[next].years <= t) ++next;
    const std::size_t end = std::min(next, term.size() - 1);
    const double start = end == 0 ? 0 : term[end - 1].years, at_start = end == 0 ? 0 : hazard_by(end - 1);
    const double slope = (hazard_by(end) - at_start) / (term[end].years - start);
    double hazard = 0;
    if (next == term.size())
      hazard = hazard_by(end) + (t - term[end].years) * slope;
    else
      hazard = std::min(hazard_by(end), at_start + (t - start) * slope);
    curve.push_back(-expm1(-hazard));
  }
  return curve;
}

double marginal_threshold(double probability, double dof) {
  if (probability <= 0) return never;
  if (probability >= 1) return -never;
  return dof > 0 ? student_quantile(probability, dof) : normal_quantile(probability);
}

double copula_joint(double probability, double squared_loading, double dof) {
  if (probability <= 0 || probability >= 1) return probability <= 0 ? 0 : 1;
  const double c = marginal_threshold(probability, dof);
  double joint = 0;
  for (const MixingNode& m : mixing_nodes(dof, resolution(probability, dof)))
    joint += m.weight * bivariate_normal_cdf(c * m.scale, c * m.scale, squared_loading);
  return joint;
}

Passage adapted_passage(std::span<const double> curve, double squared_loading, double dof) {
  if (squared_loading < 1e-6 || curve.size() == 1 || curve.back() <= 0 || curve.back() >= 1) {
    Passage out = independent(curve, dof);
    if (curve.size() == 1) out.joint[0] = copula_joint(curve[0], squared_loading, dof);
    return out;
  }
  std::vector<double> quantile;
  for (const double p : curve) quantile.push_back(marginal_threshold(p, dof));
  // Up to the first step with defaults nobody has gone, and it has the threshold of its marginal.
  const auto first =
      static_cast<std::size_t>(std::find_if(curve.begin(), curve.end(), [](double p) { return p > 0; }) - curve.begin());
  Passage out{std::vector<double>(first, never), std::vector<double>(first, 0.0), std::vector<double>(first, 0.0)};
  double threshold = quantile[first];  // the last that there is
  out.threshold.push_back(threshold);
  out.marginal.push_back(curve[first]);
  out.joint.push_back(copula_joint(curve[first], squared_loading, dof));
  const double resolved = resolution(curve[first], dof);
  Recursion recursion(squared_loading, threshold, quantile.back(), mixing_nodes(dof, resolved), resolved);
  recursion.start(out.threshold[0]);
  for (std::size_t n = 1; n < curve.size(); ++n) {
    const int k = static_cast<int>(n) + 1;
    if (n > first) {
      const double target = curve[n] - curve[n - 1];
      if (target > negligible)
        threshold = solve(recursion, k, target, threshold + quantile[n] - quantile[n - 1], dof > 0 ? 1e-4 : 1e-9);
      auto flux = recursion.flux(k, threshold);
      const bool stands = target <= negligible && flux.hit > 10 * negligible;
      if (stands) flux = {};
      out.threshold.push_back(stands ? never : threshold);
      out.marginal.push_back(out.marginal.back() + flux.hit);
      out.joint.push_back(out.joint.back() + flux.joint);
    }
    if (n + 1 < curve.size()) recursion.advance(k, out.threshold[n]);
  }
  return out;
}

Passage passage(std::span<const double> threshold, double squared_loading, double dof) {
  Passage out;
  out.threshold.assign(threshold.begin(), threshold.end());
  const auto below = [dof](double c) { return dof > 0 ? student_cdf(c, dof) : normal_cdf(c); };
  out.marginal.push_back(below(threshold[0]));
  out.joint.push_back(copula_joint(out.marginal[0], squared_loading, dof));
  const auto [low, high] = std::minmax_element(threshold.begin(), threshold.end());
  const auto first = std::find_if(threshold.begin(), threshold.end(), [](double c) { return c > never; });
  const double resolved = first == threshold.end() ? 0 : resolution(below(*first), dof);
  Recursion recursion(squared_loading, *low, *high, mixing_nodes(dof, resolved), resolved);
  recursion.start(threshold[0]);
  for (std::size_t n = 1; n < threshold.size(); ++n) {
    const int k = static_cast<int>(n) + 1;
    const auto flux = recursion.flux(k, threshold[n]);
    out.marginal.push_back(out.marginal.back() + flux.hit);
    out.joint.push_back(out.joint.back() + flux.joint);
    recursion.advance(k, threshold[n]);
  }
  return out;
}

// Secant on the logarithm of the joint probability in kappa^2; nearly linear, so three or four runs.
Matched matched_passage(std::span<const double> curve, double squared_loading, int match, double dof) {
  const auto last = static_cast<std::size_t>(std::max(match, 1)) - 1;
  if (match <= 1 || squared_loading < 1e-6 || curve[last] <= 0 || curve.back() >= 1)
    return {1, adapted_passage(curve, squared_loading, dof)};
  const double target = log(copula_joint(curve[last], squared_loading, dof)), cap = 0.985 / squared_loading;
  Passage passage;
  const auto error = [&](double squared, std::size_t steps) {
    passage = adapted_passage(curve.first(steps), squared * squared_loading, dof);
    return log(passage.joint[last]) - target;
  };
  double before = std::min(1.0, cap), now = std::min(dof > 0 ? 0.85 : 1.08, cap);
  double error_before = error(before, last + 1), error_now = error(now, last + 1);
  for (int i = 0; i < 20 && std::abs(error_now) > 1e-6 && now != before; ++i) {
    const double next = now - error_now * (now - before) / (error_now - error_before);
    before = now, error_before = error_now;
    now = std::clamp(next, 0.1, cap), error_now = error(now, last + 1);
  }
  if (last + 1 < curve.size()) error(now, curve.size());
  return {std::sqrt(now), std::move(passage)};
}

}  // namespace tailcube
