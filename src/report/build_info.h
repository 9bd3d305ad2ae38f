#pragma once
// What this program is: for `version`, the cube's `source` attribute and run.json.
#include <string>

namespace tailcube {

std::string program_version();  // "0.1.0"
std::string program_commit();   // abbreviated, "-dirty" when the tree had changes; "unknown" outside a git checkout
std::string compiler();         // "GNU 12.2.0"

}  // namespace tailcube
