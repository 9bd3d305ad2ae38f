// Whole jobs of credit whose answer is a formula: large pools against the limit of infinitely many obligors, corrected for
// their size; pairs; an exposure under a constant hazard rate; defaults by year under a term structure.
#include "kernels/math/functions.h"
#include "tests/statistical/whole_job.h"

using namespace tailcube;
using namespace tailcube::test;
using nlohmann::json;

namespace {

double phi(double x) { return normal_pdf(x); }

// The share of defaults in an infinite pool of equal obligors, as a function of x, minus the driver (Vasicek 2002), and what
// N obligors add to its VaR and ES to first order (Wilde 2001, Martin and Wilde 2002, Gordy 2003).
struct Limit {
  double pd, rho, obligors;
  double slope() const { return std::sqrt(rho / (1 - rho)); }
  double y(double x) const { return (normal_quantile(pd) + std::sqrt(rho) * x) / std::sqrt(1 - rho); }
  double share(double x) const { return normal_cdf(y(x)); }
  double exceeded(double v) const {
    return normal_cdf((normal_quantile(pd) - std::sqrt(1 - rho) * normal_quantile(v)) / std::sqrt(rho));
  }
  // E[f(x); x > from] by Simpson's rule.
  template <class F>
  double mean(const F& f, double from = -9) const {
    constexpr int parts = 2000;
    const double h = (9 - from) / parts;
    double sum = 0;
    for (int i = 0; i <= parts; ++i)
      sum += (i == 0 || i == parts ? 1 : i % 2 == 1 ? 4 : 2) * f(from + i * h) * phi(from + i * h);
    return sum * h / 3;
  }
  double var(double alpha) const { return share(normal_quantile(alpha)); }
  double es(double alpha) const {
    return mean([&](double x) { return share(x); }, normal_quantile(alpha)) / (1 - alpha);
  }
  double sd() const {
    return std::sqrt(mean([&](double x) { return share(x) * share(x); }) - pd * pd);
  }
  double var_adjustment(double alpha) const {
    const double x = normal_quantile(alpha), p = share(x), b = slope(), d1 = b * phi(y(x)), d2 = -b * y(x) * d1;
    const double s = p * (1 - p) / obligors, ds = d1 * (1 - 2 * p) / obligors;
    return -0.5 * (-x * s / d1 + ds / d1 - s * d2 / (d1 * d1));
  }
  double es_adjustment(double alpha) const {
    const double x = normal_quantile(alpha), p = share(x);
    return phi(x) * p * (1 - p) / obligors / (2 * (1 - alpha) * slope() * phi(y(x)));
  }
  // Exact at any size; the standard error of a sample's standard deviation is that of the limit.
  double finite_sd() const { return std::sqrt(pd * (1 - pd) / obligors + (1 - 1 / obligors) * sd() * sd()); }
  double sd_error(double scenarios) const {
    const double v = sd() * sd(), m4 = mean([&](double x) { return std::pow(share(x) - pd, 4); });
    return std::sqrt((m4 - v * v) / scenarios / (4 * v));
  }
};

Cube equal_pool(double pd, double rho, double lgd, int obligors, const JobText& job) {
  Files files =
      pool_files(1, {}, std::vector<Credit>(static_cast<std::size_t>(obligors), {pd, {{0, std::sqrt(rho)}}, lgd, 1024}));
  files["job.toml"] = job.text();
  return run(files);
}

JobText pool_job(int seed, int scenarios) {
  return {.seed = seed,
          .scenarios = scenarios,
          .tables = {"exposure"},
          .confidence = "[0.99, 0.999, 0.9999]",
          .tail_scenarios = scenarios / 50};
}

}  // namespace

