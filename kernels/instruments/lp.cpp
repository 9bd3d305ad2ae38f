// Shares of a pool of two tokens at an automated market maker: of constant product or between two prices, also on credit.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "kernels/instruments/liquidity_range.h"
#include "kernels/instruments/positive_lanes.h"
#include "kernels/instruments/rows.h"
#include "kernels/math/functions.h"

namespace tailcube {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

struct Share {
  FactorIndex base_factor, quote_factor;
  double value, liquidity, lower_price, upper_price, lower_tick, upper_tick, tick_decimals;
  Rate fee_rate;
  double emission;
  FactorIndex emission_factor;
  double debt;
  FactorIndex debt_factor;
  double borrow_rate, liquidation_threshold, bonus;
  int holder;
};
constexpr double blank = std::numeric_limits<double>::quiet_NaN();
constexpr Range tick_range{-887272, 887272, "between -887272 and 887272"};
constexpr Field<Share> fields[] = {
    {.name = "base_factor",
     .member = &Share::base_factor,
     .allowed = positive,
     .meaning = "price of one base token, in the position's currency"},
    {.name = "quote_factor",
     .member = &Share::quote_factor,
     .allowed = positive,
     .otherwise = 0.0,
     .meaning = "price of one quote token, in the position's currency; blank: it is that currency"},
    {.name = "value",
     .member = &Share::value,
     .allowed = positive,
     .otherwise = blank,
     .meaning = "of the share today, debt not taken off, in the position's currency; blank where liquidity is there"},
    {.name = "liquidity",
     .member = &Share::liquidity,
     .allowed = positive,
     .otherwise = blank,
     .meaning = "of the share: the square root of base x quote tokens for a constant product; blank where value is there"},
    {.name = "lower_price",
     .member = &Share::lower_price,
     .allowed = positive,
     .otherwise = blank,
     .meaning = "price of base in quote tokens where its range begins; blank: 0"},
    {.name = "upper_price",
     .member = &Share::upper_price,
     .allowed = positive,
     .otherwise = blank,
     .meaning = "price of base in quote tokens where its range ends; blank: infinite"},
    {.name = "lower_tick",
     .member = &Share::lower_tick,
     .allowed = tick_range,
     .otherwise = blank,
     .meaning = "instead of lower_price, which is then 1.0001^lower_tick 10^tick_decimals"},
    {.name = "upper_tick",
     .member = &Share::upper_tick,
     .allowed = tick_range,
     .otherwise = blank,
     .meaning = "instead of upper_price, likewise"},
    {.name = "tick_decimals",
     .member = &Share::tick_decimals,
     .allowed = {-30, 30, "between -30 and 30"},
     .otherwise = 0.0,
     .meaning = "decimals of the base token less those of the quote token"},
    {.name = "fee_rate",
     .member = &Share::fee_rate,
     .allowed = {0, 100, "between 0 and 100"},
     .otherwise = blank,
     .meaning =
         "fees earned per year on the share's value while the price is in its range: a factor, where negative 0, or a "
         "number; blank: none"},
    {.name = "emission",
     .member = &Share::emission,
     .allowed = not_negative,
     .otherwise = 0.0,
     .meaning = "tokens that the share is given per year, sold at every step"},
    {.name = "emission_factor",
     .member = &Share::emission_factor,
     .allowed = positive,
     .otherwise = 0.0,
     .meaning = "price of one of them, in the position's currency; needed by emission"},
    {.name = "debt",
     .member = &Share::debt,
     .allowed = not_negative,
     .otherwise = 0.0,
     .meaning = "owed today against the share, in units of debt_factor"},
    {.name = "debt_factor",
     .member = &Share::debt_factor,
     .allowed = positive,
     .otherwise = 0.0,
     .meaning = "price of one unit of debt, in the position's currency; blank: the debt is in that currency"},
    {.name = "borrow_rate",
     .member = &Share::borrow_rate,
     .allowed = {-1, 10, "between -1 and 10"},
     .otherwise = 0.0,
     .meaning = "per year, continuous: the debt grows by exp(borrow_rate x years)"},
    {.name = "liquidation_threshold",
     .member = &Share::liquidation_threshold,
     .allowed = {1e-6, 1, "positive and at most 1"},
     .otherwise = blank,
     .meaning = "liquidated when the share's value x threshold < debt; needed by debt"},
    {.name = "bonus",
     .member = &Share::bonus,
     .allowed = fraction,
     .otherwise = 0.05,
     .meaning = "what a liquidator gains, as a share of what it repays"},
    {.name = "holder",
     .member = &Share::holder,
     .otherwise = 0.0,
     .words = "owner|lender",
     .meaning = "whose position it is"},
};
enum : std::size_t { liquidated, bad_debt, rebalancing_loss, impermanent_loss, out_of_range, gauge_count };

bool given(double x) { return x == x; }
bool of_lender(const Share& t) { return t.holder == 1; }
double bound_price(const Share& t, double price, double tick, double otherwise) {
  if (given(tick)) return exp(tick * log1p(1e-4) + t.tick_decimals * log(10.0));
  return given(price) ? price : otherwise;
}

class Shares final : public Batch {
 public:
  Shares(const Positions& positions, const Wiring& wiring)
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
    FactorIndex base, quote, token, owed, currency;
    double quantity;
    LiquidityRange range;
    double base_tokens, quote_tokens;  // today
    Rate fee;
    double emission, debt, growth, threshold, bonus;  // per step; growth: of the logarithm
    bool lender;
  };
  struct State {  // by lane; money of the position's currency, cash and what is counted of the job's
    alignas(64) Column base, quote, worth, open, debt{}, income{}, cash{}, repaid{}, bad{},
        rebalanced{}, parted{}, outside{};
    bool touched = false;  // some lane has been liquidated
  };

