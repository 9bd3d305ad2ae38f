// What everybody owes by ladders, and corrections for those who default.
#include <cmath>

#include "kernels/instruments/ladder.h"
#include "kernels/math/functions.h"

namespace tailcube {
namespace {

enum : std::size_t { defaults, defaulted_exposure, gauge_count };

// Compiles claims to lines; what it learns about today and about bounds goes into the batch.
class Compiler {
 public:
  Compiler(Batch& batch, const Wiring& wiring, Schedules& schedules, Amounts& amounts)
      : batch_(batch), wiring_(wiring), market_(*wiring.market), schedules_(schedules), amounts_(amounts) {}

  // A par spread that does not exist is NaN.
  CashFlowLine operator()(const Claim& claim, FactorIndex currency, std::uint32_t row) {
    CashFlowLine line{row,
                      schedules_.add(claim, wiring_),
                      currency,
                      0,
                      claim.principal,
                      claim.interest,
                      amounts_.folded.size(),
                      amounts_.early.size()};
    const std::vector<Discounted> today = discounted_today(claim);
    if (is_none(claim.spread.factor))
      line.spread = !claim.spread.blank    ? claim.spread.number
                    : claim.principal == 0 ? 0
                                           : solve_spread(today, claim.principal);
    const bool solved = line.spread == line.spread;
    double worth = 0, gross = 0;
    for (std::size_t k = 0; k < claim.flows.size(); ++k) {
      const Flow& f = claim.flows[k];
      const double fold = solved ? exp(-line.spread * f.date_years) : 0;
      amounts_.folded.push_back(f.amount * fold);
      if (f.date_years <= wiring_.time_years.back()) amounts_.early.push_back({f.amount, f.balance});
      worth += today[k].amount * fold;
      gross += std::abs(f.amount);
    }
    batch_.value_today[row] += worth * exchange_today(market_, currency);
    batch_.gross[row] += gross * largest_discount(claim, solved ? line.spread : 0) *
                         exchange_bound(market_, currency, wiring_.time_years.back());
    batch_.reads.push_back(claim.spread.factor);
    batch_.reads.push_back(currency);
    batch_.reads_curves.push_back(claim.curve);
    return line;
  }

 private:
  // At the curve and, where the spread is a factor, at its value of today.
  std::vector<Discounted> discounted_today(const Claim& claim) const {
    const double spread = is_none(claim.spread.factor) ? 0 : exchange_today(market_, claim.spread.factor);
    std::vector<Discounted> out;
    for (const Flow& f : claim.flows) {
      const double rate = zero_rate_today(market_, claim.curve, f.date_years) + spread;
      out.push_back({f.date_years, f.amount * exp(-rate * f.date_years)});
    }
    return out;
  }
  // Negative rates make money due later worth more than itself.
  double largest_discount(const Claim& claim, double spread) const {
    const double years = wiring_.time_years.back();
    double lowest = 0;
    for (const Pillar& p : market_.curves[static_cast<std::size_t>(claim.curve)])
      lowest = std::min(lowest, bounds(market_, p.zero_rate, years).lower);
    lowest += is_none(claim.spread.factor) ? spread : bounds(market_, claim.spread.factor, years).lower;
    return 2 * exp(std::max(0.0, -lowest) * claim.flows.back().date_years);
  }

  Batch& batch_;
  const Wiring& wiring_;
  const FactorModel& market_;
  Schedules& schedules_;
  Amounts& amounts_;
};

class CashFlows final : public Batch {
 public:
  CashFlows(const Positions& positions, const std::vector<Claim>& claims, const Wiring& wiring)
      : rows_(wiring, gauge_count), time_years_(wiring.time_years), by_obligor_(positions.obligor, wiring.obligor_count) {
    value_today.assign(rows_.count, 0.0);
    gross.assign(rows_.count, 0.0);
    Compiler compiled(*this, wiring, schedules_, amounts_);
    for (std::size_t p = 0; p < claims.size(); ++p) {
      lines_.push_back(compiled(claims[p], positions.currency[p], static_cast<std::uint32_t>(rows_.of_position(wiring, p))));
      if (lines_.back().spread != lines_.back().spread) {
        unsolved_.push_back(static_cast<std::uint32_t>(p));
        lines_.back().spread = 0;
      }
    }
    ladders_ = Ladders(lines_, amounts_, schedules_, wiring);
    cash_ = CashTable(lines_, amounts_, schedules_, rows_);
    reads = distinct(std::move(reads));
    std::sort(reads_curves.begin(), reads_curves.end());
    reads_curves.erase(std::unique(reads_curves.begin(), reads_curves.end()), reads_curves.end());
    reads_defaults = true;
  }

