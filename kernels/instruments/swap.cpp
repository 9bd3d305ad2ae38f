// Interest-rate swaps: a fixed rate against the curve's forward rates, with a counterparty that can default.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <tuple>
#include <utility>

#include "kernels/instruments/cash_flows.h"
#include "kernels/instruments/rows.h"
#include "kernels/market/spot.h"
#include "kernels/math/functions.h"

namespace tailcube {
namespace {

enum Side : int { payer, receiver };  // of the fixed rate; the order of the words
struct Swap {
  int side;
  double notional, maturity_years, fixed_rate, frequency;
  CurveIndex curve;
  double margin, reset_rate, threshold;
};
constexpr double blank = std::numeric_limits<double>::quiet_NaN();
constexpr Range rate_range{-1, 1, "between -1 and 1"};
constexpr Field<Swap> fields[] = {
    {.name = "side",
     .member = &Swap::side,
     .words = "payer|receiver",
     .meaning = "whether the fixed rate is paid, and so gains as rates rise, or received"},
    {.name = "notional",
     .member = &Swap::notional,
     .allowed = positive,
     .meaning = "money of the position's currency that both legs bear interest on; it does not change hands"},
    {.name = "maturity_years",
     .member = &Swap::maturity_years,
     .allowed = maturity_range,
     .meaning = "years to the last payment; dates are counted back from it, the first period is what is left"},
    {.name = "fixed_rate",
     .member = &Swap::fixed_rate,
     .allowed = rate_range,
     .otherwise = blank,
     .meaning = "annual, as a decimal of the notional; blank: the par rate, at which the swap is worth nothing today"},
    {.name = "frequency",
     .member = &Swap::frequency,
     .allowed = frequency_range,
     .otherwise = 4.0,
     .meaning = "payments per year, of both legs"},
    {.name = "curve", .member = &Swap::curve, .meaning = "zero curve that discounts it and that its rates are read from"},
    {.name = "margin",
     .member = &Swap::margin,
     .allowed = rate_range,
     .otherwise = 0.0,
     .meaning = "added to the floating rate, per year"},
    {.name = "reset_rate",
     .member = &Swap::reset_rate,
     .allowed = rate_range,
     .otherwise = blank,
     .meaning = "annual floating rate of the current period, margin included; blank: as if it were fixed today"},
    {.name = "threshold",
     .member = &Swap::threshold,
     .allowed = not_negative,
     .otherwise = blank,
     .meaning = "value, to either side, above which the rest is collateral, a step late; blank: nobody posts any"},
};

class Swaps final : public Batch {
 public:
  Swaps(const Positions& positions, const Wiring& wiring) : rows_(wiring, gauge_count), step_years_(wiring.time_years[1]) {
    value_today.assign(rows_.count, 0.0);
    gross.assign(rows_.count, 0.0);
    contracts_.reserve(positions.size());
    for (std::size_t p = 0; p < positions.size(); ++p) add_contract(positions, p, wiring);
    add_groups();
    known_schedules_.clear(), known_fixings_.clear(), known_waits_.clear();
    std::sort(exposed_.begin(), exposed_.end());
    reads_defaults = !exposed_.empty();
    reads = distinct(positions.currency);
    for (const Schedule& s : schedules_) reads_curves.push_back(s.curve);
    std::sort(reads_curves.begin(), reads_curves.end());
    reads_curves.erase(std::unique(reads_curves.begin(), reads_curves.end()), reads_curves.end());
    bytes_per_thread = (1 + fixings_.size()) * lanes * sizeof(double);
  }

  void evaluate(const Block& block, Ledger& ledger, Faults&) const noexcept override {
    rows_.clear(ledger);
    ledger.scratch.resize(std::max(ledger.scratch.size(), (1 + fixings_.size()) * lanes));
    double* const fixed = ledger.scratch.data();
    fix(block, fixed);
    for (const Group& g : groups_) add_group(g, block, fixed, ledger);
    for (const auto& [obligor, p] : exposed_)
      for (const Default& d : defaults_of(block, obligor)) close_out(contracts_[p], d, block, fixed, ledger);
  }