  void add_line(const Positions& positions, std::size_t p, const Wiring& wiring) {
    const FactorModel& market = *wiring.market;
    const Share t = terms(positions, fields, p);
    const auto row = static_cast<std::uint32_t>(rows_.of_position(wiring, p));
    const FactorIndex currency = positions.currency[p];
    const double quantity = positions.quantity[p], years = wiring.time_years.back();
    const double base = exchange_today(market, t.base_factor), quote = exchange_today(market, t.quote_factor);
    const double root = std::sqrt(base / quote);
    constexpr double infinite = std::numeric_limits<double>::infinity();
    LiquidityRange range{1, std::sqrt(bound_price(t, t.lower_price, t.lower_tick, 0)),
                         std::sqrt(bound_price(t, t.upper_price, t.upper_tick, infinite))};
    range.liquidity = given(t.liquidity) ? t.liquidity : t.value / (range.first(root) * base + range.second(root) * quote);
    const Line line{row,
                    t.base_factor,
                    t.quote_factor,
                    t.emission_factor,
                    t.debt_factor,
                    currency,
                    quantity,
                    range,
                    range.first(root),
                    range.second(root),
                    t.fee_rate,
                    t.emission * step_years_,
                    t.debt,
                    t.borrow_rate * step_years_,
                    t.liquidation_threshold,
                    t.bonus,
                    of_lender(t)};
    const double worth = line.base_tokens * base + line.quote_tokens * quote;
    const double debt = t.debt * exchange_today(market, t.debt_factor);
    constexpr double rounding = 1e-9;
    if (t.debt > 0 && !(worth * t.liquidation_threshold > debt * (1 + rounding))) triggers_today = true;
    value_today[row] +=
        quantity * (line.lender ? std::min(debt, worth) : std::max(worth - debt, 0.0)) * exchange_today(market, currency);
    gross[row] += std::abs(quantity) * largest(line, market, years) * exchange_bound(market, currency, years);
    lines_.push_back(line);
    for (const FactorIndex f : {t.base_factor, t.quote_factor, t.emission_factor, t.debt_factor}) prices_.push_back(f);
    for (const FactorIndex f :
         {t.base_factor, t.quote_factor, t.emission_factor, t.debt_factor, t.fee_rate.factor, currency})
      reads.push_back(f);
  }
  // Bound on value and cash: the pool's share is never worth more than the tokens of today.
  double largest(const Line& line, const FactorModel& market, double years) const {
    const double worth = line.base_tokens * exchange_bound(market, line.base, years) +
                         line.quote_tokens * exchange_bound(market, line.quote, years);
    double fee = line.fee.blank ? 0 : line.fee.number;
    if (!is_none(line.fee.factor)) fee = std::max(bounds(market, line.fee.factor, years).upper, 0.0);
    return worth * (1 + fee * years) + line.emission * (years / step_years_) * exchange_bound(market, line.token, years);
  }

  bool needs(std::size_t p, FactorIndex price) const {
    const Line& line = lines_[p];
    return line.base == price || line.quote == price || line.token == price || line.owed == price;
  }

  void add(const Line& line, const Block& block, Ledger& ledger) const noexcept {
    State s;
    s.base.fill(line.base_tokens), s.quote.fill(line.quote_tokens), s.open.fill(1);
    std::size_t v = 0;
    for (int n = block.monitor_today ? 0 : 1; n <= last_; ++n) {
      trade(line, block, n, s);
      if (line.debt > 0) monitor(line, block, n, s);
      if (rows_.valued[v] == n) post(line, block, n, static_cast<int>(v++), s, ledger);
    }
  }

