// What a book costs: ns per loan and scenario at leaf detail, three horizons, with and without defaults; us per scenario of
// vaults in tables and one by one. The best of a few rounds, one thread. The market and the draw of defaults are not
// counted.
#include <array>
#include <cmath>
#include <cstdio>
#include <string>

#include "kernels/math/functions.h"
#include "tests/bench/instruments.h"

using namespace tailcube;
using namespace tailcube::bench;

namespace {

constexpr int curves = 3, grades = 7;

enum class Spreads { factors, solved };

Positions loans(std::uint32_t count, Spreads spreads, const std::vector<FactorIndex>& grade) {
  const Instrument& type = instrument("loan");
  Positions p;
  p.numbers.resize(type.columns.size()), p.references.resize(type.columns.size());
  for (std::uint32_t i = 0; i < count; ++i) {
    p.id.push_back(std::to_string(i));
    p.leaf.push_back(NodeIndex{pick(leaves)});
    p.currency.push_back(FactorIndex{none});
    p.quantity.push_back(1);
    p.obligor.push_back(ObligorIndex{i});
    for (std::size_t c = 0; c < type.columns.size(); ++c) {
      const std::string_view name = type.columns[c].name;
      double x = type.columns[c].otherwise.value_or(0);
      std::uint32_t reference = none;
      if (name == "principal") x = std::exp(uniform(11, 13));
      if (name == "rate") x = uniform(0.04, 0.1);
      if (name == "maturity_years") x = (6 + pick(115)) / 12.0;
      if (name == "amortisation") x = pick(2);
      if (name == "curve") reference = pick(curves);
      if (name == "spread" && spreads == Spreads::factors) reference = static_cast<std::uint32_t>(grade[pick(grades)]);
      p.numbers[c].push_back(x);
      p.references[c].push_back(reference);
    }
  }
  return p;
}

void run_loans(std::uint32_t count, Spreads spreads) {
  Bench b(12, 1.0 / 12, {3, 6, 12});
  for (int c = 0; c < curves; ++c)
    b.market.curves.push_back({{1, b.add(Process::normal, 0.02, 0.01)},
                               {5, b.add(Process::normal, 0.03, 0.01)},
                               {10, b.add(Process::normal, 0.035, 0.01)}});
  std::vector<FactorIndex> grade;
  for (int g = 0; g < grades; ++g) grade.push_back(b.add(Process::lognormal, 0.005 + 0.008 * g, 0.4));
  b.draw();
  const Positions positions = loans(count, spreads, grade);
  const double begin = now();
  b.compile(instrument("loan"), positions, count);
  const double compile_ms = (now() - begin) / 1e6;
  const int repeats = static_cast<int>(std::max<std::uint32_t>(2, 100000 / count));
  const double ladders = b.best_ns(repeats);
  for (std::uint32_t o = 0; o < count; ++o)
    for (std::uint16_t k = 0; k < lanes; ++k)
      if (uniform(0, 1) < 0.02)
        b.block.defaults.push_back({ObligorIndex{o}, k, static_cast<std::uint16_t>(1 + pick(12)), 0.6});
  const double all = b.best_ns(repeats), events = static_cast<double>(b.block.defaults.size());
  std::printf(
      "%7u loans, spreads %s: compiled in %.0f ms, %zu discount factors; per scenario %.1f us of ladders + %.1f us of %.0f "
      "defaults (%.0f ns each); per loan and scenario %.3f ns\n",
      count, spreads == Spreads::factors ? "by factor" : "solved   ", compile_ms, b.market.discounts.size(),
      ladders / lanes / 1e3, (all - ladders) / lanes / 1e3, events / lanes, (all - ladders) / events, all / lanes / count);
}

constexpr double threshold = 0.8, borrow_rate = 0.05, bonus = 0.05, close_factor = 0.5;

Positions vaults(std::uint32_t count) {
  const Instrument& type = instrument("vault");
  Positions p;
  p.numbers.resize(type.columns.size()), p.references.resize(type.columns.size());
  for (std::uint32_t i = 0; i < count; ++i) {
    p.id.push_back(std::to_string(i));
    p.leaf.push_back(NodeIndex{pick(leaves)});
    p.currency.push_back(FactorIndex{none});
    p.quantity.push_back(1);
    p.obligor.push_back(ObligorIndex{none});
    for (std::size_t c = 0; c < type.columns.size(); ++c) {
      const std::string_view name = type.columns[c].name;
      double x = type.columns[c].otherwise.value_or(0);
      if (name == "collateral_quantity") x = 1e5;
      if (name == "debt") x = 1e5 * uniform(0.3, 0.78);
      if (name == "liquidation_threshold") x = threshold;
      if (name == "borrow_rate") x = borrow_rate;
      if (name == "bonus") x = bonus;
      if (name == "close_factor") x = close_factor;
      p.numbers[c].push_back(x);
      p.references[c].push_back(name == "collateral_factor" ? 0 : none);
    }
  }
  return p;
}

// The same vaults one by one, 64 scenarios side by side: what a table saves. Nothing but what the lender has at the end.
double one_by_one(const std::vector<double>& debts, double growth, const Block& block, int steps) {
  alignas(64) std::array<double, lanes> collateral, debt, repaid, lender{};
  const double kept = 1 / (1 + bonus);
  for (const double owed : debts) {
    collateral.fill(1e5), debt.fill(owed), repaid.fill(0);
    for (int n = 1; n <= steps; ++n) {
      const double* price = block.factors(std::size_t{0}, n).data();
      std::int64_t any = 0;  // as wide as the numbers compared, so that these are compared side by side
      for (std::size_t k = 0; k < lanes; ++k) {
        debt[k] *= growth;
        any |= collateral[k] * price[k] * threshold < debt[k] ? 1 : 0;
      }
      if (any == 0) continue;
      for (std::size_t k = 0; k < lanes; ++k) {
        const double worth = collateral[k] * price[k];
        if (!(worth * threshold < debt[k]) || !(worth > 0)) continue;
        const double paid = std::min(close_factor * debt[k], worth * kept);
        collateral[k] = paid == worth * kept ? 0 : collateral[k] - paid / (kept * price[k]);
        debt[k] -= paid, repaid[k] += paid;
      }
    }
    const double* price = block.factors(std::size_t{0}, steps).data();
    for (std::size_t k = 0; k < lanes; ++k) lender[k] += repaid[k] + std::min(debt[k], collateral[k] * price[k]);
  }
  double sum = 0;
  for (const double x : lender) sum += x;
  return sum;
}

void run_vaults(std::uint32_t count, int steps, double volatility) {
  Bench b(steps, 1.0 / 365, {steps});
  b.add(Process::lognormal, 1.0, volatility);
  b.draw();
  const Positions p = vaults(count);
  const double begin = now();
  b.compile(instrument("vault"), p, 0);
  const double compile_ms = (now() - begin) / 1e6;
  std::vector<double> debts;
  for (std::size_t c = 0; c < p.numbers.size(); ++c)
    if (instrument("vault").columns[c].name == "debt") debts = p.numbers[c];
  // Taken in turn: other programs on the machine slow both.
  double table = 1e300, loop = 1e300, difference = 0;
  for (int round = 0; round < (count > 100000 ? 2 : 5); ++round) {
    table = std::min(table, b.best_ns(count > 10000 ? 2 : 20));
    const double started = now();
    difference = one_by_one(debts, tailcube::exp(borrow_rate / 365), b.block, steps);
    loop = std::min(loop, now() - started);
  }
  const double both = difference;
  for (std::size_t row = 0; row < leaves; ++row)
    for (std::size_t k = 0; k < lanes; ++k) difference -= b.ledger.value(row, 0)[k] + b.ledger.cash(row, 0)[k];
  std::printf(
      "%7u vaults on 50 rows, %3d steps, volatility %.1f: compiled in %.0f ms; per scenario %.1f us one by one, %.2f us in "
      "tables, ratio %.0f; %.2g apart\n",
      count, steps, volatility, compile_ms, loop / lanes / 1e3, table / lanes / 1e3, loop / table,
      std::abs(difference / both));
}

}  // namespace

// One argument: only "loans" or "vaults".
int main(int argc, char** argv) {
  const std::string only = argc > 1 ? argv[1] : "";
  std::printf("%s\n", simd_name());
  if (only.empty() || only == "loans")
    for (const Spreads spreads : {Spreads::factors, Spreads::solved})
      for (const std::uint32_t count : {1000u, 10000u, 100000u}) run_loans(count, spreads);
  if (only.empty() || only == "vaults")
    for (const double volatility : {0.1, 0.9})
      for (const int steps : {30, 365})
        for (const std::uint32_t count : {1000u, 10000u, 100000u, 1000000u})
          if (steps < 100 || count < 1000000) run_vaults(count, steps, volatility);
}
