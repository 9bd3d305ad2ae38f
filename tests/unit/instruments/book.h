#pragma once
// A small market with random paths, tables of positions by column name, and batches evaluated on them.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <tuple>
#include <variant>

#include "kernels/instruments/instrument.h"

namespace tailcube::test {

inline const Instrument& instrument(std::string_view name) {
  for (const Instrument* i : instruments())
    if (i->name == name) return *i;
  throw std::runtime_error("no instrument " + std::string(name));
}

// Factors by name, their paths drawn by std:: (nothing here is meant to be portable), and defaults drawn at random.
struct World {
  FactorModel market;
  std::vector<std::string> names;
  std::vector<double> loss_given_default;         // per obligor
  std::vector<double> recovery_delay_years;       // per obligor; empty: none waits
  std::vector<double> days_past_due;              // per obligor; empty: nobody is
  bool published_values = false, ratios = false;  // of the job
  std::vector<double> hazard;                     // per obligor, of Wiring::default_probability; empty: nobody defaults
  Block block;
  std::mt19937_64 random;

  World(int steps, double step_years, std::vector<int> valued, unsigned seed) : random(seed) {
    market.steps = steps;
    market.step_years = step_years;
    market.valued = std::move(valued);
  }
  FactorIndex factor(const std::string& name) const {
    for (std::size_t i = 0; i < names.size(); ++i)
      if (names[i] == name) return FactorIndex{static_cast<std::uint32_t>(i)};
    return FactorIndex{none};
  }
  void add(const std::string& name, Process process, double initial, double volatility, double drift = 0) {
    Factor f;
    f.process = process, f.initial = initial, f.volatility = volatility, f.drift = drift;
    market.factors.push_back(f);
    names.push_back(name);
  }
  double time(int step) const { return market.step_years * step; }
  double uniform(double a, double b) { return std::uniform_real_distribution<double>(a, b)(random); }
  double& at(const std::string& name, int step, int lane) {
    return block.factors(factor(name), step)[static_cast<std::size_t>(lane)];
  }
  void draw_factors() {
    std::normal_distribution<double> normal;
    block.factors = LaneTable(market.rows(), market.steps + 1);
    for (std::size_t i = 0; i < market.factors.size(); ++i)
      for (std::size_t k = 0; k < lanes; ++k) {
        const Factor& f = market.factors[i];
        double x = f.initial;
        for (int n = 0; n <= market.steps; ++n) {
          block.factors(i, n)[k] = x;
          const double move = f.volatility * std::sqrt(market.step_years) * normal(random);
          x = f.process == Process::lognormal ? x * std::exp(move) : x + move;
        }
      }
  }
  // A pool that is worth `today` and then anything from nothing to twice that, of which so much is lost by credit; call it
  // before draw_factors, and fill_pool after.
  PoolIndex add_pool(double today) {
    const PoolIndex pool{static_cast<std::uint32_t>(market.rows())};
    market.published.push_back({today, 2 * today});
    market.published.push_back({0, 2 * today});
    return pool;
  }
  void fill_pool(PoolIndex pool) {
    const auto row = static_cast<std::size_t>(pool);
    const double today = market.published[row - market.factors.size()].today;
    for (int n = 0; n <= market.steps; ++n)
      for (std::size_t k = 0; k < lanes; ++k) {
        block.factors(row, n)[k] = n == 0 ? today : uniform(0, 2 * today);
        block.factors(row + 1, n)[k] = n == 0 ? 0 : uniform(0, today);
      }
  }
  // What the positions publish, as the engine has it: rows after all others. Call it before draw_factors.
  void add_prices(Positions& positions) {
    for (std::size_t p = 0; p < positions.size(); ++p) {
      positions.published.push_back(FactorIndex{static_cast<std::uint32_t>(market.rows())});
      market.published.resize(market.published.size() + price_rows);
    }
  }
  void publish(const Instrument& type, const Positions& positions) {
    Wiring wiring;
    wiring.market = &market;
    for (int n = 0; n <= market.steps; ++n) wiring.time_years.push_back(time(n));
    for (std::size_t p = 0; p < positions.size(); ++p) {
      const auto path = type.publish(positions, p, wiring);
      std::copy(path->rows.begin(), path->rows.end(),
                market.published.begin() + static_cast<std::ptrdiff_t>(positions.published[p]) -
                    static_cast<std::ptrdiff_t>(market.factors.size()));
      path->publish(block, positions.published[p]);
    }
  }
  // About one obligor in `one_in` per lane, at a random step.
  void draw_defaults(std::uint32_t obligors, int one_in) {
    loss_given_default.resize(obligors);
    for (double& l : loss_given_default) l = uniform(0.1, 0.9);
    block.defaults.clear();
    for (std::uint32_t o = 0; o < obligors; ++o)
      for (int k = 0; k < lanes; ++k)
        if (static_cast<int>(random() % static_cast<unsigned>(one_in)) == 0) {
          const auto step = static_cast<std::uint16_t>(1 + random() % static_cast<unsigned>(market.steps));
          block.defaults.push_back({ObligorIndex{o}, static_cast<std::uint16_t>(k), step, loss_given_default[o]});
        }
  }
  void index_defaults(std::uint32_t obligors) {
    block.first_default.assign(std::size_t{obligors} + 1, 0);
    for (const Default& d : block.defaults) ++block.first_default[static_cast<std::size_t>(d.obligor) + 1];
    for (std::uint32_t o = 0; o < obligors; ++o) block.first_default[o + 1] += block.first_default[o];
  }
  int default_step(ObligorIndex o, int lane) const {  // beyond the last step if none
    for (const Default& d : block.defaults)
      if (d.obligor == o && d.lane == lane) return d.step;
    return market.steps + 1;
  }
  double zero_rate(CurveIndex curve, double tenor, int step, int lane) const {
    const auto& pillars = market.curves[static_cast<std::size_t>(curve)];
    const auto rate = [&](std::size_t i) {
      return block.factors(pillars[i].zero_rate, step)[static_cast<std::size_t>(lane)];
    };
    if (tenor <= pillars.front().tenor_years) return rate(0);
    for (std::size_t i = 1; i < pillars.size(); ++i)
      if (tenor <= pillars[i].tenor_years) {
        const double w = (tenor - pillars[i - 1].tenor_years) / (pillars[i].tenor_years - pillars[i - 1].tenor_years);
        return rate(i - 1) * (1 - w) + rate(i) * w;
      }
    return rate(pillars.size() - 1);
  }
  // Discount factors of all that was registered, straight from the definition.
  void discount() {
    block.discounts = LaneTable(market.discounts.size(), static_cast<int>(market.valued.size()));
    for (std::size_t i = 0; i < market.discounts.size(); ++i)
      for (std::size_t v = 0; v < market.valued.size(); ++v)
        for (int k = 0; k < lanes; ++k) {
          const Discount& d = market.discounts[i];
          const double left = d.date_years - time(market.valued[v]);
          const auto lane = static_cast<std::size_t>(k);
          const double spread = is_none(d.spread) ? 0 : block.factors(d.spread, market.valued[v])[lane];
          block.discounts(i, static_cast<int>(v))[lane] =
              left <= 1e-9 ? 0 : std::exp(-(zero_rate(d.curve, left, market.valued[v], k) + spread) * left);
        }
  }
};

// Rows of a table as name -> cell; cells that are not given take their default. Ids are p00000, p00001, ...
using Cell =
    std::variant<double, FactorIndex, CurveIndex, std::string, ObligorIndex, PoolIndex, AccountIndex, ShareSchedule>;
struct Line {
  std::uint32_t leaf = 1;
  FactorIndex currency{none};
  double quantity = 1;
  ObligorIndex obligor{none};
  std::map<std::string, Cell> cells = {};
};

inline int word(std::string_view words, const std::string& wanted) {
  int at = 0;
  for (std::size_t begin = 0; begin <= words.size(); ++at) {
    const std::size_t end = std::min(words.find('|', begin), words.size());
    if (words.substr(begin, end - begin) == wanted) return at;
    begin = end + 1;
  }
  throw std::runtime_error("no word " + wanted);
}

inline Positions table(const Instrument& type, const std::vector<Line>& lines) {
  Positions out;
  out.numbers.resize(type.columns.size());
  out.references.resize(type.columns.size());
  out.names.resize(type.columns.size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string digits = std::to_string(i);
    out.id.push_back("p" + std::string(6 - digits.size(), '0') + digits);
    out.leaf.push_back(NodeIndex{lines[i].leaf});
    out.currency.push_back(lines[i].currency);
    out.quantity.push_back(lines[i].quantity);
    out.obligor.push_back(lines[i].obligor);
    for (std::size_t c = 0; c < type.columns.size(); ++c) {
      const Column& column = type.columns[c];
      double number = column.otherwise.value_or(std::nan(""));
      std::uint32_t reference = none;
      StreamId name{0};
      if (const auto cell = lines[i].cells.find(std::string(column.name)); cell != lines[i].cells.end()) {
        if (const auto* x = std::get_if<double>(&cell->second)) number = *x;
        if (const auto* f = std::get_if<FactorIndex>(&cell->second)) reference = static_cast<std::uint32_t>(*f);
        if (const auto* f = std::get_if<CurveIndex>(&cell->second)) reference = static_cast<std::uint32_t>(*f);
        if (const auto* o = std::get_if<ObligorIndex>(&cell->second)) reference = static_cast<std::uint32_t>(*o);
        if (const auto* o = std::get_if<PoolIndex>(&cell->second)) reference = static_cast<std::uint32_t>(*o);
        if (const auto* o = std::get_if<AccountIndex>(&cell->second)) reference = static_cast<std::uint32_t>(*o);
        if (const auto* s = std::get_if<ShareSchedule>(&cell->second)) {
          reference = static_cast<std::uint32_t>(out.schedules.size());
          out.schedules.push_back(*s);
        }
        if (const auto* w = std::get_if<std::string>(&cell->second)) {
          if (column.kind == CellKind::name)
            name = stream(column.name, *w);
          else
            number = word(column.words, *w);
        }
      }
      if (column.kind == CellKind::number || column.kind == CellKind::rate || column.kind == CellKind::word)
        out.numbers[c].push_back(number);
      if (column.kind == CellKind::name) out.names[c].push_back(name);
      if (column.kind == CellKind::factor || column.kind == CellKind::curve || column.kind == CellKind::rate ||
          column.kind == CellKind::obligor || column.kind == CellKind::pool || column.kind == CellKind::account ||
          column.kind == CellKind::schedule)
        out.references[c].push_back(reference);
    }
  }
  return out;
}

// One batch with a ledger of its own; rows start at 0.
struct Compiled {
  std::unique_ptr<Batch> batch;
  Wiring wiring;
  Ledger ledger;
  Faults faults;
  std::size_t gauges;

