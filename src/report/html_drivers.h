#pragma once
// What drives the tail: contributions to expected shortfall (docs/cube.md, /contribution), beside each node alone.
#include "src/report/html_sections.h"

namespace tailcube::html {

// The parts of a node's shortfall: its children, or where `deep`, all nodes below it. As places in View::edges.
std::vector<std::size_t> parts_of(const View&, int parent, bool deep);
// What a part loses alone less what it adds: how much less it counts for being held with the others. Both are estimated from
// the same scenarios; the error is the sum of theirs, which it cannot exceed.
Estimate diversification(const View&, int cell, const View::Edge&, int h, int k);
// The children alone, added up, and that less the parent; errors as above.
Estimate alone_together(const View&, int cell, int parent, int h, int k);
Estimate diversification_of(const View&, int cell, int parent, int h, int k);

Section drivers(const View&);
// Members of the page's data: "splits" (parent, child), "parents", and of each detailed cell "contribution", "parentSe".
std::string drivers_json(const View&);

}  // namespace tailcube::html
