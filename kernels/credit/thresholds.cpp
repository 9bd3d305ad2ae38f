#include "kernels/credit/thresholds.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <utility>

#include "kernels/math/functions.h"

namespace tailcube {
namespace {

// B_k = sqrt(k) D_k walks with standard normal increments; given eps, default by k is B_j <= barrier_j for some j <= k. The
// density of B_k on paths that survived is kept on a grid of this spacing that starts at the barrier, where it jumps: the
// trapezoid rule with Gregory's end correction is then of eighth order, and spectral at the other, decayed end.
constexpr double spacing = 0.25;
constexpr double reach = 8.5;            // standard deviations beyond which eps and B_k are left out
constexpr double increment_reach = 7.5;  // the same for one increment
constexpr int band = lanes;              // grid points within +-increment_reach of one, padded; constant, to vectorise
static_assert(2 * increment_reach / spacing + 3 < band);

constexpr std::array<double, 10> end_weights() {
  constexpr double gregory[] = {
      0, 1. / 12, -1. / 24, 19. / 720, -3. / 160, 863. / 60480, -275. / 24192, 33953. / 3628800, -8183. / 1036800};
  std::array<double, 10> weight{};
  for (double& w : weight) w = 1;
  weight[0] = 0.5;
  for (int p = 1; p <= 8; ++p) {  // forward difference p of the first points
    double binomial = 1;
    for (int j = 0; j <= p; ++j) {
      weight[static_cast<std::size_t>(j)] += ((p - j) % 2 ? -1 : 1) * gregory[p] * binomial;
      binomial = binomial * (p - j) / (j + 1);
    }
  }
  return weight;
}
constexpr std::array<double, 10> end_weight = end_weights();

// Surviving paths given one eps.
struct Node {
  double eps, weight;           // weight: phi(eps) d eps
  double origin = 0;            // the first grid point
  std::vector<double> density;  // of B_k at origin + j spacing; empty once nobody survives
};

class Recursion {
 public:
  Recursion(double squared_loading, double lowest, double highest)
      : loading_(std::sqrt(squared_loading)), residual_(std::sqrt(1 - squared_loading)) {
    // Beyond these ends all default at once, or nobody ever does.
    const double first = std::max(-reach, (lowest - 7 * loading_) / residual_);
    const double last = std::min(reach, (highest + 7 * loading_) / residual_);
    const double step = std::min(0.5, 0.45 * loading_ / residual_);
    for (int i = 0; first + i * step < last + step; ++i) {
      const double eps = first + i * step;
      nodes_.push_back({eps, normal_pdf(eps) * step, 0, {}});
    }
  }

  void start(double threshold) {
    for (Node& node : nodes_) {
      const double barrier = barrier_of(node, 1, threshold);
      if (barrier > reach) continue;
      node.origin = std::max(barrier, -reach);
      node.density.resize(static_cast<std::size_t>((reach - node.origin) / spacing) + 2);
      for (std::size_t j = 0; j < node.density.size(); ++j)
        node.density[j] = normal_pdf(node.origin + spacing * static_cast<double>(j));
    }
  }

  // P(first passage at step k) if its threshold were this, the derivative, and P(both of two equal obligors ...): the larger
  // of two eps has density 2 Phi phi.
  struct Flux {
    double hit, slope, joint;
  };
  Flux flux(int k, double threshold) const {
    Flux total{0, 0, 0};
    const double scale = std::sqrt(static_cast<double>(k)) / loading_;
    for (const Node& node : nodes_) {
      if (node.density.empty()) continue;
      const auto [hit, slope] = flux(node, barrier_of(node, k, threshold));
      total.hit += node.weight * hit;
      total.slope += node.weight * slope * scale;
      total.joint += node.weight * hit * 2 * normal_cdf(node.eps);
    }
    return total;
  }

