#pragma once
// The batch of every instrument whose positions publish a price: units times what their price path says of one.
#include <memory>
#include <vector>

#include "kernels/instruments/rows.h"

namespace tailcube {

// What others see of a price that has come to nothing, as a share of the price today: a vault that holds it can be
// liquidated like any other.
inline constexpr double least_price = 1e-9;

inline constexpr double date_rounding = 1e-9;  // dates within this many steps of a step are on it
// The first step, 1 or later, at which what is asked for in `redeem_years` may be redeemed; NaN where that is blank.
double redemption_step(double redeem_years, double step_years);

// `units` of each position, with its sign. Value, cash and credit loss of its row are units x value_row, cash_row and
// credit_loss_row of what it publishes, its one gauge |units| x happening_row. `kept`: of its units those that are still
// there, [position][valued step], which are then published at price_row where published values are asked for; empty: at
// value_row.
std::unique_ptr<Batch> priced_units(const Positions&, const Wiring&, const std::vector<double>& units,
                                    std::vector<double> kept = {});

}  // namespace tailcube
