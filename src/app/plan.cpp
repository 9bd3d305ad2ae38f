#include <chrono>
#include <cstdlib>
#include <iostream>
#include <memory>

#include "hpc/calibration.h"
#include "hpc/machine.h"
#include "hpc/signals.h"
#include "src/app/commands.h"
#include "src/app/exit_codes.h"
#include "src/app/failure.h"
#include "src/app/planning.h"
#include "src/engine/quarantine.h"
#include "src/input/input.h"
#include "src/report/money.h"

namespace tailcube {
namespace {

using Clock = std::chrono::steady_clock;

bool look_for_signal() {
  const Failure stop = stop_failure(signal_received());
  if (stop.exit_code != exit_code::ok) throw Stop{stop.exit_code, stop.text};
  return true;
}

}  // namespace

// Other nodes are taken to be like this one.
Layout choose_layout(const Communicator& world, const PlanOptions& wanted, int threads, const Machine& machine) {
  const bool as_started = wanted.ranks == 0 && world.size() > 1;
  const int cores = machine.online;
  Layout layout;
  layout.ranks = wanted.ranks != 0 ? wanted.ranks : world.size();
  layout.ranks_per_node = as_started ? world.ranks_on_this_node() : std::min(layout.ranks, cores);
  if (wanted.ranks_per_node != 0) layout.ranks_per_node = std::min(layout.ranks, wanted.ranks_per_node);
  layout.threads = threads;
  if (threads != 0) return layout;
  const char* set = std::getenv("OMP_NUM_THREADS");
  layout.threads = set != nullptr && std::atoi(set) > 0 ? std::atoi(set) : std::max(1, cores / layout.ranks_per_node);
  return layout;
}

Planned::Planned(const Communicator& world, const Options& options) {
  const auto start = Clock::now();
  const Machine machine = read_machine();
  layout = choose_layout(world, options.plan, options.threads, machine);
  const double share = options.memory.share * static_cast<double>(machine.memory_bytes) / layout.ranks_per_node;
  memory_bytes = options.memory.bytes != 0 ? options.memory.bytes : static_cast<std::size_t>(share);
  job = read_job(options.input, options.settings);
  credit = compile_credit(job);
  compile_job();
  start_bytes = peak_bytes();
  if (start_bytes > memory_bytes)
    throw InvalidJob({"reading and compiling the job took " + bytes_text(static_cast<double>(start_bytes)) +
                      ", --memory allows a rank " + bytes_text(static_cast<double>(memory_bytes)) + ": give more memory"});
  const double start_seconds = cpu_seconds(), start_wall = std::chrono::duration<double>(Clock::now() - start).count();
  if (options.plan.calibrate_seconds > 0) measure(options.plan.calibrate_seconds);
  calibration.start_seconds = start_seconds;
  calibration.start_wall_seconds = start_wall;
}

void Planned::compile_job() {
  book = std::make_unique<CompiledBook>(compile(job, Detail::leaf, credit));
  plan = make_plan(job, *book, memory_bytes, layout.ranks, layout.threads);
}

// Positions that cannot be valued leave a job that quarantines, as they would leave the run.
void Planned::measure(double seconds) {
  Quarantine quarantine;
  for (;;) {
    FaultLog faults;
    calibration = calibrate(job, *book, plan, seconds, look_for_signal, faults);
    if (faults.empty()) break;
    if (!job.quarantine) throw InvalidJob({describe(ValuationFault(faults), job, *book)});
    quarantine.take_out(job, *book, credit, faults, 1);
    compile_job();
  }
  if (const std::size_t out = quarantine.positions().size(); out > 0)
    notes.push_back(std::to_string(out) +
                    " position(s) cannot be valued and were left out. The run evaluates again after each such find, which "
                    "is not in its time.");
}

PlanReport Planned::report(const Options& options) const {
  PlanReport report{job, *book, plan, layout, start_bytes, options.watts_per_core, nullptr, notes};
  if (options.plan.calibrate_seconds > 0) report.calibration = &calibration;
  return report;
}

int with_plan(const Communicator& world, const Options& options, const std::function<void(const Planned&)>& action) {
  Failure failure;
  try {
    failure = attempt([&] { action(Planned(world, options)); });
  } catch (const Stop& stop) {
    failure = {stop.exit_code, stop.text};
  }
  if (failure.exit_code != exit_code::ok) log_error(failure.text);
  return failure.exit_code;
}

int plan_command(const Communicator& world, const Options& options) {
  return with_plan(world, options, [&](const Planned& planned) {
    if (options.plan.json)
      std::cout << plan_json(planned.report(options));
    else
      write_plan(std::cout, planned.report(options));
  });
}

}  // namespace tailcube