  void advance(int k, double threshold) {
    for (Node& node : nodes_)
      if (!node.density.empty()) advance(node, k, barrier_of(node, k, threshold));
  }

 private:
  double barrier_of(const Node& node, int k, double threshold) const {
    return std::sqrt(static_cast<double>(k)) * (threshold - residual_ * node.eps) / loading_;
  }

  struct NodeFlux {
    double hit, slope;
  };
  static NodeFlux flux(const Node& node, double barrier) {
    const double span = std::floor((barrier + reach - node.origin) / spacing) + 1;
    const std::size_t count = span <= 0 ? 0 : std::min(node.density.size(), static_cast<std::size_t>(span));
    NodeFlux sum{0, 0};
    alignas(64) std::array<double, lanes> distance, square, below;
    for (std::size_t from = 0; from < count; from += lanes) {
      const std::size_t part = std::min<std::size_t>(lanes, count - from);
      for (std::size_t i = 0; i < lanes; ++i) {
        distance[i] = std::max(-38.0, barrier - (node.origin + spacing * static_cast<double>(from + i)));
        square[i] = -0.5 * distance[i] * distance[i];
      }
      normal_cdf(distance, below);
      exp(square, square);
      for (std::size_t i = 0; i < part; ++i) {
        const double mass = weight_at(from + i) * node.density[from + i];
        sum.hit += mass * below[i];
        sum.slope += mass * square[i];
      }
    }
    return {sum.hit * spacing, sum.slope * spacing * 0.39894228040143267794};
  }
  static double weight_at(std::size_t i) { return i < end_weight.size() ? end_weight[i] : 1.0; }

  // density'(y_i) = integral of density(x) phi(y_i - x) above the old barrier.
  void advance(Node& node, int k, double barrier) {
    const double end = reach * std::sqrt(static_cast<double>(k));
    if (barrier > end) return node.density.clear();
    const double origin = std::max(barrier, -end), shift = (origin - node.origin) / spacing;
    const auto size = static_cast<std::size_t>((end - origin) / spacing) + 2;
    const int lowest = static_cast<int>(std::floor(-increment_reach / spacing - shift));  // of i - j
    alignas(64) std::array<double, band> kernel;
    for (int m = 0; m < band; ++m) {
      const double y = spacing * (lowest + m + shift);
      kernel[static_cast<std::size_t>(m)] = -0.5 * y * y;
    }
    exp(kernel, kernel);
    for (double& value : kernel) value *= spacing * 0.39894228040143267794;
    // row_[i - lowest] is density'(y_i): row j of the old density reaches i = j + lowest .. j + lowest + band - 1.
    row_.assign(node.density.size() + band, 0.0);
    for (std::size_t j = 0; j < node.density.size(); ++j) {
      const double mass = weight_at(j) * node.density[j];
      double* const to = row_.data() + j;
      for (std::size_t m = 0; m < band; ++m) to[m] += mass * kernel[m];
    }
    node.origin = origin;
    node.density.assign(size, 0.0);
    for (std::size_t i = 0; i < size; ++i) {
      const auto at = static_cast<std::ptrdiff_t>(i) - lowest;
      if (at >= 0 && at < static_cast<std::ptrdiff_t>(row_.size())) node.density[i] = row_[static_cast<std::size_t>(at)];
    }
  }

