// What could not be valued, in the words of the job.
#include "src/engine/engine.h"

namespace tailcube {
namespace {

// The only position of a node in a table, or none.
std::uint32_t only_position(const Positions& positions, NodeIndex leaf) {
  std::uint32_t found = none;
  for (std::uint32_t p = 0; p < positions.size(); ++p) {
    if (positions.leaf[p] != leaf) continue;
    if (found != none) return none;
    found = p;
  }
  return found;
}

}  // namespace

std::string describe(const ValuationFault& at, const Job& job, const CompiledBook& book) {
  const auto row = static_cast<std::uint32_t>(at.key.row);
  std::string text = "scenario " + std::to_string(at.site.scenario) + " of cell \"" +
                     job.cells[static_cast<std::size_t>(at.site.cell)].name + "\": ";
  for (std::size_t s = 0; s < book.stages.size(); ++s) {  // a stage per table
    const auto first = static_cast<std::uint32_t>(book.stages[s].first_row);
    if (row < first || row - first >= book.stages[s].row_count) continue;
    const NodeIndex leaf = book.leaf_of_row[row];
    const PositionTable& table = job.tables[s];
    const std::uint32_t position = at.key.position != none ? at.key.position : only_position(table.positions, leaf);
    text += position == none ? "a position among the " + std::string(table.instrument->name) + "s"
                             : std::string(table.instrument->name) + " " + table.positions.id[position];
    text += " in " + job.nodes[static_cast<std::size_t>(leaf)].path + ": ";
  }
  return text + words(at.site.reason);
}

}  // namespace tailcube
