#include "hpc/worker.h"

#include <cstring>

#include "hpc/lease_loop.h"
#include "hpc/machine.h"
#include "hpc/reduce.h"

namespace tailcube {
namespace {

struct RankReport {
  int tiles, threads;
  double cpu_seconds, busy_seconds;
  std::size_t peak_bytes;
};

void collect(Communicator& communicator, const RankReport& mine, WorkReport& report) {
  const auto all = communicator.gather(std::as_bytes(std::span(&mine, 1)));
  for (const auto& bytes : all) {
    RankReport one{};
    std::memcpy(&one, bytes.data(), std::min(sizeof one, bytes.size()));
    report.tiles.push_back(one.tiles);
    report.threads.push_back(one.threads);
    report.cpu_seconds.push_back(one.cpu_seconds);
    report.busy_seconds.push_back(one.busy_seconds);
    report.peak_bytes.push_back(one.peak_bytes);
  }
}

// Everything a group's evaluation needs to know, the same for all groups.
struct Task {
  const CompiledBook& book;
  const Job& job;
  const Plan& plan;
  Communicator& communicator;
  const WorkSettings& settings;
  Estimator* estimator;
  Progress progress;
};

void deliver(const Task& task, CellRange group, std::optional<Tallies>& tallies, Verdict& verdict) {
  if (verdict.kind != Verdict::Kind::fine || task.estimator == nullptr) return;
  try {
    if (!tallies) tallies.emplace(tally_shape(task.job, task.book, group), tally_settings(task.job));
    task.estimator->add(group, std::move(*tallies));
  } catch (const std::exception& error) {
    verdict.merge({Verdict::Kind::failed, 0, error.what()});
  }
}

Verdict evaluate_group(Task& task, CellRange group, LeaseCount& count) {
  const auto cells = static_cast<std::uint64_t>(group.end - group.begin);
  const std::uint64_t before = task.progress.scenario_cells_done;
  // Made by the first tile, so that running out of memory is reported like any other failure, and a rank without a tile
  // needs none.
  std::optional<Tallies> tallies;
  std::optional<Evaluator> evaluator;
  LeaseHooks hooks;
  hooks.evaluate = [&](Tile tile, const std::function<void()>& poll) {
    if (!evaluator) {
      tallies.emplace(tally_shape(task.job, task.book, group), tally_settings(task.job));
      evaluator.emplace(task.book, group, task.settings.threads);
    }
    try {
      (*evaluator)(tile, *tallies, poll);
    } catch (const ValuationFault& fault) {
      throw Refused(describe(fault, task.job, task.book));
    }
  };
  hooks.stop = task.settings.stop;
  hooks.slow_down = task.settings.slow_down;
  hooks.done = [&](std::uint64_t scenarios) {
    task.progress.scenario_cells_done = before + scenarios * cells;
    if (task.settings.progress) task.settings.progress(task.progress);
  };
  Verdict verdict = share_tiles(task.communicator, task.plan.tiles, hooks, count);
  if (verdict.kind == Verdict::Kind::failed && task.communicator.size() > 1) {
    verdict.text = "rank " + std::to_string(task.communicator.rank()) + ": " + verdict.text;
  }
  evaluator.reset();
  reduce(task.communicator, tallies, verdict);
  deliver(task, group, tallies, verdict);
  agree(task.communicator, verdict);
  return verdict;
}

}  // namespace

Ended work(const CompiledBook& book, const Job& job, const Plan& plan, Communicator& communicator,
           const WorkSettings& settings, Estimator* estimator, WorkReport& report) {
  Task task{book, job, plan, communicator, settings, estimator, {0, 0}};
  for (const CellRange group : plan.groups) {
    for (const Tile tile : plan.tiles) {
      task.progress.scenario_cells_total += static_cast<std::uint64_t>(group.end - group.begin) * (tile.end - tile.begin);
    }
  }
  const double cpu_before = cpu_seconds();
  LeaseCount count;
  Verdict verdict;
  for (const CellRange group : plan.groups) {
    verdict = evaluate_group(task, group, count);
    if (verdict.kind == Verdict::Kind::refused) throw WorkRefused(verdict.text);
    if (verdict.kind == Verdict::Kind::failed) throw WorkFailed(verdict.text);
    if (verdict.kind == Verdict::Kind::stopped) break;
  }
  collect(communicator, {count.tiles, settings.threads, cpu_seconds() - cpu_before, count.busy_seconds, peak_bytes()},
          report);
  report.signal = verdict.signal;
  return verdict.kind == Verdict::Kind::stopped ? Ended::stopped : Ended::complete;
}

}  // namespace tailcube
