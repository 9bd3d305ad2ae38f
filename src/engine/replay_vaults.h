#pragma once
// One vault in one scenario, liquidation by liquidation.
#include <vector>

#include "src/engine/replay.h"

namespace tailcube {

// Of position `p` of the table of vaults, in one lane of a block, up to the last step; `position` is 0 in what is returned.
// The batch adds up whole tables of vaults; this follows a single one through the same VaultPath and watches it.
std::vector<ReplayedLiquidation> liquidations(const PositionTable&, std::size_t p, const FactorModel&, const Block&,
                                              std::size_t lane);

}  // namespace tailcube
