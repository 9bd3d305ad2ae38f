#pragma once
// The command line of `replay`, which shares no option with the commands that take a job.
#include <cstdint>
#include <optional>

#include "src/app/command_line.h"
#include "src/app/revisit.h"

namespace tailcube {

struct ReplayOptions {
  RevisitOptions at;
  std::optional<std::uint64_t> scenario;
  int worst = 0;  // 0: one scenario
};

// Prints what went wrong, or a story; returns the exit code.
int replay_command(int argc, const char* const* argv);  // replay.cpp

struct ParsedReplay {  // the options, or what is to be printed instead
  std::optional<ReplayOptions> options;
  Refusal refusal;
};
ParsedReplay parse_replay(int argc, const char* const* argv);

}  // namespace tailcube
