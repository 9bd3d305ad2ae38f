// Fixed-coupon bonds: bullet, quoted by notional and annual coupon.
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
     .meaning = "annual coupon as a decimal of the notional; each payment is coupon / frequency"},
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
     .words = "no|false",
     .refused = "yes|true",
     .meaning = "whether coupons float; only fixed coupons are valued"},
    {.name = "reset_rate",
     .member = &Bond::reset_rate,
     .otherwise = 0.0,
     .meaning = "running coupon of a floating bond; only fixed coupons are valued, so blank or 0"},
};

std::optional<Complaint> check(const Positions& positions, std::size_t position) {
  const Bond b = terms(positions, fields, position);
  if (auto complaint = check_frequency(b.frequency)) return complaint;
  if (b.reset_rate != 0) return Complaint{"reset_rate", "floating coupons are not valued by this version; leave it blank"};
  return {};
}

std::unique_ptr<Batch> compile(const Positions& positions, const Wiring& wiring) {
  std::vector<Claim> claims;
  claims.reserve(positions.size());
  for (std::size_t p = 0; p < positions.size(); ++p) {
    const Bond b = terms(positions, fields, p);
    const double notional = positions.quantity[p] * b.notional;
    claims.push_back(
        {repayments({notional, b.coupon, b.frequency, b.maturity_years, Amortisation::bullet}, wiring.time_years), b.curve,
         b.spread, notional, b.coupon});
  }
  return cash_flow_batch(positions, claims, wiring, unsecured_recovery(positions, claims, wiring));
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
