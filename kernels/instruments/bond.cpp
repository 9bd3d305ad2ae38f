// Bonds with fixed or floating coupons: bullet, quoted by notional and annual coupon.
#include <cmath>
#include <limits>

#include "kernels/instruments/cash_flows.h"

namespace tailcube {
namespace {

struct Bond {
  double notional, coupon, frequency, maturity_years;
  CurveIndex curve;
  Rate spread;
  int floating;
  double reset_rate;
};
constexpr Field<Bond> fields[] = {
    {.name = "notional",
     .member = &Bond::notional,
     .allowed = positive,
     .meaning = "face value of one, in the position's currency"},
    {.name = "coupon",
     .member = &Bond::coupon,
     .allowed = {-1, 1, "between -1 and 1"},
     .otherwise = 0.0,
     .meaning =
         "annual coupon as a decimal of the notional, or the margin of a floating one; a payment is coupon / frequency"},
    {.name = "frequency",
     .member = &Bond::frequency,
     .allowed = frequency_range,
     .otherwise = 2.0,
     .meaning = "payments per year"},
    {.name = "maturity_years",
     .member = &Bond::maturity_years,
     .allowed = maturity_range,
     .meaning = "years to maturity; coupons are counted back from it, the first period is what is left over and accrues "
                "from today"},
    {.name = "curve", .member = &Bond::curve, .meaning = "zero curve that discounts it"},
    {.name = "spread",
     .member = &Bond::spread,
     .allowed = spread_range,
     .otherwise = std::numeric_limits<double>::quiet_NaN(),
     .meaning =
         "continuous spread over the curve, per year: a factor or a number; blank = solved so that it is worth par today"},
    {.name = "floating",
     .member = &Bond::floating,
     .otherwise = 0.0,
     .words = "no|false|yes|true",
     .meaning = "whether coupons float: margin plus the curve's forward rate without spread, fixed when a period starts"},
    {.name = "reset_rate",
     .member = &Bond::reset_rate,
     .allowed = {-1, 1, "between -1 and 1"},
     .otherwise = std::numeric_limits<double>::quiet_NaN(),
     .meaning = "annual coupon of a floating bond's current period, margin included; blank where coupons are fixed"},
};

bool floats(const Bond& b) { return b.floating >= 2; }

std::optional<Complaint> check(const Positions& positions, std::size_t position) {
  const Bond b = terms(positions, fields, position);
  if (auto complaint = check_frequency(b.frequency)) return complaint;
  const bool blank = std::isnan(b.reset_rate);
  if (floats(b) && blank) return Complaint{"reset_rate", "blank; a floating bond needs the coupon of its current period"};
  if (!floats(b) && !blank) return Complaint{"reset_rate", "coupons do not float; leave it blank"};
  return {};
}

Claim claim(const Positions& positions, std::size_t p, const Wiring& wiring) {
  const Bond b = terms(positions, fields, p);
  const double notional = positions.quantity[p] * b.notional;
  Claim claim{repayments({notional, b.coupon, b.frequency, b.maturity_years, Amortisation::bullet}, wiring.time_years),
              b.curve, b.spread, notional, b.coupon};
  if (floats(b)) {
    claim.floating = notional;
    claim.running = b.reset_rate;
    claim.flows[0].amount += notional * (b.reset_rate - b.coupon) * claim.flows[0].date_years;
  }
  return claim;
}

std::unique_ptr<Batch> compile(const Positions& positions, const Wiring& wiring) {
  std::vector<Unsecured> unsecured;
  for (std::size_t p = 0; p < positions.size(); ++p) unsecured.push_back({terms(positions, fields, p).curve});
  return cash_flow_batch(
      positions, [&](std::size_t p) { return claim(positions, p, wiring); }, wiring,
      unsecured_recovery(positions, unsecured, wiring));
}

}  // namespace

extern const Instrument bond;
const Instrument bond{.name = "bond",
                      .columns = columns(fields),
                      .gauges = cash_flow_gauges(),
                      .obligor = Instrument::Credit::optional,
                      .reads_market_at_default = true,
                      .check = check,
                      .compile = compile};

}  // namespace tailcube
