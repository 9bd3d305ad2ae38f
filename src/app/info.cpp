#include <spdlog/spdlog.h>

#include <iostream>

#include "hpc/cube_file.h"
#include "src/app/commands.h"
#include "src/app/exit_codes.h"
#include "src/app/failure.h"
#include "src/report/money.h"
#include "src/report/table.h"

namespace tailcube {
namespace {

void write_header(const std::filesystem::path& path, const CubeHeader& h) {
  std::cout << path.string() << "\n  title      " << h.title << "\n  written by " << h.source << "\n  format     tailcube "
            << h.format_version << (h.complete ? "" : ", NOT complete") << "\n  job digest " << h.job_digest
            << "\n  seed       " << h.seed << ", sampler " << h.sampler << ", tail " << h.tail_mode << ", loss unit "
            << significant(h.loss_unit, 6) << " " << h.currency << "\n\n";
}

}  // namespace

int info_command(const Options& options) {
  std::filesystem::path path = options.input;
  if (std::filesystem::is_directory(path)) path /= "cube.h5";
  if (!std::filesystem::exists(path)) {
    spdlog::error("{}: no such file", path.string());
    return exit_code::missing;
  }
  // Unlike output, a cube that cannot be read is input: 65.
  Failure failure = attempt([&] {
    write_header(path, read_cube_header(path));
    write_table(std::cout, read_cube(path));
  });
  if (failure.exit_code == exit_code::io) failure.exit_code = exit_code::invalid;
  if (failure.exit_code != exit_code::ok) log_error(failure.text);
  return failure.exit_code;
}

}  // namespace tailcube
