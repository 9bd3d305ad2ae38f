// The only OpenMP region of the program.
#include "kernels/evaluate.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <optional>
#include <string>
#include <utility>

#include "kernels/posting.h"

namespace tailcube {

const char* words(Reason reason) {
  switch (reason) {
    case Reason::not_finite:
      return "its value is not a finite number";
    case Reason::no_price:
      return "it has no price";
    case Reason::no_convergence:
      return "no spread in the allowed range makes it worth its principal today";
    case Reason::out_of_domain:
      return "its value is beyond 2^51 loss units";
  }
  return "";
}

ValuationFault::ValuationFault(const FaultLog& log)
    : std::runtime_error([&log] {
        const auto& [at, found] = log.first();
        return "scenario " + std::to_string(found.scenario) + ", cell " + std::to_string(found.cell) + ", row " +
               std::to_string(static_cast<std::uint32_t>(at.row)) + ": " + words(found.reason);
      }()),
      key(log.first().first),
      site(log.first().second) {}

struct Evaluator::Impl {
  const CompiledBook& book;
  CellRange cells;
  int threads;
  struct Thread {
    std::unique_ptr<Workspace> workspace;
    std::unique_ptr<SideSums> side;
    FaultLog faults;
    std::exception_ptr error;
  };
  std::vector<Thread> thread;
  std::optional<Columns> columns;
  std::unique_ptr<LossSheet> sheet;

