// An over-collateralised loan on a ledger: liquidated in part whenever a monitoring date finds it unhealthy.
#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "kernels/instruments/rows.h"
#include "kernels/math/functions.h"

namespace tailcube {
namespace {

struct Vault {
  FactorIndex collateral_factor;
  double collateral_quantity, debt;
  FactorIndex debt_factor;
  double borrow_rate, liquidation_threshold, bonus, fee, close_factor;
  int side, monitoring;
};
constexpr Range share{1e-6, 1, "positive and at most 1"};
constexpr Field<Vault> fields[] = {
    {.name = "collateral_factor",
     .member = &Vault::collateral_factor,
     .meaning = "price of one unit of collateral, in the job's currency"},
    {.name = "collateral_quantity",
     .member = &Vault::collateral_quantity,
     .allowed = not_negative,
     .meaning = "units of collateral"},
    {.name = "debt", .member = &Vault::debt, .allowed = not_negative, .meaning = "owed today, in units of debt_factor"},
    {.name = "debt_factor",
     .member = &Vault::debt_factor,
     .otherwise = 0.0,
     .meaning = "price of one unit of debt in the job's currency; blank = the debt is in the job's currency"},
    {.name = "borrow_rate",
     .member = &Vault::borrow_rate,
     .allowed = {-1, 10, "between -1 and 10"},
     .otherwise = 0.0,
     .meaning = "per year, continuous: the debt grows by exp(borrow_rate x years)"},
    {.name = "liquidation_threshold",
     .member = &Vault::liquidation_threshold,
     .allowed = share,
     .meaning = "unhealthy when quantity x price x threshold < debt"},
    {.name = "bonus",
     .member = &Vault::bonus,
     .allowed = fraction,
     .otherwise = 0.05,
     .meaning = "what a liquidator gains, as a share of what it repays"},
    {.name = "fee",
     .member = &Vault::fee,
     .allowed = {0, 0.99, "between 0 and 0.99"},
     .otherwise = 0.0,
     .meaning = "share of the seized collateral that is lost to lender and borrower, before the liquidator is paid"},
    {.name = "close_factor",
     .member = &Vault::close_factor,
     .allowed = share,
     .otherwise = 0.5,
     .meaning = "share of the debt repaid by one liquidation"},
    {.name = "side",
     .member = &Vault::side,
     .otherwise = 0.0,
     .words = "lender|borrower",
     .meaning = "whose position it is"},
    {.name = "monitoring",
     .member = &Vault::monitoring,
     .otherwise = 0.0,
     .words = "step",
     .refused = "bridge",
     .meaning = "step: at every step, at the price seen there"},
};
enum : std::size_t { liquidated, bad_debt, gauge_count };

// Terms as the loop wants them.
struct Line {
  Vault terms;
  double quantity, growth;  // of the debt in one step
  double kept;              // share of seized collateral that repays debt: (1 - fee) / (1 + bonus)
  std::uint32_t row;
};

// One vault in all lanes, by column. All money is the job's currency.
struct State {
  alignas(64) std::array<double, lanes> collateral, debt, repaid;  // units; units of debt; money paid to the lender so far
};

// One monitoring date. Most dates find nobody unhealthy; which lanes are decides what is computed, never what a lane gets.
// A vault without collateral has nothing left to sell.
void monitor(const Line& line, State& s, const double* price, const double* debt_price) {
  alignas(64) std::array<std::int64_t, lanes> unhealthy;
  std::int64_t any = 0;
  for (std::size_t k = 0; k < lanes; ++k) {
    const double worth = s.collateral[k] * price[k], owed = s.debt[k] * debt_price[k];
    const std::int64_t below = worth * line.terms.liquidation_threshold < owed ? 1 : 0, some = worth > 0 ? 1 : 0;
    unhealthy[k] = below & some;
    any |= unhealthy[k];
  }
  if (any == 0) return;
  for (std::size_t k = 0; k < lanes; ++k) {
    if (unhealthy[k] == 0) continue;
    const double wanted = line.terms.close_factor * s.debt[k];
    const double possible = s.collateral[k] * price[k] * line.kept / debt_price[k];
    const bool all = possible <= wanted;
    const double units = all ? possible : wanted, money = units * debt_price[k];
    s.collateral[k] = all ? 0 : s.collateral[k] - money / (line.kept * price[k]);
    s.debt[k] -= units;
    s.repaid[k] += money;
  }
}

class Vaults final : public Batch {
 public:
  Vaults(const Positions& positions, const Wiring& wiring) : rows_(wiring, gauge_count) {
    const FactorModel& market = *wiring.market;
    const double years = wiring.time_years.back();
    value_today.assign(rows_.count, 0.0);
    gross.assign(rows_.count, 0.0);
    for (std::size_t p = 0; p < positions.size(); ++p) {
      const Vault v = terms(positions, fields, p);
      const Line line{v, positions.quantity[p], exp(v.borrow_rate * wiring.time_years[1]), (1 - v.fee) / (1 + v.bonus),
                      static_cast<std::uint32_t>(rows_.of_position(wiring, p))};
      const double worth = v.collateral_quantity * exchange_today(market, v.collateral_factor);
      const double owed = v.debt * exchange_today(market, v.debt_factor);
      value_today[line.row] += line.quantity * (lends(line) ? std::min(owed, worth) : std::max(worth - owed, 0.0));
      const double largest =
          lends(line) ? v.debt * exp(std::max(0.0, v.borrow_rate) * years) * exchange_bound(market, v.debt_factor, years)
                      : v.collateral_quantity * exchange_bound(market, v.collateral_factor, years);
      gross[line.row] += std::abs(line.quantity) * largest;
      reads.push_back(v.collateral_factor);
      reads.push_back(v.debt_factor);
      lines_.push_back(line);
    }
    reads = distinct(std::move(reads));
    checks_triggers = true;
  }

