// Run under mpirun by mpi.sh: each case checks itself on every rank and ends with exit code 0, or with the code it is about.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <map>
#include <stdexcept>
#include <thread>

#include "hpc/communicator.h"
#include "hpc/lease_loop.h"
#include "hpc/machine.h"
#include "hpc/reduce.h"
#include "hpc/signals.h"

namespace tailcube {
namespace {

using Kind = Verdict::Kind;

#define REQUIRE(condition) \
  if (!(condition)) throw std::runtime_error(std::string(#condition) + ", line " + std::to_string(__LINE__))

std::vector<std::byte> pattern(std::size_t length, int seed) {
  std::vector<std::byte> bytes(length);
  for (std::size_t i = 0; i < length; ++i)
    bytes[i] = static_cast<std::byte>((i * 31 + static_cast<std::size_t>(seed) * 7) >> (i % 5));
  return bytes;
}

void exchange(Communicator& c, std::size_t length) {
  if (c.size() == 1) return;
  const int next = (c.rank() + 1) % c.size(), previous = (c.rank() + c.size() - 1) % c.size();
  const auto mine = pattern(length, c.rank());
  // A ring in which even ranks send first, so that long messages, which wait for their receiver, do not wait for each other.
  const auto take = [&] {
    const Message message = c.receive(previous, Tag::text);
    REQUIRE(message.from == previous);
    REQUIRE(message.bytes == pattern(length, previous));
  };
  if (c.rank() % 2 == 0 && next != 0) c.send(next, Tag::text, mine);
  if (c.rank() % 2 != 0 || (c.rank() == 0 && c.size() % 2 == 0)) take();
  if (c.rank() % 2 != 0 || next == 0) {
    if (next == 0 && c.size() % 2 != 0) take();
    c.send(next, Tag::text, mine);
  } else if (c.rank() != 0) {
    take();
  }
  if (c.rank() == 0 && c.size() % 2 != 0) take();
}

// Messages of every length class, from all to rank 0 at once, in order; tags do not block each other; broadcast and gather.
void messages(Communicator& c) {
  REQUIRE(c.ranks_on_this_node() == c.size());
  for (const std::size_t length : {0ul, 1ul, 4095ul, 4096ul, 4097ul, 100'000ul, 3'000'001ul}) {
    c.broadcast({});  // otherwise a quick rank's next round comes before a slow rank's message
    if (c.rank() != 0) {
      c.send(0, Tag::lease_request, pattern(7, 99));
      c.send(0, Tag::text, pattern(length, c.rank()));
      continue;
    }
    std::map<int, int> seen;
    for (int i = 1; i < c.size(); ++i) {
      const Message message = c.receive(std::nullopt, Tag::text);
      REQUIRE(message.bytes == pattern(length, message.from));
      ++seen[message.from];
    }
    REQUIRE(static_cast<int>(seen.size()) == c.size() - 1);
    for (int i = 1; i < c.size(); ++i) REQUIRE(c.receive(i, Tag::lease_request).bytes == pattern(7, 99));
  }
  REQUIRE(!c.poll(Tag::lease));
  for (const std::size_t length : {0ul, 5ul, 50'000ul}) {
    REQUIRE(c.broadcast(c.rank() == 0 ? pattern(length, 5) : pattern(3, 3)) == pattern(length, 5));
    const auto all = c.gather(pattern(length, c.rank()));
    for (std::size_t r = 0; r < all.size(); ++r) REQUIRE(all[r] == pattern(length, static_cast<int>(r)));
    REQUIRE(all.size() == (c.rank() == 0 ? static_cast<std::size_t>(c.size()) : 0));
  }
}

// Every rank's tallies of its own losses: rank 0 gets what one rank folding all of them gets, and which scenarios they are.
void reduction(Communicator& c) {
  const Shape shape{1, 2, 2, 3, 2, 1};
  TallySettings settings;
  settings.keep = {99, 100, 1001, true};
  const auto fold = [&](Contribution& into, int rank) {
    std::vector<Units> losses(64);
    const std::uint64_t first = static_cast<std::uint64_t>(rank) * 64;
    if (!into.tallies) into.tallies.emplace(shape, settings);
    for (std::size_t t = 0; t < into.tallies->losses.size(); ++t) {
      for (std::size_t i = 0; i < losses.size(); ++i) {
        losses[i] =
            static_cast<Units>((i * 7919 + t * 104729 + static_cast<std::size_t>(rank) * 1299709) % 100'003) - 50'000;
      }
      into.tallies->losses[t].fold(losses, {}, first);
    }
    into.done.add({first, first + 64});
  };
  for (const bool only_odd : {false, true})  // a rank without a tile has no tallies
    for (const Kind kind : {Kind::fine, Kind::stopped, Kind::failed}) {
      Contribution mine;
      if (!only_odd || c.rank() % 2 == 1) fold(mine, c.rank());
      if (c.rank() == c.size() - 1) mine.verdict = {kind, kind == Kind::stopped ? SIGTERM : 0, ""};
      reduce(c, mine, 2);
      agree(c, mine.verdict);
      REQUIRE(mine.verdict.kind == kind && mine.verdict.signal == (kind == Kind::stopped ? SIGTERM : 0));
      REQUIRE(mine.tallies.has_value() == (c.rank() == 0 && kind != Kind::failed && (!only_odd || c.size() > 1)));
      if (c.rank() != 0) REQUIRE(mine.done.empty());
      if (!mine.tallies) continue;
      Contribution alone;
      for (int rank = c.size() - 1; rank >= 0; --rank) {
        if (!only_odd || rank % 2 == 1) fold(alone, rank);
      }
      REQUIRE(to_bytes(*mine.tallies) == to_bytes(*alone.tallies));
      REQUIRE(mine.done == alone.done);
    }
  Contribution other;  // cannot be merged
  other.tallies.emplace(Shape{1, c.rank() == 0 ? 2 : 1, 2, 3, 2, 1}, settings);
  reduce(c, other, 2);
  agree(c, other.verdict);
  REQUIRE((other.verdict.kind == Kind::failed) == (c.size() > 1));
  Contribution twice;  // nor can the same scenarios
  twice.done.add({0, 64});
  reduce(c, twice, 2);
  agree(c, twice.verdict);
  REQUIRE((twice.verdict.kind == Kind::failed) == (c.size() > 1));
}

std::vector<Tile> make_tiles(std::uint64_t count) {
  std::vector<Tile> tiles;
  for (std::uint64_t i = 0; i < count; ++i) tiles.push_back({i * 64, (i + 1) * 64});
  return tiles;
}

// Shares tiles that take `milliseconds`, polling every 20 of them; gathers how many each rank did, and which.
struct Shared {
  Verdict verdict;                     // after the reduction, the same on every rank
  std::vector<int> tiles;              // per rank, on rank 0
  std::map<std::uint64_t, int> times;  // how often each tile was evaluated, on rank 0
  std::uint64_t reported = 0;
  ScenarioSet done;  // on rank 0
};
Shared share(Communicator& c, std::uint64_t count, double milliseconds, LeaseHooks hooks,
             const std::function<void(int)>& in_tile = {}) {
  std::vector<std::uint64_t> mine;
  Shared result;
  hooks.evaluate = [&](Tile tile, const Poll& poll) -> std::uint64_t {
    const int polls = std::max(2, static_cast<int>(milliseconds / 20));
    for (int i = 0; i < polls; ++i) {
      std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(milliseconds / polls));
      if (in_tile) in_tile(static_cast<int>(mine.size()));
      if (!poll()) return 0;
    }
    mine.push_back(tile.begin);
    return tile.end - tile.begin;
  };
  hooks.done = [&](std::uint64_t scenarios) {
    REQUIRE(scenarios >= result.reported);
    result.reported = scenarios;
  };
  LeaseCount lease_count;
  result.verdict = share_tiles(c, make_tiles(count), hooks, lease_count);
  REQUIRE(lease_count.tiles == static_cast<int>(mine.size()));
  REQUIRE(lease_count.done.size() == 64 * mine.size());
  Contribution done{{}, lease_count.done, result.verdict};
  reduce(c, done, 2);
  agree(c, done.verdict);
  result.verdict = done.verdict;
  result.done = done.done;
  for (const auto& bytes : c.gather(std::as_bytes(std::span(mine)))) {
    result.tiles.push_back(static_cast<int>(bytes.size() / 8));
    for (std::size_t at = 0; at < bytes.size(); at += 8) {
      std::uint64_t begin = 0;
      std::memcpy(&begin, &bytes[at], 8);
      ++result.times[begin];
    }
  }
  return result;
}

void all_tiles_once(Communicator& c) {
  for (const std::uint64_t count : {0ul, 1ul, 2ul, 5ul, 200ul}) {
    const Shared shared = share(c, count, 0.2, {});
    REQUIRE(shared.verdict.kind == Kind::fine);
    if (c.rank() != 0) continue;
    REQUIRE(shared.times.size() == count);
    for (const auto& [begin, times] : shared.times) REQUIRE(times == 1);
    REQUIRE(shared.reported == count * 64);
  }
}

void slow_rank(Communicator& c) {
  for (const int slow : {0, c.size() - 1}) {
    LeaseHooks hooks;
    if (c.rank() == slow) hooks.slow_down = 10;
    const std::uint64_t count = 50 * static_cast<std::uint64_t>(c.size());
    const Shared shared = share(c, count, 4, hooks);
    if (c.rank() != 0) continue;
    std::printf("slow rank %d did %d of %d tiles\n", slow, shared.tiles[static_cast<std::size_t>(slow)],
                static_cast<int>(count));
    REQUIRE(shared.times.size() == count);
    if (c.size() > 2) REQUIRE(shared.tiles[static_cast<std::size_t>(slow)] < 10);
  }
}

// An exception on one rank: every rank hears of it, nobody waits, and not all of the work is done first.
void failure(Communicator& c, int failing) {
  failing = failing < 0 ? c.size() - 1 : failing;
  for (const int in_tile : {0, 2}) {
    const Shared shared = share(c, 10'000, 2, {}, [&](int tiles) {
      if (c.rank() == failing && tiles == in_tile) throw std::runtime_error("loss out of range");
    });
    REQUIRE(shared.verdict == (Verdict{Kind::failed, 0, "loss out of range"}));
    if (c.rank() == 0) REQUIRE(shared.times.size() < 1000);
  }
}

// A signal on one rank stops all, with its number; long tiles are left in the middle.
void signal_on(Communicator& c, int rank) {
  rank = rank < 0 ? c.size() - 1 : rank;
  watch_signals();
  LeaseHooks hooks;
  hooks.stop = signal_received;
  const auto start = std::chrono::steady_clock::now();
  const Shared shared = share(c, 10'000, 30'000, hooks, [&](int) {
    if (c.rank() == rank && signal_received() == 0) kill(getpid(), SIGTERM);
  });
  REQUIRE(shared.verdict == (Verdict{Kind::stopped, SIGTERM, ""}));
  REQUIRE(std::chrono::steady_clock::now() - start < std::chrono::seconds(10));
}

// A round that ends early: ranks leave their tiles, what they did of them is known, and the next round does the rest.
void rounds(Communicator& c) {
  ScenarioSet all, done;
  all.add({0, 200 * 640});
  int count = 0;
  for (;; ++count) {
    LeaseHooks hooks;
    int polls = 0;
    hooks.due = [&] { return ++polls > 60; };
    hooks.evaluate = [&](Tile tile, const Poll& poll) {
      std::uint64_t at = tile.begin;
      do {
        std::this_thread::sleep_for(std::chrono::microseconds(200));
        at += 64;
      } while (at < tile.end && poll());
      return at - tile.begin;
    };
    Contribution mine;
    LeaseCount lease_count;
    mine.verdict = share_tiles(c, all.without(done).tiles(640), hooks, lease_count);
    mine.done = lease_count.done;
    reduce(c, mine, 2);
    agree(c, mine.verdict);
    REQUIRE(mine.verdict == Verdict{});
    done.add(mine.done);  // throws if a scenario was done twice
    const auto left = c.broadcast(std::vector<std::byte>(c.rank() == 0 && done != all ? 1 : 0));
    if (left.empty()) break;
  }
  if (c.rank() == 0) std::printf("%d rounds\n", count + 1);
  REQUIRE(count > 2);
}

void placement(Communicator& c) {
  const Placement placed = find_placement(c, read_machine());
  REQUIRE(placed.ranks == c.size() && placed.nodes == 1 && placed.ranks_here == c.size());
  REQUIRE(placed.cores_here >= 1 && placed.cores_here <= placed.cores_allowed);
  if (c.rank() == 0) std::puts(layout_line(placed, default_threads(placed)).c_str());
}

// A rank stops for good; whoever waits, in whatever call, hears which, and all end.
void hang(Communicator& c, int hanging, const std::string& where) {
  hanging = hanging < 0 ? c.size() - 1 : hanging;
  c.watch(3.0, [&c](int lost) {
    std::fprintf(stderr, "gave up rank %d of %d\n", lost, c.size());
    c.abort(75);
  });
  c.broadcast({});
  if (c.rank() == hanging) raise(SIGSTOP);
  if (where == "tile") {
    share(c, 1000, 100, {});
  } else if (where == "gather") {
    c.gather(pattern(10, 1));
    c.broadcast({});
  } else if (where == "long_message") {
    for (int to = 0; to < c.size(); ++to)
      if (to != c.rank()) c.send(to, Tag::text, pattern(5'000'000, 1));
  }  // otherwise at the end of the program
}

// A tile and a wait that are longer than the patience are no reason to give a rank up.
void long_tile(Communicator& c) {
  c.watch(3.0, [&c](int) { c.abort(75); });
  const Shared shared = share(c, 1, 5000, {});
  REQUIRE(shared.verdict.kind == Kind::fine);
}

void run(Communicator& c, const std::string& name) {
  if (name == "messages") {
    messages(c);
    return exchange(c, 5'000'000);  // five parts
  }
  if (name == "reduction") return reduction(c);
  if (name == "all_tiles_once") return all_tiles_once(c);
  if (name == "slow_rank") return slow_rank(c);
  if (name == "rounds") return rounds(c);
  if (name == "failure") {
    failure(c, 0);
    return failure(c, -1);
  }
  if (name == "signal_on_0") return signal_on(c, 0);
  if (name == "signal_on_last") return signal_on(c, -1);
  if (name == "placement") return placement(c);
  if (name == "long_tile") return long_tile(c);
  if (name.starts_with("hang_")) {  // hang_on_RANK_in_WHERE
    return hang(c, name[8] == '0' ? 0 : -1, name.substr(name.find("_in_") + 4));
  }
  if (name == "abort") {
    if (c.rank() == c.size() - 1) c.abort(70);
    c.receive(std::nullopt, Tag::text);  // never comes
  }
  throw std::runtime_error("unknown case " + name);
}

}  // namespace
}  // namespace tailcube

int main(int argc, char** argv) {
  const auto communicator = tailcube::connect(argc, argv, std::size_t{1} << 20);
  try {
    if (argc < 3) throw std::runtime_error("usage: ranks_program CASE RANKS");
    if (communicator->size() != std::stoi(argv[2]))
      throw std::runtime_error("started with " + std::to_string(communicator->size()) + " ranks");
    tailcube::run(*communicator, argv[1]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "rank %d: %s\n", communicator->rank(), error.what());
    communicator->abort(1);
  }
  return 0;
}
