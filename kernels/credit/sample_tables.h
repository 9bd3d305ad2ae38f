#pragma once
// What the loops of sample.cpp look up, whatever the instruction set.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

namespace tailcube::sample {
// For each subset of 8 lanes: the places of its members in rising order, a nibble each.
struct Order {
  std::array<std::uint64_t, 256> nibbles{};
};
constexpr Order make_order() {
  Order order;
  for (unsigned subset = 0; subset < 256; ++subset)
    for (unsigned lane = 0, filled = 0; lane < 8; ++lane)
      if (subset >> lane & 1) order.nibbles[subset] |= std::uint64_t{lane} << 4 * filled++;
  return order;
}
inline constexpr Order order = make_order();

// A 53-bit uniform (n + 1/2) 2^-53 is below p iff n < bound(p).
inline std::uint64_t bound(double p) {
  const double scaled = std::ceil(p * 0x1p53 - 0.5);
  return scaled > 0 ? static_cast<std::uint64_t>(std::min(scaled, 0x1p53 - 1)) : 0;
}
}  // namespace tailcube::sample
