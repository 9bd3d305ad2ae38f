// A run on many ranks in virtual time: the real plan and the real leases, the messages of hpc/lease_loop.cpp and
// hpc/reduce.cpp, the costs of evaluating and merging measured here on the job given, the network by assumption. One line
// per number of ranks.
//   coordinator_sim JOB.toml [RANK0=seconds of rank 0 per request] [LATENCY=s] [BANDWIDTH=bytes/s] [DISK=bytes/s]
//   [MEMORY=bytes]
//                   [KEY=VALUE of the job ...]
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <optional>
#include <queue>
#include <random>
#include <string>
#include <utility>

#include "hpc/leases.h"
#include "kernels/tally/slices.h"
#include "src/engine/engine.h"
#include "src/input/input.h"

using namespace tailcube;

namespace {

double cpu_now() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

struct Costs {
  double tile = 0;            // seconds per tile, whatever its size
  std::vector<double> block;  // seconds of blocks, as they were measured
  double block_mean = 0, block_sd = 0;
  double merge = 0, collect = 0;  // seconds per byte of tallies: packed and added to others; packed and taken as they are
  double sort = 0, encode = 0;    // of tails; of sorted tallies to the bytes of a file
  double fixed_bytes = 0;         // of all tallies, without their tails
  double slots = 0;               // tallies
  Tail::Keep keep;
  double message_bytes(double scenarios) const {
    const double kept = std::min(scenarios, static_cast<double>(keep(static_cast<std::int64_t>(scenarios))));
    return fixed_bytes + slots * 12 * kept;
  }
};

struct Network {
  double request = 1.5e-6;  // rank 0, to take a request and send the answer
  double latency = 2e-6, bandwidth = 10e9, disk = 1e9;
  // How late a rank sees what it has waited for so long, hpc/communicator.h.
  static double late(double waited) { return std::clamp(waited / 8, 10e-6, 0.5e-3); }
};

// Tiles of one block and of many, of all cells of the first group.
Costs measure(const Job& job, const CompiledBook& book, CellRange group) {
  Costs costs;
  const Shape shape = tally_shape(job, book, group);
  const TallySettings settings = tally_settings(job);
  Tallies tallies(shape, settings);
  Evaluator evaluate(book, group, 1);
  const auto timed = [&](Tile tile) {
    const double start = cpu_now();
    evaluate(tile, tallies, {});
    return cpu_now() - start;
  };
  constexpr std::uint64_t singles = 96, many = 16, repeats = 4;
  std::uint64_t at = 0;
  timed({at, at + lanes});
  at += lanes;
  std::vector<double> single;
  for (std::uint64_t i = 0; i < singles; ++i, at += lanes) single.push_back(timed({at, at + lanes}));
  double long_tiles = 0;
  for (std::uint64_t i = 0; i < repeats; ++i, at += many * lanes) long_tiles += timed({at, at + many * lanes});
  double mean = 0;
  for (const double s : single) mean += s / singles;
  costs.block_mean = std::min(mean, (long_tiles / repeats - mean) / (many - 1));
  costs.tile = mean - costs.block_mean;
  for (const double s : single) {
    costs.block.push_back(std::max(0.0, s - costs.tile));
    costs.block_sd += (s - mean) * (s - mean) / (singles - 1);
  }
  costs.block_sd = std::sqrt(costs.block_sd);

  const Slice all;
  double start = 0;
  const auto used = [&] { return cpu_now() - std::exchange(start, cpu_now()); };
  std::optional<Tallies> sum(tallies), empty;
  used();
  std::vector<std::byte> bytes = take_slice(tallies, all, 1);
  const double pack = used();
  add_slice(sum, bytes, 1);
  costs.merge = pack + used();
  add_slice(empty, bytes, 1);
  costs.collect = pack + used();
  sort_tails(*empty, all, 1);
  costs.sort = used();
  bytes = to_bytes(*empty);
  costs.encode = used();
  for (double* cost : {&costs.merge, &costs.collect, &costs.sort, &costs.encode}) *cost /= static_cast<double>(bytes.size());
  costs.keep = settings.keep;
  costs.slots = static_cast<double>(shape.losses());
  const auto seen = static_cast<double>(at);
  costs.fixed_bytes = static_cast<double>(bytes.size()) -
                      costs.slots * 12 * std::min(seen, static_cast<double>(settings.keep(static_cast<std::int64_t>(at))));
  costs.fixed_bytes = std::max(costs.fixed_bytes, costs.slots * 64);
  return costs;
}

struct Outcome {
  double evaluated = 0;  // CPU seconds of all tiles
  double shared = 0;     // until every worker has left
  double waiting = 0;    // seconds of workers that had asked and had no answer yet, before the last tile was handed out
  double serving = 0;    // seconds of rank 0 with messages
  double ended = 0;      // until the verdict is known to all
};

// hpc/lease_loop.cpp. Rank 0 looks for requests after each of its blocks; a worker asks for its next tile when it starts
// one.
class Simulation {
 public:
  Simulation(const Costs& costs, const Network& net, std::vector<Tile> tiles, int ranks)
      : costs_(costs), net_(net), leases_(std::move(tiles)), ranks_(ranks), free_(static_cast<std::size_t>(ranks), 0.0) {}

