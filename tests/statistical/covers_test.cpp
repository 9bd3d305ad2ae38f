// Whole jobs of covers against closed forms: a price in one step, the losses of a homogeneous pool, a provider that fails.
#include "kernels/math/functions.h"
#include "tests/statistical/whole_job.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

int node(const Cube& cube, const std::string& path) {
  for (std::size_t n = 0; n < cube.nodes.size(); ++n)
    if (cube.nodes[n] == path) return static_cast<int>(n);
  FAIL("no node " << path);
  return 0;
}

// P(k of n), each with probability p, for k = 0 .. n.
std::vector<double> binomial(int n, double p) {
  std::vector<double> out;
  for (int k = 0; k <= n; ++k)
    out.push_back(std::exp(std::lgamma(n + 1.0) - std::lgamma(k + 1.0) - std::lgamma(n - k + 1.0) + k * std::log(p) +
                           (n - k) * std::log1p(-p)));
  return out;
}
// The same with one Gaussian factor behind them (Vasicek 2002), by the midpoint rule.
std::vector<double> mixture(int n, double pd, double rho) {
  std::vector<double> out(static_cast<std::size_t>(n) + 1, 0.0);
  const double threshold = normal_quantile(pd), width = 0.01;
  for (double y = -8 + width / 2; y < 8; y += width) {
    const std::vector<double> given = binomial(n, normal_cdf((threshold - std::sqrt(rho) * y) / std::sqrt(1 - rho)));
    for (std::size_t k = 0; k < out.size(); ++k) out[k] += width * normal_pdf(y) * given[k];
  }
  return out;
}

}  // namespace

