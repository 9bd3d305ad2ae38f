// The stage of a run that evaluates the scenarios, again where positions have to be left out.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "hpc/contribute.h"
#include "hpc/signals.h"
#include "src/app/exit_codes.h"
#include "src/app/failure.h"
#include "src/app/progress.h"
#include "src/app/run.h"
#include "src/report/money.h"

namespace tailcube {

void Run::evaluate() {
  clock_.start("evaluate");
  if (leads()) {
    open_checkpoint();
    record_.scenario_cells_resumed = checkpoint_->scenario_cells();
  }
  for (;;) {
    WorkReport report;
    const Ended ended = evaluate_once(report);
    record_.tiles = report.tiles;
    record_.scenario_cells_done = report.progress.scenario_cells_done;
    if (ended == Ended::stopped) meet_stopped(report.stop);
    if (ended == Ended::complete) break;
    refuse_part(report.faults);
    take_out(report.faults);
    if (leads()) {
      record_.scenario_cells_resumed = 0;
      open_checkpoint();
      checkpoint_->save_header();
    }
  }
  if (!quarantine_.empty()) count_faults();
}

void Run::open_checkpoint() {
  Checkpoint::Settings settings;
  settings.every_seconds = 60 * options_.checkpoint_minutes;
  settings.exact = options_.checkpoint_exactly;
  // What comes after the last scenario takes its time, too: counting faults, and the second look at the tails.
  const bool looks = !is_shard() && !contribution_edges(job_).parents.empty();
  settings.last = job_.quarantine || (looks && (settings.every_seconds <= 0 || options_.max_hours > 0));
  if (!is_shard()) estimator_ = std::make_unique<Estimator>(job_, *book_);
  open_tally();
  const Checkpoint::Cost before = checkpoint_ ? checkpoint_->cost() : Checkpoint::Cost{};
  checkpoint_ = std::make_unique<Checkpoint>(
      output_->checkpoints(), header(), std::exchange(source_, nullptr), settings,
      [this](CellRange cells, Tallies&& tallies) { deliver(cells, std::move(tallies)); },
      [](const std::string& text) { spdlog::warn(text); });
  checkpoint_->add(before);
}

int Run::stop_asked() {
  energy_.look();
  if (const int signal = signal_received(); signal != 0) return signal;
  if (!leads() || options_.max_hours <= 0) return 0;
  const std::chrono::duration<double, std::ratio<3600>> hours = std::chrono::steady_clock::now() - started_;
  return hours.count() >= options_.max_hours ? time_limit : 0;
}

Ended Run::evaluate_once(WorkReport& report) {
  WorkSettings settings;
  settings.threads = threads_;
  settings.wanted = wanted_;
  settings.stop = [this] { return stop_asked(); };
  if (world_.rank() == options_.slow_rank) settings.slow_down = options_.slow_factor;
  ProgressReport progress(options_);
  settings.progress = [&progress](const Progress& p) { progress(p); };
  return work(*book_, job_, plan_, world_, settings, checkpoint_.get(), report);
}

// Rank 0 knows what was saved.
void Run::meet_stopped(int stop) {
  Failure failure;
  if (leads()) {
    const double saved = static_cast<double>(checkpoint_->scenario_cells());
    const double all = static_cast<double>(part_scenarios_) * static_cast<double>(job_.cells.size());
    failure = stop_failure(stop, "with " + percent(saved / all) + " of the scenarios in " +
                                     output_->checkpoints().latest.string() + "; the same command line goes on");
    if (!checkpoint_->on_disk()) {
      failure = stop_failure(stop);
      if (record_.scenario_cells_done > 0)
        failure = {exit_code::io, failure.text + " that could be saved: no checkpoint was written"};
    }
  }
  meet(world_, failure);
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
         rounds_.push_back(faults);
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
  settings.stop = [this] { return stop_asked(); };
  const auto look = [&](const CompiledBook& part, const std::vector<double>& bound, FaultLog& faults) {
    WorkReport report;
    examine(part, bound, plan_.tiles, world_, settings, report);
    if (report.stop != 0) meet_stopped(report.stop);
    faults = std::move(report.faults);
  };
  fault_count_ = quarantine_.count(job_, credit_, book_->unit, look);
  tell_quarantine();
}

// Contributions to expected shortfall, from a second look at the tails.
void Run::split_shortfall() {
  if (is_shard() || contribution_edges(job_).parents.empty()) return;
  clock_.start("contributions");
  WorkSettings settings;
  settings.threads = threads_;
  settings.stop = [this] { return stop_asked(); };
  int stop = 0;
  if (contribute(*book_, job_, world_, settings, estimator_.get(), stop) == Ended::complete) return;
  if (leads() && !checkpoint_->on_disk()) meet(world_, stop_failure(stop, "before the cube was written"));
  meet_stopped(stop);
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
