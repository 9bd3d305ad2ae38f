// Defaults of 10 000 obligors in 100 buckets (10 sectors x 10 grades, PD 0.5 .. 5 %, rho 0.2), and the thresholds they need.
#include <benchmark/benchmark.h>

#include <cmath>
#include <string>

#include "kernels/credit/defaults.h"
#include "kernels/credit/thresholds.h"

using namespace tailcube;

namespace {

constexpr std::uint32_t sectors = 10, grades = 10, obligors_per_bucket = 100;
constexpr double rho = 0.2;

CreditModel workload(int steps, Sampler sampler) {
  CreditModel model;
  model.sampler = sampler;
  model.steps = steps;
  for (std::uint32_t g = 0; g < grades; ++g) {
    const double pd = 0.005 * std::pow(10.0, g / 9.0);
    const auto threshold = adapted_passage(default_curve(pd, 1.0 / steps, steps), rho).threshold;
    for (std::uint32_t s = 0; s < sectors; ++s) {
      Bucket bucket;
      bucket.stream = stream("bucket", std::to_string(g) + " " + std::to_string(s));
      bucket.loadings = {{FactorIndex{s}, std::sqrt(rho)}};
      bucket.residual = std::sqrt(1 - rho);
      bucket.threshold = threshold;
      bucket.first = static_cast<std::uint32_t>(model.obligors.size());
      bucket.count = obligors_per_bucket;
      for (std::uint32_t i = 0; i < obligors_per_bucket; ++i)
        model.obligors.push_back({stream("default", std::to_string(bucket.first + i)), 0.45});
      model.buckets.push_back(std::move(bucket));
    }
  }
  return model;
}

void draw_drivers(Block& block, int steps) {
  alignas(64) std::array<double, lanes> z;
  for (std::uint32_t s = 0; s < sectors; ++s) {
    std::array<double, lanes> sum{};
    for (int n = 1; n <= steps; ++n) {
      normals(block.seed, stream("factor", std::to_string(s)), static_cast<std::uint32_t>(block.first_scenario),
              static_cast<std::uint32_t>(n), z);
      for (std::size_t l = 0; l < lanes; ++l) {
        sum[l] += z[l];
        block.factors(s, n)[l] = sum[l] / std::sqrt(static_cast<double>(n));
      }
    }
  }
}

void defaults(benchmark::State& state, Sampler sampler) {
  const int steps = static_cast<int>(state.range(0));
  const CreditModel model = workload(steps, sampler);
  std::vector<Block> blocks(16);  // conditional PDs differ between blocks: go round
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    blocks[b].seed = 42;
    blocks[b].first_scenario = b * lanes;
    blocks[b].factors = LaneTable(sectors, steps + 1);
    draw_drivers(blocks[b], steps);
  }
  CreditScratch scratch;
  std::size_t turn = 0, events = 0;
  for (auto _ : state) {
    Block& block = blocks[turn++ % blocks.size()];
    draw_defaults(model, scratch, block);
    benchmark::DoNotOptimize(block.defaults.data());
    events += block.defaults.size();
  }
  const auto scenarios = static_cast<double>(state.iterations()) * lanes;
  using Counter = benchmark::Counter;
  state.counters["s_per_scenario"] = Counter(scenarios, Counter::kIsRate | Counter::kInvert);
  state.counters["defaults_per_scenario"] = static_cast<double>(events) / scenarios;
}
BENCHMARK_CAPTURE(defaults, sparse, Sampler::sparse)->Arg(1)->Arg(12)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(defaults, per_obligor, Sampler::per_obligor)->Arg(1)->Arg(12)->Unit(benchmark::kMicrosecond);

void thresholds(benchmark::State& state) {
  const int steps = static_cast<int>(state.range(0));
  const auto curve = default_curve(0.02, 1.0 / steps, steps);
  for (auto _ : state) benchmark::DoNotOptimize(adapted_passage(curve, rho).threshold.data());
}
BENCHMARK(thresholds)->Arg(4)->Arg(12)->Arg(52)->Unit(benchmark::kMillisecond);

void kappa(benchmark::State& state) {
  const int steps = static_cast<int>(state.range(0));
  const auto curve = default_curve(0.02, 1.0 / steps, steps);
  for (auto _ : state) benchmark::DoNotOptimize(matched_passage(curve, rho, steps).kappa);
}
BENCHMARK(kappa)->Arg(4)->Arg(12)->Arg(52)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
