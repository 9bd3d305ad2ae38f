#include "src/engine/replay_scene.h"

#include <algorithm>
#include <utility>

namespace tailcube {
namespace {

LaneTable factor_table(const FactorModel& market) { return {market.rows(), market.steps + 1}; }

Block empty_block(const CompiledBook& book) {
  Block block;
  block.seed = book.seed;
  block.factors = factor_table(book.market);
  if (!book.market.bridged.empty()) {
    block.lows = factor_table(book.market);
    block.landings.resize(book.market.factors.size());
  }
  block.discounts = LaneTable(book.market.discounts.size(), static_cast<int>(book.market.valued.size()));
  block.weight.fill(std::int64_t{1} << 56);
  return block;
}

}  // namespace

ReplayScene::ReplayScene(CompiledBook book)
    : book_(std::move(book)),
      base_(empty_block(book_)),
      block_(empty_block(book_)),
      innovations_(factor_table(book_.market)),
      scratch_(factor_table(book_.market)),
      publisher_(book_.publishing.get()) {
  faults_.reserve(4096);
}

void ReplayScene::walk(std::span<const std::uint32_t> scenarios) {
  gathered_.fill(scenarios.back());
  std::copy(scenarios.begin(), scenarios.end(), gathered_.begin());
  walk(0, gathered_.data(), scenarios.size());
}

void ReplayScene::walk(std::uint64_t first_scenario, const std::uint32_t* gathered, std::size_t scenarios) {
  for (Block* b : {&base_, &block_}) b->first_scenario = first_scenario, b->gathered = gathered, b->scenarios = scenarios;
  draw_innovations(book_.market, base_, innovations_);
  draw_paths(book_.market, book_.unshocked, innovations_, nullptr, scratch_, base_);
  draw_paths(book_.market, book_.cells.front(), innovations_, &base_, scratch_, block_);
}

void ReplayScene::evaluate(std::span<const std::uint32_t> scenarios, Ledger& ledger) {
  walk(scenarios);
  draw_defaults(book_.credit, credit_, block_);
  discount(book_.market, block_);
  publisher_.publish(block_);
  for (const Stage& stage : book_.stages) {
    stage.batch->evaluate(block_, ledger, faults_);
    if (!book_.published_values || !stage.batch->published_today.empty()) continue;
    const std::size_t count = stage.row_count * book_.market.valued.size() * lanes;  // published at its value
    std::copy_n(ledger.value(stage.first_row, 0).data(), count, ledger.published_value(stage.first_row, 0).data());
  }
  faults_.clear();  // a run with this cube had none that matter
}

void make_room(Ledger& ledger, const CompiledBook& book, int valued) {
  if (const std::size_t rows = book.leaf_of_row.size(); ledger.value.series() < rows)
    for (LaneTable* table : {&ledger.value, &ledger.cash, &ledger.credit_loss}) *table = LaneTable(rows, valued);
  if (book.published_values && ledger.published_value.series() < book.leaf_of_row.size())
    ledger.published_value = LaneTable(book.leaf_of_row.size(), valued);
  if (const std::size_t rows = book.gauge_rows.size(); ledger.gauges.series() < rows)
    ledger.gauges = LaneTable(rows, valued);
}

}  // namespace tailcube
