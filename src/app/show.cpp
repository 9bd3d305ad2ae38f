#include "src/report/show.h"

#include <iostream>
#include <sstream>

#include "src/app/commands.h"
#include "src/app/cube_input.h"
#include "src/app/terminal.h"

namespace tailcube {

int show_command(const Options& options) {
  return run_reader([&] {
    const ShowRequest request{options.figures.filters, options.figures.what};
    const LoadedCube loaded = load_cube(options.input, groups_not_shown(request));
    std::ostringstream out;  // nothing half-written: a filter may find nothing
    out << loaded.header.title << "\n";
    show(out, loaded.cube, request, standard_terminal());
    std::cout << out.str();
  });
}

}  // namespace tailcube
