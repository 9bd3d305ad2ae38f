// A slice of a pool's losses: it bears those between its attachment and its detachment point.
#include <algorithm>
#include <cmath>

#include "kernels/instruments/priced_units.h"
#include "kernels/publishing.h"

namespace tailcube {
namespace {

struct Tranche {
  PoolIndex pool;
  double notional, attachment, detachment, interest, coverage_trigger;
  int measure;
};
constexpr Field<Tranche> fields[] = {
    {.name = "reference_pool",
     .member = &Tranche::pool,
     .meaning = "node whose losses it bears, without total/; its points are shares of what that is worth today"},
    {.name = "notional", .member = &Tranche::notional, .allowed = positive, .meaning = "what is held of it, money"},
    {.name = "attachment",
     .member = &Tranche::attachment,
     .allowed = fraction,
     .meaning = "share of the pool that is lost before it loses anything"},
    {.name = "detachment",
     .member = &Tranche::detachment,
     .allowed = fraction,
     .meaning = "share of the pool that is lost when it has lost everything; above attachment"},
    {.name = "interest",
     .member = &Tranche::interest,
     .allowed = {0, 10, "between 0 and 10"},
     .otherwise = 0.0,
     .meaning = "per year, on what was left of it a step before, paid in cash at each step"},
    {.name = "coverage_trigger",
     .member = &Tranche::coverage_trigger,
     .allowed = {0, 100, "between 0 and 100"},
     .otherwise = 0.0,
     .meaning = "it gets no interest while what is left of the pool is less than so many times what ranks before it"},
    {.name = "measure",
     .member = &Tranche::measure,
     .otherwise = 0.0,
     .words = "credit|economic",
     .meaning = "credit: it bears the pool's credit losses; economic: all that its value and cash fall short of today"},
};
enum Measure { credit, economic };

class TranchePath final : public PricePath {
 public:
  TranchePath(const Tranche& t, const Wiring& wiring)
      : t_(t), pool_today_(0), steps_(wiring.market->steps), interest_(t.interest * wiring.market->step_years) {
    pool_today_ = exchange_today(*wiring.market, row_of(t.pool, pool_value));
    const double paid = interest_ * steps_;
    rows[price_row] = rows[value_row] = {1, 1};
    rows[cash_row] = {0, paid};
    rows[credit_loss_row] = {0, 1 + paid};
    reads = {row_of(t.pool, pool_value), row_of(t.pool, pool_credit_loss)};
  }

  void publish(Block& block, FactorIndex first) const noexcept override {
    const auto row = [&](PriceRow r, int step) { return block.factors(static_cast<std::uint32_t>(first) + r, step).data(); };
    for (const PriceRow r : {price_row, value_row}) std::fill_n(row(r, 0), lanes, 1.0);
    for (const PriceRow r : {cash_row, credit_loss_row}) std::fill_n(row(r, 0), lanes, 0.0);
    // Beside it the same tranche of a pool in which nobody defaulted: what it has more is the credit loss.
    std::array<double, lanes> left, cash;
    left.fill(1), cash.fill(0);
    for (int n = 1; n <= steps_; ++n) {
      const double* worth = block.factors(row_of(t_.pool, pool_value), n).data();
      const double* credit_loss = block.factors(row_of(t_.pool, pool_credit_loss), n).data();
      double *price = row(price_row, n), *value = row(value_row, n), *paid = row(cash_row, n),
             *lost = row(credit_loss_row, n);
      const double *left_before = row(value_row, n - 1), *paid_before = row(cash_row, n - 1);
      for (std::size_t k = 0; k < lanes; ++k) {
        const double from_credit = credit_loss[k] / pool_today_;
        const double loss = t_.measure == credit ? from_credit : 1 - worth[k] / pool_today_;
        paid[k] = paid_before[k] + coupon(loss, left_before[k]);
        value[k] = left_after(loss);
        price[k] = std::max(value[k], least_price);
        cash[k] += coupon(loss - from_credit, left[k]);
        left[k] = left_after(loss - from_credit);
        lost[k] = (left[k] + cash[k]) - (value[k] + paid[k]);
      }
    }
  }

 private:
  double left_after(double loss) const {
    return 1 - std::min(std::max((loss - t_.attachment) / (t_.detachment - t_.attachment), 0.0), 1.0);
  }
  double coupon(double loss, double left_before) const {
    return 1 - loss < t_.coverage_trigger * (1 - t_.detachment) ? 0 : interest_ * left_before;
  }

  Tranche t_;
  double pool_today_;
  int steps_;
  double interest_;  // of a step
};

std::optional<Complaint> check(const Positions& positions, std::size_t position) {
  const Tranche t = terms(positions, fields, position);
  if (t.attachment < t.detachment) return {};
  return Complaint{"detachment", "it is not above attachment"};
}

std::unique_ptr<Batch> compile(const Positions& positions, const Wiring& wiring) {
  std::vector<double> units;
  units.reserve(positions.size());
  for (std::size_t p = 0; p < positions.size(); ++p)
    units.push_back(positions.quantity[p] * terms(positions, fields, p).notional);
  return priced_units(positions, wiring, units);
}

std::unique_ptr<PricePath> publish(const Positions& positions, std::size_t position, const Wiring& wiring) {
  return std::make_unique<TranchePath>(terms(positions, fields, position), wiring);
}

}  // namespace

extern const Instrument tranche;
const Instrument tranche{.name = "tranche",
                         .columns = columns(fields),
                         .foreign_currency = false,
                         .check = check,
                         .compile = compile,
                         .publish = publish};

}  // namespace tailcube
