#pragma once
// Which tiles are free and who holds the others. Pure: tested in virtual time.
//
// Every rank asks for its next tile before it starts the one it holds, and gets one tile a request: a rank that is k times
// slower asks k times less often, so it ends up with 1/k of the tiles of the others, and no rank waits for an answer.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "kernels/evaluate.h"

namespace tailcube {

class Leases {
 public:
  explicit Leases(std::vector<Tile> open) : open_(std::move(open)) {}
  // The next free tile, in the order given, now held by this rank; empty when nothing is left or after stop().
  std::optional<Tile> next(int rank);
  // Nothing is handed out any more.
  void stop() { stopped_ = true; }
  // Nothing that begins at this scenario or later is handed out any more; tiles are in ascending order.
  void limit(std::uint64_t scenario) { limit_ = std::min(limit_, scenario); }
  bool exhausted() const { return stopped_ || to_.size() == open_.size() || open_[to_.size()].begin >= limit_; }
  std::vector<int> handed_out(int ranks) const;  // tiles per rank

 private:
  std::vector<Tile> open_;
  std::vector<int> to_;  // the rank of each tile handed out
  std::uint64_t limit_ = ~std::uint64_t{0};
  bool stopped_ = false;
};

}  // namespace tailcube
