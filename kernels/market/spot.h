#pragma once
// Zero rates and discount factors over a tenor as seen at any step, valued or not.
#include <vector>

#include "kernels/market/market.h"

namespace tailcube {

// rate = lower + weight (upper - lower)
struct Interpolation {
  FactorIndex lower, upper;
  double weight;
};
Interpolation interpolate(const std::vector<Pillar>&, double tenor_years);
// exp(-(z + s) years) for this zero rate z and the spread factor s at `step`, if any; `out` lies on 64 bytes.
void spot_discounts(const Interpolation&, FactorIndex spread, double years, int step, const Block&, Lanes out);
// exp(-z years) for the zero rate z at a tenor of `years`, on the curve of these pillars at `step`; `out` lies on 64 bytes.
void spot_discounts(const std::vector<Pillar>&, double years, int step, const Block&, Lanes out);
// The same of one lane.
double spot_discount(const std::vector<Pillar>&, double years, int step, const Block&, std::size_t lane);

}  // namespace tailcube
