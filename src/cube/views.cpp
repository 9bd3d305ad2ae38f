#include "src/cube/views.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/market/correlation.h"
#include "kernels/math/functions.h"
#include "src/cube/plausibility.h"

namespace tailcube {
namespace {

constexpr double largest_variance = 2;  // beyond, E[ratio^2] is infinite

}  // namespace

GaussianView::GaussianView(std::span<const double> correlation, std::size_t factors, std::span<const double> mean,
                           std::span<const double> scale, std::span<const std::uint32_t> only)
    : factors_(only.begin(), only.end()) {
  if (factors_.empty()) {
    factors_.resize(factors);
    std::iota(factors_.begin(), factors_.end(), 0U);
  }
  const std::size_t n = factors_.size();
  std::vector<double> c(n * n), m(n), d(n), moved(n * n);
  for (std::size_t i = 0; i < n; ++i) {
    m[i] = mean[factors_[i]], d[i] = scale[factors_[i]];
    for (std::size_t j = 0; j < n; ++j) c[i * n + j] = correlation[factors_[i] * factors + factors_[j]];
  }
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) moved[i * n + j] = d[i] * c[i * n + j] * d[j];
  const Whitening whitening(c, n);
  const std::size_t r = whitening.dimension();
  // Of the whitened coordinates: the covariance W DCD W' under the view.
  const std::vector<double> half = whitening(moved);  // row i: W (DCD)_i
  std::vector<double> transposed(r * n), covariance(r * r);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t k = 0; k < r; ++k) transposed[k * n + i] = half[i * r + k];
  covariance = whitening(transposed);
  for (std::size_t i = 0; i < r; ++i)
    for (std::size_t j = 0; j < i; ++j)
      covariance[i * r + j] = covariance[j * r + i] = (covariance[i * r + j] + covariance[j * r + i]) / 2;
  const std::vector<double> u = whitening(m);
  // What is lost on the way there and back lies outside the range of C.
  if (r < n) {
    std::vector<double> back(n, 0);
    for (std::size_t i = 0; i < n; ++i) {
      // C W' u = the part of m within the range, as W'W = C+.
      const std::vector<double> row = whitening(std::span(c).subspan(i * n, n));
      back[i] = std::inner_product(row.begin(), row.end(), u.begin(), 0.0);
      if (std::abs(back[i] - m[i]) > 1e-6 || d[i] != 1)
        throw ImpossibleView(
            "factors of the view are perfectly correlated with others: they can only move together (give "
            "all of them, or let the others follow)");
    }
  }
  const SymmetricEigen eigen = symmetric_eigen(covariance, r);
  for (std::size_t k = 0; k < r; ++k) {
    if (eigen.values[k] >= largest_variance)
      throw ImpossibleView(
          "a volatility is raised too far: weights of scenarios have no variance from sqrt(2) = 1.41 times "
          "the volatility of the run on, so their errors could not be told. Run the job with it");
    if (eigen.values[k] <= 0) throw ImpossibleView("a volatility of zero leaves no scenario");
    variance_.push_back(eigen.values[k]);
    double along = 0;
    for (std::size_t i = 0; i < r; ++i) along += eigen.vectors[i * r + k] * u[i];
    mean_.push_back(along);
  }
  // Rows V'W: whiten unit vectors, then rotate.
  rows_.assign(r * n, 0);
  for (std::size_t i = 0; i < n; ++i) {
    std::vector<double> unit(n, 0);
    unit[i] = 1;
    const std::vector<double> w = whitening(unit);
    for (std::size_t k = 0; k < r; ++k)
      for (std::size_t j = 0; j < r; ++j) rows_[k * n + i] += eigen.vectors[j * r + k] * w[j];
  }
}

double GaussianView::log_ratio(std::span<const double> z) const {
  const std::size_t n = factors_.size();
  double sum = 0;
  for (std::size_t k = 0; k < mean_.size(); ++k) {
    double y = 0;
    for (std::size_t i = 0; i < n; ++i) y += rows_[k * n + i] * z[factors_[i]];
    const double off = y - mean_[k];
    sum += (y * y - off * off / variance_[k] - log(variance_[k])) / 2;
  }
  return sum;
}

double GaussianView::effective_share() const {
  double log_share = 0;
  for (std::size_t k = 0; k < mean_.size(); ++k)
    log_share += log(variance_[k] * (2 - variance_[k])) / 2 - mean_[k] * mean_[k] / (2 - variance_[k]);
  return exp(log_share);
}

