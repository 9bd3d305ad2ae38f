#include <algorithm>
#include <cmath>

#include "kernels/market/lane_loops.h"
#include "kernels/market/market.h"
#include "kernels/market/spot.h"
#include "kernels/math/functions.h"

namespace tailcube {
namespace {

alignas(64) constexpr double no_spread[lanes] = {};

}  // namespace

Interpolation interpolate(const std::vector<Pillar>& pillars, double tenor_years) {
  const auto upper = std::upper_bound(pillars.begin(), pillars.end(), tenor_years,
                                      [](double tenor, const Pillar& p) { return tenor < p.tenor_years; });
  if (upper == pillars.begin()) return {upper->zero_rate, upper->zero_rate, 0};
  const auto lower = upper - 1;
  if (upper == pillars.end()) return {lower->zero_rate, lower->zero_rate, 0};
  return {lower->zero_rate, upper->zero_rate,
          (tenor_years - lower->tenor_years) / (upper->tenor_years - lower->tenor_years)};
}

double zero_rate_today(const FactorModel& model, CurveIndex curve, double tenor_years) {
  const Interpolation at = interpolate(model.curves[static_cast<std::size_t>(curve)], tenor_years);
  const double lower = model.factors[static_cast<std::size_t>(at.lower)].initial;
  const double upper = model.factors[static_cast<std::size_t>(at.upper)].initial;
  return std::fma(at.weight, upper - lower, lower);
}

void spot_discounts(const Interpolation& at, FactorIndex spread, double years, int step, const Block& block, Lanes out) {
  market::discount_factors(years, at.weight, block.factors(at.lower, step), block.factors(at.upper, step),
                           is_none(spread) ? ConstLanes(no_spread) : block.factors(spread, step), out);
}
void spot_discounts(const std::vector<Pillar>& pillars, double years, int step, const Block& block, Lanes out) {
  spot_discounts(interpolate(pillars, years), FactorIndex{none}, years, step, block, out);
}

double spot_discount(const std::vector<Pillar>& pillars, double years, int step, const Block& block, std::size_t lane) {
  const Interpolation at = interpolate(pillars, years);
  const double lower = block.factors(at.lower, step)[lane], upper = block.factors(at.upper, step)[lane];
  return exp(-years * std::fma(at.weight, upper - lower, lower));
}

void discount(const FactorModel& model, Block& block) {
  constexpr double same_date_years = 1e-9;
  for (std::size_t v = 0; v < model.valued.size(); ++v) {
    const int step = model.valued[v];
    const double now = step * model.step_years;
    for (std::size_t i = 0; i < model.discounts.size(); ++i) {
      const Discount& d = model.discounts[i];
      const double years = d.date_years - now;
      const Lanes out = block.discounts(i, static_cast<int>(v));
      if (years <= same_date_years) {
        std::fill(out.begin(), out.end(), 0.0);
        continue;
      }
      spot_discounts(interpolate(model.curves[static_cast<std::size_t>(d.curve)], years), d.spread, years, step, block, out);
    }
  }
}

}  // namespace tailcube
