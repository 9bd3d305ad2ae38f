#pragma once
// From a ledger in money to losses in units: rows are rounded once, nodes are integer sums of their rows.
#include <vector>

#include "kernels/evaluate.h"

namespace tailcube {

// The columns that a group of cells fills. Where a cell has a node's losses and gauges from an earlier one, it has that
// cell's columns; a gauge that no row under the node has, has none.
class Columns {
 public:
  Columns(const CompiledBook&, CellRange, const Shape&);
  const Shape& shape() const { return shape_; }
  // Whether the columns of the node are the cell's own.
  bool own(int cell, int node) const { return first_[place(cell, node)] == cell; }
  // Of each slot of losses: the one that has the column. Those that have one, ascending.
  const std::vector<std::uint32_t>& holder() const { return holder_; }
  const std::vector<std::uint32_t>& holders() const { return holders_; }
  // Numbers of columns, by slot of losses and of gauges (`none`: no column).
  std::uint32_t loss(std::size_t slot) const { return loss_[slot]; }
  std::uint32_t gauge(std::size_t slot) const { return gauge_[slot]; }
  std::size_t gauges() const { return gauge_count_; }

 private:
  std::size_t place(int cell, int node) const {
    return static_cast<std::size_t>(cell) * static_cast<std::size_t>(shape_.nodes) + static_cast<std::size_t>(node);
  }
  void number_losses();
  void number_gauges(const CompiledBook&);
  Shape shape_;
  std::vector<int> first_;  // [cell][node]
  std::vector<std::uint32_t> holder_, holders_, loss_, gauge_;
  std::uint32_t gauge_count_ = 0;
};

// Losses of a tile, [column][scenario of the tile].
class LossSheet {
 public:
  LossSheet(const Columns&, std::size_t scenarios);  // outlived by the columns
  Units* column(std::size_t slot) { return units_.data() + columns_.loss(slot) * stride_; }
  std::size_t scenarios() const { return scenarios_; }

 private:
  const Columns& columns_;
  std::size_t scenarios_, stride_;
  std::vector<Units> units_;
};
std::size_t sheet_bytes(const Shape&, std::size_t scenarios);  // if every slot has its own column

// One thread's sums of what is not a loss: gauges and conditional PDs of one group.
struct SideSums {
  explicit SideSums(const Columns&);
  void move_to(Tallies&, const Columns&);  // adds them there, and starts anew
  std::vector<Moments> gauges;             // [column]
  std::vector<Moments> conditional_pd;     // [cell]
  Moments absent;                          // of a gauge without a column
  std::vector<Units> buffer;               // [column][lane] of one block
  bool faulty = false;                     // a fault was found in a row, so that all are looked at
};

// Lanes of a block. The losses of those before `begin` go to the sheet as well, but are not asked for.
struct LaneRange {
  std::size_t begin, end;
  std::size_t size() const { return end - begin; }
};

// Posts lanes of one block of one cell (`cell` counts within the group) at `offset` scenarios into the tile's blocks; cells
// of a block come in their order. Adds a fault for each row and scenario that is not finite or beyond
// 2^51 units; the row is then not posted.
void post(const CompiledBook&, const Valuation&, const Columns&, int cell, std::size_t offset, LaneRange, LossSheet&,
          SideSums&, Faults&);

// Economic losses of one block of one cell, [row][horizon][lane], 0 of rows that no stage has; nothing is looked at for
// faults.
void row_losses(const CompiledBook&, const Valuation&, Units* losses);

// The same of one row, worth `today` units today, in a ledger: [horizon][lane].
void ledger_losses(const Ledger&, std::size_t row, double unit, Units today, Units* losses);

// Adds the same faults without posting. `bound`, per row, lowers the range of value + cash, in units; empty: 2^51.
void find_faults(const CompiledBook&, const Valuation&, std::size_t count, const std::vector<double>& bound, Faults&);

}  // namespace tailcube
