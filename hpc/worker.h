#pragma once
// Evaluates all tiles of a plan on all ranks and reduces the tallies to rank 0.
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <vector>

#include "hpc/communicator.h"
#include "src/cube/cube.h"

namespace tailcube {

struct Progress {
  std::uint64_t scenario_cells_done, scenario_cells_total;  // known to rank 0
};
struct WorkReport {  // on rank 0: one entry per rank
  std::vector<int> tiles, threads;
  std::vector<double> cpu_seconds;      // user + system, of all threads of the process, during work()
  std::vector<double> busy_seconds;     // wall clock while evaluating tiles
  std::vector<std::size_t> peak_bytes;  // resident memory of the process, highest so far
  int signal = 0;                       // on every rank: what stopped the work, 0 when complete
  FaultLog faults;                      // on every rank, of all ranks and cells; empty when complete
};
enum class Ended { complete, stopped, faulty };

struct WorkSettings {
  int threads = 1;
  std::function<void(const Progress&)> progress;  // called on rank 0, after tiles; may be empty
  std::function<int()> stop;                      // the signal that arrived on this rank, 0: none; may be empty
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

// Every rank calls it, with the same book and plan. The merged tallies of each group go to `estimator` on rank 0 (null
// elsewhere). Ends the same way on every rank: complete, stopped (a signal on any rank, report.signal), faulty (a job that
// quarantines: every scenario was looked at, the estimator is not to be used), by WorkRefused (naming the first fault in the
// order of scenario and cell, which does not depend on ranks, tiles and groups) or by WorkFailed. The groups that were
// finished before a stop are in the estimator.
Ended work(const CompiledBook&, const Job&, const Plan&, Communicator&, const WorkSettings&, Estimator* estimator,
           WorkReport&);
// Looks for faults in all cells and tiles without tallies; report.faults tells. Ends like work().
Ended examine(const CompiledBook&, const std::vector<double>& bound, const std::vector<Tile>&, Communicator&,
              const WorkSettings&, WorkReport&);

}  // namespace tailcube
