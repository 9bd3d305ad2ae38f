#pragma once
// A compiled book times a range of scenarios gives tallies. The only place that starts threads.
#include <functional>
#include <memory>
#include <stdexcept>
#include <vector>

#include "kernels/credit/defaults.h"
#include "kernels/faults.h"
#include "kernels/instruments/instrument.h"
#include "kernels/market/market.h"
#include "kernels/tally/tally.h"

namespace tailcube {

inline constexpr int quantities = 2;  // economic, credit

struct Stage {
  std::unique_ptr<Batch> batch;
  RowIndex first_row{};
  std::uint32_t row_count = 0;
  std::uint32_t first_gauge = 0, gauge_count = 0;  // gauge rows of the batch: row_count * gauges of its instrument
  int depth = 1;
};
// Immutable, shared by all threads.
struct CompiledBook {
  std::uint64_t seed = 0;
  Detail detail = Detail::leaf;
  FactorModel market;
  CreditModel credit;
  CellShocks unshocked;
  std::vector<CellShocks> cells;
  std::vector<Stage> stages;      // by rising depth
  std::vector<NodeIndex> parent;  // of each node; parents before children; parent[0] = none
  std::vector<NodeIndex> leaf_of_row;
  struct GaugeRow {
    NodeIndex leaf;
    int gauge;
  };
  std::vector<GaugeRow> gauge_rows;
  int gauges = 0;
  std::vector<double> gauge_unit;  // of each gauge: the loss unit for money, 1/1024 for counts
  std::vector<Units> today;        // per row, rounded once
  std::vector<double> base_value;  // per node, in the job's currency
  Units largest_loss = 0;          // of any node in an ordinary scenario, from the batches' gross amounts
  double unit = 1.0 / 1024;        // of the job's currency
};

// Scenarios [begin, end), begin a multiple of `lanes`, of the cells of one group.
struct Tile {
  std::uint64_t begin, end;
  friend auto operator<=>(const Tile&, const Tile&) = default;
};
struct CellRange {
  int begin, end;
};

// What a cell has to compute again; everything else is the unshocked block's.
struct CellReach {
  bool paths = false, defaults = false, discounts = false;
  std::vector<std::uint8_t> stages;  // per stage
  bool anything() const;
};
CellReach reach(const CompiledBook&, const CellShocks&);

// A block of scenarios of one cell with its ledger.
struct Valuation {
  explicit Valuation(const CompiledBook&);
  Block block;
  Ledger ledger;
};
// Memory of one thread, sized once. Stays valid for the book it was made for.
class Workspace {
 public:
  explicit Workspace(const CompiledBook&);
  // Draws the random numbers shared by all cells; must come before `cell`. The job has `scenarios` of the block.
  void start(std::uint64_t first_scenario, std::size_t scenarios = lanes);
  // The block of one cell (-1: unshocked). Valid until the next call.
  const Valuation& cell(int index);
  // Of the block and cell asked for last: what its batches report, whichever cells were asked for before.
  Faults faults;

 private:
  const Valuation& unshocked(bool with_ledger);
  void inherit_faults(const Stage&);
  const CompiledBook& book_;
  std::vector<CellReach> reach_;  // [cell]
  Valuation base_, shocked_;
  Faults base_faults_;
  bool base_paths_ = false, base_ledger_ = false;
  LaneTable innovations_, scratch_;
  CreditScratch credit_;
};
std::size_t workspace_bytes(const CompiledBook&);

// What could not be valued, in words; the first fault in the order of (scenario, cell, row).
struct ValuationFault : std::runtime_error {
  explicit ValuationFault(const FaultLog&);  // that is not empty
  FaultLog::Key key;
  FaultSite site;
};
const char* words(Reason);

// Adds tiles to the tallies of a group of cells. `poll` is called by the calling thread between blocks, never concurrently;
// may be empty.
class Evaluator {
 public:
  Evaluator(const CompiledBook&, CellRange, int threads);
  ~Evaluator();
  // What is not finite or leaves the range of the loss unit goes to the log. With the first fault the tallies become useless
  // and nothing more is added to them.
  void operator()(Tile, Tallies&, FaultLog&, const std::function<void()>& poll);
  // The same; throws ValuationFault.
  void operator()(Tile, Tallies&, const std::function<void()>& poll);
  // Looks for faults only. `bound`: as for find_faults.
  void examine(Tile, const std::vector<double>& bound, FaultLog&, const std::function<void()>& poll);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tailcube
