#pragma once
// One group's tiles, shared out over the ranks. Rank 0 hands them out and evaluates too; knows nothing of books or tallies.
//
// A worker asks for its next tile before it starts the one it holds; every request gets one answer: a tile, "none left" or
// "stop". It leaves after an answer without a tile, rank 0 when every worker has had such an answer. A signal or an
// exception on any rank makes rank 0 answer "stop" from then on, so every rank always leaves, whatever happened on another.
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "hpc/communicator.h"
#include "kernels/evaluate.h"

namespace tailcube {

// How it went, on one rank or on several; of two, the graver counts, of equals the first.
struct Verdict {
  enum class Kind : std::uint8_t { fine, stopped, failed };
  Kind kind = Kind::fine;
  int signal = 0;    // the one that stopped it
  std::string text;  // why it failed
  void merge(const Verdict&);
  friend bool operator==(const Verdict&, const Verdict&) = default;
};

struct LeaseHooks {
  // Evaluates a tile and calls `poll` now and then. An exception thrown by `poll` ends the tile early and is passed on.
  std::function<void(Tile, const std::function<void()>& poll)> evaluate;
  // Tiles from this scenario on are not wanted any more, on any rank; may fall from tile to tile; may be empty.
  std::function<std::uint64_t()> limit;
  std::function<int()> stop;                // the signal that arrived on this rank, 0: none; may be empty
  std::function<void(std::uint64_t)> done;  // on rank 0: scenarios finished so far, over all ranks; may be empty
  double slow_down = 1;                     // this rank idles so that a tile takes this many times longer
};
struct LeaseCount {
  int tiles = 0;            // evaluated to the end on this rank
  double busy_seconds = 0;  // wall clock inside `evaluate`
};

// Every rank calls it with the same tiles. Returns this rank's verdict; "stopped" also where another rank was the reason.
// Throws only what Communicator throws.
Verdict share_tiles(Communicator&, const std::vector<Tile>&, const LeaseHooks&, LeaseCount&);

}  // namespace tailcube
