#pragma once
// Merges what every rank did in a round up a binary tree to rank 0, and makes the verdict known to all.
#include <optional>

#include "hpc/communicator.h"
#include "hpc/lease_loop.h"
#include "hpc/scenario_set.h"
#include "kernels/tally/tally.h"

namespace tailcube {

struct Contribution {
  std::optional<Tallies> tallies;  // empty: none
  ScenarioSet done;                // what they hold
  Verdict verdict;
};

// Every rank calls it. Afterwards rank 0 holds the sum of all ranks' contributions (no tallies if nobody had any, or if any
// rank's verdict is "failed"), the others hold neither tallies nor scenarios; the verdict covers the ranks below. What goes
// wrong while merging becomes a verdict: ranks never wait for one that has given up.
void reduce(Communicator&, Contribution&);

// Rank 0's verdict on every rank.
void agree(Communicator&, Verdict&);

}  // namespace tailcube
