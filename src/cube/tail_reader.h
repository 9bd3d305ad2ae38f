#pragma once
// What the second look sees of the tails, added up.
#include "src/cube/second_look.h"
#include "src/cube/tail_places.h"

namespace tailcube {

// Adds what blocks of a cell's scenarios show to its sums.
class TailReader {
 public:
  // `scenarios`: the list that the blocks are cut from. All outlive this.
  TailReader(const LookBook& look, const CellTails& tails, std::span<const std::uint32_t> scenarios)
      : look_(look), tails_(tails), horizons_(look.book().market.valued.size()), places_(tails, scenarios) {}
  bool needs(std::size_t first) const { return places_.needs(first); }
  // Places [first, first + count) of the list, `losses` as LookBook has them. Throws std::runtime_error, naming the
  // scenario, if a parent's loss is not the one of the tail.
  void add(std::size_t first, std::size_t count, const std::vector<Units>& losses, ContributionSums& sums) const;

 private:
  void add_list(std::size_t parent, std::size_t horizon, std::span<const TailPlaces::Entry>, std::size_t first,
                const std::vector<Units>& losses, ContributionSums&) const;
  void add_named(const ContributionEdges::Parent&, std::size_t horizon, const CellTails::List&,
                 std::span<const TailPlaces::Entry>, std::size_t first, const std::vector<Units>& losses,
                 ContributionSums&) const;
  const LookBook& look_;
  const CellTails& tails_;
  std::size_t horizons_;
  TailPlaces places_;
};

}  // namespace tailcube
