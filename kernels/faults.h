#pragma once
// What could not be valued, gathered over blocks, threads, tiles and ranks: the same whatever the order.
#include <compare>
#include <map>
#include <utility>
#include <vector>

#include "kernels/block.h"

namespace tailcube {

struct FaultSite {
  std::uint64_t scenario;
  std::int32_t cell;
  Reason reason;
  friend auto operator<=>(const FaultSite&, const FaultSite&) = default;
};

// The earlier site; at one place the reason that says more: a value is often not finite because there is no price.
FaultSite earlier(const FaultSite&, const FaultSite&);

class FaultLog {
 public:
  static constexpr std::size_t kept = 64;  // sites of each key: the smallest (scenario, cell)
  struct Key {
    RowIndex row;
    std::uint32_t position;  // `none`: the whole row
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  // The faults of the first `scenarios` lanes of a block of one cell.
  void add(const Faults&, std::uint64_t first_scenario, std::size_t scenarios, int cell);
  void merge(const FaultLog&);

  bool empty() const { return sites_.empty(); }
  // The first in the order of (scenario, cell, row, position); of a log that is not empty.
  std::pair<Key, FaultSite> first() const;
  const std::map<Key, std::vector<FaultSite>>& sites() const { return sites_; }
  // Scenarios in which a row (or one of its positions) could not be valued, by row and cell.
  const std::map<std::pair<RowIndex, int>, std::int64_t>& counts() const { return counts_; }
  // For messages between ranks of one program; bytes that are too short throw std::runtime_error.
  std::vector<std::byte> to_bytes() const;
  static FaultLog from_bytes(std::span<const std::byte>);

 private:
  void add(Key, FaultSite);
  std::map<Key, std::vector<FaultSite>> sites_;
  std::map<std::pair<RowIndex, int>, std::int64_t> counts_;
};

}  // namespace tailcube
