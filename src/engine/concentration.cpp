#include "src/engine/concentration.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "src/engine/engine.h"
#include "src/engine/selection.h"
#include "src/model/no_number.h"

namespace tailcube {
namespace {

constexpr std::size_t together = 4096;  // positions compiled at a time

struct Amounts {
  double exposure = 0, loss = 0;
};
using ByObligor = std::map<std::uint32_t, Amounts>;

// Obligors as the job counts them: nobody is drawn, so there is no law to compile.
CompiledCredit nobody_drawn(const Job& job) {
  CompiledCredit credit;
  credit.model.obligors.resize(job.obligors.size());
  for (std::uint32_t o = 0; o < job.obligors.size(); ++o) credit.order.push_back(ObligorIndex{o});
  return credit;
}

// The job valued at its first reporting step alone, without cells and positions.
Job frame_of(const Job& job) {
  Job frame = job;
  frame.tables.clear();
  frame.cells = {{"base", std::nullopt, {}, false}};
  frame.report_steps.resize(1);
  frame.published_values = false;
  frame.market.valued = frame.report_steps;
  return frame;
}

// Every price stays as it is today, what the book publishes too, and all default at the first step.
Block still_block(const CompiledBook& book, const ObligorTable& obligors) {
  Block block;
  const FactorModel& market = book.market;
  block.factors = LaneTable(market.rows(), market.steps + 1);
  for (std::size_t row = 0; row < market.rows(); ++row) {
    const std::size_t count = market.factors.size();
    const double today = row >= count                                     ? market.published[row - count].today
                         : market.factors[row].process == Process::driver ? 0
                                                                          : market.factors[row].initial;
    for (int step = 0; step <= market.steps; ++step) std::ranges::fill(block.factors(row, step), today);
  }
  if (!market.bridged.empty()) {
    block.lows = LaneTable(market.factors.size(), market.steps + 1);
    std::copy_n(block.factors.data(), block.lows.size(), block.lows.data());
    block.landings.resize(market.factors.size());
  }
  block.discounts = LaneTable(market.discounts.size(), static_cast<int>(market.valued.size()));
  discount(market, block);
  block.scenarios = 1;
  block.defaults.reserve(obligors.size());
  for (std::uint32_t o = 0; o < obligors.size(); ++o)
    block.defaults.push_back({ObligorIndex{o}, 0, 1, obligors.loss_given_default[o]});
  return block;
}

Ledger room_for(const CompiledBook& book) {
  Ledger ledger;
  for (LaneTable* table : {&ledger.value, &ledger.cash, &ledger.credit_loss})
    *table = LaneTable(book.leaf_of_row.size(), static_cast<int>(book.market.valued.size()));
  ledger.gauges = LaneTable(book.gauge_rows.size(), static_cast<int>(book.market.valued.size()));
  return ledger;
}

// Positions of one table that have an obligor.
void add(const Job& frame, const CompiledCredit& credit, const Positions& positions, std::vector<ByObligor>& nodes) {
  const CompiledBook book = compile(frame, Detail::position, credit, 1);
  const Block block = still_block(book, frame.obligors);
  Ledger ledger = room_for(book);
  Faults faults;
  faults.reserve(together);
  const Batch& batch = *book.stages.front().batch;
  batch.evaluate(block, ledger, faults);
  for (std::size_t p = 0; p < positions.size(); ++p) {
    Amounts& to = nodes[static_cast<std::size_t>(positions.leaf[p])][static_cast<std::uint32_t>(positions.obligor[p])];
    to.exposure += batch.value_today[p];
    to.loss += ledger.credit_loss(p, 0)[0];
  }
}

Concentration summary(const ByObligor& amounts, const std::vector<std::string>& ids) {
  Concentration out{0, 0, no_number, no_number, {}, no_number, no_number, {}, no_number};
  for (const auto& [obligor, of] : amounts) {
    if ((of.exposure > 0 || of.loss > 0) && !(of.loss <= out.largest_loss))
      out.largest_loss = of.loss, out.largest_loss_name = ids[obligor];
    if (!(of.exposure > 0)) continue;
    out.exposure += of.exposure;
    ++out.names;
    if (!(of.exposure <= out.largest_exposure)) out.largest_exposure = of.exposure, out.largest_name = ids[obligor];
  }
  if (out.names == 0) {
    out.exposure = no_number;
    return out;
  }
  out.herfindahl_index = 0;
  for (const auto& [obligor, of] : amounts)
    if (of.exposure > 0) out.herfindahl_index += of.exposure / out.exposure * (of.exposure / out.exposure);
  out.effective_names = 1 / out.herfindahl_index;
  out.largest_share = out.largest_exposure / out.exposure;
  return out;
}

}  // namespace

std::vector<Concentration> concentration(const Job& job) {
  std::vector<ByObligor> nodes(job.nodes.size());
  const CompiledCredit credit = nobody_drawn(job);
  Job frame = frame_of(job);
  for (const PositionTable& table : job.tables) {
    std::vector<std::uint32_t> rows;
    for (std::uint32_t p = 0; p < table.positions.size(); ++p) {
      if (!is_none(table.positions.obligor[p])) rows.push_back(p);
      if (rows.empty() || (rows.size() < together && p + 1 < table.positions.size())) continue;
      frame.tables.clear();
      frame.tables.push_back({table.instrument, selected(table.positions, rows)});
      add(frame, credit, frame.tables.front().positions, nodes);
      rows.clear();
    }
  }
  for (std::size_t n = nodes.size(); n-- > 1;)
    for (const auto& [obligor, of] : nodes[n]) {
      Amounts& to = nodes[static_cast<std::size_t>(job.nodes[n].parent)][obligor];
      to.exposure += of.exposure, to.loss += of.loss;
    }
  std::vector<Concentration> out;
  out.reserve(nodes.size());
  for (const ByObligor& amounts : nodes) out.push_back(summary(amounts, job.obligors.id));
  return out;
}

}  // namespace tailcube
