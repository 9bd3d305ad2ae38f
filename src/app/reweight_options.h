#pragma once
// The command line of `reweight`.
#include <optional>
#include <string>
#include <vector>

#include "src/app/command_line.h"
#include "src/app/revisit.h"
#include "src/input/views.h"

namespace tailcube {

struct ReweightOptions {
  RevisitOptions at;
  std::vector<ViewText> views;
  std::filesystem::path file;  // further views; empty: none
  bool propagate = false;
  std::size_t sample = 20'000;  // scenarios besides the worst
  int threads = 0;
};

// Prints risk under another view, or what went wrong; returns the exit code.
int reweight_command(int argc, const char* const* argv);  // reweight.cpp

struct ParsedReweight {  // the options, or what is to be printed instead
  std::optional<ReweightOptions> options;
  Refusal refusal;
};
ParsedReweight parse_reweight(int argc, const char* const* argv);

}  // namespace tailcube
