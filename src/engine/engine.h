#pragma once
// From a job to something that can be evaluated, and how to spread it.
#include <string>
#include <vector>

#include "kernels/evaluate.h"
#include "src/model/model.h"

namespace tailcube {

// What the engine found impossible in a valid file (terminal timing with market reads, a shocked lognormal <= 0, amounts too
// large for the rounding unit). Exit 65.
class InvalidJob : public std::exception {
 public:
  explicit InvalidJob(std::vector<std::string> texts) : messages(std::move(texts)) {}
  const char* what() const noexcept override { return "invalid job"; }
  std::vector<std::string> messages;
};

// Of src/input/warnings.h, those that need the compiled book: cells far out, a coarse loss unit.
std::vector<std::string> compiled_warnings(const Job&, const CompiledBook&);

// The fault with the names of its cell, node and position, for whoever wrote the job.
std::string describe(const ValuationFault&, const Job&, const CompiledBook&);

// src/engine/credit_model.*: buckets, thresholds, kappa. `order` maps ObligorTable index to ObligorIndex.
struct CompiledCredit {
  CreditModel model;
  std::vector<ObligorIndex> order;
  struct Report {             // per distinct (PD curve, a'Ca), what `check` prints
    double pd_1y, pd_at_end;  // by one year, by the last step
    std::uint32_t term;       // of ObligorTable::terms, or `none`
    double squared_loading, kappa, first_step_joint_ratio;
    std::uint32_t obligors;
  };
  std::vector<Report> reports;
};
CompiledCredit compile_credit(const Job&);

CompiledBook compile(const Job&, Detail);
// With the credit model of a job that has the same obligors; a `unit` above 0 is taken as the loss unit as it is.
CompiledBook compile(const Job&, Detail, const CompiledCredit&, double unit = 0);
// The book of a job with more of its positions on further rows, by leaf, whose numbers need not be nodes: base_value does
// not count them.
CompiledBook with_tables(CompiledBook, const Job&, const CompiledCredit&, std::span<const PositionTable>);
// The tables alone, each on rows from 0 on: of leaf_of_row, gauge_rows and today only the sizes mean something.
CompiledBook tables_apart(CompiledBook, const Job&, const CompiledCredit&, std::span<const PositionTable>);

// src/engine/stress.*
std::vector<CellShocks> compile_cells(const Job&);
CellShocks unshocked_cell(const Job&);  // a cell without shocks

// src/engine/plan.*
struct Plan {
  std::vector<CellRange> groups;     // evaluated one after the other
  std::uint64_t tile_scenarios = 0;  // a multiple of `lanes`
  std::vector<Tile> tiles;           // of each group
  double unit = 0;                   // loss unit, of the job's currency
  std::size_t budget_bytes = 0, fixed_bytes = 0, workspace_bytes = 0, tally_bytes_per_cell = 0, sheet_bytes = 0,
              message_bytes = 0, second_look_bytes = 0, total_bytes = 0;
  std::string explanation;  // several lines, for --dry-run
};
// Throws InvalidJob, naming the number of bytes, when one cell does not fit. `scenarios`: how many of the job's are
// evaluated; 0: all.
Plan make_plan(const Job&, const CompiledBook&, std::size_t memory_bytes, int ranks, int threads,
               std::uint64_t scenarios = 0);
Shape tally_shape(const Job&, const CompiledBook&, CellRange);
TallySettings tally_settings(const Job&);
// Union over instruments(), in their order; behind them what ratios are made of.
std::vector<std::string> gauge_names(bool ratios = false);
std::vector<std::string> gauge_units(const Job&);

}  // namespace tailcube
