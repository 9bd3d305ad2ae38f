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

// Every rank's faults, on every rank.
void exchange(Communicator& communicator, FaultLog& faults) {
  FaultLog all;
  for (const auto& bytes : communicator.gather(faults.to_bytes())) all.merge(FaultLog::from_bytes(bytes));
  faults = FaultLog::from_bytes(communicator.broadcast(all.to_bytes()));
}

template <class Step>
void guarded(Verdict& verdict, const Step& step) {
  try {
    step();
  } catch (const std::exception& error) {
    verdict.merge({Verdict::Kind::failed, 0, error.what()});
  }
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
  hooks.evaluate = [&](Tile tile, const Poll& poll) { return evaluate(tile, mine, poll); };
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

// The cells of the plan's groups that have the same scenarios done: they need the same tiles.
std::vector<CellRange> split_groups(const std::vector<CellRange>& groups, const WorkStore& store) {
  std::vector<CellRange> out;
  for (const CellRange group : groups)
    for (int c = group.begin; c < group.end; ++c) {
      if (c == group.begin || store.done(c) != store.done(c - 1)) out.push_back({c, c});
      out.back().end = c + 1;
    }
  return out;
}

std::uint64_t times(CellRange cells, std::uint64_t scenarios) {
  return static_cast<std::uint64_t>(cells.end - cells.begin) * scenarios;
}

// What rank 0 knows and decides: which cells are next, what is missing of them, and where their tallies go.
class Agenda {
 public:
  Agenda(const Plan& plan, const WorkSettings& settings, WorkStore& store, Progress& progress)
      : plan_(plan),
        wanted_(settings.wanted),
        store_(store),
        groups_(split_groups(plan.groups, store)),
        progress_(progress) {
    for (const CellRange cells : groups_) {
      progress_.scenario_cells_total += times(cells, wanted_.size());
      progress_.scenario_cells_before += times(cells, store.done(cells.begin).size());
    }
    base_ = progress_.scenario_cells_before;
    advance(0);
    open();
  }
  // The cells of the next round; an empty range when nothing is left. Finishes groups that have what is wanted.
  CellRange next(const FaultLog& faults, const std::function<Tallies(CellRange)>& no_tallies) {
    while (at_ < groups_.size() && (abandoned_ || missing().empty())) {
      if (faults.empty()) {
        if (!tallies_) load(no_tallies);
        store_.finish(groups_[at_], std::move(*tallies_), done_);
      }
      ++at_;
      open();
    }
    if (at_ == groups_.size()) return {0, 0};
    if (!tallies_ && faults.empty() && !done_.empty()) load(no_tallies);
    return groups_[at_];
  }
  std::vector<Tile> tiles() const { return missing().tiles(plan_.tile_scenarios); }
  std::optional<Tallies>& tallies() { return tallies_; }
  bool due(const FaultLog& faults) { return cut_ = cut_ || (faults.empty() && store_.due()); }
  void advance(std::uint64_t scenarios) {  // done in this round
    progress_.scenario_cells_done = base_ + (at_ < groups_.size() ? times(groups_[at_], scenarios) : 0);
  }
  // After a round, whose tallies are in tallies().
  void settle(const ScenarioSet& done, const Verdict& verdict, const FaultLog& faults) {
    done_.add(done);
    advance(done.size());
    base_ = progress_.scenario_cells_done;
    if (verdict.kind == Verdict::Kind::failed) return;
    const bool stopped = verdict.kind == Verdict::Kind::stopped;
    abandoned_ = !faults.empty() && !stopped && !cut_;  // nothing more is wanted of cells in which a fault was found
    if (faults.empty() && tallies_ && (stopped || (cut_ && !missing().empty()))) store_.save(groups_[at_], *tallies_, done_);
    cut_ = false;
  }

 private:
  ScenarioSet missing() const { return wanted_.without(done_); }
  void open() {
    tallies_.reset();
    abandoned_ = false;
    done_ = at_ < groups_.size() ? store_.done(groups_[at_].begin) : ScenarioSet{};
  }
  void load(const std::function<Tallies(CellRange)>& no_tallies) {
    tallies_ = done_.empty() ? no_tallies(groups_[at_]) : store_.load(groups_[at_]);
  }

  const Plan& plan_;
  const ScenarioSet& wanted_;
  WorkStore& store_;
  std::vector<CellRange> groups_;
  Progress& progress_;
  std::size_t at_ = 0;
  ScenarioSet done_;  // of the group at hand; tallies_ hold them
  std::optional<Tallies> tallies_;
  std::uint64_t base_ = 0;  // scenarios x cells done when the round began
  bool cut_ = false, abandoned_ = false;
};

// One rank at work.
class Worker {
 public:
  Worker(const CompiledBook& book, const Job& job, Communicator& communicator, const WorkSettings& settings, Agenda* agenda,
         FaultLog& faults)
      : book_(book), job_(job), communicator_(communicator), settings_(settings), agenda_(agenda), faults_(faults) {}
  Verdict run(const Progress& progress) {
    Verdict verdict;
    for (;;) {
      const CellRange cells = next(verdict);
      if (cells.begin == cells.end || verdict.kind != Verdict::Kind::fine) return verdict;
      if (cells.begin != cells_.begin || cells.end != cells_.end) evaluator_.reset();
      cells_ = cells;
      verdict = round(progress);
      if (verdict.kind != Verdict::Kind::fine) return verdict;
    }
  }
  const LeaseCount& count() const { return count_; }

 private:
  Tallies no_tallies(CellRange cells) const { return {tally_shape(job_, book_, cells), tally_settings(job_)}; }

  CellRange next(Verdict& verdict) {
    CellRange cells{0, 0};
    if (agenda_ != nullptr) {
      guarded(verdict, [&] { cells = agenda_->next(faults_, [this](CellRange c) { return no_tallies(c); }); });
    }
    const auto mine = std::as_bytes(std::span(&cells, 1));
    const auto bytes = communicator_.broadcast({mine.begin(), mine.end()});
    std::memcpy(&cells, bytes.data(), std::min(sizeof cells, bytes.size()));
    if (cells.begin == cells.end) agree(communicator_, verdict);
    return cells;
  }

  Verdict round(const Progress& progress) {
    Contribution mine;
    std::optional<Tallies>& tallies = agenda_ != nullptr ? agenda_->tallies() : mine.tallies;
    // Made by the first tile, so that running out of memory is reported like any other failure, and a rank without a tile
    // needs none.
    const auto evaluate = [&](Tile tile, FaultLog& found, const Poll& poll) {
      if (!evaluator_) evaluator_.emplace(book_, cells_, settings_.threads);
      if (!tallies) tallies.emplace(no_tallies(cells_));
      return (*evaluator_)(tile, *tallies, found, poll);
    };
    LeaseHooks hooks;
    std::vector<Tile> tiles;
    if (agenda_ != nullptr) {
      tiles = agenda_->tiles();
      hooks.due = [&] { return agenda_->due(faults_); };
      hooks.done = [&](std::uint64_t scenarios) {
        agenda_->advance(scenarios);
        if (settings_.progress) settings_.progress(progress);
      };
    }
    if (!job_.quarantine) {
      hooks.limit = [] { return no_limit; };
      tiles = tiles_before(first_scenario(faults_), tiles);
    }
    mine.verdict = share(communicator_, settings_, tiles, hooks, count_, faults_, evaluate);
    mine.done = std::exchange(count_.done, {});
    if (agenda_ != nullptr) mine.tallies = std::exchange(tallies, std::nullopt);
    if (!faults_.empty()) mine.tallies.reset();
    reduce(communicator_, mine, settings_.threads);
    if (agenda_ != nullptr) {
      tallies = std::move(mine.tallies);
      guarded(mine.verdict, [&] { agenda_->settle(mine.done, mine.verdict, faults_); });
    }
    agree(communicator_, mine.verdict);
    return mine.verdict;
  }

  const CompiledBook& book_;
  const Job& job_;
  Communicator& communicator_;
  const WorkSettings& settings_;
  Agenda* agenda_;  // at rank 0
  FaultLog& faults_;
  LeaseCount count_;
  CellRange cells_{0, 0};
  std::optional<Evaluator> evaluator_;
};

}  // namespace

