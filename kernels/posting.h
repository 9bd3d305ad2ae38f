#pragma once
// From a ledger in money to losses in units: rows are rounded once, nodes are integer sums of their rows.
#include <vector>

#include "kernels/evaluate.h"

namespace tailcube {

// Losses of a tile, [cell of the group][quantity][node][horizon][scenario of the tile].
class LossSheet {
 public:
  LossSheet(const Shape& shape, std::size_t scenarios)
      : shape_(shape), stride_(scenarios), units_(shape.losses() * scenarios) {}
  Units* column(std::size_t slot) { return units_.data() + slot * stride_; }
  const Shape& shape() const { return shape_; }
  std::size_t stride() const { return stride_; }

 private:
  Shape shape_;
  std::size_t stride_;
  std::vector<Units> units_;
};
std::size_t sheet_bytes(const Shape&, std::size_t scenarios);

// One thread's sums of what is not a loss: gauges and conditional PDs of one group.
struct SideSums {
  explicit SideSums(const Shape&);
  std::vector<Moments> gauges, conditional_pd;
  std::vector<Units> buffer;  // [gauge][node][horizon][lane] of one block
};

// Posts one block of one cell (`cell` counts within the group) at `offset` scenarios into the tile, of which `count` <=
// lanes are real. Adds a fault for each row and scenario that is not finite or beyond 2^51 units; the row is then not
// posted.
void post(const CompiledBook&, const Valuation&, int cell, std::size_t offset, std::size_t count, LossSheet&, SideSums&,
          Faults&);

// Adds the same faults without posting. `bound`, per row, lowers the range of value + cash, in units; empty: 2^51.
void find_faults(const CompiledBook&, const Valuation&, std::size_t count, const std::vector<double>& bound, Faults&);

}  // namespace tailcube