  Compiled(const Instrument& type, const Positions& positions, World& world, Detail detail, std::uint32_t obligors = 0)
      : gauges(type.gauges.size() + (world.ratios ? type.ratio_gauges.size() : 0)) {
    wiring.detail = detail;
    wiring.published_values = world.published_values;
    if (world.ratios) wiring.ratio_gauges = type.ratio_gauges.size();
    wiring.market = &world.market;
    wiring.obligor_count = obligors;
    wiring.recovery_delay_years = world.recovery_delay_years;
    wiring.days_past_due = world.days_past_due;
    wiring.loss_given_default = world.loss_given_default;
    wiring.default_probability = [&world](ObligorIndex o, double years) {
      return world.hazard.empty() ? 0 : 1 - std::exp(-world.hazard[static_cast<std::size_t>(o)] * years);
    };
    for (int n = 0; n <= world.market.steps; ++n) wiring.time_years.push_back(world.time(n));
    wiring.valued = world.market.valued;
    std::vector<NodeIndex> leaves = positions.leaf;
    std::sort(leaves.begin(), leaves.end());
    leaves.erase(std::unique(leaves.begin(), leaves.end()), leaves.end());
    for (std::uint32_t p = 0; p < positions.size(); ++p) {
      const auto at = std::lower_bound(leaves.begin(), leaves.end(), positions.leaf[p]) - leaves.begin();
      wiring.row.push_back(RowIndex{detail == Detail::leaf ? static_cast<std::uint32_t>(at) : p});
    }
    wiring.row_count = static_cast<std::uint32_t>(detail == Detail::leaf ? leaves.size() : positions.size());
    auto& discounts = world.market.discounts;
    std::map<std::tuple<std::uint32_t, std::uint32_t, double>, std::uint32_t> known;
    for (std::uint32_t i = 0; i < discounts.size(); ++i)
      known[key(discounts[i].curve, discounts[i].spread, discounts[i].date_years)] = i;
    wiring.discount = [&](CurveIndex curve, FactorIndex spread, double date) {
      const auto [at, fresh] = known.try_emplace(key(curve, spread, date), static_cast<std::uint32_t>(discounts.size()));
      if (fresh) discounts.push_back({curve, spread, date});
      return DiscountIndex{at->second};
    };
    batch = type.compile(positions, wiring);
    const int valued = static_cast<int>(wiring.valued.size());
    for (LaneTable* t : {&ledger.value, &ledger.cash, &ledger.credit_loss}) *t = LaneTable(wiring.row_count, valued);
    ledger.gauges = LaneTable(wiring.row_count * gauges, valued);
    for (LaneTable* t : {&ledger.value, &ledger.cash, &ledger.credit_loss, &ledger.gauges})
      std::fill_n(t->data(), t->size(), -7.0);  // whatever a batch forgets to set shows
    if (!world.published_values) return;
    ledger.published_value = LaneTable(wiring.row_count, valued);
    std::fill_n(ledger.published_value.data(), ledger.published_value.size(), -7.0);
  }
  void evaluate(const Block& block) { faults.clear(), batch->evaluate(block, ledger, faults); }
  // Sums over the rows; a row alone is the case of one.
  double value(std::size_t row, int v, int lane) const { return ledger.value(row, v)[static_cast<std::size_t>(lane)]; }
  double cash(std::size_t row, int v, int lane) const { return ledger.cash(row, v)[static_cast<std::size_t>(lane)]; }
  double credit(std::size_t row, int v, int lane) const {
    return ledger.credit_loss(row, v)[static_cast<std::size_t>(lane)];
  }
  double published(std::size_t row, int v, int lane) const {
    return ledger.published_value(row, v)[static_cast<std::size_t>(lane)];
  }
  double gauge(std::size_t row, std::size_t k, int v, int lane) const {
    return ledger.gauges(row * gauges + k, v)[static_cast<std::size_t>(lane)];
  }

