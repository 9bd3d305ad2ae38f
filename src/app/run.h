#pragma once
// What the run_*.cpp share.
#include <chrono>
#include <memory>

#include "hpc/checkpoint.h"
#include "hpc/energy.h"
#include "hpc/folder_lock.h"
#include "hpc/worker.h"
#include "src/app/exit_codes.h"
#include "src/app/options.h"
#include "src/app/output_folder.h"
#include "src/app/run_record.h"
#include "src/cube/cube.h"

namespace tailcube {

// One run on one rank, stage by stage. Every stage ends with a meeting of the ranks.
class Run {
 public:
  Run(Communicator& world, const Options& options) : world_(world), options_(options) {}
  int operator()();

 private:
  void read();
  void prepare();
  void choose_resources();
  void open_output();
  void describe();
  void compile_job();
  bool is_shard() const { return options_.shards > 0; }
  bool is_part() const { return is_shard() || !options_.extend.empty(); }
  void choose_part();
  void open_base();
  void check_base() const;
  bool shard_is_there();
  bool find_shard() const;
  void refuse_part(const FaultLog&);
  void open_tally();
  void deliver(CellRange, Tallies&&);
  void conclude_tally();
  PartialHeader header() const;
  void resume();
  void find_source();
  void check_source(const PartialHeader& mine) const;
  void tell_source() const;
  void evaluate();
  void open_checkpoint();
  Ended evaluate_once(WorkReport&);
  int stop_asked();
  void meet_stopped(int stop);
  void take_out(const FaultLog&);
  void count_faults();
  void split_shortfall();
  void tell_quarantine();
  void conclude();
  void record(int exit_code, const std::string& message);
  bool leads() const { return world_.rank() == 0; }

  Communicator& world_;
  const Options& options_;
  StageClock clock_;
  Job job_;
  CompiledCredit credit_;
  std::unique_ptr<CompiledBook> book_;
  std::unique_ptr<Estimator> estimator_;
  std::unique_ptr<OutputFolder> output_;
  std::shared_ptr<CheckpointFiles> checkpoint_files_ = std::make_shared<CheckpointFiles>("");  // of the folder, once known
  Cube cube_;
  Plan plan_;
  Quarantine quarantine_;
  std::vector<FaultLog> rounds_;                 // of quarantine, that are finished
  std::unique_ptr<FolderLock> lock_;             // at rank 0
  std::shared_ptr<const PartialReader> source_;  // at rank 0: what this run goes on with
  std::unique_ptr<Checkpoint> checkpoint_;       // at rank 0
  std::unique_ptr<PartialReader> base_;          // at rank 0: of --extend
  std::unique_ptr<PartialWriter> kept_;          // at rank 0: the .tally that this run leaves
  ScenarioSet split_, wanted_;                   // at rank 0: what shards share out, and what this run evaluates of it
  std::uint64_t part_scenarios_ = 0;             // how many those are
  int work_failure_ = exit_code::internal;       // how the run ends where delivering tallies fails
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  std::vector<std::int64_t> fault_count_;
  int threads_ = 1, planned_threads_ = 1;
  std::size_t memory_bytes_ = 0;
  std::string layout_;
  bool recording_ = false;  // there is an output folder
  RunRecord record_;
  EnergyMeter energy_;
};

}  // namespace tailcube