bool solve(std::span<const double> matrix, std::span<const double> right, std::vector<double>& x) {
  const std::size_t n = right.size();
  std::vector<double> root;
  if (!cholesky(matrix, n, root)) return false;
  for (std::size_t i = 0; i < n; ++i)
    if (!(root[i * n + i] > 1e-7 * std::sqrt(matrix[i * n + i]))) return false;
  x.assign(right.begin(), right.end());
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < i; ++j) x[i] -= root[i * n + j] * x[j];
    x[i] /= root[i * n + i];
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t j = i + 1; j < n; ++j) x[i] -= root[j * n + i] * x[j];
    x[i] /= root[i * n + i];
  }
  return true;
}

namespace {

// The dual of the entropy problem: log of the sum of design times exp(log weight + lambda'(g - c)), convex in lambda.
class Dual {
 public:
  Dual(const EntropyViews& views, std::span<const double> design, const std::vector<double>& log_weights)
      : views_(views), design_(design), log_weights_(log_weights), scale_(views.count, 0) {
    // In the deviations of the points, so that one tolerance fits all.
    for (std::size_t k = 0; k < views.count; ++k) {
      double sum = 0, squares = 0, total = 0;
      for (std::size_t i = 0; i < points(); ++i) sum += design[i] * g(i, k), total += design[i];
      for (std::size_t i = 0; i < points(); ++i) squares += design[i] * std::pow(g(i, k) - sum / total, 2);
      scale_[k] = std::sqrt(squares / total);
      if (!(scale_[k] > 0)) throw ImpossibleView("a view is about something that is the same in every scenario");
    }
  }
  std::size_t points() const { return design_.size(); }
  // Value, gradient (means less targets, in deviations) and Hessian (covariances).
  double at(const std::vector<double>& lambda, std::vector<double>& gradient, std::vector<double>& hessian) const {
    const std::size_t n = views_.count;
    std::vector<double> exponent(points()), gap(n);
    double most = -1e300, total = 0;
    for (std::size_t i = 0; i < points(); ++i) most = std::max(most, exponent[i] = this->exponent(i, lambda));
    gradient.assign(n, 0), hessian.assign(n * n, 0);
    for (std::size_t i = 0; i < points(); ++i) {
      const double w = design_[i] * exp(exponent[i] - most);
      total += w;
      for (std::size_t k = 0; k < n; ++k) gap[k] = (g(i, k) - views_.target[k]) / scale_[k];
      for (std::size_t k = 0; k < n; ++k) {
        gradient[k] += w * gap[k];
        for (std::size_t j = 0; j < n; ++j) hessian[k * n + j] += w * gap[k] * gap[j];
      }
    }
    for (double& x : gradient) x /= total;
    for (std::size_t k = 0; k < n; ++k)
      for (std::size_t j = 0; j < n; ++j) hessian[k * n + j] = hessian[k * n + j] / total - gradient[k] * gradient[j];
    return most + log(total);
  }
  double exponent(std::size_t i, const std::vector<double>& lambda) const {
    double sum = log_weights_[i];
    for (std::size_t k = 0; k < views_.count; ++k) sum += lambda[k] * (g(i, k) - views_.target[k]) / scale_[k];
    return sum;
  }

 private:
  double g(std::size_t i, std::size_t k) const { return views_.value[i * views_.count + k]; }
  const EntropyViews& views_;
  std::span<const double> design_;
  const std::vector<double>& log_weights_;
  std::vector<double> scale_;
};

double largest(const std::vector<double>& values) {
  double most = 0;
  for (const double x : values) most = std::max(most, std::abs(x));
  return most;
}

}  // namespace

void add_entropy_views(const EntropyViews& views, std::span<const double> design, std::vector<double>& log_weights) {
  if (views.count == 0) return;
  const Dual dual(views, design, log_weights);
  std::vector<double> lambda(views.count, 0), gradient, hessian, step, next_gradient, next_hessian;
  double value = dual.at(lambda, gradient, hessian);
  constexpr int most_steps = 100;
  constexpr double tolerance = 1e-11;
  for (int i = 0; i < most_steps && largest(gradient) > tolerance; ++i) {
    if (!solve(hessian, gradient, step)) break;
    double length = 1;
    bool better = false;
    for (int halving = 0; halving < 60 && !better; ++halving, length /= 2) {
      std::vector<double> next = lambda;
      for (std::size_t k = 0; k < next.size(); ++k) next[k] -= length * step[k];
      const double there = dual.at(next, next_gradient, next_hessian);
      better = there < value || largest(next_gradient) < largest(gradient);
      if (better) lambda = next, value = there, gradient = next_gradient, hessian = next_hessian;
    }
    if (!better) break;
  }
  if (!(largest(gradient) < 1e-8))
    throw ImpossibleView(
        "no weights of the scenarios meet the views on probabilities and expected values: they contradict "
        "one another, or lie beyond what the scenarios have");
  std::vector<double> out(log_weights.size());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = dual.exponent(i, lambda);
  log_weights = std::move(out);
}

}  // namespace tailcube
