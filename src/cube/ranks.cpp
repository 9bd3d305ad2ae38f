#include "src/cube/ranks.h"

#include <algorithm>
#include <vector>

#include "kernels/tally/moments.h"

namespace tailcube {

std::int64_t quantile_rank(std::int64_t n, Confidence alpha) {
  const Wide product = Wide{n} * alpha.numerator;
  return static_cast<std::int64_t>((product + alpha.denominator - 1) / alpha.denominator);
}

namespace {

// Probabilities of Bin(n, q), q = 1 - alpha, around the most likely value, by the ratio of neighbours. What is left out is
// below 1e-40 of the largest; a step adds three rounding errors, so that 1e6 steps stay below 1e-9 relative.
struct Pmf {
  std::int64_t first = 0;  // the value of p[0]
  std::vector<double> p;   // sums to one
};

Pmf binomial_pmf(std::int64_t n, Confidence alpha) {
  const Wide beyond = alpha.denominator - alpha.numerator;
  const auto mode = static_cast<std::int64_t>((Wide{n} + 1) * beyond / alpha.denominator);
  const double odds = static_cast<double>(static_cast<std::int64_t>(beyond)) / static_cast<double>(alpha.numerator);
  constexpr double least = 1e-40;
  std::vector<double> below, above = {1.0};
  double p = 1;
  for (std::int64_t y = mode; y > 0 && p > least; --y)
    below.push_back(p *= static_cast<double>(y) / (static_cast<double>(n - y + 1) * odds));
  p = 1;
  for (std::int64_t y = mode; y < n && p > least; ++y)
    above.push_back(p *= static_cast<double>(n - y) * odds / static_cast<double>(y + 1));
  Pmf pmf;
  pmf.first = mode - static_cast<std::int64_t>(below.size());
  pmf.p.assign(below.rbegin(), below.rend());
  pmf.p.insert(pmf.p.end(), above.begin(), above.end());
  double lower = 0, upper = 0;  // small terms first
  for (const double x : std::vector<double>(below.rbegin(), below.rend())) lower += x;
  for (auto x = above.rbegin(); x != above.rend(); ++x) upper += *x;
  for (double& x : pmf.p) x /= lower + upper;
  return pmf;
}

}  // namespace

RankInterval order_statistic_ranks(std::int64_t n, Confidence alpha, double level) {
  const double tail = (1 - level) / 2;
  const Pmf pmf = binomial_pmf(n, alpha);  // of Y = n - X, the number of losses beyond the quantile
  RankInterval ranks;
  // P(X >= s) = P(Y <= n - s): the largest y with P(Y <= y) <= tail.
  std::size_t i = 0;
  for (double sum = 0; i < pmf.p.size() && (sum += pmf.p[i]) <= tail;) ++i;
  const std::int64_t most = pmf.first + static_cast<std::int64_t>(i) - 1;
  if (most >= 0) ranks.upper = n - most;
  // P(X <= r - 1) = P(Y >= n - r + 1): the smallest y with P(Y >= y) <= tail.
  std::size_t j = pmf.p.size();
  for (double sum = 0; j > 0 && (sum += pmf.p[j - 1]) <= tail;) --j;
  const std::int64_t least = pmf.first + static_cast<std::int64_t>(j);
  if (least <= n) ranks.lower = n - least + 1;
  return ranks;
}

}  // namespace tailcube