  Outcome run() {
    for (int rank = 1; rank < ranks_; ++rank) arrivals_.push({net_.latency, rank, false});
    working_ = ranks_ - 1;
    while (const auto tile = leases_.next(0)) {
      const std::uint64_t blocks = blocks_of(*tile);
      now_ += costs_.tile;
      out_.evaluated += costs_.tile;
      for (std::uint64_t b = 0; b < blocks; ++b) {
        const double seconds = block_seconds();
        out_.evaluated += seconds;
        now_ += seconds;
        serve();
      }
    }
    while (working_ > 0) {
      const double waited = std::max(0.0, arrivals_.top().time - now_);
      now_ += waited + Network::late(waited);
      serve();
    }
    out_.shared = now_;
    finish();
    return out_;
  }

 private:
  struct Arrival {
    double time;
    int rank;
    bool leave;
    bool operator<(const Arrival& other) const { return time > other.time; }
  };
  static std::uint64_t blocks_of(Tile tile) { return (tile.end - tile.begin + lanes - 1) / lanes; }
  double block_seconds() { return costs_.block[random_() % costs_.block.size()]; }
  double tile_seconds(Tile tile) {
    const std::uint64_t blocks = blocks_of(tile);
    double seconds = costs_.tile;
    if (blocks <= 8) {
      for (std::uint64_t b = 0; b < blocks; ++b) seconds += block_seconds();
    } else {
      const auto n = static_cast<double>(blocks);
      seconds += std::max(0.5 * n * costs_.block_mean,
                          std::normal_distribution<>(n * costs_.block_mean, std::sqrt(n) * costs_.block_sd)(random_));
    }
    out_.evaluated += seconds;
    return seconds;
  }
  void serve() {
    while (!arrivals_.empty() && arrivals_.top().time <= now_) {
      const Arrival request = arrivals_.top();
      arrivals_.pop();
      now_ += net_.request;
      out_.serving += net_.request;
      if (request.leave) {
        --working_;
        continue;
      }
      double& busy_until = free_[static_cast<std::size_t>(request.rank)];
      const double arrives = now_ + net_.latency;
      const double waited = arrives - busy_until;
      const double taken = waited > 0 ? arrives + Network::late(waited) : busy_until;
      const auto tile = leases_.next(request.rank);
      if (tile) out_.waiting += taken - busy_until;
      arrivals_.push({taken + net_.latency, request.rank, !tile});
      busy_until = tile ? taken + tile_seconds(*tile) : taken;
    }
  }
  // Faults, then verdicts gathered and made known; tallies reduced; the verdict made known, reports gathered.
  void finish() {
    const double levels = std::ceil(std::log2(ranks_));
    const double small = net_.latency + net_.request;
    const double gathered = net_.latency + (ranks_ - 1) * net_.request;
    out_.serving += 3 * (ranks_ - 1) * net_.request;
    out_.ended = out_.shared + 3 * gathered + 3 * levels * small + reduction_;
  }

 public:
  // Half of the slices that a rank has are passed on while as much comes and is added, until it has one. That is sorted, and
  // rank 0 takes all of them.
  double reduce(double scenarios) {
    reduction_ = 0;
    double slices = 1;
    for (int ranks = ranks_; ranks > 1; ranks = (ranks + 1) / 2) {
      slices /= 2;
      const double bytes = slices * costs_.message_bytes(scenarios / ranks);
      reduction_ += 2 * (net_.latency + bytes / net_.bandwidth) + bytes * costs_.merge;
    }
    const double bytes = costs_.message_bytes(scenarios);
    reduction_ += bytes / ranks_ * costs_.sort;
    if (ranks_ > 1)
      reduction_ += (ranks_ - 1) * (net_.latency + net_.request) + bytes * (1 / net_.bandwidth + costs_.collect);
    return reduction_;
  }