 private:
  enum Gauge : std::size_t { defaults, defaulted_exposure, gauge_count };
  using Column = std::array<double, lanes>;

  // A floating rate times its period, on a notional of 1: 1/D - 1 over the period at the step it is fixed at.
  struct Fixing {
    std::uint32_t schedule;  // whose curve it is read from
    double years;
    int step;
  };
  struct Period {
    double end_years, years;
    int fixed, step;         // when its floating rate is known, and when it is paid
    std::size_t fixing;      // its row in the table of `fix`; 0: known today, or not by the last valued step
    DiscountIndex discount;  // of its end; `none`: paid by the first valued step
  };
  struct Schedule {
    CurveIndex curve;
    std::vector<Pillar> pillars;
    std::vector<Period> periods;
  };
  struct Contract {
    std::uint32_t row, schedule;
    FactorIndex currency;
    double amount;            // notional on which floating is received; negative: paid
    double net;               // margin less fixed rate, per year
    double current;           // floating rate times period of the current period, without margin
    double today;             // value
    double threshold;         // money; infinite: nobody posts
    int wait;                 // steps from a default to what is recovered
    std::uint32_t discounts;  // of that wait, by step of default: from here on in waiting_
  };
  // What the swaps of a row and currency are worth and pay while nobody defaults. Floating rates to come telescope: they are
  // worth 1 where the first of their periods begins, less 1 at the end.
  struct Dated {
    int step;
    DiscountIndex discount;
    double worth = 0, cash = 0;  // x D until then; then in cash
  };
  struct Reset {
    int fixed, step;
    DiscountIndex discount;
    double known = 0, floating = 0;  // (known + floating x rate) x D between the two; then floating x rate in cash
    std::size_t fixing;
  };
  struct Group {
    std::uint32_t row;
    FactorIndex currency;
    std::vector<Dated> flows;
    std::vector<Reset> resets;
  };

  int step_of(double years) const { return static_cast<int>(std::max(0.0, std::ceil((years - same_date) / step_years_))); }
  double time(int step) const { return step_years_ * step; }

  std::size_t fixing(CurveIndex curve, double start_years, double end_years) {
    const int step = step_of(start_years);
    if (step == 0 || step > rows_.valued.back()) return 0;
    const auto [at, fresh] = known_fixings_.try_emplace({curve, start_years, end_years}, 1 + fixings_.size());
    if (fresh) fixings_.push_back({static_cast<std::uint32_t>(schedules_.size()), end_years - start_years, step});
    return at->second;
  }
  std::uint32_t schedule(const Swap& t, const Wiring& wiring) {
    const auto [at, fresh] = known_schedules_.try_emplace({t.curve, t.maturity_years, t.frequency}, schedules_.size());
    if (!fresh) return at->second;
    Schedule s{t.curve, wiring.market->curves[static_cast<std::size_t>(t.curve)], {}};
    double start = 0;
    for (const Flow& f : repayments({1, 0, t.frequency, t.maturity_years, Amortisation::bullet}, wiring.time_years)) {
      const double end = f.date_years;
      s.periods.push_back(
          {end, end - start, step_of(start), std::max(1, step_of(end)), fixing(t.curve, start, end),
           end > time(rows_.valued.front()) ? wiring.discount(t.curve, FactorIndex{none}, end) : DiscountIndex{none}});
      start = end;
    }
    schedules_.push_back(std::move(s));
    return at->second;
  }
  std::uint32_t waiting(CurveIndex curve, int wait, const Wiring& wiring) {
    const auto [at, fresh] = known_waits_.try_emplace({curve, wait}, waiting_.size());
    if (fresh && wait > 0) {
      const std::vector<DiscountIndex> more = waiting_discounts(wiring, curve, wait);
      waiting_.insert(waiting_.end(), more.begin(), more.end());
    }
    return at->second;
  }

