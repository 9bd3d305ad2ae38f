#include "kernels/instruments/perp_path.h"

#include <cmath>
#include <limits>

#include "kernels/instruments/rows.h"

namespace tailcube {

PerpPath::PerpPath(const Perp& t, FactorIndex position_currency, double years)
    : price(t.factor),
      coin(t.collateral_factor),
      currency(position_currency),
      funding(t.funding_rate),
      margin(t),
      entry_price(t.entry_price),
      taker_fee(t.taker_fee * t.size),
      step_years(years),
      close(std::numeric_limits<int>::max()),
      of_venue(t.of_venue()),
      returned(t.remainder == 0),
      account(t.account) {
  if (t.close_years == t.close_years)
    close = static_cast<int>(std::max(1.0, std::ceil((t.close_years - 1e-9) / step_years)));
}

bool due_today(double equity, double required, double turnover) {
  constexpr double rounding = 1e-9;
  return !(equity > required + rounding * turnover);
}

double largest_equity(const Perp& t, const FactorModel& market, double years) {
  const double price = exchange_bound(market, t.factor, years);
  double funding = t.funding_rate.blank ? 0 : std::abs(t.funding_rate.number);
  if (const FactorIndex f = t.funding_rate.factor; !is_none(f)) {
    const Bounds b = bounds(market, f, years);
    funding = std::max(std::abs(b.lower), std::abs(b.upper));
  }
  return t.collateral * exchange_bound(market, t.collateral_factor, years) + std::abs(t.owed) +
         t.size * (std::max(price, t.entry_price) + funding * years * price);
}

}  // namespace tailcube
