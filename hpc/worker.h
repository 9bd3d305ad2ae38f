#pragma once
// Evaluates all tiles of a plan on all ranks and reduces the tallies to rank 0.
#include <functional>

#include "hpc/communicator.h"
#include "src/cube/cube.h"

namespace tailcube {

struct Progress {
  std::uint64_t scenario_cells_done, scenario_cells_total;  // known to rank 0
};
struct WorkReport {            // on rank 0: one entry per rank
  std::vector<int> tiles, threads;
  std::vector<double> cpu_seconds, busy_seconds;
  std::vector<std::size_t> peak_bytes;
};
enum class Ended { complete, stopped };

struct WorkSettings {
  int threads = 1;
  std::function<void(const Progress&)> progress;   // called on rank 0
  std::function<bool()> stop;                      // a signal arrived on this rank
  double slow_down = 1;                            // tests: this rank idles so that a tile takes this many times longer
};
// The merged tallies of each group go to `estimator` on rank 0 (null elsewhere).
Ended work(const CompiledBook&, const Job&, const Plan&, Communicator&, const WorkSettings&, Estimator* estimator, WorkReport&);

}  // namespace tailcube
