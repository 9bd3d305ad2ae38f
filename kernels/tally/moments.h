#pragma once
// Exact power sums. Everything is an integer: adding and merging are exact, associative and commutative.
#include <cstdint>
#include <span>

namespace tailcube {

using Units = std::int64_t;  // money in the job's loss unit (1/1024 of its currency unless the plan coarsens it)
__extension__ using Wide = __int128;
__extension__ using UnsignedWide = unsigned __int128;
inline constexpr std::int64_t unit_weight = std::int64_t{1} << 56;  // an importance weight of one
inline constexpr int sum_fraction_bits = 20;                        // of Moments::sum

// Sums over scenarios of a value x with importance weight w. Each term is a function of its scenario alone, rounded once
// (not at all when w = 1), so a sum does not depend on the order in which scenarios arrive.
struct Moments {
  std::int64_t count = 0;                                 // scenarios
  std::int64_t positive = 0;                              // scenarios with x > 0, whatever their weight
  Wide weight = 0, weight_squared = 0;                    // of w, w^2; 2^-56
  Wide positive_weight = 0, positive_weight_squared = 0;  // the same where x > 0
  Wide sum = 0;                                           // of w x; 2^-20
  Wide sum_of_squares = 0;                                // of w x^2
  Wide weighted_squares = 0;                              // of (w x)^2; equals sum_of_squares when all weights are one

  // weights: empty (all one), or one per value, 2^-56, not negative. Throws std::overflow_error when a sum could leave 126
  // bits, which the plan excludes (2 log2(bound) + log2(scenarios) <= 126).
  void add(std::span<const std::int64_t> values, std::span<const std::int64_t> weights = {});
  void merge(const Moments&);  // throws std::overflow_error
  friend bool operator==(const Moments&, const Moments&) = default;
};

}  // namespace tailcube
