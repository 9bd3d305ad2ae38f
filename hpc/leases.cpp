#include "hpc/leases.h"

namespace tailcube {

std::optional<Tile> Leases::next(int rank) {
  if (exhausted()) return std::nullopt;
  to_.push_back(rank);
  return open_[to_.size() - 1];
}

std::vector<int> Leases::handed_out(int ranks) const {
  std::vector<int> tiles(static_cast<std::size_t>(ranks), 0);
  for (const int rank : to_) ++tiles[static_cast<std::size_t>(rank)];
  return tiles;
}

}  // namespace tailcube
