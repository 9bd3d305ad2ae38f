// Equipment, vehicles, aircraft, computers: owned, and let to an obligor until a date at which they come back and are sold.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <tuple>

#include "kernels/instruments/asset_moves.h"
#include "kernels/instruments/cash_flows.h"
#include "kernels/math/functions.h"

namespace tailcube {
namespace {

struct Lease {
  double asset_value;
  FactorIndex index_factor;
  double beta, idiosyncratic_volatility, depreciation, rent, frequency, maturity_years;
  CurveIndex curve;
  Rate spread;
  double sale_cost, repossession_years;
};
constexpr Field<Lease> fields[] = {
    {.name = "asset_value",
     .member = &Lease::asset_value,
     .allowed = positive,
     .meaning = "what the asset would be sold for today, in the position's currency"},
    {.name = "index_factor",
     .member = &Lease::index_factor,
     .allowed = positive,
     .otherwise = 0.0,
     .meaning = "price index of things like it that its value moves with; blank: none"},
    {.name = "beta",
     .member = &Lease::beta,
     .allowed = {0, 5, "between 0 and 5"},
     .otherwise = 1.0,
     .meaning = "elasticity of its value to the index"},
    {.name = "idiosyncratic_volatility",
     .member = &Lease::idiosyncratic_volatility,
     .allowed = {0, 5, "between 0 and 5"},
     .otherwise = 0.0,
     .meaning = "volatility of its value beside the index, per square root of a year"},
    {.name = "depreciation",
     .member = &Lease::depreciation,
     .allowed = {0, 10, "between 0 and 10"},
     .otherwise = 0.0,
     .meaning = "share of its value that age takes, per year, continuous"},
    {.name = "rent",
     .member = &Lease::rent,
     .allowed = not_negative,
     .meaning = "per year, paid in arrears, in the position's currency"},
    {.name = "frequency",
     .member = &Lease::frequency,
     .allowed = frequency_range,
     .otherwise = 12.0,
     .meaning = "payments of rent per year"},
    {.name = "maturity_years",
     .member = &Lease::maturity_years,
     .allowed = maturity_range,
     .meaning =
         "years until it ends and the asset is sold; rents are counted back from it, the first period is what is left "
         "over and accrues from today"},
    {.name = "curve", .member = &Lease::curve, .meaning = "zero curve that discounts rents"},
    {.name = "spread",
     .member = &Lease::spread,
     .allowed = spread_range,
     .otherwise = std::numeric_limits<double>::quiet_NaN(),
     .meaning = "continuous spread over the curve for rents, per year: a factor or a number; blank: 0"},
    {.name = "sale_cost",
     .member = &Lease::sale_cost,
     .allowed = fraction,
     .otherwise = 0.0,
     .meaning = "share of the proceeds when the asset is sold"},
    {.name = "repossession_years",
     .member = &Lease::repossession_years,
     .allowed = {0, 100, "between 0 and 100"},
     .otherwise = 0.0,
     .meaning = "years from a default to the sale of the asset, rounded up to steps"},
};

enum GaugeOf : std::size_t { defaults, repossessed, gauge_count };

// A rent of 1 per year of some leases: when it is paid and what it is worth. Sums over dates are the same for all of them.
struct Rents {
  struct Payment {
    double date_years, folded;  // folded: years since the date before, times exp(-spread date) of a number as spread
    int step;                   // at which it is cash
    DiscountIndex discount;
  };
  FactorIndex currency;
  int end;  // step of the end
  std::vector<Payment> payments;
  std::vector<double> unfold;          // [valued] exp(spread now)
  std::vector<std::size_t> next;       // [valued] first payment to come
  std::vector<double> due, accrued;    // [step] paid then; owed at a default
  double worth_today, most;            // most: a bound on its value
  std::vector<std::uint32_t> lines{};  // whose rents they are
};

class Leases final : public Batch {
 public:
  Leases(const Positions& positions, const Wiring& wiring)
      : rows_(wiring, gauge_count), moves_(wiring), last_(wiring.valued.back()), step_years_(wiring.time_years[1]) {
    value_today.assign(rows_.count, 0.0);
    gross.assign(rows_.count, 0.0);
    lines_.reserve(positions.size());
    Known known;
    for (std::uint32_t p = 0; p < positions.size(); ++p) add_line(positions, p, wiring, known);
    for (const FactorIndex f : moves_.reads()) reads.push_back(f);
    reads = distinct(std::move(reads));
    std::sort(reads_curves.begin(), reads_curves.end());
    reads_curves.erase(std::unique(reads_curves.begin(), reads_curves.end()), reads_curves.end());
    bytes_per_thread = scratch() * sizeof(double);
  }

