// Whole jobs against exact distributions of pools, baskets and liquidated loans.
#include <algorithm>

#include "tests/statistical/whole_job.h"

using namespace tailcube;
using namespace tailcube::test;
using nlohmann::json;

TEST_CASE("a pinned driver moves the others by their conditional law") {
  const auto file = reference("stress_pinned_factor");
  if (!file) return;
  const json &in = file->at("inputs"), &expected = file->at("expected");
  Files files;
  std::string obligors = "id,pd_1y,driver,asset_correlation,lgd\n", positions = "id,obligor,ead\n", stress;
  for (std::size_t i = 0; i < in.at("N").get<std::size_t>(); ++i) {
    const std::string id = "o" + std::to_string(i);
    obligors += id + "," + number(in["PD"][i]) + ",F" + std::to_string(in["sector"][i].get<int>()) + "," +
                number(in["rho_asset_on_own_sector_factor"][i]) + ",1\n";
    positions += "e" + std::to_string(i) + "," + id + "," + number(in["exposure_times_LGD_units"][i]) + "\n";
  }
  for (const json& s : in.at("stress"))
    stress += "[[stress]]\nname = \"" + number(s["F0"]) +
              "\"\npropagate = true\nshocks = [ { driver = \"F0\", set = " + number(s["F0"]) +
              (s["F0"].get<double>() == std::floor(s["F0"].get<double>()) ? ".0" : "") + " } ]\n";
  const double rho = in["sector_factor_correlation"][0][1];
  files["factors.csv"] = "id,kind\nF0,driver\nF1,driver\n";
  files["correlation.csv"] = "id,F0,F1\nF0,1," + number(rho) + "\nF1," + number(rho) + ",1\n";
  files["obligors.csv"] = obligors;
  files["exposures.csv"] = positions;
  for (const bool sparse : {false, true}) {
    files["job.toml"] =
        "[run]\nname = \"pinned\"\nseed = 11\nscenarios = 200_000\ncurrency = \"USD\"\n[time]\nstep = \"1Y\"\nsteps = "
        "1\n[files]\n"
        "factors = \"factors.csv\"\ncorrelation = \"correlation.csv\"\nobligors = \"obligors.csv\"\npositions.exposure = "
        "\"exposures.csv\"\n[cube]\nlevels = []\nconfidence = [0.95, 0.99, 0.999]\ntail_scenarios = "
        "16000\n[credit]\nsampler = \"" +
        sampler(sparse) + "\"\n" + stress;
    const Cube cube = run(files);
    const Acceptance accept{"stress_pinned_factor, " + sampler(sparse)};
    for (std::size_t cell = 0; cell < expected.at("stressed").size(); ++cell) {
      const json& e = expected["stressed"][cell];
      check_risk(accept, cube, static_cast<int>(cell), 0, e["stressed_EL"], e["risk"]);
      CHECK(cube.cell_distance[cell] == Approx(std::fabs(e["F0"].get<double>())).epsilon(1e-12));
    }
  }
}

TEST_CASE("a basket of two correlated lognormals") {
  for (const std::string name : {"gbm_basket2_1y", "gbm_basket2_rhom06", "gbm_basket2_rhop06"}) {
    const auto file = reference(name);
    if (!file) return;
    const json &in = file->at("inputs"), &expected = file->at("expected");
    const std::string rho = number(in["rho"]);
    const double years = in["T"];  // folded into drift and volatility: a day count of 252 is not a step the input knows
    Files files;
    files["factors.csv"] = "id,kind,initial,drift,volatility\n";
    files["holdings.csv"] = "id,factor,quantity\n";
    for (std::size_t i = 0; i < 2; ++i) {
      const std::string id = "S" + std::to_string(i);
      files["factors.csv"] += id + ",lognormal," + number(in["S0"][i]) + "," + number(in["mu"][i].get<double>() * years) +
                              "," + number(in["sigma"][i].get<double>() * std::sqrt(years)) + "\n";
      files["holdings.csv"] += "h" + std::to_string(i) + "," + id + "," + number(in["units"][i]) + "\n";
    }
    files["correlation.csv"] = "id,S0,S1\nS0,1," + rho + "\nS1," + rho + ",1\n";
    files["job.toml"] =
        "[run]\nname = \"basket\"\nseed = 5\nscenarios = 200_000\ncurrency = \"USD\"\n[time]\nstep = \"1Q\"\nsteps = "
        "4\n[files]\nfactors = "
        "\"factors.csv\"\ncorrelation = \"correlation.csv\"\npositions.holding = \"holdings.csv\"\n[cube]\nlevels = "
        "[]\nconfidence = "
        "[0.95, 0.99, 0.999]\ntail_scenarios = 1000\n";
    const Cube cube = run(files);
    const Acceptance accept{name};
    check_risk(accept, cube, 0, 0, expected["V0"].get<double>() - expected["mean_VT"].get<double>(), expected["risk"]);
    for (std::size_t c = 0; c < cube.confidence.size(); ++c) {
      const std::string alpha = key(cube.confidence[c]);
      accept.check_var(cube, cube.at(0, 0, 0, 0, static_cast<int>(c)), alpha, expected["risk"][alpha]["VaR"]);
    }
  }
}

