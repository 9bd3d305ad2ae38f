// Reading a large book: n obligors and n loans, one per obligor.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "src/input/input.h"

namespace {

std::filesystem::path write_book(std::int64_t n) {
  std::string pattern = (std::filesystem::temp_directory_path() / "tailcube-bench-XXXXXX").string();
  const std::filesystem::path folder = ::mkdtemp(pattern.data());
  std::ofstream(folder / "job.toml")
      << "[run]\nseed = 1\nscenarios = 1000\ncurrency = \"USD\"\n[time]\nstep = \"1Q\"\nsteps = 4\n[files]\n"
         "factors = \"factors.csv\"\ncorrelation = \"correlation.csv\"\ncurves = \"curves.csv\"\n"
         "obligors = \"obligors.csv\"\npositions.loan = \"loans.csv\"\n[cube]\nlevels = [\"book\", \"pool\"]\n";
  std::ofstream(folder / "factors.csv") << "id,kind,initial,drift,volatility\nR,normal,0.03,0,0.01\nSME,driver,,,\n";
  std::ofstream(folder / "correlation.csv") << "id,R,SME\nR,1,0.2\nSME,0.2,1\n";
  std::ofstream(folder / "curves.csv") << "curve,tenor_years,factor\nUSD,5,R\n";
  std::ofstream obligors(folder / "obligors.csv"), loans(folder / "loans.csv");
  obligors << "id,pd_1y,driver,asset_correlation,lgd,sector,country\n";
  loans << "id,book,pool,obligor,principal,rate,frequency,maturity_years,amortisation,curve,spread\n";
  for (std::int64_t i = 0; i < n; ++i) {
    const auto k = i * 7919 % n;  // not in the order of ids
    obligors << "OBL" << k << "," << 0.001 * static_cast<double>(1 + k % 50) << ",SME,0.15,0.45,Retail,DE\n";
    loans << "LOAN" << i << ",book" << k % 4 << ",pool" << k % 200 << ",OBL" << k << "," << 1000 + k % 9000
          << ".25,0.0625,12," << 1 + k % 10 << ",annuity,USD,0.0" << 100 + k % 400 << "\n";
  }
  return folder;
}

void read_loans(benchmark::State& state) {
  const auto folder = write_book(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(tailcube::read_job(folder / "job.toml", {}));
  state.counters["rows"] =
      benchmark::Counter(static_cast<double>(2 * state.range(0) * state.iterations()), benchmark::Counter::kIsRate);
  std::filesystem::remove_all(folder);
}
BENCHMARK(read_loans)->Arg(10'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
