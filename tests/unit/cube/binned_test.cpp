#include <random>

#include "samples.h"
#include "tests/catch_any.h"

using namespace tailcube;
using test::sorted_estimate;
using test::tally_of;

namespace {

std::vector<Units> draws(int law, std::size_t n, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  std::student_t_distribution<double> heavy(3);
  std::vector<Units> x(n);
  for (Units& v : x) {
    if (law == 0) v = std::llround(1024e6 * std::exp(1.2 * normal(random)));
    if (law == 1) v = std::llround(1024e6 * heavy(random));
    if (law == 2) v = random() % 30 == 0 ? 115'200'000 * static_cast<Units>(1 + random() % 5) : -1000;
    if (law == 3) v = -std::llround(1024e6 * std::exp(0.1 * normal(random)));  // gains only
    if (law == 4) v = static_cast<Units>(random() % 100);                      // every value has a bin
  }
  return x;
}

}  // namespace

TEST_CASE("brackets hold the exact values") {
  for (int law = 0; law < 5; ++law)
    for (const std::size_t n : {200u, 3000u, 100'000u}) {
      const auto x = draws(law, n, 100 + n);
      auto sorted = x;
      std::sort(sorted.begin(), sorted.end());
      Tally tally = tally_of(x, true, 20);
      const TailView view = test::view(tally);
      for (const Confidence a : {Confidence{1, 2}, {90, 100}, {95, 100}, {99, 100}, {999, 1000}, {9999, 10'000}}) {
        CAPTURE(law, n, a.numerator, a.denominator);
        const auto exact = sorted_estimate(x, a);
        const Bracket var = view.order_statistic(quantile_rank(static_cast<std::int64_t>(n), a));
        const TailView::Shortfall es = view.expected_shortfall(a);
        CHECK(var.lower <= exact.value_at_risk);
        CHECK(var.upper >= exact.value_at_risk);
        CHECK(es.value.lower <= exact.expected_shortfall);
        CHECK(es.value.upper >= exact.expected_shortfall);
        CHECK(var.upper - var.lower <= std::fabs(exact.value_at_risk) / 100);
        if (law != 1) CHECK(es.value.upper - es.value.lower <= std::fabs(exact.expected_shortfall) / 100);
        if (law == 4) CHECK(var.lower == var.upper);
      }
      for (std::size_t rank = 1; rank <= n; rank += 1 + n / 200) {
        const Bracket b = view.order_statistic(static_cast<std::int64_t>(rank));
        REQUIRE(b.lower <= static_cast<double>(sorted[rank - 1]));
        REQUIRE(b.upper >= static_cast<double>(sorted[rank - 1]));
      }
    }
}

TEST_CASE("brackets at a million scenarios are narrow") {
  const auto x = draws(0, 1'000'000, 7);
  Tally tally = tally_of(x, true);
  const TailView view = test::view(tally);
  for (const Confidence a : {Confidence{95, 100}, {99, 100}, {995, 1000}}) {
    const Bracket var = view.order_statistic(quantile_rank(1'000'000, a));
    const Bracket es = view.expected_shortfall(a).value;
    CHECK(var.upper - var.lower < 0.008 * var.lower);
    CHECK(es.upper - es.lower < 1e-4 * es.lower);
  }
  // 1 001 entries: exact at 99.9 %, where rank n - k + 1 is 1 001.
  const Bracket var = view.order_statistic(quantile_rank(1'000'000, {999, 1000}));
  CHECK(var.lower == var.upper);
  CHECK(var.lower == sorted_estimate(x, {999, 1000}).value_at_risk);
  CHECK(view.expected_shortfall({999, 1000}).value.middle() == sorted_estimate(x, {999, 1000}).expected_shortfall);
}

TEST_CASE("binned estimates are flagged and their intervals wider") {
  for (int law = 0; law < 4; ++law) {
    const auto x = draws(law, 100'000, 200);
    Tally exact = tally_of(x, false), binned = tally_of(x, true, 100);
    for (const Confidence a : {Confidence{95, 100}, {99, 100}}) {
      CAPTURE(law, a.numerator);
      const TailEstimate e = test::estimate(exact, a), b = test::estimate(binned, a);
      if (law != 2) CHECK(b.flag == (e.flag | var_is_bracket));
      CHECK(b.value_at_risk_lower <= e.value_at_risk_lower);
      CHECK(b.value_at_risk_upper >= e.value_at_risk_upper);
      CHECK(b.value_at_risk_upper - b.value_at_risk_lower <
            1.02 * (e.value_at_risk_upper - e.value_at_risk_lower) + 0.02 * std::fabs(e.value_at_risk));
      CHECK(b.expected_shortfall_se >= e.expected_shortfall_se);
      CHECK(b.expected_shortfall_se < 1.05 * e.expected_shortfall_se);
      CHECK(b.expected_shortfall_lower <= e.expected_shortfall_lower);
      CHECK(b.expected_shortfall_upper >= e.expected_shortfall_upper);
    }
  }
}
