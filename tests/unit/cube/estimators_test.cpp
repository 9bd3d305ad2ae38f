#include "src/cube/estimators.h"

#include <random>

#include "samples.h"
#include "tests/catch_any.h"
#include "tests/reference.h"

using namespace tailcube;
using test::decimal;
using test::estimate;
using test::tally_of;

TEST_CASE("VaR is an order statistic and ES holds its atom") {
  // 1 .. 1005 at 99 %: n alpha = 994.95, k = 995, ES = (996 + ... + 1005 + 0.05 * 995) / 10.05. An interpolated quantile
  // would be 994.96; without the atom the tail would be divided by 10 or lack 0.05 of its mass.
  std::vector<Units> x(1005);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<Units>((i * 37) % 1005 + 1);
  Tally tally = tally_of(x, false);
  const TailEstimate e = estimate(tally, {99, 100});
  CHECK(e.value_at_risk == 995);
  CHECK(e.expected_shortfall == (10005.0 * 100 + 5 * 995) / 1005);
  CHECK(e.flag == few_tail_scenarios);
}

TEST_CASE("estimates of the reference vectors") {
  const auto reference = test::reference("estimator_vectors");
  if (!reference) return;
  for (const auto& row : (*reference)["expected"]["cases"]) {
    CAPTURE(row.dump());
    const auto n = row["n"].get<std::int64_t>();
    std::vector<Units> x;
    const double unit = 1.0 / 1000;
    if (row["losses"].is_string())
      for (std::int64_t i = 1; i <= n; ++i) x.push_back(1000 * i);
    else
      for (const double loss : row["losses"]) x.push_back(std::llround(loss * 1000));
    for (const bool binned : {false, true}) {
      Tally tally = tally_of(x, binned);
      const Confidence alpha = decimal(row["alpha"].get<std::string>());
      const TailEstimate e = estimate(tally, alpha);
      CHECK(quantile_rank(n, alpha) == row["rank"]);
      CHECK(e.value_at_risk * unit == Approx(row["VaR"].get<double>()).epsilon(1e-12));
      CHECK(e.expected_shortfall * unit == Approx(row["ES"].get<double>()).epsilon(1e-12));
    }
  }
}

TEST_CASE("the small reference cube") {
  const auto reference = test::reference("cube_small");
  if (!reference) return;
  const auto& losses = (*reference)["inputs"]["losses_cents"];
  const auto& horizons = (*reference)["inputs"]["horizons"];
  for (const auto& row : (*reference)["expected"]["results"]) {
    CAPTURE(row.dump());
    std::size_t h = 0;
    while (horizons[h] != row["horizon"]) ++h;
    const Confidence alpha = decimal(row["alpha"].get<std::string>());
    std::vector<Units> total;
    for (const auto& scenario : losses) {
      Units sum = 0;
      for (const Units cents : scenario[h]) sum += cents;
      total.push_back(sum);
    }
    Tally tally = tally_of(total, false);
    const TailEstimate e = estimate(tally, alpha);
    CHECK(e.value_at_risk / 100 == Approx(row["VaR"].get<double>()).margin(1e-9));
    CHECK(e.expected_shortfall / 100 == Approx(row["ES"].get<double>()).margin(1e-9));
    CHECK(estimate_moments(tally.moments).mean / 100 == Approx(row["EL"].get<double>()).margin(1e-9));
    for (std::size_t p = 0; p < row["standalone"].size(); ++p) {
      std::vector<Units> own;
      for (const auto& scenario : losses) own.push_back(scenario[h][p].get<Units>());
      Tally alone = tally_of(own, false);
      const TailEstimate s = estimate(alone, alpha);
      CHECK(s.value_at_risk / 100 == Approx(row["standalone"][p]["VaR"].get<double>()).margin(1e-9));
      CHECK(s.expected_shortfall / 100 == Approx(row["standalone"][p]["ES"].get<double>()).margin(1e-9));
    }
  }
}

