// The whole evaluation of a job's first cell against the sum of its kernels, each run alone on one block: CPU ns per
// scenario, best of a few rounds in turns. pipeline_bench JOB.toml [SCENARIOS]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>

#include "kernels/posting.h"
#include "src/engine/engine.h"
#include "src/input/input.h"

using namespace tailcube;

namespace {

double now() { return 1e9 * static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

struct Measured {
  const char* name;
  std::function<void()> run;
  std::uint64_t scenarios;  // of one run
  double best = 1e300;
  void measure(std::uint64_t at_least) {
    const std::uint64_t runs = std::max<std::uint64_t>(1, at_least / scenarios);
    const double begin = now();
    for (std::uint64_t i = 0; i < runs; ++i) run();
    best = std::min(best, (now() - begin) / static_cast<double>(runs * scenarios));
  }
};

Block block_of(const CompiledBook& book) {
  Block block;
  const FactorModel& market = book.market;
  block.seed = book.seed;
  block.factors = LaneTable(market.factors.size(), market.steps + 1);
  if (!market.bridged.empty()) {
    block.lows = LaneTable(market.factors.size(), market.steps + 1);
    block.landings.resize(market.factors.size());
  }
  block.discounts = LaneTable(market.discounts.size(), static_cast<int>(market.valued.size()));
  block.weight.fill(unit_weight);
  return block;
}

}  // namespace

int main(int count, char** words) {
  if (count < 2) return std::fputs("usage: pipeline_bench JOB.toml [SCENARIOS]\n", stderr), 64;
  const std::uint64_t scenarios = count > 2 ? std::strtoull(words[2], nullptr, 10) / lanes * lanes : 16384;
  const Job job = read_job(words[1], {});
  const CompiledBook book = compile(job, Detail::leaf);
  const FactorModel& market = book.market;
  const CellRange cell{0, 1};

  Block block = block_of(book);
  LaneTable innovations(market.factors.size(), market.steps + 1), scratch(market.factors.size(), market.steps + 1);
  const auto valued = static_cast<int>(market.valued.size());
  Ledger ledger;
  for (LaneTable* table : {&ledger.value, &ledger.cash, &ledger.credit_loss})
    *table = LaneTable(book.leaf_of_row.size(), valued);
  ledger.gauges = LaneTable(book.gauge_rows.size(), valued);
  Valuation valuation;
  valuation.of_row.assign(book.leaf_of_row.size(), &ledger);
  valuation.of_gauge_row.assign(book.gauge_rows.size(), &ledger);
  valuation.mean_conditional_pd = &block.mean_conditional_pd;
  CreditScratch credit;
  Faults faults;
  faults.reserve(64);
  Tallies tallies(tally_shape(job, book, cell), tally_settings(job)), alone = tallies;
  const Columns columns(book, cell, tallies.shape);
  LossSheet sheet(columns, scenarios), posted(columns, lanes);
  SideSums side(columns);
  Evaluator evaluate(book, cell, 1);
  std::uint64_t tile = 0;

  std::vector<Measured> kernels = {
      {"innovations", [&] { draw_innovations(market, block, innovations); }, lanes},
      {"paths", [&] { draw_paths(market, book.unshocked, innovations, nullptr, scratch, block); }, lanes},
      {"discount", [&] { discount(market, block); }, lanes},
      {"defaults", [&] { draw_defaults(book.credit, credit, block); }, lanes},
      {"value",
       [&] {
         for (const Stage& s : book.stages) s.batch->evaluate(block, ledger, faults);
       },
       lanes},
      {"post",
       [&] {
         post(book, valuation, columns, 0, 0, {0, lanes}, posted, side, faults);
       },
       lanes},
      {"tally",
       [&] {
         for (std::size_t s = 0; s < alone.losses.size(); ++s)
           alone.losses[s].fold({sheet.column(s), scenarios}, {}, tile * scenarios);
       },
       scenarios}};
  Measured whole{"whole", [&] { evaluate({tile * scenarios, (tile + 1) * scenarios}, tallies, {}); }, scenarios};
  // Losses for the tallies to fold: those of the block, over and over.
  for (Measured& kernel : kernels)
    if (kernel.scenarios == lanes) kernel.run();
  for (std::size_t s = 0; s < alone.losses.size(); ++s)
    for (std::uint64_t at = 0; at < scenarios; at += lanes) std::copy_n(posted.column(s), lanes, sheet.column(s) + at);
  for (; tile < 5; ++tile) {
    for (Measured& kernel : kernels) kernel.measure(scenarios);
    whole.measure(scenarios);
  }
  double sum = 0;
  for (const Measured& kernel : kernels) {
    std::printf("%-12s %10.1f ns a scenario\n", kernel.name, kernel.best);
    sum += kernel.best;
  }
  std::printf("%-12s %10.1f\n%-12s %10.1f   kernels / whole: %.2f\n", "together", sum, whole.name, whole.best,
              sum / whole.best);
  return 0;
}
