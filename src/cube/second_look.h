#pragma once
// The second look: evaluates the scenarios of the tails again, and adds up what contributes to them.
#include <functional>
#include <optional>

#include "kernels/instruments/telling.h"
#include "src/cube/contribution.h"
#include "src/engine/engine.h"
#include "src/engine/parts.h"

namespace tailcube {

// Parents that are looked at together: below them are positions of the same tables, so that these alone are evaluated.
// Places in `tree`, ascending.
std::vector<std::vector<std::uint32_t>> looks(const CompiledBook& run, const ContributionEdges& tree);

// What is looked at: the run's rows below some parents and, where there are parts, some of the same positions once more with
// a row for each of their groups. Of the groups of a leaf the one with most positions has no row: it gets what the others
// leave of the leaf's. So parts add up exactly to the run's losses, and a few positions that are told apart cost little.
class LookBook {
 public:
  // `run` outlives it; `credit` is the job's; Part::parent counts the parents of `tree`.
  LookBook(const Job&, const CompiledBook& run, const CompiledCredit& credit, const ContributionEdges& tree, Parts);
  LookBook(const CompiledBook& run, const ContributionEdges& tree);  // without parts
  // Rows of the parts alone, and no edges of the tree. The last part of a column is what the others leave of the parent.
  static LookBook named(const Job&, const CompiledBook& run, const CompiledCredit& credit, const ContributionEdges& tree,
                        Parts);
  const CompiledBook& book() const { return own_ ? *own_ : run_; }
  // Those of the tree and those of the parts: children are nodes and, from the number of nodes on, parts.
  const ContributionEdges& edges() const { return edges_; }
  const Parts& parts() const { return parts_; }
  const Part& part(const ContributionEdges::Edge& edge) const {
    return parts_.all[static_cast<std::size_t>(edge.child) - run_.parent.size()];
  }
  bool whole() const { return whole_book_; }
  std::size_t table(std::size_t stage) const { return tables_[stage]; }  // of the job; for the stages of the run

  // Economic losses of a block, [node, then part][horizon][lane]; where the book is not whole(), of parts alone, and not of
  // the last of a column. `rows`: memory of the calling thread.
  void losses(const Valuation&, std::vector<Units>& losses, std::vector<Units>& rows) const;

 private:
  struct Named {};
  LookBook(Named, const Job&, const CompiledBook& run, const CompiledCredit& credit, const ContributionEdges& tree, Parts);
  void keep_stages_below();
  void choose_rest(const Job&);
  void compile_groups(const Job&, const CompiledCredit&);
  bool has_row(std::size_t table, std::uint32_t group) const;
  std::uint32_t row_of_run(std::size_t table, NodeIndex leaf) const;
  const CompiledBook& run_;
  bool whole_book_ = true;
  std::vector<std::size_t> tables_;  // of the stages that are the run's
  Parts parts_;
  ContributionEdges edges_;
  std::vector<std::uint8_t> below_;   // [node]: it is one of the parents or below one
  std::optional<CompiledBook> own_;   // rows of the run, then those of groups; some stages of the run
  std::vector<std::uint32_t> group_;  // [row beyond the run's]
  std::vector<std::uint32_t>
      whole_;                        // [row beyond the run's]: the row of the run that it is a part of; empty if not whole()
  std::vector<std::uint32_t> rest_;  // [row of the run]: the group without a row, or `none`
};

// Evaluates these scenarios of the cells (once each; others may be another rank's) and sums what they show, by cell; `tails`
// are those of the cells. Cells share random numbers and what they see alike, so several cost less together than alone; a
// cell is evaluated only in blocks with scenarios of its tails. `poll`: as for Evaluator; once it says false the sums are of
// no use. Throws std::runtime_error, naming the scenario, if a parent's loss is not the one of its tail; a book that is not
// LookBook::whole cannot tell.
std::vector<ContributionSums> look_again(const LookBook&, std::span<const CellTails> tails, CellRange cells,
                                         std::span<const std::uint32_t> scenarios, int threads, const Poll& poll);
// The same of a book without parts, listening: threads call `hear` concurrently with what defaults take away (TellingBatch)
// in the scenarios from place `first` of the list on, by table of the job, once for all cells that have it in common.
using Hear = std::function<void(int thread, std::size_t table, std::span<const int> cells, std::size_t first,
                                std::span<const DefaultListener::Hit>, const double* loss)>;
std::vector<ContributionSums> listen(const LookBook&, std::span<const CellTails> tails, CellRange cells,
                                     std::span<const std::uint32_t> scenarios, int threads, const Poll& poll,
                                     const Hear& hear);

}  // namespace tailcube
