#pragma once
// Which tiles are free, leased, done. Pure: tested in virtual time.
#include <cstdint>
#include <optional>
#include <vector>

#include "kernels/evaluate.h"

namespace tailcube {

class Leases {
 public:
  explicit Leases(std::vector<Tile> open);
  std::optional<Tile> next(int rank);       // nothing left: empty
  bool exhausted() const { return next_ == open_.size(); }
  std::vector<int> handed_out(int ranks) const;  // tiles per rank

 private:
  std::vector<Tile> open_;
  std::vector<int> to_;
  std::size_t next_ = 0;
};

}  // namespace tailcube
