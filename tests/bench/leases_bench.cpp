// What sharing tiles out costs, with tiles that do nothing: leases_bench [TILES], alone and under mpirun. CPU microseconds
// of each rank, and for each tile of all ranks; at 1 000 tiles a second 10 of them are 1 % of a core.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "hpc/communicator.h"
#include "hpc/lease_loop.h"

using namespace tailcube;

namespace {

double cpu_now() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

}  // namespace

int main(int count, char** words) {
  const auto world = connect(count, words);
  const std::uint64_t tiles = count > 1 ? std::strtoull(words[1], nullptr, 10) : 200'000;
  std::vector<Tile> all;
  for (std::uint64_t i = 0; i < tiles; ++i) all.push_back({i * lanes, (i + 1) * lanes});
  LeaseHooks hooks;
  hooks.evaluate = [](Tile tile, const Poll& poll) { return poll() ? tile.end - tile.begin : 0; };
  LeaseCount lease_count;
  world->broadcast({});
  const double start = cpu_now();
  share_tiles(*world, all, hooks, lease_count);
  const double mine[2] = {cpu_now() - start, static_cast<double>(lease_count.tiles)};
  double total = 0;
  const auto reports = world->gather(std::as_bytes(std::span(mine)));
  for (std::size_t rank = 0; rank < reports.size(); ++rank) {
    double theirs[2];
    std::memcpy(theirs, reports[rank].data(), sizeof theirs);
    total += theirs[0];
    std::printf("rank %zu: %.0f tiles, %.3f CPU seconds\n", rank, theirs[1], theirs[0]);
  }
  if (world->rank() == 0)
    std::printf("%.3f CPU microseconds a tile, all ranks together: %.3f %% of a core at 1000 tiles a second\n",
                1e6 * total / static_cast<double>(tiles), 1e5 * total / static_cast<double>(tiles));
}
