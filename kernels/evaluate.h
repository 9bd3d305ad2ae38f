#pragma once
// A compiled book times a range of scenarios gives tallies. The only place that starts threads.
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <vector>

#include "kernels/credit/defaults.h"
#include "kernels/faults.h"
#include "kernels/instruments/keeping.h"
#include "kernels/market/market.h"
#include "kernels/publishing.h"
#include "kernels/sharing.h"
#include "kernels/tally/tally.h"

namespace tailcube {

// Kinds of loss. The last two only where a job asks for published values: the loss of value by the contracts' own
// accounting, and the gap, published value - value, what the books hide.
enum Quantity : std::uint8_t { economic_loss, credit_loss, published_loss, value_gap };
constexpr int quantities(bool published_values) { return published_values ? 4 : 2; }

struct Stage {
  std::shared_ptr<Batch> batch;  // by books that have it in common
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
  std::shared_ptr<const Publishing> publishing;  // null: nothing refers to the book itself
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
  std::vector<double> base_gauge;  // [gauge][node] today
  std::vector<double> gauge_unit;  // of each gauge: the loss unit for money, 1/1024 for counts
  std::vector<Units> today;        // per row, rounded once
  bool published_values = false;
  std::vector<Units> published_today;  // per row, of the published value; empty where it is not asked for
  std::vector<double> base_value;      // per node, in the job's currency
  std::vector<double> base_published_value;
  Units largest_loss = 0;    // of any node in an ordinary scenario, from the batches' gross amounts
  double unit = 1.0 / 1024;  // of the job's currency
};

// Scenarios [begin, end) of the cells of one group. Blocks lie at multiples of `lanes`, wherever a tile begins.
struct Tile {
  std::uint64_t begin, end;
  friend auto operator<=>(const Tile&, const Tile&) = default;
};
struct CellRange {
  int begin, end;
};

// What the stages wrote for a block of scenarios of one cell.
struct Valuation {
  std::vector<const Ledger*> of_row, of_gauge_row;  // where they are; null where no stage of the book has the row
  const std::array<double, lanes>* mean_conditional_pd = nullptr;  // null in scenarios that were gathered
};
// Memory of one thread, sized once. Stays valid for the book it was made for.
class Workspace {
 public:
  Workspace(const CompiledBook&, CellRange);  // for the cells in the range
  // Draws the random numbers shared by all cells; must come before `cell`. The job has `scenarios` of the block.
  void start(std::uint64_t first_scenario, std::size_t scenarios = lanes);
  // The same for any 1 .. `lanes` scenarios: a lane holds the bits that it holds among its neighbours.
  void start(std::span<const std::uint32_t> scenarios);
  // Says which cells will be asked for, so that nothing is drawn for others; without it, all of them.
  void want(std::span<const int> cells);
  // One cell of the block (-1: unshocked). Valid until the next call.
  const Valuation& cell(int index);
  // The stages of some cells, ascending, one after the other in one ledger: shows what each wrote, once for all cells that
  // have it in common.
  using SeeStage = std::function<void(std::size_t stage, std::span<const int> cells, const Ledger&)>;
  void each_stage(std::span<const int> cells, const SeeStage&);
  // Of the block and cell asked for last: what its batches report, whichever cells were asked for before.
  Faults faults;

 private:
  struct Scene {  // a block, whose paths it has, and which versions
    explicit Scene(const CompiledBook&);
    Block block;
    int paths;
    std::uint32_t defaults, discounts;
    bool published = false;  // what the book publishes, of `paths`
    // What it has of scene 0 while a stage reads it.
    bool borrows_defaults = false, borrows_discounts = false;
  };
  struct Held {  // what a ledger holds of a stage
    std::uint32_t version;
    Faults faults;
  };
  struct Keeping {  // what a stage keeps, and of which version
    std::uint32_t version;
    Kept kept;
  };
  void begin(std::uint64_t first_scenario, const std::uint32_t* gathered, std::size_t scenarios);
  Scene& scene_of(std::uint32_t defaults);
  void walk(int cell, Scene&);
  void draw(std::uint32_t version);
  bool wanted(std::uint32_t version) const { return wanted_.empty() || wanted_[version] != 0; }
  Scene& prepare(int cell, const Batch&);
  void fetch_defaults(int cell, Scene&);  // before `walk`
  void publish(int cell, Scene&);
  static void swap_borrowed(Scene&, Scene& unshocked);
  void evaluate(std::size_t stage, int cell, Ledger&);