  void evaluate(const Block& block, Ledger& ledger, Faults& faults) const noexcept override {
    rows_.clear(ledger);
    ledger.scratch.resize(scratch());
    double *const memory = ledger.scratch.data(), *const worth = memory + moves_.scratch();
    double* const received = worth + rows_.valued.size() * lanes;
    moves_.look(block, memory);
    for (std::uint32_t p = 0; p < lines_.size(); ++p)
      moves_.priced(p, memory).report(rows_.row(lines_[p].row), p, block, faults);
    for (const Rents& rents : rents_) {
      find_worth(rents, block, worth);
      find_received(rents, block, received);
      for (const std::uint32_t p : rents.lines) {
        const Scene scene{lines_[p], rents, moves_.logs(p, block, memory), worth, received, block};
        add(scene, ledger);
        for (const Default& d : defaults_of(block, scene.line.obligor))
          if (d.step <= rents.end) take_away(scene, d, ledger);
      }
    }
  }

 private:
  using Column = std::array<double, lanes>;
  struct Line {
    std::uint32_t row;
    ObligorIndex obligor;
    double rent, asset;            // signed: per year; value today
    double kept, depreciation;     // kept: share of the proceeds of a sale
    double residual;               // signed, what a sale at the end brings in if the asset moves with its age only
    int recovery_wait, sale_wait;  // steps after a default
    std::size_t waiting;           // where discount factors of a late recovery begin, by step of default
  };
  // A position in a block, with the sums of its rents: worth [valued][lane], received [step][lane], in the job's currency.
  struct Scene {
    const Line& line;
    const Rents& rents;
    const double *logs, *worth, *received;
    const Block& block;
    double fx(int step, std::size_t k) const { return exchange(block, rents.currency, step)[k]; }
    double moved(int step, std::size_t k) const { return exp(logs[static_cast<std::size_t>(step - 1) * lanes + k]); }
    double received_by(int step, std::size_t k) const { return received[static_cast<std::size_t>(step) * lanes + k]; }
  };
  struct Known {
    std::map<std::tuple<FactorIndex, CurveIndex, FactorIndex, double, double, double>, std::uint32_t> rents;
    std::map<std::tuple<CurveIndex, int>, std::size_t> waiting;
  };

  std::size_t scratch() const {
    return moves_.scratch() + (rows_.valued.size() + static_cast<std::size_t>(last_) + 1) * lanes;
  }
  int step_of(double years) const { return static_cast<int>(std::max(1.0, std::ceil((years - same_date) / step_years_))); }

  void add_line(const Positions& positions, std::uint32_t p, const Wiring& wiring, Known& known) {
    const FactorModel& market = *wiring.market;
    const Lease t = terms(positions, fields, p);
    const auto row = static_cast<std::uint32_t>(rows_.of_position(wiring, p));
    const FactorIndex currency = positions.currency[p];
    const ObligorIndex obligor = positions.obligor[p];
    const double spread = is_none(t.spread.factor) && !t.spread.blank ? t.spread.number : 0,
                 years = wiring.time_years.back();
    const auto [at, fresh] =
        known.rents.try_emplace({currency, t.curve, t.spread.factor, spread, t.maturity_years, t.frequency},
                                static_cast<std::uint32_t>(rents_.size()));
    if (fresh) rents_.push_back(find_rents(t, currency, spread, wiring));
    Rents& rents = rents_[at->second];
    rents.lines.push_back(p);

    const double quantity = positions.quantity[p], asset = quantity * t.asset_value, kept = 1 - t.sale_cost;
    Line line{row, obligor, quantity * t.rent, asset, kept, t.depreciation, 0, 0, 0, 0};
    line.residual = kept * asset * exp(-t.depreciation * t.maturity_years);
    line.sale_wait = waiting_steps(wiring, t.repossession_years);
    if (!is_none(obligor) && !wiring.recovery_delay_years.empty())
      line.recovery_wait = waiting_steps(wiring, wiring.recovery_delay_years[static_cast<std::size_t>(obligor)]);
    if (line.recovery_wait > 0) line.waiting = find_waiting(t.curve, line.recovery_wait, wiring, known);
    lines_.push_back(line);

    const double moves = moves_.add({t.index_factor, t.beta, t.idiosyncratic_volatility, 0}, positions.id[p], market);
    value_today[row] += (line.rent * rents.worth_today + line.residual) * exchange_today(market, currency);
    gross[row] += (std::abs(line.rent) * rents.most + std::abs(asset) * moves) * exchange_bound(market, currency, years);
    reads_defaults = reads_defaults || !is_none(obligor);
    for (const FactorIndex f : {currency, t.spread.factor}) reads.push_back(f);
    reads_curves.push_back(t.curve);
  }

