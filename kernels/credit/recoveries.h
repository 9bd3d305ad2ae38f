#pragma once
// The end of stage 2: who was in default before the first step, and what is lost in each default.
#include "kernels/credit/defaults.h"

namespace tailcube {

// Completes Block::defaults and Block::mean_conditional_pd of the buckets' obligors.
void draw_recoveries(const CreditModel&, Block&);

}  // namespace tailcube
