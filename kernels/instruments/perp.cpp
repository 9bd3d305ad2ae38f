// Perpetual futures: margin, funding at every step, liquidation at the price at which it is found due.
#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <limits>
#include <optional>
#include <string>

#include "kernels/instruments/perp_path.h"
#include "kernels/instruments/positive_lanes.h"
#include "kernels/instruments/rows.h"
#include "kernels/publishing.h"

namespace tailcube {
namespace {

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
     .meaning = "margin behind this position, in units of collateral_factor"},
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
    {.name = "account",
     .member = &Perp::account,
     .otherwise = 0.0,
     .meaning = "an id: all perps that name it share their margins and are liquidated together; blank: a margin of its own"},
    {.name = "venue",
     .member = &Perp::venue,
     .otherwise = 0.0,
     .meaning = "an id: bad debt of all perps that name it is paid by one insurance fund, then by those that have gained; "
                "blank: nobody is deleveraged"},
    {.name = "insurance_fund",
     .member = &Perp::insurance_fund,
     .allowed = not_negative,
     .otherwise = blank,
     .meaning = "of the venue today, money of the job; needed with venue and the same in all its perps"},
};
constexpr Gauge gauges[] = {
    {"liquidated", "money"}, {"bad_debt", "money"}, {"insurance_drawn", "money"}, {"auto_deleveraged", "money"}};
enum : std::size_t { liquidated, bad_debt, insurance_drawn, auto_deleveraged };

class Perps final : public Batch {
 public:
  Perps(const Positions& positions, const Wiring& wiring) : rows_(wiring, std::size(gauges)), last_(wiring.valued.back()) {
    value_today.assign(rows_.count, 0.0);
    gross.assign(rows_.count, 0.0);
    lines_.reserve(positions.size());
    checks_triggers = true;
    triggers_today = false;
    for (std::size_t p = 0; p < positions.size(); ++p) add_line(positions, p, wiring);
    for (std::vector<FactorIndex>* factors : {&prices_, &shared_prices_, &shared_rows_}) *factors = distinct(*factors);
    reads = distinct(std::move(reads));
  }

  void evaluate(const Block& block, Ledger& ledger, Faults& faults) const noexcept override {
    rows_.clear(ledger);
    report_missing(
        prices_, last_, lines_.size(), [&](std::size_t p, FactorIndex f) { return needs(p, f); },
        [&](std::size_t p) { return rows_.row(lines_[p].row); }, block, faults);
    const bool sound = shared_are_there(block);
    for (std::size_t p = 0; p < lines_.size(); ++p) {
      if (!lines_[p].shares()) {
        add<false>(lines_[p], block, ledger);
      } else {
        if (!sound) report(p, block, faults);
        add<true>(lines_[p], block, ledger);
      }
    }
  }

 private:
  using Column = PerpPath::Column;
  struct Line {
    PerpPath path;
    double quantity;
    std::uint32_t row;
    AccountIndex venue;
    double fund;
    bool shares() const { return !is_none(path.account) || !is_none(venue); }
  };
  struct Deleveraging {       // by lane, money of the job, since today
    Column drawn{}, taken{};  // from the fund for this position; from this position
    Column paid_for{};        // gains that it has paid from, money of its currency
    bool any = false;         // taken
  };

