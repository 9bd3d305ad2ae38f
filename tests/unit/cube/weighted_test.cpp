#include "src/cube/weighted.h"

#include <random>

#include "kernels/math/functions.h"
#include "samples.h"
#include "tests/catch_any.h"
#include "tests/reference.h"

using namespace tailcube;

namespace {

std::int64_t fixed(double w) { return std::llround(w * 0x1p56); }

}  // namespace

TEST_CASE("weighted estimates of the reference") {
  const auto reference = test::reference("estimator_vectors");
  if (!reference) return;
  const auto& input = (*reference)["inputs"]["weighted"];
  std::vector<Units> x;
  std::vector<std::int64_t> w;
  for (const double loss : input["losses"]) x.push_back(std::llround(loss * 100));
  for (const double weight : input["weights"]) w.push_back(fixed(weight));
  Tally tally = test::tally_of(x, false, 1001, {90, 100}, w);
  for (const auto& row : (*reference)["expected"]["weighted"]) {
    CAPTURE(row.dump());
    const Confidence alpha = row["alpha"] == 0.9 ? Confidence{9, 10} : Confidence{95, 100};
    const auto& plain = row["upper_tail_unnormalised"];
    const TailEstimate e = weighted_tail(tally.tail.worst(), tally.moments.count, alpha);
    CHECK(e.value_at_risk / 100 == Approx(plain["VaR"].get<double>()).epsilon(1e-12));
    CHECK(e.expected_shortfall / 100 == Approx(plain["ES"].get<double>()).epsilon(1e-12));
    const auto& normalised = row["self_normalised"];
    const TailEstimate f = weighted_tail(tally.tail.worst(), tally.moments.count, alpha, tally.moments.weight);
    CHECK(f.value_at_risk / 100 == Approx(normalised["VaR"].get<double>()).epsilon(1e-12));
    CHECK(f.expected_shortfall / 100 == Approx(normalised["ES"].get<double>()).epsilon(1e-12));
    CHECK(std::isnan(f.expected_shortfall_se));
  }
}

TEST_CASE("weights of one give the plain estimates") {
  std::mt19937_64 random(9);
  std::vector<Units> x(5000);
  for (Units& v : x) v = static_cast<Units>(random() % 1'000'000'000);
  Tally plain = test::tally_of(x, false), weighted = plain;
  weighted.tail = Tail(plain.tail.keep());
  weighted.tail.add(x, std::vector<std::int64_t>(x.size(), unit_weight), 0);
  for (const Confidence a : {Confidence{95, 100}, {99, 100}}) {
    // Above n (1-alpha), not at it: with weights of one and n alpha an integer the weighted rule takes the next larger mass.
    const TailEstimate w = weighted_tail(weighted.tail.worst(), 5000, a), p = test::estimate(plain, a);
    CHECK(w.value_at_risk == p.value_at_risk);
    CHECK(w.expected_shortfall == Approx(p.expected_shortfall).epsilon(1e-12));
    CHECK(w.expected_shortfall_se == Approx(p.expected_shortfall_se).epsilon(1e-3));
    CHECK(w.value_at_risk_lower == Approx(p.value_at_risk_lower).epsilon(1e-2));
    CHECK(w.value_at_risk_upper == Approx(p.value_at_risk_upper).epsilon(1e-2));
  }
}

TEST_CASE("a shifted normal estimates a rare tail") {
  // L = exp(Z) under N(0,1), drawn from a mixture of N(4.75,1) (nine tenths) and N(0,1): at 1 - 1e-6 VaR is exp(4.7534) and
  // ES = exp(1/2) Phi(1 - 4.7534) / 1e-6. Errors within 4.9 standard errors: false alarm 1e-6 a check.
  constexpr std::size_t n = 200'000;
  std::mt19937_64 random(10);
  std::normal_distribution<double> normal;
  std::vector<Units> x(n);
  std::vector<std::int64_t> w(n);
  for (std::size_t i = 0; i < n; ++i) {
    const double z = normal(random) + (i % 10 != 0 ? 4.75 : 0);
    x[i] = std::llround(1024 * 1e4 * std::exp(z));
    w[i] = fixed(1 / (0.1 + 0.9 * std::exp(4.75 * z - 4.75 * 4.75 / 2)));
  }
  Tally tally = test::tally_of(x, false, n, {90, 100}, w);
  const TailEstimate e = weighted_tail(tally.tail.worst(), n, {999'999, 1'000'000});
  const double var = 1024 * 1e4 * std::exp(4.753424308822899);
  const double es = 1024 * 1e4 * std::exp(0.5) * normal_cdf(1 - 4.753424308822899) / 1e-6;
  CHECK(std::fabs(e.expected_shortfall - es) < 4.9 * e.expected_shortfall_se);
  CHECK(e.expected_shortfall_se < 0.02 * es);
  CHECK(e.value_at_risk == Approx(var).epsilon(0.02));
  CHECK(e.value_at_risk_lower < var);
  CHECK(e.value_at_risk_upper > var);
  CHECK(e.value_at_risk_upper - e.value_at_risk_lower < 0.04 * var);
  const Probability p = exceedance(tally.tail.worst(), n, std::llround(var));
  CHECK(std::fabs(p.value - 1e-6) < 4.9 * p.standard_error);
  CHECK(p.standard_error < 2e-8);
  // The mean is exp(1/2) under P, whatever Q.
  const MomentEstimate m = estimate_moments(tally.moments);
  CHECK(std::fabs(m.mean - 1024 * 1e4 * std::exp(0.5)) < 4.9 * m.mean_se);
  CHECK(m.deviation == Approx(1024 * 1e4 * std::sqrt((std::exp(1.0) - 1) * std::exp(1.0))).epsilon(0.1));
  CHECK(std::fabs(m.probability_positive - 1) < 4.9 * m.probability_positive_se);
}
