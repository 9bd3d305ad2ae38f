// One step: both samplers against exact loss distributions of published pool models.
#include "tests/statistical/credit_pool.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

constexpr std::size_t scenarios = 1 << 17;

std::vector<std::vector<double>> sector_correlation(const Json& inputs) {
  if (!inputs.contains("sector_factor_correlation")) return {{1}};
  return inputs["sector_factor_correlation"].get<std::vector<std::vector<double>>>();
}
CreditPool heterogeneous(const Json& inputs) {
  CreditPool pool;
  pool.correlation = sector_correlation(inputs);
  pool.dof = inputs.value("nu", 0.0);
  const bool sectors = inputs.contains("sector_factor_correlation");
  const auto& rho = inputs.contains("rho") ? inputs["rho"] : inputs["rho_asset_on_own_sector_factor"];
  for (std::size_t i = 0; i < inputs["PD"].size(); ++i)
    pool.obligors.push_back(
        {inputs["PD"][i],
         {{FactorIndex{sectors ? inputs["sector"][i].get<std::uint32_t>() : 0u}, std::sqrt(rho[i].get<double>())}},
         inputs["exposure_times_LGD_units"][i]});
  return pool;
}
CreditPool homogeneous(const Json& inputs, std::size_t count) {
  CreditPool pool;
  pool.correlation = {{1}};
  pool.dof = inputs.value("nu", 0.0);
  pool.obligors.assign(count, {inputs["PD"], {{FactorIndex{0}, std::sqrt(inputs["rho"].get<double>())}}, 1});
  return pool;
}
void require_agreement(const CreditPool& pool, const Json& expected, const std::string& name, std::uint64_t seed) {
  for (const Sampler sampler : {Sampler::sparse, Sampler::per_obligor}) {
    if (sampler == Sampler::per_obligor && pool.obligors.size() > 2000) continue;
    const auto found = misses(PoolRun(pool, sampler, seed).losses(scenarios)[0], expected);
    CAPTURE(name, pool.obligors.size(), static_cast<int>(sampler), found);
    CHECK(found.empty());
  }
}

}  // namespace

TEST_CASE("homogeneous Gaussian pools") {
  for (const char* name : {"pool_homog_pd1_rho20", "pool_homog_pd5_rho10"}) {
    const auto file = reference(name);
    if (!file) return;
    std::uint64_t seed = 100;
    for (const auto& expected : (*file)["expected"]["pools"])
      require_agreement(homogeneous((*file)["inputs"], expected["N"]), expected, name, ++seed);
  }
}

TEST_CASE("homogeneous pools under the t copula") {
  for (const char* name : {"tcop_homog_nu4", "tcop_homog_nu12"}) {
    const auto file = reference(name);
    if (!file) return;
    require_agreement(homogeneous((*file)["inputs"], (*file)["inputs"]["N"]), (*file)["expected"], name, 200);
  }
}

TEST_CASE("heterogeneous pools with one and several drivers") {
  std::uint64_t seed = 300;
  for (const char* name : {"hetero1f_n50", "hetero1f_n125", "mf2_corr_m04", "mf2_corr_p04", "mf6_n120",
                           "mf10_n150_mixed_sign", "tcop_hetero_n36"}) {
    const auto file = reference(name);
    if (!file) return;
    require_agreement(heterogeneous((*file)["inputs"]), (*file)["expected"], name, ++seed);
  }
}

TEST_CASE("the same tests catch biased samplers") {
  const auto file = reference("pool_homog_pd1_rho20");
  if (!file) return;
  const Json& expected = (*file)["expected"]["pools"][0];
  PoolRun run(homogeneous((*file)["inputs"], expected["N"]), Sampler::per_obligor, 400);
  const Bucket& bucket = run.model().buckets[0];
  // Uniforms scaled by 1.03; uniforms of 6 bits; the right ones, drawn here the same way.
  std::vector<int> scaled, coarse, right;
  for (std::size_t first = 0; first < scenarios; first += lanes) {
    run.next();
    std::array<int, lanes> a{}, b{}, c{};
    alignas(64) std::array<double, lanes> pd, u;
    for (std::size_t l = 0; l < lanes; ++l)
      pd[l] =
          normal_cdf((bucket.threshold[0] - bucket.loadings[0].loading * run.block().factors(0u, 1)[l]) / bucket.residual);
    for (const Obligor& o : run.model().obligors) {
      uniforms(run.block().seed, o.stream, static_cast<std::uint32_t>(first), 0, u);
      for (std::size_t l = 0; l < lanes; ++l) {
        a[l] += u[l] * 1.03 < pd[l];
        b[l] += (std::floor(u[l] * 64) + 0.5) / 64 < pd[l];
        c[l] += u[l] < pd[l];
      }
    }
    scaled.insert(scaled.end(), a.begin(), a.end());
    coarse.insert(coarse.end(), b.begin(), b.end());
    right.insert(right.end(), c.begin(), c.end());
  }
  CHECK_FALSE(misses(scaled, expected).empty());
  CHECK_FALSE(misses(coarse, expected).empty());
  CHECK(misses(right, expected).empty());
}

TEST_CASE("sparse labels are uniform within a bucket") {
  const auto chi_squared = [](const std::vector<double>& count) {
    const double mean = std::accumulate(count.begin(), count.end(), 0.0) / static_cast<double>(count.size());
    double sum = 0;
    for (const double c : count) sum += (c - mean) * (c - mean) / mean;
    return sum;
  };
  // Independent obligors, so that the counts are (nearly) multinomial; 137 divides no power of two.
  CreditPool pool;
  pool.correlation = {{1}};
  pool.obligors.assign(137, {0.01, {}, 1});
  PoolRun run(pool, Sampler::sparse, 500);
  std::vector<double> count(137, 0.0);
  double events = 0;
  for (std::size_t first = 0; first < scenarios; first += lanes) {
    run.next();
    for (const Default& d : run.block().defaults) ++count[static_cast<std::size_t>(d.obligor)], ++events;
  }
  CHECK(plausible_chi_squared(chi_squared(count) / (1 - 0.01), 136));
  // The same number of labels from 10 bits by multiply-high: some get 7 of 1024, some 8.
  std::vector<double> biased(137, 0.0);
  for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(events); ++i)
    ++biased[(word(1, stream("labels", "biased"), i, 0) >> 22) * 137 >> 10];
  CHECK_FALSE(plausible_chi_squared(chi_squared(biased), 136));
}
