#pragma once
// Steps of compile_credit (engine.h) that tests look at.
#include <span>
#include <string>

#include "src/engine/engine.h"

namespace tailcube {

// Up to this many distinct pairs (PD, a'Ca) each is bootstrapped: two seconds with monthly steps, under the t copula (whose
// degrees of freedom are not 0) some. Beyond it PassageGrid serves those inside its range.
std::size_t exact_pairs(int steps, double dof);
// The step at which kappa matches the one-step copula: the first at or after one year, else the last.
int matching_step(double step_years, int steps);
// a'Ca of the drivers' correlation.
double squared_loading(const FactorModel&, const std::vector<Loading>&);
// "pd 3f847ae147ae147b /5 3fa999999999999a SME 3fdc9f25c5bfedd9": what a bucket's stream is named by, the PD by one year, by
// five, a loading; the exact bits, never a place. `term` is empty where the hazard is constant.
std::string bucket_name(double pd_1y, std::span<const DefaultBy> term, const std::vector<Loading>&,
                        const std::vector<std::string>& factor_ids);

}  // namespace tailcube
