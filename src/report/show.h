#pragma once
// A cube on the terminal: `tailcube show`.
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "src/cube/cube.h"
#include "src/report/selection.h"
#include "src/report/terminal_table.h"

namespace tailcube {

struct ShowRequest {
  Filters filters;
  // Figures by name (figures.h), and "contributions", "gauges", "distribution", "tail". Empty: es, var, mean, distribution.
  std::vector<std::string> what;
};

// Groups of the cube file that show() does not look at. Throws BadFilter.
std::vector<std::string_view> groups_not_shown(const ShowRequest&);

// For each quantity and cell: a table node x figures and bars of the first figure by node, at the last horizon (or those
// asked for); a table node x horizon of the first figure; what nodes contribute to the ES of those asked for; the
// distribution of losses; gauges; the worst scenarios. At the end a table cell x node. What is not filtered is kept short:
// the quantity economic, the first cell, the last horizon, and the nodes down to the first level below the total where there
// are many. Throws BadFilter.
void show(std::ostream&, const Cube&, const ShowRequest&, const Terminal&);

}  // namespace tailcube
