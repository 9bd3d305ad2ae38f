// A slice of a pool's losses: it bears those between its attachment and its detachment point.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/instruments/priced_units.h"
#include "kernels/publishing.h"

namespace tailcube {
namespace {

struct Tranche {
  PoolIndex pool;
  double notional, attachment, detachment, interest, coverage_trigger, reserve, minimum_buffer, senior_attachment,
      redeem_years;
  int measure;
};
constexpr double blank = std::numeric_limits<double>::quiet_NaN();
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
     .meaning = "it gets nothing while what is left of pool and reserve is less than so many times what ranks before it"},
    {.name = "reserve",
     .member = &Tranche::reserve,
     .allowed = fraction,
     .otherwise = 0.0,
     .meaning = "money in the structure beside the pool, which bears its losses first, as a share of the pool today"},
    {.name = "minimum_buffer",
     .member = &Tranche::minimum_buffer,
     .allowed = fraction,
     .otherwise = 0.0,
     .meaning = "share of what is left of pool and reserve that must rank below what attaches at senior_attachment; while "
                "it is less this tranche gets nothing"},
    {.name = "senior_attachment",
     .member = &Tranche::senior_attachment,
     .allowed = fraction,
     .otherwise = blank,
     .meaning = "where the tranche attaches that minimum_buffer protects, not below detachment; blank: detachment"},
    {.name = "redeem_years",
     .member = &Tranche::redeem_years,
     .allowed = {0, 100, "between 0 and 100"},
     .otherwise = blank,
     .meaning = "years until the holder asks for redemption at what is left of it; blank: it is kept"},
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
    if (t_.senior_attachment != t_.senior_attachment) t_.senior_attachment = t_.detachment;
    asked_ = redemption_step(t_.redeem_years, wiring.market->step_years);
    const double paid = interest_ * steps_;
    rows[price_row] = rows[value_row] = {1, 1};
    rows[cash_row] = {0, asked_ <= steps_ ? 1 + paid : paid};
    rows[credit_loss_row] = {0, 1 + paid};
    rows[happening_row] = {0, 1};
    reads = {row_of(t.pool, pool_value), row_of(t.pool, pool_credit_loss)};
  }

  void publish(Block& block, FactorIndex first) const noexcept override {
    const auto row = [&](PriceRow r, int step) { return block.factors(static_cast<std::uint32_t>(first) + r, step).data(); };
    for (const PriceRow r : {price_row, value_row}) std::fill_n(row(r, 0), lanes, 1.0);
    for (const PriceRow r : {cash_row, credit_loss_row, happening_row}) std::fill_n(row(r, 0), lanes, 0.0);
    // Beside it the same tranche of a pool in which nobody defaulted: what it has more is the credit loss. Of credit losses
    // alone that one loses nothing, whatever the scenario.
    const bool economically = t_.measure == economic;
    Held held, spared;
    const Rules rules(t_, interest_);
    const double reserve = t_.reserve, pool_today = pool_today_;
    alignas(64) Column from_credit, loss, spared_loss, share, unused;
    spared_loss.fill(-reserve);
    for (int n = 1; n <= steps_; ++n) {
      const double* worth = block.factors(row_of(t_.pool, pool_value), n).data();
      const double* credit_loss = block.factors(row_of(t_.pool, pool_credit_loss), n).data();
      for (std::size_t k = 0; k < lanes; ++k) from_credit[k] = credit_loss[k] / pool_today;
      for (std::size_t k = 0; k < lanes; ++k) loss[k] = from_credit[k] - reserve;
      for (std::size_t k = 0; economically && k < lanes; ++k) {
        const double all = 1 - worth[k] / pool_today;
        loss[k] = all - reserve, spared_loss[k] = all - from_credit[k] - reserve;
      }
      const bool asked = asked_ <= n;
      advance<lanes>(rules, loss, asked, held, share);
      if (economically)
        advance<lanes>(rules, spared_loss, asked, spared, unused);
      else
        advance<1>(rules, spared_loss, asked, spared, unused);
      double *price = row(price_row, n), *value = row(value_row, n), *paid = row(cash_row, n),
             *lost = row(credit_loss_row, n), *written = row(happening_row, n);
      const double spared_worth = spared.left[0] + spared.cash[0];
      for (std::size_t k = 0; k < lanes; ++k) price[k] = std::max(share[k], least_price);
      for (std::size_t k = 0; k < lanes; ++k) {
        const double without = economically ? spared.left[k] + spared.cash[k] : spared_worth;
        lost[k] = without - (held.left[k] + held.cash[k]);
      }
      copy_lanes(held.left.data(), value);
      copy_lanes(held.cash.data(), paid);
      copy_lanes(held.written.data(), written);
    }
  }

 private:
  using Column = std::array<double, lanes>;
  struct Held {                                        // by lane, of a unit
    alignas(64) Column left, cash{}, written{}, kept;  // written: down, until it is redeemed; kept: 0 once it is
    Held() { left.fill(1), kept.fill(1); }
  };
  struct Rules {
    Rules(const Tranche& t, double interest_of_a_step)
        : attachment(t.attachment),
          thickness(t.detachment - t.attachment),
          interest(interest_of_a_step),
          needed(t.coverage_trigger * (1 - t.detachment)),
          senior(t.senior_attachment),
          buffer(t.minimum_buffer) {}
    double attachment, thickness, interest, needed, senior, buffer;
  };
  // One step on, with a loss that the reserve does not bear, negative where some of that is left. `share`: what is left of a
  // unit that is not redeemed. It gets nothing while what ranks before it is not covered well enough, or too little ranks
  // below that.
  template <std::size_t count>
  [[gnu::always_inline]] static void advance(const Rules& r, const Column& loss, bool asked, Held& h,
                                             Column& share) noexcept {
    for (std::size_t k = 0; k < count; ++k) {
      const double left = 1 - std::min(std::max((loss[k] - r.attachment) / r.thickness, 0.0), 1.0), backing = 1 - loss[k];
      const bool stopped = (backing < r.needed) | ((r.buffer > 0) & (r.senior - loss[k] < r.buffer * backing));
      const double kept = h.kept[k];
      share[k] = left;
      h.cash[k] += stopped ? 0 : r.interest * h.left[k];
      h.written[k] = kept > 0 ? 1 - left : h.written[k];
      h.kept[k] = (asked & !stopped) ? 0 : kept;
      h.cash[k] += kept > h.kept[k] ? left : 0;
      h.left[k] = h.kept[k] > 0 ? left : 0;
    }
  }

  Tranche t_;
  double pool_today_;
  int steps_;
  double interest_;   // of a step
  double asked_ = 0;  // step; NaN: never
};

