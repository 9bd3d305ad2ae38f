#pragma once
// The answer on the terminal: what `run` ends with and `info` repeats.
#include <iosfwd>

#include "src/cube/cube.h"

namespace tailcube {

// Per stress cell, at the last reporting horizon: whether it propagates, the total and the first level of the node tree with
// value today, expected loss, value at risk and expected shortfall at each confidence, and the three leaves that hurt most.
// Economic loss. Errors are 95 % intervals, written as +- the wider half; what has no interval is marked and explained below
// the table.
void write_table(std::ostream&, const Cube&);

}  // namespace tailcube
