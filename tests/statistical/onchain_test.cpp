// Whole jobs of positions on chain and of hedges, against closed forms.
#include "tests/statistical/whole_job.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

// A job of shares of one pool with a price of this law at the end of one step.
Cube pool_job(const nlohmann::json& law, double price, const std::string& columns, const std::string& cells, int seed) {
  Files files;
  files["factors.csv"] = "id,kind,initial,drift,volatility\nP,lognormal," + number(price) + "," + number(law["mu"]) + "," +
                         number(law["sigma"]) + "\n";
  files["correlation.csv"] = "id,P\nP,1\n";
  files["lp.csv"] = "id,base_factor," + columns + "\ns,P," + cells + "\n";
  const double quarters = 4 * law["T"].get<double>();
  const std::string step =
      quarters == std::floor(quarters) ? number(quarters) + "Q" : number(std::round(quarters / 4 * 365)) + "D";
  JobText job{.seed = seed, .scenarios = 200'000, .step = step, .tables = {"lp"}, .confidence = "[0.95, 0.99]"};
  files["job.toml"] = job.text();
  return run(files);
}
double gauge(const Cube& cube, const std::string& name, bool error = false) {
  for (std::size_t g = 0; g < cube.gauges.size(); ++g)
    if (cube.gauges[g] == name) return (error ? cube.gauge_se : cube.gauge_mean)[g];
  FAIL("no gauge " << name);
  return 0;
}

}  // namespace

TEST_CASE("shares of a pool of constant product at the end of a lognormal path") {
  const auto json = reference("amm_lp");
  if (!json) return;
  Pool pool;
  int seed = 5500;
  for (const auto& law : json->at("expected").at("cp_gbm")) {
    const Cube cube = pool_job(law, 2000, "value", "1000000", ++seed);
    const Acceptance accept{"constant product, seed " + std::to_string(seed)};
    const double worth = 1e6;
    pool.add(cube.expected_loss[0], cube.expected_loss_se[0], worth * (1 - law["E_LP_over_V0"].get<double>()));
    accept.check("EL", cube.expected_loss[0], cube.expected_loss_se[0], worth * (1 - law["E_LP_over_V0"].get<double>()));
    accept.check("hold", gauge(cube, "impermanent_loss"), gauge(cube, "impermanent_loss", true),
                 -worth * law["E_LP_minus_hold_over_V0"].get<double>());
    CHECK(cube.loss_std[0] == Approx(worth * law["std_LP_over_V0"].get<double>()).epsilon(0.02));
    accept.check_var(cube, cube.at(0, 0, 0, 0, 0), "95 %", worth * law["VaR95_LP"].get<double>());
    accept.check_var(cube, cube.at(0, 0, 0, 0, 1), "99 %", worth * law["VaR99_LP"].get<double>());
  }
  INFO(pool.summary());
  CHECK(pool.plausible());
}

TEST_CASE("shares of a pool between two prices at the end of a lognormal path") {
  const auto json = reference("amm_lp");
  if (!json) return;
  Pool pool;
  int seed = 5600;
  for (const auto& law : json->at("expected").at("v3_E")) {
    const Cube cube = pool_job(law, law["P0"], "liquidity,lower_price,upper_price",
                               number(law["L"]) + "," + number(law["Pa"]) + "," + number(law["Pb"]), ++seed);
    const Acceptance accept{"between two prices, seed " + std::to_string(seed)};
    const double worth = law["V0"];
    CHECK(cube.base_value[0] == Approx(worth).margin(1.0 / 1024));
    pool.add(cube.expected_loss[0], cube.expected_loss_se[0], worth - law["E_VT"].get<double>());
    accept.check("EL", cube.expected_loss[0], cube.expected_loss_se[0], worth - law["E_VT"].get<double>());
    accept.check("out of range", gauge(cube, "out_of_range"), gauge(cube, "out_of_range", true), law["P_out_of_range"]);
  }
  INFO(pool.summary());
  CHECK(pool.plausible());
}

// sigma^2 / 8 of the value a year (Milionis and others 2022). The value falls by exp(-rate t) on average where the price has
// no drift, and each step loses that of what it began with, so the sum is exact for any step.
TEST_CASE("loss versus rebalancing grows by an eighth of the variance") {
  const auto json = reference("amm_lp");
  if (!json) return;
  for (const auto& law : json->at("expected").at("cp_gbm")) {
    if (law["mu"].get<double>() != 0) continue;
    Files files;
    files["factors.csv"] = "id,kind,initial,drift,volatility\nP,lognormal,2000,0," + number(law["sigma"]) + "\n";
    files["correlation.csv"] = "id,P\nP,1\n";
    files["lp.csv"] = "id,base_factor,value\ns,P,1000000\n";
    JobText job{.seed = 5700, .scenarios = 20'000, .step = "1D", .steps = 30, .tables = {"lp"}};
    files["job.toml"] = job.text();
    const Cube cube = run(files);
    const double rate = law["LVR_rate_per_V"], days = 30.0 / 365;
    const double lost = gauge(cube, "rebalancing_loss"), error = gauge(cube, "rebalancing_loss", true);
    INFO(lost << " +- " << error);
    CHECK(std::abs(lost + 1e6 * std::expm1(-rate * days)) < 4 * error);
  }
}

// Where prices drift at the riskless rate an option's payoff has the mean of its value, grown by interest; so has a
// forward's.
TEST_CASE("options and forwards settled at maturity") {
  Files files;
  files["factors.csv"] = "id,kind,initial,drift,volatility,jump_rate\nOIL,lognormal,80,0.03,0.35,0\nUSD,normal,0.03,0,0,\n";
  files["correlation.csv"] = "id,OIL,USD\nOIL,1,0\nUSD,0,1\n";
  files["curves.csv"] = "curve,tenor_years,factor\nFLAT,1,USD\n";
  files["hedge.csv"] =
      "id,side,kind,notional,maturity_years,curve,factor,strike\nc,call,call,10000,0.5,FLAT,OIL,85\n"
      "p,put,put,10000,0.5,FLAT,OIL,75\nf,forward,forward,10000,0.5,FLAT,OIL,81\n";
  Pool pool;
  for (int seed = 5800; seed < 5802; ++seed) {
    JobText job{.seed = seed, .scenarios = 100'000, .step = "1Q", .steps = 3, .tables = {"hedge"}};
    job.cube = "levels = [\"side\"]";
    const std::string text = job.text(), mark = "[files]\n";
    files["job.toml"] = std::string(text).replace(text.find(mark), mark.size(), mark + "curves = \"curves.csv\"\n");
    const Cube cube = run(files);
    const Acceptance accept{"hedges, seed " + std::to_string(seed)};
    for (std::size_t n = 1; n < cube.nodes.size(); ++n) {
      const std::size_t i = cube.at(0, 0, static_cast<int>(n), 0);
      const double expected = cube.base_value[n] * -std::expm1(0.03 * 0.5);
      accept.check("EL of " + cube.nodes[n], cube.expected_loss[i], cube.expected_loss_se[i], expected);
      if (cube.nodes[n] == "total/put") pool.add(cube.expected_loss[i], cube.expected_loss_se[i], expected);
    }
  }
  INFO(pool.summary());
  CHECK(pool.plausible());
}
