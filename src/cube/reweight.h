#pragma once
// Estimates under weights, from two strata of a run's scenarios: some taken for sure, and a systematic sample of all others.
// Pure. Formulas and sources: kernels/METHODS.md, "Reweighting".
#include "kernels/tally/moments.h"
#include "src/cube/plausibility.h"
#include "src/cube/ranks.h"
#include "src/cube/views.h"

namespace tailcube {

// Below these numbers of effective scenarios errors are not to be trusted: the relative error of a standard error is about
// 1 / sqrt(2 n), 7 % at 100 and 13 % at 30, and a mean of fewer weights is far from normal.
inline constexpr double least_effective = 100, least_effective_tail = 30;

struct TailUnderView {
  double value_at_risk, value_at_risk_lower, value_at_risk_upper;
  double expected_shortfall, expected_shortfall_se, expected_shortfall_lower, expected_shortfall_upper;
  double effective;  // scenarios beyond VaR; below least_effective_tail all others are NaN
};

class Reweighting {
 public:
  // The first `certain` points are scenarios that were taken for sure, the others a sample of the rest of `scenarios`.
  // `log_weights`, by point: likelihood ratios under the view, need not be normalised; `views` are those that they were
  // fitted to (what the fit costs in accuracy, or gains, is in the errors).
  Reweighting(std::int64_t scenarios, std::size_t certain, std::span<const double> log_weights, EntropyViews views = {});

  // How many scenarios a point of either stratum stands for.
  static std::vector<double> design(std::int64_t scenarios, std::size_t certain, std::size_t points);
  double effective() const { return effective_; }    // (sum w)^2 / sum w^2 of the points as sampled (Kish 1965)
  double effective_share() const { return share_; }  // the same, had all scenarios been weighted, as a share of them
  double largest_share() const { return largest_; }  // of a single scenario in all weight
  Measured total() const { return total_; }          // mean of the weights before they are normalised

  // A value by point; losses in units.
  Measured mean(std::span<const double> value) const;
  double deviation(std::span<const double> value) const;
  TailUnderView tail(std::span<const double> loss, Confidence) const;

 private:
  double weighted(std::span<const double> value) const;
  double error(std::span<const double> value, double mean) const;
  double two_strata(std::span<const double> influence) const;
  double n_;
  std::size_t certain_;
  std::vector<double> design_, weight_;  // weights of mean 1 over all scenarios
  EntropyViews views_;
  std::vector<double> covariance_;  // of the views' values, under the weights
  double effective_ = 0, share_ = 0, largest_ = 0;
  Measured total_{};
};

}  // namespace tailcube
