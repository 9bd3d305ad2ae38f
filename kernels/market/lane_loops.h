#pragma once
// The loops over lanes of stage 1, compiled once per instruction set; the same bits from each.
#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/block.h"

namespace tailcube::market {

// y_n = decay y_{n-1} + shift + deviation z_n + jump_n; the value is
//   exponential  scale exp(offset + y_n)
//   linear       offset + y_n
//   scaled       step_scale[n] y_n
struct Walk {
  enum class Value { exponential, linear, scaled } value = Value::linear;
  double decay = 1, shift = 0, deviation = 0, scale = 1, offset = 0;
};
// Rows [step][lane] of `steps` consecutive steps; `jumps` may be null; y is the state before and after.
void walk(const Walk&, int steps, const double* z, const double* jumps, const double* step_scale, Lanes y, double* out);

// rows[factor][step 0..n][lane], steps >= 1, in place: row i becomes the sum over k = first_column[i] .. i of root[i][k] row
// k.
void triangular_product(const double* root, const std::uint32_t* first_column, std::size_t factors, int steps, double* rows);

// below[l]: how many of the falling thresholds u[l] is below. Returns how many lanes are below the first.
int count_below(std::span<const double> thresholds, ConstLanes u, Lanes below);
// A draw of the sum of count[l] normals, given one standard normal: count mean + sqrt(count) deviation z.
void sums_of_normals(double mean, double deviation, ConstLanes count, ConstLanes z, Lanes out);

// to += factor * from, for each in turn
void add_scaled(std::span<const double> factors, const double* const* from, Lanes to);
void add_scaled(double factor, ConstLanes from, Lanes to);
// out = value - of
void subtract_from(double value, ConstLanes of, Lanes out);

// exp(-years (lower + weight (upper - lower) + spread))
void discount_factors(double years, double weight, ConstLanes lower, ConstLanes upper, ConstLanes spread, Lanes out);

}  // namespace tailcube::market
