#pragma once
// Evaluates the scenarios of a plan on all ranks and reduces the tallies to rank 0, in rounds: a round ends when a group of
// cells is complete, when a checkpoint is due, or when the work is to stop. Between rounds no rank but 0 holds anything.
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <vector>

#include "hpc/communicator.h"
#include "hpc/work_store.h"
#include "src/engine/engine.h"

namespace tailcube {

struct Progress {  // known to rank 0
  std::uint64_t scenario_cells_done, scenario_cells_total;
  std::uint64_t scenario_cells_before;  // of those done, the ones that were there at the start
};
struct WorkReport {  // on rank 0: one entry per rank
  std::vector<int> tiles, threads;
  std::vector<double> cpu_seconds;      // user + system, of all threads of the process, during work()
  std::vector<double> busy_seconds;     // wall clock while evaluating tiles
  std::vector<std::size_t> peak_bytes;  // resident memory of the process, highest so far
  int stop = 0;                         // on every rank: what stopped the work, as WorkSettings::stop says; 0 when complete
  FaultLog faults;                      // on every rank, of all ranks and cells; empty when complete
  Progress progress{0, 0, 0};           // on rank 0
};
enum class Ended { complete, stopped, faulty };

struct WorkSettings {
  int threads = 1;
  ScenarioSet wanted;                             // of each cell; known to rank 0
  std::function<void(const Progress&)> progress;  // called on rank 0, after tiles; may be empty
  std::function<int()> stop;                      // not 0: this rank is to stop, and why (a signal); may be empty
  double slow_down = 1;                           // tests: this rank idles so that a tile takes this many times longer
};

// What went wrong on one rank, thrown on every rank: "rank 3: ...".
class WorkFailed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
// What could not be valued, because of what the job says; thrown on every rank.
class WorkRefused : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Every rank calls it, with the same book and plan; `store` is null but on rank 0, where each group goes to finish() when it
// has what is wanted and to save() when it was due or the work stops. Groups are those of the plan, cut where cells differ
// in what the store has of them already. Ends the same way on every rank: complete, stopped (on any rank, report.stop),
// faulty (a job that quarantines: every scenario was looked at, what the store got is not to be used), by WorkRefused
// (naming the first fault in the order of scenario and cell, which does not depend on ranks, tiles, groups and restarts) or
// by WorkFailed. Tallies with faults are not saved.
Ended work(const CompiledBook&, const Job&, const Plan&, Communicator&, const WorkSettings&, WorkStore* store, WorkReport&);
// Looks for faults in all cells and tiles without tallies; report.faults tells. Ends like work().
Ended examine(const CompiledBook&, const std::vector<double>& bound, const std::vector<Tile>&, Communicator&,
              const WorkSettings&, WorkReport&);

}  // namespace tailcube
