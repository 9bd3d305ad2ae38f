#include "src/cube/reweight.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/math/functions.h"
#include "src/cube/estimators.h"
#include "src/model/no_number.h"

namespace tailcube {
namespace {

constexpr double rounding = 1e-9;  // of a sum of weights: equal ones must count as the whole numbers they are

}  // namespace

std::vector<double> Reweighting::design(std::int64_t scenarios, std::size_t certain, std::size_t points) {
  std::vector<double> out(points, 1);
  const double each =
      (static_cast<double>(scenarios) - static_cast<double>(certain)) / static_cast<double>(points - certain);
  std::fill(out.begin() + static_cast<std::ptrdiff_t>(certain), out.end(), each);
  return out;
}

Reweighting::Reweighting(std::int64_t scenarios, std::size_t certain, std::span<const double> log_weights,
                         EntropyViews views)
    : n_(static_cast<double>(scenarios)),
      certain_(certain),
      design_(design(scenarios, certain, log_weights.size())),
      views_(std::move(views)) {
  const double most = *std::max_element(log_weights.begin(), log_weights.end());
  double sum = 0;
  weight_.reserve(log_weights.size());
  for (std::size_t i = 0; i < log_weights.size(); ++i) {
    weight_.push_back(exp(log_weights[i] - most));
    sum += design_[i] * weight_[i];
  }
  double squares = 0, sampled = 0, heaviest = 0;
  std::vector<double> off(weight_.size());
  for (std::size_t i = 0; i < weight_.size(); ++i) {
    double& w = weight_[i];
    w *= n_ / sum;
    squares += design_[i] * w * w;
    sampled += design_[i] * w * design_[i] * w;
    heaviest = std::max(heaviest, w / n_);
    off[i] = w - 1;
  }
  effective_ = n_ * n_ / sampled;
  share_ = n_ / squares;
  largest_ = heaviest;
  const double mean = sum / n_ * exp(most);
  total_ = {mean, mean * two_strata(off)};
  if (views_.count == 0) return;
  const std::size_t k = views_.count;
  covariance_.assign(k * k, 0);
  for (std::size_t i = 0; i < weight_.size(); ++i)
    for (std::size_t a = 0; a < k; ++a)
      for (std::size_t b = 0; b < k; ++b)
        covariance_[a * k + b] += design_[i] * weight_[i] / n_ * (views_.value[i * k + a] - views_.target[a]) *
                                  (views_.value[i * k + b] - views_.target[b]);
}

double Reweighting::weighted(std::span<const double> value) const {
  double sum = 0;
  for (std::size_t i = 0; i < weight_.size(); ++i) sum += design_[i] * weight_[i] * value[i];
  return sum / n_;
}

// The run is a sample of the law, the second stratum one of the run: both variances add up.
double Reweighting::two_strata(std::span<const double> influence) const {
  double squares = 0, sum = 0, about = 0;
  const std::size_t points = influence.size(), sampled = points - certain_;
  for (std::size_t i = 0; i < points; ++i) squares += design_[i] * influence[i] * influence[i];
  for (std::size_t i = certain_; i < points; ++i) sum += influence[i];
  const auto m = static_cast<double>(sampled), rest = n_ - static_cast<double>(certain_);
  for (std::size_t i = certain_; i < points; ++i) about += (influence[i] - sum / m) * (influence[i] - sum / m);
  const double second = sampled < 2 ? 0 : (rest / n_) * (rest / n_) * std::max(0.0, 1 - m / rest) * about / (m - 1) / m;
  return std::sqrt(squares / n_ / n_ + second);
}

// Of a weighted mean: w (y - mean), less what the fitted views explain of y.
double Reweighting::error(std::span<const double> value, double mean) const {
  const std::size_t k = views_.count, points = weight_.size();
  std::vector<double> slope(k, 0), with(k, 0), influence(points);
  for (std::size_t i = 0; i < points && k > 0; ++i)
    for (std::size_t a = 0; a < k; ++a)
      with[a] += design_[i] * weight_[i] / n_ * (views_.value[i * k + a] - views_.target[a]) * (value[i] - mean);
  if (k > 0 && !solve(covariance_, with, slope)) return no_number;
  for (std::size_t i = 0; i < points; ++i) {
    double rest = value[i] - mean;
    for (std::size_t a = 0; a < k; ++a) rest -= slope[a] * (views_.value[i * k + a] - views_.target[a]);
    influence[i] = weight_[i] * rest;
  }
  return two_strata(influence);
}

Measured Reweighting::mean(std::span<const double> value) const {
  const double m = weighted(value);
  return {m, error(value, m)};
}

double Reweighting::deviation(std::span<const double> value) const {
  const double m = weighted(value);
  double squares = 0;
  for (std::size_t i = 0; i < weight_.size(); ++i) squares += design_[i] * weight_[i] * (value[i] - m) * (value[i] - m);
  return std::sqrt(squares / n_);
}

TailUnderView Reweighting::tail(std::span<const double> loss, Confidence alpha) const {
  const std::size_t points = weight_.size();
  std::vector<std::uint32_t> order(points);
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(),
            [&](std::uint32_t a, std::uint32_t b) { return loss[a] != loss[b] ? loss[a] > loss[b] : a < b; });
  const auto mass = [&](std::uint32_t i) { return design_[i] * weight_[i] / n_; };
  // The largest loss, from the top, whose weight and that of all larger ones exceeds `beyond`.
  const auto quantile = [&](double beyond) {
    double sum = 0;
    for (const std::uint32_t i : order)
      if ((sum += mass(i)) > beyond * (1 + rounding)) return loss[i];
    return loss[order.back()];
  };
  const double beyond = static_cast<double>(alpha.denominator - alpha.numerator) / static_cast<double>(alpha.denominator);
  const double var = quantile(beyond);
  double excess = 0, sum = 0, squares = 0;
  for (const std::uint32_t i : order) {
    if (loss[i] <= var) break;
    excess += mass(i) * (loss[i] - var);
    sum += mass(i), squares += mass(i) * mass(i);
  }
  TailUnderView out{no_number, no_number, no_number, no_number,
                    no_number, no_number, no_number, squares > 0 ? sum * sum / squares : 0};
  if (out.effective < least_effective_tail) return out;
  out.value_at_risk = var;
  out.expected_shortfall = var + excess / beyond;
  std::vector<double> y(points);
  for (std::size_t i = 0; i < points; ++i) y[i] = var + std::max(0.0, loss[i] - var) / beyond;
  out.expected_shortfall_se = error(y, out.expected_shortfall);
  out.expected_shortfall_lower = out.expected_shortfall - normal_975 * out.expected_shortfall_se;
  out.expected_shortfall_upper = out.expected_shortfall + normal_975 * out.expected_shortfall_se;
  for (std::size_t i = 0; i < points; ++i) y[i] = loss[i] > var ? 1 : 0;
  const double half = normal_975 * error(y, sum);
  out.value_at_risk_lower = quantile(beyond + half);
  if (half < beyond) out.value_at_risk_upper = quantile(beyond - half);
  return out;
}

}  // namespace tailcube
