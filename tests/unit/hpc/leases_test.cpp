#include "hpc/leases.h"

#include <algorithm>
#include <queue>

#include "tests/catch_any.h"

namespace tailcube {
namespace {

std::vector<Tile> make_tiles(std::size_t count) {
  std::vector<Tile> tiles;
  for (std::uint64_t i = 0; i < count; ++i) tiles.push_back({i * 640, (i + 1) * 640});
  return tiles;
}

struct Outcome {
  std::vector<Tile> evaluated;  // in the order of completion
  std::vector<int> tiles;       // per rank
  double finished = 0;          // virtual seconds
};

// Ranks in virtual time: rank r needs seconds[r] per tile. A worker asks for the next tile when it starts one, rank 0 when
// it has finished one, as share_tiles does.
Outcome simulate(std::vector<Tile> open, const std::vector<double>& seconds) {
  Leases leases(std::move(open));
  const int ranks = static_cast<int>(seconds.size());
  std::vector<std::optional<Tile>> running(seconds.size()), next(seconds.size());
  using Event = std::pair<double, int>;  // a rank is free at this time
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events;
  for (int rank = 0; rank < ranks; ++rank) {
    if (rank > 0) next[static_cast<std::size_t>(rank)] = leases.next(rank);
    events.push({0.0, rank});
  }
  Outcome outcome;
  while (!events.empty()) {
    const auto [now, rank] = events.top();
    events.pop();
    const auto r = static_cast<std::size_t>(rank);
    if (running[r]) outcome.evaluated.push_back(*running[r]);
    outcome.finished = now;
    running[r] = rank > 0 ? next[r] : leases.next(0);
    if (!running[r]) continue;
    if (rank > 0) next[r] = leases.next(rank);
    events.push({now + seconds[r], rank});
  }
  outcome.tiles = leases.handed_out(ranks);
  return outcome;
}

}  // namespace

TEST_CASE("every tile is evaluated exactly once, on 1 to 64 ranks") {
  for (int ranks = 1; ranks <= 64; ++ranks) {
    for (const std::size_t count : {std::size_t{1}, std::size_t{63}, std::size_t{500}}) {
      INFO("ranks " << ranks << ", tiles " << count);
      std::vector<double> seconds;
      for (int rank = 0; rank < ranks; ++rank) seconds.push_back(1 + 0.37 * (rank * 7 % 5));
      Outcome outcome = simulate(make_tiles(count), seconds);
      std::sort(outcome.evaluated.begin(), outcome.evaluated.end());
      CHECK(outcome.evaluated == make_tiles(count));
      int sum = 0;
      for (const int tiles : outcome.tiles) sum += tiles;
      CHECK(sum == static_cast<int>(count));
    }
  }
}

TEST_CASE("a rank ten times slower gets under a fifth of an equal share") {
  for (const int ranks : {2, 4, 8, 16, 64}) {
    for (const int slow : {0, 1, ranks - 1}) {
      const std::size_t count = static_cast<std::size_t>(ranks) * 100;
      std::vector<double> seconds(static_cast<std::size_t>(ranks), 1.0);
      seconds[static_cast<std::size_t>(slow)] = 10.0;
      const Outcome outcome = simulate(make_tiles(count), seconds);
      INFO("ranks " << ranks << ", slow rank " << slow << " got " << outcome.tiles[static_cast<std::size_t>(slow)] << " of "
                    << count);
      CHECK(outcome.tiles[static_cast<std::size_t>(slow)] < 20);
      // All is over when the work was spread by speed, give or take the slow rank's tile in hand and the one it had asked
      // for.
      const double ideal = static_cast<double>(count) / (ranks - 1 + 0.1);
      CHECK(outcome.finished < ideal + 2 * 10.0);
    }
  }
}

TEST_CASE("nothing is handed out after stop") {
  Leases leases(make_tiles(10));
  CHECK(leases.next(3) == Tile{0, 640});
  CHECK(!leases.exhausted());
  leases.stop();
  CHECK(leases.exhausted());
  CHECK(!leases.next(3));
  CHECK(leases.handed_out(4) == std::vector<int>{0, 0, 0, 1});
}

TEST_CASE("no tiles: nothing to do") {
  Leases leases({});
  CHECK(leases.exhausted());
  CHECK(!leases.next(0));
}

}  // namespace tailcube
