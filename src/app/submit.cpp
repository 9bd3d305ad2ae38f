#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>

#include "src/app/commands.h"
#include "src/app/planning.h"
#include "src/report/batch_script.h"
#include "src/report/build_info.h"
#include "src/report/money.h"

namespace tailcube {
namespace {

std::string this_program() {
  std::error_code unknown;
  const std::filesystem::path path = std::filesystem::read_symlink("/proc/self/exe", unknown);
  return unknown ? "tailcube" : path.string();
}

std::string plural(int n, const char* what) { return std::to_string(n) + " " + what + (n == 1 ? "" : "s"); }

// What each job of the script evaluates: all scenarios, or a shard's.
Forecast forecast_of(const Planned& planned, int shards) {
  Job part = planned.job;
  if (shards > 0) part.scenarios = std::max<std::uint64_t>(1, part.scenarios / static_cast<std::uint64_t>(shards));
  return forecast(part, *planned.book, planned.plan, planned.calibration, planned.layout);
}

void set_times(BatchJob& batch, const Planned& planned) {
  constexpr double hour = 3600, minute = 60;
  if (planned.calibration.seconds_per_scenario.empty()) {
    batch.wall_seconds = batch.merge_seconds = hour;
    batch.notes.emplace_back("Nothing was timed: the time limit is a guess.");
    return;
  }
  const Forecast each = forecast_of(planned, batch.shards);
  batch.wall_seconds = suggested_wall_limit(each);
  batch.notice_seconds =
      std::min(batch.wall_seconds / 2, 2 * minute + minute * std::ceil(2 * each.checkpoint_seconds / minute));
  batch.notes.push_back("Planned: " + duration_text(each.wall_seconds.value) + " (" + duration_text(each.wall_seconds.low) +
                        " to " + duration_text(each.wall_seconds.high) + ") on cores like those it was planned on" +
                        (batch.shards > 0 ? ", each shard." : "."));
  if (batch.shards == 0) return;
  // Every shard's tallies are read and added up, then the cube is made.
  Forecast merge;
  const Calibration& c = planned.calibration;
  const double growth = each.tally_bytes.value / static_cast<double>(std::max<std::size_t>(1, c.tally_bytes));
  merge.wall_seconds.high = each.finish_wall.high +
                            batch.shards * growth * (c.sort_seconds + c.encode_seconds + c.merge_seconds) +
                            batch.shards * each.tally_bytes.value / storage_bytes_per_second;
  batch.merge_seconds = suggested_wall_limit(merge);
}

BatchJob batch_of(const Planned& planned, const Options& options) {
  const Layout& layout = planned.layout;
  BatchJob batch;
  batch.name = planned.job.name;
  batch.program = this_program();
  batch.job = options.input.string();
  batch.output = options.output.empty() ? planned.job.name : options.output.string();
  for (const std::string& setting : options.settings) batch.options.insert(batch.options.end(), {"--set", setting});
  batch.options.insert(batch.options.end(), {"--memory", std::to_string(planned.memory_bytes)});
  batch.ranks = layout.ranks;
  batch.ranks_per_node = layout.ranks_per_node;
  batch.threads = layout.threads;
  batch.bytes_per_node = static_cast<double>(planned.rank_bytes()) * layout.ranks_per_node;
  batch.shards = options.submit.shards;
  batch.merge_bytes = static_cast<double>(make_plan(planned.job, *planned.book, planned.memory_bytes, 2, 1).total_bytes);
  batch.notes.push_back(
      "Made by tailcube " + program_version() + " submit: " +
      (batch.shards > 0
           ? plural(batch.shards, "shard") + " and their merge, to be submitted with `bash` and this file;"
           : plural(batch.ranks, "rank") + " on " + plural(layout.nodes(), "node") + ", to be submitted with `sbatch`;"));
  batch.notes.push_back(grouped(static_cast<double>(planned.job.scenarios)) + " scenarios in each of " +
                        plural(static_cast<int>(planned.job.cells.size()), "cell") + ".");
  set_times(batch, planned);
  return batch;
}

}  // namespace

int submit_command(const Communicator& world, const Options& options) {
  return with_plan(world, options, [&](const Planned& planned) { std::cout << slurm_script(batch_of(planned, options)); });
}

}  // namespace tailcube