  // Calls `start(thread, first scenario, scenarios)` for every block of the tile and `cell(thread, cell of the group, block
  // of the tile, lanes of the block)` for each of its cells until `poll` says to leave, then `slot(i, scenarios done)` for
  // i < slots unless something could not be valued. Returns the scenarios done: the blocks from the tile's first to the last
  // that was begun.
  template <class Start, class Cell, class Slot>
  std::uint64_t run(Tile tile, const Poll& poll, const Start& start, const Cell& cell, std::size_t slots, const Slot& slot);
  static void start(Thread& mine, std::uint64_t begin, std::size_t count) { mine.workspace->start(begin, count); }
  // What the threads found goes to the log, or the first of their exceptions to the caller.
  void settle(FaultLog& log) {
    std::exception_ptr error;
    FaultLog found;
    for (Thread& t : thread) {
      if (!error) error = t.error;
      t.error = nullptr;
      found.merge(std::exchange(t.faults, {}));
    }
    if (error) {
      for (Thread& t : thread) t.side.reset();
      std::rethrow_exception(error);
    }
    log.merge(found);
  }
};

template <class Start, class Cell, class Slot>
std::uint64_t Evaluator::Impl::run(Tile tile, const Poll& poll, const Start& start, const Cell& cell, std::size_t slots,
                                   const Slot& slot) {
  const std::uint64_t front = tile.begin % lanes, origin = tile.begin - front;
  const std::uint64_t blocks = (tile.end - origin + lanes - 1) / lanes;
  std::atomic<std::uint64_t> next_block{0}, next_slot{0};
  std::atomic<bool> leave{false}, failed{false}, faulty{false};
  const auto done = [&] {
    const std::uint64_t begun = std::min(std::min<std::uint64_t>(next_block, blocks) * lanes, tile.end - origin);
    return begun == 0 ? 0 : begun - front;
  };
#pragma omp parallel num_threads(threads)
  {
    Thread& mine = thread[static_cast<std::size_t>(omp_get_thread_num())];
    const bool first = omp_get_thread_num() == 0;
    const auto guarded = [&](auto&& body) {
      try {
        body();
      } catch (...) {
        mine.error = std::current_exception();
        failed = true;
      }
    };
    bool begun = false;
    const auto wanted = [&] {
      guarded([&] {
        if (std::exchange(begun, true) && first && poll && !poll()) leave = true;
      });
      return !leave && !failed;
    };
    guarded([&] {
      if (!mine.workspace) mine.workspace = std::make_unique<Workspace>(book, cells);
    });
    for (std::uint64_t b; wanted() && (b = next_block++) < blocks;)
      guarded([&] {
        const std::uint64_t begin = origin + b * lanes;
        const std::size_t count = std::min<std::uint64_t>(lanes, tile.end - begin), skip = b == 0 ? front : 0;
        start(mine, begin, count);
        for (int c = cells.begin; c < cells.end; ++c) {
          cell(mine, c - cells.begin, b, LaneRange{skip, count});
          if (mine.workspace->faults.empty()) continue;
          mine.faults.add(mine.workspace->faults, begin, count, c);
          faulty = true;
        }
      });
#pragma omp barrier
    // Not left in the middle: a fold cannot be taken back.
    for (std::uint64_t s; !failed && !faulty && done() > 0 && (s = next_slot++) < slots;) guarded([&] { slot(s, done()); });
  }
  return done();
}

Evaluator::Evaluator(const CompiledBook& book, CellRange cells, int threads)
    : impl_(new Impl{book, cells, std::max(1, threads), {}, {}, nullptr}) {
  impl_->thread.resize(static_cast<std::size_t>(impl_->threads));
}
Evaluator::~Evaluator() = default;

std::uint64_t Evaluator::operator()(Tile tile, Tallies& tallies, FaultLog& faults, const Poll& poll) {
  Impl& impl = *impl_;
  if (!impl.columns) impl.columns.emplace(impl.book, impl.cells, tallies.shape);
  const Columns& columns = *impl.columns;
  tallies.share(columns.holder());
  const std::uint64_t front = tile.begin % lanes, rounded = (front + tile.end - tile.begin + lanes - 1) / lanes * lanes;
  if (!impl.sheet || impl.sheet->scenarios() < rounded) impl.sheet = std::make_unique<LossSheet>(columns, rounded);
  const auto post_cell = [&](Impl::Thread& mine, int cell, std::uint64_t block, LaneRange range) {
    if (!mine.side) mine.side = std::make_unique<SideSums>(columns);
    Workspace& w = *mine.workspace;
    const Valuation& valuation = w.cell(impl.cells.begin + cell);
    post(impl.book, valuation, columns, cell, block * lanes, range, *impl.sheet, *mine.side, w.faults);
  };
  const auto fold = [&](std::size_t s, std::uint64_t scenarios) {
    const std::uint32_t slot = columns.holders()[s];
    tallies.losses[slot].fold({impl.sheet->column(slot) + front, scenarios}, {}, tile.begin);
  };
  const std::uint64_t done =
      impl.run(tile, poll, Impl::start, post_cell, faults.empty() ? columns.holders().size() : 0, fold);
  impl.settle(faults);
  for (Impl::Thread& t : impl.thread)
    if (t.side) t.side->move_to(tallies, columns);
  return done;
}

std::uint64_t Evaluator::operator()(Tile tile, Tallies& tallies, const Poll& poll) {
  FaultLog faults;
  const std::uint64_t done = (*this)(tile, tallies, faults, poll);
  if (!faults.empty()) throw ValuationFault(faults);
  return done;
}

namespace {
std::vector<int> asking(CellRange cells, const Evaluator::Needed& needed, std::uint64_t first) {
  std::vector<int> out;
  for (int c = cells.begin; c < cells.end; ++c)
    if (needed(c, first)) out.push_back(c);
  return out;
}
}  // namespace

std::uint64_t Evaluator::gather(std::span<const std::uint32_t> scenarios, const See& see, const Poll& poll,
                                const Needed& needed) {
  Impl& impl = *impl_;
  const auto start = [&](Impl::Thread& mine, std::uint64_t begin, std::size_t count) {
    mine.workspace->start(scenarios.subspan(begin, count));
    if (needed) mine.workspace->want(asking(impl.cells, needed, begin));
  };
  const auto show = [&](Impl::Thread& mine, int cell, std::uint64_t block, LaneRange range) {
    if (needed && !needed(impl.cells.begin + cell, block * lanes)) return;
    const Valuation& valuation = mine.workspace->cell(impl.cells.begin + cell);
    mine.workspace->faults.clear();
    see(static_cast<int>(&mine - impl.thread.data()), impl.cells.begin + cell, block * lanes, range.end, valuation);
  };
  const std::uint64_t done = impl.run({0, scenarios.size()}, poll, start, show, 0, [](std::size_t, std::uint64_t) {});
  FaultLog none_found;
  impl.settle(none_found);
  return done;
}

std::uint64_t Evaluator::gather_stages(std::span<const std::uint32_t> scenarios, const SeeStage& see, const Poll& poll,
                                       const Needed& needed) {
  Impl& impl = *impl_;
  const auto start = [&](Impl::Thread& mine, std::uint64_t begin, std::size_t count) {
    mine.workspace->start(scenarios.subspan(begin, count));
  };
  const auto show = [&](Impl::Thread& mine, int cell, std::uint64_t block, LaneRange range) {
    if (cell > 0) return;  // all together
    const int thread = static_cast<int>(&mine - impl.thread.data());
    mine.workspace->each_stage(asking(impl.cells, needed, block * lanes),
                               [&](std::size_t stage, std::span<const int> cells, const Ledger& ledger) {
                                 see(thread, stage, cells, block * lanes, range.end, ledger);
                               });
  };
  const std::uint64_t done = impl.run({0, scenarios.size()}, poll, start, show, 0, [](std::size_t, std::uint64_t) {});
  FaultLog none_found;
  impl.settle(none_found);
  return done;
}

std::uint64_t Evaluator::examine(Tile tile, const std::vector<double>& bound, FaultLog& faults, const Poll& poll) {
  const auto look = [&](Impl::Thread& mine, int cell, std::uint64_t, LaneRange range) {
    Workspace& w = *mine.workspace;
    const Valuation& valuation = w.cell(impl_->cells.begin + cell);
    find_faults(impl_->book, valuation, range.end, bound, w.faults);
  };
  const std::uint64_t done = impl_->run(tile, poll, Impl::start, look, 0, [](std::size_t, std::uint64_t) {});
  impl_->settle(faults);
  return done;
}

}  // namespace tailcube