  const CompiledBook& book_;
  Sharing sharing_;
  std::vector<Scene> scenes_;
  std::vector<Ledger> ledgers_;
  std::vector<Held> held_;        // [stage][ledger]
  std::vector<Keeping> keeping_;  // [stage]
  Valuation valuation_;
  std::vector<std::array<double, lanes>> mean_conditional_pd_;  // [version of the defaults]
  std::vector<std::uint8_t> known_pd_;
  std::vector<std::uint8_t> wanted_;  // [version of the defaults]; empty: all
  LaneTable innovations_, scratch_;
  CreditScratch credit_;
  Publisher publisher_;
  std::vector<double> memory_;  // Ledger::scratch of whichever ledger is written
  std::array<std::uint32_t, lanes> gathered_{};
  Faults found_;
};
std::size_t workspace_bytes(const CompiledBook&);
inline constexpr std::size_t kept_ledger_bytes = 16u
                                                 << 20;  // of ledgers that wait for other cells, where there are over two

// What could not be valued, in words; the first fault in the order of (scenario, cell, row).
struct ValuationFault : std::runtime_error {
  explicit ValuationFault(const FaultLog&);  // that is not empty
  FaultLog::Key key;
  FaultSite site;
};
const char* words(Reason);

// Adds tiles to the tallies of a group of cells. `poll` is called by the calling thread after its blocks, never
// concurrently, and says whether to go on; may be empty. Hence every call gets on by a block at least.
using Poll = std::function<bool()>;
class Evaluator {
 public:
  Evaluator(const CompiledBook&, CellRange, int threads);
  ~Evaluator();
  // Returns how many scenarios of the tile were added, from its first: all of them, or fewer (whole blocks) where `poll`
  // said false. Where `poll` or a block throws, tallies and log are as they were. What is not finite or leaves the range of
  // the loss unit goes to the log. With the first fault the tallies become useless and nothing more is added to them.
  std::uint64_t operator()(Tile, Tallies&, FaultLog&, const Poll& poll);
  // The same; throws ValuationFault.
  std::uint64_t operator()(Tile, Tallies&, const Poll& poll);
  // Evaluates any scenarios, whose faults are known not to matter, `lanes` at a time in their order, and shows what the
  // group's cells hold of each block: places [first, first + count) of the list. Threads (0 .. threads - 1) call `see`
  // concurrently. Returns how many of the list were seen, as above. `needed`: whether a cell is to be evaluated there, as
  // each is without it.
  using See = std::function<void(int thread, int cell, std::size_t first, std::size_t count, const Valuation&)>;
  using Needed = std::function<bool(int cell, std::size_t first)>;
  std::uint64_t gather(std::span<const std::uint32_t> scenarios, const See& see, const Poll& poll,
                       const Needed& needed = {});
  // The same stage by stage, so that a ledger for the rows of one is enough for a book whose stages write to the same rows.
  using SeeStage = std::function<void(int thread, std::size_t stage, std::span<const int> cells, std::size_t first,
                                      std::size_t count, const Ledger&)>;
  std::uint64_t gather_stages(std::span<const std::uint32_t> scenarios, const SeeStage& see, const Poll& poll,
                              const Needed& needed);
  // Looks for faults only; returns the same. `bound`: as for find_faults.
  std::uint64_t examine(Tile, const std::vector<double>& bound, FaultLog&, const Poll& poll);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tailcube
