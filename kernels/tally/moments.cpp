#include "kernels/tally/moments.h"

#include <hwy/highway.h>

#include <algorithm>
#include <bit>
#include <stdexcept>

namespace tailcube {
namespace {

[[noreturn]] void overflow() { throw std::overflow_error("a sum of losses exceeds 126 bits: use a coarser loss unit"); }

Wide rounded_shift(Wide value, int bits) { return (value + (Wide{1} << (bits - 1))) >> bits; }

void add_all(Wide& sum, Wide term) {
  if (__builtin_add_overflow(sum, term, &sum)) overflow();
}

// A block adds at most 2^126 to each sum, so that no sum within a block can wrap round.
// `magnitudes`: bits of |x| or of |x| - 1.
void check_block(std::uint64_t magnitudes, std::size_t n, int weight_bits = 0) {
  const auto width = [](std::uint64_t x) { return static_cast<int>(std::bit_width(x)); };
  if (2 * width(magnitudes) + width(n) + weight_bits > 126) overflow();
}

// Sums of a block with weights of one.
struct PlainSums {
  Wide sum = 0;
  UnsignedWide squares = 0;
  std::uint64_t magnitudes = 0;
  std::int64_t positive = 0;
};

void add_one_by_one(std::span<const std::int64_t> values, PlainSums& sums) {
  for (const std::int64_t x : values) {
    const auto u = static_cast<std::uint64_t>(x < 0 ? -x : x);
    sums.sum += x;
    sums.squares += UnsignedWide{u} * u;
    sums.magnitudes |= u;
    sums.positive += x > 0;
  }
}

namespace hn = hwy::HWY_NAMESPACE;
constexpr std::size_t most = 4096;  // values that add_lanes takes

// For |x| <= 2^46, a whole number of vectors, at most `most` values. |x| = 2^32 hi + lo, and the sums of hi^2, hi lo and of
// the two halves of lo^2 stay below 2^64: integers, so that the number of lanes does not matter.
void add_lanes(std::span<const std::int64_t> values, PlainSums& sums) {
  const hn::ScalableTag<std::int64_t> d;
  const hn::RebindToUnsigned<decltype(d)> du;
  const hn::Repartition<std::uint32_t, decltype(d)> d32;
  const auto half = hn::Set(du, 0xffff'ffff);
  auto sum = hn::Zero(d), positive = hn::Zero(d);
  auto high = hn::Zero(du), cross = hn::Zero(du), low_upper = hn::Zero(du), low_lower = hn::Zero(du);
  for (std::size_t i = 0; i < values.size(); i += hn::Lanes(d)) {
    const auto x = hn::LoadU(d, values.data() + i);
    const auto u = hn::BitCast(du, hn::Abs(x));
    const auto lo = hn::BitCast(d32, u), hi = hn::BitCast(d32, hn::ShiftRight<32>(u));
    const auto square = hn::MulEven(lo, lo);
    sum = hn::Add(sum, x);
    positive = hn::Sub(positive, hn::VecFromMask(d, hn::Gt(x, hn::Zero(d))));
    high = hn::Add(high, hn::MulEven(hi, hi));
    cross = hn::Add(cross, hn::MulEven(lo, hi));
    low_upper = hn::Add(low_upper, hn::ShiftRight<32>(square));
    low_lower = hn::Add(low_lower, hn::And(square, half));
  }
  const auto total = [](auto v) { return hn::GetLane(hn::SumOfLanes(hn::DFromV<decltype(v)>(), v)); };
  sums.sum += total(sum);
  sums.positive += total(positive);
  sums.squares += (UnsignedWide{total(high)} << 64) + (UnsignedWide{total(cross)} << 33) +
                  (UnsignedWide{total(low_upper)} << 32) + total(low_lower);
}

std::uint64_t magnitude_bits(std::span<const std::int64_t> values) {  // of |x|, or of |x| - 1 for gains
  const hn::ScalableTag<std::int64_t> d;
  auto bits = hn::Zero(d);
  for (std::size_t i = 0; i < values.size(); i += hn::Lanes(d)) {
    const auto x = hn::LoadU(d, values.data() + i);
    bits = hn::Or(bits, hn::Xor(x, hn::BroadcastSignBit(x)));
  }
  alignas(64) std::int64_t each[hn::MaxLanes(d)];
  hn::Store(bits, d, each);
  std::uint64_t all = 0;
  for (const std::int64_t b : each) all |= static_cast<std::uint64_t>(b);
  return all;
}

void add_plain(Moments& m, std::span<const std::int64_t> values) {
  PlainSums sums;
  const std::size_t whole =
      values.size() / hn::Lanes(hn::ScalableTag<std::int64_t>()) * hn::Lanes(hn::ScalableTag<std::int64_t>());
  for (std::size_t i = 0; i < whole; i += most) {
    const auto part = values.subspan(i, std::min(most, whole - i));
    const std::uint64_t bits = magnitude_bits(part);
    sums.magnitudes |= bits;
    if (bits < std::uint64_t{1} << 46)
      add_lanes(part, sums);
    else
      add_one_by_one(part, sums);
  }
  add_one_by_one(values.subspan(whole), sums);
  const std::size_t n = values.size();
  check_block(sums.magnitudes, n);
  const Wide one = unit_weight;
  m.count += static_cast<std::int64_t>(n);
  m.positive += sums.positive;
  m.weight += one * static_cast<std::int64_t>(n);
  m.weight_squared += one * static_cast<std::int64_t>(n);
  m.positive_weight += one * sums.positive;
  m.positive_weight_squared += one * sums.positive;
  m.sum += sums.sum * (Wide{1} << sum_fraction_bits);
  add_all(m.sum_of_squares, static_cast<Wide>(sums.squares));
  add_all(m.weighted_squares, static_cast<Wide>(sums.squares));
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
  add_all(m.sum_of_squares, upper * x + rounded_shift(lower * x, 56));
  const Wide contribution = rounded_shift(product, 48);  // 2^-8
  add_all(m.weighted_squares, rounded_shift(contribution * contribution, 16));
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
