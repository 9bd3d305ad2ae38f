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

TEST_CASE("PD curves") {
  const auto curve = default_curve(0.04, 0.25, 8);
  REQUIRE(curve[3] == Approx(0.04).epsilon(1e-14));
  REQUIRE(curve[7] == Approx(1 - 0.96 * 0.96).epsilon(1e-14));
  REQUIRE(default_curve(0, 1, 2) == std::vector<double>{0, 0});
  REQUIRE(default_curve(1, 1, 2) == std::vector<double>{1, 1});
  REQUIRE(marginal_threshold(0) == never);
  REQUIRE(marginal_threshold(1) == -never);
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
  for (const double dof : {1.0, 3.0, 12.0, 300.0})
    for (const double pd : {1e-5, 0.02, 0.3})
      for (const double square : {1e-5, 0.2, 0.97}) {
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
    for (const double pd : {1e-5, 3e-5, 4e-4, 0.007, 0.03, 0.11, 0.3, 0.5})
      for (const double square : {0.01, 0.016, 0.07, 0.2, 0.45, 0.8}) {
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
