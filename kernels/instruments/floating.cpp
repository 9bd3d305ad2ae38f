#include "kernels/instruments/floating.h"

#include "kernels/market/spot.h"
#include "kernels/math/functions.h"

namespace tailcube {

std::uint32_t Forwards::add(const Period& p, const Wiring& wiring) {
  const auto [known, fresh] = known_.try_emplace(p, static_cast<std::uint32_t>(lines_.size()));
  if (!fresh) return known->second;
  valued_ = wiring.valued;
  valued_years_.clear();
  for (const int h : valued_) valued_years_.push_back(wiring.time_years[static_cast<std::size_t>(h)]);
  const auto discount = [&](FactorIndex spread, double date) {
    return date > valued_years_.front() ? static_cast<std::uint32_t>(wiring.discount(p.curve, spread, date)) : none;
  };
  Line line{p.start_years,
            p.end_years,
            discount(FactorIndex{none}, p.start_years),
            discount(FactorIndex{none}, p.end_years),
            discount(p.spread, p.end_years),
            none};
  if (p.start_years <= valued_years_.back()) {
    const auto [curve, new_curve] = known_curves_.try_emplace(p.curve, static_cast<std::uint32_t>(curves_.size()));
    if (new_curve) curves_.push_back(wiring.market->curves[static_cast<std::size_t>(p.curve)]);
    const auto step = std::lower_bound(wiring.time_years.begin(), wiring.time_years.end(), p.start_years);
    line.fixing = static_cast<std::uint32_t>(fixings_.size());
    fixings_.push_back({curve->second, p.end_years - p.start_years, static_cast<int>(step - wiring.time_years.begin())});
  }
  lines_.push_back(line);
  return known->second;
}

void Forwards::evaluate(const Block& block, double* table) const {
  const std::size_t valued = valued_.size();
  double* out = table + lines_.size() * valued * lanes;
  for (const Fixing& f : fixings_) {
    alignas(64) std::array<double, lanes> factor;
    spot_discounts(curves_[f.curve], f.years, f.step, block, factor);
    for (std::size_t k = 0; k < lanes; ++k) out[k] = 1 / factor[k] - 1;
    out += lanes;
  }
  out = table;
  for (std::uint32_t i = 0; i < lines_.size(); ++i)
    for (std::size_t v = 0; v < valued; ++v, out += lanes) {
      const Line& l = lines_[i];
      const int at = static_cast<int>(v);
      if (l.end_years <= valued_years_[v]) {
        std::fill_n(out, lanes, 0.0);
        continue;
      }
      const ConstLanes risky = block.discounts(l.risky, at);
      if (l.start_years <= valued_years_[v]) {
        const double* fixed = fixing(table, i);
        for (std::size_t k = 0; k < lanes; ++k) out[k] = fixed[k] * risky[k];
      } else {
        const ConstLanes start = block.discounts(l.start, at), end = block.discounts(l.end, at);
        for (std::size_t k = 0; k < lanes; ++k) out[k] = (start[k] / end[k] - 1) * risky[k];
      }
    }
}

void FloatingCoupons::add(const Claim& claim, const CashFlowLine& line, const Wiring& wiring) {
  Claim coupons{claim.flows, claim.curve, claim.spread, 0, 0};
  for (std::size_t k = 0; k < coupons.flows.size(); ++k) coupons.flows[k].amount = k == 0 ? 0 : claim.floating;
  const auto period = [&](std::size_t k) {
    return forwards_.add({claim.curve, claim.spread.factor, claim.flows[k - 1].date_years, claim.flows[k].date_years},
                         wiring);
  };
  Wiring by_period;
  by_period.time_years = wiring.time_years;
  by_period.valued = wiring.valued;
  by_period.discount = [&](CurveIndex, FactorIndex, double date) {
    const auto at = std::lower_bound(claim.flows.begin(), claim.flows.end(), date,
                                     [](const Flow& f, double d) { return f.date_years < d; });
    return DiscountIndex{at == claim.flows.begin() ? none : period(static_cast<std::size_t>(at - claim.flows.begin()))};
  };
  CashFlowLine own = line;
  own.schedule = claims_.schedules.add(coupons, by_period);
  own.folded = claims_.folded.size();
  claims_.lines.push_back(own);
  for (const Flow& f : coupons.flows) claims_.folded.push_back(f.amount * exp(-line.spread * f.date_years));
  const Schedule& s = claims_.schedules[own.schedule];
  for (std::size_t k = 1; k < coupons.flows.size() && s.step[k] <= wiring.valued.back(); ++k)
    cash_.push_back({line.row, s.step[k], line.currency, period(k), claim.floating});
}

void FloatingCoupons::finish(const Wiring& wiring) {
  ladders_ = Ladders(claims_, wiring, Ladders::Summed::by_date);
  const auto key = [](const Cash& c) { return std::tie(c.row, c.step, c.currency, c.period); };
  std::stable_sort(cash_.begin(), cash_.end(), [&](const Cash& a, const Cash& b) { return key(a) < key(b); });
  std::size_t kept = 0;
  for (const Cash& c : cash_)
    if (kept > 0 && key(cash_[kept - 1]) == key(c))
      cash_[kept - 1].notional += c.notional;
    else
      cash_[kept++] = c;
  cash_.resize(kept);
  claims_ = {};
}

void FloatingCoupons::add_values(const RowSet& rows, const Block& block, const double* table, Ledger& ledger) const {
  if (forwards_.doubles() == 0) return;
  ladders_.add_values(rows, block, table, ledger);
  for (std::size_t i = 0; i < cash_.size();) {
    const std::uint32_t row = cash_[i].row;
    alignas(64) std::array<double, lanes> received{};
    for (std::size_t v = 0; v < rows.valued.size(); ++v) {
      for (; i < cash_.size() && cash_[i].row == row && cash_[i].step <= rows.valued[v]; ++i) {
        const Cash& c = cash_[i];
        const double *fixed = forwards_.fixing(table, c.period), *fx = exchange(block, c.currency, c.step);
        for (std::size_t k = 0; k < lanes; ++k) received[k] += c.notional * fixed[k] * fx[k];
      }
      double* cash = ledger.cash(rows.row(row), static_cast<int>(v)).data();
      for (std::size_t k = 0; k < lanes; ++k) cash[k] += received[k];
    }
  }
}

std::vector<std::uint32_t> FloatingCoupons::periods(const Schedule& s) const {
  std::vector<std::uint32_t> out{none};
  for (std::size_t k = 1; k < s.date_years.size(); ++k)
    out.push_back(forwards_.place({s.curve, s.spread, s.date_years[k - 1], s.date_years[k]}));
  return out;
}

}  // namespace tailcube
