#pragma once
// What happened in one scenario, for people and for programs (docs/replay.md).
#include <iosfwd>
#include <string>
#include <vector>

#include "src/cube/cube.h"
#include "src/engine/replay.h"

namespace tailcube {

// The losses of a replay beside those of the cube's /tail. A node that lists the scenario must list this loss, to the bit;
// one that lists as many as it has room for, but not this scenario, must list nothing smaller.
struct TailCheck {
  struct Difference {
    int node, horizon;
    double cube, replayed;  // of a node that does not list the scenario: the smallest loss listed
  };
  std::vector<int> rank;  // [node][horizon], 1 = worst; 0: not listed
  std::size_t listed = 0, beyond = 0;
  std::vector<Difference> differences;
};
TailCheck check_against_tail(const Cube&, int cell, const Replay&);
// The first of the differences, in words.
std::string difference_text(const Cube&, int cell, const Replay&, const TailCheck&);

struct Story {
  const Job& job;  // that was replayed: without what was left out
  const Cube& cube;
  int cell;
  int node;          // what is told is told of this node
  int horizon;       // of Job::report_steps: orders nodes and positions
  std::size_t most;  // positions, defaults and liquidations that are listed, the largest; 0: all
  const Replay& replay;
  const TailCheck& check;
};
// Positions of the story's node, largest loss at the horizon first; as places in Replay::positions.
std::vector<std::uint32_t> largest_positions(const Story&);
// Defaults with a position in the node, largest loss first, and liquidations there, most repaid first; as places.
std::vector<std::uint32_t> largest_defaults(const Story&);
std::vector<std::uint32_t> largest_liquidations(const Story&);
// The node and those below it: itself, then largest loss at the horizon first.
std::vector<int> largest_nodes(const Story&);
// Gauges of the node that are not 0 at every horizon, in the cube's order.
struct ToldGauge {
  std::string name, unit;
  std::vector<double> value;  // [horizon]
};
std::vector<ToldGauge> told_gauges(const Story&, int node);
bool lies_under(const Job&, NodeIndex node, int ancestor);
inline const char* kind_of(const ChainLink& link) {
  static constexpr const char* kinds[] = {"pool", "price", "account"};  // the order of ChainLink::Kind
  return kinds[static_cast<std::size_t>(link.kind)];
}
std::string word(ReplayedLiquidation::How);  // "seen", "on the way", "after a jump"

void write_story_text(std::ostream&, const Story&);
void write_story_csv(std::ostream&, const Story&);
std::string story_json(const Story&);  // with a line break at its end

}  // namespace tailcube
