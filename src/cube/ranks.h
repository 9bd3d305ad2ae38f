#pragma once
// Which order statistics estimate a quantile and bound it. Integer and exact: a confidence is a fraction, never a double.
#include <cstdint>

#include "src/model/model.h"

namespace tailcube {

// k = ceil(n alpha), 1 <= k <= n for n >= 1: VaR of n equally weighted losses is the k-th smallest, without interpolation.
std::int64_t quantile_rank(std::int64_t n, Confidence alpha);

// Order statistics x_(lower) and x_(upper), ranks from the smallest, that enclose the alpha-quantile with at least the
// probability `level`, whatever the law of the losses (David and Nagaraja 2003, section 7.1): with X ~ Bin(n, alpha)
//   lower = max{r : P(X <= r-1) <= (1-level)/2},  upper = min{s : P(X >= s) <= (1-level)/2}.
// 0 where there is no such rank in 1 .. n: too few scenarios. Needs 0 < alpha < 1, n < 2^32.
struct RankInterval {
  std::int64_t lower = 0, upper = 0;
  friend bool operator==(const RankInterval&, const RankInterval&) = default;
};
RankInterval order_statistic_ranks(std::int64_t n, Confidence alpha, double level = 0.95);

}  // namespace tailcube
