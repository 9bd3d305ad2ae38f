// Random numbers and elementary functions, values per second; argument 1 is the widest instruction set, 0 is AVX2.
#include <benchmark/benchmark.h>

#include <vector>

#include "kernels/math/functions.h"
#include "kernels/random/stream.h"

using namespace tailcube;

namespace {
constexpr std::uint32_t kDraws = 64;

template <class Call>
void run(benchmark::State& state, std::size_t items, Call call) {
  limit_simd(state.range(0) ? "avx512" : "avx2");
  for (auto unused : state) {
    static_cast<void>(unused);
    call();
    benchmark::ClobberMemory();
  }
  state.SetLabel(simd_name());
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(items));
  limit_simd("avx512");
}

void philox_words(benchmark::State& state) {
  std::array<std::uint32_t, lanes> out;
  run(state, std::size_t{kDraws} * lanes, [&] {
    for (std::uint32_t draw = 0; draw < kDraws; ++draw) {
      words(7, StreamId{3}, 6400, draw, out);
      benchmark::DoNotOptimize(out.data());
    }
  });
}

void philox_uniforms(benchmark::State& state) {
  std::array<double, lanes> out;
  run(state, std::size_t{kDraws} * lanes, [&] {
    for (std::uint32_t draw = 0; draw < kDraws; ++draw) {
      uniforms(7, StreamId{3}, 6400, draw, out);
      benchmark::DoNotOptimize(out.data());
    }
  });
}

void philox_normals(benchmark::State& state) {
  std::vector<double> out(std::size_t{kDraws} * lanes);
  run(state, out.size(), [&] { normal_draws(7, StreamId{3}, 6400, 0, out); });
}

template <void (*function)(ConstLanes, Lanes)>
void elementary(benchmark::State& state) {
  std::vector<std::array<double, lanes>> in(kDraws), out(kDraws);
  for (std::uint32_t i = 0; i < kDraws; ++i) uniforms(7, StreamId{3}, 0, i, in[i]);
  run(state, std::size_t{kDraws} * lanes, [&] {
    for (std::size_t i = 0; i < in.size(); ++i) function(in[i], out[i]);
  });
}
}  // namespace

BENCHMARK(philox_words)->Arg(1)->Arg(0);
BENCHMARK(philox_uniforms)->Arg(1)->Arg(0);
BENCHMARK(philox_normals)->Arg(1)->Arg(0);
BENCHMARK_TEMPLATE(elementary, tailcube::exp)->Name("exp")->Arg(1)->Arg(0);
BENCHMARK_TEMPLATE(elementary, tailcube::log)->Name("log")->Arg(1)->Arg(0);
BENCHMARK_TEMPLATE(elementary, tailcube::normal_cdf)->Name("normal_cdf")->Arg(1)->Arg(0);
BENCHMARK_TEMPLATE(elementary, tailcube::normal_quantile)->Name("normal_quantile")->Arg(1)->Arg(0);
BENCHMARK_MAIN();