TEST_CASE("moments keep their digits far from zero") {
  // 2^50 + {0, 1, 2, 3} repeated: a variance from doubles would be lost; exactly it is 1.25 n / (n-1).
  Moments m;
  const std::vector<Units> x = {Units{1} << 50, (Units{1} << 50) + 1, (Units{1} << 50) + 2, (Units{1} << 50) + 3};
  for (int i = 0; i < 250; ++i) m.add(x);
  const MomentEstimate e = estimate_moments(m);
  CHECK(e.mean == 0x1p50 + 1.5);
  CHECK(e.deviation == Approx(std::sqrt(1.25 * 1000 / 999)).epsilon(1e-14));
  CHECK(e.mean_se == Approx(std::sqrt(1.25 / 999)).epsilon(1e-14));
  CHECK(e.probability_positive == 1);
  CHECK(e.probability_positive_se == 0);
}

TEST_CASE("moments of gains and losses") {
  Moments m;
  m.add(std::vector<Units>{-7, -1, 0, 4});
  const MomentEstimate e = estimate_moments(m);
  CHECK(e.mean == -1);
  CHECK(e.deviation == Approx(std::sqrt(62.0 / 3)));
  CHECK(e.mean_se == Approx(std::sqrt(62.0 / 12)));
  CHECK(e.probability_positive == 0.25);
  CHECK(e.probability_positive_se == Approx(std::sqrt(0.25 * 0.75 / 4)));
  Moments one;
  one.add(std::vector<Units>{5});
  CHECK(estimate_moments(one).mean == 5);
  CHECK(std::isnan(estimate_moments(one).mean_se));
  CHECK(std::isnan(estimate_moments(Moments{}).mean));
}

TEST_CASE("the error of ES holds the error of its quantile") {
  // By hand: 40 losses 1 .. 40 at 95 %: k = 38, tail {39, 40}, m = 2, ES = 39.5; variance of the tail 0.25, ES - VaR = 1.5.
  std::vector<Units> x(40);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<Units>(i + 1);
  Tally tally = tally_of(x, false);
  const TailEstimate e = estimate(tally, {95, 100});
  const double se = std::sqrt((0.25 + 0.95 * 1.5 * 1.5) / 2);
  CHECK(e.expected_shortfall_se == Approx(se).epsilon(1e-14));
  CHECK(e.expected_shortfall_lower == Approx(39.5 - normal_975 * se).epsilon(1e-14));
  CHECK(e.expected_shortfall_upper == Approx(39.5 + normal_975 * se).epsilon(1e-14));
  // With an atom at VaR: 36 times 1, then 5, 5, 5, 7 at 90 %, m = 4: the tail is {5, 5, 5, 7}, VaR = x_(36) = 1.
  std::vector<Units> y(36, 1);
  y.insert(y.end(), {5, 5, 7, 5});
  Tally lumpy = tally_of(y, false);
  const TailEstimate f = estimate(lumpy, {90, 100});
  CHECK(f.value_at_risk == 1);
  CHECK(f.expected_shortfall == 5.5);
  CHECK(f.expected_shortfall_se == Approx(std::sqrt((0.75 + 0.9 * 4.5 * 4.5) / 4)).epsilon(1e-14));
}

