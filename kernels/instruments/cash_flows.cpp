#include "kernels/instruments/cash_flows.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/math/functions.h"

namespace tailcube {
namespace {

// Equal dates reached by different sums must be equal numbers, or every loan has discount factors of its own: a date beside
// a step (or where a later step would be) is that step, any other is rounded to 2^-44 years.
double snapped(double date, const std::vector<double>& time_years) {
  const double step = time_years[1], n = std::nearbyint(date / step);
  const auto last = static_cast<double>(time_years.size() - 1);
  const double on_grid = n <= last ? time_years[static_cast<std::size_t>(n)] : step * n;
  return std::abs(date - on_grid) <= same_date ? on_grid : std::nearbyint(date * 0x1p44) * 0x1p-44;
}

std::vector<double> payment_dates(double maturity, double frequency, const std::vector<double>& time_years) {
  std::vector<double> dates;
  for (int k = 0;; ++k) {
    const double date = maturity - k / frequency;
    if (date <= same_date) break;
    dates.push_back(snapped(date, time_years));
  }
  std::reverse(dates.begin(), dates.end());
  return dates;
}

double level_payment(const Repayment& r, const std::vector<double>& dates) {
  const double growth = 1 / (1 + r.rate / r.frequency);
  double annuity = 0;
  for (std::size_t k = 1; k < dates.size(); ++k) annuity = (annuity + 1) * growth;
  return r.principal * (1 + r.rate * dates.front()) / (1 + annuity);
}

}  // namespace

double still_there(double cpr, double years) {
  return cpr == 0 ? 1 : cpr < 1 ? exp(years * log1p(-cpr)) : years > 0 ? 0 : 1;
}

std::vector<Flow> repayments(const Repayment& r, const std::vector<double>& time_years) {
  const std::vector<double> dates = payment_dates(r.maturity_years, r.frequency, time_years);
  std::vector<Flow> flows;
  if (dates.empty()) return flows;
  flows.reserve(dates.size());
  const double level = r.amortisation == Amortisation::annuity ? level_payment(r, dates) : 0;
  double balance = r.principal, share = 1;
  const auto undrawn = [&r](double drawn) {
    const double left = std::max(0.0, std::abs(r.limit) - std::abs(drawn));
    return r.principal < 0 ? -left : left;
  };
  for (std::size_t k = 0; k < dates.size(); ++k) {
    const double years = k == 0 ? dates[0] : 1 / r.frequency, interest = balance * r.rate * years;
    const double fee = r.undrawn_fee * undrawn(balance) * years;
    double repaid = 0;
    if (k + 1 == dates.size())
      repaid = balance;
    else if (r.amortisation == Amortisation::annuity)
      repaid = level - interest;
    else if (r.amortisation == Amortisation::linear)
      repaid = r.principal / static_cast<double>(dates.size());
    else if (r.amortisation == Amortisation::pik && dates[k] <= r.pik_years + same_date)
      repaid = -interest;
    balance = k + 1 == dates.size() ? 0 : balance - repaid;
    const double left = still_there(r.prepay_cpr, dates[k]);
    flows.push_back({dates[k], share * (interest + fee + repaid) + (share - left) * balance, left * balance,
                     k + 1 == dates.size() ? 0 : left * undrawn(balance)});
    share = left;
  }
  return flows;
}

double largest_draw(const Claim& claim) {
  double undrawn = std::abs(claim.undrawn);
  for (const Flow& f : claim.flows) undrawn = std::max(undrawn, std::abs(f.undrawn));
  return claim.conversion * undrawn;
}

double solve_spread(const std::vector<Discounted>& flows, double worth) {
  double lower = spread_range.lower, upper = spread_range.upper;
  struct Residual {
    double value, slope;
  };
  const double sign = worth < 0 ? -1 : 1;
  const auto residual = [&](double s) {
    Residual r{-worth, 0};
    for (const Discounted& f : flows) {
      const double term = f.amount * exp(-s * f.date_years);
      r.value += term;
      r.slope -= term * f.date_years;
    }
    return Residual{sign * r.value, sign * r.slope};
  };
  if (!(residual(lower).value > 0) || !(residual(upper).value < 0)) return std::numeric_limits<double>::quiet_NaN();
  double s = 0;
  for (int i = 0; i < 200; ++i) {
    const Residual r = residual(s);
    if (std::abs(r.value) <= 1e-15 * std::abs(worth)) return s;
    (r.value > 0 ? lower : upper) = s;
    double next = s - r.value / r.slope;
    if (!(next > lower && next < upper)) next = 0.5 * (lower + upper);
    if (next == s) return s;
    s = next;
  }
  return s;
}

std::optional<Complaint> check_frequency(double frequency) {
  if (frequency == std::floor(frequency)) return {};
  return Complaint{"frequency", std::to_string(frequency) + " is not a whole number"};
}

ValuedSteps::ValuedSteps(const Wiring& wiring) : step(wiring.valued) {
  for (int n = 0; n <= step.back(); ++n)
    place.push_back(static_cast<std::uint32_t>(std::lower_bound(step.begin(), step.end(), n) - step.begin()));
}

int waiting_steps(const Wiring& wiring, double years) {
  return static_cast<int>(std::ceil((years - same_date) / wiring.time_years[1]));
}

std::vector<DiscountIndex> waiting_discounts(const Wiring& wiring, CurveIndex curve, int steps) {
  std::vector<DiscountIndex> out(static_cast<std::size_t>(wiring.valued.back()) + 1, DiscountIndex{none});
  for (int n = 1; n <= wiring.valued.back(); ++n)
    if (*std::lower_bound(wiring.valued.begin(), wiring.valued.end(), n) < n + steps)
      out[static_cast<std::size_t>(n)] = wiring.discount(curve, FactorIndex{none}, wiring.time_years[1] * (n + steps));
  return out;
}

std::vector<Gauge> cash_flow_gauges() { return {{"defaults", "1"}, {"defaulted_exposure", "money"}}; }

}  // namespace tailcube
