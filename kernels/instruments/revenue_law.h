#pragma once
// What a share of future revenue is expected to bring, with and without a cap.
#include <vector>

#include "kernels/market/market.h"

namespace tailcube {

// Of a lognormal or log_ou factor S: E[S_{n+m} | S_n] = growth[m] S_n^decay[m], by steps m = 0, 1, ...
class RevenueLaw {
 public:
  RevenueLaw(const Factor&, double step_years, std::size_t steps);

  double growth(std::size_t steps) const { return growth_[steps]; }
  double decay(std::size_t steps) const { return decay_[steps]; }
  bool reverts() const { return reversion_ > 0; }
  // E log S_n, seen from today.
  double expected_log(std::size_t step) const;
  // Standard deviation of the logarithm of a lognormal variable with the first two moments of X = sum_m weight[m - 1]
  // S_{n+m} given log S_n. 0 for a sum of nothing. Costs a square of the number of weights.
  double deviation(const std::vector<double>& weight, double log_now) const;

 private:
  // Cov(log S_{n+i}, log S_{n+j} | S_n) with jumps as exp() sees them: E S_i S_j = E S_i E S_j exp(covariance(i, j)).
  double covariance(std::size_t i, std::size_t j) const;

  double step_years_, reversion_, level_, drift_, log_today_;
  double variance_rate_;  // per year
  std::vector<double> growth_, decay_;
};

// E min(cap, X) for lognormal X of this mean and deviation of the logarithm; cap and mean zero or more.
double capped_mean(double cap, double mean, double deviation);

}  // namespace tailcube
