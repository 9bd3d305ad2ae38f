#include "kernels/credit/thresholds.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/credit/first_passage.h"
#include "kernels/math/functions.h"
#include "tests/catch_any.h"
#include "tests/reference.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

// Sanitizers, under which all of them take minutes, see all the code with the first and the last.
std::vector<double> ends_if_slow(std::vector<double> all) {
#ifdef TAILCUBE_SANITIZED
  all.erase(all.begin() + 1, all.end() - 1);
#endif
  return all;
}

}  // namespace

TEST_CASE("PD curves") {
  const auto curve = default_curve(0.04, 0.25, 8);
  REQUIRE(curve[3] == Approx(0.04).epsilon(1e-14));
  REQUIRE(curve[7] == Approx(1 - 0.96 * 0.96).epsilon(1e-14));
  REQUIRE(default_curve(0, 1, 2) == std::vector<double>{0, 0});
  REQUIRE(default_curve(1, 1, 2) == std::vector<double>{1, 1});
  REQUIRE(marginal_threshold(0) == never);
  REQUIRE(marginal_threshold(1) == -never);
}

namespace {

// Hazards 0.01 until one year, 0.02 until three, 0.035 from there on.
const std::vector<DefaultBy> rising = {
    {1, -tailcube::expm1(-0.01)}, {3, -tailcube::expm1(-0.05)}, {10, -tailcube::expm1(-0.295)}};
const std::vector<DefaultBy> falling = {{1, 0.1}, {2, 0.15}, {3, 0.17}, {5, 0.18}};
const std::vector<DefaultBy> later = {{1, 0}, {2, 0.0004}, {4, 0.003}};  // nobody defaults in the first year
const std::vector<DefaultBy> pausing = {
    {1, 0.02}, {2, 0.02}, {3, 0.05}, {4, 0.05}};  // nor in the second, nor after the third
const auto structures = {rising, falling, later, pausing};

}  // namespace

TEST_CASE("PD curves of a term structure") {
  const auto hazard = [](double t) { return t < 1 ? 0.01 * t : t < 3 ? 0.02 * t - 0.01 : 0.035 * t - 0.055; };
  for (const double step : {0.5, 1.0 / 12, 7.0 / 365, 4.0}) {
    const auto curve = default_curve(rising, step, 40);
    for (int n = 1; n <= 40; ++n)
      REQUIRE(curve[static_cast<std::size_t>(n) - 1] == Approx(-std::expm1(-hazard(n * step))).epsilon(1e-13));
  }
  // a point on the curve of a constant hazard changes nothing
  const auto constant = default_curve(0.04, 0.25, 12);
  const auto same = default_curve(std::vector<DefaultBy>{{1, 0.04}, {2, 1 - 0.96 * 0.96}}, 0.25, 12);
  for (std::size_t n = 0; n < 12; ++n) REQUIRE(same[n] == Approx(constant[n]).epsilon(1e-13));
  const auto still = default_curve(pausing, 0.25, 20);
  for (std::size_t n = 4; n < 8; ++n) REQUIRE(still[n] == still[3]);
  for (std::size_t n = 8; n < 12; ++n) REQUIRE(still[n] > still[n - 1]);
  for (std::size_t n = 12; n < 20; ++n) REQUIRE(still[n] == still[11]);
  REQUIRE(default_curve(later, 0.5, 2) == std::vector<double>{0, 0});
}

TEST_CASE("thresholds of a term structure meet its curve") {
  for (const double dof : {0.0, 4.0})
    for (const auto& term : structures)
      for (const double square : {1e-5, 0.02, 0.25, 0.7}) {
        if (dof > 0 && square != 0.25) continue;  // takes ten times as long
        const auto curve = default_curve(term, 0.5, 10);
        const Passage p = adapted_passage(curve, square, dof), again = passage(p.threshold, square, dof);
        CAPTURE(dof, square, term.size(), curve[1]);
        for (std::size_t n = 0; n < curve.size(); ++n) {
          CAPTURE(n);
          REQUIRE(p.marginal[n] == Approx(curve[n]).epsilon(1e-6));
          REQUIRE(again.marginal[n] == Approx(curve[n]).epsilon(2e-5));
          REQUIRE((p.threshold[n] == never) == (curve[n] == (n == 0 ? 0 : curve[n - 1])));
        }
      }
}

