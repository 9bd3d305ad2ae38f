// One thread's blocks: what a cell's shocks do not reach is copied from the unshocked block, never computed again.
#include <algorithm>
#include <cstring>

#include "kernels/evaluate.h"

namespace tailcube {
namespace {

std::size_t gauge_row_count(const CompiledBook& book) { return book.gauge_rows.size(); }

void copy_rows(const LaneTable& from, LaneTable& to, std::size_t first, std::size_t count) {
  const std::size_t row = static_cast<std::size_t>(from.steps()) * lanes;
  std::copy_n(from.data() + first * row, count * row, to.data() + first * row);
}
void copy_stage(const Stage& stage, const Ledger& from, Ledger& to) {
  const auto first = static_cast<std::size_t>(stage.first_row);
  copy_rows(from.value, to.value, first, stage.row_count);
  copy_rows(from.cash, to.cash, first, stage.row_count);
  copy_rows(from.credit_loss, to.credit_loss, first, stage.row_count);
  copy_rows(from.gauges, to.gauges, stage.first_gauge, stage.gauge_count);
}

bool reads_touched(const CompiledBook& book, const CellShocks& cell, const Batch& batch) {
  const auto touched = [&](FactorIndex f) { return cell.touched[static_cast<std::size_t>(f)] != 0; };
  if (std::any_of(batch.reads.begin(), batch.reads.end(), touched)) return true;
  return std::any_of(batch.reads_curves.begin(), batch.reads_curves.end(), [&](CurveIndex curve) {
    const auto& pillars = book.market.curves[static_cast<std::size_t>(curve)];
    return std::any_of(pillars.begin(), pillars.end(), [&](const Pillar& p) { return touched(p.zero_rate); });
  });
}

}  // namespace

bool CellReach::anything() const {
  return defaults || std::any_of(stages.begin(), stages.end(), [](std::uint8_t redo) { return redo != 0; });
}

CellReach reach(const CompiledBook& book, const CellShocks& cell) {
  CellReach out;
  const auto touched = [&](FactorIndex f) { return cell.touched[static_cast<std::size_t>(f)] != 0; };
  out.paths = std::any_of(cell.touched.begin(), cell.touched.end(), [](std::uint8_t t) { return t != 0; });
  for (const Bucket& bucket : book.credit.buckets)
    for (const Loading& l : bucket.loadings) out.defaults |= touched(l.driver);
  for (const RecoveryLaw& law : book.credit.recovery_laws)
    for (const Loading& l : law.loadings) out.defaults |= touched(l.driver);
  for (const Discount& d : book.market.discounts) {
    if (!is_none(d.spread)) out.discounts |= touched(d.spread);
    for (const Pillar& p : book.market.curves[static_cast<std::size_t>(d.curve)]) out.discounts |= touched(p.zero_rate);
  }
  for (const Stage& stage : book.stages)
    out.stages.push_back((out.defaults && stage.batch->reads_defaults) ||
                         (cell.monitor_today && stage.batch->checks_triggers) || reads_touched(book, cell, *stage.batch));
  return out;
}

Valuation::Valuation(const CompiledBook& book) {
  const auto valued = static_cast<int>(book.market.valued.size());
  const std::size_t rows = book.leaf_of_row.size();
  block.seed = book.seed;
  block.factors = LaneTable(book.market.factors.size(), book.market.steps + 1);
  if (!book.market.bridged.empty()) {
    block.lows = LaneTable(book.market.factors.size(), book.market.steps + 1);
    block.landings.resize(book.market.factors.size());
  }
  block.discounts = LaneTable(book.market.discounts.size(), valued);
  block.weight.fill(unit_weight);
  ledger.value = LaneTable(rows, valued);
  ledger.cash = LaneTable(rows, valued);
  ledger.credit_loss = LaneTable(rows, valued);
  ledger.gauges = LaneTable(gauge_row_count(book), valued);
}

Workspace::Workspace(const CompiledBook& book)
    : book_(book),
      base_(book),
      shocked_(book),
      innovations_(book.market.factors.size(), book.market.steps + 1),
      scratch_(book.market.factors.size(), book.market.steps + 1) {
  for (const CellShocks& cell : book.cells) reach_.push_back(reach(book, cell));
  // Batches and posting report no more than there is room for. Where each position has a row, as many as it may take to
  // count every scenario of each.
  constexpr std::size_t least = 4096, most = std::size_t{1} << 20;
  const std::size_t room = book.detail == Detail::position ? 8 * lanes * book.leaf_of_row.size() : 0;
  faults.reserve(std::clamp(room, least, most));
  base_faults_.reserve(faults.capacity());
}

std::size_t workspace_bytes(const CompiledBook& book) {
  const std::size_t factors = book.market.factors.size() * static_cast<std::size_t>(book.market.steps + 1);
  const std::size_t valued = book.market.valued.size();
  const std::size_t ledger = (3 * book.leaf_of_row.size() + gauge_row_count(book)) * valued;
  const std::size_t lows = book.market.bridged.empty() ? 0 : factors;
  std::size_t bytes =
      (4 * factors + 2 * lows + 2 * book.market.discounts.size() * valued + 2 * ledger) * lanes * sizeof(double);
  for (const Stage& stage : book.stages) bytes += stage.batch->bytes_per_thread;
  // Credit: a mask and a step per obligor and lane of the largest bucket; events at a mean conditional PD of 10 %, three
  // times.
  std::size_t largest = 0;
  for (const Bucket& bucket : book.credit.buckets) largest = std::max<std::size_t>(largest, bucket.count);
  const std::size_t events = book.credit.obligors.size() * lanes / 10 + book.credit.in_default * std::size_t{lanes};
  return bytes + largest * (8 + lanes) + events * sizeof(Default) * 3;
}

void Workspace::start(std::uint64_t first_scenario, std::size_t scenarios) {
  base_.block.scenarios = shocked_.block.scenarios = scenarios;
  base_.block.first_scenario = shocked_.block.first_scenario = first_scenario;
  base_paths_ = base_ledger_ = false;
  base_faults_.clear();
  draw_innovations(book_.market, base_.block, innovations_);
}

const Valuation& Workspace::unshocked(bool with_ledger) {
  if (!base_paths_) draw_paths(book_.market, book_.unshocked, innovations_, nullptr, scratch_, base_.block);
  base_paths_ = true;
  if (with_ledger && !base_ledger_) {
    draw_defaults(book_.credit, credit_, base_.block);
    discount(book_.market, base_.block);
    for (const Stage& stage : book_.stages) stage.batch->evaluate(base_.block, base_.ledger, base_faults_);
    base_ledger_ = true;
  }
  return base_;
}

// A stage that is copied has the faults of what it is copied from.
void Workspace::inherit_faults(const Stage& stage) {
  const auto first = static_cast<std::uint32_t>(stage.first_row);
  for (const Fault& f : base_faults_) {
    const auto row = static_cast<std::uint32_t>(f.row);
    if (row >= first && row - first < stage.row_count && faults.size() < faults.capacity()) faults.push_back(f);
  }
}

const Valuation& Workspace::cell(int index) {
  faults.clear();
  const CellReach* const reached = index < 0 ? nullptr : &reach_[static_cast<std::size_t>(index)];
  if (reached == nullptr || !reached->anything()) {
    const Valuation& base = unshocked(true);
    faults.assign(base_faults_.begin(), base_faults_.end());
    return base;
  }
  const CellReach& redo = *reached;
  const CellShocks& shocks = book_.cells[static_cast<std::size_t>(index)];
  const bool all =
      redo.defaults && std::all_of(redo.stages.begin(), redo.stages.end(), [](std::uint8_t r) { return r != 0; });
  unshocked(!all);
  Block& block = shocked_.block;
  block.monitor_today = shocks.monitor_today;
  draw_paths(book_.market, shocks, innovations_, &base_.block, scratch_, block);
  if (redo.defaults) {
    draw_defaults(book_.credit, credit_, block);
  } else {
    block.defaults = base_.block.defaults;
    block.mean_conditional_pd = base_.block.mean_conditional_pd;
  }
  if (redo.discounts || all)
    discount(book_.market, block);
  else
    std::copy_n(base_.block.discounts.data(), block.discounts.size(), block.discounts.data());
  for (std::size_t s = 0; s < book_.stages.size(); ++s) {
    if (redo.stages[s]) {
      book_.stages[s].batch->evaluate(block, shocked_.ledger, faults);
    } else {
      copy_stage(book_.stages[s], base_.ledger, shocked_.ledger);
      inherit_faults(book_.stages[s]);
    }
  }
  return shocked_;
}

}  // namespace tailcube
