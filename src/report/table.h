#pragma once
// The answer on the terminal: what `run` ends with.
#include <iosfwd>

#include "src/cube/cube.h"

namespace tailcube {
void write_table(std::ostream&, const Cube&, const Job&);
}