TEST_CASE("kappa matches joint defaults within a year whatever comes later") {
  for (const double dof : {0.0, 4.0})
    for (const auto& term : structures) {
      const auto curve = default_curve(term, 0.25, 12);
      const Matched m = matched_passage(curve, 0.2, 4, dof), unmatched = matched_passage(curve, 0.2, 0, dof);
      CAPTURE(dof, curve[3]);
      if (curve[3] > 0)
        REQUIRE(m.passage.joint[3] == Approx(copula_joint(curve[3], 0.2, dof)).epsilon(1e-5));
      else
        REQUIRE(m.kappa == 1);  // nothing to match
      REQUIRE(unmatched.kappa == 1);
      for (std::size_t n = 0; n < curve.size(); ++n) REQUIRE(m.passage.marginal[n] == Approx(curve[n]).epsilon(1e-6));
    }
}

TEST_CASE("adapted thresholds equal the reference") {
  for (const char* name : {"adapted_thresholds_gauss_4", "adapted_thresholds_gauss_12", "adapted_thresholds_t5_4",
                           "adapted_thresholds_t5_12"}) {
    const auto file = reference(name);
    if (!file) return;
    const auto& inputs = (*file)["inputs"];
    const double dof = inputs["nu"].is_null() ? 0 : inputs["nu"].get<double>();
    const auto& expected = (*file)["expected"];
    const auto& tolerance = (*file)["tolerance"];
    const int steps = inputs["steps"];
    for (std::size_t i = 0; i < inputs["obligors"].size(); ++i) {
      const auto& obligor = inputs["obligors"][i];
      const auto curve = default_curve(obligor["pd_1y"], inputs["dt"], steps);
      const Passage p = adapted_passage(curve, obligor["R2"], dof);
      for (std::size_t n = 0; n < curve.size(); ++n) {
        CAPTURE(name, i, n);
        REQUIRE(curve[n] == Approx(expected["PD"][i][n].get<double>()).epsilon(1e-12));
        REQUIRE(std::abs(p.threshold[n] - expected["c"][i][n].get<double>()) < tolerance["c_abs_numeric"].get<double>());
        for (const auto& pair : expected["joint"])
          if (pair["i"] == i && pair["j"] == i)
            REQUIRE(p.joint[n] ==
                    Approx(pair["P_both_by_n"][n].get<double>()).epsilon(tolerance["joint_same_kind_rel"].get<double>()));
      }
    }
  }
}

TEST_CASE("kappa equals the reference") {
  const auto file = reference("adapted_kappa");
  if (!file) return;
  const auto& tolerance = (*file)["tolerance"];
  for (const auto& e : (*file)["expected"]) {
    const double dof = e["nu"].is_null() ? 0 : e["nu"].get<double>();
    const int steps = e["steps"];
    const auto curve = default_curve(e["pd_1y"], 1.0 / steps, steps);
    const Matched m = matched_passage(curve, e["R2"], steps, dof);
    CAPTURE(dof, steps, e["pd_1y"].get<double>());
    REQUIRE(std::abs(m.kappa * m.kappa - e["kappa2"].get<double>()) < tolerance["kappa2_abs"].get<double>());
    for (std::size_t n = 0; n < curve.size(); ++n)
      REQUIRE(std::abs(m.passage.threshold[n] - e["c_with_kappa"][n].get<double>()) < tolerance["c_abs"].get<double>());
    REQUIRE(m.passage.joint.back() == Approx(e["joint_one_step_copula"].get<double>()).epsilon(1e-5));
  }
}

TEST_CASE("one step is the copula's quantile") {
  const std::vector<double> curve = {0.037};
  const Passage p = adapted_passage(curve, 0.3);
  REQUIRE(p.threshold[0] == normal_quantile(0.037));
  REQUIRE(p.joint[0] == bivariate_normal_cdf(p.threshold[0], p.threshold[0], 0.3));
  const Matched m = matched_passage(curve, 0.3, 1);
  REQUIRE(m.kappa == 1);
  REQUIRE(m.passage.threshold == p.threshold);
}

