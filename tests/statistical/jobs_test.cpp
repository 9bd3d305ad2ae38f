// Whole jobs against exact distributions: the input reader, the engine and the estimators together. Every check allows four
// standard errors (false alarm 6.3e-5 each, were the seed to change). Figures of one cube are correlated; only expected
// losses of different seeds are pooled.
#include <cmath>
#include <sstream>

#include "tests/acceptance.h"
#include "tests/catch_any.h"
#include "tests/reference.h"
#include "tests/run_job.h"

using namespace tailcube;
using nlohmann::json;

namespace {

std::string number(double x) {
  std::ostringstream out;
  out.precision(17);
  out << x;
  return out.str();
}

// The share of scenarios with a loss above v (or at least v), from the list of the worst, which must reach below v.
double share(const Cube& cube, int cell, int horizon, double v, bool or_equal) {
  const std::size_t first = ((static_cast<std::size_t>(cell) * cube.nodes.size()) * cube.horizon_years.size() +
                             static_cast<std::size_t>(horizon)) *
                            static_cast<std::size_t>(cube.tail_ranks);
  std::int64_t count = 0;
  for (std::size_t rank = 0; rank < static_cast<std::size_t>(cube.tail_ranks); ++rank) {
    if (!cube.tail_valid[first + rank]) break;
    const double loss = cube.tail_loss[first + rank];
    if (loss > v || (or_equal && loss == v))
      ++count;
    else
      return static_cast<double>(count) / static_cast<double>(cube.scenarios);
  }
  FAIL("the list of the worst scenarios is too short for " << v);
  return 0;
}

struct Acceptance {
  std::string name;
  void check(const std::string& what, double x, double se, double reference, double reference_se = 0) const {
    INFO(name << ": " << what << " = " << x << " +- " << se << ", expected " << reference << " +- " << reference_se
              << ", z = " << test::z_score(x, se, reference, reference_se));
    CHECK(test::agrees(x, se, reference, reference_se));
  }
};

// EL, and ES at each confidence; the error of ES is the cube's own.
void check_risk(const Acceptance& accept, const Cube& cube, int cell, int horizon, double expected_loss, const json& risk) {
  const std::size_t at = cube.at(0, cell, 0, horizon);
  accept.check("EL", cube.expected_loss[at], cube.expected_loss_se[at], expected_loss);
  for (std::size_t c = 0; c < cube.confidence.size(); ++c) {
    std::ostringstream key;
    key << cube.confidence[c].value();
    const auto& r = risk.at(key.str());
    const std::size_t i = cube.at(0, cell, 0, horizon, static_cast<int>(c));
    accept.check("ES " + key.str(), cube.expected_shortfall[i], cube.expected_shortfall_se[i], r.at("ES").get<double>(),
                 r.value("ES_se", 0.0));
    if (!r.contains("P_L_gt_VaR")) continue;
    const double v = r.at("VaR"), n = static_cast<double>(cube.scenarios);
    for (const bool or_equal : {false, true}) {
      const double p = r.at(or_equal ? "P_L_ge_VaR" : "P_L_gt_VaR");
      accept.check((or_equal ? "P(L >= VaR) " : "P(L > VaR) ") + key.str(), share(cube, cell, horizon, v, or_equal),
                   std::sqrt(p * (1 - p) / n), p, r.value("P_se", 0.0));
    }
  }
}

std::string sampler(bool sparse) { return sparse ? "sparse" : "per_obligor"; }

}  // namespace

