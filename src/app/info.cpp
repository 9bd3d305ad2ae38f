#include <spdlog/spdlog.h>

#include <iostream>

#include "hpc/cube_whole.h"
#include "hpc/partial_file.h"
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

void write_tally(const std::filesystem::path& path) {
  const PartialReader file(path);
  const PartialHeader& h = file.header();
  const PartialIdentity& id = h.identity;
  const auto count = [](std::uint64_t n) { return grouped(static_cast<double>(n)); };
  std::uint64_t done = 0;
  for (int cell = 0; cell < id.cells; ++cell) done += file.done(cell).size();
  std::cout << path.string() << "\n  tallies of " << h.job << ", job digest " << h.job_digest << "\n  written by "
            << id.program << "\n  format     " << partial_format << ", " << count(file.bytes()) << " bytes\n";
  if (h.shards > 0) std::cout << "  shard      " << h.shard << " of " << h.shards << "\n";
  std::cout << "  scenarios  " << h.wanted.text() << " (" << count(h.wanted.size()) << " of " << count(h.scenarios) << ")\n"
            << "  complete   "
            << (file.complete()
                    ? "yes"
                    : "no: " + percent(static_cast<double>(done) / (static_cast<double>(h.wanted.size()) * id.cells)))
            << "\n  holds      " << id.cells << " stress cells x " << id.cell_shape.nodes << " nodes x "
            << id.cell_shape.horizons << " horizons x " << id.cell_shape.quantities << " quantities, "
            << (id.settings.binned ? "binned" : "exact") << " tail\n  seed       " << id.seed << ", loss unit "
            << significant(id.unit, 6) << "\n";
  for (const std::string& position : id.quarantined) std::cout << "  left out   " << position << "\n";
  file.check_all();
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
    if (path.extension() == ".tally") return write_tally(path);
    const CubeFile file = read_cube_file(path, {"tail", "distribution", "contribution_by", "concentration"});
    write_header(path, file.header);
    write_table(std::cout, file.cube);
  });
  if (failure.exit_code == exit_code::io) failure.exit_code = exit_code::invalid;
  if (failure.exit_code != exit_code::ok) log_error(failure.text);
  return failure.exit_code;
}

}  // namespace tailcube
