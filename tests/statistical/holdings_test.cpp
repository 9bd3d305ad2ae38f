// Whole jobs of holdings on every kind of tradable factor, against closed forms: normal (a linear book), lognormal,
// lognormal with jumps, ou, log_ou.
#include "kernels/math/functions.h"
#include "tests/statistical/whole_job.h"

using namespace tailcube;
using namespace tailcube::test;
using nlohmann::json;

namespace {

// A year, ten days, a quarter or whole years, in whole steps.
JobText over(double years, int seed) {
  JobText job{.seed = seed, .tables = {"holding"}, .confidence = "[0.95, 0.99, 0.999]", .cube = "levels = [\"side\"]"};
  if (years < 0.1)
    job.step = "1D", job.steps = static_cast<int>(std::lround(years * 365));
  else if (years < 1)
    job.step = "1M", job.steps = static_cast<int>(std::lround(years * 12));
  else
    job.step = "1Q", job.steps = static_cast<int>(std::lround(years * 4));
  return job;
}

// One factor, held and sold short for about a million: both tails.
struct Sides {
  Cube cube;
  double quantity, initial;
  int longs, shorts;

  Sides(const std::string& row, double value, double years, int seed)
      : quantity(std::round(1e6 / std::abs(value))), initial(value) {
    Files files;
    files["factors.csv"] =
        "id,kind,initial,drift,volatility,reversion,level,jump_rate,jump_mean,jump_volatility\nS," + row + "\n";
    files["correlation.csv"] = "id,S\nS,1\n";
    files["holding.csv"] =
        "id,factor,quantity,side\nl,S," + number(quantity) + ",long\ns,S," + number(-quantity) + ",short\n";
    files["job.toml"] = over(years, seed).text();
    cube = run(files);
    longs = node("total/long"), shorts = node("total/short");
  }
  int node(const std::string& name) const {
    for (std::size_t i = 0; i < cube.nodes.size(); ++i)
      if (cube.nodes[i] == name) return static_cast<int>(i);
    FAIL("no node " << name);
    return 0;
  }
  void check_mean(const Acceptance& accept, double mean, Pool& pool) const {
    const std::size_t i = cube.at(0, 0, longs, 0);
    pool.add(cube.expected_loss[i], cube.expected_loss_se[i], quantity * (initial - mean));
    accept.check("EL", cube.expected_loss[i], cube.expected_loss_se[i], quantity * (initial - mean));
  }
  // A long position loses in the lower tail, a short one in the upper.
  void check_quantile(const Acceptance& accept, double p, double value) const {
    for (std::size_t c = 0; c < cube.confidence.size(); ++c) {
      const double a = cube.confidence[c].value();
      if (std::abs(p - (1 - a)) < 1e-9)
        accept.check_var(cube, cube.at(0, 0, longs, 0, static_cast<int>(c)), key(cube.confidence[c]) + " long",
                         quantity * (initial - value));
      if (std::abs(p - a) < 1e-9)
        accept.check_var(cube, cube.at(0, 0, shorts, 0, static_cast<int>(c)), key(cube.confidence[c]) + " short",
                         quantity * (value - initial));
    }
  }
  void check_es99(const Acceptance& accept, double value) const {
    accept.check_es(cube, cube.at(0, 0, longs, 0, 1), "0.99 long", quantity * (initial - value));
  }
};

std::string lognormal(const json& e) {
  return "lognormal," + number(e["S0"]) + "," + number(e["mu"]) + "," + number(e["sigma"]) + ",,,,,";
}
std::string reverting(const std::string& kind, double initial, const json& e, double level) {
  return kind + "," + number(initial) + ",," + number(e["sigma"]) + "," + number(e["kappa"]) + "," + number(level) + ",,,";
}
std::string jumping(const json& in) {
  return "lognormal,1," + number(in["mu"]) + "," + number(in["sigma"]) + ",,," + number(in["lambda"]) + "," +
         number(in["mean_log_jump"]) + "," + number(in["sd_log_jump"]);
}

}  // namespace

