#pragma once
// Gamma and beta variables with an address.
#include "kernels/random/stream.h"

namespace tailcube {

// Gamma(shape, 1), shape > 0, exact in law (Marsaglia and Tsang 2000): trial j takes normal 2j + 1 and uniform 2j + 2 of the
// stream, a shape below 1 also uniform 0. Lanes are independent of each other, wherever a scenario lies.
void gammas(std::uint64_t seed, StreamId, ScenarioLanes, double shape, Lanes out);
// Beta(a, b), a, b > 0, as G(a) / (G(a) + G(b)) with a gamma variable of each stream. Where both underflow: NaN (shapes
// below 0.01).
void betas(std::uint64_t seed, StreamId of_a, StreamId of_b, ScenarioLanes, double a, double b, Lanes out);

}  // namespace tailcube
