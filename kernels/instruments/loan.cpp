// Loans: bullet, level payments, equal parts of principal, or all at maturity; drawn on a limit, in part or in full; with
// interest paid in kind by a factor.
#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <string>

#include "kernels/instruments/pik_toggle.h"
#include "kernels/instruments/published_claims.h"
#include "kernels/instruments/side_by_side.h"

namespace tailcube {
namespace {

struct Loan {
  double principal, rate, frequency, maturity_years;
  int amortisation;
  CurveIndex curve;
  Rate spread;
  double prepay_cpr, limit, undrawn_fee, credit_conversion, pik_years, grace_days;
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
    {.name = "limit",
     .member = &Loan::limit,
     .allowed = positive,
     .otherwise = std::numeric_limits<double>::quiet_NaN(),
     .meaning = "amount committed, of which principal is drawn, in the position's currency; blank: no more than that"},
    {.name = "undrawn_fee",
     .member = &Loan::undrawn_fee,
     .allowed = {0, 1, "between 0 and 1"},
     .otherwise = 0.0,
     .meaning = "commitment fee on what is undrawn, per year, as a decimal; paid with the interest"},
    {.name = "credit_conversion",
     .member = &Loan::credit_conversion,
     .allowed = fraction,
     .otherwise = 0.0,
     .meaning = "credit conversion factor: share of what is undrawn that the obligor draws when it defaults"},
    {.name = "pik_years",
     .member = &Loan::pik_years,
     .allowed = {0, 100, "between 0 and 100"},
     .otherwise = std::numeric_limits<double>::quiet_NaN(),
     .meaning = "interest of a pik loan is added to the principal until then and paid after it; blank: until maturity"},
    {.name = "grace_days",
     .member = &Loan::grace_days,
     .allowed = {0, 3650, "between 0 and 3650"},
     .otherwise = 0.0,
     .meaning = "days from default until it is claimed: what it brings in comes so much later"},
};

// Columns behind those of every loan; PikToggle's are the last.
struct Instalments {
  ShareSchedule recovery_schedule;
};
constexpr Field<Instalments> instalment_fields[] = {
    {.name = "recovery_schedule",
     .member = &Instalments::recovery_schedule,
     .allowed = {0, 100, "between 0 and 100"},
     .otherwise = 0.0,
     .meaning =
         "years after default and the share of the recovery that has come by then: 0.5:0.4 1:0.7 2:1; blank: all of it "
         "after the obligor's recovery_delay_years"},
};
std::size_t first_own_column() {
  static const std::size_t first = loan_columns().size();
  return first;
}
Instalments instalments(const Positions& positions, std::size_t position) {
  return terms(positions, instalment_fields, position, first_own_column());
}
PikToggle toggle(const Positions& positions, std::size_t position) {
  return pik_toggle(positions, position, first_own_column() + std::size(instalment_fields));
}

constexpr double days = 365;  // a year

bool revolves(const Loan& l) { return l.limit == l.limit && (l.undrawn_fee != 0 || l.credit_conversion != 0); }

// As messages say it.
std::string shown(double number) {
  std::array<char, 32> text;
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), number).ptr};
}

// `place` of each in the table whose columns are `positions`.
template <class Place>
std::unique_ptr<Recovery> recovery(const Positions& positions, const Positions& some, const Place& place,
                                   const Wiring& wiring) {
  std::vector<Unsecured> unsecured;
  for (std::size_t i = 0; i < some.size(); ++i) {
    const Loan l = terms(positions, fields, place(i));
    unsecured.push_back({l.curve, l.grace_days / days, instalments(positions, place(i)).recovery_schedule});
  }
  return unsecured_recovery(some, unsecured, wiring);
}
template <class Place>
std::unique_ptr<TellingBatch> ladders(const Positions& positions, const Positions& some, const Place& place,
                                      const Wiring& wiring) {
  return cash_flow_batch(
      some, [&](std::size_t i) { return loan_claim(positions, place(i), wiring); }, wiring,
      recovery(positions, some, place, wiring), toggled_gauges().size());
}

std::unique_ptr<Batch> compile(const Positions& positions, const Wiring& wiring) {
  std::vector<std::uint32_t> fixed, toggled;
  for (std::uint32_t p = 0; p < positions.size(); ++p) (is_none(toggle(positions, p).factor) ? fixed : toggled).push_back(p);
  if (toggled.empty())
    return ladders(
        positions, positions, [](std::size_t p) { return p; }, wiring);
  const Subset first(positions, wiring, std::move(fixed)), second(positions, wiring, std::move(toggled));
  const auto place = [&](std::size_t i) { return second.places[i]; };
  auto others = toggled_loans(
      second.positions, [&](std::size_t i) { return loan_claim(positions, place(i), wiring); },
      [&](std::size_t i) { return toggle(positions, place(i)); },
      [&](std::size_t i) { return terms(positions, fields, place(i)).frequency; }, second.wiring,
      recovery(positions, second.positions, place, second.wiring));
  return side_by_side(ladders(
                          positions, first.positions, [&](std::size_t i) { return first.places[i]; }, first.wiring),
                      first, std::move(others), second);
}