TEST_CASE("large equal pools have Vasicek's law") {
  const auto file = reference("lhp_closed_form");
  if (!file) return;
  Pool pool;
  int seed = 2000;
  for (const json& e : file->at("expected").at("results")) {
    const double pd = e["PD"], rho = e["rho"], lgd = e["LGD"];
    // Sizes that take a hundred defaults or so a scenario.
    const int obligors = pd < 0.001 ? 100'000 : pd < 0.01 ? 20'000 : 3000, scenarios = 100'000;
    const Limit limit{pd, rho, static_cast<double>(obligors)};
    const Cube cube = equal_pool(pd, rho, lgd, obligors, pool_job(++seed, scenarios));
    const Acceptance accept{"lhp_closed_form, PD " + number(pd)};
    const double money = 1024.0 * obligors;  // results per unit of exposure
    const std::size_t all = cube.at(0, 0, 0, 0);
    pool.add(cube.expected_loss[all], cube.expected_loss_se[all], e["EL"].get<double>() * money);
    accept.check("EL", cube.expected_loss[all] / money, cube.expected_loss_se[all] / money, e["EL"]);
    CHECK(limit.sd() * lgd == Approx(e["std"].get<double>()).epsilon(1e-9));
    accept.check("std", cube.loss_std[all] / money, lgd * limit.sd_error(scenarios), lgd * limit.finite_sd());
    for (std::size_t c = 0; c < cube.confidence.size(); ++c) {
      const std::string alpha = key(cube.confidence[c]);
      const double a = cube.confidence[c].value(), var = e["by_alpha"][alpha]["VaR"], es = e["by_alpha"][alpha]["ES"];
      CHECK(limit.var(a) * lgd == Approx(var).epsilon(1e-9));
      CHECK(limit.es(a) * lgd == Approx(es).epsilon(1e-9));
      // The number of defaults is whole: the probability of more than k is the limit's at k + 1/2, less the adjustment.
      const double adjustment = limit.var_adjustment(a), k = std::floor((var / lgd + adjustment) * obligors);
      if (k < obligors)  // else VaR is closer to all than one obligor
        accept.check_probability("P(L > VaR) " + alpha, beyond(cube, 0, 0, (k + 0.5) * 1024 * lgd).count, scenarios,
                                 limit.exceeded((k + 0.5) / obligors - adjustment));
      const std::size_t i = cube.at(0, 0, 0, 0, static_cast<int>(c));
      if (cube.estimate_flag[i] & few_tail_scenarios) continue;  // no error to go by
      accept.check_var(cube, i, alpha, (var + lgd * adjustment) * money, 1024 * lgd);
      accept.check_es(cube, i, alpha, (es + lgd * limit.es_adjustment(a)) * money);
    }
  }
  INFO(pool.summary());
  CHECK(pool.plausible());
}

