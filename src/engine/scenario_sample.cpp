#include "src/engine/scenario_sample.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/posting.h"

namespace tailcube {

namespace {

// What a thread draws once more beside the evaluation, which keeps its own draws to itself: market and defaults of a block.
class Draws {
 public:
  Draws(const CompiledBook& book, int cell)
      : book_(book), cell_(book.cells[static_cast<std::size_t>(cell)]), innovations_(table()), scratch_(table()) {
    for (Block* b : {&base_, &block_}) {
      b->seed = book.seed;
      b->gathered = gathered_.data();
      b->factors = table();
      if (book.market.bridged.empty()) continue;
      b->lows = table();
      b->landings.resize(book.market.factors.size());
    }
  }
  Draws(const Draws&) = delete;
  void draw(std::span<const std::uint32_t> scenarios) {
    gathered_.fill(scenarios.back());
    std::copy(scenarios.begin(), scenarios.end(), gathered_.begin());
    for (Block* b : {&base_, &block_}) b->scenarios = scenarios.size();
    draw_innovations(book_.market, base_, innovations_);
    draw_paths(book_.market, book_.unshocked, innovations_, nullptr, scratch_, base_);
    draw_paths(book_.market, cell_, innovations_, &base_, scratch_, block_);
    draw_defaults(book_.credit, credit_, block_);
  }
  const LaneTable& innovations() const { return innovations_; }  // before the cell moves them
  const Block& block() const { return block_; }

 private:
  LaneTable table() const { return {book_.market.factors.size(), book_.market.steps + 1}; }
  const CompiledBook& book_;
  const CellShocks& cell_;
  std::array<std::uint32_t, lanes> gathered_{};
  Block base_, block_;
  LaneTable innovations_, scratch_;
  CreditScratch credit_;
};

struct Thread {
  std::unique_ptr<Draws> draws;
  std::vector<Units> losses;
};

}  // namespace

struct ScenarioSampler::Impl {
  CompiledCredit credit;
  CompiledBook book;
  std::vector<std::uint32_t> obligor;  // of ObligorIndex: of Job::obligors
  int cell;
  std::size_t horizon;

  void read(Thread&, std::size_t first, std::size_t count, const Valuation&, ScenarioSample&) const;
};

ScenarioSampler::ScenarioSampler(const Job& job, int cell, int horizon, double unit)
    : impl_(new Impl{compile_credit(job), {}, {}, cell, static_cast<std::size_t>(horizon)}) {
  impl_->book = compile(job, Detail::leaf, impl_->credit, unit);
  impl_->book.published_values = false;
  const std::vector<ObligorIndex>& order = impl_->credit.order;
  impl_->obligor.resize(order.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) impl_->obligor[static_cast<std::size_t>(order[i])] = i;
}
ScenarioSampler::~ScenarioSampler() = default;

void ScenarioSampler::Impl::read(Thread& mine, std::size_t first, std::size_t count, const Valuation& valuation,
                                 ScenarioSample& out) const {
  const std::size_t horizons = book.market.valued.size();
  const std::size_t rows = book.leaf_of_row.size();
  mine.losses.resize(rows * horizons * lanes);
  row_losses(book, valuation, mine.losses.data());
  for (std::size_t l = 0; l < count; ++l) {
    Units* const node = out.loss.data() + (first + l) * out.nodes;  // zero until now
    for (std::size_t row = 0; row < rows; ++row)
      node[static_cast<std::size_t>(book.leaf_of_row[row])] += mine.losses[(row * horizons + horizon) * lanes + l];
    for (std::size_t n = out.nodes; n-- > 1;) node[static_cast<std::size_t>(book.parent[n])] += node[n];
  }
  if (!mine.draws) mine.draws = std::make_unique<Draws>(book, cell);
  mine.draws->draw(std::span(out.scenario).subspan(first, count));
  const int step = book.market.valued[horizon];
  const Block& block = mine.draws->block();
  const double scale = 1 / std::sqrt(static_cast<double>(step));
  for (std::size_t f = 0; f < out.factors; ++f)
    for (std::size_t l = 0; l < count; ++l) {
      double sum = 0;
      for (int n = 1; n <= step; ++n) sum += mine.draws->innovations()(f, n)[l];
      out.innovation[(first + l) * out.factors + f] = sum * scale;
      out.value[(first + l) * out.factors + f] = block.factors(f, step)[l];
    }
  for (const Default& d : block.defaults)
    if (d.lane < count && d.step <= step)
      out.defaults[first + d.lane].push_back(obligor[static_cast<std::size_t>(d.obligor)]);
  for (std::size_t l = 0; l < count; ++l) std::sort(out.defaults[first + l].begin(), out.defaults[first + l].end());
}

ScenarioSample ScenarioSampler::operator()(std::span<const std::uint32_t> scenarios, int threads) const {
  const Impl& impl = *impl_;
  ScenarioSample out;
  out.scenario.assign(scenarios.begin(), scenarios.end());
  out.nodes = impl.book.parent.size();
  out.factors = impl.book.market.factors.size();
  out.loss.resize(scenarios.size() * out.nodes);
  out.innovation.resize(scenarios.size() * out.factors);
  out.value.resize(scenarios.size() * out.factors);
  out.defaults.resize(scenarios.size());
  if (scenarios.empty()) return out;
  std::vector<Thread> own(static_cast<std::size_t>(threads));
  Evaluator evaluator(impl.book, {impl.cell, impl.cell + 1}, threads);
  const auto see = [&](int thread, int, std::size_t first, std::size_t count, const Valuation& valuation) {
    impl.read(own[static_cast<std::size_t>(thread)], first, count, valuation, out);
  };
  evaluator.gather(scenarios, see, {});
  return out;
}

}  // namespace tailcube
