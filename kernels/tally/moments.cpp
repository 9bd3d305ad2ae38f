#include "kernels/tally/moments.h"

#include <bit>
#include <stdexcept>

namespace tailcube {
namespace {

[[noreturn]] void overflow() { throw std::overflow_error("a sum of losses exceeds 126 bits: use a coarser loss unit"); }

Wide rounded_shift(Wide value, int bits) { return (value + (Wide{1} << (bits - 1))) >> bits; }

// A block adds less than 2^126 to each sum, so that a sum that grows too large is seen negative before it wraps round.
void check_block(std::uint64_t magnitudes, std::size_t n, int weight_bits) {
  if (2 * static_cast<int>(std::bit_width(magnitudes)) + static_cast<int>(std::bit_width(n)) + weight_bits > 126) overflow();
}

void add_plain(Moments& m, std::span<const std::int64_t> values) {
  Wide sum = 0;
  UnsignedWide squares = 0;
  std::uint64_t magnitudes = 0;
  std::int64_t positive = 0;
  for (const std::int64_t x : values) {
    const std::int64_t sign = x >> 63;
    const auto u = static_cast<std::uint64_t>((x ^ sign) - sign);
    sum += x;
    squares += UnsignedWide{u} * u;
    magnitudes |= u;
    positive += x > 0;
  }
  const std::size_t n = values.size();
  check_block(magnitudes, n, 0);
  const Wide one = unit_weight;
  m.count += static_cast<std::int64_t>(n);
  m.positive += positive;
  m.weight += one * static_cast<std::int64_t>(n);
  m.weight_squared += one * static_cast<std::int64_t>(n);
  m.positive_weight += one * positive;
  m.positive_weight_squared += one * positive;
  m.sum += sum * (Wide{1} << sum_fraction_bits);
  m.sum_of_squares += static_cast<Wide>(squares);
  m.weighted_squares += static_cast<Wide>(squares);
}

void add_weighted(Moments& m, std::int64_t x, std::int64_t w) {
  const Wide square = rounded_shift(Wide{w} * w, 56), product = Wide{w} * x;
  m.count += 1;
  m.weight += w;
  m.weight_squared += square;
  if (x > 0) m.positive += 1, m.positive_weight += w, m.positive_weight_squared += square;
  m.sum += rounded_shift(product, 56 - sum_fraction_bits);
  // w x^2 has up to 190 bits: the product is taken in two halves of which the upper one is a whole number of 2^56.
  const Wide upper = product >> 56, lower = product - upper * unit_weight;
  m.sum_of_squares += upper * x + rounded_shift(lower * x, 56);
  const Wide contribution = rounded_shift(product, 48);  // 2^-8
  m.weighted_squares += rounded_shift(contribution * contribution, 16);
}

void add_all(Wide& sum, Wide term) {
  if (__builtin_add_overflow(sum, term, &sum)) overflow();
}

}  // namespace

void Moments::add(std::span<const std::int64_t> values, std::span<const std::int64_t> weights) {
  if (weights.empty()) {
    add_plain(*this, values);
  } else {
    std::uint64_t magnitudes = 0;
    for (const std::int64_t x : values) magnitudes |= static_cast<std::uint64_t>(x < 0 ? -x : x);
    check_block(magnitudes, values.size(), 16);  // w < 2^7 enters squared
    for (std::size_t i = 0; i < values.size(); ++i) add_weighted(*this, values[i], weights[i]);
  }
  if (sum_of_squares < 0 || weighted_squares < 0) overflow();
}

void Moments::merge(const Moments& other) {
  count += other.count;
  positive += other.positive;
  add_all(weight, other.weight);
  add_all(weight_squared, other.weight_squared);
  add_all(positive_weight, other.positive_weight);
  add_all(positive_weight_squared, other.positive_weight_squared);
  add_all(sum, other.sum);
  add_all(sum_of_squares, other.sum_of_squares);
  add_all(weighted_squares, other.weighted_squares);
}

}  // namespace tailcube
