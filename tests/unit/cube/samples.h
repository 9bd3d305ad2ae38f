#pragma once
// Tallies of given losses, and an estimator that sorts everything: the plain reference of the tests.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "src/cube/cube.h"
#include "src/cube/estimators.h"

namespace tailcube::test {

inline Tally tally_of(const std::vector<Units>& losses, bool binned, std::int64_t at_least = 1001,
                      Confidence smallest = {90, 100}, const std::vector<std::int64_t>& weights = {}) {
  Tally tally{{}, Histogram(binned ? 7 : 3, binned), Tail({smallest.numerator, smallest.denominator, at_least, !binned})};
  tally.fold(losses, weights, 0);
  return tally;
}

// The view refers to the tally.
inline TailView view(Tally& tally) {
  if (!tally.histogram.with_sums()) return {tally.moments.count, tally.tail.worst()};
  return {tally.moments.count, tally.tail.worst(), tally.histogram.occupied(), tally.histogram.bits()};
}

inline TailEstimate estimate(Tally& tally, Confidence alpha) {
  return estimate_tail(view(tally), alpha, order_statistic_ranks(tally.moments.count, alpha));
}

// "0.995" as a fraction.
inline Confidence decimal(const std::string& text) {
  const std::string digits = text.substr(text.find('.') + 1);
  Confidence c{std::stoll(digits), 1};
  for (std::size_t i = 0; i < digits.size(); ++i) c.denominator *= 10;
  return c;
}

struct Plain {
  double value_at_risk, expected_shortfall;
};
inline Plain sorted_estimate(std::vector<Units> x, Confidence alpha) {
  std::sort(x.begin(), x.end());
  const auto n = static_cast<std::int64_t>(x.size()), k = quantile_rank(n, alpha);
  const Units var = x[static_cast<std::size_t>(k) - 1];
  Wide sum = 0;
  for (std::size_t i = static_cast<std::size_t>(k); i < x.size(); ++i) sum += x[i];
  const Wide numerator = sum * alpha.denominator + Wide{var} * (Wide{k} * alpha.denominator - Wide{n} * alpha.numerator);
  return {static_cast<double>(var),
          static_cast<double>(numerator) / static_cast<double>(Wide{n} * (alpha.denominator - alpha.numerator))};
}

}  // namespace tailcube::test
