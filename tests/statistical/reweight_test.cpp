// A view by weights against runs of jobs that have it: a drift, a driver and what follows from both by correlation.
#include "src/cube/reweight.h"

#include "src/cube/reverse.h"
#include "tests/acceptance.h"
#include "tests/catch_any.h"
#include "tests/run_job.h"

using namespace tailcube;
using tailcube::test::Files;

namespace {

// Bitcoin with jumps, a rate, a driver with a hundred obligors; four steps. `drift` of bitcoin, `stress` of the driver.
Files files(int seed, double drift = 0, const std::string& stress = {}) {
  Files out;
  out["factors.csv"] =
      "id,kind,initial,drift,volatility,reversion,level,jump_rate,jump_mean,jump_volatility\n"
      "BTC,lognormal,100," +
      std::to_string(drift) + ",0.5,,,2,-0.1,0.1\nRATE,normal,50,0,4,,,,,\nD,driver,,,,,,,,\n";
  out["correlation.csv"] = "id,BTC,D,RATE\nBTC,1,0.3,-0.2\nD,0.3,1,0.1\nRATE,-0.2,0.1,1\n";
  out["holding.csv"] = "id,book,factor,quantity\nb,market,BTC,1000\nr,market,RATE,2000\n";
  out["obligors.csv"] = "id,pd_1y,driver,asset_correlation,lgd\n";
  out["exposure.csv"] = "id,book,obligor,ead\n";
  for (int i = 0; i < 100; ++i) {
    const std::string id = "o" + std::to_string(i);
    out["obligors.csv"] += id + ",0.03,D,0.25,1\n";
    out["exposure.csv"] += "e" + std::to_string(i) + ",credit," + id + ",3000\n";
  }
  out["job.toml"] =
      "[run]\nname = \"views\"\nseed = " + std::to_string(seed) +
      "\nscenarios = 20_000\ncurrency = \"USD\"\n[time]\nstep = \"1Q\"\nsteps = 4\n[files]\nfactors = "
      "\"factors.csv\"\ncorrelation = \"correlation.csv\"\nobligors = \"obligors.csv\"\npositions.exposure = "
      "\"exposure.csv\"\npositions.holding = \"holding.csv\"\n[cube]\nlevels = [\"book\"]\nconfidence = [0.95]\n"
      "tail_scenarios = 400\ncontributions = \"none\"\n" +
      stress;
  return out;
}

struct Found {
  Measured mean, shortfall;
  Measured innovation[3];
};

// The run with this seed under the view: total at the last step, from 400 worst and every third of the others.
Found reweighted(int seed, const std::vector<double>& mean, const std::vector<std::uint32_t>& only) {
  const Job job = test::load(files(seed));
  const Cube cube = test::run(job);
  std::vector<std::uint32_t> scenarios;
  const std::size_t first = cube.at(0, 0, 0, 0) * static_cast<std::size_t>(cube.tail_ranks);
  for (std::size_t r = first; r < first + 400; ++r) scenarios.push_back(static_cast<std::uint32_t>(cube.tail_scenario[r]));
  std::sort(scenarios.begin(), scenarios.end());
  for (std::uint32_t s = 1; s < 20'000; s += 3)
    if (!std::binary_search(scenarios.begin(), scenarios.begin() + 400, s)) scenarios.push_back(s);
  const ScenarioSample sample = ScenarioSampler(job, 0, 0, cube.unit)(scenarios, 1);
  const std::vector<double> ones(3, 1);
  const GaussianView view(job.market.correlation, 3, mean, ones, only);
  std::vector<double> log_weights, loss;
  for (std::size_t i = 0; i < sample.size(); ++i) {
    log_weights.push_back(view.log_ratio(std::span(sample.innovation).subspan(i * 3, 3)));
    loss.push_back(static_cast<double>(sample.loss_of(i, 0)) * cube.unit);
  }
  const Reweighting r(20'000, 400, log_weights);
  const TailUnderView tail = r.tail(loss, {95, 100});
  Found out{r.mean(loss), {tail.expected_shortfall, tail.expected_shortfall_se}, {}};
  for (std::size_t f = 0; f < 3; ++f) {
    std::vector<double> z;
    for (std::size_t i = 0; i < sample.size(); ++i) z.push_back(sample.innovation_of(i, f));
    out.innovation[f] = r.mean(z);
  }
  return out;
}

Found of_run(const Job& job) {
  const Cube cube = test::run(job);
  const int cell = static_cast<int>(cube.cells.size()) - 1;
  const std::size_t at = cube.at(0, cell, 0, 0), tail = cube.at(0, cell, 0, 0, 0);
  return {{cube.expected_loss[at], cube.expected_loss_se[at]},
          {cube.expected_shortfall[tail], cube.expected_shortfall_se[tail]},
          {}};
}

void compare(const char* what, const std::vector<double>& mean, const std::vector<std::uint32_t>& only,
             const std::vector<double>& expected, double drift, const std::string& stress) {
  test::Pool means, shortfalls;
  for (int seed = 1; seed <= 20; ++seed) {
    const Found weighed = reweighted(seed, mean, only), run = of_run(test::load(files(seed + 1000, drift, stress)));
    CAPTURE(what, seed, weighed.mean.value, weighed.mean.error, run.mean.value, run.mean.error);
    CAPTURE(weighed.shortfall.value, weighed.shortfall.error, run.shortfall.value, run.shortfall.error);
    CHECK(std::abs(means.add(weighed.mean.value, weighed.mean.error, run.mean.value, run.mean.error)) < test::kLargestZ);
    CHECK(std::abs(shortfalls.add(weighed.shortfall.value, weighed.shortfall.error, run.shortfall.value,
                                  run.shortfall.error)) < test::kLargestZ);
    for (std::size_t f = 0; f < 3; ++f) {
      const Measured& z = weighed.innovation[f];
      CHECK(std::abs(z.value - expected[f]) < test::kLargestZ * z.error);
    }
  }
  CAPTURE(what, means.summary(), shortfalls.summary());
  CHECK(means.plausible());
  CHECK(shortfalls.plausible());
}

}  // namespace

TEST_CASE("a shifted mean is a run with another drift", "[reweight]") {
  // Bitcoin alone, by -0.5: its drift less 0.5 x 0.5 over the root of a year.
  compare("drift", {-0.5, 0, 0}, {}, {-0.5, 0, 0}, -0.25, {});
}

TEST_CASE("a shifted driver is a run with its shock", "[reweight]") {
  const std::string shock = "[[stress]]\nname = \"down\"\nshocks = [ { driver = \"D\", add = -0.6 } ]\n";
  compare("driver alone", {0, -0.6, 0}, {}, {0, -0.6, 0}, 0, shock);
}

TEST_CASE("what follows a shifted driver follows by regression", "[reweight]") {
  const std::string shock = "[[stress]]\nname = \"down\"\nshocks = [ { driver = \"D\", add = -0.6 } ]\npropagate = true\n";
  compare("driver, others follow", {0, -0.6, 0}, {1}, {-0.18, -0.6, -0.06}, 0, shock);
}

TEST_CASE("a view that is not the run's drift is told from it", "[reweight]") {
  // The check must be able to fail: bitcoin by -0.5 against a run whose drift moved half as far.
  test::Pool means;
  for (int seed = 1; seed <= 4; ++seed) {
    const Found weighed = reweighted(seed, {-0.5, 0, 0}, {}), run = of_run(test::load(files(seed + 1000, -0.125)));
    means.add(weighed.mean.value, weighed.mean.error, run.mean.value, run.mean.error);
  }
  CHECK_FALSE(means.plausible());
}
