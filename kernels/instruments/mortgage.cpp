// Loans on collateral that is sold when they default.
#include <algorithm>
#include <cmath>

#include "kernels/instruments/collateral.h"
#include "kernels/instruments/keeping.h"
#include "kernels/instruments/pledged.h"
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

// What is outstanding and what stands behind it, until the last payment; both shrink with prepayment. Of a short position
// both are negative.
Pledges pledges(const Positions& positions, const std::vector<Claim>& claims, const std::vector<Security>& securities,
                const Wiring& wiring) {
  Pledges out(wiring, cash_flow_gauges().size());
  const FactorModel& market = *wiring.market;
  for (std::size_t p = 0; p < positions.size(); ++p) {
    const Claim& claim = claims[p];
    const Security& s = securities[p];
    const std::uint32_t row = static_cast<std::uint32_t>(wiring.row[p]) - static_cast<std::uint32_t>(wiring.first_row);
    const FactorIndex currency = positions.currency[p];
    const double value = std::copysign(s.value, positions.quantity[p]), fx = exchange_today(market, currency);
    out.add_today(row, Pledges::collateral, value * fx);
    out.add_today(row, Pledges::debt, claim.principal * fx);
    for (std::uint32_t v = 0; v < wiring.valued.size(); ++v) {
      const double now = wiring.time_years[static_cast<std::size_t>(wiring.valued[v])];
      const auto next =
          std::find_if(claim.flows.begin(), claim.flows.end(), [&](const Flow& f) { return f.date_years > now; });
      if (next == claim.flows.end()) continue;
      const bool paid = next != claim.flows.begin();
      const double balance = paid ? (next - 1)->balance : claim.principal;
      const double there = paid ? still_there(claim.prepay_cpr, (next - 1)->date_years) : 1;
      const double units = value / exchange_today(market, s.price) * there;
      out.add(p, row, Pledges::collateral, v, s.price, currency, units);
      out.add(p, row, Pledges::debt, v, FactorIndex{none}, currency, balance);
    }
  }
  out.seal(positions.obligor);
  return out;
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
  if (wiring.ratio_gauges == 0) return batch;
  return with_pledges(std::move(batch), pledges(positions, claims, securities, wiring));
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
                          .ratio_gauges = pledge_gauges(),
                          .obligor = Instrument::Credit::optional,
                          .sells_at_default = true,
                          .check = check_loan,
                          .compile = compile};

}  // namespace tailcube
