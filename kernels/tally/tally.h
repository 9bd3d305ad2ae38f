#pragma once
// Exact, order-independent accumulators of losses. Everything is an integer: merging is exact, associative and commutative,
// so an estimate does not depend on how scenarios were split over threads, ranks, restarts or shards.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/tally/histogram.h"
#include "kernels/tally/moments.h"
#include "kernels/tally/tail.h"

namespace tailcube {

// Of one (replicate, cell, quantity, node, horizon).
struct Tally {
  Moments moments;
  Histogram histogram;
  Tail tail;
  // |loss| < 2^62. weights: empty (all one, the fast way), or one per loss, 2^-56. Calls with thousands of scenarios are
  // faster than calls with a block each: the working set of one tally then stays in cache. Throws std::overflow_error.
  void fold(std::span<const Units> losses, std::span<const std::int64_t> weights, std::uint64_t first_scenario);
  void merge(const Tally&);  // of other scenarios
  std::size_t bytes() const;
};

// How many tallies there are and where they stand. `cells` counts the cells of the group, from 0.
struct Shape {
  int replicates = 1, cells = 0, quantities = 0, nodes = 0, horizons = 0, gauges = 0;
  std::size_t losses() const;  // number of loss tallies
  std::size_t gauge_slots() const;
  std::size_t loss(int replicate, int cell, int quantity, int node, int horizon) const;
  std::size_t gauge(int cell, int gauge, int node, int horizon) const;
  friend bool operator==(const Shape&, const Shape&) = default;
};
struct TallySettings {
  bool binned = false;  // histogram with exact sums (7 bits); otherwise counts only (3 bits)
  Tail::Keep keep;
  int bits() const { return binned ? 7 : 3; }
  friend bool operator==(const TallySettings&, const TallySettings&) = default;
};

// All tallies of one cell group on one rank.
struct Tallies {
  Tallies() = default;
  Tallies(const Shape&, const TallySettings&);
  Shape shape;
  TallySettings settings;
  std::vector<Tally> losses;          // [replicate][cell][quantity][node][horizon]; of a slot that is shared, in its holder
  std::vector<std::uint32_t> holder;  // of each slot: whose tally is also its own; empty: each has its own
  std::vector<Moments> gauges;        // [cell][gauge][node][horizon]
  std::vector<Moments> conditional_pd;  // [cell], 2^-40
  std::vector<std::int64_t> faults;     // [cell][node]
  Tally& loss(std::size_t slot) { return losses[holder.empty() ? slot : holder[slot]]; }
  const Tally& loss(std::size_t slot) const { return losses[holder.empty() ? slot : holder[slot]]; }
  // Slots that hold the same losses of the same scenarios need one tally only. `holders`, per slot: an earlier slot that is
  // its own holder, or the slot itself.
  void share(const std::vector<std::uint32_t>& holders);
  void separate();             // gives each slot its own
  void merge(const Tallies&);  // throws std::invalid_argument when shape or settings differ
  std::size_t bytes() const;
};

// A portable byte form (little endian), the same bytes for the same contents. Sorts and trims the tails.
std::vector<std::byte> to_bytes(Tallies&);
// Throws std::runtime_error, saying what is wrong, on anything truncated, altered or impossible.
Tallies tallies_from_bytes(std::span<const std::byte>);
// The checksum that ends the byte form: of all bytes before it. Every changed byte changes it.
std::uint64_t tally_checksum(std::span<const std::byte>);

// Upper bound of Tally::bytes() + sizeof(Tally) after n scenarios of weight one with |loss| <= largest. (A tail that grows
// needs its old and its new room for a moment: count one more per thread.)
std::size_t tally_bytes(const TallySettings&, std::int64_t scenarios, Units largest = (Units{1} << 62) - 1);
// Whether every sum stays in range, whatever the losses, while |loss| <= largest and weights are one.
bool tally_fits(const TallySettings&, std::int64_t scenarios, Units largest);

}  // namespace tailcube
