// What a book costs: ns per loan and scenario at leaf detail, three horizons, with and without defaults; us per scenario of
// vaults in tables and one by one; ns per position and scenario of what is valued one by one, beside a bare loop for each.
// The best of a few rounds, one thread. The market and the draw of defaults are not counted.
#include <time.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <tuple>

#include "kernels/instruments/instrument.h"
#include "kernels/math/functions.h"
#include "tests/bench/bare_loops.h"

using namespace tailcube;

namespace {

// Of this thread's processor time: other programs on the machine do not count.
double now() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return 1e9 * static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec);
}
std::mt19937_64 generator(5);
double uniform(double a, double b) { return std::uniform_real_distribution<double>(a, b)(generator); }
std::uint32_t pick(std::uint32_t n) { return static_cast<std::uint32_t>(generator() % n); }

const Instrument& instrument(std::string_view name) {
  for (const Instrument* i : instruments())
    if (i->name == name) return *i;
  std::abort();
}

constexpr int curves = 3, grades = 7, leaves = 50;

struct Bench {
  FactorModel market;
  Wiring wiring;
  Block block;
  Ledger ledger;
  Faults faults;
  std::unique_ptr<Batch> batch;
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
    block.factors = LaneTable(market.factors.size(), market.steps + 1);
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
    wiring.row_count = leaves;
    for (const NodeIndex leaf : positions.leaf) wiring.row.push_back(RowIndex{static_cast<std::uint32_t>(leaf)});
    batch = type.compile(positions, wiring);
    const int n = static_cast<int>(wiring.valued.size());
    for (LaneTable* t : {&ledger.value, &ledger.cash, &ledger.credit_loss}) *t = LaneTable(leaves, n);
    ledger.gauges = LaneTable(leaves * type.gauges.size(), n);
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
      bool any = false;
      for (std::size_t k = 0; k < lanes; ++k) {
        debt[k] *= growth;
        any |= collateral[k] * price[k] * threshold < debt[k];
      }
      if (!any) continue;
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

// `count` equal rows of a type on 50 leaves; numbers by column, the first factor for each factor column that must be there.
void run_assets(const std::string& name, const std::map<std::string_view, double>& cells,
                const std::function<void(std::uint32_t, bare::World&)>& loop) {
  constexpr std::uint32_t count = 1000;
  Bench b(12, 1.0 / 12, {3, 6, 12});
  b.add(Process::lognormal, 1.0, 0.2);
  b.market.curves.push_back({{1, b.add(Process::normal, 0.03, 0.01)}});
  b.draw();
  b.wiring.loss_given_default.assign(count, 0.6);
  b.wiring.default_probability = [](ObligorIndex, double years) { return -tailcube::expm1(-0.03 * years); };
  const Instrument& type = instrument(name);
  Positions p;
  p.numbers.resize(type.columns.size()), p.references.resize(type.columns.size()), p.names.resize(type.columns.size());
  for (std::uint32_t i = 0; i < count; ++i) {
    p.id.push_back(std::to_string(i));
    p.leaf.push_back(NodeIndex{pick(leaves)});
    p.currency.push_back(FactorIndex{none});
    p.quantity.push_back(1);
    p.obligor.push_back(ObligorIndex{i});
    for (std::size_t c = 0; c < type.columns.size(); ++c) {
      const Column& column = type.columns[c];
      const auto at = cells.find(column.name);
      p.numbers[c].push_back(at != cells.end() ? at->second : column.otherwise.value_or(0));
      const bool referred = column.kind == CellKind::curve || (column.kind == CellKind::factor && at != cells.end());
      p.references[c].push_back(referred ? 0 : none);
      p.names[c].push_back(StreamId{0});
    }
  }
  b.compile(type, p, count);
  // In turns, so that both meet the same machine.
  double ours = 1e300, theirs = 1e300, sum = 0;
  for (int round = 0; round < 5; ++round) {
    ours = std::min(ours, b.best_ns(1) / lanes / count);
    const double begin = now();
    bare::World w{b.block};
    bare::look_at_index(w);
    for (std::uint32_t i = 0; i < count; ++i) loop(i, w);
    theirs = std::min(theirs, (now() - begin) / lanes / count);
    sum += w.value[2][5] + w.cash[2][5];
  }
  std::printf("%u of %s, 12 steps, 3 horizons: %.1f ns per position and scenario, the bare loop %.1f, ratio %.2f; %.6g\n",
              count, name.c_str(), ours, theirs, ours / theirs, sum);
}

}  // namespace

