#pragma once
// The end of stage 2: who was in default before the first step, and what is lost in each default.
#include "kernels/credit/defaults.h"
#include "kernels/credit/score_law.h"

namespace tailcube {

// Completes Block::defaults, first_default and mean_conditional_pd of the buckets' obligors, and draws the losses given
// default of those that have a RecoveryLaw: eta is normal 0 of the obligor's stream, so it is the same in every cell.
void draw_recoveries(const CreditModel&, Block&);

// LGD = Phi(centre + spread Y), Y = -correlation S + sqrt(1 - correlation^2) eta, eta standard normal and independent of S:
// centre and spread such that LGD has this mean (to 1e-12) and standard deviation (to 1e-9) when S has the given law.
// 0 < mean < 1, 0 < deviation < sqrt(mean (1 - mean)), 0 <= correlation <= 1; spread is at most 2^14, where LGD is nearly
// 0 or 1.
struct ProbitNormal {
  double centre, spread;
};
ProbitNormal probit_normal(double mean, double deviation, double correlation, const ScoreLaw&);

}  // namespace tailcube
