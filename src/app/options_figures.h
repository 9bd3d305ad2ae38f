#pragma once
// The options of the commands that read figures from a cube.
#include "src/app/options.h"

namespace CLI {
class App;
}

namespace tailcube {

void add_show(CLI::App&, Options&);
void add_export(CLI::App&, Options&);
void add_compare(CLI::App&, Options&);

}  // namespace tailcube
