// What a factor-step costs: ns per factor, step and scenario on one core, random numbers included unless it says so.
#include <benchmark/benchmark.h>

#include "kernels/math/functions.h"
#include "tests/unit/market/simulate.h"

namespace {

using namespace tailcube;

// `per_state` factor-steps (or values) are made by each pass of the loop.
void report(benchmark::State& state, std::size_t per_pass) {
  state.counters["ns"] = benchmark::Counter(static_cast<double>(per_pass) * 1e-9,
                                            benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  state.SetLabel(simd_name());
}

// `process` for all, or all kinds in turn.
FactorModel equicorrelated(std::size_t factors, int steps, int process, double jump_rate = 0) {
  std::vector<Factor> all;
  std::vector<double> c(factors * factors, 0.3);
  for (std::size_t i = 0; i < factors; ++i) {
    const auto kind = process < 0 ? static_cast<Process>(i % 5) : static_cast<Process>(process);
    Factor f = test::factor(kind, "F" + std::to_string(i));
    f.initial = 1, f.drift = 0.02, f.volatility = 0.2, f.reversion = 0.4, f.level = 0;
    f.jump_rate = jump_rate, f.jump_mean = -0.1, f.jump_volatility = 0.1;
    all.push_back(f);
    c[i * factors + i] = 1;
  }
  return test::market(all, 1.0 / 12, steps, c);
}

void normals_alone(benchmark::State& state) {
  alignas(64) std::array<double, lanes> out;
  std::uint32_t draw = 0;
  for (auto _ : state) {
    normals(42, stream("factor", "BTC"), 0, draw++ & 0xffff, out);
    benchmark::DoNotOptimize(out);
  }
  report(state, lanes);
}

void innovations(benchmark::State& state) {
  const auto factors = static_cast<std::size_t>(state.range(0));
  const FactorModel m = equicorrelated(factors, 12, -1);
  test::Simulation s(m, 42);
  for (auto _ : state) {
    draw_innovations(m, s.block, s.innovations);
    s.block.first_scenario = (s.block.first_scenario + lanes) & 0xffffff;
    benchmark::ClobberMemory();
  }
  report(state, factors * 12 * lanes);
}

// One block of the base cell: innovations and paths.
void paths_of(benchmark::State& state, const FactorModel& m) {
  const CellShocks cell = test::unshocked(m);
  test::Simulation s(m, 42);
  std::uint64_t first = 0;
  for (auto _ : state) {
    s.draw(m, cell, first);
    first = (first + lanes) & 0xffffff;
    benchmark::ClobberMemory();
  }
  report(state, m.factors.size() * static_cast<std::size_t>(m.steps) * lanes);
}
void paths(benchmark::State& state) {
  paths_of(state, equicorrelated(static_cast<std::size_t>(state.range(0)), 12, static_cast<int>(state.range(1))));
}
void paths_with_jumps(benchmark::State& state) {
  paths_of(state, equicorrelated(12, 12, 0, static_cast<double>(state.range(0))));
}

// A further cell on drawn innovations: a driver set, all factors moved.
void propagated_cell(benchmark::State& state) {
  const FactorModel m = equicorrelated(20, 12, -1);
  CellShocks cell = test::unshocked(m);
  cell.propagate = true;
  cell.driver_shocks = {{FactorIndex{4}, true, -2.5}};
  std::vector<double> beta(20, 0.3);
  beta[4] = 1;
  cell.driver_beta.assign(12, beta);
  cell.touched.assign(20, touch_innovations | touch_dynamics);
  test::Simulation s(m, 42);
  s.draw(m, test::unshocked(m), 0);
  for (auto _ : state) {
    draw_paths(m, cell, s.innovations, nullptr, s.scratch, s.block);
    benchmark::ClobberMemory();
  }
  report(state, 20 * 12 * lanes);
}

void discounts(benchmark::State& state) {
  FactorModel m = equicorrelated(6, 12, static_cast<int>(Process::normal));
  m.curves = {{{0.5, FactorIndex{0}}, {1, FactorIndex{1}}, {2, FactorIndex{2}}, {5, FactorIndex{3}}, {10, FactorIndex{4}}}};
  for (int k = 0; k < 40; ++k) m.discounts.push_back({CurveIndex{0}, FactorIndex{5}, 1.1 + 0.25 * k});
  test::Simulation s(m, 42);
  s.draw(m, test::unshocked(m), 0);
  for (auto _ : state) {
    discount(m, s.block);
    benchmark::ClobberMemory();
  }
  report(state, m.discounts.size() * lanes);
}

BENCHMARK(normals_alone);
BENCHMARK(innovations)->ArgName("factors")->Arg(12)->Arg(20)->Arg(100);
BENCHMARK(paths)->ArgNames({"factors", "kind"})->ArgsProduct({{12, 20}, {-1, 0, 1, 2, 3, 4}});
BENCHMARK(paths_with_jumps)->ArgName("per_year")->Arg(1)->Arg(12)->Arg(120);
BENCHMARK(propagated_cell);
BENCHMARK(discounts);

}  // namespace

// market_bench [instruction set] [options of Google Benchmark]
int main(int argc, char** argv) {
  if (argc > 1 && limit_simd(argv[1])) --argc, ++argv;
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