std::vector<Column> all_columns() {
  std::vector<Column> out = loan_columns();
  for (const Column& own : columns(instalment_fields)) out.push_back(own);
  for (const Column& own : pik_toggle_columns()) out.push_back(own);
  return out;
}
std::vector<Gauge> all_gauges() {
  std::vector<Gauge> out = cash_flow_gauges();
  for (const Gauge& own : toggled_gauges()) out.push_back(own);
  return out;
}

std::optional<Complaint> check_toggle(const Loan& l, const PikToggle& t) {
  if (auto complaint = check_pik_toggle(t)) return complaint;
  if (is_none(t.factor)) return {};
  if (static_cast<Amortisation>(l.amortisation) == Amortisation::pik)
    return Complaint{"pik_factor", "the interest of a loan whose amortisation is pik is added to the principal anyway"};
  if (l.prepay_cpr != 0) return Complaint{"prepay_cpr", "a loan with a pik_factor has none"};
  if (l.limit == l.limit) return Complaint{"limit", "a loan with a pik_factor has none"};
  if (l.rate + t.margin < 0)
    return Complaint{"pik_margin", "with a rate of " + shown(l.rate) + " the interest paid in kind would be negative"};
  return {};
}

std::optional<Complaint> check(const Positions& positions, std::size_t position) {
  if (auto complaint = check_loan(positions, position)) return complaint;
  const ShareSchedule schedule = instalments(positions, position).recovery_schedule;
  if (!schedule.empty() && schedule.back().share != 1)
    return Complaint{"recovery_schedule", "the last share is " + shown(schedule.back().share) + ", not 1"};
  return check_toggle(terms(positions, fields, position), toggle(positions, position));
}

}  // namespace

std::vector<Column> loan_columns() {
  std::vector<Column> out = columns(fields);
  for (Column& column : accounting_columns()) out.push_back(column);
  return out;
}

std::optional<Complaint> check_loan(const Positions& positions, std::size_t position) {
  const Loan l = terms(positions, fields, position);
  if (auto complaint = check_frequency(l.frequency)) return complaint;
  if (l.limit < l.principal)
    return Complaint{"limit", shown(l.limit) + " is below the principal of " + shown(l.principal) + ", which is drawn"};
  if (l.limit != l.limit && l.undrawn_fee != 0) return Complaint{"undrawn_fee", "only a loan with a limit has one"};
  if (l.limit != l.limit && l.credit_conversion != 0)
    return Complaint{"credit_conversion", "only a loan with a limit has one"};
  if (l.pik_years == l.pik_years && static_cast<Amortisation>(l.amortisation) != Amortisation::pik)
    return Complaint{"pik_years", "only a loan whose amortisation is pik has them"};
  return check_accounting(accounting(positions, position, std::size(fields)));
}

Claim loan_claim(const Positions& positions, std::size_t position, const Wiring& wiring) {
  const Loan l = terms(positions, fields, position);
  const double principal = positions.quantity[position] * l.principal;
  const auto form = static_cast<Amortisation>(l.amortisation);
  Repayment repayment{principal, l.rate, l.frequency, l.maturity_years, form, l.prepay_cpr};
  if (l.pik_years == l.pik_years) repayment.pik_years = l.pik_years;
  if (revolves(l)) repayment.limit = positions.quantity[position] * l.limit, repayment.undrawn_fee = l.undrawn_fee;
  Claim claim{repayments(repayment, wiring.time_years),          l.curve, l.spread, principal, l.rate, 0, l.prepay_cpr, 0, 0,
              accounting(positions, position, std::size(fields))};
  if (revolves(l)) {
    claim.undrawn = repayment.limit - principal;
    claim.fee = l.undrawn_fee;
    claim.conversion = l.credit_conversion;
  }
  claim.grace_years = l.grace_days / days;
  if (form == Amortisation::pik)
    claim.capitalised = static_cast<std::size_t>(std::count_if(claim.flows.begin(), claim.flows.end(), [&](const Flow& f) {
      return f.date_years <= repayment.pik_years + same_date;
    }));
  return claim;
}

extern const Instrument loan;
const Instrument loan{.name = "loan",
                      .columns = all_columns(),
                      .gauges = all_gauges(),
                      .obligor = Instrument::Credit::optional,
                      .reads_market_at_default = true,
                      .check = check,
                      .compile = compile};

}  // namespace tailcube