 private:
  static std::tuple<std::uint32_t, std::uint32_t, double> key(CurveIndex c, FactorIndex s, double date) {
    return {static_cast<std::uint32_t>(c), static_cast<std::uint32_t>(s), date};
  }
};

// What a plain reference says of one position in one scenario at one horizon, in the job's currency.
struct Outcome {
  double value = 0, cash = 0, credit_loss = 0;
  std::vector<double> gauges = {};
  double published = 0;  // value, where the world asks for it
};

// The largest errors of a batch, relative to the money of a row (what its positions are worth today, regardless of sign):
// position detail against the plain reference `expected(p, v, lane)`, and leaf detail against sums over position detail.
struct Errors {
  double reference = 0, leaf = 0, units = 0;  // units: of leaf rows rounded to 1/1024
  std::string where;                          // of the largest against the reference
};
template <class Expected>
Errors compare(const Instrument& type, const Positions& positions, World& world, std::uint32_t obligors, Expected expected) {
  Compiled each(type, positions, world, Detail::position, obligors), merged(type, positions, world, Detail::leaf, obligors);
  world.discount();
  each.evaluate(world.block);  // looks for the defaults of an obligor
  world.index_defaults(obligors);
  merged.evaluate(world.block);  // is told where they are
  world.block.first_default.clear();
  Errors errors;
  const auto note = [&](double error, const char* what, std::size_t p, std::size_t v, int lane) {
    if (!(error <= errors.reference)) {
      errors.reference = error;
      errors.where = std::string(what) + " of " + positions.id[p] + " at valued step " + std::to_string(v) + ", lane " +
                     std::to_string(lane);
    }
  };
  std::vector<double> money(merged.wiring.row_count, 0.0);
  for (std::size_t p = 0; p < positions.size(); ++p)
    money[static_cast<std::size_t>(merged.wiring.row[p])] += std::abs(each.batch->value_today[p]);
  for (std::size_t v = 0; v < world.market.valued.size(); ++v)
    for (int lane = 0; lane < lanes; ++lane) {
      const int h = static_cast<int>(v);
      std::vector<std::array<double, 4>> sum(merged.wiring.row_count);
      std::vector<double> gauges(merged.wiring.row_count * each.gauges);
      for (std::size_t p = 0; p < positions.size(); ++p) {
        const Outcome e = expected(p, v, lane);
        const double scale = std::abs(each.batch->value_today[p]) + 1e-3;
        note(std::abs(each.value(p, h, lane) - e.value) / scale, "value", p, v, lane);
        note(std::abs(each.cash(p, h, lane) - e.cash) / scale, "cash", p, v, lane);
        note(std::abs(each.credit(p, h, lane) - e.credit_loss) / scale, "credit loss", p, v, lane);
        if (world.published_values)
          note(std::abs(each.published(p, h, lane) - e.published) / scale, "published value", p, v, lane);
        const auto row = static_cast<std::size_t>(merged.wiring.row[p]);
        for (std::size_t g = 0; g < each.gauges; ++g) {
          note(std::abs(each.gauge(p, g, h, lane) - e.gauges[g]) / scale, "gauge", p, v, lane);
          gauges[row * each.gauges + g] += each.gauge(p, g, h, lane);
        }
        sum[row][0] += each.value(p, h, lane), sum[row][1] += each.cash(p, h, lane), sum[row][2] += each.credit(p, h, lane);
        if (world.published_values) sum[row][3] += each.published(p, h, lane);
      }
      for (std::size_t r = 0; r < sum.size(); ++r) {
        const double leaf[] = {merged.value(r, h, lane), merged.cash(r, h, lane), merged.credit(r, h, lane),
                               world.published_values ? merged.published(r, h, lane) : 0};
        for (std::size_t q = 0; q < 4; ++q) errors.leaf = std::max(errors.leaf, std::abs(leaf[q] - sum[r][q]) / money[r]);
        for (std::size_t g = 0; g < each.gauges; ++g)
          errors.leaf =
              std::max(errors.leaf, std::abs(merged.gauge(r, g, h, lane) - gauges[r * each.gauges + g]) / money[r]);
        const double worth = std::nearbyint((leaf[0] + leaf[1]) * 1024),
                     other = std::nearbyint((sum[r][0] + sum[r][1]) * 1024);
        errors.units = std::max(errors.units, std::abs(worth - other));
      }
    }
  return errors;
}

}  // namespace tailcube::test