  std::size_t find_waiting(CurveIndex curve, int steps, const Wiring& wiring, Known& known) {
    const auto [at, fresh] = known.waiting.try_emplace({curve, steps}, waiting_.size());
    if (fresh)
      for (const DiscountIndex d : waiting_discounts(wiring, curve, steps)) waiting_.push_back(d);
    return at->second;
  }

  Rents find_rents(const Lease& t, FactorIndex currency, double spread, const Wiring& wiring) const {
    const FactorModel& market = *wiring.market;
    const auto steps = static_cast<std::size_t>(last_) + 1;
    Rents out{currency, step_of(t.maturity_years), {}, {}, {}, std::vector<double>(steps), std::vector<double>(steps), 0, 0};
    const double first_valued = wiring.time_years[static_cast<std::size_t>(wiring.valued.front())];
    const double moving = is_none(t.spread.factor) ? spread : exchange_today(market, t.spread.factor);
    double from = 0;
    for (const Flow& f : repayments({1, 0, t.frequency, t.maturity_years, Amortisation::bullet}, wiring.time_years)) {
      const double date = f.date_years, years = out.payments.empty() ? date : 1 / t.frequency;
      const double discount = exp(-(zero_rate_today(market, t.curve, date) + moving) * date);
      const bool to_come = date > first_valued;
      out.payments.push_back({date, years * exp(-spread * date), step_of(date),
                              to_come ? wiring.discount(t.curve, t.spread.factor, date) : DiscountIndex{none}});
      if (const int step = out.payments.back().step; step <= last_) out.due[static_cast<std::size_t>(step)] += years;
      out.worth_today += years * discount;
    }
    const double end = t.maturity_years, added = exp(std::min(std::max(-spread, 0.0) * end, 600.0));
    out.most = 2 * end * added * largest_discount(market, t.curve, t.spread.factor, end, rows_.valued);
    std::size_t paid = 0;
    for (int n = 1; n <= std::min(out.end, last_); ++n) {
      for (; paid < out.payments.size() && out.payments[paid].step < n; ++paid) from = out.payments[paid].date_years;
      out.accrued[static_cast<std::size_t>(n)] = std::max(std::min(n * step_years_, t.maturity_years) - from, 0.0);
    }
    for (const int n : rows_.valued) {
      out.unfold.push_back(exp(spread * (n * step_years_)));
      const auto to_come = std::find_if(out.payments.begin(), out.payments.end(), [n](const auto& p) { return p.step > n; });
      out.next.push_back(static_cast<std::size_t>(to_come - out.payments.begin()));
    }
    return out;
  }

  // Of rents to come, at the valued steps.
  void find_worth(const Rents& rents, const Block& block, double* worth) const noexcept {
    for (std::size_t v = 0; v < rows_.valued.size(); ++v, worth += lanes) {
      alignas(64) Column sum{};
      for (std::size_t i = rents.next[v]; i < rents.payments.size(); ++i) {
        const double folded = rents.payments[i].folded;
        const double* discount = block.discounts(rents.payments[i].discount, static_cast<int>(v)).data();
        for (std::size_t k = 0; k < lanes; ++k) sum[k] += folded * discount[k];
      }
      const double *fx = exchange(block, rents.currency, rows_.valued[v]), unfold = rents.unfold[v];
      for (std::size_t k = 0; k < lanes; ++k) sum[k] = unfold * sum[k] * fx[k];
      copy_lanes(sum.data(), worth);
    }
  }
  void find_received(const Rents& rents, const Block& block, double* received) const noexcept {
    alignas(64) Column sum{};
    copy_lanes(sum.data(), received);
    for (int n = 1; n <= last_; ++n) {
      const double *fx = exchange(block, rents.currency, n), due = rents.due[static_cast<std::size_t>(n)];
      for (std::size_t k = 0; k < lanes; ++k) sum[k] += due * fx[k];
      copy_lanes(sum.data(), received + static_cast<std::size_t>(n) * lanes);
    }
  }