// One argument: only "loans", "vaults" or "assets".
int main(int argc, char** argv) {
  const std::string only = argc > 1 ? argv[1] : "";
  std::printf("%s\n", simd_name());
  if (only.empty() || only == "loans")
    for (const Spreads spreads : {Spreads::factors, Spreads::solved})
      for (const std::uint32_t count : {1000u, 10000u, 100000u}) run_loans(count, spreads);
  if (only.empty() || only == "assets") {
    const auto id = [](std::uint32_t i) { return StreamId{std::uint64_t{1000003} * i}; };
    run_assets("collectible",
               {{"appraisal", 1e6},
                {"appraisal_sd", 0.2},
                {"index_factor", 0},
                {"idiosyncratic_volatility", 0.1},
                {"offered_years", 0.1},
                {"sale_delay_years", 0.5}},
               [&](std::uint32_t i, bare::World& w) { bare::collectible(id(i), w); });
    run_assets("property", {{"value", 1e6}, {"index_factor", 0}, {"idiosyncratic_volatility", 0.1}, {"rent", 5e4}},
               [&](std::uint32_t i, bare::World& w) { bare::property(id(i), w); });
    const double total = 0.05 * 0.95 / (0.03 * 0.03) - 1, scale = 25.0 * 25 / 30 / 365;
    run_assets("invoice",
               {{"face", 1e5},
                {"due_days", 45},
                {"discount_rate", 0.06},
                {"dilution", 0.05},
                {"dilution_sd", 0.03},
                {"delay_days", 30},
                {"delay_sd_days", 25},
                {"fraud_rate", 0.01}},
               [&](std::uint32_t i, bare::World& w) {
                 bare::invoice(id(i), 0.05 * total, 0.95 * total, 30.0 / 365 / scale, scale, w);
               });
    run_assets("revenue", {{"revenue", 1e6}, {"revenue_factor", 0}, {"share", 0.2}, {"cap", 1e6}, {"maturity_years", 5}},
               [](std::uint32_t, bare::World& w) { bare::revenue(w); });
    run_assets("perp",
               {{"factor", 0},
                {"size", 1e5},
                {"entry_price", 1},
                {"collateral", 2e4},
                {"funding_rate", 0.1},
                {"maintenance_margin", 0.01},
                {"liquidation_fee", 0.005}},
               [](std::uint32_t, bare::World& w) { bare::perp(w); });
    run_assets("lp", {{"base_factor", 0}, {"value", 1e5}, {"fee_rate", 0.1}},
               [](std::uint32_t, bare::World& w) { bare::lp(w); });
    run_assets("hedge", {{"kind", 1}, {"notional", 1e5}, {"maturity_years", 2}, {"factor", 0}, {"strike", 1}},
               [](std::uint32_t, bare::World& w) { bare::call(w); });
    run_assets("hedge", {{"kind", 3}, {"notional", 1e5}, {"maturity_years", 5}, {"premium", 0.02}, {"spread", 0.02}},
               [](std::uint32_t, bare::World& w) { bare::cds(w); });
    run_assets("cash", {{"amount", 1e5}, {"rate", 0.03}}, [](std::uint32_t, bare::World& w) { bare::cash(w); });
    run_assets("cover", {{"trigger", 0}, {"insured", 1e5}, {"term_years", 1}, {"premium", 1e3}, {"claim_delay_years", 0.2}},
               [](std::uint32_t, bare::World& w) { bare::cover(0, w); });
    run_assets("cover",
               {{"trigger", 1},
                {"insured", 1e5},
                {"factor", 0},
                {"trigger_price", 0.8},
                {"reference_price", 1},
                {"limit", 1e5},
                {"term_years", 1},
                {"premium", 1e3},
                {"claim_delay_years", 0.2}},
               [](std::uint32_t, bare::World& w) { bare::cover(0.8, w); });
  }
  if (only.empty() || only == "vaults")
    for (const double volatility : {0.1, 0.9})
      for (const int steps : {30, 365})
        for (const std::uint32_t count : {1000u, 10000u, 100000u, 1000000u})
          if (steps < 100 || count < 1000000) run_vaults(count, steps, volatility);
}