  void add_line(const Positions& positions, std::size_t p, const Wiring& wiring) {
    const FactorModel& market = *wiring.market;
    const Perp t = perp_terms(positions, p);
    const auto row = static_cast<std::uint32_t>(rows_.of_position(wiring, p));
    const FactorIndex currency = positions.currency[p];
    const double quantity = positions.quantity[p], years = wiring.time_years.back();
    lines_.push_back({PerpPath(t, currency, wiring.time_years[1]), quantity, row, t.venue, t.insurance_fund});
    const Margin& margin = lines_.back().path.margin;
    const double price = exchange_today(market, t.factor),
                 equity = margin.equity(price, exchange_today(market, t.collateral_factor));
    double counts = std::max(equity, 0.0);
    if (is_none(t.account)) {
      triggers_today |= due_today(equity, margin.required(price), t.size * (price + t.entry_price));
    } else {
      triggers_today |= exchange_today(market, row_of(t.account, account_charge)) >= 0;
      counts = carried(equity, exchange_today(market, row_of(t.account, account_share)));
      reads.push_back(row_of(t.account, account_charge));
    }
    if (!is_none(t.venue)) reads.push_back(row_of(t.venue, account_value));
    value_today[row] += quantity * (t.of_venue() ? equity - counts : counts) * exchange_today(market, currency);
    gross[row] += std::abs(quantity) * largest_equity(t, market, years) * exchange_bound(market, currency, years) *
                  (lines_.back().shares() ? 2 : 1);
    for (const FactorIndex f : {t.factor, t.collateral_factor, t.funding_rate.factor, currency}) reads.push_back(f);
    for (const FactorIndex f : {t.factor, t.collateral_factor})
      (lines_.back().shares() ? shared_prices_ : prices_).push_back(f);
    if (!is_none(t.account)) shared_rows_.push_back(row_of(t.account, account_charge));
    if (!is_none(t.venue)) shared_rows_.push_back(row_of(t.venue, account_value));
  }

  bool needs(std::size_t p, FactorIndex price) const {
    const PerpPath& path = lines_[p].path;
    return !lines_[p].shares() && (path.price == price || path.coin == price);
  }

  // Whether all that positions that share something read is there: then none of them has a fault.
  bool shared_are_there(const Block& block) const noexcept {
    Priced good;
    for (const FactorIndex f : shared_prices_)
      for (int n = 0; n <= last_; ++n) good.look(block.factors(f, n));
    alignas(64) Column missing{};
    for (const FactorIndex f : shared_rows_)
      for (int n = 0; n <= last_; ++n) {
        const double* x = block.factors(f, n).data();
        for (std::size_t k = 0; k < lanes; ++k) missing[k] = x[k] != x[k] ? 1 : missing[k];
      }
    return good.everywhere() && positive_lanes(missing.data()) == 0;
  }
  // A fault of a position that shares, where a price is missing that it or who shares with it reads.
  void report(std::size_t p, const Block& block, Faults& faults) const noexcept {
    const Line& line = lines_[p];
    Priced good;
    const auto look = [&](FactorIndex of_lanes) {
      for (int n = 0; n <= last_; ++n) {
        const double* x = block.factors(of_lanes, n).data();
        for (std::size_t k = 0; k < lanes; ++k)
          if (x[k] != x[k]) good.miss(k);
      }
    };
    for (const FactorIndex f : {line.path.price, line.path.coin})
      for (int n = 0; !is_none(f) && n <= last_; ++n) good.look(block.factors(f, n));
    if (!is_none(line.path.account)) look(row_of(line.path.account, account_charge));
    if (!is_none(line.venue)) look(row_of(line.venue, account_value));
    good.report(rows_.row(line.row), static_cast<std::uint32_t>(p), block, faults);
  }

  template <bool shares>
  void add(const Line& line, const Block& block, Ledger& ledger) const noexcept {
    PerpPath::State s;
    std::optional<Deleveraging> d;
    if (shares && !is_none(line.venue)) d.emplace();
    const bool calm =
        shares && !is_none(line.path.account) && !line.path.liquidated_by(block, std::min(last_, line.path.close));
    std::size_t v = 0;
    for (int n = block.monitor_today ? 0 : 1; n <= last_; ++n) {
      if (n <= line.path.close) {
        if constexpr (shares) {
          const std::size_t gone_before = s.gone_count;
          if (calm)
            line.path.pay_funding(block, n, s);
          else
            line.path.monitor(block, n, s);
          if (!is_none(line.path.account) && (n == line.path.close || n == rows_.valued[v]))
            line.path.find_equity(block, n, s);
          if (!is_none(line.venue)) deleverage(line, block, n, gone_before, s, *d);
        } else {
          line.path.pay_funding(block, n, s);
          line.path.find_equity(block, n, s);
          line.path.monitor_alone(block, n, s);
        }
      }
      if (n == line.path.close) close(line.path, block, n, s);
      if (rows_.valued[v] == n) post<shares>(line, block, n, static_cast<int>(v++), s, d, ledger);
    }
  }

