#include "src/app/command_line.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <sstream>

#include "src/app/exit_codes.h"

namespace tailcube {

Refusal refusal_of(const CLI::App& app, const CLI::ParseError& error) {
  std::ostringstream out;
  const int code = app.exit(error, out, out);
  return {code == 0 ? exit_code::ok : exit_code::usage, out.str()};
}

int print(const Refusal& refusal) {
  (refusal.exit_code == exit_code::ok ? std::cout : std::cerr) << refusal.text;
  return refusal.exit_code;
}

}  // namespace tailcube
