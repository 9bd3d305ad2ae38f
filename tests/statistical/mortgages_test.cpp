// Mortgages in whole jobs: borrowers and house prices on correlated factors, against the exact law of one mortgage's loss.
#include "tests/statistical/whole_job.h"

using namespace tailcube;
using namespace tailcube::test;
using nlohmann::json;

namespace {

// One bullet mortgage whose borrower has one driver. The driver and the price are correlated.
struct OneMortgage {
  double principal, value, drift, volatility, sale_cost, foreclosure_years;
  double pd_1y, asset_correlation, correlation;
  double zero_rate = 0, rate = 0, maturity_years = 20;
};
Files one_mortgage(const OneMortgage& m) {
  Files files;
  files["factors.csv"] = "id,kind,initial,drift,volatility\nRATE,normal," + number(m.zero_rate) +
                         ",0,0\nHOUSES,lognormal,100," + number(m.drift) + "," + number(m.volatility) + "\nD,driver,,,\n";
  files["correlation.csv"] =
      correlation_table({"RATE", "HOUSES", "D"}, json{{1, 0, 0}, {0, 1, m.correlation}, {0, m.correlation, 1}});
  files["curves.csv"] = "curve,tenor_years,factor\nZERO,1,RATE\n";
  files["obligors.csv"] =
      "id,pd_1y,driver,asset_correlation,lgd\no," + number(m.pd_1y) + ",D," + number(m.asset_correlation) + ",1\n";
  files["mortgage.csv"] =
      "id,obligor,principal,rate,frequency,maturity_years,curve,spread,collateral_factor,collateral_value,sale_cost,"
      "foreclosure_years\nm,o," +
      number(m.principal) + "," + number(m.rate) + ",12," + number(m.maturity_years) + ",ZERO,0,HOUSES," + number(m.value) +
      "," + number(m.sale_cost) + "," + number(m.foreclosure_years) + "\n";
  return files;
}
// With the curve and the obligors that JobText leaves out.
std::string mortgage_job(JobText text, const std::string& stress = {}) {
  text.tables = {"mortgage"};
  std::string out = text.text();
  const std::string files = "[files]\n";
  out.insert(out.find(files) + files.size(), "curves = \"curves.csv\"\nobligors = \"obligors.csv\"\n");
  return out + stress;
}

std::size_t gauge(const Cube& cube, const std::string& name) {
  return static_cast<std::size_t>(std::find(cube.gauges.begin(), cube.gauges.end(), name) - cube.gauges.begin());
}

void check_foreclosed(const std::string& name, int seed, Pool& pool) {
  const auto file = reference(name);
  if (!file) return;
  const json &in = file->at("inputs"), &expected = file->at("expected");
  const double r = in["r"];
  Files files = one_mortgage({.principal = in["principal"],
                              .value = in["V0"],
                              .drift = in["mu"],
                              .volatility = in["sigma"],
                              .sale_cost = in["sale_cost"],
                              .foreclosure_years = in["foreclosure_years"],
                              .pd_1y = in["pd_1y"],
                              .asset_correlation = in["R2"],
                              .correlation = in["corr_driver_collateral_innovation"],
                              .zero_rate = r,
                              .rate = 12 * std::expm1(r / 12)});
  std::string credit = "joint = \"raw\"\n";
  if (!in["nu"].is_null()) credit += "copula = \"t\"\ndof = " + number(in["nu"]) + "\n";
  files["job.toml"] = mortgage_job({.seed = seed,
                                    .scenarios = 400'000,
                                    .step = "1M",
                                    .steps = 12,
                                    .confidence = "[0.99, 0.999]",
                                    .time = "report = [3, 6, 12]",
                                    .credit = credit});
  const Cube cube = run(files);
  for (std::size_t h = 0; h < 3; ++h) {
    const json& e = expected["horizon"][h];
    const Acceptance accept{name + " at step " + number(e["step"])};
    const int horizon = static_cast<int>(h);
    check_risk(accept, cube, 0, horizon, e["EL"], e["risk"]);
    for (std::size_t c = 0; c < cube.confidence.size(); ++c) {
      const std::string alpha = key(cube.confidence[c]);
      accept.check_var(cube, cube.at(0, 0, 0, horizon, static_cast<int>(c)), alpha, e["risk"][alpha]["VaR"]);
    }
    const std::size_t at = cube.at(0, 0, 0, horizon);
    accept.check("P(L > 0)", cube.probability_of_loss[at], cube.probability_of_loss_se[at], e["P_loss_positive"]);
    if (h == 2) pool.add(cube.expected_loss[at], cube.expected_loss_se[at], e["EL"]);
  }
}

}  // namespace

