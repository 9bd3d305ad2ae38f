#pragma once
// One group's tiles, shared out over the ranks. Rank 0 hands them out and evaluates too; knows nothing of books or tallies.
//
// A worker asks for its next tile before it starts the one it holds; every request gets one answer: a tile, "none left" or
// "stop". It leaves after an answer without a tile, rank 0 when every worker has had such an answer. A signal or an
// exception on any rank makes rank 0 answer "stop" from then on, so every rank always leaves, whatever happened on another.
// When a stop or the end of the round is announced, ranks leave the tile they hold after the block they are at.
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "hpc/communicator.h"
#include "hpc/scenario_set.h"

namespace tailcube {

// How it went, on one rank or on several; of two, the graver counts, of equals the first.
struct Verdict {
  enum class Kind : std::uint8_t { fine, stopped, failed };
  Kind kind = Kind::fine;
  int signal = 0;    // what stopped it, as LeaseHooks::stop says
  std::string text;  // why it failed
  void merge(const Verdict&);
  friend bool operator==(const Verdict&, const Verdict&) = default;
};

struct LeaseHooks {
  // Evaluates a tile, from its first scenario on, until `poll`, which it calls now and then, says false. Returns how many
  // scenarios it did.
  std::function<std::uint64_t(Tile, const Poll& poll)> evaluate;
  // Tiles from this scenario on are not wanted any more, on any rank; may fall from tile to tile; may be empty.
  std::function<std::uint64_t()> limit;
  std::function<int()> stop;                // not 0: this rank is to stop, and why; may be empty
  std::function<bool()> due;                // on rank 0: the round is to end, though tiles are left; may be empty
  std::function<void(std::uint64_t)> done;  // on rank 0: scenarios finished so far, over all ranks; may be empty
  double slow_down = 1;                     // this rank idles so that a tile takes this many times longer
};
struct LeaseCount {
  int tiles = 0;            // evaluated on this rank, also in part
  double busy_seconds = 0;  // wall clock inside `evaluate`
  ScenarioSet done;         // evaluated on this rank
};

// Rank 0 knows the tiles; every rank calls it. Adds to the count. Returns this rank's verdict; "stopped" also where another
// rank was the reason. Throws only what Communicator throws.
Verdict share_tiles(Communicator&, const std::vector<Tile>&, const LeaseHooks&, LeaseCount&);

}  // namespace tailcube
