#include "src/app/failure.h"

#include <spdlog/spdlog.h>

#include <csignal>
#include <filesystem>
#include <new>
#include <sstream>

#include "hpc/cube_file.h"
#include "hpc/partial_file.h"
#include "src/app/exit_codes.h"
#include "src/engine/engine.h"
#include "src/input/input.h"

namespace tailcube {
namespace {

template <class Lines, class Text>
std::string joined(const Lines& lines, Text text) {
  std::string all;
  for (const auto& line : lines) all += (all.empty() ? "" : "\n") + text(line);
  return all;
}

}  // namespace

void refuse(const std::string& text) { throw Stop{exit_code::usage, text}; }

Failure attempt(const std::function<void()>& step) {
  try {
    step();
    return {};
  } catch (const InvalidInput& e) {
    return {e.exit_code, joined(e.issues, [](const Issue& issue) { return to_string(issue); })};
  } catch (const InvalidJob& e) {
    return {exit_code::invalid, joined(e.messages, [](const std::string& text) { return text; })};
  } catch (const BadPartial& e) {
    return {exit_code::invalid, e.what()};
  } catch (const FileError& e) {
    return {exit_code::io, e.what()};
  } catch (const std::filesystem::filesystem_error& e) {
    return {exit_code::io, e.what()};
  } catch (const std::bad_alloc&) {
    return {exit_code::internal, "out of memory: give each rank less to hold with --memory, or start fewer ranks"};
  } catch (const std::exception& e) {
    return {exit_code::internal, e.what()};
  }
}

Failure stop_failure(int stop, const std::string& how_far) {
  if (stop == 0) return {};
  const std::string by = stop == time_limit ? "--max-hours" : "signal " + std::to_string(stop);
  return {stop == SIGINT ? exit_code::interrupted : exit_code::stopped, "stopped by " + by + " " + how_far};
}

void log_error(const std::string& lines) {
  std::istringstream in(lines);
  for (std::string line; std::getline(in, line);) spdlog::error(line);
}

void meet(Communicator& world, const Failure& failure, const std::string& fact) {
  const Failure agreed = agree(world, {failure, fact});
  if (agreed.exit_code == exit_code::ok) return;
  if (world.rank() == 0) log_error(agreed.text);
  throw Stop{agreed.exit_code, agreed.text};
}

}  // namespace tailcube
