#include <spdlog/spdlog.h>

#include <iostream>
#include <memory>

#include "hpc/communicator.h"
#include "hpc/signals.h"
#include "kernels/math/functions.h"
#include "src/app/commands.h"
#include "src/app/exit_codes.h"
#include "src/app/failure.h"
#include "src/app/logging.h"
#include "src/app/replay_options.h"
#include "src/app/reverse_options.h"
#include "src/app/reweight_options.h"

namespace tailcube {
namespace {

int dispatch(Communicator& world, const Options& options) {
  if (options.command == Command::run) return run_command(world, options);
  int code = exit_code::ok;
  if (world.rank() == 0) {
    if (options.command == Command::merge) code = merge_command(options);
    if (options.command == Command::check) code = check_command(options);
    if (options.command == Command::plan) code = plan_command(world, options);
    if (options.command == Command::submit) code = submit_command(world, options);
    if (options.command == Command::info) code = info_command(options);
    if (options.command == Command::report) code = report_command(options);
    if (options.command == Command::show) code = show_command(options);
    if (options.command == Command::export_rows) code = export_command(options);
    if (options.command == Command::compare) code = compare_command(options);
    if (options.command == Command::version) code = version_command();
  }
  return std::stoi(broadcast(world, std::to_string(code)));
}

// The commands that read their own command line.
using OwnCommand = int (*)(int, const char* const*);
OwnCommand own_command(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "";
  if (name == "replay") return replay_command;
  if (name == "reverse") return reverse_command;
  return name == "reweight" ? reweight_command : nullptr;
}

int run_program(Communicator& world, int argc, char** argv) {
  if (const OwnCommand command = own_command(argc, argv)) {
    start_logging({}, world.rank());
    const int code = world.rank() == 0 ? command(argc, argv) : exit_code::ok;
    return std::stoi(broadcast(world, std::to_string(code)));
  }
  const Parsed parsed = parse_options(argc, argv);
  if (!parsed.options) {
    if (world.rank() == 0) print(parsed.refusal);
    return parsed.refusal.exit_code;
  }
  start_logging(*parsed.options, world.rank());
  if (parsed.options->avx2_only) limit_simd("avx2");
  return dispatch(world, *parsed.options);
}

// A rank that fails outside a meeting point takes the others with it: they wait for it.
int leave(Communicator& world, const char* why) {
  spdlog::error(why);
  if (world.size() > 1) world.abort(exit_code::internal);
  return exit_code::internal;
}

}  // namespace
}  // namespace tailcube

int main(int argc, char** argv) {
  using namespace tailcube;
  watch_signals();
  std::unique_ptr<Communicator> world;
  try {
    world = connect(argc, argv);
  } catch (const std::exception& error) {  // a launch in which the ranks cannot see each other
    spdlog::error(error.what());
    return exit_code::usage;
  }
  try {
    const int code = run_program(*world, argc, argv);
    std::cout.flush();
    world->leave_with(code);
    return code;
  } catch (const Stop& stop) {
    world->leave_with(stop.exit_code);
    return stop.exit_code;
  } catch (const std::exception& error) {
    return leave(*world, error.what());
  }
}
