#pragma once
// Exact, order-independent accumulators. Everything is an integer: merging is exact, associative and commutative, so a
// result does not depend on how scenarios were split over threads, ranks, restarts or shards.
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace tailcube {

using Units = std::int64_t;     // money in the job's loss unit (1/1024 of its currency unless the plan coarsens it)
__extension__ using Wide = __int128;
inline constexpr std::int64_t unit_weight = std::int64_t{1} << 56;  // an importance weight of one

struct Moments {
  std::int64_t count = 0;          // scenarios
  std::int64_t positive = 0;       // scenarios with a loss > 0 (weight ignored)
  Wide weight = 0, weight_squared = 0, positive_weight = 0;  // 2^-56
  Wide sum = 0, sum_of_squares = 0;                          // of w*loss and w*loss^2, w = 1 when plain
  void add(std::span<const Units> losses, std::span<const std::int64_t> weights);  // weights: empty (all one), or one per loss
  void merge(const Moments&);
  friend bool operator==(const Moments&, const Moments&) = default;
};

// Log-linear bins: `bits` = log2 of bins per octave; values with |loss| < 2^bits have a bin each.
class Histogram {
 public:
  explicit Histogram(int bits = 3, bool with_sums = false) : bits_(bits), with_sums_(with_sums) {}
  void add(std::span<const Units> losses);
  void merge(const Histogram&);
  int bits() const { return bits_; }
  bool with_sums() const { return with_sums_; }
  struct Bin {
    std::int64_t key, count;  // occupied bins only, ascending
    Wide sum;                 // exact sum of losses in the bin; 0 without sums
  };
  std::vector<Bin> occupied() const;
  static Units lowest(std::int64_t key, int bits);   // inclusive bounds of a bin
  static Units highest(std::int64_t key, int bits);
  // The key in coarser bins of a bin: /distribution has 3 bits whatever the tally keeps.
  static std::int64_t coarser(std::int64_t key, int bits, int to_bits);
  std::size_t bytes() const;

 private:
  friend struct TallyBytes;
  int bits_;
  bool with_sums_;
  std::int64_t first_ = 0;
  std::vector<std::int64_t> count_, offset_;
};

// The worst scenarios under the total order (larger loss first, then smaller scenario), complete above a floor.
class Tail {
 public:
  struct Entry {
    Units loss;
    std::uint32_t scenario;
    friend bool operator==(const Entry&, const Entry&) = default;
  };
  // How many it keeps after having seen n scenarios.
  struct Keep {
    std::int64_t alpha_numerator = 0, alpha_denominator = 1;  // the smallest confidence
    std::int64_t at_least = 1001;
    bool grows = true;                                        // exact mode: K(n) of docs/design.md; binned mode: at_least
    std::int64_t operator()(std::int64_t n) const;
    friend bool operator==(const Keep&, const Keep&) = default;
  };
  Tail() = default;
  explicit Tail(const Keep& keep) : keep_(keep) {}
  void add(std::span<const Units> losses, std::span<const std::int64_t> weights, std::uint64_t first_scenario);
  void merge(const Tail&);
  // Worst first. Complete down to its end: every scenario that is not listed comes after the last entry.
  std::span<const Entry> worst();
  std::int64_t weight(std::size_t rank) const;               // after worst()
  std::int64_t seen() const { return seen_; }
  std::size_t bytes() const;

 private:
  friend struct TallyBytes;
  void shrink();
  Keep keep_;
  std::int64_t seen_ = 0;
  std::vector<Entry> kept_;
  std::vector<std::int64_t> weights_;                        // empty when all weights are one
  std::optional<Entry> floor_;                               // the first entry, in the order, that was dropped
};

// Of one (replicate, cell, quantity, node, horizon).
struct Tally {
  Moments moments;
  Histogram histogram;
  Tail tail;
  // weights: empty (all one), or one per loss, 2^-56.
  void fold(std::span<const Units> losses, std::span<const std::int64_t> weights, std::uint64_t first_scenario);
  void merge(const Tally&);
};

struct Shape {
  int replicates = 1, cells = 0, quantities = 0, nodes = 0, horizons = 0, gauges = 0;
  std::size_t losses() const;  // number of loss tallies
  std::size_t gauge_slots() const;
  std::size_t loss(int replicate, int cell, int quantity, int node, int horizon) const;
  std::size_t gauge(int cell, int gauge, int node, int horizon) const;
  friend bool operator==(const Shape&, const Shape&) = default;
};
struct TallySettings {
  bool binned = false;
  Tail::Keep keep;
  friend bool operator==(const TallySettings&, const TallySettings&) = default;
};

// All tallies of one cell group on one rank.
struct Tallies {
  Tallies() = default;
  Tallies(Shape, TallySettings);
  Shape shape;
  TallySettings settings;
  std::vector<Tally> losses;                 // [replicate][cell][quantity][node][horizon]
  std::vector<Moments> gauges;               // [cell][gauge][node][horizon]
  std::vector<Moments> conditional_pd;       // [cell], 2^-40
  std::vector<std::int64_t> faults;          // [cell][node]
  void merge(const Tallies&);
  std::size_t bytes() const;
};

// A portable byte form (little endian), the same bytes for the same contents.
std::vector<std::byte> to_bytes(Tallies&);
Tallies tallies_from_bytes(std::span<const std::byte>);      // throws std::runtime_error on anything malformed

// Bytes that one tally needs after n scenarios, an upper bound for the plan.
std::size_t tally_bytes(const TallySettings&, std::int64_t scenarios);

}  // namespace tailcube
