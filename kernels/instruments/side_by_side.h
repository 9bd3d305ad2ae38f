#pragma once
// Positions of one table that are valued by two batches, on the same rows.
#include <memory>
#include <vector>

#include "kernels/instruments/telling.h"

namespace tailcube {

// Some of the positions: leaf, currency, quantity, obligor and row of each; ids and columns stay with the table.
struct Subset {
  Subset(const Positions&, const Wiring&, std::vector<std::uint32_t> places);
  std::vector<std::uint32_t> places;  // in the table, ascending
  Positions positions;
  Wiring wiring;
};
// `first` sets the rows, `second` adds to them. Faults and what defaults take away are told by the places in the table.
std::unique_ptr<TellingBatch> side_by_side(std::unique_ptr<TellingBatch> first, const Subset& of_first,
                                           std::unique_ptr<TellingBatch> second, const Subset& of_second);

}  // namespace tailcube
