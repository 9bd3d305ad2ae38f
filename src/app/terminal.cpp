#include "src/app/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace tailcube {
namespace {

constexpr std::size_t narrowest = 40;

bool has(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

}  // namespace

Terminal standard_terminal() {
  Terminal terminal;
  winsize size{};
  const bool tty = isatty(STDOUT_FILENO) != 0;
  if (tty && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    terminal.columns = size.ws_col;
  } else if (has("COLUMNS")) {
    const long columns = std::strtol(std::getenv("COLUMNS"), nullptr, 10);
    if (columns > 0 && columns < 10'000) terminal.columns = static_cast<std::size_t>(columns);
  }
  terminal.columns = std::max(terminal.columns, narrowest);
  const char* kind = std::getenv("TERM");
  terminal.colour = tty && !has("NO_COLOR") && !(kind != nullptr && std::string_view(kind) == "dumb");
  return terminal;
}

}  // namespace tailcube
