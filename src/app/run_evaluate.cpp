// The stage of a run that evaluates the scenarios, again where positions have to be left out.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "hpc/signals.h"
#include "src/app/failure.h"
#include "src/app/progress.h"
#include "src/app/run.h"
#include "src/report/money.h"

namespace tailcube {

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

}  // namespace tailcube