TEST_CASE("thresholds rise and meet the curve") {
  for (const double pd : {1e-5, 1e-3, 0.02, 0.3})
    for (const double square : {1e-5, 0.02, 0.25, 0.7, 0.97}) {
      const auto curve = default_curve(pd, 1.0 / 12, 12);
      const Passage p = adapted_passage(curve, square);
      CAPTURE(pd, square);
      REQUIRE(std::is_sorted(p.threshold.begin(), p.threshold.end()));
      for (std::size_t n = 0; n < curve.size(); ++n) REQUIRE(p.marginal[n] == Approx(curve[n]).epsilon(1e-6));
      // an independent run of the recursion on another grid of eps, as the ends differ
      const Passage again = passage(p.threshold, square);
      for (std::size_t n = 0; n < curve.size(); ++n) REQUIRE(again.marginal[n] == Approx(curve[n]).epsilon(2e-5));
    }
}

TEST_CASE("under the t copula thresholds rise and meet the curve") {
  for (const double dof : ends_if_slow({1.0, 3.0, 12.0, 300.0}))
    for (const double pd : ends_if_slow({1e-5, 0.02, 0.3}))
      for (const double square : ends_if_slow({1e-5, 0.2, 0.97})) {
        const auto curve = default_curve(pd, 1.0 / 6, 6);
        const Passage p = adapted_passage(curve, square, dof);
        CAPTURE(dof, pd, square);
        REQUIRE(p.threshold[0] == student_quantile(curve[0], dof));
        REQUIRE(std::is_sorted(p.threshold.begin(), p.threshold.end()));
        for (std::size_t n = 0; n < curve.size(); ++n) REQUIRE(p.marginal[n] == Approx(curve[n]).epsilon(1e-6));
        const Passage again = passage(p.threshold, square, dof);
        for (std::size_t n = 0; n < curve.size(); ++n) REQUIRE(again.marginal[n] == Approx(curve[n]).epsilon(1e-6));
      }
}

TEST_CASE("with many degrees of freedom the t copula is the Gaussian one") {
  const auto curve = default_curve(0.02, 0.25, 4);
  const Matched gauss = matched_passage(curve, 0.2, 4);
  double distance = 1;
  for (const double dof : {100.0, 400.0, 1600.0}) {  // the difference falls as 1 / dof
    const Matched m = matched_passage(curve, 0.2, 4, dof);
    double now = std::abs(m.kappa - gauss.kappa);
    for (std::size_t n = 0; n < 4; ++n) now = std::max(now, std::abs(m.passage.threshold[n] - gauss.passage.threshold[n]));
    CAPTURE(dof, now);
    REQUIRE(now < 0.3 * distance);
    distance = now;
  }
  REQUIRE(distance < 5e-3);
}

TEST_CASE("the mixing variable is a chi-squared one") {
  for (const double dof : {1.0, 2.5, 5.0, 8.0, 20.0, 200.0, 1000.0}) {
    double total = 0, mean = 0, square = 0;
    for (const MixingNode& m : mixing_nodes(dof, 1e-18)) {
      const double w = m.scale * m.scale;
      total += m.weight, mean += m.weight * w, square += m.weight * w * w;
    }
    CAPTURE(dof);
    CHECK(total == Approx(1).epsilon(1e-7));
    CHECK(mean == Approx(1).epsilon(1e-6));
    CHECK(square == Approx(1 + 2 / dof).epsilon(1e-5));
  }
}

TEST_CASE("thresholds that are not conditioned on survival overstate default") {
  // c_n = quantile of PD(t_n) ignores those who have crossed before: 12 chances to cross instead of one.
  const auto curve = default_curve(0.02, 1.0 / 12, 12);
  std::vector<double> naive;
  for (const double p : curve) naive.push_back(normal_quantile(p));
  const Passage p = passage(naive, 0.2);
  REQUIRE(p.marginal.back() > 1.05 * curve.back());
  REQUIRE(adapted_passage(curve, 0.2).threshold.back() < naive.back() - 0.02);
}

TEST_CASE("without a common driver thresholds are marginal quantiles") {
  const auto curve = default_curve(0.02, 0.25, 4);
  const Matched student = matched_passage(curve, 0, 4, 6);
  for (std::size_t n = 0; n < 4; ++n) REQUIRE(student.passage.threshold[n] == student_quantile(curve[n], 6));
  REQUIRE(student.passage.joint[3] == copula_joint(curve[3], 0, 6));
  for (const double square : {0.0, 5e-7}) {
    const Matched m = matched_passage(curve, square, 4);
    REQUIRE(m.kappa == 1);
    for (std::size_t n = 0; n < 4; ++n) REQUIRE(m.passage.threshold[n] == normal_quantile(curve[n]));
  }
  // and the recursion goes there: at R = 0.01 the curve of the marginal quantiles is off by less than R
  const Passage near = adapted_passage(curve, 1e-4);
  for (std::size_t n = 0; n < 4; ++n) REQUIRE(near.threshold[n] == Approx(normal_quantile(curve[n])).margin(0.005));
}

