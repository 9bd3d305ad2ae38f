// A run from beginning to end, and what it leaves.
#include "src/app/run.h"

#include <spdlog/spdlog.h>

#include <iostream>

#include "hpc/cube_file.h"
#include "src/app/commands.h"
#include "src/app/exit_codes.h"
#include "src/app/failure.h"
#include "src/app/lost_rank.h"
#include "src/report/table.h"

namespace tailcube {

int Run::operator()() {
  record_.started = utc_now();
  record_.watts_per_core = options_.watts_per_core;
  watch_ranks(world_, options_.patience_seconds, checkpoint_files_);
  try {
    read();
    prepare();
    if (options_.dry_run) {
      if (leads()) std::cout << plan_.explanation;
      return exit_code::ok;
    }
    if (shard_is_there()) return exit_code::ok;
    open_output();
    resume();
    evaluate();
    split_shortfall();
    conclude();
  } catch (const Stop& stop) {
    record(stop.exit_code, stop.text);
    throw;
  } catch (const WorkRefused& e) {                 // on every rank
    if (leads()) output_->checkpoints().remove();  // of a job that cannot be completed
    record(exit_code::invalid, e.what());
    meet(world_, {exit_code::invalid, e.what()});
  } catch (const WorkFailed& e) {  // on every rank
    record(work_failure_, e.what());
    meet(world_, {work_failure_, e.what()});
  }
  record(exit_code::ok, {});
  if (leads()) output_->checkpoints().remove();
  if (leads() && !options_.quiet && !is_shard()) write_table(std::cout, cube_);
  return exit_code::ok;
}

void Run::conclude() {
  clock_.start("write");
  meet(world_, attempt([&] {
         if (!leads()) return;
         conclude_tally();
         if (is_shard()) return;
         cube_ = estimator_->finish();
         if (!quarantine_.empty()) add_quarantine(cube_, job_, quarantine_, fault_count_);
         write_cube(output_->cube(), job_, cube_);
         record_.cube_bytes = std::filesystem::file_size(output_->cube());
         record_.shortfall = shortfall_error(cube_);
         if (record_.shortfall.cell >= 0)
           record_.shortfall_cell = cube_.cells[static_cast<std::size_t>(record_.shortfall.cell)];
       }));
}

// Every rank calls it once there is an output folder, however the run ended.
void Run::record(int exit_code, const std::string& message) {
  if (!recording_) return;
  clock_.stop();
  record_.costs = gather_costs(world_, clock_, energy_);
  const bool stopped = exit_code == exit_code::stopped || exit_code == exit_code::interrupted;
  record_.status = exit_code == exit_code::ok ? "complete" : stopped ? "stopped" : "failed";
  record_.exit_code = exit_code;
  if (checkpoint_) record_.checkpoints = checkpoint_->cost();
  record_.message = message;
  const Failure failure = attempt([&] {
    if (leads()) write_run_record(output_->record(), record_);
  });
  if (exit_code != exit_code::ok) return;
  if (leads()) spdlog::info(cost_line(record_));
  meet(world_, failure);
}

int run_command(Communicator& world, const Options& options) { return Run(world, options)(); }

}  // namespace tailcube