std::optional<Complaint> check(const Positions& positions, std::size_t position) {
  const Tranche t = terms(positions, fields, position);
  if (!(t.attachment < t.detachment)) return Complaint{"detachment", "it is not above attachment"};
  if (t.senior_attachment < t.detachment) return Complaint{"senior_attachment", "it is below detachment"};
  if (t.senior_attachment >= t.detachment && t.minimum_buffer == 0)
    return Complaint{"minimum_buffer", "0; senior_attachment says where what it protects attaches"};
  return {};
}

std::optional<Complaint> warn(const Positions& positions, std::size_t position) {
  const Tranche t = terms(positions, fields, position);
  const double below = (t.senior_attachment == t.senior_attachment ? t.senior_attachment : t.detachment) + t.reserve;
  if (t.minimum_buffer > 0 && below < t.minimum_buffer * (1 + t.reserve))
    return Complaint{"minimum_buffer",
                     "less than that ranks below what it protects today: interest is stopped from the start"};
  for (std::size_t p = 0; p < position; ++p)
    if (const Tranche other = terms(positions, fields, p); other.pool == t.pool)
      return other.reserve == t.reserve
                 ? std::optional<Complaint>()
                 : Complaint{"reserve", "not that of " + positions.id[p] + ", which is a tranche of the same pool"};
  return {};
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
                         .gauges = {{"written_down", "money"}},
                         .foreign_currency = false,
                         .check = check,
                         .warn = warn,
                         .compile = compile,
                         .publish = publish};

}  // namespace tailcube
