// Several steps: when obligors default.
#include "tests/statistical/credit_pool.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

constexpr std::size_t scenarios = 1 << 16;
constexpr int steps = 12;

// Largest |z| of the default frequency by each step against the PD curve.
double largest_marginal_z(double pd, Sampler sampler, bool conditioned, double dof = 0) {
  CreditPool pool;
  pool.dof = dof;
  pool.correlation = {{1}};
  pool.obligors.assign(150, {pd, {{FactorIndex{0}, std::sqrt(0.2)}}, 1});
  pool.steps = steps;
  pool.conditioned = conditioned;
  for (int n = 1; n <= steps; ++n) pool.horizons.push_back(n);
  const auto losses = PoolRun(pool, sampler, 600).losses(scenarios);
  const std::vector<double> curve = default_curve(pd, 1.0 / steps, steps);
  double largest = 0;
  for (std::size_t n = 0; n < steps; ++n) {
    const Moments4 m = moments(losses[n]);
    largest = std::max(largest, std::abs(z_score(m.mean / 150, m.mean_error / 150, curve[n])));
  }
  return largest;
}

}  // namespace

TEST_CASE("P(default by n) is the PD curve at every step") {
  for (const double pd : {0.003, 0.02, 0.15})
    for (const Sampler sampler : {Sampler::sparse, Sampler::per_obligor}) {
      CAPTURE(pd, static_cast<int>(sampler));
      CHECK(largest_marginal_z(pd, sampler, true) < kLargestZ);
      CHECK(largest_marginal_z(pd, sampler, false) > 2 * kLargestZ);  // thresholds that forget who has defaulted
    }
}

TEST_CASE("P(default by n) is the PD curve under the t copula") {
  CHECK(largest_marginal_z(0.02, Sampler::sparse, true, 4) < kLargestZ);
  CHECK(largest_marginal_z(0.02, Sampler::sparse, false, 4) > 2 * kLargestZ);
  CHECK(largest_marginal_z(0.15, Sampler::per_obligor, true, 20) < kLargestZ);
}

namespace {

void check_pool(const char* name) {
  const auto file = reference(name);
  if (!file) return;
  const Json& inputs = (*file)["inputs"];
  CreditPool pool;
  pool.dof = inputs["nu"].is_null() ? 0 : inputs["nu"].get<double>();
  const double rho = inputs["rho_drivers"];
  pool.correlation = {{1, rho}, {rho, 1}};
  pool.steps = steps;
  for (const auto& o : inputs["obligors"]) {
    std::vector<Loading> loadings;
    if (o["loading_D0"] != 0) loadings.push_back({FactorIndex{0}, o["loading_D0"]});
    if (o["loading_D1"] != 0) loadings.push_back({FactorIndex{1}, o["loading_D1"]});
    pool.obligors.push_back({o["pd_1y"], loadings, o["loss_units"]});
  }
  for (const auto& [horizon, expected] : (*file)["expected"]["horizon"].items()) pool.horizons.push_back(std::stoi(horizon));
  for (const Sampler sampler : {Sampler::sparse, Sampler::per_obligor}) {
    PoolRun run(pool, sampler, 700);
    const auto losses = run.losses(scenarios);
    for (std::size_t h = 0; h < pool.horizons.size(); ++h) {
      Json expected = (*file)["expected"]["horizon"][std::to_string(pool.horizons[h])];
      for (auto at = expected["P_L_ge"].begin(); at != expected["P_L_ge"].end();)  // never seen in the reference's own run
        at = (*at)["p"] == 0.0 ? expected["P_L_ge"].erase(at) : std::next(at);
      const auto found = misses(losses[h], expected);
      CAPTURE(pool.horizons[h], static_cast<int>(sampler), found);
      CHECK(found.empty());
    }
  }
}

}  // namespace

TEST_CASE("a heterogeneous pool over twelve months") { check_pool("adapted_pool_n100_g"); }
TEST_CASE("a heterogeneous pool over twelve months under the t copula") { check_pool("adapted_pool_n100_t6"); }

TEST_CASE("pairs of default times under terminal timing") {
  const auto file = reference("default_times_pair");
  if (!file) return;
  for (std::size_t i = 0; i < (*file)["inputs"]["cases"].size(); ++i) {
    const auto& in = (*file)["inputs"]["cases"][i];
    const auto& expected = (*file)["expected"]["results"][i];
    const double rho = in["rho_asset"], years = in["T"];
    for (const Sampler sampler : {Sampler::sparse, Sampler::per_obligor}) {
      CreditModel model;
      model.sampler = sampler;
      model.timing = Timing::terminal;
      model.steps = 4;
      for (const int k : {1, 2}) {
        const double hazard = in[k == 1 ? "hazard1" : "hazard2"];
        Bucket bucket;
        bucket.stream = stream("bucket", std::to_string(k));
        bucket.loadings = {{FactorIndex{0}, std::sqrt(std::abs(rho)) * (k == 2 && rho < 0 ? -1 : 1)}};
        bucket.residual = std::sqrt(1 - std::abs(rho));
        for (int n = 1; n <= 4; ++n) bucket.threshold.push_back(normal_quantile(-tailcube::expm1(-hazard * years * n / 4)));
        bucket.first = static_cast<std::uint32_t>(k) - 1, bucket.count = 1;
        model.buckets.push_back(bucket);
        model.obligors.push_back({stream("default", std::to_string(k)), 1});
      }
      Block block;
      block.seed = 800 + i;
      block.factors = LaneTable(1, 5);
      CreditScratch scratch;
      std::uint64_t both = 0, early = 0;
      constexpr std::uint64_t trials = 1 << 19;
      for (; block.first_scenario < trials; block.first_scenario += lanes) {
        normals(block.seed, stream("factor", "0"), static_cast<std::uint32_t>(block.first_scenario), 0,
                block.factors(0u, 4));
        draw_defaults(model, scratch, block);
        std::array<int, lanes> defaulted{};
        for (const Default& d : block.defaults) {
          ++defaulted[d.lane];
          early += static_cast<std::uint32_t>(d.obligor) == 0 && d.step == 1;
        }
        for (const int d : defaulted) both += d == 2;
      }
      CAPTURE(i, static_cast<int>(sampler), both);
      CHECK(covers(both, trials, expected["P_both"], 6e-5));
      CHECK(covers(early, trials, -tailcube::expm1(-in["hazard1"].get<double>() * years / 4), 6e-5));
    }
  }
}
