#pragma once
// The worst scenarios of a node, kept exactly.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/tally/moments.h"

namespace tailcube {

// The worst scenarios under the total order (larger loss first, then smaller scenario). The list is complete down to its
// last entry: every scenario seen that is not listed comes after it. What it holds beyond the ranks asked for may depend on
// how scenarios were split; its first entries never do.
class Tail {
 public:
  // How many it keeps after having seen n scenarios.
  struct Keep {
    std::int64_t alpha_numerator = 0, alpha_denominator = 1;  // the smallest confidence, 0 <= alpha <= 1
    std::int64_t at_least = 1001;                             // positive; a VaR at rank k needs n - k + 1 entries
    bool grows = true;  // exact mode: max(at_least, ceil((1-alpha) n) + 8 sqrt(n alpha (1-alpha)) + 8); binned: at_least
    std::int64_t operator()(std::int64_t n) const;
    friend bool operator==(const Keep&, const Keep&) = default;
  };
  Tail() = default;
  explicit Tail(const Keep& keep) : keep_(keep) {}
  // Scenarios first_scenario, first_scenario + 1, ... (each once, below 2^32). weights: empty (all one) or one per loss.
  // Fast when a keeper sees scenarios in rising order. Throws std::overflow_error at 2^32 scenarios.
  void add(std::span<const Units> losses, std::span<const std::int64_t> weights, std::uint64_t first_scenario);
  void merge(const Tail&);  // of other scenarios; throws std::invalid_argument when Keep differs

  struct Worst {  // by rank, worst first; valid until the tail changes
    std::span<const Units> loss;
    std::span<const std::uint32_t> scenario;
    std::span<const std::int64_t> weight;  // empty when all weights are one
    std::int64_t repeated = 0;  // further scenarios with exactly the last loss, not listed: the rank of an atom is known
                                // beyond the list (a node without any loss in most scenarios has such an atom at 0)
    std::size_t size() const { return loss.size(); }
    std::int64_t depth() const { return static_cast<std::int64_t>(size()) + repeated; }  // ranks whose loss is known
  };
  Worst worst();  // sorts, and drops what is beyond Keep
  std::int64_t seen() const { return seen_; }
  const Keep& keep() const { return keep_; }
  std::size_t bytes() const;                                            // allocated, beyond the object itself
  static std::size_t bytes_bound(const Keep&, std::int64_t scenarios);  // of bytes(), all weights one

 private:
  friend struct TallyBytes;
  friend struct PackedTally;
  struct Mark {
    Units loss;
    std::uint32_t scenario;
    bool precedes(const Mark& other) const { return loss != other.loss ? loss > other.loss : scenario < other.scenario; }
    friend bool operator==(const Mark&, const Mark&) = default;
  };
  template <class Accept>
  std::size_t remove_unless(std::size_t begin, Accept accept);  // among the entries from `begin`
  Units entering_above(std::uint64_t first_scenario) const;
  void append(std::span<const Units> losses, std::span<const std::int64_t> weights, std::uint64_t first_scenario);
  void make_room(std::size_t entries);
  void shrink(std::size_t entries);
  void resize(std::size_t capacity);
  void start_weights();
  Keep keep_;
  std::int64_t seen_ = 0;
  std::size_t size_ = 0;  // entries in use; the vectors are as long as there is room
  std::vector<Units> loss_;
  std::vector<std::uint32_t> scenario_;  // apart from the losses: 12 bytes an entry, not 16
  std::vector<std::int64_t> weight_;     // empty unless weighted_: all weights are one
  bool weighted_ = false, sorted_ = false, cut_ = false;
  Mark floor_{};               // if cut_: the last entry of the order down to which the list is complete
  std::int64_t unlisted_ = 0;  // if cut_: scenarios with the floor's loss that come after the floor
};

}  // namespace tailcube
