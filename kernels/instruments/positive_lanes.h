#pragma once
// The lanes in which something happens, few of 64.
#include <hwy/highway.h>

#include <bit>
#include <cstdint>

#include "kernels/block.h"

namespace tailcube {

// For loops that a compiler does not put into vectors.
using LaneTag = hwy::HWY_NAMESPACE::FixedTag<double, 4>;
using LaneVector = hwy::HWY_NAMESPACE::Vec<LaneTag>;

// Of lanes k to k + 3: their bits.
template <class Mask>
HWY_INLINE std::uint64_t lane_bits(Mask where, std::size_t k) {
  std::uint8_t bits[8];
  hwy::HWY_NAMESPACE::StoreMaskBits(LaneTag(), where, bits);
  return std::uint64_t{bits[0]} << k;
}

// Bit k: x[k] > 0, or also 0.
template <bool or_zero = false>
HWY_INLINE std::uint64_t positive_lanes(const double* x) {
  namespace hn = hwy::HWY_NAMESPACE;
  const LaneTag d;
  std::uint64_t out = 0;
  for (std::size_t k = 0; k < lanes; k += hn::Lanes(d)) {
    const auto some = hn::LoadU(d, x + k), zero = hn::Zero(d);
    out |= lane_bits(or_zero ? hn::Ge(some, zero) : hn::Gt(some, zero), k);
  }
  return out;
}

// The first of some lanes, which are not none; to be taken out of them. A loop over `f(lane)` would make a compiler take
// what f reads to be shared with whatever else is read.
HWY_INLINE std::size_t take_lane(std::uint64_t& bits) {
  const auto lane = static_cast<std::size_t>(std::countr_zero(bits));
  bits &= bits - 1;
  return lane;
}

}  // namespace tailcube
