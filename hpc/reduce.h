#pragma once
// Merges what every rank did in a round to rank 0, and makes the verdict known to all. Every rank merges a slice of the
// tallies of all ranks: at each step half of the ranks and half of the slices are left to each other, until every rank has
// one slice of all scenarios, which rank 0 collects (recursive halving and gathering: Thakur, Rabenseifner and Gropp 2005,
// Int. J. High Perform. Comput. Appl. 19(1), section 4.5; ranks need not be a power of two).
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
// rank's verdict is "failed") with its tails sorted, the others hold neither tallies nor scenarios; rank 0's verdict covers
// all ranks. What goes wrong while merging becomes a verdict: ranks never wait for one that has given up. Beyond its tallies
// a rank needs room for two parcels, each at most a tally longer than parcel_bytes. It merges with so many threads.
void reduce(Communicator&, Contribution&, int threads);

// Rank 0's verdict on every rank.
void agree(Communicator&, Verdict&);

}  // namespace tailcube
