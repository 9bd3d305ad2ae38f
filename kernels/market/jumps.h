#pragma once
// Jumps of a lognormal factor (Merton 1976).
#include "kernels/market/market.h"

namespace tailcube {

// How many jumps step n (>= 1) has per lane: Poisson by inversion. Returns in how many lanes there are any.
int draw_jump_counts(const Factor&, const Transition&, const Block&, int step, Lanes count);

// Sum of the log jumps of step n (>= 1) per lane: of k jumps N(k m, k s^2), k Poisson by inversion. False, and `out` left
// alone, if no lane jumps.
bool draw_jumps(const Factor&, const Transition&, const Block&, int step, Lanes out);

}  // namespace tailcube
