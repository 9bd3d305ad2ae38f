#pragma once
// Where the scenarios of a cell's tails are in a list of scenarios that is evaluated block by block.
#include "src/cube/contribution.h"

namespace tailcube {

class TailPlaces {
 public:
  struct Entry {
    std::uint32_t place, rank, segment;  // in the list; in the tail; among segment_ends
  };
  // Those of the tails that are in the list, which has each scenario once.
  TailPlaces(const CellTails&, std::span<const std::uint32_t> scenarios);
  // Of a list of the tails, those at places [first, first + count).
  std::span<const Entry> in(std::size_t list, std::size_t first, std::size_t count) const;
  // Whether the block from this place on has any.
  bool needs(std::size_t first) const { return needed_[first / lanes] != 0; }

 private:
  std::vector<std::vector<Entry>> entries_;  // of each list, by place
  std::vector<std::uint8_t> needed_;         // [block]
};

}  // namespace tailcube