TEST_CASE("a pinned driver moves the others by their conditional law") {
  const auto reference = test::reference("stress_pinned_factor");
  if (!reference) return;
  const json &in = reference->at("inputs"), &expected = reference->at("expected");
  test::Files files;
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
    const Cube cube = test::run(files);
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
    const auto reference = test::reference(name);
    if (!reference) return;
    const json &in = reference->at("inputs"), &expected = reference->at("expected");
    const std::string rho = number(in["rho"]);
    const double years = in["T"];  // folded into drift and volatility: a day count of 252 is not a step the input knows
    test::Files files;
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
    const Cube cube = test::run(files);
    const Acceptance accept{name};
    check_risk(accept, cube, 0, 0, expected["V0"].get<double>() - expected["mean_VT"].get<double>(), expected["risk"]);
    for (std::size_t c = 0; c < cube.confidence.size(); ++c) {
      std::ostringstream key;
      key << cube.confidence[c].value();
      const std::size_t i = cube.at(0, 0, 0, 0, static_cast<int>(c));
      const double se = (cube.value_at_risk_upper[i] - cube.value_at_risk_lower[i]) / (2 * 1.96);
      accept.check("VaR " + key.str(), cube.value_at_risk[i], se, expected["risk"][key.str()]["VaR"]);
    }
  }
}

TEST_CASE("a heterogeneous pool with adapted timing, every horizon") {
  const auto reference = test::reference("adapted_pool_n100_g");
  if (!reference) return;
  const json &in = reference->at("inputs"), &expected = reference->at("expected");
  test::Files files;
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
    const Cube cube = test::run(files);
    const Acceptance accept{"adapted_pool_n100_g, " + sampler(sparse)};
    for (std::size_t h = 0; h < horizons.size(); ++h)
      check_risk(accept, cube, 0, static_cast<int>(h), horizons[h]["EL_exact"], horizons[h]["risk"]);
  }
}

TEST_CASE("bad debt of a liquidated loan, monitored at every step") {
  const auto reference = test::reference("barrier_liquidation");
  if (!reference) return;
  const Acceptance accept{"barrier_liquidation"};
  test::Pool pool;
  for (const json& e : reference->at("expected").at("results")) {
    const double penalty = e["penalty"];
    const int steps = e["n_monitoring"];
    json in;
    for (const json& c : reference->at("inputs").at("cases"))
      if (c["n_monitoring"] == e["n_monitoring"]) in = c;
    test::Files files;
    files["factors.csv"] = "id,kind,initial,drift,volatility\nS,lognormal," + number(in["S0"]) + "," + number(in["mu"]) +
                           "," + number(in["sigma"]) + "\n";
    files["correlation.csv"] = "id,S\nS,1\n";
    files["vaults.csv"] =
        "id,collateral_factor,collateral_quantity,debt,borrow_rate,liquidation_threshold,bonus,close_factor,side\nv,S,1," +
        number(in["debt"]) + ",0," + number(in["debt"].get<double>() / in["B"].get<double>()) + "," +
        number(penalty / (1 - penalty)) + ",1,lender\n";
    files["job.toml"] =
        "[run]\nname = \"vault\"\nseed = " + std::to_string(9 + steps) +
        "\nscenarios = 100_000\ncurrency = \"USD\"\n[time]\nstep = \"1D\"\nsteps = " + std::to_string(steps) +
        "\n[files]\nfactors = \"factors.csv\"\ncorrelation = \"correlation.csv\"\npositions.vault = "
        "\"vaults.csv\"\n[cube]\nlevels = "
        "[]\nconfidence = [0.9]\n";
    const Cube cube = test::run(files);
    // The rounding to 1/1024 biases a mean by at most half a unit.
    const double rounding = 0.5 / 1024;
    const std::size_t at = cube.at(0, 0, 0, 0);
    pool.add(cube.expected_loss[at], std::hypot(cube.expected_loss_se[at], rounding / 4),
             e["E_bad_debt_at_first_discrete_hit"]);
    accept.check("expected bad debt, " + std::to_string(steps) + " dates", cube.expected_loss[at],
                 std::hypot(cube.expected_loss_se[at], rounding / 4), e["E_bad_debt_at_first_discrete_hit"]);
  }
  INFO(pool.summary());
  CHECK(pool.plausible());
}
