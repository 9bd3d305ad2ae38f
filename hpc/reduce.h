#pragma once
// Merges every rank's tallies and verdict up a binary tree to rank 0, and makes the verdict known to all.
#include <optional>

#include "hpc/communicator.h"
#include "hpc/lease_loop.h"
#include "kernels/tally/tally.h"

namespace tailcube {

// Every rank calls it. Afterwards rank 0 holds the sum of all tallies (empty if nobody had any, or if any rank's verdict is
// not "fine"), the others hold none; the verdict covers the ranks below. What goes wrong while merging becomes a verdict:
// ranks never wait for one that has given up.
void reduce(Communicator&, std::optional<Tallies>&, Verdict&);

// Rank 0's verdict on every rank.
void agree(Communicator&, Verdict&);

}  // namespace tailcube