  // What the venue's fund paid of the bad debt of a position liquidated at this step, and what it took from one that is
  // open.
  [[gnu::always_inline]] void deleverage(const Line& line, const Block& block, int step, std::size_t gone_before,
                                         PerpPath::State& s, Deleveraging& d) const noexcept {
    const auto row = [&](AccountRow r, int n) { return block.factors(row_of(line.venue, r), n).data(); };
    const double *fund = row(account_value, step), *unmet = row(account_shortfall, step),
                 *share = row(line.path.is_long() ? taken_from_longs : taken_from_shorts, step),
                 *price = block.factors(line.path.price, step).data(), *fx = exchange(block, line.path.currency, step);
    for (std::size_t i = gone_before; i < s.gone_count; ++i) {
      const std::size_t k = s.gone[i];
      const double paid = (step > 0 ? row(account_value, step - 1)[k] : line.fund) - fund[k],
                   unpaid = unmet[k] - (step > 0 ? row(account_shortfall, step - 1)[k] : 0);
      d.drawn[k] = s.bad[k] > 0 && paid > 0 ? s.bad[k] * (paid / (paid + unpaid)) : 0;
    }
    if (positive_lanes(share) == 0) return;
    alignas(64) Column fresh;  // gains that it pays from
    const double units = line.path.margin.units, entry = line.path.entry_price;
    for (std::size_t k = 0; k < lanes; ++k) {
      const double gained = units * (price[k] - entry) - d.paid_for[k];
      fresh[k] = ((s.open[k] > 0) & (share[k] > 0) & (gained > 0)) ? gained : 0;
      d.taken[k] += fresh[k] > 0 ? share[k] * fresh[k] * fx[k] : 0;
      d.paid_for[k] += fresh[k];
    }
    d.any = positive_lanes(fresh.data()) != 0 || d.any;
  }

  [[gnu::always_inline]] static void close(const PerpPath& path, const Block& block, int step, PerpPath::State& s) noexcept {
    const double *price = block.factors(path.price, step).data(), *fx = exchange(block, path.currency, step);
    const double* share = is_none(path.account) ? nullptr : path.of_account(block, account_share, step);
    for (std::size_t k = 0; k < lanes; ++k) {
      const double fee = path.taker_fee * price[k];
      double left = std::max(s.equity[k] - fee, 0.0);
      if (share != nullptr) left = share[k] < 1 ? carried(s.equity[k], share[k]) : s.equity[k] - fee;
      s.otherwise[k] = (path.of_venue ? fee : left) * fx[k];
      s.cash[k] = s.open[k] > 0 ? s.otherwise[k] : s.cash[k];
      s.open[k] = 0;
    }
  }

  template <bool shares>
  [[gnu::always_inline]] void post(const Line& line, const Block& block, int step, int v, const PerpPath::State& s,
                                   const std::optional<Deleveraging>& d, Ledger& ledger) const noexcept {
    const PerpPath& path = line.path;
    const RowIndex row = rows_.row(line.row);
    const double* fx = exchange(block, path.currency, step);
    const double quantity = line.quantity;
    if (step < path.close && !path.of_venue) {
      const Lanes value = ledger.value(row, v);
      alignas(64) Column worth;  // apart from the ledger, which might share memory
      for (std::size_t k = 0; k < lanes; ++k) worth[k] = quantity * s.open[k] * s.equity[k] * fx[k];
      for (std::size_t k = 0; k < lanes; ++k) value[k] += worth[k];
    }
    const bool closing = step >= path.close;
    const Lanes cash = ledger.cash(row, v), lost = ledger.credit_loss(row, v);
    const auto gauge = [&](std::size_t g) { return ledger.gauges(rows_.gauge(line.row, g), v); };
    for (std::size_t k = 0; closing && k < lanes; ++k) cash[k] += quantity * s.cash[k];
    const double* share = shares && !is_none(path.account) ? path.of_account(block, account_share, step) : nullptr;
    for (std::size_t i = 0; i < s.gone_count; ++i) {
      const std::size_t k = s.gone[i];
      if (!closing) cash[k] += quantity * s.cash[k];
      // What the equity counts for its holder, had the position never been liquidated.
      const double counts = share == nullptr ? std::max(s.equity[k], 0.0) : carried(s.equity[k], share[k]);
      const double otherwise = closing ? s.otherwise[k] : path.of_venue ? 0 : counts * fx[k];
      lost[k] += quantity * (otherwise - s.cash[k]);
      gauge(liquidated)[k] += quantity * s.closed[k];
      gauge(bad_debt)[k] += quantity * s.bad[k];
      if (d) gauge(insurance_drawn)[k] += quantity * d->drawn[k];
    }
    if (!d || !d->any) return;
    const Lanes taken = gauge(auto_deleveraged);
    const double to_holder = path.of_venue ? quantity : -quantity;
    for (std::size_t k = 0; k < lanes; ++k) cash[k] += to_holder * d->taken[k];
    for (std::size_t k = 0; k < lanes; ++k) lost[k] -= to_holder * d->taken[k];
    for (std::size_t k = 0; k < lanes; ++k) taken[k] += quantity * d->taken[k];
  }