TEST_CASE("the size of a pool shows as the granularity adjustment") {
  const auto file = reference("granularity_homog");
  if (!file) return;
  Pool pool;
  int seed = 2100;
  for (const json& e : file->at("expected").at("results")) {
    const double pd = e["PD"], rho = e["rho"], a = e["alpha"];
    const int obligors = e["N"];
    const Limit limit{pd, rho, static_cast<double>(obligors)};
    CHECK(limit.var_adjustment(a) == Approx(e["GA_VaR"].get<double>()).epsilon(1e-8));
    CHECK(limit.es_adjustment(a) == Approx(e["GA_ES"].get<double>()).epsilon(1e-8));
    const Cube cube = equal_pool(pd, rho, 1, obligors, pool_job(++seed, 400'000));
    const Acceptance accept{"granularity_homog, " + std::to_string(obligors) + " obligors"};
    const double money = 1024.0 * obligors;
    const std::size_t i = cube.at(0, 0, 0, 0, a > 0.995 ? 1 : 0);
    accept.check_es(cube, i, number(a), e["exact_ES"].get<double>() * money);
    accept.check_var(cube, i, number(a), e["exact_VaR_discrete"].get<double>() * money, 1024);
    pool.add(cube.expected_shortfall[i], cube.expected_shortfall_se[i], e["exact_ES"].get<double>() * money);
    // The limit itself is refused: the pool's size does show.
    const double unadjusted =
        z_score(cube.expected_shortfall[i], cube.expected_shortfall_se[i], e["ES_LHP"].get<double>() * money);
    CAPTURE(obligors, unadjusted);
    CHECK((unadjusted > kLargestZ || obligors > 250));
  }
  INFO(pool.summary());
  CHECK(pool.plausible());
}

TEST_CASE("large equal pools under the t copula") {
  const auto file = reference("tcop_lhp");
  if (!file) return;
  Pool pool;
  int seed = 2200;
  for (const json& e : file->at("expected").at("results")) {
    JobText job = pool_job(++seed, 50'000);
    job.credit = "copula = \"t\"\ndof = " + number(e["nu"]);
    const double pd = e["PD"], money = 1024.0 * 20'000;
    const Cube cube = equal_pool(pd, e["rho"], 1, 20'000, job);
    const Acceptance accept{"tcop_lhp, PD " + number(pd) + ", dof " + number(e["nu"])};
    const std::size_t all = cube.at(0, 0, 0, 0);
    accept.check("EL", cube.expected_loss[all] / money, cube.expected_loss_se[all] / money, pd);
    pool.add(cube.expected_loss[all], cube.expected_loss_se[all], pd * money);
    for (std::size_t c = 0; c < cube.confidence.size(); ++c) {
      // Of the order of 1/N: with f the density at VaR, ES is larger by f v(1 - v)/(2N (1 - alpha)), here less than 1 % of
      // its standard error, and left out.
      const std::string alpha = key(cube.confidence[c]);
      const double a = cube.confidence[c].value(), var = e["by_alpha"][alpha]["VaR"];
      const std::size_t i = cube.at(0, 0, 0, 0, static_cast<int>(c));
      accept.check_probability("P(L > VaR) " + alpha, beyond(cube, 0, 0, var * money).count, cube.scenarios, 1 - a);
      if (1 - a < 0.0005) continue;  // five scenarios
      accept.check_var(cube, i, alpha, var * money);
      accept.check_es(cube, i, alpha, e["by_alpha"][alpha]["ES"].get<double>() * money);
    }
  }
  INFO(pool.summary());
  CHECK(pool.plausible());
}

TEST_CASE("pairs of default times in a job with terminal timing") {
  const auto file = reference("default_times_pair");
  if (!file) return;
  struct Grid {
    std::string step;
    int steps;
  };
  int seed = 2300;
  for (const json& e : file->at("expected").at("results")) {
    const double years = e["T"], rho = e["rho_asset"], a = std::sqrt(std::abs(rho));
    const Grid grid = years == 1 ? Grid{"1Q", 4} : Grid{"1Y", static_cast<int>(years)};
    Files files = pool_files(1, {}, {});
    files["obligors.csv"] = "id,hazard,loadings,lgd\na," + number(e["hazard1"]) + ",D0:" + number(a) + ",1\nb," +
                            number(e["hazard2"]) + ",D0:" + number(rho < 0 ? -a : a) + ",1\n";
    files["exposure.csv"] = "id,obligor,ead\nea,a,1\neb,b,2\n";
    for (const bool sparse : {false, true}) {
      files["job.toml"] = JobText{.seed = ++seed,
                                  .scenarios = 400'000,
                                  .step = grid.step,
                                  .steps = grid.steps,
                                  .tables = {"exposure"},
                                  .tail_scenarios = 50'000,
                                  .time = "report = [1, " + std::to_string(grid.steps) + "]",
                                  .credit = "timing = \"terminal\"\nsampler = \"" + sampler(sparse) + "\""}
                              .text();
      const Cube cube = run(files);
      const Acceptance accept{"default_times_pair, rho " + number(rho) + ", T " + number(years) + ", " + sampler(sparse)};
      accept.check_probability("both", beyond(cube, 0, 1, 2.5).count, cube.scenarios, e["P_both"]);
      const std::size_t first = cube.at(0, 0, 0, 0), last = cube.at(0, 0, 0, 1);
      accept.check("either", cube.probability_of_loss[last], cube.probability_of_loss_se[last], e["P_any"]);
      accept.check("EL", cube.expected_loss[last], cube.expected_loss_se[last],
                   e["PD1"].get<double>() + 2 * e["PD2"].get<double>());
      // One of the steps before: tau is exponential.
      const double t = years / grid.steps;
      accept.check("EL of the first step", cube.expected_loss[first], cube.expected_loss_se[first],
                   -tailcube::expm1(-e["hazard1"].get<double>() * t) - 2 * tailcube::expm1(-e["hazard2"].get<double>() * t));
    }
  }
}

TEST_CASE("the protection of a zero-coupon claim under a constant hazard rate") {
  const auto file = reference("bonds_loans_cds");
  if (!file) return;
  const json &in = file->at("inputs").at("cds"), &e = file->at("expected").at("cds");
  Files files = pool_files(1, {}, {});
  files["obligors.csv"] =
      "id,hazard,loadings,lgd\na," + number(in["hazard"]) + ",D0:0.5," + number(1 - in["R"].get<double>()) + "\n";
  files["exposure.csv"] = "id,obligor,ead\nea,a," + number(in["N"]) + "\n";
  for (const std::string timing : {"adapted", "terminal"}) {
    files["job.toml"] = JobText{.seed = timing == "adapted" ? 2401 : 2402,
                                .step = "1Q",
                                .steps = 20,
                                .tables = {"exposure"},
                                .credit = "timing = \"" + timing + "\""}
                            .text();
    const Cube cube = run(files);
    const Acceptance accept{"bonds_loans_cds, " + timing};
    const std::size_t i = cube.at(0, 0, 0, 0);
    accept.check("EL", cube.expected_loss[i], cube.expected_loss_se[i], e["zero_coupon_EL"]);
    accept.check("survival", 1 - cube.probability_of_loss[i], cube.probability_of_loss_se[i], e["survival"]);
  }
}

TEST_CASE("obligors default by each year as often as the term structure of their rating says") {
  const std::vector<double> years = {0, 1, 2, 3, 5};
  const std::vector<std::vector<double>> pds = {{0, 0, 0.002, 0.002, 0.01}, {0, 0.03, 0.08, 0.1, 0.13}};
  const auto by = [&](const std::vector<double>& pd, double t) {
    std::size_t i = 1;
    while (years[i] < t - 1e-9) ++i;
    const double share = (t - years[i - 1]) / (years[i] - years[i - 1]);
    return 1 - std::pow(1 - pd[i - 1], 1 - share) * std::pow(1 - pd[i], share);  // survival is exponential in between
  };
  constexpr int obligors = 100;  // of each rating
  Files files = pool_files(1, {}, {});
  files["ratings.csv"] = "rating,pd_1y,pd_2y,pd_3y,pd_5y\nA,0,0.002,0.002,0.01\nB,0.03,0.08,0.1,0.13\n";
  files["obligors.csv"] = "id,rating,loadings,lgd\n", files["exposure.csv"] = "id,obligor,ead,grade\n";
  for (int i = 0; i < 2 * obligors; ++i) {
    const std::string id = std::to_string(i), rating = i % 2 == 0 ? "A" : "B";
    files["obligors.csv"] += "o" + id + "," + rating + ",D0:0.45,1\n";
    files["exposure.csv"] += "e" + id + ",o" + id + ",1," + rating + "\n";
  }
  int seed = 2600;
  for (const std::string copula : {"\"gaussian\"", "\"t\"\ndof = 4"})
    for (const std::string timing : {"adapted", "terminal"})
      for (const bool sparse : {false, true}) {
        JobText job{.seed = ++seed, .scenarios = 30'000, .step = "1Q", .steps = 20, .tables = {"exposure"}};
        job.time = "report = [2, 4, 6, 8, 10, 12, 16, 20]", job.cube = "levels = [\"grade\"]";
        job.credit = "copula = " + copula + "\ntiming = \"" + timing + "\"\nsampler = \"" + sampler(sparse) + "\"";
        std::string text = job.text();
        text.insert(text.find("obligors ="), "ratings = \"ratings.csv\"\n");
        files["job.toml"] = text;
        const Cube cube = run(files);
        const Acceptance accept{"term structure, " + copula + ", " + timing + ", " + sampler(sparse)};
        REQUIRE(cube.nodes.size() == 3);
        for (int grade = 0; grade < 2; ++grade)
          for (std::size_t h = 0; h < cube.horizon_years.size(); ++h) {
            const std::size_t i = cube.at(0, 0, grade + 1, static_cast<int>(h));
            const double pd = by(pds[static_cast<std::size_t>(grade)], cube.horizon_years[h]);
            const std::string what =
                cube.nodes[static_cast<std::size_t>(grade) + 1] + " by " + number(cube.horizon_years[h]);
            if (pd > 0)
              accept.check(what, cube.expected_loss[i] / obligors, cube.expected_loss_se[i] / obligors, pd);
            else
              CHECK(cube.probability_of_loss[i] == 0);
          }
      }
}
