// The rules by which the statistical tests accept a number.
#include "tests/acceptance.h"

#include "kernels/random/stream.h"
#include "tests/catch_any.h"
#include "tests/reference.h"

using namespace tailcube;
using namespace tailcube::test;

TEST_CASE("reference: acceptance_rules") {
  const auto file = reference("acceptance_rules");
  if (!file) return;
  const auto& expected = file->at("expected");
  const double alarm = 2 * normal_cdf(-kLargestZ);
  CHECK(alarm == Approx(expected.at("z4_two_sided").get<double>()).epsilon(1e-12));
  CHECK(2 * normal_cdf(-5) == Approx(expected.at("z5_two_sided").get<double>()).epsilon(1e-12));
  for (const auto& [checks, rate] : expected.at("false_alarm_any_of_m_at_4SE").items())
    CHECK(-tailcube::expm1(std::stod(checks) * tailcube::log1p(-alarm)) == Approx(rate.get<double>()).epsilon(1e-9));
  for (const auto& [batches, t] : expected.at("t_crit_equal_to_4SE_normal").items())
    CHECK(largest_t(std::stoi(batches)) == Approx(t.get<double>()).epsilon(1e-9));
  for (const auto& [batches, probability] : expected.at("P_abs_t_gt_4").items())
    CHECK(2 * student_cdf(-4, std::stod(batches) - 1) == Approx(probability.get<double>()).epsilon(1e-9));
  for (const auto& [n, distance] : expected.at("ks_D_crit_1e6").items())
    CHECK(largest_distance(std::stoul(n)) == Approx(distance.get<double>()).epsilon(0.014));
  CHECK(largest_distance(1) == Approx(expected.at("ks_asymptotic_coeff_1e6").get<double>()).epsilon(1e-9));
  for (const auto& [text, range] : expected.at("chi2_crit_1e6").items()) {
    const double dof = std::stod(text), low = range.at(0), high = range.at(1);
    CHECK(chi_squared_quantile(kPooledAlarm / 2, dof) == Approx(low).epsilon(1e-9));
    CHECK(chi_squared_quantile(1 - kPooledAlarm / 2, dof) == Approx(high).epsilon(1e-9));
    CHECK(plausible_chi_squared(low * 1.0001, dof));
    CHECK_FALSE(plausible_chi_squared(low * 0.9999, dof));
    CHECK(plausible_chi_squared(high * 0.9999, dof));
    CHECK_FALSE(plausible_chi_squared(high * 1.0001, dof));
  }
}

TEST_CASE("four standard errors are accepted, more are not, nor what is not a number") {
  CHECK(agrees(1.0, 0.3, 2.999, 0.4));
  CHECK_FALSE(agrees(1.0, 0.3, 3.001, 0.4));
  CHECK_FALSE(agrees(std::nan(""), 1, 0));
  CHECK_FALSE(agrees(0, std::nan(""), 0));
  CHECK_FALSE(agrees(0, HUGE_VAL, 0));
  CHECK(agrees(7, 0, 7));
}

TEST_CASE("a pool catches errors that are too large, too small or biased") {
  Pool fair, overstated, understated, biased;
  for (std::uint32_t i = 0; i < 200; ++i) {
    const double x = normal(1, stream("test", "pool"), i, 0);
    fair.add(x, 1, 0);
    overstated.add(x, 2, 0);
    understated.add(x, 0.7, 0);
    biased.add(x + 0.8, 1, 0);
  }
  INFO(fair.summary());
  CHECK(fair.plausible());
  CHECK_FALSE(overstated.plausible());
  CHECK_FALSE(understated.plausible());
  CHECK_FALSE(biased.plausible());
  CHECK_FALSE(Pool().plausible());
}

TEST_CASE("an exact binomial interval covers what it should") {
  CHECK(covers(10, 1000, 0.01));
  CHECK_FALSE(covers(30, 1000, 0.01));
  CHECK(covers(0, 1000, 0.01));
  CHECK_FALSE(covers(0, 1000, 0.02));
  CHECK(covers(1000, 1000, 0.995));
  CHECK_FALSE(covers(1000, 1000, 0.98));
}
