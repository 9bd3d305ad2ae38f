// What sharing tiles out costs, with tiles that do nothing: leases_bench [TILES [RATE]], alone and under mpirun. RATE: all
// ranks together are to do so many tiles a second, by sleeping through them; 0 (the default): as many as they can. CPU
// microseconds of each rank, and for each tile of all ranks; at 1 000 tiles a second 10 of them are 1 % of a core.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <thread>

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
  const double rate = count > 2 ? std::strtod(words[2], nullptr) : 0;
  std::vector<Tile> all;
  for (std::uint64_t i = 0; i < tiles; ++i) all.push_back({i * lanes, (i + 1) * lanes});
  LeaseHooks hooks;
  hooks.evaluate = [&](Tile tile, const Poll& poll) {
    if (rate > 0) std::this_thread::sleep_for(std::chrono::duration<double>(world->size() / rate));
    return poll() ? tile.end - tile.begin : 0;
  };
  LeaseCount lease_count;
  world->broadcast({});
  const auto begin = std::chrono::steady_clock::now();
  const double start = cpu_now();
  share_tiles(*world, all, hooks, lease_count);
  const double mine[2] = {cpu_now() - start, static_cast<double>(lease_count.tiles)};
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
  double total = 0;
  const auto reports = world->gather(std::as_bytes(std::span(mine)));
  for (std::size_t rank = 0; rank < reports.size(); ++rank) {
    double theirs[2];
    std::memcpy(theirs, reports[rank].data(), sizeof theirs);
    total += theirs[0];
    std::printf("rank %zu: %.0f tiles, %.3f CPU seconds\n", rank, theirs[1], theirs[0]);
  }
  const double each = total / static_cast<double>(tiles);
  if (world->rank() == 0)
    std::printf(
        "%.0f tiles a second; %.3f CPU microseconds a tile, all ranks together: %.3f %% of a core at 1000 a second\n",
        static_cast<double>(tiles) / wall.count(), 1e6 * each, 1e5 * each);
}
