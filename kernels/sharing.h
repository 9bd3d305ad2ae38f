#pragma once
// What the cells of a job have in common, so that it is computed once per block of scenarios.
#include <cstdint>
#include <vector>

namespace tailcube {

struct CompiledBook;
struct CellRange;

// Versions: two cells with equal versions of something have it equal in every bit. 0 is the unshocked cell's; others count
// up in the order in which the cells come to them.
class Sharing {
 public:
  Sharing(const CompiledBook&, CellRange);  // of the cells in the range; the unshocked cell is number -1

  struct Cell {
    std::vector<std::uint32_t> stages;  // what each stage writes
    std::vector<std::uint32_t> kept;    // what it may keep: all that it reads but KeepingBatch::reads_apart
    std::uint32_t defaults = 0;         // the drivers' paths, and so who defaults at what loss
    std::uint32_t discounts = 0;
    std::vector<std::uint8_t> unshocked_links;  // those of CompiledBook::publishing that are the unshocked cell's
  };
  const Cell& operator[](int cell) const { return cell < 0 ? unshocked_ : cells_[static_cast<std::size_t>(cell - first_)]; }
  // Whether several versions of a stage can use what is kept of one.
  bool keeps(std::size_t stage, std::uint32_t kept) const { return users_[stage][kept] > 1; }
  bool keeps(std::size_t stage) const;
  std::uint32_t stage_versions() const { return stage_versions_; }  // of the stage with most
  // The first cell with each version of the defaults but 0.
  const std::vector<int>& defaulting_cells() const { return defaulting_cells_; }
  bool unshocked_defaults() const { return unshocked_defaults_; }  // some cell has version 0

 private:
  int first_;
  Cell unshocked_;
  std::vector<Cell> cells_;
  std::uint32_t stage_versions_ = 1;
  std::vector<std::vector<std::uint32_t>> users_;  // [stage][kept]: versions of the stage
  std::vector<int> defaulting_cells_;
  bool unshocked_defaults_ = false;
};

// [cell of the range][node]: the first of the range's cells, counted from 0, that has the losses and gauges of this node in
// every scenario, because every stage with a row under it writes the same for both.
std::vector<int> first_alike(const CompiledBook&, CellRange);
std::vector<int> first_alike(const CompiledBook&, CellRange, int node);  // [cell]

}  // namespace tailcube
