#pragma once
// A log-linear histogram of integers with exact counts and, on request, the exact sum of each bin.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/tally/moments.h"

namespace tailcube {

// `bits` = log2 of bins per octave. Values with |loss| < 2^bits have a bin each; above, a bin is 2^-bits of its octave wide.
// A bin is named by its key: 0, 1, 2, ... upwards from the losses 0, 1, 2, ... and -1, -2, ... downwards from the gains.
class Histogram {
 public:
  explicit Histogram(int bits = 3, bool with_sums = false) : bits_(bits), with_sums_(with_sums) {}
  // weights: empty (all one), or one per loss, 2^-56. Throws std::overflow_error when the sum of a bin leaves 63 bits or
  // there are 2^32 scenarios or more; tally_fits says beforehand.
  void add(std::span<const Units> losses, std::span<const std::int64_t> weights = {});
  void merge(const Histogram&);  // throws std::overflow_error; std::invalid_argument when the bins differ

  int bits() const { return bits_; }
  bool with_sums() const { return with_sums_; }
  std::int64_t total() const { return total_; }  // scenarios
  struct Bin {
    std::int64_t key, count;
    Wide sum;     // exact sum of the losses in the bin (unweighted); 0 without sums
    Wide weight;  // sum of weights, 2^-56
  };
  std::vector<Bin> occupied() const;  // ascending; empty bins are left out

  static std::int64_t key(Units loss, int bits);
  static Units lowest(std::int64_t key, int bits);  // inclusive bounds of a bin
  static Units highest(std::int64_t key, int bits);
  // The key among coarser bins of a bin: /distribution has 3 bits whatever the tally keeps.
  static std::int64_t coarser(std::int64_t key, int bits, int to_bits);
  std::size_t bytes() const;  // allocated, beyond the object itself
  // Upper bound of bytes() while |loss| <= largest.
  static std::size_t bytes_bound(int bits, bool with_sums, Units largest);

 private:
  friend struct TallyBytes;
  friend struct PackedTally;
  template <bool sums>
  void add_plain(std::span<const Units> losses);
  void grow(std::int64_t key);  // by whole octaves, so that it is rare
  void cover(std::int64_t begin, std::int64_t end);
  std::int64_t last() const { return first_ + static_cast<std::int64_t>(count_.size()); }
  void start_weights();
  int bits_;
  bool with_sums_, weighted_ = false;
  std::int64_t first_ = 0;  // key of the first bin
  std::int64_t total_ = 0;
  std::vector<std::uint32_t> count_;
  std::vector<std::int64_t> offset_;  // with sums: sum of distances from the bin's edge nearest to zero
  std::vector<Wide> weight_;          // empty unless weighted_: all weights are one
};

}  // namespace tailcube
