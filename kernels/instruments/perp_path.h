#pragma once
// One perpetual future, step by step: funding, what is left of its margin, its liquidation. Used by its batch, and by the
// accounts that several share.
#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/instruments/positive_lanes.h"
#include "kernels/instruments/rows.h"

namespace tailcube {

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
  AccountIndex account, venue;
  double insurance_fund;

  double direction() const { return side == 0 ? 1 : -1; }
  bool of_venue() const { return holder == 1; }
};
Perp perp_terms(const Positions&, std::size_t position);

// What a margin account publishes beside AccountRow: its account_share is how much of its losing positions' deficits it
// carries at the prices of the step, had it never been liquidated; and what its liquidation took as a share of what it
// required, negative while it is open.
inline constexpr AccountRow account_charge{account_rows};
// What a venue publishes beside its fund, account_value, and account_shortfall, bad debt that it did not pay: shares of the
// gains of open positions that are taken at the step.
inline constexpr AccountRow taken_from_longs{account_share}, taken_from_shorts{account_rows};
static_assert(int{account_rows} < int{price_rows});  // the engine leaves an account as many rows as a price

// What is left of the margin, and what must be, in money of the position's currency at a mark price P and a price C of
// collateral.
struct Margin {
  double fixed, units, coins;            // equity = fixed + units P + coins C, less funding paid
  double share, deduction, least, fees;  // required = max(share P - deduction, least) + fees P

  explicit Margin(const Perp& t)
      : fixed((is_none(t.collateral_factor) ? t.collateral : 0) - t.owed - t.direction() * t.size * t.entry_price),
        units(t.direction() * t.size),
        coins(is_none(t.collateral_factor) ? 0 : t.collateral),
        share(t.maintenance_on == 0 ? t.maintenance_margin * t.size : 0),
        deduction(t.maintenance_deduction - (t.maintenance_on == 0 ? 0 : t.maintenance_margin * t.size * t.entry_price)),
        least(t.maintenance_minimum),
        fees((t.liquidation_fee + t.taker_fee) * t.size) {}
  double equity(double price, double coin) const { return fixed + units * price + coins * coin; }
  double required(double price) const { return std::max(share * price - deduction, least) + fees * price; }
};

// What counts of an equity in an account that carries so much of its deficits.
inline double carried(double equity, double share) { return equity < 0 ? equity * share : equity; }

struct PerpPath {
  using Column = std::array<double, lanes>;
  struct State {  // by lane; money of the position's currency, cash and what is counted of the job's
    alignas(64) Column paid{}, equity, open, cash{}, otherwise;
    alignas(64) Column closed, bad;        // where it has been liquidated
    std::array<std::uint8_t, lanes> gone;  // the lanes where it has, in that order
    std::size_t gone_count = 0;
    State() { open.fill(1); }
  };

  PerpPath(const Perp&, FactorIndex position_currency, double step_years);

  // At every step from the first that is looked at: funding is paid, what is left of the margin is found, and somebody looks
  // whether that is enough; true where some lane is liquidated at it.
  [[gnu::always_inline]] void pay_funding(const Block&, int step, State&) const noexcept;
  [[gnu::always_inline]] void find_equity(const Block&, int step, State&) const noexcept;
  [[gnu::always_inline]] bool monitor_alone(const Block&, int step, State&) const noexcept;
  // The same of one with an account, which has looked; finds the equity if some lane is liquidated.
  [[gnu::always_inline]] bool follow_account(const Block&, int step, State&) const noexcept;
  // Funding, equity and whichever of the two.
  [[gnu::always_inline]] bool monitor(const Block& block, int step, State& s) const noexcept {
    pay_funding(block, step, s);
    if (!is_none(account)) return follow_account(block, step, s);
    find_equity(block, step, s);
    return monitor_alone(block, step, s);
  }
  // What a row of its account has at a step.
  const double* of_account(const Block& block, AccountRow r, int step) const {
    return block.factors(FactorIndex{static_cast<std::uint32_t>(account) + r}, step).data();
  }
  // Whether its account is liquidated by a step in some lane.
  bool liquidated_by(const Block& block, int step) const noexcept {
    return positive_lanes<true>(of_account(block, account_charge, step)) != 0;
  }

  bool is_long() const { return margin.units > 0; }
  double gain(double price_now) const { return margin.units * (price_now - entry_price); }

  FactorIndex price, coin, currency;
  Rate funding;
  Margin margin;
  double entry_price, taker_fee;  // the fee of a price of 1
  double step_years;
  int close;  // step, beyond the last if it is kept
  bool of_venue, returned;
  AccountIndex account;

 private:
  [[gnu::always_inline]] void liquidate(double price_now, double fx, double given_back, double bad, std::size_t lane,
                                        State&) const noexcept;
};