 private:
  const Costs& costs_;
  const Network& net_;
  Leases leases_;
  int ranks_, working_ = 0;
  std::vector<double> free_;  // when each worker is free
  std::priority_queue<Arrival> arrivals_;
  std::mt19937_64 random_{1};
  double now_ = 0, reduction_ = 0;
  Outcome out_;
};

void line(Job job, const CompiledBook& book, const Costs& costs, const Network& net, std::size_t memory, int ranks,
          std::uint64_t scenarios) {
  job.scenarios = scenarios;
  Plan plan;
  try {
    plan = make_plan(job, book, memory, ranks, 1);
  } catch (const InvalidJob& e) {
    std::printf("%6d | %s\n", ranks, e.messages.front().c_str());
    return;
  }
  const std::size_t tiles = plan.tiles.size();
  Simulation simulation(costs, net, plan.tiles, ranks);
  const double reduction = simulation.reduce(static_cast<double>(scenarios));
  const Outcome out = simulation.run();
  const double checkpoint = costs.message_bytes(static_cast<double>(scenarios));
  std::printf(
      "%6d | %10.4g | %7zu x %5llu | %9.2f | %6.1f %% | %6.1f %% | %7.3f %% | %7.3f %% | %2d | %7.2f | %8.0f | %6.2f\n",
      ranks, static_cast<double>(scenarios), tiles, static_cast<unsigned long long>(plan.tile_scenarios), out.ended,
      100 * out.evaluated / (ranks * out.shared), 100 * out.evaluated / (ranks * out.ended), 100 * out.serving / out.ended,
      ranks > 1 ? 100 * out.waiting / ((ranks - 1) * out.shared) : 0.0, std::bit_width(static_cast<unsigned>(ranks - 1)),
      reduction, checkpoint / 1e6, reduction + checkpoint * (costs.encode + 1 / net.disk));
}

}  // namespace

int main(int count, char** words) {
  if (count < 2) return std::fputs("usage: coordinator_sim JOB.toml [NAME=VALUE ...]\n", stderr), 64;
  Network net;
  double memory = 4e9;
  const std::map<std::string, double*> own = {{"RANK0", &net.request},
                                              {"LATENCY", &net.latency},
                                              {"BANDWIDTH", &net.bandwidth},
                                              {"DISK", &net.disk},
                                              {"MEMORY", &memory}};
  std::vector<std::string> settings;
  for (int i = 2; i < count; ++i) {
    const std::string word = words[i];
    const auto found = own.find(word.substr(0, word.find('=')));
    if (found == own.end()) {
      settings.push_back(word);
    } else {
      *found->second = std::strtod(word.substr(word.find('=') + 1).c_str(), nullptr);
    }
  }
  const Job job = read_job(words[1], settings);
  const CompiledBook book = compile(job, Detail::leaf);
  const auto bytes = static_cast<std::size_t>(memory);
  const Plan plan = make_plan(job, book, bytes, 2, 1);
  const Costs costs = measure(job, book, plan.groups.front());
  std::printf(
      "measured: a block %.3g ms (sd %.2g), a tile beyond its blocks %.3g ms; a byte of tallies %.3g ns to pass on and add, "
      "%.3g ns to collect, %.3g ns to sort, %.3g ns to encode\n",
      1e3 * costs.block_mean, 1e3 * costs.block_sd, 1e3 * costs.tile, 1e9 * costs.merge, 1e9 * costs.collect,
      1e9 * costs.sort, 1e9 * costs.encode);
  std::printf(
      "assumed: rank 0 %.3g us a request, %.3g us latency, %.3g GB/s, disk %.3g GB/s; %.3g GB a rank, %zu group(s)\n",
      1e6 * net.request, 1e6 * net.latency, net.bandwidth / 1e9, net.disk / 1e9, memory / 1e9, plan.groups.size());
  const char* title =
      " ranks |  scenarios | tiles x scenarios | seconds | sharing | whole | rank 0 serves | workers wait | levels | "
      "reduction s | "
      "checkpoint MB | s";
  for (const bool grows : {false, true}) {
    std::printf("\n%s\n%s\n",
                grows ? "about five minutes a rank, however many" : "the job's scenarios, on more and more ranks", title);
    const auto rate = static_cast<double>(lanes) / costs.block_mean;  // scenarios a second, all cells
    for (const int ranks : {1, 2, 4, 8, 16, 64, 256, 1024, 4096, 10'000}) {
      const double wanted = std::min(4.2e9, 300.0 * rate * ranks);
      line(job, book, costs, net, bytes, ranks, grows ? static_cast<std::uint64_t>(wanted) : job.scenarios);
    }
  }
}