  void evaluate(const Block& block, Ledger& ledger, Faults& faults) const noexcept override {
    rows_.clear(ledger);
    report_prices(block, faults);
    for (const Line& line : lines_) run(line, block, ledger);
  }

 private:
  static bool lends(const Line& line) { return line.terms.side == 0; }

  void run(const Line& line, const Block& block, Ledger& ledger) const noexcept {
    State s;
    s.collateral.fill(line.terms.collateral_quantity);
    s.debt.fill(line.terms.debt);
    s.repaid.fill(0);
    double untouched = line.terms.debt;  // what would be owed without any liquidation, in the same roundings
    int n = 0;
    if (block.monitor_today) monitor(line, s, price(block, line, 0), exchange(block, line.terms.debt_factor, 0));
    for (std::size_t v = 0; v < rows_.valued.size(); ++v) {
      while (n < rows_.valued[v]) {
        ++n;
        untouched *= line.growth;
        for (std::size_t k = 0; k < lanes; ++k) s.debt[k] *= line.growth;
        monitor(line, s, price(block, line, n), exchange(block, line.terms.debt_factor, n));
      }
      write(line, s, untouched, static_cast<int>(v), block, ledger);
    }
  }
  void write(const Line& line, const State& s, double untouched, int v, const Block& block, Ledger& ledger) const noexcept {
    const int step = rows_.valued[static_cast<std::size_t>(v)];
    const double *p = price(block, line, step), *debt_price = exchange(block, line.terms.debt_factor, step);
    const RowIndex row = rows_.row(line.row);
    double* const value = ledger.value(row, v).data();
    double* const cash = ledger.cash(row, v).data();
    double* const credit_loss = ledger.credit_loss(row, v).data();
    double* const sold = ledger.gauges(rows_.gauge(line.row, liquidated), v).data();
    double* const bad = ledger.gauges(rows_.gauge(line.row, bad_debt), v).data();
    const double q = line.quantity, lender = lends(line) ? 1 : 0, initial = line.terms.collateral_quantity;
    for (std::size_t k = 0; k < lanes; ++k) {
      const double worth = s.collateral[k] * p[k], owed = s.debt[k] * debt_price[k], promised = untouched * debt_price[k];
      const double now = lender != 0 ? std::min(owed, worth) : std::max(worth - owed, 0.0);
      const double received = lender * s.repaid[k];
      const double otherwise = lender != 0 ? promised : std::max(initial * p[k] - promised, 0.0);
      value[k] += q * now;
      cash[k] += q * received;
      credit_loss[k] += q * (otherwise - (now + received));
      sold[k] += q * s.repaid[k];
      bad[k] += q * std::max(owed - worth, 0.0);
    }
  }
  static const double* price(const Block& block, const Line& line, int step) {
    return block.factors(line.terms.collateral_factor, step).data();
  }
  // A price that is not positive and finite hides in a minimum, so it is looked for.
  void report_prices(const Block& block, Faults& faults) const noexcept {
    for (const FactorIndex f : reads)
      for (int n = 0; n <= rows_.valued.back(); ++n) {
        const ConstLanes prices = block.factors(f, n);
        for (std::size_t k = 0; k < block.scenarios; ++k)
          if (!(prices[k] > 0 && prices[k] < 1e300)) report_price(f, k, faults);
      }
  }
  void report_price(FactorIndex f, std::size_t lane, Faults& faults) const noexcept {
    for (std::size_t p = 0; p < lines_.size() && faults.size() < faults.capacity(); ++p)
      if (lines_[p].terms.collateral_factor == f || lines_[p].terms.debt_factor == f)
        faults.push_back(
            {rows_.row(lines_[p].row), static_cast<std::uint32_t>(p), static_cast<std::uint16_t>(lane), Reason::no_price});
  }

  RowSet rows_;
  std::vector<Line> lines_;
};

std::optional<Complaint> warn(const Positions& positions, std::size_t position) {
  const Vault v = terms(positions, fields, position);
  if (!(v.liquidation_threshold * (1 + v.bonus) > 1 - v.fee)) return {};
  return Complaint{
      "liquidation_threshold",
      "a liquidation at the threshold makes the vault less healthy: liquidation_threshold x (1 + bonus) exceeds " +
          std::string(v.fee > 0 ? "1 - fee" : "1")};
}

std::unique_ptr<Batch> compile(const Positions& positions, const Wiring& wiring) {
  return std::make_unique<Vaults>(positions, wiring);
}

}  // namespace

extern const Instrument vault;
const Instrument vault{.name = "vault",
                       .columns = columns(fields),
                       .gauges = {{"liquidated", "money"}, {"bad_debt", "money"}},
                       .foreign_currency = false,
                       .warn = warn,
                       .compile = compile};

}  // namespace tailcube