Ended work(const CompiledBook& book, const Job& job, const Plan& plan, Communicator& communicator,
           const WorkSettings& settings, WorkStore* store, WorkReport& report) {
  std::optional<Agenda> agenda;
  if (store != nullptr) agenda.emplace(plan, settings, *store, report.progress);
  const double cpu_before = cpu_seconds();
  Worker worker(book, job, communicator, settings, agenda ? &*agenda : nullptr, report.faults);
  const Verdict verdict = worker.run(report.progress);
  if (verdict.kind == Verdict::Kind::failed) throw WorkFailed(verdict.text);
  collect(communicator,
          {worker.count().tiles, settings.threads, cpu_seconds() - cpu_before, worker.count().busy_seconds, peak_bytes()},
          report);
  report.stop = verdict.signal;
  if (verdict.kind == Verdict::Kind::stopped) return Ended::stopped;
  if (report.faults.empty()) return Ended::complete;
  if (!job.quarantine) throw WorkRefused(describe(ValuationFault(report.faults), job, book));
  return Ended::faulty;
}

Ended examine(const CompiledBook& book, const std::vector<double>& bound, const std::vector<Tile>& tiles,
              Communicator& communicator, const WorkSettings& settings, WorkReport& report) {
  std::optional<Evaluator> evaluator;
  const auto evaluate = [&](Tile tile, FaultLog& found, const Poll& poll) {
    if (!evaluator) evaluator.emplace(book, CellRange{0, static_cast<int>(book.cells.size())}, settings.threads);
    return evaluator->examine(tile, bound, found, poll);
  };
  LeaseCount count;
  Contribution mine;
  mine.verdict = share(communicator, settings, tiles, {}, count, report.faults, evaluate);
  reduce(communicator, mine, settings.threads);
  agree(communicator, mine.verdict);
  const Verdict& verdict = mine.verdict;
  if (verdict.kind == Verdict::Kind::failed) throw WorkFailed(verdict.text);
  report.stop = verdict.signal;
  return verdict.kind == Verdict::Kind::stopped ? Ended::stopped : report.faults.empty() ? Ended::complete : Ended::faulty;
}

}  // namespace tailcube
