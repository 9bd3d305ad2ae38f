#include "src/cube/weighted.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "src/cube/cube.h"
#include "src/model/no_number.h"

namespace tailcube {
namespace {

constexpr double weight_unit = 0x1p-56;

double error_of_mean(double mean_square, double mean, double n) {
  return std::sqrt(std::max(0.0, mean_square - mean * mean) / n);
}

// The first place from the top whose cumulative weight exceeds `need`; the length of the list if none does.
std::size_t place(const Tail::Worst& worst, double need) {
  Wide sum = 0;
  for (std::size_t j = 0; j < worst.size(); ++j)
    if (real(sum += worst.weight[j]) > need) return j;
  return worst.size();
}

}  // namespace

MomentEstimate weighted_moments(const Moments& m) {
  const auto n = static_cast<double>(m.count);
  const double mean = real(m.sum) / static_cast<double>(1 << sum_fraction_bits) / n;
  const double p = real(m.positive_weight) * weight_unit / n;
  MomentEstimate e{mean, no_number, no_number, p, no_number};
  if (m.count > 1) {
    e.mean_se = error_of_mean(real(m.weighted_squares) / n, mean, n - 1);
    e.deviation = std::sqrt(std::max(0.0, real(m.sum_of_squares) / n - mean * mean) * (n / (n - 1)));
    e.probability_positive_se = error_of_mean(real(m.positive_weight_squared) * weight_unit / n, p, n);
  }
  return e;
}

Probability exceedance(const Tail::Worst& worst, std::int64_t count, Units threshold) {
  const auto n = static_cast<double>(count);
  Wide weight = 0;
  double squares = 0;
  for (std::size_t i = 0; i < worst.size() && worst.loss[i] > threshold; ++i) {
    const double w = static_cast<double>(worst.weight[i]) * weight_unit;
    weight += worst.weight[i];
    squares += w * w;
  }
  const double p = real(weight) * weight_unit / n;
  return {p, error_of_mean(squares / n, p, n)};
}

TailEstimate weighted_tail(const Tail::Worst& worst, std::int64_t count, Confidence alpha, Wide mass) {
  if (mass == 0) mass = Wide{count} * unit_weight;
  const Wide beyond = alpha.denominator - alpha.numerator;
  const Wide need =
      mass / alpha.denominator * beyond + mass % alpha.denominator * beyond / alpha.denominator;  // rounded down
  std::size_t at = 0;
  for (Wide sum = 0; at < worst.size() && (sum += worst.weight[at]) <= need;) ++at;
  if (at == worst.size()) throw std::runtime_error("the weighted quantile lies below the worst scenarios that were kept");
  const Units var = worst.loss[at];
  const bool self_normalised = mass != Wide{count} * unit_weight;
  const auto n = static_cast<double>(count);
  const double scale = n / (real(mass) * weight_unit);  // 1, or what normalises the weights
  double excess = 0, squares = 0;
  std::int64_t worse = 0;
  for (std::size_t i = 0; i < at && worst.loss[i] > var; ++i, ++worse) {
    const double term =
        scale * static_cast<double>(worst.weight[i]) * weight_unit * static_cast<double>(worst.loss[i] - var);
    excess += term / n;
    squares += term * term / n;
  }
  const double tail = real(beyond) / static_cast<double>(alpha.denominator);
  TailEstimate e{static_cast<double>(var),
                 no_number,
                 no_number,
                 static_cast<double>(var) + excess / tail,
                 no_number,
                 no_number,
                 no_number,
                 0};
  int flag = worse < 100 ? few_tail_scenarios : 0;
  const bool has_errors = worse >= 2 && !self_normalised;
  if (has_errors) {
    e.expected_shortfall_se = error_of_mean(squares, excess, n) / tail;
    e.expected_shortfall_lower = e.expected_shortfall - normal_975 * e.expected_shortfall_se;
    e.expected_shortfall_upper = e.expected_shortfall + normal_975 * e.expected_shortfall_se;
  } else {
    flag |= worse == 0 && !self_normalised ? es_tail_is_tied : es_interval_missing;
  }
  const double error = normal_975 * exceedance(worst, count, var).standard_error;
  const std::size_t lower = place(worst, real(mass) * (tail + error)), upper = place(worst, real(mass) * (tail - error));
  if (has_errors && lower < worst.size()) e.value_at_risk_lower = static_cast<double>(worst.loss[lower]);
  if (has_errors && tail > error) e.value_at_risk_upper = static_cast<double>(worst.loss[upper]);
  if (std::isnan(e.value_at_risk_lower) || std::isnan(e.value_at_risk_upper)) flag |= var_interval_missing;
  e.flag = static_cast<std::int8_t>(flag);
  return e;
}

}  // namespace tailcube
