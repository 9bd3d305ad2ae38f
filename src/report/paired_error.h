#pragma once
// How far two estimates that share their scenarios go together.
#include <optional>

#include "src/report/figures.h"

namespace tailcube {

// Correlation between the estimators of VaR (of ES) at two places of two cubes whose scenarios have the same random numbers,
// from the worst scenarios of /tail: of the indicators 1{L > VaR}, or of the excesses (L - VaR)+, over all scenarios, of
// which those that are not listed are 0. Empty where a tail does not list every scenario beyond VaR, for the quantities that
// /tail does not hold, with importance weights, or where nothing lies beyond VaR.
std::optional<double> tail_correlation(const Cube& a, const Place&, const Cube& b, const Place&, bool shortfall);

}  // namespace tailcube