TEST_CASE("a heterogeneous pool with adapted timing, every horizon") {
  const auto file = reference("adapted_pool_n100_g");
  if (!file) return;
  const json &in = file->at("inputs"), &expected = file->at("expected");
  Files files;
  const std::string rho = number(in["rho_drivers"]);
  files["factors.csv"] = "id,kind\nD0,driver\nD1,driver\n";
  files["correlation.csv"] = "id,D0,D1\nD0,1," + rho + "\nD1," + rho + ",1\n";
  files["obligors.csv"] = "id,pd_1y,loadings,lgd\n";
  files["exposures.csv"] = "id,obligor,ead\n";
  int i = 0;
  for (const json& o : in["obligors"]) {
    const std::string id = "o" + std::to_string(i++);
    std::string loadings;
    for (const std::string driver : {"D0", "D1"})
      if (o["loading_" + driver].get<double>() != 0)
        loadings += (loadings.empty() ? "" : " ") + driver + ":" + number(o["loading_" + driver]);
    files["obligors.csv"] += id + "," + number(o["pd_1y"]) + "," + loadings + ",1\n";
    files["exposures.csv"] += "e" + id + "," + id + "," + number(o["loss_units"]) + "\n";
  }
  std::string report;
  std::vector<json> horizons;
  for (const int step : {3, 6, 12}) {
    report += (report.empty() ? "" : ", ") + std::to_string(step);
    horizons.push_back(expected["horizon"][std::to_string(step)]);
  }
  for (const bool sparse : {false, true}) {
    files["job.toml"] =
        "[run]\nname = \"pool\"\nseed = 3\nscenarios = 150_000\ncurrency = \"USD\"\n[time]\nstep = \"1M\"\nsteps = "
        "12\nreport = [" +
        report +
        "]\n[files]\nfactors = \"factors.csv\"\ncorrelation = \"correlation.csv\"\nobligors = "
        "\"obligors.csv\"\npositions.exposure = "
        "\"exposures.csv\"\n[cube]\nlevels = []\nconfidence = [0.95, 0.99, 0.999]\ntail_scenarios = 20000\n[credit]\njoint "
        "= "
        "\"raw\"\nsampler = \"" +
        sampler(sparse) + "\"\n";
    const Cube cube = run(files);
    const Acceptance accept{"adapted_pool_n100_g, " + sampler(sparse)};
    for (std::size_t h = 0; h < horizons.size(); ++h)
      check_risk(accept, cube, 0, static_cast<int>(h), horizons[h]["EL_exact"], horizons[h]["risk"]);
  }
}