  // The pool trades along to the market's prices; whoever holds what it held before has at least as much. Then fees and
  // emissions of the step come in.
  void trade(const Line& line, const Block& block, int step, State& s) const noexcept {
    const LaneTag d;
    const double *base = block.factors(line.base, step).data(), *quote = exchange(block, line.quote, step),
                 *fx = exchange(block, line.currency, step), *token = exchange(block, line.token, step),
                 *rate = is_none(line.fee.factor) ? nullptr : block.factors(line.fee.factor, step).data();
    const auto zero = hn::Zero(d), one = hn::Set(d, 1.0), lower = hn::Set(d, line.range.root_lower),
               upper = hn::Set(d, line.range.root_upper), of_upper = hn::Set(d, 1 / line.range.root_upper),
               liquidity = hn::Set(d, line.range.liquidity), years = hn::Set(d, step_years_),
               emission = hn::Set(d, line.emission);
    const auto fixed = hn::Mul(years, hn::Set(d, line.fee.blank ? 0 : line.fee.number));
    const bool owns = step > 0 && !line.lender, fees = owns && (rate != nullptr || !line.fee.blank);
    for (std::size_t k = 0; k < lanes; k += hn::Lanes(d)) {
      const auto of = [&](const Column& x) { return hn::Load(d, x.data() + k); };
      const auto put = [&](LaneVector x, Column& to) { hn::Store(x, d, to.data() + k); };
      const auto first = hn::LoadU(d, base + k), second = hn::LoadU(d, quote + k), currency = hn::LoadU(d, fx + k);
      const auto root = hn::Sqrt(is_none(line.quote) ? first : hn::Div(first, second));
      const auto inside = hn::Min(hn::Max(root, lower), upper);  // as LiquidityRange has it
      const auto held = hn::Add(hn::Mul(of(s.base), first), hn::Mul(of(s.quote), second));
      const auto bases = hn::Mul(liquidity, hn::Sub(hn::Div(one, inside), of_upper));
      const auto quotes = hn::Mul(liquidity, hn::Sub(inside, lower));
      const auto worth = hn::Add(hn::Mul(bases, first), hn::Mul(quotes, second));
      const auto in_range = hn::And(hn::Ge(root, lower), hn::Lt(root, upper));
      put(bases, s.base), put(quotes, s.quote), put(worth, s.worth), put(hn::IfThenZeroElse(in_range, one), s.outside);
      const auto lost = hn::Mul(hn::Mul(of(s.open), hn::Sub(held, worth)), currency);
      put(hn::Add(of(s.rebalanced), lost), s.rebalanced);
      const auto add = [&](LaneVector money) {
        if (line.debt > 0) put(hn::Add(of(s.income), money), s.income);  // as if never liquidated
        put(hn::Add(of(s.cash), hn::Mul(of(s.open), money)), s.cash);
      };
      if (fees) {
        const auto a_step = rate == nullptr ? fixed : hn::Mul(years, hn::Max(hn::LoadU(d, rate + k), zero));
        add(hn::Mul(hn::Mul(hn::IfThenElseZero(in_range, a_step), worth), currency));
      }
      if (owns && line.emission != 0) add(hn::Mul(hn::Mul(emission, hn::LoadU(d, token + k)), currency));
    }
  }

