#pragma once
// run.json: what a run was and what it cost. Timings are here and never in the cube.
#include <filesystem>
#include <string>
#include <vector>

#include "hpc/checkpoint.h"
#include "hpc/communicator.h"
#include "hpc/energy.h"
#include "src/cube/precision.h"
#include "src/model/model.h"

namespace tailcube {

struct StageTime {
  std::string name;
  double wall_seconds = 0, cpu_seconds = 0;
};
// Cuts a rank's time into stages, one after the other; CPU time of all its threads.
class StageClock {
 public:
  void start(const std::string& name);  // ends the stage before
  void stop();
  const std::vector<StageTime>& stages() const { return stages_; }

 private:
  std::vector<StageTime> stages_;
  double wall_ = 0, cpu_ = 0;
  bool running_ = false;
};

// What one rank reports when a run ends.
struct RankCost {
  std::vector<StageTime> stages;
  double cpu_seconds = 0;
  std::size_t peak_bytes = 0;
  std::string host;
  double node_joules = 0;  // of its node, whoever used them; NaN: unreadable
};
// Collective: every rank's costs at rank 0, in the order of ranks; empty elsewhere.
std::vector<RankCost> gather_costs(Communicator&, const StageClock&, EnergyMeter&);

struct QuarantinedRecord {  // a position that was left out, and the first fault looked at
  std::string instrument, id, node, reason, cell;
  std::uint64_t scenario;
  double share;  // of the value today
};

struct RunRecord {
  std::string status = "failed";  // complete, failed, stopped
  int exit_code = 70;
  std::string message;                        // why it failed; empty otherwise
  std::string job, digest, sampler, started;  // started: UTC, ISO 8601
  std::string job_file;                       // where it lay, absolute: what `replay` looks for
  std::string simd;
  std::uint64_t seed = 0, scenarios = 0, cells = 0, obligors = 0, positions = 0, steps_valued = 0;
  double loss_unit = 0;
  std::vector<int> threads, tiles;  // per rank
  std::size_t memory_budget_bytes = 0, planned_bytes = 0;
  std::string shard, scenarios_wanted;  // "3/16"; of a part of the job: "0-4095, 8192-9999"
  int quarantine_rounds = 0;            // evaluations that ended in taking positions out
  std::vector<QuarantinedRecord> quarantined;
  double quarantined_share = 0;                                       // of the value today, each position without its sign
  std::uint64_t scenario_cells_done = 0, scenario_cells_resumed = 0;  // of scenarios x cells; the second: by earlier runs
  Checkpoint::Cost checkpoints;
  std::size_t cube_bytes = 0;                      // 0: none was written
  double watts_per_core = default_watts_per_core;  // for the estimate where energy cannot be read
  ShortfallError shortfall;                        // of the cube that was written
  std::string shortfall_cell;
  std::vector<RankCost> costs;
};
Energy energy_of(const RunRecord&);
// "67.2 CPU seconds, at most 163.00 MB a rank, 0.093 Wh (estimated, 5 W a core)"
std::string cost_line(const RunRecord&);
// What the record says of the job alone, which was read from this file.
void record_job(RunRecord&, const Job&, const std::filesystem::path&);
std::string to_json(const RunRecord&);
// Written as X.part, synced and renamed; throws FileError.
void write_run_record(const std::filesystem::path&, const RunRecord&);
std::string utc_now();

}  // namespace tailcube
