#pragma once
// Evaluates a few tiles of a plan on this process alone, with one thread, and measures what they cost.
#include "src/cube/cube.h"
#include "src/engine/forecast.h"

namespace tailcube {

// Tiles from the first to the last scenario, the same for every group of cells, all of them where that takes no longer than
// about `seconds`; at least three. `check` is called between blocks and may throw; it says true. What cannot be valued goes
// to `faults`: the rest of the calibration is then left out. Start-up is the caller's to fill in.
Calibration calibrate(const Job&, const CompiledBook&, const Plan&, double seconds, const Poll& check, FaultLog& faults);

}  // namespace tailcube