TEST_CASE("what does not exist is missing and flagged") {
  std::vector<Units> x(100);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<Units>(i + 1);
  Tally tally = tally_of(x, false);
  const TailEstimate e = estimate(tally, {99, 100});
  CHECK(e.value_at_risk == 99);
  CHECK(e.value_at_risk_lower == 97);
  CHECK(std::isnan(e.value_at_risk_upper));
  CHECK(e.expected_shortfall == 100);
  CHECK(std::isnan(e.expected_shortfall_se));
  CHECK(std::isnan(e.expected_shortfall_lower));
  CHECK(std::isnan(e.expected_shortfall_upper));
  CHECK(e.flag == (var_interval_missing | es_interval_missing | few_tail_scenarios));
  const TailEstimate beyond = estimate(tally, {9995, 10'000});
  CHECK(beyond.value_at_risk == 100);
  CHECK(beyond.expected_shortfall == 100);
}

TEST_CASE("a tail without a loss beyond VaR has no error") {
  // 900 times 0 and 100 times 8: at 95 % the 50 worst are all 8. A law with a worse loss once in 10 000 looks the same.
  std::vector<Units> x(1000, 0);
  std::fill_n(x.begin(), 100, 8);
  for (const bool binned : {false, true}) {
    Tally tally = tally_of(x, binned, binned ? 10 : 1000);
    const TailEstimate e = estimate(tally, {95, 100});
    CHECK(e.value_at_risk == 8);
    CHECK(e.expected_shortfall == 8);
    CHECK(std::isnan(e.expected_shortfall_se));
    CHECK(e.expected_shortfall_lower == e.value_at_risk_lower);
    CHECK(e.expected_shortfall_lower == 8);
    CHECK(std::isnan(e.expected_shortfall_upper));
    CHECK(e.flag == (es_tail_is_tied | few_tail_scenarios));
    x[500] = 9;  // one worse loss is enough for an error
    Tally wider = tally_of(x, binned, binned ? 10 : 1000);
    const TailEstimate f = estimate(wider, {95, 100});
    CHECK(f.expected_shortfall_se > 0);
    CHECK(f.flag == few_tail_scenarios);
    x[500] = 0;
  }
}

TEST_CASE("an order statistic below what was kept is an error, never a guess") {
  std::mt19937_64 random(3);
  std::vector<Units> x(10'000);
  for (Units& v : x) v = static_cast<Units>(random() % 1'000'000);
  Tally tally = tally_of(x, false, 100, {99, 100});
  CHECK_NOTHROW(estimate(tally, {99, 100}));
  CHECK_THROWS_WITH(estimate(tally, {95, 100}),
                    Catch::Matchers::Contains("rank 9500 of 10000") || Catch::Matchers::Contains("of 10000 lies below"));
  // Not an error where the cut lies in an atom: how many scenarios repeat the last loss is known.
  std::vector<Units> zero(10'000, 0);
  zero[17] = 5;
  Tally atom = tally_of(zero, false, 100, {99, 100});
  const TailEstimate e = estimate(atom, {95, 100});
  CHECK(e.value_at_risk == 0);
  CHECK(e.value_at_risk_lower == 0);
  CHECK(e.expected_shortfall == 5.0 / 500);
}

TEST_CASE("estimates are the same bits for any partition") {
  std::mt19937_64 random(4);
  std::vector<Units> x(20'000);
  for (Units& v : x) v = static_cast<Units>(random() % 3 ? random() % 100'000 : 77);
  for (const bool binned : {false, true}) {
    Tally whole = tally_of(x, binned, 300);
    for (const std::size_t parts : {2u, 5u, 30u}) {
      std::vector<Tally> part(parts, tally_of({}, binned, 300));
      for (std::size_t s = 0; s < x.size(); s += 40) part[random() % parts].fold(std::span(x).subspan(s, 40), {}, s);
      for (; part.size() > 1; part.pop_back()) part[random() % (part.size() - 1)].merge(part.back());
      for (const Confidence a : {Confidence{90, 100}, {99, 100}, {999, 1000}}) {
        const TailEstimate e = estimate(whole, a), f = estimate(part[0], a);
        CHECK(e.value_at_risk == f.value_at_risk);
        CHECK(e.value_at_risk_lower == f.value_at_risk_lower);
        CHECK(e.value_at_risk_upper == f.value_at_risk_upper);
        CHECK(e.expected_shortfall == f.expected_shortfall);
        CHECK(e.expected_shortfall_se == f.expected_shortfall_se);
        CHECK(e.flag == f.flag);
      }
    }
  }
}