TEST_CASE("a linear book on normal factors") {
  const auto file = reference("linear_elliptical");
  if (!file) return;
  const json &in = file->at("inputs"), &risk = file->at("expected").at("risk");
  Files files;
  std::vector<std::string> ids;
  files["factors.csv"] = "id,kind,initial,drift,volatility\n";
  files["holding.csv"] = "id,factor,quantity,asset\n";
  for (std::size_t i = 0; i < in["vol"].size(); ++i) {
    ids.push_back("X" + std::to_string(i));
    files["factors.csv"] += ids[i] + ",normal,0,0," + number(in["vol"][i]) + "\n";
    files["holding.csv"] += "h" + ids[i] + "," + ids[i] + "," + number(in["exposure"][i]) + "," + ids[i] + "\n";
  }
  files["correlation.csv"] = correlation_table(ids, in["corr"]);
  Pool pool;
  for (const int steps : {1, 4}) {
    files["job.toml"] = JobText{.seed = 4000 + steps,
                                .scenarios = 200'000,
                                .step = steps == 1 ? "1Y" : "1Q",
                                .steps = steps,
                                .tables = {"holding"},
                                .cube = "levels = [\"asset\"]"}
                            .text();
    const Cube cube = run(files);
    const Acceptance accept{"linear_elliptical, steps " + std::to_string(steps)};
    const std::size_t all = cube.at(0, 0, 0, 0);
    const double sd = file->at("expected").at("sigma_p");
    pool.add(cube.expected_loss[all], cube.expected_loss_se[all], 0);
    accept.check("EL", cube.expected_loss[all], cube.expected_loss_se[all], 0);
    accept.check("std", cube.loss_std[all], sd / std::sqrt(2.0 * static_cast<double>(cube.scenarios)), sd);
    for (std::size_t c = 0; c < cube.confidence.size(); ++c) {
      const std::string alpha = key(cube.confidence[c]);
      const std::size_t i = cube.at(0, 0, 0, 0, static_cast<int>(c));
      accept.check_var(cube, i, alpha, risk[alpha]["normal"]["VaR"]);
      accept.check_es(cube, i, alpha, risk[alpha]["normal"]["ES"]);
      for (std::size_t e = 0; e < ids.size(); ++e) {
        const std::size_t at = cube.at_edge(0, e, 0, static_cast<int>(c));
        accept.check("contribution of " + cube.edge_child[e] + " to ES " + alpha, cube.contribution[at],
                     cube.contribution_se[at], risk[alpha]["normal"]["euler_ES"][e]);
      }
    }
  }
  INFO(pool.summary());
  CHECK(pool.plausible());
}

TEST_CASE("holdings on diffusions and mean-reverting factors") {
  const auto file = reference("sde_exact");
  if (!file) return;
  Pool pool;
  int seed = 4100;
  for (const std::string kind : {"gbm", "vasicek_ou", "log_ou"})
    for (std::size_t i = 0; i < file->at("expected").at(kind).size(); ++i) {
      const json& e = (*file)["expected"][kind][i];
      const double initial = e[kind == "vasicek_ou" ? "r0" : "S0"];
      const std::string row = kind == "gbm"          ? lognormal(e)
                              : kind == "vasicek_ou" ? reverting("ou", initial, e, e["theta"])
                                                     : reverting("log_ou", initial, e, e["alpha_log_mean"]);
      const Sides sides(row, initial, e["T"], ++seed);
      const Acceptance accept{"sde_exact, " + kind + " " + std::to_string(i)};
      sides.check_mean(accept, e["mean"], pool);
      for (const auto& [p, value] : e["quantiles"].items()) sides.check_quantile(accept, std::stod(p), value);
      if (e.contains("ES_left_1pct_price")) sides.check_es99(accept, e["ES_left_1pct_price"]);
    }
  INFO(pool.summary());
  CHECK(pool.plausible());
}

TEST_CASE("holdings on factors that jump") {
  const auto file = reference("merton_jd");
  if (!file) return;
  Pool pool;
  for (std::size_t i = 0; i < file->at("inputs").at("cases").size(); ++i) {
    const json &in = (*file)["inputs"]["cases"][i], &e = (*file)["expected"]["results"][i];
    const double years = in["T"];
    const Sides sides(jumping(in), 1, years, 4200 + static_cast<int>(i));
    const Acceptance accept{"merton_jd, case " + std::to_string(i)};
    sides.check_mean(accept, tailcube::exp(in["mu"].get<double>() * years), pool);
    for (const auto& [p, value] : e["quantiles_logreturn"].items())
      sides.check_quantile(accept, std::stod(p), tailcube::exp(value.get<double>()));
    sides.check_es99(accept, 1 - e["ES99_price_loss"].get<double>());
  }
  INFO(pool.summary());
  CHECK(pool.plausible());
}