  void add_contract(const Positions& positions, std::size_t p, const Wiring& wiring) {
    const FactorModel& market = *wiring.market;
    const Swap t = terms(positions, fields, p);
    const auto row = static_cast<std::uint32_t>(rows_.of_position(wiring, p));
    const FactorIndex currency = positions.currency[p];
    const ObligorIndex obligor = positions.obligor[p];
    const double amount = (t.side == payer ? 1 : -1) * positions.quantity[p] * t.notional;
    Contract c{row, schedule(t, wiring), currency, amount, 0, 0, 0, 0, 0, 0};
    const std::vector<Period>& periods = schedules_[c.schedule].periods;
    const auto bond = [&](const Period& x) { return exp(-zero_rate_today(market, t.curve, x.end_years) * x.end_years); };
    c.current =
        t.reset_rate == t.reset_rate ? (t.reset_rate - t.margin) * periods.front().years : 1 / bond(periods.front()) - 1;
    double annuity = 0;
    for (const Period& x : periods) annuity += x.years * bond(x);
    const double floating = (1 + c.current) * bond(periods.front()) - bond(periods.back());
    const bool at_par = !(t.fixed_rate == t.fixed_rate);
    c.net = at_par ? -floating / annuity : t.margin - t.fixed_rate;
    c.today = at_par ? 0 : c.amount * (floating + c.net * annuity);
    c.threshold =
        t.threshold == t.threshold ? std::abs(positions.quantity[p]) * t.threshold : std::numeric_limits<double>::infinity();
    if (!is_none(obligor)) {
      exposed_.emplace_back(obligor, static_cast<std::uint32_t>(p));
      if (!wiring.recovery_delay_years.empty())
        c.wait = waiting_steps(wiring, wiring.recovery_delay_years[static_cast<std::size_t>(obligor)]);
      c.discounts = waiting(t.curve, c.wait, wiring);
    }
    value_today[row] += c.today * exchange_today(market, currency);
    gross[row] += std::abs(c.amount) * largest(c, market) * exchange_bound(market, currency, wiring.time_years.back());
    contracts_.push_back(c);
  }

  // A yardstick for the rounding unit, as Bounds are: of value and cash on a notional of 1.
  double largest(const Contract& c, const FactorModel& market) const {
    const Schedule& s = schedules_[c.schedule];
    const double end = s.periods.back().end_years, longest = s.periods.back().years + s.periods.front().years;
    double highest = 0;
    for (const Pillar& pillar : s.pillars) {
      const Bounds rate = bounds(market, pillar.zero_rate, time(rows_.valued.back()));
      highest = std::max({highest, std::abs(rate.lower), std::abs(rate.upper)});
    }
    const double until = std::min(time(rows_.valued.back()) + longest, end);
    const double floating = std::abs(c.current) + expm1(std::min(highest * until, 600.0));
    return 2 * largest_discount(market, s.curve, FactorIndex{none}, end, rows_.valued) *
           (1 + floating + std::abs(c.net) * end);
  }

  void add_groups() {
    std::vector<std::uint32_t> order(contracts_.size());
    std::iota(order.begin(), order.end(), 0u);
    const auto key = [this](std::uint32_t i) { return std::pair(contracts_[i].row, contracts_[i].currency); };
    std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) { return key(a) < key(b); });
    std::map<std::pair<double, CurveIndex>, Dated> flows;
    std::map<std::tuple<double, CurveIndex, std::size_t>, Reset> resets;
    for (auto at = order.begin(); at != order.end();) {
      const auto [row, currency] = key(*at);
      flows.clear(), resets.clear();
      for (; at != order.end() && key(*at) == std::pair(row, currency); ++at) {
        const Contract& c = contracts_[*at];
        const Schedule& s = schedules_[c.schedule];
        for (const Period& x : s.periods) {
          const double fixed = c.amount * c.net * x.years, first = x.fixed == 0 ? c.amount * c.current : 0;
          Dated& flow = flows.try_emplace({x.end_years, s.curve}, Dated{x.step, x.discount}).first->second;
          flow.worth += &x == &s.periods.back() ? fixed - c.amount : fixed;
          flow.cash += fixed + first;
          if (x.fixed > rows_.valued.back()) continue;
          Reset& reset =
              resets.try_emplace({x.end_years, s.curve, x.fixing}, Reset{x.fixed, x.step, x.discount, 0, 0, x.fixing})
                  .first->second;
          reset.known += c.amount + first;
          reset.floating += x.fixed == 0 ? 0 : c.amount;
        }
      }
      Group g{row, currency, {}, {}};
      for (const auto& [date, flow] : flows) g.flows.push_back(flow);
      for (const auto& [date, reset] : resets) g.resets.push_back(reset);
      groups_.push_back(std::move(g));
    }
  }