  double loading_, residual_;
  std::vector<Node> nodes_;
  std::vector<double> row_;
};

// Newton on the logarithm of the flux, kept inside a bracket; the iteration stops by the same rule everywhere.
double solve(const Recursion& recursion, int k, double target, double guess) {
  double threshold = guess, low = -1e3, high = 1e3;
  for (int iteration = 0; iteration < 60; ++iteration) {
    const auto f = recursion.flux(k, threshold);
    (f.hit > target ? high : low) = threshold;
    double next = f.hit > 0 && f.slope > 0 ? threshold - (log(f.hit) - log(target)) * f.hit / f.slope : threshold + 0.5;
    if (!(next > low && next < high)) next = 0.5 * (std::max(low, threshold - 3) + std::min(high, threshold + 3));
    const double change = std::abs(next - threshold);
    threshold = next;
    if (change < 1e-9) break;  // the error is then of the order of its square
  }
  return threshold;
}

constexpr double negligible = 1e-13;  // survivors or defaults below this share are not resolved

Passage independent(std::span<const double> curve) {
  Passage out;
  for (const double p : curve) {
    out.threshold.push_back(normal_threshold(p));
    out.marginal.push_back(p);
    out.joint.push_back(p * p);
  }
  return out;
}

}  // namespace

std::vector<double> default_curve(double pd_1y, double step_years, int steps) {
  std::vector<double> curve;
  for (int n = 1; n <= steps; ++n)
    curve.push_back(pd_1y >= 1 ? 1.0 : pd_1y <= 0 ? 0.0 : -expm1(n * step_years * log1p(-pd_1y)));
  return curve;
}

double normal_threshold(double probability) {
  if (probability <= 0) return never;
  if (probability >= 1) return -never;
  return normal_quantile(probability);
}

double copula_joint(double probability, double squared_loading) {
  if (probability <= 0 || probability >= 1) return probability <= 0 ? 0 : 1;
  const double c = normal_quantile(probability);
  return bivariate_normal_cdf(c, c, squared_loading);
}

Passage adapted_passage(std::span<const double> curve, double squared_loading) {
  if (squared_loading < 1e-6 || curve.size() == 1 || curve.front() <= 0 || curve.back() >= 1) {
    Passage out = independent(curve);
    if (curve.size() == 1) out.joint[0] = copula_joint(curve[0], squared_loading);
    return out;
  }
  Passage out;
  out.threshold.push_back(normal_quantile(curve[0]));
  out.marginal.push_back(curve[0]);
  out.joint.push_back(copula_joint(curve[0], squared_loading));
  Recursion recursion(squared_loading, out.threshold[0], normal_quantile(curve.back()));
  recursion.start(out.threshold[0]);
  for (std::size_t n = 1; n < curve.size(); ++n) {
    const int k = static_cast<int>(n) + 1;
    const double target = curve[n] - curve[n - 1];
    double threshold = out.threshold.back();
    if (target > negligible)
      threshold = solve(recursion, k, target, threshold + normal_quantile(curve[n]) - normal_quantile(curve[n - 1]));
    const auto flux = recursion.flux(k, threshold);
    out.threshold.push_back(threshold);
    out.marginal.push_back(out.marginal.back() + flux.hit);
    out.joint.push_back(out.joint.back() + flux.joint);
    if (n + 1 < curve.size()) recursion.advance(k, threshold);
  }
  return out;
}

Passage passage(std::span<const double> threshold, double squared_loading) {
  Passage out;
  out.threshold.assign(threshold.begin(), threshold.end());
  out.marginal.push_back(normal_cdf(threshold[0]));
  out.joint.push_back(copula_joint(out.marginal[0], squared_loading));
  const auto [low, high] = std::minmax_element(threshold.begin(), threshold.end());
  Recursion recursion(squared_loading, *low, *high);
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
Matched matched_passage(std::span<const double> curve, double squared_loading, int match) {
  if (match <= 1 || squared_loading < 1e-6 || curve.front() <= 0 || curve.back() >= 1)
    return {1, adapted_passage(curve, squared_loading)};
  const auto last = static_cast<std::size_t>(match) - 1;
  const double target = log(copula_joint(curve[last], squared_loading)), cap = 0.985 / squared_loading;
  Passage passage;
  const auto error = [&](double squared, std::size_t steps) {
    passage = adapted_passage(curve.first(steps), squared * squared_loading);
    return log(passage.joint[last]) - target;
  };
  double before = std::min(1.0, cap), now = std::min(1.08, cap);
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