TEST_CASE("certain and impossible default") {
  for (const double pd : {0.0, 1.0}) {
    const Matched m = matched_passage(default_curve(pd, 0.25, 4), 0.2, 4);
    for (const double c : m.passage.threshold) REQUIRE(c == (pd > 0 ? -never : never));
  }
  // so many years that nearly nobody is left
  const auto curve = default_curve(0.9, 1, 20);
  const Passage p = adapted_passage(curve, 0.2);
  for (const double c : p.threshold) REQUIRE(std::isfinite(c));
}

TEST_CASE("kappa is capped where the loading is high") {
  const auto curve = default_curve(0.01, 1.0 / 12, 12);
  const Matched m = matched_passage(curve, 0.99, 12);
  REQUIRE(m.kappa * m.kappa * 0.99 == Approx(0.985).epsilon(1e-9));
}

TEST_CASE("interpolated thresholds meet exact ones") {
  for (const auto& [dof, match] : {std::pair{0.0, 0}, {0.0, 4}, {6.0, 3}}) {
    const int steps = dof > 0 ? 3 : 6;
    const double step_years = dof > 0 ? 1.0 / 3 : 0.25;
    const auto last = static_cast<std::size_t>(match) - 1;
    const PassageGrid grid(step_years, steps, match, dof);
    CAPTURE(dof, match);
    double worst = 0, worst_joint = 0;
    for (const double pd : ends_if_slow({1e-5, 3e-5, 4e-4, 0.007, 0.03, 0.11, 0.3, 0.5}))
      for (const double square : ends_if_slow({0.01, 0.016, 0.07, 0.2, 0.45, 0.8})) {
        REQUIRE(PassageGrid::contains(pd, square));
        const auto curve = default_curve(pd, step_years, steps);
        const auto value = grid(pd, square);
        const Passage p = passage(value.threshold, value.kappa * value.kappa * square, dof);
        for (std::size_t n = 0; n < curve.size(); ++n) worst = std::max(worst, std::abs(p.marginal[n] / curve[n] - 1));
        if (match > 0)
          worst_joint = std::max(worst_joint, std::abs(p.joint[last] / copula_joint(curve[last], square, dof) - 1));
        if (match == 0) REQUIRE(value.kappa == 1);
      }
    REQUIRE(worst < 5e-5);
    REQUIRE(worst_joint < 5e-5);
  }
  REQUIRE_FALSE(PassageGrid::contains(0.51, 0.2));
  REQUIRE_FALSE(PassageGrid::contains(0.01, 0.81));
}

TEST_CASE("interpolated thresholds of one term structure meet exact ones") {
  for (const double dof : {0.0, 6.0}) {
    double worst = 0, worst_joint = 0;
    for (const auto& term : structures) {
      const int steps = dof > 0 ? 4 : 10;
      const auto curve = default_curve(term, 0.5, steps);
      const PassageGrid grid(curve, 2, dof);
      for (const double square : ends_if_slow({0.01, 0.016, 0.07, 0.2, 0.45, 0.8})) {
        const auto value = grid(curve, square);
        const Matched exact = matched_passage(curve, square, 2, dof);
        const Passage p = passage(value.threshold, value.kappa * value.kappa * square, dof);
        for (std::size_t n = 0; n < curve.size(); ++n) {
          REQUIRE((value.threshold[n] == never) == (exact.passage.threshold[n] == never));
          if (curve[n] > 0) worst = std::max(worst, std::abs(p.marginal[n] / curve[n] - 1));
        }
        if (curve[1] > 0)
          worst_joint = std::max(worst_joint, std::abs(p.joint[1] / copula_joint(curve[1], square, dof) - 1));
      }
    }
    CAPTURE(dof, worst, worst_joint);
    REQUIRE(worst < 5e-5);
    REQUIRE(worst_joint < 5e-5);
  }
}
