#pragma once
// What a run will cost: arithmetic on a plan and on a few tiles that were timed. No clock is read here.
#include <cstdint>
#include <vector>

#include "src/engine/engine.h"

namespace tailcube {

struct Estimate {  // low and high: a 95 % interval, or bounds where the field says so
  double value = 0, low = 0, high = 0;
  friend Estimate operator*(Estimate e, double factor) { return {e.value * factor, e.low * factor, e.high * factor}; }
  friend Estimate operator+(Estimate a, Estimate b) { return {a.value + b.value, a.low + b.low, a.high + b.high}; }
};
// The mean of independent equal measurements with Student's interval; one measurement has no interval (0 and infinity).
Estimate mean_of(const std::vector<double>& measured);

// What was measured on one core of one machine, with one thread. Seconds are CPU seconds unless they say wall.
struct Calibration {
  std::uint64_t scenarios = 0;                       // evaluated, in every cell
  std::vector<double> seconds_per_scenario;          // all cells together, by tile
  double start_seconds = 0, start_wall_seconds = 0;  // loading the program, reading and compiling the job
  double sort_seconds = 0, pass_seconds = 0;         // the tails of all cells; the tallies from one rank to another's, added
  double encode_seconds = 0, merge_seconds = 0;      // sorted tallies to the bytes of a file; from a file's and added up
  double estimate_seconds = 0, build_seconds = 0;    // from tallies to estimates, to the bytes of a cube
  double second_look_seconds = 0;                    // at the tails of all cells, for contributions
  std::size_t tally_bytes = 0;                       // of all cells, as bytes
  std::uint64_t half_scenarios = 0;                  // and as they were after about half of the scenarios
  std::size_t half_tally_bytes = 0;
  std::size_t cube_bytes = 0;  // of the cube of these scenarios alone
  double shortfall_error = 0;  // relative, as in src/cube/precision.h; 0: it has none
};

struct Layout {
  int ranks = 1, threads = 1;  // of each rank; a core for each thread
  int ranks_per_node = 1;
  int nodes() const { return (ranks + ranks_per_node - 1) / ranks_per_node; }
};

// Taken, not measured.
inline constexpr double network_bytes_per_second = 1e9, storage_bytes_per_second = 2e8;

// The size of the tallies of all cells after `scenarios`, as bytes: a checkpoint, a shard, the .tally beside a cube. The
// lists of the worst scenarios are counted, what else there is grows by the measured bytes with every doubling (low: not at
// all, high: twice as fast). Where the calibration grew by less than its lists should, some of them do not grow any more:
// then the share that did (low: a fifth less, high: all).
Estimate tally_file_bytes(const Job&, const CompiledBook&, const Calibration&, std::uint64_t scenarios);
// What it can never exceed.
double tally_file_bound(const Job&, const CompiledBook&);
// The relative standard error of expected shortfall with the job's scenarios: it falls with the root of their number. low
// and high: as uncertain as the error of a tail that falls off exponentially, estimated from the scenarios beyond the
// highest confidence. All 0 where there were fewer than 10 of them.
Estimate shortfall_error(const Job&, const Calibration&);
// The size of the cube: as measured, 2 % more with every doubling of the scenarios (low: none, high: 4 %, and 3 % to either
// side), and what the listed worst scenarios take that the calibration did not reach.
Estimate cube_file_bytes(const Job&, const Calibration&);

struct Forecast {
  Layout layout;
  Estimate evaluate_seconds;  // CPU, of all ranks
  // The same of the second look, which grows as the scenarios do; low and high: a quarter less and more, for the number of
  // scenarios that several tails have in common is measured on few.
  Estimate second_look_seconds;
  Estimate cpu_seconds;              // of all ranks, from start to end
  Estimate tally_bytes, cube_bytes;  // as above
  double tally_bytes_bound = 0;
  // Wall clock. Start, reading and compiling happen on all ranks at once; evaluating is shared out evenly up to one tile;
  // merging is shared out by slices, with messages at network_bytes_per_second, which rank 0 collects; rank 0 alone
  // estimates and writes.
  Estimate start_wall, evaluate_wall, merge_wall, finish_wall, wall_seconds;
  double efficiency = 0;          // what evaluating and the second look would take on all cores / wall_seconds
  double checkpoint_seconds = 0;  // what one costs a run: merged and written at storage_bytes_per_second
};
Forecast forecast(const Job&, const CompiledBook&, const Plan&, const Calibration&, const Layout&);

// The most ranks (1, 2, 4, ..., whole nodes from one node on) of at least this efficiency that have `tiles_each` tiles of a
// block per thread or more to share.
int suggested_ranks(const Job&, const CompiledBook&, const Plan&, const Calibration&, Layout, double efficiency = 0.9);
// To ask a batch system for: one and a half times the longest expected and five minutes, in steps of five minutes, at most a
// day (a run goes on from its checkpoint in the next job).
double suggested_wall_limit(const Forecast&);
// Between checkpoints: a hundred times what one costs, so that they cost at most 1 %; whole minutes, 10 (as `run` does by
// itself) to 60.
double suggested_checkpoint_interval(const Forecast&);

}  // namespace tailcube
