#pragma once
// The command line of `replay`, which shares no option with the commands that take a job.
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "src/app/agreement.h"

namespace CLI {
class App;
}

namespace tailcube {

struct ReplayOptions {
  std::filesystem::path cube;  // or its folder
  std::optional<std::uint64_t> scenario;
  int worst = 0;                    // 0: one scenario
  std::string cell, node, horizon;  // as the cube names them; empty: the first cell, the total, the last horizon
  std::filesystem::path job;        // the folder of the job's files; empty: to be found
  std::size_t most = 20;            // rows of long lists; 0: all
  enum class Format : std::uint8_t { text, csv, json } format = Format::text;
};

// Whether the command is `replay`.
bool asks_for_replay(int argc, const char* const* argv);
// Prints what went wrong, or a story; returns the exit code.
int replay_command(int argc, const char* const* argv);  // replay.cpp

struct ParsedReplay {  // the options, or what is to be printed instead
  std::optional<ReplayOptions> options;
  Failure refusal;
};
ParsedReplay parse_replay(int argc, const char* const* argv);

}  // namespace tailcube
