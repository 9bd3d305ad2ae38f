#pragma once
// Tallies on their way between the ranks of one job: cut into slices, as memory holds them, neither sorted nor checked.
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "kernels/tally/tally.h"

namespace tailcube {

// A part of every array of tallies: of n elements those from n begin / of to n end / of. Of losses, slots that share a
// tally count once.
struct Slice {
  std::size_t begin = 0, end = 1, of = 1;
  Slice part(std::size_t k, std::size_t parts) const;  // the k-th of so many equal parts of it
};

// Slices are sent in parts of about this size.
inline constexpr std::size_t parcel_bytes = std::size_t{4} << 20;
// In how many parts, so that none exceeds `bytes` by more than a tally.
std::size_t slice_parts(const Tallies&, const Slice&, std::size_t bytes);
// The slice as bytes; there is nothing in it afterwards. Uses as many threads as it is given, like the others here.
std::vector<std::byte> take_slice(Tallies&, const Slice&, int threads);
// Adds what take_slice() gave, of other scenarios; makes the tallies if there are none. Throws std::invalid_argument when
// shape, settings or sharing differ, std::overflow_error as merging does.
void add_slice(std::optional<Tallies>&, std::span<const std::byte>, int threads);
// Sorts and trims the tails of a slice, so that Tail::worst() finds it done.
void sort_tails(Tallies&, const Slice&, int threads);

}  // namespace tailcube
