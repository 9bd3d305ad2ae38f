// Perpetual futures: margin, funding at every step, liquidation at the price at which it is found due.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "kernels/instruments/rows.h"

namespace tailcube {
namespace {

struct Perp {
  FactorIndex factor;
  int side;
  double size, entry_price, collateral;
  FactorIndex collateral_factor;
  double owed;
  Rate funding_rate;
  double maintenance_margin;
  int maintenance_on;
  double maintenance_deduction, maintenance_minimum, liquidation_fee, taker_fee, close_years;
  int remainder, holder;
};
constexpr double blank = std::numeric_limits<double>::quiet_NaN();
constexpr Field<Perp> fields[] = {
    {.name = "factor",
     .member = &Perp::factor,
     .allowed = positive,
     .meaning = "mark price of one unit, in the position's currency"},
    {.name = "side", .member = &Perp::side, .words = "long|short", .meaning = "what gains when the price rises, or falls"},
    {.name = "size", .member = &Perp::size, .allowed = positive, .meaning = "units"},
    {.name = "entry_price",
     .member = &Perp::entry_price,
     .allowed = positive,
     .meaning = "price that gains are counted from, in the position's currency"},
    {.name = "collateral",
     .member = &Perp::collateral,
     .allowed = not_negative,
     .meaning = "margin behind this position alone, in units of collateral_factor"},
    {.name = "collateral_factor",
     .member = &Perp::collateral_factor,
     .allowed = positive,
     .otherwise = 0.0,
     .meaning = "price of one unit of collateral in the position's currency; blank: it is in that currency"},
    {.name = "owed",
     .member = &Perp::owed,
     .otherwise = 0.0,
     .meaning = "fees and funding due until today and not yet taken from the collateral; negative: to be received"},
    {.name = "funding_rate",
     .member = &Perp::funding_rate,
     .allowed = {-10, 10, "between -10 and 10"},
     .otherwise = blank,
     .meaning = "of the value at the mark price, per year, from long to short: a factor or a number; blank: none"},
    {.name = "maintenance_margin",
     .member = &Perp::maintenance_margin,
     .allowed = fraction,
     .meaning = "share of the size's value that must be left of the margin"},
    {.name = "maintenance_on",
     .member = &Perp::maintenance_on,
     .otherwise = 0.0,
     .words = "mark|entry",
     .meaning = "price at which the size is valued for that"},
    {.name = "maintenance_deduction",
     .member = &Perp::maintenance_deduction,
     .allowed = not_negative,
     .otherwise = 0.0,
     .meaning = "taken off the maintenance margin, money: margins in brackets"},
    {.name = "maintenance_minimum",
     .member = &Perp::maintenance_minimum,
     .allowed = not_negative,
     .otherwise = 0.0,
     .meaning = "least maintenance margin, money"},
    {.name = "liquidation_fee",
     .member = &Perp::liquidation_fee,
     .allowed = fraction,
     .otherwise = 0.0,
     .meaning = "share of the value at the mark price that a liquidation costs; it must be left of the margin too"},
    {.name = "taker_fee",
     .member = &Perp::taker_fee,
     .allowed = fraction,
     .otherwise = 0.0,
     .meaning = "share of the value at the mark price that closing costs, also by liquidation; it must be left too"},
    {.name = "close_years",
     .member = &Perp::close_years,
     .allowed = {0, 100, "between 0 and 100"},
     .otherwise = blank,
     .meaning = "years until it is closed; blank: it is kept"},
    {.name = "remainder",
     .member = &Perp::remainder,
     .otherwise = 0.0,
     .words = "trader|venue",
     .meaning = "who gets what a liquidation leaves after fees"},
    {.name = "holder",
     .member = &Perp::holder,
     .otherwise = 0.0,
     .words = "trader|venue",
     .meaning = "whose position it is; the venue gets fees and bears bad debt: its insurance fund"},
};
enum : std::size_t { liquidated, bad_debt, gauge_count };

double direction(const Perp& t) { return t.side == 0 ? 1 : -1; }
bool of_venue(const Perp& t) { return t.holder == 1; }

// What is left of the margin, and what must be, in money of the position's currency at a mark price P and a price C of
// collateral.
struct Margin {
  double fixed, units, coins;            // equity = fixed + units P + coins C, less funding paid
  double share, deduction, least, fees;  // required = max(share P - deduction, least) + fees P

