#pragma once
// A compiled book times a range of scenarios gives tallies. The only place that starts threads.
#include <functional>
#include <memory>
#include <vector>

#include "kernels/credit/defaults.h"
#include "kernels/instruments/instrument.h"
#include "kernels/market/market.h"
#include "kernels/tally/tally.h"

namespace tailcube {

inline constexpr int quantities = 2;         // economic, credit

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
  std::vector<CellShocks> cells;
  std::vector<Stage> stages;                 // by rising depth
  std::vector<NodeIndex> parent;             // of each node; parents before children; parent[0] = none
  std::vector<NodeIndex> leaf_of_row;
  struct GaugeRow {
    NodeIndex leaf;
    int gauge;
  };
  std::vector<GaugeRow> gauge_rows;
  int gauges = 0;
  std::vector<Units> today;                  // per row, rounded once
  std::vector<double> base_value;            // per node, in the job's currency
  double unit = 1.0 / 1024;                  // of the job's currency
};

// Scenarios [begin, end), begin a multiple of `lanes`, of the cells of one group.
struct Tile {
  std::uint64_t begin, end;
  friend auto operator<=>(const Tile&, const Tile&) = default;
};
struct CellRange {
  int begin, end;
};

// Memory of one thread, sized once.
struct Workspace {
  explicit Workspace(const CompiledBook&);
  Block base, block;
  LaneTable innovations, scratch;
  Ledger ledger;
  CreditScratch credit;
  Faults faults;
};
std::size_t workspace_bytes(const CompiledBook&);

// One block of one cell: fills workspace.block and workspace.ledger. Common random numbers: `innovations_drawn` says that the
// workspace already holds those of this block.
void evaluate_block(const CompiledBook&, std::uint64_t first_scenario, int cell, bool innovations_drawn, Workspace&);

// Adds a tile to the tallies. `poll` is called by the calling thread between blocks (never concurrently); may be empty.
// Throws std::overflow_error if a loss leaves the range proven by the plan.
class Evaluator {
 public:
  Evaluator(const CompiledBook&, CellRange, int threads);
  ~Evaluator();
  void operator()(Tile, Tallies&, const std::function<void()>& poll);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tailcube