  // [fixing][lane]; the first row is ones.
  void fix(const Block& block, double* fixed) const noexcept {
    alignas(64) Column discount;
    std::fill_n(fixed, lanes, 1.0);
    for (const Fixing& f : fixings_) {
      fixed += lanes;
      spot_discounts(schedules_[f.schedule].pillars, f.years, f.step, block, discount);
      for (std::size_t k = 0; k < lanes; ++k) fixed[k] = 1 / discount[k] - 1;
    }
  }

  void add_group(const Group& g, const Block& block, const double* fixed, Ledger& ledger) const noexcept {
    alignas(64) Column worth, received{};
    for (std::size_t v = 0; v < rows_.valued.size(); ++v) {
      const int now = rows_.valued[v], before = v == 0 ? 0 : rows_.valued[v - 1], at = static_cast<int>(v);
      worth.fill(0);
      for (const Dated& flow : g.flows) {
        if (flow.step > now) {
          const double amount = flow.worth, *const bond = block.discounts(flow.discount, at).data();
          for (std::size_t k = 0; k < lanes; ++k) worth[k] += amount * bond[k];
        } else if (flow.step > before) {
          const double amount = flow.cash, *const fx = exchange(block, g.currency, flow.step);
          for (std::size_t k = 0; k < lanes; ++k) received[k] += amount * fx[k];
        }
      }
      for (const Reset& reset : g.resets) {
        const double known = reset.known, floating = reset.floating, *const rate = fixed + reset.fixing * lanes;
        if (reset.fixed <= now && reset.step > now) {
          const double* const bond = block.discounts(reset.discount, at).data();
          for (std::size_t k = 0; k < lanes; ++k) worth[k] += (known + floating * rate[k]) * bond[k];
        } else if (reset.step <= now && reset.step > before) {
          const double* const fx = exchange(block, g.currency, reset.step);
          for (std::size_t k = 0; k < lanes; ++k) received[k] += floating * rate[k] * fx[k];
        }
      }
      const RowIndex row = rows_.row(g.row);
      double *const value = ledger.value(row, at).data(), *const cash = ledger.cash(row, at).data();
      const double* const fx = exchange(block, g.currency, now);
      for (std::size_t k = 0; k < lanes; ++k) value[k] += worth[k] * fx[k];
      for (std::size_t k = 0; k < lanes; ++k) cash[k] += received[k];
    }
  }

  // Of one scenario: what a period pays once its rate is known.
  static double due(const Contract& c, const Period& x, const double* fixed, std::size_t lane) {
    return c.amount * (c.net * x.years + (x.fixed == 0 ? c.current : fixed[x.fixing * lanes + lane]));
  }
  // What is paid after a step is worth at that step. discount(x): of the end of a period.
  template <class Discount>
  double worth(const Contract& c, int step, const double* fixed, std::size_t lane, const Discount& discount) const {
    double sum = 0, before = 1;
    for (const Period& x : schedules_[c.schedule].periods) {
      if (x.step <= step) continue;
      const double bond = discount(x);
      sum += x.fixed <= step ? due(c, x, fixed, lane) * bond : c.amount * (before - bond + c.net * x.years * bond);
      before = bond;
    }
    return sum;
  }

