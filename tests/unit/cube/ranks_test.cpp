#include "src/cube/ranks.h"

#include <cmath>

#include "samples.h"
#include "tests/catch_any.h"
#include "tests/reference.h"

using namespace tailcube;
using test::decimal;

TEST_CASE("the rank of a quantile is exact where doubles are not") {
  CHECK(quantile_rank(100, {55, 100}) == 55);  // ceil(100 * 0.55) is 56 in double
  CHECK(quantile_rank(2940, {55, 100}) == 1617);
  CHECK(quantile_rank(10, {9, 10}) == 9);  // 10 - floor(10 * (1 - 0.9)) is 10 in double
  CHECK(quantile_rank(50, {90, 100}) == 45);
  CHECK(quantile_rank(1005, {99, 100}) == 995);
  CHECK(quantile_rank(1, {999, 1000}) == 1);
  CHECK(quantile_rank(4'294'967'295, {999'999, 1'000'000}) == 4'294'963'001);
  for (std::int64_t n = 1; n < 3000; ++n)
    for (const Confidence a : {Confidence{55, 100}, {9, 10}, {95, 100}, {975, 1000}, {9999, 10000}}) {
      const std::int64_t k = quantile_rank(n, a);
      REQUIRE(k * a.denominator >= n * a.numerator);
      REQUIRE((k - 1) * a.denominator < n * a.numerator);
    }
}

TEST_CASE("rank traps of the reference") {
  const auto reference = test::reference("estimator_vectors");
  if (!reference) return;
  for (const auto& trap : (*reference)["expected"]["rank_traps"])
    CHECK(quantile_rank(trap["n"].get<std::int64_t>(), decimal(trap["alpha"].get<std::string>())) == trap["exact_rank"]);
}

namespace {

// P(lower <= X <= upper - 1), X ~ Bin(n, alpha), term by term.
double coverage(std::int64_t n, double alpha, RankInterval ranks) {
  double sum = 0;
  for (std::int64_t x = ranks.lower; x < (ranks.upper > 0 ? ranks.upper : n + 1); ++x) {
    const auto d = static_cast<double>(x), m = static_cast<double>(n);
    sum += std::exp(std::lgamma(m + 1) - std::lgamma(d + 1) - std::lgamma(m - d + 1) + d * std::log(alpha) +
                    (m - d) * std::log1p(-alpha));
  }
  return sum;
}

}  // namespace

TEST_CASE("order-statistic ranks") {
  // scipy.stats.binom; n = 100 has no upper rank at 99 %.
  CHECK(order_statistic_ranks(1000, {99, 100}) == RankInterval{983, 997});
  CHECK(order_statistic_ranks(100'000, {9999, 10'000}) == RankInterval{99'983, 99'997});
  CHECK(order_statistic_ranks(500, {99, 100}) == RankInterval{490, 500});
  CHECK(order_statistic_ranks(100, {99, 100}) == RankInterval{97, 0});
  CHECK(order_statistic_ranks(1'000'000, {999, 1000}, 0.99) == RankInterval{998'918, 999'081});
  CHECK(order_statistic_ranks(1, {1, 2}) == RankInterval{0, 0});
  CHECK(order_statistic_ranks(6, {1, 2}) == RankInterval{1, 6});  // P(X = 0) = 1/64 <= 0.025
  CHECK(order_statistic_ranks(5, {1, 2}) == RankInterval{0, 0});  // 1/32 > 0.025
}

TEST_CASE("order-statistic ranks of the reference") {
  const auto reference = test::reference("order_stat_ci");
  if (!reference) return;
  for (const auto& row : (*reference)["expected"]["results"]) {
    CAPTURE(row.dump());
    const auto n = row["n"].get<std::int64_t>();
    const double alpha = row["alpha"], level = row["conf"];
    const Confidence exact = decimal(row["alpha"].dump());
    const RankInterval ranks = order_statistic_ranks(n, exact, level);
    CHECK(ranks.lower == row["lower_rank"]);
    CHECK(ranks.upper == (row["upper_rank"].is_null() ? 0 : row["upper_rank"].get<std::int64_t>()));
    CHECK(coverage(n, alpha, ranks) == Approx(row["exact_coverage"].get<double>()).margin(1e-9));
    CHECK(quantile_rank(n, exact) == row["point_rank"]);
  }
}

TEST_CASE("order-statistic ranks are the narrowest that qualify") {
  for (const std::int64_t n : {20, 100, 777, 5000})
    for (const Confidence a : {Confidence{1, 2}, {9, 10}, {99, 100}}) {
      CAPTURE(n, a.numerator, a.denominator);
      const RankInterval r = order_statistic_ranks(n, a);
      if (r.lower > 0) {
        CHECK(1 - coverage(n, a.value(), {r.lower, 0}) <= 0.025);
        CHECK(1 - coverage(n, a.value(), {r.lower + 1, 0}) > 0.025);
      }
      if (r.upper > 0) {
        CHECK(coverage(n, a.value(), {r.upper, 0}) <= 0.025);
        CHECK(coverage(n, a.value(), {r.upper - 1, 0}) > 0.025);
      } else {
        CHECK(coverage(n, a.value(), {n, 0}) > 0.025);
      }
    }
}

TEST_CASE("order-statistic ranks of four billion scenarios") {
  // Normal approximation with continuity correction and skewness (Cornish-Fisher), good to a rank here.
  const std::int64_t n = 4'294'967'295;
  const RankInterval r = order_statistic_ranks(n, {95, 100});
  const double mean = static_cast<double>(n) * 0.95, deviation = std::sqrt(mean * 0.05), z = normal_975;
  const double skew = (1 - 2 * 0.95) / 6 * (z * z - 1);
  CHECK(std::fabs(static_cast<double>(r.lower) - (mean - z * deviation + skew)) < 2);
  CHECK(std::fabs(static_cast<double>(r.upper) - (mean + z * deviation + skew)) < 2);
}
