#pragma once
// The second look: evaluates the scenarios of the tails again, and adds up what contributes to them.
#include <optional>

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
  const CompiledBook& book() const { return own_ ? *own_ : run_; }
  // Those of the tree and those of the parts: children are nodes and, from the number of nodes on, parts.
  const ContributionEdges& edges() const { return edges_; }
  const Parts& parts() const { return parts_; }

  // Economic losses of a block, [node, then part][horizon][lane]. `rows`: memory of the calling thread.
  void losses(const Valuation&, std::vector<Units>& losses, std::vector<Units>& rows) const;

 private:
  void keep_stages_below();
  void compile_groups(const Job&, const CompiledCredit&);
  std::uint32_t row_of_run(std::size_t table, NodeIndex leaf) const;
  const CompiledBook& run_;
  Parts parts_;
  ContributionEdges edges_;
  std::vector<std::uint8_t> below_;   // [node]: it is one of the parents or below one
  std::optional<CompiledBook> own_;   // rows of the run, then those of groups; some stages of the run
  std::vector<std::uint32_t> group_;  // [row beyond the run's]
  std::vector<std::uint32_t> whole_;  // [row beyond the run's]: the row of the run that it is a part of
  std::vector<std::uint32_t> rest_;   // [row of the run]: the group without a row, or `none`
};

// Evaluates these scenarios of the cells (once each; others may be another rank's) and sums what they show, by cell; `tails`
// are those of the cells. Cells share random numbers and what they see alike, so several cost less together than alone; a
// cell is evaluated only in blocks with scenarios of its tails. `poll`: as for Evaluator; once it says false the sums are of
// no use. Throws std::runtime_error, naming the scenario, if a parent's loss is not the one of its tail.
std::vector<ContributionSums> look_again(const LookBook&, std::span<const CellTails> tails, CellRange cells,
                                         std::span<const std::uint32_t> scenarios, int threads, const Poll& poll);

}  // namespace tailcube
