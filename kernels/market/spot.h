#pragma once
// Discount factors over a tenor as seen at any step, valued or not.
#include <vector>

#include "kernels/market/market.h"

namespace tailcube {

// exp(-z years) for the zero rate z at a tenor of `years`, on the curve of these pillars at `step`; `out` lies on 64 bytes.
void spot_discounts(const std::vector<Pillar>&, double years, int step, const Block&, Lanes out);
// The same of one lane.
double spot_discount(const std::vector<Pillar>&, double years, int step, const Block&, std::size_t lane);

}  // namespace tailcube
