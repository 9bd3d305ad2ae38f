#pragma once
// Euler contributions to expected shortfall: which scenarios they are made of, what is summed over them, and the estimate
// with its standard error. Pure. Formulas and sources: kernels/METHODS.md, "Contributions to expected shortfall".
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "kernels/evaluate.h"
#include "kernels/tally/moments.h"
#include "src/model/model.h"

namespace tailcube {

// Whose expected shortfall is split up, and over which nodes.
struct ContributionEdges {
  struct Edge {
    int parent, child;  // nodes
    friend bool operator==(const Edge&, const Edge&) = default;
  };
  struct Parent {
    int node;
    std::size_t first, last;  // its edges
    std::size_t number;       // among all parents of the job
  };
  std::vector<Edge> edges;
  std::vector<Parent> parents;
};
// Of each node in job.contributions: its children, which add up to it; the total also has an edge to every other node. Nodes
// without children are parents where there is something else to split them up by (job.contribute_by).
ContributionEdges contribution_edges(const Job&);

ContributionEdges edges_of(const ContributionEdges& all, std::span<const std::uint32_t> parents);  // of some, ascending

// How expected shortfall at one confidence is read off the worst scenarios of a node in their total order: the first `worse`
// exceed VaR and count once; what is missing of n (1 - alpha) scenarios is shared alike by the next `tied`, whose loss is
// VaR. `near`: how many of the first, the mildest, stand beside the tied ones for "loss about VaR" in the standard error.
struct TailCut {
  std::int64_t worse = 0, tied = 0, near = 0;
  std::int64_t size() const { return worse + tied; }
  friend bool operator==(const TailCut&, const TailCut&) = default;
};
// Depends on the losses alone, not on how many more were kept. `surely_kept`: Tail::Keep::at_least. Nothing where the tail
// does not reach VaR or has weights.
std::optional<TailCut> tail_cut(const Tail::Worst&, std::int64_t scenarios, std::int64_t surely_kept, Confidence);

// The scenarios that the contributions of one cell are made of.
struct CellTails {
  struct List {  // of one parent and horizon, worst first; empty: not computed
    std::vector<std::uint32_t> scenario;
    std::vector<Units> loss;   // of the parent
    std::vector<TailCut> cut;  // by confidence; size() 0: not computed
    friend bool operator==(const List&, const List&) = default;
  };
  std::vector<List> lists;  // [parent][horizon]
};
// Of some of `count` parents, ascending.
CellTails tails_of(const CellTails&, std::size_t count, std::span<const std::uint32_t> parents);
// All of several cells, once each; those that are in the tails of the same cells are neighbours, ascending.
std::vector<std::uint32_t> scenarios_of(std::span<const CellTails>);
std::size_t confidences_of(std::span<const CellTails>);  // cuts of a list
std::vector<std::byte> to_bytes(const CellTails&);
CellTails cell_tails_from_bytes(std::span<const std::byte>);

// Collects the tails of all cells while their tallies pass by.
class Contributions {
 public:
  Contributions() = default;
  explicit Contributions(const Job&);
  // The tail of a node's economic loss; ignored unless contributions to it are wanted.
  void add(int cell, int node, int horizon, const Tail::Worst&, std::int64_t surely_kept);
  const ContributionEdges& edges() const { return edges_; }
  const CellTails& tails(int cell) const { return cells_[static_cast<std::size_t>(cell)]; }
  std::span<const CellTails> tails(CellRange cells) const {
    return std::span(cells_).subspan(static_cast<std::size_t>(cells.begin),
                                     static_cast<std::size_t>(cells.end - cells.begin));
  }

 private:
  ContributionEdges edges_;
  std::vector<Confidence> confidence_;
  std::int64_t scenarios_ = 0;
  std::size_t horizons_ = 0;
  std::vector<CellTails> cells_;
};

// Exact sums of a child's losses over scenarios of its parent's tail; adding is exact and commutative.
struct LossSum {
  Wide sum = 0;
  void add(Units loss) { sum += loss; }
  void merge(const LossSum& other) { sum += other.sum; }
};
struct LossPowers {
  Wide sum = 0, squares = 0;
  void add(Units loss) { sum += loss, squares += Wide{loss} * loss; }
  void merge(const LossPowers& other) { sum += other.sum, squares += other.squares; }
};
// Of the scenarios of a TailCut: those far beyond VaR, the near ones, the tied ones.
struct EdgeSums {
  LossPowers far, near, tied;
};
struct ContributionEstimate {
  double value, standard_error;  // in loss units; NaN where it does not exist
};
ContributionEstimate estimate_contribution(const EdgeSums&, const TailCut&, std::int64_t scenarios, Confidence);

// Where the parts of some cuts end in the order of a tail, ascending: three to a cut at most. A tail is summed up once, by
// the segments between these ends.
std::vector<std::int64_t> segment_ends(std::span<const TailCut>);

// The sums of one cell, [edge][horizon][segment].
template <class Sum>
struct SegmentSums {
  std::size_t horizons = 0, segments = 0;
  std::vector<Sum> sums;
  SegmentSums() = default;
  SegmentSums(std::size_t edges, std::size_t horizon_count, std::size_t confidences)
      : horizons(horizon_count), segments(3 * confidences), sums(edges * horizon_count * segments) {}
  Sum* at(std::size_t edge, std::size_t horizon) { return sums.data() + (edge * horizons + horizon) * segments; }
  const Sum* at(std::size_t edge, std::size_t horizon) const { return sums.data() + (edge * horizons + horizon) * segments; }
  void merge(const SegmentSums& other) {
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i].merge(other.sums[i]);
  }
};
using ContributionSums = SegmentSums<LossPowers>;
using RankingSums = SegmentSums<LossSum>;  // enough for contributions without their errors
// Of one edge and horizon, from its segments; without squares where there are none.
EdgeSums edge_sums(const LossPowers* segments, std::span<const std::int64_t> ends, const TailCut&);
EdgeSums edge_sums(const LossSum* segments, std::span<const std::int64_t> ends, const TailCut&);

}  // namespace tailcube
