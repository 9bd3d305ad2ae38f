#include "kernels/instruments/revenue_law.h"

#include <algorithm>
#include <cmath>

#include "kernels/math/functions.h"

namespace tailcube {

RevenueLaw::RevenueLaw(const Factor& f, double step_years, std::size_t steps)
    : step_years_(step_years),
      reversion_(f.process == Process::log_ou ? f.reversion : 0),
      level_(f.level),
      drift_(0),
      log_today_(log(f.initial)),
      variance_rate_(f.volatility * f.volatility) {
  if (f.process == Process::lognormal) {
    const double jump_variance = f.jump_volatility * f.jump_volatility, mean_jump = expm1(f.jump_mean + jump_variance / 2);
    drift_ = f.drift - f.volatility * f.volatility / 2 - f.jump_rate * mean_jump + f.jump_rate * f.jump_mean;
    // E(J - 1)^2 of a jump's factor J.
    variance_rate_ += f.jump_rate * (expm1(2 * f.jump_mean + 2 * jump_variance) - 2 * mean_jump);
  }
  growth_.reserve(steps + 1), decay_.reserve(steps + 1);
  for (std::size_t m = 0; m <= steps; ++m) {
    const double years = static_cast<double>(m) * step_years;
    const double decay = exp(-reversion_ * years);
    decay_.push_back(decay);
    growth_.push_back(f.process == Process::log_ou ? exp(level_ * (1 - decay) + covariance(m, m) / 2)
                                                   : exp(f.drift * years));
  }
}

double RevenueLaw::expected_log(std::size_t step) const {
  if (reversion_ > 0) return level_ + (log_today_ - level_) * decay_[step];
  return log_today_ + drift_ * static_cast<double>(step) * step_years_;
}

double RevenueLaw::covariance(std::size_t i, std::size_t j) const {
  const double near = static_cast<double>(std::min(i, j)) * step_years_;
  if (reversion_ == 0) return variance_rate_ * near;
  const double apart = static_cast<double>(std::max(i, j)) * step_years_ - near;
  return -variance_rate_ / (2 * reversion_) * exp(-reversion_ * apart) * expm1(-2 * reversion_ * near);
}

double RevenueLaw::deviation(const std::vector<double>& weight, double log_now) const {
  std::vector<double> mean;
  double sum = 0, square = 0;
  for (std::size_t m = 1; m <= weight.size(); ++m) {
    mean.push_back(weight[m - 1] * growth_[m] * exp(decay_[m] * log_now));
    sum += mean.back();
  }
  if (!(sum > 0)) return 0;
  for (std::size_t i = 1; i <= weight.size(); ++i)
    for (std::size_t j = 1; j <= i; ++j)
      square += (i == j ? 1 : 2) * (mean[i - 1] / sum) * (mean[j - 1] / sum) * expm1(covariance(i, j));
  return std::sqrt(log1p(square));
}

double capped_mean(double cap, double mean, double deviation) {
  if (cap <= 0 || mean <= 0) return 0;
  if (deviation == 0 || !(mean < 1e300)) return std::min(cap, mean);
  const double d = log(mean / cap) / deviation + deviation / 2;
  return mean * normal_cdf(-d) + cap * normal_cdf(d - deviation);
}

}  // namespace tailcube
