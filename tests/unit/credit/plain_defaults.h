#pragma once
// The default model as one would write it down: a scalar loop per scenario and obligor, for comparison with draw_defaults.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "kernels/credit/defaults.h"
#include "kernels/credit/thresholds.h"
#include "kernels/math/functions.h"

namespace tailcube::test {

// M_1 .. M_n of one scenario.
inline std::vector<double> plain_distances(const CreditModel& model, const Bucket& bucket, const Block& block,
                                           std::size_t lane) {
  const auto scenario = static_cast<std::uint32_t>(block.first_scenario + lane);
  const double scale =
      model.dof > 0 ? std::sqrt(chi_squared_quantile(uniform(block.seed, model.mixing, scenario, 0), model.dof) / model.dof)
                    : 1;
  std::vector<double> out;
  for (int n = 1; n <= model.steps; ++n) {
    double x = bucket.threshold[static_cast<std::size_t>(n) - 1] * scale;
    for (const Loading& a : bucket.loadings)
      x = std::fma(-a.loading, block.factors(a.driver, model.timing == Timing::terminal ? model.steps : n)[lane], x);
    x *= 1 / bucket.residual;
    out.push_back(out.empty() ? x : std::max(out.back(), x));
  }
  return out;
}

inline double plain_hazard(double m) {
  return std::min(40.0, m < 0 ? -log1p(-normal_cdf(m)) : -log(std::max(1e-300, normal_cdf(-m))));
}

// Bands of count times hazard, a Poisson number of points in each, the smallest mark of an obligor.
inline void plain_sparse(const CreditModel& model, const Bucket& bucket, const Block& block, std::size_t lane,
                         std::vector<Default>& out) {
  __extension__ using Wide = unsigned __int128;
  const auto scenario = static_cast<std::uint32_t>(block.first_scenario + lane);
  const std::vector<double> m = plain_distances(model, bucket, block, lane);
  const double limit = bucket.count * plain_hazard(m.back());
  std::vector<double> mark(bucket.count, 1e300);
  double lower = 0, width = 1;
  while (bucket.count < 32 && width > bucket.count / 32.0) width /= 2;
  for (std::uint32_t band = 0; lower < limit; ++band) {
    const std::vector<double> tail = poisson_tail(width);
    const double u = uniform(block.seed, bucket.stream, scenario, band);
    for (std::uint32_t k = 0; k < tail.size() && u < tail[k]; ++k) {
      const auto events = ~static_cast<std::uint64_t>(bucket.stream);
      const auto w =
          philox({64 * band + k / 2, scenario, static_cast<std::uint32_t>(events), static_cast<std::uint32_t>(events >> 32)},
                 {static_cast<std::uint32_t>(block.seed), static_cast<std::uint32_t>(block.seed >> 32)});
      const Wide product = (Wide{w[k % 2 * 2]} << 32 | w[k % 2 * 2 + 1]) * bucket.count;
      const std::uint64_t n = static_cast<std::uint64_t>(product) >> 11;
      const double place = (n >> 52 ? static_cast<double>(n) : static_cast<double>(n) + 0.5) * 0x1p-53;
      double& first = mark[static_cast<std::size_t>(product >> 64)];
      first = std::min(first, std::fma(place, width, lower));
    }
    lower += width;
    width = std::min(lower, 32.0);
  }
  for (std::uint32_t label = 0; label < bucket.count; ++label) {
    if (!(mark[label] < limit)) continue;
    std::uint16_t step = 1;
    while (step < model.steps && !(mark[label] / bucket.count < plain_hazard(m[step - 1u]))) ++step;
    out.push_back({ObligorIndex{bucket.first + label}, static_cast<std::uint16_t>(lane), step,
                   model.obligors[bucket.first + label].loss_given_default});
  }
}

inline void plain_per_obligor(const CreditModel& model, const Bucket& bucket, const Block& block, std::size_t lane,
                              std::vector<Default>& out) {
  const std::vector<double> m = plain_distances(model, bucket, block, lane);
  for (std::uint32_t i = bucket.first; i < bucket.first + bucket.count; ++i) {
    const double u =
        uniform(block.seed, model.obligors[i].stream, static_cast<std::uint32_t>(block.first_scenario + lane), 0);
    if (!(u < normal_cdf(m.back()))) continue;
    std::uint16_t step = 1;
    while (step < model.steps && !(u < normal_cdf(m[step - 1u]))) ++step;
    out.push_back({ObligorIndex{i}, static_cast<std::uint16_t>(lane), step, model.obligors[i].loss_given_default});
  }
}

inline std::vector<Default> plain_defaults(const CreditModel& model, const Block& block) {
  std::vector<Default> out;
  for (const Bucket& bucket : model.buckets)
    for (std::size_t lane = 0; lane < lanes; ++lane)
      (model.sampler == Sampler::sparse ? plain_sparse : plain_per_obligor)(model, bucket, block, lane, out);
  std::sort(out.begin(), out.end(), [](const Default& a, const Default& b) {
    return a.obligor != b.obligor ? a.obligor < b.obligor : a.lane < b.lane;
  });
  return out;
}

struct BucketSpec {
  double pd_1y;
  std::vector<Loading> loadings;
  std::uint32_t count;
};
// Independent drivers; thresholds bootstrapped, quantiles with one step.
inline CreditModel make_model(const std::vector<BucketSpec>& specs, int steps, Sampler sampler) {
  CreditModel model;
  model.sampler = sampler;
  model.steps = steps;
  for (const BucketSpec& spec : specs) {
    double square = 0;
    for (const Loading& a : spec.loadings) square += a.loading * a.loading;
    Bucket bucket;
    bucket.stream = stream("bucket", std::to_string(model.buckets.size()));
    bucket.loadings = spec.loadings;
    bucket.residual = std::sqrt(1 - square);
    bucket.threshold = adapted_passage(default_curve(spec.pd_1y, 1.0 / steps, steps), square).threshold;
    bucket.first = static_cast<std::uint32_t>(model.obligors.size());
    bucket.count = spec.count;
    for (std::uint32_t i = 0; i < spec.count; ++i)
      model.obligors.push_back(
          {stream("default", std::to_string(model.buckets.size()) + "." + std::to_string(i)), 0.25 + 0.5 * i});
    model.buckets.push_back(std::move(bucket));
  }
  return model;
}

// Standardised paths D_n of independent drivers.
inline void draw_drivers(Block& block, std::uint32_t drivers, int steps) {
  if (block.factors.series() != drivers || block.factors.steps() != steps + 1) block.factors = LaneTable(drivers, steps + 1);
  alignas(64) std::array<double, lanes> z;
  for (std::uint32_t f = 0; f < drivers; ++f) {
    std::array<double, lanes> sum{};
    std::fill_n(block.factors(f, 0).data(), lanes, 0.0);
    for (int n = 1; n <= steps; ++n) {
      normals(block.seed, stream("driver", std::to_string(f)), static_cast<std::uint32_t>(block.first_scenario),
              static_cast<std::uint32_t>(n), z);
      for (std::size_t l = 0; l < lanes; ++l) {
        sum[l] += z[l];
        block.factors(f, n)[l] = sum[l] / std::sqrt(static_cast<double>(n));
      }
    }
  }
}

inline Block make_block(std::uint64_t seed, std::uint64_t first_scenario, std::uint32_t drivers, int steps) {
  Block block;
  block.seed = seed;
  block.first_scenario = first_scenario;
  draw_drivers(block, drivers, steps);
  return block;
}

}  // namespace tailcube::test