  void evaluate(const Block& block, Ledger& ledger, Faults& faults) const noexcept override {
    rows_.clear(ledger);
    for (const std::uint32_t p : unsolved_)
      if (faults.size() < faults.capacity()) faults.push_back({rows_.row(lines_[p].row), p, 0, Reason::out_of_domain});
    ladders_.add_values(rows_, block, ledger);
    cash_.add(rows_, block, ledger);
    for (const Default& d : block.defaults)
      for (const std::uint32_t p : by_obligor_[d.obligor]) correct(lines_[p], d, block, ledger);
  }

 private:
  // Principal outstanding and interest accrued when its default is seen: what was due after the step before is unpaid.
  double claim_at_default(const CashFlowLine& line, const Schedule& schedule, int step) const {
    const std::size_t paid = schedule.paid_by(step - 1);
    const double balance = paid == 0 ? line.principal : amounts_.early[line.early + paid - 1].balance;
    const double since = paid == 0 ? 0 : schedule.date_years[paid - 1];
    const double until = std::min(time_years_[static_cast<std::size_t>(step)], schedule.date_years.back());
    return balance + balance * line.interest * (until - since);
  }

  void correct(const CashFlowLine& line, const Default& d, const Block& block, Ledger& ledger) const noexcept {
    const Schedule& schedule = schedules_[line.schedule];
    std::size_t unpaid = schedule.paid_by(d.step - 1);
    if (unpaid == schedule.step.size()) return;  // repaid before
    const std::size_t lane = d.lane, stride = static_cast<std::size_t>(block.discounts.steps()) * lanes;
    const double exposed = claim_at_default(line, schedule, d.step) * exchange(block, line.currency, d.step)[lane];
    const double recovered = (1 - d.loss_given_default) * exposed;
    double missed = 0;
    for (std::size_t v = 0; v < rows_.valued.size(); ++v) {
      const int h = rows_.valued[v];
      if (h < d.step) continue;
      for (; unpaid < schedule.step.size() && schedule.step[unpaid] <= h; ++unpaid)
        missed += amounts_.early[line.early + unpaid].amount * exchange(block, line.currency, schedule.step[unpaid])[lane];
      const double* discounts = block.discounts.data() + v * lanes + lane;
      double promised = 0;
      for (std::size_t k = unpaid; k < schedule.step.size(); ++k)
        promised = std::fma(amounts_.folded[line.folded + k], discounts[schedule.discount[k] * stride], promised);
      const double growth = exp(line.spread * time_years_[static_cast<std::size_t>(h)]);
      const double removed = promised * growth * exchange(block, line.currency, h)[lane];
      const int at = static_cast<int>(v);
      ledger.value(rows_.row(line.row), at)[lane] -= removed;
      ledger.cash(rows_.row(line.row), at)[lane] += recovered - missed;
      ledger.credit_loss(rows_.row(line.row), at)[lane] += removed + missed - recovered;
      ledger.gauges(rows_.gauge(line.row, defaults), at)[lane] += 1;
      ledger.gauges(rows_.gauge(line.row, defaulted_exposure), at)[lane] += exposed;
    }
  }

  RowSet rows_;
  std::vector<double> time_years_;
  ByObligor by_obligor_;
  Schedules schedules_;
  Amounts amounts_;
  std::vector<CashFlowLine> lines_;  // per position
  Ladders ladders_;
  CashTable cash_;
  std::vector<std::uint32_t> unsolved_;  // positions without a par spread
};

}  // namespace

std::unique_ptr<Batch> cash_flow_batch(const Positions& positions, const std::vector<Claim>& claims, const Wiring& wiring) {
  return std::make_unique<CashFlows>(positions, claims, wiring);
}

}  // namespace tailcube
