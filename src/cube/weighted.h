#pragma once
// Estimates under importance sampling: n draws with weights w = dP/dQ. kernels/METHODS.md, "Tally and estimators".
#include "src/cube/estimators.h"

namespace tailcube {

inline double real(Wide x) { return static_cast<double>(x); }

// Mean, its error, the deviation under P and P(x > 0) from weighted sums; not self-normalised.
MomentEstimate weighted_moments(const Moments&);

// P(L > threshold) = (1/n) sum w 1{L > threshold}, and its error from the second moment of the weighted indicator.
struct Probability {
  double value, standard_error;
};
Probability exceedance(const Tail::Worst&, std::int64_t n, Units threshold);

// VaR is the largest loss, from the top, whose cumulative weight exceeds mass (1-alpha), compared in integers; ES adds the
// weighted excess. `mass` in 2^-56: n (the default, 0: not self-normalised, unbiased in the tail) or the sum of all weights
// (self-normalised, point estimates only: the errors would need the weights of all draws). VaR's interval: the same rule at
// 1-alpha -+ 1.96 standard errors of the exceedance probability (Glynn 1996); ES's error: the deviation of w (L-v)^+ with v
// taken as given. Throws std::runtime_error when the list of the worst ends before the quantile.
TailEstimate weighted_tail(const Tail::Worst&, std::int64_t n, Confidence, Wide mass = 0);

}  // namespace tailcube
