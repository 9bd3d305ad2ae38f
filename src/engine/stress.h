#pragma once
// Parts of compile_cells (engine.h): what a stress does to the law of the innovations.
#include <optional>
#include <string>
#include <vector>

#include "src/model/model.h"

namespace tailcube {

// A factor of a path from its rows: values at every step up to the last row that has one (or the last step of the job), and
// the innovations they imply. Nothing if only step 0 has a value. `start` is the value at step 0. Appends to `messages`,
// each beginning with `where`, on a price that is not positive or a row 0 that is not today's value.
std::optional<Pin> compile_pin(const Job&, const PathSpec&, std::size_t column, double start, const std::string& where,
                               std::vector<std::string>& messages);

// Fills pin_beta, driver_beta and the distance of a cell from its pins, driver_shocks and propagate. With overlays the
// distance must be set to NaN afterwards. Appends to `messages` where several driver shocks contradict each other.
void compile_propagation(const Job&, const std::string& where, CellShocks&, std::vector<std::string>& messages);

}  // namespace tailcube