  // The contract ends at what it is worth, with what is due: less collateral, a claim on who has defaulted, or a debt.
  void close_out(const Contract& c, const Default& d, const Block& block, const double* fixed,
                 Ledger& ledger) const noexcept {
    const Schedule& s = schedules_[c.schedule];
    const std::size_t lane = d.lane;
    if (d.step > s.periods.back().step || d.step > rows_.valued.back()) return;
    const auto worth_at = [&](int step) {
      return worth(c, step, fixed, lane,
                   [&](const Period& x) { return spot_discount(s.pillars, x.end_years - time(step), step, block, lane); });
    };
    const auto fx = [&](int step) { return exchange(block, c.currency, step)[lane]; };
    double claim = worth_at(d.step), held = 0;
    for (const Period& x : s.periods)
      if (x.step == d.step) claim += due(c, x, fixed, lane);
    if (std::isfinite(c.threshold)) {
      const double before = d.step == 1 ? c.today : worth_at(d.step - 1);
      held = std::copysign(std::max(std::abs(before) - c.threshold, 0.0), before);
    }
    const double open = claim - held, late = open > 0 ? (1 - d.loss_given_default) * open : 0;
    const double now = (held + std::min(open, 0.0)) * fx(d.step), exposed = std::max(open, 0.0) * fx(d.step);
    const int arrives = d.step + c.wait;
    double missed = 0;
    auto next = s.periods.begin();
    while (next != s.periods.end() && next->step < d.step) ++next;
    for (std::size_t v = 0; v < rows_.valued.size(); ++v) {
      const int h = rows_.valued[v], at = static_cast<int>(v);
      if (h < d.step) continue;
      for (; next != s.periods.end() && next->step <= h; ++next) missed += due(c, *next, fixed, lane) * fx(next->step);
      const double gone =
          fx(h) * worth(c, h, fixed, lane, [&](const Period& x) { return block.discounts(x.discount, at)[lane]; });
      const bool waits = h < arrives;
      const double value = waits ? late * block.discounts(waiting_[c.discounts + d.step], at)[lane] * fx(h) : 0;
      const double cash = now + (waits ? 0 : late * fx(arrives));
      const RowIndex row = rows_.row(c.row);
      ledger.value(row, at)[lane] += value - gone;
      ledger.cash(row, at)[lane] += cash - missed;
      ledger.credit_loss(row, at)[lane] += gone + missed - value - cash;
      ledger.gauges(rows_.gauge(c.row, defaults), at)[lane] += 1;
      ledger.gauges(rows_.gauge(c.row, defaulted_exposure), at)[lane] += exposed;
    }
  }

  RowSet rows_;
  double step_years_;
  std::vector<Contract> contracts_;                              // by position
  std::vector<std::pair<ObligorIndex, std::uint32_t>> exposed_;  // positions with a counterparty, by it
  std::vector<Schedule> schedules_;
  std::vector<Fixing> fixings_;
  std::vector<DiscountIndex> waiting_;
  std::vector<Group> groups_;
  // While it compiles.
  std::map<std::tuple<CurveIndex, double, double>, std::uint32_t> known_schedules_;  // by maturity and frequency
  std::map<std::tuple<CurveIndex, double, double>, std::size_t> known_fixings_;      // by start and end
  std::map<std::pair<CurveIndex, int>, std::uint32_t> known_waits_;
};

std::optional<Complaint> check(const Positions& positions, std::size_t position) {
  const Swap t = terms(positions, fields, position);
  if (t.threshold == t.threshold && is_none(positions.obligor[position]))
    return Complaint{"threshold", "only a swap with an obligor has one"};
  return check_frequency(t.frequency);
}

std::unique_ptr<Batch> compile(const Positions& positions, const Wiring& wiring) {
  return std::make_unique<Swaps>(positions, wiring);
}

}  // namespace

extern const Instrument swap;
const Instrument swap{.name = "swap",
                      .columns = columns(fields),
                      .gauges = {{"defaults", "1"}, {"defaulted_exposure", "money"}},
                      .obligor = Instrument::Credit::optional,
                      .sells_at_default = true,
                      .check = check,
                      .compile = compile};

}  // namespace tailcube