// Lognormal price without drift, observed once: a fixed payout is insured x P(S <= K); an indemnity makes good the fall from
// today's, insured x (P - E[S; S <= K]/S0).
TEST_CASE("covers on a price in one step") {
  constexpr double volatility = 0.6, level = 0.8, insured = 1000, premium = 50;
  Files files;
  files["factors.csv"] = "id,kind,initial,volatility\nS,lognormal,2,0.6\n";
  files["correlation.csv"] = "id,S\nS,1\n";
  files["cover.csv"] =
      "id,node,quantity,trigger,insured,factor,trigger_price,payout,deductible,share,term_years,premium\n"
      "digital,digital,1,price,1000,S,1.6,fixed,200,0.5,1,50\nindemnity,indemnity,1,price,1000,S,1.6,,,,1,50\n"
      "written,written,-1,price,1000,S,1.6,,,,1,50\n";
  files["job.toml"] = JobText{.seed = 5500, .scenarios = 200'000, .tables = {"cover"}, .cube = "levels = [\"node\"]"}.text();
  const Cube cube = run(files);
  const double d = (std::log(level) + volatility * volatility / 2) / volatility;
  const double p = normal_cdf(d), fall = insured * (p - normal_cdf(d - volatility));
  const Acceptance accept{"covers on a price"};
  const auto check = [&](const std::string& name, double expected) {
    const std::size_t at = cube.at(0, 0, node(cube, "total/" + name), 0);
    accept.check(name, cube.expected_loss[at], cube.expected_loss_se[at], expected);
    CHECK(cube.expected_loss[cube.at(1, 0, node(cube, "total/" + name), 0)] == 0);  // none of it is credit loss
  };
  check("digital", premium - p * 0.5 * (insured - 200));
  check("indemnity", premium - fall);
  check("written", fall - premium);
  const std::size_t bought = cube.at(0, 0, node(cube, "total/indemnity"), 0);
  const std::size_t written = cube.at(0, 0, node(cube, "total/written"), 0);
  CHECK(cube.expected_loss[bought] == -cube.expected_loss[written]);
  CHECK(cube.loss_std[bought] == cube.loss_std[written]);
}

// Excess of loss on equal obligors: k defaults cost k x ead x lgd. The provider's capital is half of the limit.
TEST_CASE("a layer of a homogeneous pool's losses") {
  constexpr int obligors = 60;
  constexpr double pd = 0.04, ead = 100, lgd = 0.5, deductible = 120, limit = 400, capital = 200;
  int seed = 5510;
  for (const double rho : {0.0, 0.25}) {
    Files files = pool_files(1, {}, std::vector<Credit>(obligors, {pd, {{0, std::sqrt(rho)}}, lgd, ead}));
    std::istringstream in(files["exposure.csv"]);
    std::string line, table;
    for (int row = 0; std::getline(in, line); ++row) table += line + (row == 0 ? ",node\n" : ",pool\n");
    files["exposure.csv"] = table;
    files["cover.csv"] =
        "id,node,quantity,trigger,reference_pool,deductible,limit,term_years,provider,capital\n"
        "layer,layer,1,losses,pool,120,400,1,,\nfinite,finite,1,losses,pool,120,400,1,X,200\n"
        "writer,writer,-1,losses,pool,120,400,1,,\n";
    files["job.toml"] =
        JobText{.seed = ++seed, .scenarios = 200'000, .tables = {"exposure", "cover"}, .cube = "levels = [\"node\"]"}.text();
    const Cube cube = run(files);
    double whole = 0, paid = 0, p_claim = 0;
    const std::vector<double> law = rho > 0 ? mixture(obligors, pd, rho) : binomial(obligors, pd);
    for (std::size_t k = 0; k < law.size(); ++k) {
      const double claim = std::min(std::max(static_cast<double>(k) * ead * lgd - deductible, 0.0), limit);
      whole += law[k] * claim, paid += law[k] * std::min(claim, capital), p_claim += claim > 0 ? law[k] : 0;
    }
    const Acceptance accept{"a layer, correlation " + number(rho)};
    const auto check = [&](const std::string& name, double expected) {
      const std::size_t at = cube.at(0, 0, node(cube, "total/" + name), 0);
      accept.check(name, cube.expected_loss[at], cube.expected_loss_se[at], expected);
    };
    check("layer", -whole);
    check("finite", -paid);
    check("writer", whole);
    for (std::size_t g = 0; g < cube.gauges.size(); ++g) {
      if (cube.gauges[g] != "claims_unpaid") continue;
      const std::size_t at = cube.at(static_cast<int>(g), 0, node(cube, "total/finite"), 0);
      accept.check("unpaid", cube.gauge_mean[at], cube.gauge_se[at], whole - paid);
      CHECK(cube.gauge_mean[cube.at(static_cast<int>(g), 0, node(cube, "total/layer"), 0)] == 0);
    }
    accept.check_probability(
        "P(writer loses)",
        static_cast<std::uint64_t>(std::llround(cube.probability_of_loss[cube.at(0, 0, node(cube, "total/writer"), 0)] *
                                                static_cast<double>(cube.scenarios))),
        cube.scenarios, p_claim);
  }
}

// Protection against one of two obligors behind the same factor, from the other: it pays all, or the provider's recovery
// where both default (Gaussian copula).
TEST_CASE("a provider that defaults with whom it insures") {
  constexpr double pd = 0.1, rho = 0.5, lgd = 0.6, provider_lgd = 0.7, insured = 1000;
  Files files = pool_files(1, {}, {{pd, {{0, std::sqrt(rho)}}, lgd, 1}, {pd, {{0, std::sqrt(rho)}}, provider_lgd, 1}});
  files["exposure.csv"] = "id,node,obligor,ead\ne,e,o0,1\n";
  files["cover.csv"] =
      "id,node,obligor,trigger,insured,term_years,provider_obligor\n"
      "cover,cover,o0,default,1000,1,o1\n";
  files["job.toml"] =
      JobText{.seed = 5520, .scenarios = 200'000, .tables = {"exposure", "cover"}, .cube = "levels = [\"node\"]"}.text();
  const Cube cube = run(files);
  double both = 0;
  const double threshold = normal_quantile(pd), width = 0.001;
  for (double y = -8 + width / 2; y < 8; y += width) {
    const double p = normal_cdf((threshold - std::sqrt(rho) * y) / std::sqrt(1 - rho));
    both += width * normal_pdf(y) * p * p;
  }
  const std::size_t at = cube.at(0, 0, node(cube, "total/cover"), 0);
  Acceptance{"a provider that defaults"}.check("EL", cube.expected_loss[at], cube.expected_loss_se[at],
                                               -insured * lgd * (pd - both * provider_lgd));
}
