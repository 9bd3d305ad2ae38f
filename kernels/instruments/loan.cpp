// Loans: bullet, level payments, equal parts of principal, or all at maturity.
#include <limits>

#include "kernels/instruments/published_claims.h"

namespace tailcube {
namespace {

struct Loan {
  double principal, rate, frequency, maturity_years;
  int amortisation;
  CurveIndex curve;
  Rate spread;
  double prepay_cpr;
};
constexpr Field<Loan> fields[] = {
    {.name = "principal",
     .member = &Loan::principal,
     .allowed = positive,
     .meaning = "outstanding today, in the position's currency"},
    {.name = "rate",
     .member = &Loan::rate,
     .allowed = {-0.5, 10, "between -0.5 and 10"},
     .meaning = "annual interest on the principal outstanding, as a decimal; a period pays rate / frequency"},
    {.name = "frequency",
     .member = &Loan::frequency,
     .allowed = frequency_range,
     .otherwise = 12.0,
     .meaning = "payments per year"},
    {.name = "maturity_years",
     .member = &Loan::maturity_years,
     .allowed = maturity_range,
     .meaning =
         "years to the last payment; payments are counted back from it, the first period is what is left over and accrues "
         "from today"},
    {.name = "amortisation",
     .member = &Loan::amortisation,
     .otherwise = 0.0,
     .words = "bullet|annuity|linear|pik",
     .meaning = "bullet: principal at maturity; annuity: level payments; linear: principal in equal parts; pik: interest is "
                "added to the principal, all is due at maturity"},
    {.name = "curve", .member = &Loan::curve, .meaning = "zero curve that discounts it"},
    {.name = "spread",
     .member = &Loan::spread,
     .allowed = spread_range,
     .otherwise = std::numeric_limits<double>::quiet_NaN(),
     .meaning = "continuous spread over the curve, per year: a factor or a number; blank = solved so that it is worth its "
                "principal today"},
    {.name = "prepay_cpr",
     .member = &Loan::prepay_cpr,
     .allowed = fraction,
     .otherwise = 0.0,
     .meaning = "constant prepayment rate: share of the loan repaid early, per year; scheduled payments shrink with it"},
};

std::unique_ptr<Batch> compile(const Positions& positions, const Wiring& wiring) {
  std::vector<CurveIndex> curves(positions.size());
  for (std::size_t p = 0; p < positions.size(); ++p) curves[p] = terms(positions, fields, p).curve;
  return cash_flow_batch(
      positions, [&](std::size_t p) { return loan_claim(positions, p, wiring); }, wiring,
      unsecured_recovery(positions, curves, wiring));
}

}  // namespace

std::vector<Column> loan_columns() {
  std::vector<Column> out = columns(fields);
  for (Column& column : accounting_columns()) out.push_back(column);
  return out;
}

std::optional<Complaint> check_loan(const Positions& positions, std::size_t position) {
  if (auto complaint = check_frequency(terms(positions, fields, position).frequency)) return complaint;
  return check_accounting(accounting(positions, position, std::size(fields)));
}

Claim loan_claim(const Positions& positions, std::size_t position, const Wiring& wiring) {
  const Loan l = terms(positions, fields, position);
  const double principal = positions.quantity[position] * l.principal;
  const auto form = static_cast<Amortisation>(l.amortisation);
  const Repayment repayment{principal, l.rate, l.frequency, l.maturity_years, form, l.prepay_cpr};
  return {repayments(repayment, wiring.time_years),
          l.curve,
          l.spread,
          principal,
          l.rate,
          form == Amortisation::pik,
          l.prepay_cpr,
          0,
          0,
          accounting(positions, position, std::size(fields))};
}

extern const Instrument loan;
const Instrument loan{.name = "loan",
                      .columns = loan_columns(),
                      .gauges = cash_flow_gauges(),
                      .obligor = Instrument::Credit::optional,
                      .reads_market_at_default = true,
                      .check = check_loan,
                      .compile = compile};

}  // namespace tailcube
