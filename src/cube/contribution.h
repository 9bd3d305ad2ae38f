#pragma once
// Euler contributions to expected shortfall: which scenarios they are made of, what is summed over them, and the estimate
// with its standard error. Pure. Formulas and sources: kernels/METHODS.md, "Contributions to expected shortfall".
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "kernels/evaluate.h"
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
  };
  std::vector<Edge> edges;
  std::vector<Parent> parents;
};
// Of each node in job.contributions: its children, which add up to it; the total also has an edge to every other node.
ContributionEdges contribution_edges(const Job&);

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
  };
  std::vector<List> lists;  // [parent][horizon]
};
// All of several cells, once each, ascending.
std::vector<std::uint32_t> scenarios_of(std::span<const CellTails>);
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

// Exact sums of a child's losses over the scenarios of its parent's tail; adding is exact and commutative.
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

// The sums of one cell.
struct ContributionSums {
  std::size_t horizons = 0, confidences = 0;
  std::vector<EdgeSums> sums;  // [edge][horizon][confidence]
  ContributionSums() = default;
  ContributionSums(const ContributionEdges&, std::size_t horizons, std::size_t confidences);
  EdgeSums* at(std::size_t edge, std::size_t horizon) { return sums.data() + (edge * horizons + horizon) * confidences; }
  const EdgeSums& at(std::size_t edge, std::size_t horizon, std::size_t confidence) const {
    return sums[(edge * horizons + horizon) * confidences + confidence];
  }
  void merge(const ContributionSums&);
};

// The second look: evaluates these scenarios of the cells (ascending, once each; others may be another rank's) and sums what
// they show, by cell; `tails` are those of the cells. Cells share random numbers and what they see alike, so several cost
// less together than alone. `poll`: as for Evaluator; once it says false the sums are of no use. Throws std::runtime_error,
// naming the scenario, if a parent's loss is not the one of its tail.
std::vector<ContributionSums> look_again(const CompiledBook&, const ContributionEdges&, std::span<const CellTails> tails,
                                         CellRange cells, std::span<const std::uint32_t> scenarios, int threads,
                                         const Poll& poll);
inline constexpr int cells_looked_at = 16;  // together

}  // namespace tailcube
