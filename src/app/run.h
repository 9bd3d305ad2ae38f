#pragma once
// What the run_*.cpp share.
#include <memory>

#include "hpc/energy.h"
#include "hpc/worker.h"
#include "src/app/options.h"
#include "src/app/output_folder.h"
#include "src/app/run_record.h"

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
  void evaluate();
  Ended evaluate_once(WorkReport&);
  void take_out(const FaultLog&);
  void count_faults();
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
  Cube cube_;
  Plan plan_;
  Quarantine quarantine_;
  std::vector<std::int64_t> fault_count_;
  int threads_ = 1, planned_threads_ = 1;
  std::size_t memory_bytes_ = 0;
  std::string layout_;
  bool recording_ = false;  // there is an output folder
  RunRecord record_;
  EnergyMeter energy_;
};

}  // namespace tailcube
