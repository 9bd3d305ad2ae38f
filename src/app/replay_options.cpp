#include "src/app/replay_options.h"

#include <CLI/CLI.hpp>
#include <map>
#include <sstream>

#include "src/app/exit_codes.h"

namespace tailcube {
namespace {

void add_options(CLI::App& replay, ReplayOptions& wanted) {
  replay.add_option("cube", wanted.cube, "a cube, or the folder with cube.h5")->required();
  auto* what = replay.add_option_group("what", "one of");
  what->add_option_function<std::uint64_t>(
          "--scenario", [&wanted](std::uint64_t n) { wanted.scenario = n; }, "number of the scenario, from 0, as in /tail")
      ->type_name("N");
  what->add_option("--worst", wanted.worst, "what the N worst scenarios of the node have in common")
      ->check(CLI::Range(1, 1'000'000).description(""))
      ->type_name("N");
  what->require_option(1);
  replay.add_option("--cell", wanted.cell, "stress cell (default: the first)")->type_name("NAME");
  replay.add_option("--node", wanted.node, "node of the portfolio, for instance total/credit (default: total)")
      ->type_name("PATH");
  replay
      .add_option("--horizon", wanted.horizon,
                  "time from today: years, or as the tables write it, \"3 months\" (default: the last)")
      ->type_name("TIME");
  replay.add_option("--job", wanted.job, "folder of the job's files (default: this folder, or that of the cube)")
      ->type_name("FOLDER");
  replay.add_option("--most", wanted.most, "rows of long lists (default 20); 0: all")->type_name("N");
  using Format = ReplayOptions::Format;
  static const std::map<std::string, Format> formats{{"text", Format::text}, {"csv", Format::csv}, {"json", Format::json}};
  replay.add_option("--format", wanted.format, "text (default), csv or json")
      ->transform(CLI::CheckedTransformer(formats, CLI::ignore_case).description(""))
      ->type_name("FORMAT");
}

}  // namespace

bool asks_for_replay(int argc, const char* const* argv) { return argc > 1 && std::string(argv[1]) == "replay"; }

ParsedReplay parse_replay(int argc, const char* const* argv) {
  ReplayOptions options;
  CLI::App app{"Computes a scenario of a cube again and tells what happened in it.", "tailcube replay"};
  add_options(app, options);
  try {
    app.parse(argc - 1, argv + 1);
    return {options, {}};
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;
    const int code = app.exit(error, out, out);
    return {std::nullopt, {code == 0 ? exit_code::ok : exit_code::usage, out.str()}};
  }
}

}  // namespace tailcube
