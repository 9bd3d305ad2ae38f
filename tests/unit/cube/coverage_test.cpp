// Intervals and errors against laws whose VaR and ES are known, by repeated simulation.
#include <functional>

#include "kernels/math/functions.h"
#include "kernels/random/stream.h"
#include "samples.h"
#include "tests/catch_any.h"
#include "tests/reference.h"

using namespace tailcube;

namespace {

constexpr double scale = 0x1p24;  // units per 1

std::vector<Units> draw(std::uint64_t seed, std::size_t n, const std::function<double(double)>& quantile) {
  static const StreamId id = stream("test", "coverage");
  std::vector<Units> x(n);
  alignas(64) std::array<double, lanes> u;
  for (std::size_t s = 0; s < n; s += lanes) {
    uniforms(seed, id, static_cast<std::uint32_t>(s), 0, u);
    for (std::size_t i = 0; i < lanes && s + i < n; ++i) x[s + i] = std::llround(scale * quantile(u[i]));
  }
  return x;
}

}  // namespace

TEST_CASE("intervals cover as often as they say") {
  // Exponential losses with mean 2, n = 2 000 at 95 %, 3 000 repetitions: VaR = 2 log 20, ES = VaR + 2, n Var(ES) = 156
  // (80 without the error of the quantile). Bounds are 4.9 standard deviations of a count or a sample variance: false alarm
  // 1e-6 each.
  constexpr int repetitions = 3000;
  constexpr std::int64_t n = 2000;
  const Confidence alpha{95, 100};
  const RankInterval ranks = order_statistic_ranks(n, alpha);
  const double var = 2 * tailcube::log(20.0), es = var + 2;
  int var_covered = 0, es_covered = 0, mean_covered = 0;
  double sum = 0, squares = 0, mean_square_error = 0;
  for (int r = 0; r < repetitions; ++r) {
    const auto x = draw(1000 + static_cast<std::uint64_t>(r), n, [](double u) { return -2 * tailcube::log(u); });
    Tally tally{{}, Histogram(3), Tail({95, 100, 1, true})};
    tally.fold(x, {}, 0);
    const TailEstimate e = estimate_tail({n, tally.tail.worst()}, alpha, ranks);
    const MomentEstimate m = estimate_moments(tally.moments);
    var_covered += e.value_at_risk_lower <= scale * var && scale * var <= e.value_at_risk_upper;
    es_covered += e.expected_shortfall_lower <= scale * es && scale * es <= e.expected_shortfall_upper;
    mean_covered += std::fabs(m.mean - scale * 2) <= normal_975 * m.mean_se;
    const double error = e.expected_shortfall / scale - es;
    sum += error, squares += error * error;
    mean_square_error += e.expected_shortfall_se / scale * e.expected_shortfall_se / scale;
  }
  // P(1880 <= Bin(2000, 0.95) <= 1919) = 0.95999 for the ranks {1880, 1920}.
  REQUIRE(ranks == RankInterval{1880, 1920});
  const auto tolerance = [](double p) { return 4.9 * std::sqrt(p * (1 - p) / repetitions); };
  CHECK(std::fabs(static_cast<double>(var_covered) / repetitions - 0.95999) < tolerance(0.95999));
  // Normal intervals of skewed estimates fall a little short: at most two points here.
  CHECK(static_cast<double>(es_covered) / repetitions > 0.93 - tolerance(0.93));
  CHECK(static_cast<double>(es_covered) / repetitions < 0.95 + tolerance(0.95));
  CHECK(std::fabs(static_cast<double>(mean_covered) / repetitions - 0.95) < tolerance(0.95));
  const double variance = squares / repetitions - std::pow(sum / repetitions, 2);
  CHECK(std::fabs(n * variance / 156 - 1) < 4.9 * std::sqrt(2.0 / repetitions) + 0.02);
  CHECK(std::fabs(n * mean_square_error / repetitions / 156 - 1) < 0.05);
  CHECK(std::fabs(sum / repetitions) < 4.9 * std::sqrt(variance / repetitions) + 0.01 * std::sqrt(156.0 / n));
}

TEST_CASE("estimates and errors of known laws") {
  const auto reference = test::reference("dist_exact");
  if (!reference) return;
  constexpr std::size_t n = 200'000;
  std::size_t checked = 0;
  for (const auto& row : (*reference)["expected"]["results"]) {
    const std::string law = row["dist"];
    const auto number = [&](const char* key) { return row.contains(key) ? row[key].get<double>() : 0.0; };
    const double mu = number("mu"), sd = number("sd"), s = number("s"), b = number("b"), xi = number("xi");
    const double mean = number("scale"), beta = number("beta"), xm = number("xm"), nu = number("nu");
    std::function<double(double)> quantile;  // of the survival probability u
    if (law == "normal") quantile = [=](double u) { return mu - sd * normal_quantile(u); };
    if (law == "lognormal") quantile = [=](double u) { return tailcube::exp(mu - s * normal_quantile(u)); };
    if (law == "pareto") quantile = [=](double u) { return xm * tailcube::exp(-tailcube::log(u) / b); };
    if (law == "exponential") quantile = [=](double u) { return -mean * tailcube::log(u); };
    if (law == "gpd") quantile = [=](double u) { return beta / xi * tailcube::expm1(-xi * tailcube::log(u)); };
    if (law == "t") quantile = [=](double u) { return mu - sd * student_quantile(u, nu); };
    REQUIRE(quantile);
    Tally tally = test::tally_of(draw(77 + checked, law == "t" ? n / 10 : n, quantile), false);
    const auto count = static_cast<double>(tally.moments.count);
    for (const auto& [alpha, expected] : row["by_alpha"].items()) {
      if (alpha == "0.9999") continue;  // 20 scenarios beyond: too few for asymptotic errors
      CAPTURE(law, alpha, mu, sd);
      const TailEstimate e = test::estimate(tally, test::decimal(alpha));
      const double var = expected["VaR"], es = expected["ES"];
      const double var_error = std::sqrt(expected["n_times_var_of_VaR_hat"].get<double>() / count);
      const double es_error = std::sqrt(expected["n_times_var_of_ES_hat"].get<double>() / count);
      // 4 standard errors, 42 checks: false alarm 0.3 % for new seeds.
      CHECK(std::fabs(e.value_at_risk / scale - var) < 4 * var_error);
      CHECK(std::fabs(e.expected_shortfall / scale - es) < 4 * es_error);
      CHECK(e.value_at_risk_lower / scale < var + 4 * var_error);
      CHECK(e.value_at_risk_upper / scale > var - 4 * var_error);
      // The own error of a law with four moments: within a tenth at 95 and 99 %; heavier tails only in order of magnitude.
      const bool light = law == "normal" || law == "exponential" || law == "lognormal";
      const double ratio = e.expected_shortfall_se / scale / es_error;
      CHECK(ratio > (light && alpha != "0.999" ? 0.9 : 0.4));
      CHECK(ratio < (light && alpha != "0.999" ? 1.1 : 2.5));
    }
    ++checked;
  }
  CHECK(checked == 7);
}
