// Whole jobs of published and heterogeneous credit portfolios, as far into the tail as plain sampling sees: probabilities of
// losses above given levels and the mean loss beyond them.
#include "kernels/math/functions.h"
#include "tests/statistical/whole_job.h"

using namespace tailcube;
using namespace tailcube::test;
using nlohmann::json;

namespace {

// What fewer scenarios than this exceed says too little.
constexpr double fewest = 20;

// Defaults are in the upper tail there and in the lower here: the same law, with the same loadings.
std::vector<Credit> portfolio(const json& in) {
  std::vector<Credit> pool;
  for (std::size_t i = 0; i < in["p"].size(); ++i) {
    Credit c{in["p"][i], {}, 1, in["c"][i]};
    for (const json& a : in["loadings_sparse"][i]) c.loadings.emplace_back(a[0].get<int>(), a[1].get<double>());
    pool.push_back(c);
  }
  return pool;
}

void check_portfolio(const std::string& name, int seed, int scenarios) {
  const auto file = reference(name);
  if (!file) return;
  const json &in = file->at("inputs"), &expected = file->at("expected");
  Files files = pool_files(in["d"], {}, portfolio(in));
  files["job.toml"] =
      JobText{.seed = seed, .scenarios = scenarios, .tables = {"exposure"}, .tail_scenarios = scenarios / 20}.text();
  const Cube cube = run(files);
  const Acceptance accept{name};
  const std::size_t i = cube.at(0, 0, 0, 0);
  accept.check("EL", cube.expected_loss[i], cube.expected_loss_se[i], expected["EL"]);
  int rows = 0;
  for (const json& e : expected["rows"]) {
    const double p = e["P_L_gt_x"];
    if (p * scenarios < fewest) continue;
    const Beyond tail = beyond(cube, 0, 0, e["x"]);
    const std::string x = number(e["x"]);
    accept.check("P(L > " + x + ")", tail.share, std::sqrt(p * (1 - p) / scenarios), p, e["se"]);
    if (p * scenarios >= 5 * fewest)
      accept.check("E[L | L > " + x + "]", tail.mean, tail.mean_error, e["E_L_given_L_gt_x"], e["E_L_given_se"]);
    ++rows;
  }
  CHECK(rows >= 3);
}

JobText pool_job(int seed, const json& in, bool sparse) {
  JobText job{.seed = seed, .tables = {"exposure"}, .confidence = "[0.99, 0.999]", .tail_scenarios = 3000};
  job.credit = "sampler = \"" + sampler(sparse) + "\"\n";
  if (in.contains("nu")) job.credit += "copula = \"t\"\ndof = " + number(in["nu"]);
  return job;
}

// A column of the sectors behind the positions, which are in the order of the obligors.
std::string with_sectors(const std::string& table, const json& sectors) {
  std::istringstream in(table);
  std::string line, out;
  for (std::size_t row = 0; std::getline(in, line); ++row)
    out += line + (row == 0 ? ",sector" : ",s" + std::to_string(sectors[row - 1].get<int>())) + "\n";
  return out;
}

// What each sector adds to the total's ES.
void check_contributions(const Acceptance& accept, const Cube& cube, const json& risk) {
  for (std::size_t c = 0; c < cube.confidence.size(); ++c) {
    const std::string alpha = key(cube.confidence[c]);
    const json& expected = risk.at(alpha).at("euler_ES_contrib_sector");
    const json errors = risk.at(alpha).value("euler_ES_contrib_sector_se", json::object());
    REQUIRE(cube.edges.size() == expected.size());
    double sum = 0;
    for (std::size_t e = 0; e < cube.edges.size(); ++e) {
      const std::size_t at = cube.at_edge(0, e, 0, static_cast<int>(c));
      const std::string sector = cube.edge_child[e].substr(std::string("total/s").size());
      accept.check("contribution of sector " + sector + " at " + alpha, cube.contribution[at], cube.contribution_se[at],
                   expected.at(sector), errors.value(sector, 0.0));
      sum += cube.contribution[at];
    }
    CHECK(sum == Approx(cube.expected_shortfall[cube.at(0, 0, 0, 0, static_cast<int>(c))]).epsilon(1e-12));
  }
}

}  // namespace