  explicit Margin(const Perp& t)
      : fixed((is_none(t.collateral_factor) ? t.collateral : 0) - t.owed - direction(t) * t.size * t.entry_price),
        units(direction(t) * t.size),
        coins(is_none(t.collateral_factor) ? 0 : t.collateral),
        share(t.maintenance_on == 0 ? t.maintenance_margin * t.size : 0),
        deduction(t.maintenance_deduction - (t.maintenance_on == 0 ? 0 : t.maintenance_margin * t.size * t.entry_price)),
        least(t.maintenance_minimum),
        fees((t.liquidation_fee + t.taker_fee) * t.size) {}
  double equity(double price, double coin) const { return fixed + units * price + coins * coin; }
  double required(double price) const { return std::max(share * price - deduction, least) + fees * price; }
};

class Perps final : public Batch {
 public:
  Perps(const Positions& positions, const Wiring& wiring)
      : rows_(wiring, gauge_count), last_(wiring.valued.back()), step_years_(wiring.time_years[1]) {
    value_today.assign(rows_.count, 0.0);
    gross.assign(rows_.count, 0.0);
    lines_.reserve(positions.size());
    checks_triggers = true;
    triggers_today = false;
    for (std::size_t p = 0; p < positions.size(); ++p) add_line(positions, p, wiring);
    prices_ = distinct(std::move(prices_));
    reads = distinct(std::move(reads));
  }

  void evaluate(const Block& block, Ledger& ledger, Faults& faults) const noexcept override {
    rows_.clear(ledger);
    report_missing(
        prices_, last_, lines_.size(), [&](std::size_t p, FactorIndex f) { return needs(p, f); },
        [&](std::size_t p) { return rows_.row(lines_[p].row); }, block, faults);
    for (const Line& line : lines_) add(line, block, ledger);
  }

 private:
  using Column = std::array<double, lanes>;
  struct Line {
    std::uint32_t row;
    FactorIndex price, coin, currency;
    Rate funding;
    double quantity;
    Margin margin;
    double taker_fee;  // of a price of 1
    int close;         // step, beyond the last if it is kept
    bool venue, returned;
  };
  struct State {  // by lane; money of the position's currency, cash and what is counted of the job's
    alignas(64) Column paid{}, equity, open, cash{}, otherwise{}, closed{}, bad{};
    bool touched = false;  // some lane has been liquidated
  };

  void add_line(const Positions& positions, std::size_t p, const Wiring& wiring) {
    const FactorModel& market = *wiring.market;
    const Perp t = terms(positions, fields, p);
    const auto row = static_cast<std::uint32_t>(rows_.of_position(wiring, p));
    const FactorIndex currency = positions.currency[p];
    const double quantity = positions.quantity[p], years = wiring.time_years.back();
    int close = std::numeric_limits<int>::max();
    if (t.close_years == t.close_years)
      close = static_cast<int>(std::max(1.0, std::ceil((t.close_years - 1e-9) / step_years_)));
    const Margin margin(t);
    lines_.push_back({row, t.factor, t.collateral_factor, currency, t.funding_rate, quantity, margin, t.taker_fee * t.size,
                      close, of_venue(t), t.remainder == 0});
    const double price = exchange_today(market, t.factor),
                 equity = margin.equity(price, exchange_today(market, t.collateral_factor));
    constexpr double rounding = 1e-9;
    if (!(equity > margin.required(price) + rounding * t.size * (price + t.entry_price))) triggers_today = true;
    value_today[row] +=
        quantity * (of_venue(t) ? std::min(equity, 0.0) : std::max(equity, 0.0)) * exchange_today(market, currency);
    gross[row] += std::abs(quantity) * largest(t, market, years) * exchange_bound(market, currency, years);
    prices_.push_back(t.factor), prices_.push_back(t.collateral_factor);
    for (const FactorIndex f : {t.factor, t.collateral_factor, t.funding_rate.factor, currency}) reads.push_back(f);
  }
  // Bound on the size of the equity.
  static double largest(const Perp& t, const FactorModel& market, double years) {
    const double price = exchange_bound(market, t.factor, years);
    double funding = t.funding_rate.blank ? 0 : std::abs(t.funding_rate.number);
    if (const FactorIndex f = t.funding_rate.factor; !is_none(f)) {
      const Bounds b = bounds(market, f, years);
      funding = std::max(std::abs(b.lower), std::abs(b.upper));
    }
    return t.collateral * exchange_bound(market, t.collateral_factor, years) + std::abs(t.owed) +
           t.size * (std::max(price, t.entry_price) + funding * years * price);
  }

  bool needs(std::size_t p, FactorIndex price) const { return lines_[p].price == price || lines_[p].coin == price; }

  void add(const Line& line, const Block& block, Ledger& ledger) const noexcept {
    State s;
    s.open.fill(1);
    std::size_t v = 0;
    for (int n = block.monitor_today ? 0 : 1; n <= last_; ++n) {
      if (n <= line.close) {
        find_equity(line, block, n, s);
        monitor(line, block, n, s);
      }
      if (n == line.close) close(line, block, n, s);
      if (rows_.valued[v] == n) post(line, block, n, static_cast<int>(v++), s, ledger);
    }
  }

