// The only OpenMP region of the program.
#include "kernels/evaluate.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <string>
#include <tuple>
#include <utility>

#include "kernels/posting.h"

namespace tailcube {
namespace {

// The fault that comes first in (scenario, cell, row), whichever thread met which first.
struct FirstFault {
  std::uint64_t scenario = ~std::uint64_t{0};
  int cell = 0;
  Fault fault{};
  bool any() const { return scenario != ~std::uint64_t{0}; }
  void consider(const Faults& faults, std::uint64_t first_scenario, int at_cell) {
    for (const Fault& f : faults) {
      const std::uint64_t s = first_scenario + f.lane;
      if (std::tie(s, at_cell, f.row) < std::tie(scenario, cell, fault.row)) scenario = s, cell = at_cell, fault = f;
    }
  }
  void consider(const FirstFault& o) {
    if (o.any() && std::tie(o.scenario, o.cell, o.fault.row) < std::tie(scenario, cell, fault.row)) *this = o;
  }
};

}  // namespace

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

ValuationFault::ValuationFault(std::uint64_t at_scenario, int at_cell, const Fault& found)
    : std::runtime_error("scenario " + std::to_string(at_scenario) + ", cell " + std::to_string(at_cell) + ", row " +
                         std::to_string(static_cast<std::uint32_t>(found.row)) + ": " + words(found.reason)),
      scenario(at_scenario),
      cell(at_cell),
      fault(found) {}

struct Evaluator::Impl {
  const CompiledBook& book;
  CellRange cells;
  int threads;
  struct Thread {
    std::unique_ptr<Workspace> workspace;
    std::unique_ptr<SideSums> side;
    FirstFault fault;
    std::exception_ptr error;
  };
  std::vector<Thread> thread;
  std::unique_ptr<LossSheet> sheet;

  void run_block(Thread& mine, Tile tile, std::uint64_t block, const Shape& shape) {
    Workspace& w = *mine.workspace;
    const std::uint64_t first = tile.begin + block * lanes;
    const std::size_t count = std::min<std::uint64_t>(lanes, tile.end - first);
    w.start(first, count);
    for (int c = 0; c < shape.cells; ++c) {
      w.faults.clear();
      const Valuation& valuation = w.cell(cells.begin + c);
      post(book, valuation, c, block * lanes, count, *sheet, *mine.side, w.faults);
      mine.fault.consider(w.faults, first, cells.begin + c);
    }
  }
  void report() {
    FirstFault first;
    for (Thread& t : thread) {
      if (t.error) std::rethrow_exception(std::exchange(t.error, nullptr));
      first.consider(t.fault);
      t.fault = {};
    }
    if (first.any()) throw ValuationFault(first.scenario, first.cell, first.fault);
  }
};

Evaluator::Evaluator(const CompiledBook& book, CellRange cells, int threads)
    : impl_(new Impl{book, cells, std::max(1, threads), {}, nullptr}) {
  impl_->thread.resize(static_cast<std::size_t>(impl_->threads));
}
Evaluator::~Evaluator() = default;

void Evaluator::operator()(Tile tile, Tallies& tallies, const std::function<void()>& poll) {
  Impl& impl = *impl_;
  const Shape shape = tallies.shape;
  const std::uint64_t scenarios = tile.end - tile.begin, blocks = (scenarios + lanes - 1) / lanes;
  if (!impl.sheet || impl.sheet->stride() < blocks * lanes) impl.sheet = std::make_unique<LossSheet>(shape, blocks * lanes);
  std::atomic<std::uint64_t> next_block{0}, next_slot{0};
  std::atomic<bool> failed{false};
#pragma omp parallel num_threads(impl.threads)
  {
    Impl::Thread& mine = impl.thread[static_cast<std::size_t>(omp_get_thread_num())];
    const bool first = omp_get_thread_num() == 0;
    const auto guarded = [&](auto&& body) {
      try {
        if (first && poll) poll();
        body();
      } catch (...) {
        mine.error = std::current_exception();
        failed = true;
      }
    };
    guarded([&] {
      if (!mine.workspace) mine.workspace = std::make_unique<Workspace>(impl.book);
      if (!mine.side) mine.side = std::make_unique<SideSums>(shape);
    });
    for (std::uint64_t b; !failed && (b = next_block++) < blocks;) guarded([&] { impl.run_block(mine, tile, b, shape); });
#pragma omp barrier
    for (std::uint64_t s; !failed && (s = next_slot++) < shape.losses();)
      guarded([&] { tallies.losses[s].fold({impl.sheet->column(s), scenarios}, {}, tile.begin); });
  }
  impl.report();
  for (Impl::Thread& t : impl.thread) {
    if (!t.side) continue;
    for (std::size_t g = 0; g < tallies.gauges.size(); ++g) tallies.gauges[g].merge(t.side->gauges[g]);
    for (std::size_t c = 0; c < tallies.conditional_pd.size(); ++c)
      tallies.conditional_pd[c].merge(t.side->conditional_pd[c]);
    std::fill(t.side->gauges.begin(), t.side->gauges.end(), Moments{});
    std::fill(t.side->conditional_pd.begin(), t.side->conditional_pd.end(), Moments{});
  }
}

}  // namespace tailcube
