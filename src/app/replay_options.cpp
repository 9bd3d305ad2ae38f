#include "src/app/replay_options.h"

#include <CLI/CLI.hpp>

namespace tailcube {
namespace {

void add_options(CLI::App& replay, ReplayOptions& wanted) {
  add_revisit(replay, wanted.at);
  auto* what = replay.add_option_group("what", "one of");
  what->add_option_function<std::uint64_t>(
          "--scenario", [&wanted](std::uint64_t n) { wanted.scenario = n; }, "number of the scenario, from 0, as in /tail")
      ->type_name("N");
  what->add_option("--worst", wanted.worst, "what the N worst scenarios of the node have in common")
      ->check(CLI::Range(1, 1'000'000).description(""))
      ->type_name("N");
  what->require_option(1);
}

}  // namespace

ParsedReplay parse_replay(int argc, const char* const* argv) {
  ReplayOptions options;
  CLI::App app{"Computes a scenario of a cube again and tells what happened in it.", "tailcube replay"};
  add_options(app, options);
  try {
    app.parse(argc - 1, argv + 1);
    return {options, {}};
  } catch (const CLI::ParseError& error) {
    return {std::nullopt, refusal_of(app, error)};
  }
}

}  // namespace tailcube