  // Where the lessee does not default. The residual value is what is received at the step of the end.
  void add(const Scene& scene, Ledger& ledger) const noexcept {
    const Line& line = scene.line;
    alignas(64) Column moved, residual, sum;
    bool sold = false;
    for (std::size_t v = 0; v < rows_.valued.size(); ++v) {
      const int n = rows_.valued[v], at = static_cast<int>(v), step = std::min(n, scene.rents.end);
      if (!sold) {
        exp(ConstLanes(scene.logs + static_cast<std::size_t>(step - 1) * lanes, lanes), moved);
        const double* fx = exchange(scene.block, scene.rents.currency, step);
        for (std::size_t k = 0; k < lanes; ++k) residual[k] = line.residual * moved[k] * fx[k];
        sold = n >= scene.rents.end;
      }
      const double* const received = scene.received + static_cast<std::size_t>(n) * lanes;
      for (std::size_t k = 0; k < lanes; ++k) sum[k] = line.rent * received[k] + (sold ? residual[k] : 0);
      add_lanes(sum, ledger.cash(rows_.row(line.row), at));
      if (sold) continue;
      const double* const worth = scene.worth + v * lanes;
      for (std::size_t k = 0; k < lanes; ++k) sum[k] = line.rent * worth[k] + residual[k];
      add_lanes(sum, ledger.value(rows_.row(line.row), at));
    }
  }
  static void add_lanes(const Column& from, Lanes to) noexcept {
    for (std::size_t k = 0; k < lanes; ++k) to[k] += from[k];
  }

  // What a default puts in the place of that, from its step on.
  void take_away(const Scene& scene, const Default& d, Ledger& ledger) const noexcept {
    if (d.step > last_) return;
    const Line& line = scene.line;
    const std::size_t k = d.lane;
    const int recovered = d.step + line.recovery_wait, sale = d.step + line.sale_wait, end = scene.rents.end;
    const double owed = (1 - d.loss_given_default) * line.rent * scene.rents.accrued[d.step];
    const double asset = line.kept * aged(line, sale);
    const auto sold = [&](double amount, int step) { return amount * scene.moved(step, k) * scene.fx(step, k); };
    const double taken = sold(aged(line, d.step), d.step);
    const auto first = std::lower_bound(rows_.valued.begin(), rows_.valued.end(), int{d.step}) - rows_.valued.begin();
    for (auto v = static_cast<std::size_t>(first); v < rows_.valued.size(); ++v) {
      const int n = rows_.valued[v], at = static_cast<int>(v);
      double value = 0, cash = -line.rent * (scene.received_by(n, k) - scene.received_by(d.step - 1, k));
      if (n < end)
        value -= line.rent * scene.worth[v * lanes + k] + sold(line.residual, n);
      else
        cash -= sold(line.residual, end);
      if (n >= recovered)
        cash += owed * scene.fx(recovered, k);
      else
        value += owed * waiting_discount(scene, d, v) * scene.fx(n, k);
      if (n >= sale)
        cash += sold(asset, sale);
      else
        value += sold(asset, n);
      const RowIndex row = rows_.row(line.row);
      ledger.value(row, at)[k] += value;
      ledger.cash(row, at)[k] += cash;
      ledger.credit_loss(row, at)[k] -= value + cash;
      ledger.gauges(rows_.gauge(line.row, defaults), at)[k] += 1;
      ledger.gauges(rows_.gauge(line.row, repossessed), at)[k] += taken;
    }
  }
  double waiting_discount(const Scene& scene, const Default& d, std::size_t v) const noexcept {
    return scene.block.discounts(waiting_[scene.line.waiting + d.step], static_cast<int>(v))[d.lane];
  }
  // The asset at a step if it moves with its age only.
  double aged(const Line& line, int step) const noexcept {
    return line.asset * exp(-line.depreciation * (step * step_years_));
  }

  RowSet rows_;
  AssetMoves moves_;
  int last_;
  double step_years_;
  std::vector<Line> lines_;  // in the order of positions
  std::vector<Rents> rents_;
  std::vector<DiscountIndex> waiting_;
};

std::optional<Complaint> check(const Positions& positions, std::size_t position) {
  return check_frequency(terms(positions, fields, position).frequency);
}

std::optional<Complaint> warn(const Positions& positions, std::size_t position) {
  const Lease t = terms(positions, fields, position);
  if (!is_none(t.index_factor) || t.idiosyncratic_volatility > 0) return {};
  return Complaint{"index_factor", "blank, and so is idiosyncratic_volatility: what the asset is sold for never moves"};
}

std::unique_ptr<Batch> compile(const Positions& positions, const Wiring& wiring) {
  return std::make_unique<Leases>(positions, wiring);
}

}  // namespace

extern const Instrument lease;
const Instrument lease{.name = "lease",
                       .columns = columns(fields),
                       .gauges = {{"defaults", "1"}, {"repossessed", "money"}},
                       .obligor = Instrument::Credit::optional,
                       .sells_at_default = true,
                       .check = check,
                       .warn = warn,
                       .compile = compile};

}  // namespace tailcube
