#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <memory>
#include <sstream>

#include "hpc/cube_file.h"
#include "hpc/energy.h"
#include "hpc/machine.h"
#include "hpc/signals.h"
#include "hpc/worker.h"
#include "src/app/commands.h"
#include "src/app/exit_codes.h"
#include "src/app/failure.h"
#include "src/app/logging.h"
#include "src/app/output_folder.h"
#include "src/app/progress.h"
#include "src/app/run_record.h"
#include "src/app/simd.h"
#include "src/input/input.h"
#include "src/report/money.h"
#include "src/report/table.h"

namespace tailcube {
namespace {

std::pair<std::size_t, std::size_t> two_numbers(const std::string& text) {
  std::istringstream in(text);
  std::size_t first = 0, second = 0;
  in >> first >> second;
  return {first, second};
}

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
  EnergyReading energy_;
};

int Run::operator()() {
  record_.started = utc_now();
  energy_ = read_energy();
  try {
    read();
    prepare();
    if (options_.dry_run) {
      if (leads()) std::cout << plan_.explanation;
      return exit_code::ok;
    }
    open_output();
    evaluate();
    conclude();
  } catch (const Stop& stop) {
    record(stop.exit_code, stop.text);
    throw;
  } catch (const WorkRefused& e) {  // on every rank
    record(exit_code::invalid, e.what());
    meet(world_, {exit_code::invalid, e.what()});
  } catch (const WorkFailed& e) {  // on every rank
    record(exit_code::internal, e.what());
    meet(world_, {exit_code::internal, e.what()});
  }
  record(exit_code::ok, {});
  if (leads() && !options_.quiet) write_table(std::cout, cube_);
  return exit_code::ok;
}

void Run::read() {
  clock_.start("read");
  Failure failure = attempt([&] { job_ = read_job(options_.input, options_.settings); });
  if (failure.exit_code == exit_code::ok) failure = signal_failure(signal_received());
  meet(world_, failure, job_.digest);
  if (leads())
    for (const std::string& warning : job_.warnings) spdlog::warn(warning);
}

void Run::prepare() {
  if (leads() && !options_.dry_run) {
    output_ = std::make_unique<OutputFolder>(options_.output.empty() ? std::filesystem::path(job_.name) : options_.output);
  }
  meet(world_, attempt([&] {
         if (output_) output_->check(options_.overwrite);
       }));
  clock_.start("compile");
  choose_resources();
  Failure failure = attempt([&] {
    credit_ = compile_credit(job_);
    compile_job();
  });
  if (failure.exit_code == exit_code::ok) failure = signal_failure(signal_received());
  meet(world_, failure);
}

void Run::compile_job() {
  book_ = std::make_unique<CompiledBook>(compile(job_, Detail::leaf, credit_));
  plan_ = make_plan(job_, *book_, memory_bytes_, world_.size(), planned_threads_);
}

// Ranks on unlike nodes must make the same plan: for the smallest memory and the most threads.
void Run::choose_resources() {
  const Machine machine = read_machine();
  const Placement placement = find_placement(world_, machine);
  const double share = options_.memory.share * static_cast<double>(machine.memory_bytes) / placement.ranks_here;
  const std::size_t limit = options_.memory.bytes != 0 ? options_.memory.bytes : static_cast<std::size_t>(share);
  threads_ = options_.threads != 0 ? options_.threads : default_threads(placement);
  std::size_t smallest = limit;
  int most = threads_;
  for (const std::string& text : gather(world_, std::to_string(limit) + " " + std::to_string(threads_))) {
    const auto [bytes, threads] = two_numbers(text);
    smallest = std::min(smallest, bytes);
    most = std::max(most, static_cast<int>(threads));
    record_.threads.push_back(static_cast<int>(threads));
  }
  const auto agreed = two_numbers(broadcast(world_, std::to_string(smallest) + " " + std::to_string(most)));
  memory_bytes_ = agreed.first;
  planned_threads_ = static_cast<int>(agreed.second);
  layout_ = layout_line(placement, threads_);
  const std::string warning = binding_warning(placement, threads_);
  if (leads() && !warning.empty()) spdlog::warn(warning);
}

void Run::open_output() {
  meet(world_, attempt([&] {
         if (!leads()) return;
         output_->create();
         log_to_file(output_->log(), options_);
       }));
  recording_ = true;
  describe();
}

// To the log and to run.json: what will be done, with what.
void Run::describe() {
  record_.job = job_.name;
  record_.digest = job_.digest;
  record_.sampler = job_.credit.sampler == Sampler::sparse ? "sparse" : "per_obligor";
  record_.simd = simd_name();
  record_.seed = job_.seed;
  record_.scenarios = job_.scenarios;
  record_.cells = job_.cells.size();
  record_.obligors = job_.obligors.size();
  for (const PositionTable& table : job_.tables) record_.positions += table.positions.size();
  record_.steps_valued = job_.report_steps.size();
  record_.loss_unit = plan_.unit;
  record_.memory_budget_bytes = plan_.budget_bytes;
  record_.planned_bytes = plan_.total_bytes;
  if (!leads()) return;
  spdlog::info("{}: {} positions, {} obligors, {} scenarios in each of {} cells", job_.name,
               grouped(static_cast<double>(record_.positions)), grouped(static_cast<double>(record_.obligors)),
               grouped(static_cast<double>(record_.scenarios)), record_.cells);
  spdlog::info("{}; {}; at most {} of {} a rank", layout_, record_.simd, bytes_text(static_cast<double>(plan_.total_bytes)),
               bytes_text(static_cast<double>(plan_.budget_bytes)));
  spdlog::debug(plan_.explanation);
  for (const std::string& warning : compiled_warnings(job_, *book_)) spdlog::warn(warning);
}

void Run::evaluate() {
  clock_.start("evaluate");
  for (;;) {
    WorkReport report;
    const Ended ended = evaluate_once(report);
    record_.tiles = report.tiles;
    meet(world_, signal_failure(report.signal));
    if (ended == Ended::complete) break;
    take_out(report.faults);
  }
  if (!quarantine_.empty()) count_faults();
}

Ended Run::evaluate_once(WorkReport& report) {
  WorkSettings settings;
  settings.threads = threads_;
  settings.stop = signal_received;
  if (world_.rank() == options_.slow_rank) settings.slow_down = options_.slow_factor;
  ProgressReport progress(options_);
  if (leads()) {
    estimator_ = std::make_unique<Estimator>(job_, *book_);
    settings.progress = [&progress](const Progress& p) { progress(p); };
  }
  return work(*book_, job_, plan_, world_, settings, estimator_.get(), report);
}

// Every rank finds the same positions to blame, for the same faults. What is left is evaluated again from the start: the
// loss unit may have changed.
void Run::take_out(const FaultLog& faults) {
  constexpr int most_rounds = 20;
  meet(world_, attempt([&] {
         if (++record_.quarantine_rounds > most_rounds)
           throw InvalidJob({"after " + std::to_string(most_rounds) + " rounds of quarantine there still are positions " +
                             "that cannot be valued: " + tailcube::describe(ValuationFault(faults), job_, *book_)});
         quarantine_.take_out(job_, *book_, credit_, faults, threads_);
         compile_job();
       }));
  if (!leads()) return;
  record_.loss_unit = plan_.unit;
  record_.planned_bytes = plan_.total_bytes;
  spdlog::info("{} positions cannot be valued and are left out; evaluating again", quarantine_.positions().size());
}

void Run::count_faults() {
  clock_.start("count_faults");
  WorkSettings settings;
  settings.threads = threads_;
  settings.stop = signal_received;
  const auto look = [&](const CompiledBook& part, const std::vector<double>& bound, FaultLog& faults) {
    WorkReport report;
    examine(part, bound, plan_.tiles, world_, settings, report);
    meet(world_, signal_failure(report.signal));
    faults = std::move(report.faults);
  };
  fault_count_ = quarantine_.count(job_, credit_, book_->unit, look);
  tell_quarantine();
}

// To run.json all of them, to the log the first.
void Run::tell_quarantine() {
  constexpr std::size_t logged = 20;
  for (const Quarantine::Position& p : quarantine_.positions())
    record_.quarantined.push_back({std::string(p.instrument->name), p.id, job_.nodes[static_cast<std::size_t>(p.leaf)].path,
                                   words(p.first.reason), job_.cells[static_cast<std::size_t>(p.first.cell)].name,
                                   p.first.scenario, quarantine_.share(p)});
  record_.quarantined_share = quarantine_.share(0);
  if (!leads()) return;
  const std::vector<QuarantinedRecord>& all = record_.quarantined;
  spdlog::warn("{} of {} positions, {} of the value today, cannot be valued and are left out of every number", all.size(),
               record_.positions, percent(record_.quarantined_share));
  for (std::size_t i = 0; i < std::min(all.size(), logged); ++i)
    spdlog::warn("quarantined: {} {} in {}: {} (scenario {} of cell \"{}\"; {} of the value)", all[i].instrument, all[i].id,
                 all[i].node, all[i].reason, all[i].scenario, all[i].cell, percent(all[i].share));
  if (all.size() > logged) spdlog::warn("quarantined: {} more, in run.json", all.size() - logged);
}

void Run::conclude() {
  clock_.start("write");
  meet(world_, attempt([&] {
         if (!leads()) return;
         cube_ = estimator_->finish();
         if (!quarantine_.empty()) add_quarantine(cube_, job_, quarantine_, fault_count_);
         write_cube(output_->cube(), job_, cube_);
         record_.cube_bytes = std::filesystem::file_size(output_->cube());
       }));
}

// Every rank calls it once there is an output folder, however the run ended.
void Run::record(int exit_code, const std::string& message) {
  if (!recording_) return;
  clock_.stop();
  record_.costs = gather_costs(world_, clock_);
  record_.node_joules = joules_between(energy_, read_energy());
  record_.status = exit_code == exit_code::ok ? "complete" : exit_code > exit_code::signalled ? "stopped" : "failed";
  record_.exit_code = exit_code;
  record_.message = message;
  const Failure failure = attempt([&] {
    if (leads()) write_run_record(output_->record(), record_);
  });
  if (exit_code == exit_code::ok) meet(world_, failure);
}

}  // namespace

int run_command(Communicator& world, const Options& options) { return Run(world, options)(); }

}  // namespace tailcube
