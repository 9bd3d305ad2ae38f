// Tallies of a group of cells, cut into cells and joined again; what makes partials of different jobs differ.
#include <algorithm>
#include <iterator>
#include <utility>

#include "hpc/partial_file.h"
#include "src/report/money.h"

namespace tailcube {
namespace {

// The elements of one cell of [outer][cell][inner], moved out or in.
template <class T>
void move_cell(std::vector<T>& group, std::vector<T>& one, const Shape& shape, int cell, int outer, bool out) {
  if (group.empty()) return;
  const auto cells = static_cast<std::size_t>(shape.cells);
  const std::size_t inner = group.size() / cells / static_cast<std::size_t>(outer);
  for (std::size_t o = 0; o < static_cast<std::size_t>(outer); ++o)
    for (std::size_t i = 0; i < inner; ++i) {
      T& in_group = group[(o * cells + static_cast<std::size_t>(cell)) * inner + i];
      T& alone = one[o * inner + i];
      if (out)
        alone = std::move(in_group);
      else
        in_group = std::move(alone);
    }
}

void move_cell(Tallies& group, Tallies& one, int cell, bool out) {
  move_cell(group.losses, one.losses, group.shape, cell, group.shape.replicates, out);
  move_cell(group.gauges, one.gauges, group.shape, cell, 1, out);
  move_cell(group.conditional_pd, one.conditional_pd, group.shape, cell, 1, out);
  move_cell(group.faults, one.faults, group.shape, cell, 1, out);
}

std::string text(const Shape& s) {
  return std::to_string(s.quantities) + " quantities x " + std::to_string(s.nodes) + " nodes x " +
         std::to_string(s.horizons) + " horizons x " + std::to_string(s.gauges) + " gauges";
}

std::string text(const TallySettings& t) {
  return std::string(t.binned ? "binned" : "exact") + " tail from " + std::to_string(t.keep.alpha_numerator) + "/" +
         std::to_string(t.keep.alpha_denominator) + ", at least " + std::to_string(t.keep.at_least) + " scenarios";
}

std::string text(const std::vector<std::string>& quarantined) {
  if (quarantined.empty()) return "no position";
  constexpr std::size_t shown = 3;
  std::string out;
  for (std::size_t i = 0; i < std::min(shown, quarantined.size()); ++i) out += (i == 0 ? "" : ", ") + quarantined[i];
  if (quarantined.size() > shown) out += " and " + std::to_string(quarantined.size() - shown) + " more";
  return out;
}

std::string other(const std::string& what, const std::string& theirs, const std::string& mine) {
  return what + " " + theirs + ", not " + mine;
}

}  // namespace

std::string difference(const PartialIdentity& mine, const PartialIdentity& theirs) {
  if (theirs.program != mine.program) return other("written by", theirs.program, mine.program);
  if (theirs.seed != mine.seed) return other("seed", std::to_string(theirs.seed), std::to_string(mine.seed));
  if (theirs.cells != mine.cells) return other("stress cells:", std::to_string(theirs.cells), std::to_string(mine.cells));
  if (theirs.cell_shape != mine.cell_shape) return other("a cell of", text(theirs.cell_shape), text(mine.cell_shape));
  if (theirs.settings != mine.settings) return other("tallies with", text(theirs.settings), text(mine.settings));
  if (theirs.tally_digest != mine.tally_digest)
    return other("the job or one of its tables, digest", theirs.tally_digest.substr(0, 12), mine.tally_digest.substr(0, 12));
  if (theirs.unit != mine.unit) return other("loss unit", shortest(theirs.unit), shortest(mine.unit));
  if (theirs.quarantined != mine.quarantined) return other("left out:", text(theirs.quarantined), text(mine.quarantined));
  return {};
}

std::vector<Tallies> split_cells(Tallies&& given) {
  Tallies group = std::move(given);
  group.separate();
  Shape shape = group.shape;
  shape.cells = 1;
  std::vector<Tallies> cells;
  cells.reserve(static_cast<std::size_t>(group.shape.cells));
  for (int cell = 0; cell < group.shape.cells; ++cell)
    move_cell(group, cells.emplace_back(shape, group.settings), cell, true);
  return cells;
}

Tallies join_cells(std::vector<Tallies>&& given) {
  std::vector<Tallies> cells = std::move(given);
  if (cells.empty()) return {};
  Shape shape = cells.front().shape;
  for (const Tallies& cell : cells)
    if (cell.shape.cells != 1 || !(cell.shape == shape) || !(cell.settings == cells.front().settings))
      throw std::invalid_argument("tallies of different jobs cannot be joined");
  shape.cells = static_cast<int>(cells.size());
  Tallies group(shape, cells.front().settings);
  for (std::size_t cell = 0; cell < cells.size(); ++cell) move_cell(group, cells[cell], static_cast<int>(cell), false);
  return group;
}

}  // namespace tailcube