inline void PerpPath::liquidate(double price_now, double fx, double given_back, double bad, std::size_t k,
                                State& s) const noexcept {
  s.gone[s.gone_count++] = static_cast<std::uint8_t>(k);
  s.open[k] = 0;
  s.cash[k] = (of_venue ? s.equity[k] - given_back : given_back) * fx;
  s.closed[k] = std::abs(margin.units) * price_now * fx;
  s.bad[k] = bad * fx;
}

inline void PerpPath::pay_funding(const Block& block, int step, State& s) const noexcept {
  namespace hn = hwy::HWY_NAMESPACE;
  if (step == 0 || (is_none(funding.factor) && funding.blank)) return;
  const LaneTag d;
  const double *mark = block.factors(price, step).data(),
               *rate = is_none(funding.factor) ? nullptr : block.factors(funding.factor, step).data();
  const auto units = hn::Set(d, step_years * margin.units * (rate == nullptr ? funding.number : 1));
  for (std::size_t k = 0; k < lanes; k += hn::Lanes(d)) {
    const auto rated = rate == nullptr ? units : hn::Mul(units, hn::LoadU(d, rate + k));
    const auto due = hn::Mul(rated, hn::LoadU(d, mark + k));
    hn::Store(hn::Add(hn::Load(d, s.paid.data() + k), due), d, s.paid.data() + k);
  }
}

inline void PerpPath::find_equity(const Block& block, int step, State& s) const noexcept {
  namespace hn = hwy::HWY_NAMESPACE;
  const LaneTag d;
  const auto fixed = hn::Set(d, margin.fixed), units = hn::Set(d, margin.units), coins = hn::Set(d, margin.coins);
  const double *mark = block.factors(price, step).data(), *held = is_none(coin) ? nullptr : block.factors(coin, step).data();
  for (std::size_t k = 0; k < lanes; k += hn::Lanes(d)) {
    auto equity = hn::Add(fixed, hn::Mul(units, hn::LoadU(d, mark + k)));
    equity = hn::Sub(equity, hn::Load(d, s.paid.data() + k));
    if (held != nullptr) equity = hn::Add(equity, hn::Mul(coins, hn::LoadU(d, held + k)));
    hn::Store(equity, d, s.equity.data() + k);
  }
}

inline bool PerpPath::follow_account(const Block& block, int step, State& s) const noexcept {
  const double* charge = of_account(block, account_charge, step);
  std::uint64_t lanes_due = positive_lanes<true>(charge);
  if (lanes_due != 0) lanes_due &= positive_lanes(s.open.data());
  if (lanes_due == 0) return false;
  find_equity(block, step, s);
  const double *share = of_account(block, account_share, step), *fx = exchange(block, currency, step),
               *mark = block.factors(price, step).data();
  while (lanes_due != 0) {
    const std::size_t k = take_lane(lanes_due);
    const double counts = carried(s.equity[k], share[k]);
    liquidate(mark[k], fx[k], counts - margin.required(mark[k]) * charge[k], counts - s.equity[k], k, s);
  }
  return true;
}

inline bool PerpPath::monitor_alone(const Block& block, int step, State& s) const noexcept {
  namespace hn = hwy::HWY_NAMESPACE;
  const LaneTag d;
  const Margin m = margin;
  const double* mark = block.factors(price, step).data();
  std::uint64_t lanes_due = 0;
  for (std::size_t k = 0; k < lanes; k += hn::Lanes(d)) {
    const auto at = hn::LoadU(d, mark + k);
    const auto least = hn::Max(hn::Sub(hn::Mul(hn::Set(d, m.share), at), hn::Set(d, m.deduction)), hn::Set(d, m.least));
    const auto required = hn::Add(least, hn::Mul(hn::Set(d, m.fees), at));
    const auto missing = hn::Sub(required, hn::Load(d, s.equity.data() + k));
    lanes_due |= lane_bits(hn::Gt(hn::Mul(hn::Load(d, s.open.data() + k), missing), hn::Zero(d)), k);
  }
  if (lanes_due == 0) return false;
  const double* fx = exchange(block, currency, step);
  while (lanes_due != 0) {
    const std::size_t k = take_lane(lanes_due);
    const double left = returned ? std::max(s.equity[k] - m.fees * mark[k], 0.0) : 0.0;
    liquidate(mark[k], fx[k], left, std::max(-s.equity[k], 0.0), k, s);
  }
  return true;
}

// Whether, today, less is left than must be, or so little more that it could be rounding of that turnover.
bool due_today(double equity, double required, double turnover);
// Bound on the size of the equity of one.
double largest_equity(const Perp&, const FactorModel&, double years);

// What positions that name an account publish together: their margin, and its liquidation.
std::unique_ptr<PricePath> margin_account(const Positions& sharing, const Wiring&);
// What those that name a venue do: its insurance fund, and what is taken from winners when that is used up.
std::unique_ptr<PricePath> venue_fund(const Positions& sharing, const Wiring&);

}  // namespace tailcube
