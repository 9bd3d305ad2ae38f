#pragma once
#include "src/report/terminal_table.h"

namespace tailcube {

// What standard output is: the width of its terminal, else COLUMNS, else 120; colour only on a terminal, and not with
// NO_COLOR set (https://no-color.org) or TERM=dumb.
Terminal standard_terminal();

}  // namespace tailcube