TEST_CASE("foreclosed mortgages on a path of house prices") {
  Pool pool;
  int seed = 40;
  for (const std::string name : {"adapted_mortgage_g_0_f0", "adapted_mortgage_g_0_f6", "adapted_mortgage_g_m06_f0",
                                 "adapted_mortgage_g_m06_f6", "adapted_mortgage_g_p06_f0", "adapted_mortgage_g_p06_f6",
                                 "adapted_mortgage_g_p06_f6_r3", "adapted_mortgage_t6_p06_f6"})
    check_foreclosed(name, ++seed, pool);
  INFO(pool.summary());
  if (pool.count() > 0) CHECK(pool.plausible());
}

TEST_CASE("loans on collateral that falls when borrowers default") {
  const auto file = reference("rwa_instruments");
  if (!file) return;
  Pool pool;
  int seed = 60;
  for (const json& e : file->at("expected").at("ltv_loan")) {
    // One step of T years: the driver's loading a and its correlation c with the price multiply to rho.
    const double rho = e["rho_collateral_default"], loading = 0.8;
    const int years = e["T"];
    Files files = one_mortgage({.principal = e["D"],
                                .value = e["V0"],
                                .drift = e["mu"],
                                .volatility = e["sigma"],
                                .sale_cost = e["sale_cost"],
                                .foreclosure_years = 0,
                                .pd_1y = -std::expm1(std::log1p(-e["PD"].get<double>()) / years),
                                .asset_correlation = loading * loading,
                                .correlation = rho / loading});
    files["job.toml"] = mortgage_job({.seed = ++seed, .scenarios = 400'000, .step = std::to_string(years) + "Y"});
    const Cube cube = run(files);
    const std::size_t at = cube.at(0, 0, 0, 0), defaults = cube.at(static_cast<int>(gauge(cube, "defaults")), 0, 0, 0);
    const Acceptance accept{"rwa_instruments, rho " + number(rho) + " for " + std::to_string(years) + " years"};
    accept.check("EL", cube.expected_loss[at], cube.expected_loss_se[at], e["EL_joint"]);
    accept.check("defaults", cube.gauge_mean[defaults], cube.gauge_se[defaults], e["PD"]);
    pool.add(cube.expected_loss[at], cube.expected_loss_se[at], e["EL_joint"]);
  }
  INFO(pool.summary());
  CHECK(pool.plausible());
}

TEST_CASE("a fall of house prices costs what defaulted borrowers' houses lose") {
  Files files = one_mortgage({.principal = 100'000,
                              .value = 110'000,
                              .drift = 0,
                              .volatility = 0,
                              .sale_cost = 0.1,
                              .foreclosure_years = 0.5,
                              .pd_1y = 0.06,
                              .asset_correlation = 0.3,
                              .correlation = 0});
  files["job.toml"] = mortgage_job(
      {.seed = 70, .scenarios = 20'000, .step = "1M", .steps = 12},
      "[[stress]]\nname = \"base\"\n[[stress]]\nname = \"fall\"\nshocks = [ { factor = \"HOUSES\", multiply = 0.7 } ]\n");
  const Cube cube = run(files);
  const std::size_t base = cube.at(0, 0, 0, 0), fall = cube.at(0, 1, 0, 0);
  const double defaults = cube.gauge_mean[cube.at(static_cast<int>(gauge(cube, "defaults")), 0, 0, 0)];
  CHECK(defaults > 0.05);
  CHECK(cube.expected_loss[base] == Approx(defaults * (100'000 - 0.9 * 110'000)).epsilon(1e-5));
  CHECK(cube.expected_loss[fall] == Approx(defaults * (100'000 - 0.9 * 77'000)).epsilon(1e-5));
}
