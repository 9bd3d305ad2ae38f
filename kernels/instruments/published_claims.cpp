#include "kernels/instruments/published_claims.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/math/functions.h"

namespace tailcube {
namespace {

constexpr Field<Accounting> fields[] = {
    {.name = "published_as",
     .member = &Accounting::method,
     .otherwise = 0.0,
     .words = "outstanding|discounted",
     .meaning = "published value: debt outstanding, or payments to come less expected loss, discounted",
     .of_published_value = true},
    {.name = "published_discount_rate",
     .member = &Accounting::discount_rate,
     .allowed = {-0.5, 5, "between -0.5 and 5"},
     .otherwise = 0.0,
     .meaning = "continuous rate, per year, of the published value; only with discounted",
     .of_published_value = true},
    {.name = "published_expected_loss",
     .member = &Accounting::expected_loss,
     .allowed = fraction,
     .otherwise = 0.0,
     .meaning = "share taken off every payment: PD a year x LGD x years of the loan's whole term; only with discounted",
     .of_published_value = true},
};

// Principal, interest and fee when the first `paid` payments have been made.
double owed(const Claim& claim, std::size_t paid, double years) {
  const Flow last = paid == 0 ? Flow{0, 0, claim.principal, claim.undrawn} : claim.flows[paid - 1];
  const double since = years - last.date_years;
  return last.balance * (1 + claim.interest * since) + last.undrawn * claim.fee * since;
}

}  // namespace

std::vector<Column> accounting_columns() {
  std::vector<Column> out = columns(fields);
  for (const Column& column : write_down_columns()) out.push_back(column);
  return out;
}

Accounting accounting(const Positions& positions, std::size_t position, std::size_t first_column) {
  Accounting out = terms(positions, fields, position, first_column);
  out.write_down = write_down(positions, position, first_column + std::size(fields));
  return out;
}

std::optional<Complaint> check_accounting(const Accounting& a) {
  if (a.method == Accounting::outstanding && a.discount_rate != 0)
    return Complaint{"published_discount_rate", "only a value published as discounted has one"};
  if (a.method == Accounting::outstanding && a.expected_loss != 0)
    return Complaint{"published_expected_loss", "only a value published as discounted has one"};
  return check_write_down(a.write_down);
}

double published_value(const Accounting& a, const Claim& claim, double years) {
  const auto paid = static_cast<std::size_t>(
      std::count_if(claim.flows.begin(), claim.flows.end(), [years](const Flow& f) { return f.date_years <= years; }));
  if (paid == claim.flows.size()) return 0;
  if (a.method == Accounting::outstanding) return owed(claim, paid, years);
  double sum = 0;
  for (std::size_t k = paid; k < claim.flows.size(); ++k)
    sum += claim.flows[k].amount * exp(-a.discount_rate * (claim.flows[k].date_years - years));
  return (1 - a.expected_loss) * sum;
}

double overdue_years(ObligorIndex obligor, const Wiring& wiring) {
  if (is_none(obligor) || wiring.days_past_due.empty()) return 0;
  return wiring.days_past_due[static_cast<std::size_t>(obligor)] / 365;
}

PublishedClaims::PublishedClaims(const Wiring& wiring)
    : time_years_(wiring.time_years), valued_(wiring.valued), obligors_(wiring.obligor_count), market_(wiring.market) {}

void PublishedClaims::add(const Claim& claim, std::uint32_t row, FactorIndex currency, double overdue_years, int wait,
                          double& published_today, double& gross) {
  const Accounting& a = *claim.accounting;
  const auto [place, fresh] = place_.try_emplace({row, currency}, totals_.size());
  if (fresh) totals_.push_back({row, currency, std::vector<double>(valued_.size(), 0.0)});
  const auto performing = [&](double years) {
    return overdue_years > 0 && years < claim.flows.front().date_years
               ? claim.principal * (1 - written_down(a.write_down, overdue_years + years))
               : published_value(a, claim, years);
  };
  const double today = performing(0);
  double largest = std::abs(today);
  for (std::size_t v = 0; v < valued_.size(); ++v) {
    performing_.push_back(performing(time_years_[static_cast<std::size_t>(valued_[v])]));
    totals_[place->second].amount[v] += performing_.back();
    largest = std::max(largest, std::abs(performing_.back()));
  }
  const std::size_t first = due_.size();
  for (std::size_t k = 0; k < claim.flows.size(); ++k) {
    const double date = claim.flows[k].date_years;
    due_.push_back(
        {date, owed(claim, k, date), date, claim.conversion * (k == 0 ? claim.undrawn : claim.flows[k - 1].undrawn)});
    if (k == 0 && overdue_years > 0) due_.back().owed = claim.principal, due_.back().since_years = -overdue_years;
    largest = std::max(largest, std::abs(due_.back().owed) + std::abs(due_.back().drawn));
    if (date > time_years_.back()) break;
  }
  lines_.push_back({a.write_down, row, currency, wait, first, due_.size()});
  published_today += today * exchange_today(*market_, currency);
  gross += largest * exchange_bound(*market_, currency, time_years_.back());
}

void PublishedClaims::finish(const std::vector<ObligorIndex>& of_position) {
  if (!empty()) by_obligor_ = ByObligor(of_position, obligors_);
  place_.clear();
  market_ = nullptr;
}

void PublishedClaims::add_values(const RowSet& rows, const Block& block, Ledger& ledger) const {
  for (const Total& total : totals_)
    for (std::size_t v = 0; v < valued_.size(); ++v) {
      const double* fx = exchange(block, total.currency, valued_[v]);
      const Lanes value = ledger.published_value(rows.row(total.row), static_cast<int>(v));
      for (std::size_t k = 0; k < lanes; ++k) value[k] += total.amount[v] * fx[k];
    }
  for (const Default& d : block.defaults)
    for (const std::uint32_t p : by_obligor_[d.obligor]) correct(p, d, rows, block, ledger);
}

void PublishedClaims::correct(std::size_t position, const Default& d, const RowSet& rows, const Block& block,
                              Ledger& ledger) const {
  const Line& line = lines_[position];
  const double paid_until = time_years_[d.step - 1U];
  const auto end = due_.begin() + static_cast<std::ptrdiff_t>(line.end_due);
  const auto missed = std::upper_bound(due_.begin() + static_cast<std::ptrdiff_t>(line.first_due), end, paid_until,
                                       [](double years, const Due& due) { return years < due.date_years; });
  if (missed == end) return;  // repaid before
  for (std::size_t v = 0; v < valued_.size(); ++v) {
    const int h = valued_[v];
    if (h < d.step) continue;
    const double years = time_years_[static_cast<std::size_t>(h)], performing = performing_[position * valued_.size() + v];
    double carried = performing + missed->drawn;
    if (h >= d.step + line.wait)
      carried = 0;
    else if (missed->since_years <= years)
      carried = (missed->owed + missed->drawn) * (1 - written_down(line.write_down, years - missed->since_years));
    ledger.published_value(rows.row(line.row), static_cast<int>(v))[d.lane] +=
        (carried - performing) * exchange(block, line.currency, h)[d.lane];
  }
}

}  // namespace tailcube
