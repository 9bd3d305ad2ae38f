#include "kernels/credit/first_passage.h"

#include <algorithm>
#include <cstddef>

#include "kernels/math/functions.h"

namespace tailcube {
namespace {

// B_k = sqrt(k) D_k walks with standard normal increments; given eps and s = sqrt(W / dof), default by k is B_j <= barrier_j
// for some j <= k, barrier_j = sqrt(j) (c_j s - b eps) / R. The density of B_k on paths that survived is kept on a grid of
// this spacing that starts at the barrier, where it jumps: the trapezoid rule with Gregory's end correction is then of
// eighth order, and spectral at the other, decayed end.
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

double weight_at(std::size_t i) { return i < end_weight.size() ? end_weight[i] : 1.0; }
constexpr double density_at_0 = 0.39894228040143267794;  // 1 / sqrt(2 pi)

}  // namespace

std::vector<MixingNode> mixing_nodes(double dof, double resolution) {
  if (!(dof > 0)) return {{1, 1}};
  // The density of log W has the Fourier transform Gamma(dof/2 + i w) / Gamma(dof/2), the rule's error is that at 2 pi /
  // step.
  const double step = std::min(0.4, 0.75 * std::sqrt(2 / dof)), middle = log(dof);
  const double scale = log_gamma(dof / 2) + dof / 2 * log(2);
  std::vector<MixingNode> out;
  const auto add = [&](int k) {
    const double y = middle + k * step, weight = exp(dof / 2 * y - 0.5 * exp(y) - scale) * step;
    if (weight > resolution) out.push_back({std::sqrt(exp(y) / dof), weight});
    return weight > resolution;
  };
  for (int k = 0; add(k); --k) continue;
  std::reverse(out.begin(), out.end());
  for (int k = 1; add(k); ++k) continue;
  return out;
}

Recursion::Recursion(double squared_loading, double lowest, double highest, std::span<const MixingNode> mixing,
                     double resolution)
    : loading_(std::sqrt(squared_loading)), residual_(std::sqrt(1 - squared_loading)) {
  // Each W shifts the grid of eps against what happens: with many of them a coarser one does.
  const double step = std::min(0.5, (mixing.size() > 1 ? 0.9 : 0.45) * loading_ / residual_);
  for (const MixingNode& m : mixing) {
    // Beyond these ends all default at once, or nobody ever does.
    const double first = std::max(-reach, (lowest * m.scale - 7 * loading_) / residual_);
    const double last = std::min(reach, (highest * m.scale + 7 * loading_) / residual_);
    for (int i = 0; first + i * step < last + step; ++i) {
      const double eps = first + i * step, weight = m.weight * (normal_pdf(eps) * step);
      if (weight >= resolution * step) nodes_.push_back({eps, m.scale, weight, 0, {}});
    }
  }
}

void Recursion::start(double threshold) {
  for (Node& node : nodes_) {
    const double barrier = barrier_of(node, 1, threshold);
    if (barrier > reach) continue;
    node.origin = std::max(barrier, -reach);
    node.density.resize(static_cast<std::size_t>((reach - node.origin) / spacing) + 2);
    for (std::size_t j = 0; j < node.density.size(); ++j)
      node.density[j] = normal_pdf(node.origin + spacing * static_cast<double>(j));
  }
}

Recursion::Flux Recursion::flux(int k, double threshold) const {
  Flux total{0, 0, 0};
  const double scale = std::sqrt(static_cast<double>(k)) / loading_;
  for (const Node& node : nodes_) {
    if (node.density.empty()) continue;
    const auto [hit, slope] = flux(node, barrier_of(node, k, threshold));
    total.hit += node.weight * hit;
    total.slope += node.weight * slope * (scale * node.scale);
    total.joint += node.weight * hit * 2 * normal_cdf(node.eps);
  }
  return total;
}

Recursion::NodeFlux Recursion::flux(const Node& node, double barrier) {
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
  return {sum.hit * spacing, sum.slope * spacing * density_at_0};
}

void Recursion::scores(int k, double threshold, ScoreLaw& law) const {
  const double root = std::sqrt(static_cast<double>(k));
  std::vector<double> kernel, mass;
  for (const Node& node : nodes_) {
    if (node.density.empty()) continue;
    // B_k = barrier - i spacing came from origin + j spacing: a step of shift - (i + j) spacing.
    const double barrier = barrier_of(node, k, threshold), shift = barrier - node.origin;
    const int lowest = std::max(0, static_cast<int>(std::ceil((shift - increment_reach) / spacing)));
    const int highest = static_cast<int>(std::floor((shift + increment_reach) / spacing));
    kernel.assign(static_cast<std::size_t>(std::max(0, highest + 1)), 0.0);
    for (int m = lowest; m <= highest; ++m) kernel[static_cast<std::size_t>(m)] = normal_pdf(shift - spacing * m);
    mass.assign(std::min(node.density.size(), kernel.size()), 0.0);
    for (std::size_t j = 0; j < mass.size(); ++j) mass[j] = weight_at(j) * node.density[j];
    for (std::size_t i = 0; i < kernel.size(); ++i) {
      double density = 0;
      for (std::size_t j = 0; j < mass.size() && i + j < kernel.size(); ++j) density += mass[j] * kernel[i + j];
      law.add((barrier - spacing * static_cast<double>(i)) / root,
              node.weight * weight_at(i) * density * (spacing * spacing));
    }
  }
}

void Recursion::advance(int k, double threshold) {
  for (Node& node : nodes_)
    if (!node.density.empty()) advance(node, k, barrier_of(node, k, threshold));
}

// density'(y_i) = integral of density(x) phi(y_i - x) above the old barrier.
void Recursion::advance(Node& node, int k, double barrier) {
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
  for (double& value : kernel) value *= spacing * density_at_0;
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

}  // namespace tailcube