  RowSet rows_;
  int last_;
  std::vector<FactorIndex> prices_;                       // that must be positive, of those that share nothing
  std::vector<FactorIndex> shared_prices_, shared_rows_;  // of the others; and what must be a number
  std::vector<Line> lines_;                               // [position]
};

std::optional<Complaint> check(const Positions& positions, std::size_t position) {
  const Perp t = perp_terms(positions, position);
  const bool fund = t.insurance_fund == t.insurance_fund;
  if (is_none(t.venue) && fund) return Complaint{"venue", "blank; insurance_fund is that of a venue"};
  if (!is_none(t.venue) && !fund) return Complaint{"insurance_fund", "blank; a venue that is named has so much and no more"};
  return {};
}

// Whether the positions that share something share their account, else their venue.
bool shares_margin(const Positions& sharing) {
  return row_of(perp_terms(sharing, 0).account, account_value) == sharing.published.front();
}

std::optional<Complaint> check_account(const Positions& positions, std::size_t first, std::size_t position) {
  const Perp a = perp_terms(positions, first), b = perp_terms(positions, position);
  const auto differs = [&](std::string_view column, const char* shared) {
    return Complaint{column, "not that of " + positions.id[first] + ", which has the same " + shared};
  };
  if (shares_margin(positions)) {
    const bool kept = a.close_years != a.close_years && b.close_years != b.close_years;
    if (positions.currency[first] != positions.currency[position]) return differs("currency", "account");
    if (a.close_years != b.close_years && !kept) return differs("close_years", "account");
    if (a.remainder != b.remainder) return differs("remainder", "account");
    if (a.holder != b.holder) return differs("holder", "account");
  } else {
    if (a.insurance_fund != b.insurance_fund) return differs("insurance_fund", "venue");
    if (a.holder != b.holder) return differs("holder", "venue");
  }
  return {};
}

std::optional<Complaint> warn(const Positions& positions, std::size_t position) {
  const Perp t = perp_terms(positions, position);
  const Margin margin(t);
  if (!is_none(t.account) || !is_none(t.collateral_factor) ||
      margin.equity(t.entry_price, 0) >= margin.required(t.entry_price))
    return {};
  return Complaint{"collateral", "at its entry price it is liquidated already"};
}

std::unique_ptr<Batch> compile(const Positions& positions, const Wiring& wiring) {
  return std::make_unique<Perps>(positions, wiring);
}

std::unique_ptr<PricePath> publish_account(const Positions& sharing, const Wiring& wiring) {
  return shares_margin(sharing) ? margin_account(sharing, wiring) : venue_fund(sharing, wiring);
}

}  // namespace

Perp perp_terms(const Positions& positions, std::size_t position) { return terms(positions, fields, position); }

extern const Instrument perp;
const Instrument perp{.name = "perp",
                      .columns = columns(fields),
                      .gauges = {std::begin(gauges), std::end(gauges)},
                      .check = check,
                      .warn = warn,
                      .compile = compile,
                      .publish_account = publish_account,
                      .check_account = check_account};

}  // namespace tailcube