namespace {

// A loan on one collateral, liquidated whole when its price is at most B. The cube's bad debt is its loss to the lender.
struct Monitored {
  std::string how;
  int steps;
  int scenarios = 100'000;
};
Cube liquidated_loan(const json& in, int seed, const Monitored& monitored) {
  const int steps = monitored.steps;
  // Time is stretched to whole days: volatility and intensity are per step.
  const double stretch = in["T"].get<double>() / (steps / 365.0), debt = in["debt"], penalty = in["penalty"];
  Files files;
  files["factors.csv"] = "id,kind,initial,drift,volatility,jump_rate,jump_mean,jump_volatility\nS,lognormal," +
                         number(in["S0"]) + "," + number(in.value("mu", 0.0) * stretch) + "," +
                         number(in["sigma"].get<double>() * std::sqrt(stretch)) + "," +
                         number(in.value("lambda", 0.0) * stretch) + "," + number(in.value("mean_log_jump", 0.0)) + "," +
                         number(in.value("sd_log_jump", 0.0)) + "\n";
  files["correlation.csv"] = "id,S\nS,1\n";
  files["vault.csv"] =
      "id,collateral_factor,collateral_quantity,debt,borrow_rate,liquidation_threshold,bonus,close_factor,side,monitoring\n"
      "v,S,1," +
      number(debt) + ",0," + number(debt / in["B"].get<double>()) + "," + number(penalty / (1 - penalty)) + ",1,lender," +
      monitored.how + "\n";
  files["job.toml"] = JobText{.seed = seed,
                              .scenarios = monitored.scenarios,
                              .step = "1D",
                              .steps = steps,
                              .tables = {"vault"},
                              .confidence = "[0.9]"}
                          .text();
  return run(files);
}

std::size_t repayments(const Cube& cube) {
  const auto sold = std::find(cube.gauges.begin(), cube.gauges.end(), "liquidated") - cube.gauges.begin();
  return cube.at(static_cast<int>(sold), 0, 0, 0);
}

void check_bad_debt(const std::string& name, int seed, const std::string& p_hit, const std::string& bad_debt,
                    const std::string& how = "step") {
  const auto file = reference(name);
  if (!file) return;
  const Acceptance accept{name};
  Pool pool;
  for (std::size_t i = 0; i < file->at("inputs").at("cases").size(); ++i) {
    const json &in = (*file)["inputs"]["cases"][i], &e = (*file)["expected"]["results"][i];
    const int dates = in["n_monitoring"], steps = how == "step" ? dates : 3;
    const Cube cube = liquidated_loan(in, seed + dates, {how, steps});
    const std::size_t at = cube.at(0, 0, 0, 0);
    // The rounding to 1/1024 biases a mean by at most half a unit.
    const double se = std::hypot(cube.expected_loss_se[at], 0.5 / 1024 / 4);
    pool.add(cube.expected_loss[at], se, e[bad_debt]);
    accept.check("expected bad debt, " + std::to_string(steps) + " dates", cube.expected_loss[at], se, e[bad_debt]);
    // A hit repays the debt but for what is bad.
    const std::size_t gauge = repayments(cube);
    accept.check("expected repayment, " + std::to_string(steps) + " dates", cube.gauge_mean[gauge], cube.gauge_se[gauge],
                 in["debt"].get<double>() * e[p_hit].get<double>() - e[bad_debt].get<double>());
  }
  INFO(name << ": " << pool.summary());
  CHECK(pool.plausible());
}

}  // namespace

TEST_CASE("bad debt of a liquidated loan, monitored at every step") {
  check_bad_debt("barrier_liquidation", 9, "P_hit_discrete_exact", "E_bad_debt_at_first_discrete_hit");
}

TEST_CASE("bad debt of a loan on collateral that jumps") {
  check_bad_debt("barrier_jump_baddebt", 1000, "P_hit_discrete", "E_bad_debt");
}

TEST_CASE("bad debt of a liquidated loan, monitored always, in three steps") {
  check_bad_debt("barrier_liquidation", 2000, "P_hit_continuous", "bad_debt_continuous_hit", "bridge");
}

// Monitored always is the limit of many dates. Hits of n dates are those of a barrier that is lower by 0.5826 sigma sqrt(dt)
// (Broadie, Glasserman and Kou 1997), which the trigger makes good; debt is low enough that only jumps leave it unpaid.
TEST_CASE("a loan on collateral that jumps, monitored always, in few steps as in many dates") {
  const auto file = reference("barrier_jump_baddebt");
  if (!file) return;
  int seed = 3000;
  for (json in : file->at("inputs").at("cases")) {
    const double barrier = in["B"], years = in["T"], sigma = in["sigma"];
    in["debt"] = 0.915 * barrier;
    const int dates = 2000;
    json shifted = in;
    shifted["B"] = barrier * std::exp(0.5826 * sigma * std::sqrt(years / dates));
    const Cube many = liquidated_loan(shifted, ++seed, {"step", dates, 40'000});
    for (const int steps : {1, 2, 20}) {
      const Cube few = liquidated_loan(in, ++seed, {"bridge", steps, 200'000});
      const Acceptance accept{"barrier " + number(barrier) + ", " + std::to_string(steps) + " steps"};
      const std::size_t at = few.at(0, 0, 0, 0), sold = repayments(few);
      accept.check("expected bad debt", few.expected_loss[at], few.expected_loss_se[at], many.expected_loss[at],
                   many.expected_loss_se[at]);
      accept.check("expected repayment", few.gauge_mean[sold], few.gauge_se[sold], many.gauge_mean[sold],
                   many.gauge_se[sold]);
    }
  }
}
