#pragma once
// A synthetic cube with every kind of content: names beyond ASCII, missing values, brackets, short tails.
#include "src/cube/cube.h"

namespace tailcube::test {
Job sample_job();
Cube sample_cube();
}  // namespace tailcube::test