  void find_equity(const Line& line, const Block& block, int step, State& s) const noexcept {
    const Margin margin = line.margin;  // a copy: what is written to s might be part of the line, for all a compiler knows
    const double* price = block.factors(line.price, step).data();
    if (step > 0 && !is_none(line.funding.factor)) {
      const double* rate = block.factors(line.funding.factor, step).data();
      const double units = step_years_ * margin.units;
      for (std::size_t k = 0; k < lanes; ++k) s.paid[k] += units * rate[k] * price[k];
    } else if (step > 0 && !line.funding.blank) {
      const double units = step_years_ * margin.units * line.funding.number;
      for (std::size_t k = 0; k < lanes; ++k) s.paid[k] += units * price[k];
    }
    for (std::size_t k = 0; k < lanes; ++k) s.equity[k] = margin.fixed + margin.units * price[k] - s.paid[k];
    if (is_none(line.coin)) return;
    const double* coin = block.factors(line.coin, step).data();
    for (std::size_t k = 0; k < lanes; ++k) s.equity[k] += margin.coins * coin[k];
  }

  static void monitor(const Line& line, const Block& block, int step, State& s) noexcept {
    const Margin margin = line.margin;
    const double* price = block.factors(line.price, step).data();
    alignas(64) Column missing;
    for (std::size_t k = 0; k < lanes; ++k) missing[k] = s.open[k] * (margin.required(price[k]) - s.equity[k]);
    if (!any_positive(missing)) return;
    const double* fx = exchange(block, line.currency, step);
    for (std::size_t k = 0; k < lanes; ++k)
      if (missing[k] > 0) liquidate(line, price[k], fx[k], k, s);
  }
  static void liquidate(const Line& line, double price, double fx, std::size_t k, State& s) noexcept {
    const double equity = s.equity[k];
    const double returned = line.returned ? std::max(equity - line.margin.fees * price, 0.0) : 0.0;
    s.touched = true;
    s.open[k] = 0;
    s.cash[k] = (line.venue ? equity - returned : returned) * fx;
    s.closed[k] = std::abs(line.margin.units) * price * fx;
    s.bad[k] = std::max(-equity, 0.0) * fx;
  }

  static void close(const Line& line, const Block& block, int step, State& s) noexcept {
    const double *price = block.factors(line.price, step).data(), *fx = exchange(block, line.currency, step);
    for (std::size_t k = 0; k < lanes; ++k) {
      const double fee = line.taker_fee * price[k];
      s.otherwise[k] = (line.venue ? fee : std::max(s.equity[k] - fee, 0.0)) * fx[k];
      s.cash[k] = s.open[k] > 0 ? s.otherwise[k] : s.cash[k];
      s.open[k] = 0;
    }
  }

  void post(const Line& line, const Block& block, int step, int v, const State& s, Ledger& ledger) const noexcept {
    const RowIndex row = rows_.row(line.row);
    const double* fx = exchange(block, line.currency, step);
    if (step < line.close && !line.venue) {
      const Lanes value = ledger.value(row, v);
      for (std::size_t k = 0; k < lanes; ++k) value[k] += line.quantity * s.open[k] * s.equity[k] * fx[k];
    }
    if (step < line.close && !s.touched) return;
    const Lanes cash = ledger.cash(row, v);
    for (std::size_t k = 0; k < lanes; ++k) cash[k] += line.quantity * s.cash[k];
    if (!s.touched) return;
    const Lanes lost = ledger.credit_loss(row, v), sold = ledger.gauges(rows_.gauge(line.row, liquidated), v),
                bad = ledger.gauges(rows_.gauge(line.row, bad_debt), v);
    for (std::size_t k = 0; k < lanes; ++k) {
      if (!(s.closed[k] > 0)) continue;
      const double worth = line.venue ? 0 : std::max(s.equity[k], 0.0) * fx[k];
      lost[k] += line.quantity * ((step < line.close ? worth : s.otherwise[k]) - s.cash[k]);
      sold[k] += line.quantity * s.closed[k];
      bad[k] += line.quantity * s.bad[k];
    }
  }

  RowSet rows_;
  int last_;
  double step_years_;
  std::vector<FactorIndex> prices_;  // that must be positive
  std::vector<Line> lines_;          // [position]
};

std::optional<Complaint> warn(const Positions& positions, std::size_t position) {
  const Perp t = terms(positions, fields, position);
  const Margin margin(t);
  if (!is_none(t.collateral_factor) || margin.equity(t.entry_price, 0) >= margin.required(t.entry_price)) return {};
  return Complaint{"collateral", "at its entry price it is liquidated already"};
}

std::unique_ptr<Batch> compile(const Positions& positions, const Wiring& wiring) {
  return std::make_unique<Perps>(positions, wiring);
}

}  // namespace

extern const Instrument perp;
const Instrument perp{.name = "perp",
                      .columns = columns(fields),
                      .gauges = {{"liquidated", "money"}, {"bad_debt", "money"}},
                      .warn = warn,
                      .compile = compile};

}  // namespace tailcube
