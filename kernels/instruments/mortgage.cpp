// Loans on collateral that is sold when they default.
#include <algorithm>
#include <cmath>

#include "kernels/instruments/collateral.h"
#include "kernels/instruments/keeping.h"
#include "kernels/instruments/rows.h"
#include "kernels/math/functions.h"

namespace tailcube {
namespace {

struct Lien {
  FactorIndex collateral_factor;
  double collateral_value, sale_cost, foreclosure_years;
};
// After those of a loan.
constexpr Field<Lien> fields[] = {
    {.name = "collateral_factor",
     .member = &Lien::collateral_factor,
     .allowed = positive,
     .meaning = "price index that the collateral's value moves with, in the position's currency"},
    {.name = "collateral_value",
     .member = &Lien::collateral_value,
     .allowed = not_negative,
     .meaning = "of the collateral today, in the position's currency"},
    {.name = "sale_cost", .member = &Lien::sale_cost, .allowed = fraction, .meaning = "share of the proceeds of the sale"},
    {.name = "foreclosure_years",
     .member = &Lien::foreclosure_years,
     .allowed = {0, 100, "between 0 and 100"},
     .meaning = "years from default to the sale; 0: sold at the default step"},
};

// What waits for a sale is worth more than itself where rates are negative; the rest is bounded with the promised flows.
double waiting_bound(const Claim& claim, const Security& security, FactorIndex currency, const Wiring& wiring) {
  const double years = wiring.time_years.back(), wait = security.foreclosure_years + wiring.time_years[1];
  double lowest = 0, owed = largest_draw(claim);
  for (const Pillar& p : wiring.market->curves[static_cast<std::size_t>(claim.curve)])
    lowest = std::min(lowest, bounds(*wiring.market, p.zero_rate, years).lower);
  for (const Flow& f : claim.flows) owed += std::abs(f.amount);
  return owed * expm1(std::min(-lowest * wait, 600.0)) * exchange_bound(*wiring.market, currency, years);
}

std::unique_ptr<Batch> compile(const Positions& positions, const Wiring& wiring) {
  std::vector<Claim> claims;
  std::vector<Security> securities;
  const std::size_t first = loan_columns().size();
  for (std::size_t p = 0; p < positions.size(); ++p) {
    const Lien l = terms(positions, fields, p, first);
    claims.push_back(loan_claim(positions, p, wiring));
    securities.push_back({l.collateral_factor, std::abs(positions.quantity[p]) * l.collateral_value, l.sale_cost,
                          l.foreclosure_years + claims.back().grace_years});
  }
  auto batch = cash_flow_batch(
      positions, [&](std::size_t p) { return claims[p]; }, wiring, secured_recovery(positions, claims, securities, wiring));
  const std::vector<FactorIndex> cash_flows_read = batch->reads;  // ascending
  auto& keeping = dynamic_cast<KeepingBatch&>(*batch);
  for (std::size_t p = 0; p < positions.size(); ++p) {
    const std::size_t row = static_cast<std::uint32_t>(wiring.row[p]) - static_cast<std::uint32_t>(wiring.first_row);
    batch->gross[row] += waiting_bound(claims[p], securities[p], positions.currency[p], wiring);
    if (!std::binary_search(cash_flows_read.begin(), cash_flows_read.end(), securities[p].price))
      keeping.reads_apart.push_back(securities[p].price);
    batch->reads.push_back(securities[p].price);
  }
  batch->reads = distinct(std::move(batch->reads));
  keeping.reads_apart = distinct(std::move(keeping.reads_apart));
  return batch;
}

std::vector<Column> all_columns() {
  std::vector<Column> out = loan_columns();
  for (Column& own : columns(fields)) out.push_back(own);
  return out;
}

}  // namespace

extern const Instrument mortgage;
const Instrument mortgage{.name = "mortgage",
                          .columns = all_columns(),
                          .gauges = cash_flow_gauges(),
                          .obligor = Instrument::Credit::optional,
                          .sells_at_default = true,
                          .check = check_loan,
                          .compile = compile};

}  // namespace tailcube