TEST_CASE("a portfolio on 5 factors with loadings of both signs") {
  check_portfolio("gl_mixed_sign_multimodal", 3001, 200'000);
}

TEST_CASE("a portfolio on 10 factors") { check_portfolio("glasserman_li_10f", 3002, 100'000); }

TEST_CASE("a portfolio on 21 factors") { check_portfolio("glasserman_li_21f", 3003, 100'000); }

TEST_CASE("homogeneous pools in jobs") {
  int seed = 3500;
  Pool pooled;
  for (const std::string name : {"pool_homog_pd1_rho20", "pool_homog_pd5_rho10", "tcop_homog_nu4", "tcop_homog_nu12"}) {
    const auto file = reference(name);
    if (!file) return;
    const json &in = file->at("inputs"), &expected = file->at("expected");
    const double pd = in["PD"], loading = std::sqrt(in["rho"].get<double>());
    for (const json& e : expected.contains("pools") ? expected["pools"] : json::array({expected})) {
      const std::size_t n = e.contains("N") ? e["N"] : in["N"];
      Files files = pool_files(1, {}, std::vector<Credit>(n, {pd, {{0, loading}}}));
      files["job.toml"] = pool_job(++seed, in, true).text();
      const Cube cube = run(files);
      const double el = pd * static_cast<double>(n);
      const Acceptance accept{name + ", " + std::to_string(n) + " obligors"};
      check_risk(accept, cube, 0, 0, el, e.contains("risk") ? e["risk"] : e["risk_in_units_of_defaults"]);
      pooled.add(cube.expected_loss[0], cube.expected_loss_se[0], el);
    }
  }
  INFO(pooled.summary());
  CHECK(pooled.plausible());
}

TEST_CASE("heterogeneous pools in jobs") {
  int seed = 3400, split_up = 0;
  Pool pooled;
  for (const std::string name : {"hetero1f_n50", "hetero1f_n125", "mf2_corr_m04", "mf2_corr_p04", "mf6_n120",
                                 "mf10_n150_mixed_sign", "tcop_hetero_n36"}) {
    const auto file = reference(name);
    if (!file) return;
    const json &in = file->at("inputs"), &expected = file->at("expected");
    const bool sectors = in.contains("sector_factor_correlation");
    const json& rho = in.contains("rho") ? in["rho"] : in["rho_asset_on_own_sector_factor"];
    std::vector<Credit> pool;
    for (std::size_t i = 0; i < in["PD"].size(); ++i)
      pool.push_back({in["PD"][i],
                      {{sectors ? in["sector"][i].get<int>() : 0, std::sqrt(rho[i].get<double>())}},
                      1,
                      in["exposure_times_LGD_units"][i]});
    const json correlation = sectors ? in["sector_factor_correlation"] : json();
    Files files = pool_files(sectors ? static_cast<int>(correlation.size()) : 1, correlation, pool);
    const bool levels = in.contains("sector") && expected["risk"]["0.99"].contains("euler_ES_contrib_sector");
    if (levels) files["exposure.csv"] = with_sectors(files["exposure.csv"], in["sector"]);
    for (const bool sparse : {false, true}) {
      JobText job = pool_job(++seed, in, sparse);
      if (levels) job.cube = "levels = [\"sector\"]";
      files["job.toml"] = job.text();
      const Cube cube = run(files);
      if (levels) check_contributions({name + ", " + sampler(sparse)}, cube, expected["risk"]);
      split_up += levels;
      const double el = expected.contains("EL_exact") ? expected["EL_exact"] : expected["EL"];
      check_risk(Acceptance{name + ", " + sampler(sparse)}, cube, 0, 0, el, expected["risk"]);
      pooled.add(cube.expected_loss[0], cube.expected_loss_se[0], el);
    }
  }
  INFO(pooled.summary());
  CHECK(pooled.plausible());
  CHECK(split_up > 0);
}

TEST_CASE("many defaults at once under the t copula") {
  const auto file = reference("tcop_bjz_rare");
  if (!file) return;
  const Acceptance accept{"tcop_bjz_rare"};
  int seed = 3100;
  std::uint64_t hits = 0;
  std::int64_t trials = 0;
  double p = 0;
  for (const json& e : file->at("expected").at("results")) {
    const double nu = e["nu"], loading = e["rho"], n = e["n"], exact = e["P_L_gt_nb"];
    if (exact < 1e-6) continue;  // not for plain sampling
    // The idiosyncratic part has a standard deviation of 3: X is 1/scale times a variable with unit variance.
    const double scale = std::sqrt(loading * loading + (1 - loading * loading) * std::pow(e["idio_sd"].get<double>(), 2));
    const double pd = student_cdf(-e["threshold"].get<double>() / scale, nu);
    Files files = pool_files(1, {}, std::vector<Credit>(static_cast<std::size_t>(n), {pd, {{0, loading / scale}}}));
    files["job.toml"] = JobText{.seed = ++seed,
                                .scenarios = exact > 1e-3 ? 100'000 : 250'000,
                                .tables = {"exposure"},
                                .tail_scenarios = 4000,
                                .credit = "copula = \"t\"\ndof = " + number(nu)}
                            .text();
    const Cube cube = run(files);
    const std::uint64_t found = beyond(cube, 0, 0, n * e["b"].get<double>()).count;
    accept.check_probability("dof " + number(nu) + ", loading " + number(loading), found, cube.scenarios, exact);
    if (nu != 12) continue;
    hits += found, trials += cube.scenarios, p += exact * static_cast<double>(cube.scenarios);
  }
  accept.check_probability("dof 12, all loadings", hits, trials, p / static_cast<double>(trials));
}

TEST_CASE("the probabilities that importance sampling is measured by") {
  const auto file = reference("is_exact_variance");
  if (!file) return;
  const Acceptance accept{"is_exact_variance"};
  int seed = 3200;
  for (const json& e : file->at("expected").at("two_step_glasserman_li")) {
    const std::vector<Credit> pool(e["N"].get<std::size_t>(), {e["PD"], {{0, std::sqrt(e["rho"].get<double>())}}});
    Files files = pool_files(1, {}, pool);
    files["job.toml"] = JobText{.seed = ++seed, .scenarios = 400'000, .tables = {"exposure"}}.text();
    const Cube cube = run(files);
    accept.check_probability("N " + number(e["N"]), beyond(cube, 0, 0, e["x"]).count, cube.scenarios, e["P_L_gt_x"]);
  }
}