  static void monitor(const Line& line, const Block& block, int step, State& s) noexcept {
    const double *unit = exchange(block, line.owed, step), grown = line.debt * exp(line.growth * step);
    alignas(64) Column missing;
    for (std::size_t k = 0; k < lanes; ++k) {
      s.debt[k] = grown * unit[k];
      missing[k] = s.open[k] * (s.debt[k] - line.threshold * s.worth[k]);
    }
    if (positive_lanes(missing.data()) == 0) return;
    for (std::size_t k = 0; k < lanes; ++k)
      if (missing[k] > 0) liquidate(line, block, step, k, s);
  }
  static void liquidate(const Line& line, const Block& block, int step, std::size_t k, State& s) noexcept {
    const double fx = exchange(block, line.currency, step)[k], worth = s.worth[k];
    const double repaid = std::min(s.debt[k], worth / (1 + line.bonus));
    s.touched = true;
    s.parted[k] = (line.base_tokens * block.factors(line.base, step)[k] +
                   line.quote_tokens * exchange(block, line.quote, step)[k] - worth) *
                  fx;
    s.open[k] = 0;
    s.repaid[k] = repaid * fx;
    s.bad[k] = (s.debt[k] - repaid) * fx;
    s.cash[k] += line.lender ? s.repaid[k] : std::max(worth - (1 + line.bonus) * repaid, 0.0) * fx;
  }
  void post(const Line& line, const Block& block, int step, int v, const State& s, Ledger& ledger) const noexcept {
    const RowIndex row = rows_.row(line.row);
    const double* fx = exchange(block, line.currency, step);
    const double quantity = line.quantity;
    const auto gauge = [&](std::size_t g) { return ledger.gauges(rows_.gauge(line.row, g), v); };
    alignas(64) Column money;  // computed apart: it shares no memory with what is read, nor with what it is added to
    const auto add_to = [&](Lanes to) {
      for (std::size_t k = 0; k < lanes; ++k) to[k] += money[k];
    };
    for (std::size_t k = 0; k < lanes; ++k) {
      const double worth = line.lender ? std::min(s.debt[k], s.worth[k]) : std::max(s.worth[k] - s.debt[k], 0.0);
      money[k] = quantity * s.open[k] * worth * fx[k];
    }
    add_to(ledger.value(row, v));
    const Lanes cash = ledger.cash(row, v);
    for (std::size_t k = 0; k < lanes; ++k) cash[k] += quantity * s.cash[k];
    if (!line.lender) {
      const Lanes rebalanced = gauge(rebalancing_loss), outside = gauge(out_of_range);
      const double *base = block.factors(line.base, step).data(), *quote = exchange(block, line.quote, step);
      for (std::size_t k = 0; k < lanes; ++k) {
        const double now = (line.base_tokens * base[k] + line.quote_tokens * quote[k] - s.worth[k]) * fx[k];
        money[k] = quantity * (s.open[k] > 0 ? now : s.parted[k]);
      }
      add_to(gauge(impermanent_loss));
      for (std::size_t k = 0; k < lanes; ++k) rebalanced[k] += quantity * s.rebalanced[k];
      for (std::size_t k = 0; k < lanes; ++k) outside[k] += s.open[k] * s.outside[k];
    }
    if (!s.touched) return;
    const Lanes lost = ledger.credit_loss(row, v), sold = gauge(liquidated), bad = gauge(bad_debt);
    for (std::size_t k = 0; k < lanes; ++k) {
      if (s.open[k] > 0) continue;
      const double otherwise = line.lender ? s.debt[k] * fx[k] : std::max(s.worth[k] - s.debt[k], 0.0) * fx[k] + s.income[k];
      lost[k] += line.quantity * (otherwise - s.cash[k]);
      sold[k] += line.quantity * s.repaid[k];
      bad[k] += line.quantity * s.bad[k];
    }
  }

  RowSet rows_;
  int last_;
  double step_years_;
  std::vector<FactorIndex> prices_;  // that must be positive
  std::vector<Line> lines_;          // [position]
};

std::optional<Complaint> check(const Positions& positions, std::size_t position) {
  const Share t = terms(positions, fields, position);
  if (given(t.value) && given(t.liquidity))
    return Complaint{"liquidity", "value is there too; one of the two says how much it is"};
  if (!given(t.value) && !given(t.liquidity))
    return Complaint{"value", "blank, and so is liquidity; one of the two is needed"};
  if (given(t.lower_price) && given(t.lower_tick)) return Complaint{"lower_tick", "lower_price is there too"};
  if (given(t.upper_price) && given(t.upper_tick)) return Complaint{"upper_tick", "upper_price is there too"};
  for (const auto& [name, x] : {std::pair{"lower_tick", t.lower_tick}, std::pair{"upper_tick", t.upper_tick},
                                std::pair{"tick_decimals", t.tick_decimals}})
    if (given(x) && x != std::floor(x)) return Complaint{name, "not a whole number"};
  const double lower = bound_price(t, t.lower_price, t.lower_tick, 0);
  if (!(lower < bound_price(t, t.upper_price, t.upper_tick, std::numeric_limits<double>::infinity())))
    return Complaint{given(t.upper_tick) ? "upper_tick" : "upper_price", "its price is not above where the range begins"};
  if (t.emission > 0 && is_none(t.emission_factor)) return Complaint{"emission_factor", "blank; emission needs a price"};
  if (t.debt > 0 && !given(t.liquidation_threshold)) return Complaint{"liquidation_threshold", "blank; debt needs one"};
  if (t.debt == 0 && of_lender(t)) return Complaint{"debt", "0; a lender is owed something"};
  return {};
}

std::unique_ptr<Batch> compile(const Positions& positions, const Wiring& wiring) {
  return std::make_unique<Shares>(positions, wiring);
}

}  // namespace

extern const Instrument lp;
const Instrument lp{.name = "lp",
                    .columns = columns(fields),
                    .gauges = {{"liquidated", "money"},
                               {"bad_debt", "money"},
                               {"rebalancing_loss", "money"},
                               {"impermanent_loss", "money"},
                               {"out_of_range", "1"}},
                    .check = check,
                    .compile = compile};

}  // namespace tailcube
