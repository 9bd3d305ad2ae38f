// Whole jobs of tranches on a large pool of equal obligors outside the total, against the limit of infinitely many.
#include "kernels/math/functions.h"
#include "tests/statistical/whole_job.h"

using namespace tailcube;
using namespace tailcube::test;
using nlohmann::json;

namespace {

constexpr int obligors = 5000, scenarios = 100'000;

// Density of the loss of an infinite pool (Vasicek 2002) at l, times half the variance of a finite one's given that loss:
// what the finite size adds to E (L - l)+.
double smeared(double pd, double rho, double lgd, double l) {
  const double x = l / lgd;
  if (!(x > 0 && x < 1)) return 0;
  const double q = normal_quantile(x), a = (std::sqrt(1 - rho) * q - normal_quantile(pd)) / std::sqrt(rho);
  const double density = normal_pdf(a) * std::sqrt((1 - rho) / rho) / normal_pdf(q) / lgd;
  return density * lgd * lgd * x * (1 - x) / (2 * obligors);
}

// The exposures lie in the node "pool", each tranche in a node of its own.
Files tranche_files(const json& e, int seed) {
  const double loading = std::sqrt(e["rho"].get<double>());
  Files files = pool_files(1, {}, std::vector<Credit>(obligors, {e["PD"], {{0, loading}}, e["LGD"], 1024}));
  std::istringstream in(files["exposure.csv"]);
  std::string line, table;
  for (int row = 0; std::getline(in, line); ++row) table += line + (row == 0 ? ",node\n" : ",pool\n");
  files["exposure.csv"] = table;
  files["tranche.csv"] = "id,node,reference_pool,notional,attachment,detachment\n";
  int count = 0;
  for (const json& t : e["tranches"]) {
    const std::string id = "t" + std::to_string(count++);
    for (const std::string& cell : {id, id, std::string("pool,1024"), number(t["attach"])})
      files["tranche.csv"].append(cell).append(",");
    files["tranche.csv"].append(number(t["detach"])).append("\n");
  }
  files["job.toml"] = JobText{.seed = seed,
                              .scenarios = scenarios,
                              .tables = {"exposure", "tranche"},
                              .confidence = "[0.99, 0.999]",
                              .tail_scenarios = 15'000,
                              .cube = "levels = [\"node\"]\noutside = [\"pool\"]"}
                          .text();
  return files;
}

std::uint64_t count_total_losses(const Cube& cube, int node) {
  const std::size_t first = static_cast<std::size_t>(node) * static_cast<std::size_t>(cube.tail_ranks);
  std::uint64_t out = 0;
  for (std::size_t rank = 0; rank < static_cast<std::size_t>(cube.tail_ranks); ++rank)
    out += cube.tail_valid[first + rank] != 0 && cube.tail_loss[first + rank] == 1024;
  return out;
}

}  // namespace

TEST_CASE("tranches of a large pool bear their slices of its losses") {
  const auto file = reference("tranche_lhp");
  if (!file) return;
  int seed = 5200;
  for (const json& e : file->at("expected").at("results")) {
    const Cube cube = run(tranche_files(e, ++seed));
    const json& tranches = e["tranches"];
    REQUIRE(cube.nodes.size() == tranches.size() + 1);
    double sum = 0;
    for (int i = 0; i < static_cast<int>(tranches.size()); ++i) {
      const json& t = tranches[static_cast<std::size_t>(i)];
      const double a = t["attach"], d = t["detach"], pd = e["PD"], rho = e["rho"], lgd = e["LGD"];
      const Acceptance accept{"tranche_lhp, PD " + number(pd) + ", from " + number(a) + " to " + number(d)};
      const std::size_t at = cube.at(0, 0, 1 + i, 0);
      const double added = (smeared(pd, rho, lgd, a) - smeared(pd, rho, lgd, d)) / (d - a);
      accept.check("EL", cube.expected_loss[at] / 1024, cube.expected_loss_se[at] / 1024,
                   t["EL_fraction_of_tranche"].get<double>() + added);
      CHECK(cube.expected_loss[at] == cube.expected_loss[cube.at(1, 0, 1 + i, 0)]);  // all of it is credit loss
      sum += (d - a) * cube.expected_loss[at] / 1024;
      if (a > 0)
        accept.check_probability("P(L > 0)",
                                 static_cast<std::uint64_t>(std::llround(cube.probability_of_loss[at] * scenarios)),
                                 scenarios, t["P_attach"]);
      accept.check_probability("P(all is lost)", count_total_losses(cube, 1 + i), scenarios, t["P_exhaust"]);
      for (std::size_t c = 0; c < cube.confidence.size(); ++c) {
        const std::size_t i_c = cube.at(0, 0, 1 + i, 0, static_cast<int>(c));
        const double var = t["VaR_fraction"][key(cube.confidence[c])];
        if (var == 0 || var == 1)
          CHECK(cube.value_at_risk[i_c] == 1024 * var);
        else
          accept.check_var(cube, i_c, key(cube.confidence[c]), 1024 * var, 1024 * lgd / (obligors * (d - a)));
      }
    }
    // All tranches together are the pool: its expected loss is PD x LGD.
    const double pd = e["PD"], lgd = e["LGD"];
    Acceptance{"tranche_lhp, whole pool"}.check("EL", sum, 4 * pd * lgd / std::sqrt(scenarios), pd * lgd);
  }
}
