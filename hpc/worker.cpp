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

// Every rank's faults, on every rank.
void exchange(Communicator& communicator, FaultLog& faults) {
  FaultLog all;
  for (const auto& bytes : communicator.gather(faults.to_bytes())) all.merge(FaultLog::from_bytes(bytes));
  faults = FaultLog::from_bytes(communicator.broadcast(all.to_bytes()));
}

constexpr std::uint64_t no_limit = ~std::uint64_t{0};
std::uint64_t first_scenario(const FaultLog& faults) { return faults.empty() ? no_limit : faults.first().second.scenario; }

// Where one fault ends the run, the first in the order of scenarios is looked for: nothing beyond it matters.
std::vector<Tile> tiles_before(std::uint64_t limit, const std::vector<Tile>& tiles) {
  std::vector<Tile> out;
  for (const Tile tile : tiles)
    if (tile.begin < limit) out.push_back(tile);
  return out;
}

// Shares the tiles out and tells every rank of all faults. `evaluate` adds to `faults`.
template <class Evaluate>
Verdict share(Communicator& communicator, const WorkSettings& settings, const std::vector<Tile>& tiles, LeaseHooks hooks,
              LeaseCount& count, FaultLog& faults, const Evaluate& evaluate) {
  FaultLog mine;
  hooks.evaluate = [&](Tile tile, const std::function<void()>& poll) { evaluate(tile, mine, poll); };
  hooks.stop = settings.stop;
  hooks.slow_down = settings.slow_down;
  if (hooks.limit) hooks.limit = [&mine] { return first_scenario(mine); };
  Verdict verdict = share_tiles(communicator, tiles, hooks, count);
  if (verdict.kind == Verdict::Kind::failed && communicator.size() > 1)
    verdict.text = "rank " + std::to_string(communicator.rank()) + ": " + verdict.text;
  exchange(communicator, mine);
  faults.merge(mine);
  return verdict;
}

Verdict evaluate_group(Task& task, CellRange group, LeaseCount& count, FaultLog& faults) {
  const auto cells = static_cast<std::uint64_t>(group.end - group.begin);
  const std::uint64_t before = task.progress.scenario_cells_done;
  // Made by the first tile, so that running out of memory is reported like any other failure, and a rank without a tile
  // needs none.
  std::optional<Tallies> tallies;
  std::optional<Evaluator> evaluator;
  const auto evaluate = [&](Tile tile, FaultLog& found, const std::function<void()>& poll) {
    if (!evaluator) {
      tallies.emplace(tally_shape(task.job, task.book, group), tally_settings(task.job));
      evaluator.emplace(task.book, group, task.settings.threads);
    }
    (*evaluator)(tile, *tallies, found, poll);
  };
  LeaseHooks hooks;
  hooks.done = [&](std::uint64_t scenarios) {
    task.progress.scenario_cells_done = before + scenarios * cells;
    if (task.settings.progress) task.settings.progress(task.progress);
  };
  std::vector<Tile> tiles = task.plan.tiles;
  if (!task.job.quarantine) {
    hooks.limit = [] { return no_limit; };
    tiles = tiles_before(first_scenario(faults), tiles);
  }
  Verdict verdict = share(task.communicator, task.settings, tiles, hooks, count, faults, evaluate);
  evaluator.reset();
  if (!faults.empty()) tallies.reset();
  reduce(task.communicator, tallies, verdict);
  if (faults.empty()) deliver(task, group, tallies, verdict);
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
    verdict = evaluate_group(task, group, count, report.faults);
    if (verdict.kind == Verdict::Kind::failed) throw WorkFailed(verdict.text);
    if (verdict.kind == Verdict::Kind::stopped) break;
  }
  collect(communicator, {count.tiles, settings.threads, cpu_seconds() - cpu_before, count.busy_seconds, peak_bytes()},
          report);
  report.signal = verdict.signal;
  if (verdict.kind == Verdict::Kind::stopped) return Ended::stopped;
  if (report.faults.empty()) return Ended::complete;
  if (!job.quarantine) throw WorkRefused(describe(ValuationFault(report.faults), job, book));
  return Ended::faulty;
}

Ended examine(const CompiledBook& book, const std::vector<double>& bound, const std::vector<Tile>& tiles,
              Communicator& communicator, const WorkSettings& settings, WorkReport& report) {
  std::optional<Evaluator> evaluator;
  const auto evaluate = [&](Tile tile, FaultLog& found, const std::function<void()>& poll) {
    if (!evaluator) evaluator.emplace(book, CellRange{0, static_cast<int>(book.cells.size())}, settings.threads);
    evaluator->examine(tile, bound, found, poll);
  };
  LeaseCount count;
  Verdict verdict = share(communicator, settings, tiles, {}, count, report.faults, evaluate);
  std::optional<Tallies> nothing;
  reduce(communicator, nothing, verdict);
  agree(communicator, verdict);
  if (verdict.kind == Verdict::Kind::failed) throw WorkFailed(verdict.text);
  report.signal = verdict.signal;
  return verdict.kind == Verdict::Kind::stopped ? Ended::stopped : report.faults.empty() ? Ended::complete : Ended::faulty;
}

}  // namespace tailcube
