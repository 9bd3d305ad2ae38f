#pragma once
// The second look: evaluates the scenarios of the tails again, and adds up what contributes to them.
#include <memory>

#include "src/cube/contribution.h"
#include "src/engine/engine.h"
#include "src/engine/parts.h"

namespace tailcube {

// What is looked at: the run's rows and, where there are parts, the same positions once more with a row for each of their
// groups. A row is rounded once to the loss unit; the few units by which the groups of a leaf then miss the leaf's own row
// go to the largest of them, so that parts add up exactly to the run's losses.
class LookBook {
 public:
  // `run` outlives it; `credit` is the job's.
  LookBook(const Job&, const CompiledBook& run, const CompiledCredit& credit, const ContributionEdges& tree, Parts);
  LookBook(const CompiledBook& run, const ContributionEdges& tree);  // without parts
  const CompiledBook& book() const { return own_ ? *own_ : run_; }
  // Those of the tree and those of the parts: children are nodes and, from the number of nodes on, parts.
  const ContributionEdges& edges() const { return edges_; }
  const Parts& parts() const { return parts_; }

  // Economic losses of a block, [node, then part][horizon][lane]. `rows`: memory of the calling thread.
  void losses(const Valuation&, std::vector<Units>& losses, std::vector<Units>& rows) const;

 private:
  void compile_groups(const Job&, const CompiledCredit&);
  void make_exact(std::vector<Units>& rows, std::size_t width) const;
  const CompiledBook& run_;
  Parts parts_;
  ContributionEdges edges_;
  std::unique_ptr<CompiledBook> own_;        // rows of the run, then those of groups
  std::vector<std::uint32_t> group_of_row_;  // [row beyond the run's]
  std::vector<std::uint32_t> run_row_;       // [row beyond the run's]: the row of the run that it is a part of
  std::vector<std::uint32_t> largest_;       // [row of the run]: the one beyond that takes what rounding leaves
};

// Evaluates these scenarios of the cells (ascending, once each; others may be another rank's) and sums what they show, by
// cell; `tails` are those of the cells. Cells share random numbers and what they see alike, so several cost less together
// than alone. `poll`: as for Evaluator; once it says false the sums are of no use. Throws std::runtime_error, naming the
// scenario, if a parent's loss is not the one of its tail.
template <class Sum>
std::vector<SegmentSums<Sum>> look_again(const LookBook&, std::span<const CellTails> tails, CellRange cells,
                                         std::span<const std::uint32_t> scenarios, int threads, const Poll& poll);
extern template std::vector<ContributionSums> look_again<LossPowers>(const LookBook&, std::span<const CellTails>, CellRange,
                                                                     std::span<const std::uint32_t>, int, const Poll&);
extern template std::vector<RankingSums> look_again<LossSum>(const LookBook&, std::span<const CellTails>, CellRange,
                                                             std::span<const std::uint32_t>, int, const Poll&);
// Who of PartChoice::crowded contributes most. Shares compare what is far apart: in each cell, horizon and confidence, a
// part's contribution without its sign, of the sum over the parts of its column and parent; the largest of a part counts.
class PartRanking {
 public:
  explicit PartRanking(const LookBook&);  // that outlives it
  void add(const CellTails&, const RankingSums&, std::int64_t scenarios, const std::vector<Confidence>&);  // of a cell
  // Of each part: 1 where it is among the `top` of its column and parent. Equal ones by their order.
  std::vector<std::uint8_t> kept(int top) const;

 private:
  const LookBook& look_;
  std::vector<double> share_;  // [part]: the largest so far
};

}  // namespace tailcube
