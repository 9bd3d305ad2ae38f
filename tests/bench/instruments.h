#pragma once
// What benchmarks of instruments share: a book of one instrument on 50 leaves, its market and one block of scenarios.
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <string_view>
#include <tuple>
#include <vector>

#include "kernels/instruments/instrument.h"

namespace tailcube::bench {

// Of this thread's processor time: other programs on the machine do not count.
inline double now() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return 1e9 * static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec);
}
inline std::mt19937_64 generator(5);
inline double uniform(double a, double b) { return std::uniform_real_distribution<double>(a, b)(generator); }
inline std::uint32_t pick(std::uint32_t n) { return static_cast<std::uint32_t>(generator() % n); }

inline const Instrument& instrument(std::string_view name) {
  for (const Instrument* i : instruments())
    if (i->name == name) return *i;
  std::abort();
}

constexpr int leaves = 50;

struct Bench {
  FactorModel market;
  Wiring wiring;
  Block block;
  Ledger ledger;
  Faults faults;
  std::unique_ptr<Batch> batch;
  std::uint32_t rows = leaves;
  std::map<std::tuple<std::uint32_t, std::uint32_t, double>, std::uint32_t> known;

  Bench(int steps, double step_years, std::vector<int> valued) {
    market.steps = steps, market.step_years = step_years, market.valued = valued;
    wiring.market = &market, wiring.valued = valued;
    for (int n = 0; n <= steps; ++n) wiring.time_years.push_back(step_years * n);
    wiring.discount = [this](CurveIndex c, FactorIndex s, double date) {
      const auto [at, fresh] = known.try_emplace({static_cast<std::uint32_t>(c), static_cast<std::uint32_t>(s), date},
                                                 static_cast<std::uint32_t>(market.discounts.size()));
      if (fresh) market.discounts.push_back({c, s, date});
      return DiscountIndex{at->second};
    };
    faults.reserve(64);
  }
  FactorIndex add(Process process, double initial, double volatility) {
    Factor f;
    f.process = process, f.initial = initial, f.volatility = volatility;
    market.factors.push_back(f);
    return FactorIndex{static_cast<std::uint32_t>(market.factors.size() - 1)};
  }
  void draw() {
    std::normal_distribution<double> normal;
    block.factors = LaneTable(market.rows(), market.steps + 1);
    for (std::size_t i = 0; i < market.factors.size(); ++i)
      for (std::size_t k = 0; k < lanes; ++k) {
        const Factor& f = market.factors[i];
        double x = f.initial;
        for (int n = 0; n <= market.steps; ++n) {
          block.factors(i, n)[k] = x;
          const double move = f.volatility * std::sqrt(market.step_years) * normal(generator);
          x = f.process == Process::lognormal ? x * std::exp(move) : x + move;
        }
      }
  }
  void compile(const Instrument& type, const Positions& positions, std::uint32_t obligors) {
    wiring.obligor_count = obligors;
    wiring.row_count = rows;
    for (const NodeIndex leaf : positions.leaf) wiring.row.push_back(RowIndex{static_cast<std::uint32_t>(leaf)});
    batch = type.compile(positions, wiring);
    const int n = static_cast<int>(wiring.valued.size());
    for (LaneTable* t : {&ledger.value, &ledger.cash, &ledger.credit_loss}) *t = LaneTable(rows, n);
    ledger.gauges = LaneTable(rows * type.gauges.size(), n);
    block.discounts = LaneTable(market.discounts.size(), n);
    discount(market, block);
  }
  double best_ns(int repeats) {
    double best = 1e300;
    batch->evaluate(block, ledger, faults);
    for (int round = 0; round < 5; ++round) {
      const double begin = now();
      for (int i = 0; i < repeats; ++i) batch->evaluate(block, ledger, faults);
      best = std::min(best, (now() - begin) / repeats);
    }
    return best;
  }
};

}  // namespace tailcube::bench
