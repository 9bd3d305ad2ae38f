// The stages of a run before the first scenario.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <sstream>

#include "hpc/machine.h"
#include "hpc/signals.h"
#include "kernels/math/functions.h"
#include "src/app/exit_codes.h"
#include "src/app/failure.h"
#include "src/app/logging.h"
#include "src/app/run.h"
#include "src/input/input.h"
#include "src/report/money.h"

namespace tailcube {
namespace {

std::pair<std::size_t, std::size_t> two_numbers(const std::string& text) {
  std::istringstream in(text);
  std::size_t first = 0, second = 0;
  in >> first >> second;
  return {first, second};
}

}  // namespace

void Run::read() {
  clock_.start("read");
  Failure failure = attempt([&] { job_ = read_job(options_.input, options_.settings); });
  if (failure.exit_code == exit_code::ok) failure = stop_failure(signal_received());
  meet(world_, failure, job_.digest);
  if (leads())
    for (const std::string& warning : job_.warnings) spdlog::warn(warning);
}

void Run::prepare() {
  const auto folder = options_.output.empty() ? std::filesystem::path(job_.name) : options_.output;
  const OutputFolder output(folder, is_shard() ? shard_name(options_.shard, options_.shards) : "");
  *checkpoint_files_ = output.checkpoints();
  if (leads() && !options_.dry_run) output_ = std::make_unique<OutputFolder>(output);
  meet(world_, attempt([&] {
         if (output_) output_->check(options_.overwrite);
       }));
  clock_.start("compile");
  choose_resources();
  choose_part();
  Failure failure = attempt([&] {
    credit_ = compile_credit(job_);
    compile_job();
    check_base();
  });
  if (failure.exit_code == exit_code::ok) failure = stop_failure(signal_received());
  meet(world_, failure);
}

void Run::compile_job() {
  book_ = std::make_unique<CompiledBook>(compile(job_, Detail::leaf, credit_));
  const bool adds = is_part() && !is_shard();  // a cell of the file and the sum come beside a group's tallies
  plan_ = make_plan(job_, *book_, memory_bytes_, adds ? std::max(2, world_.size()) : world_.size(), planned_threads_,
                    adds ? job_.scenarios : part_scenarios_);
  plan_.total_bytes = std::max(plan_.total_bytes, peak_bytes());  // reading and compiling may have taken more
}

// Ranks on unlike nodes must make the same plan: for the smallest memory and the most threads.
void Run::choose_resources() {
  const Machine machine = read_machine();
  const Placement placement = find_placement(world_, machine);
  const double share = options_.memory.share * static_cast<double>(machine.memory_bytes) / placement.ranks_here;
  const std::size_t limit = options_.memory.bytes != 0 ? options_.memory.bytes : static_cast<std::size_t>(share);
  threads_ = options_.threads != 0 ? options_.threads : default_threads(placement);
  std::size_t smallest = limit;
  int most = threads_;
  for (const std::string& text : gather(world_, std::to_string(limit) + " " + std::to_string(threads_))) {
    const auto [bytes, threads] = two_numbers(text);
    smallest = std::min(smallest, bytes);
    most = std::max(most, static_cast<int>(threads));
    record_.threads.push_back(static_cast<int>(threads));
  }
  const auto agreed = two_numbers(broadcast(world_, std::to_string(smallest) + " " + std::to_string(most)));
  memory_bytes_ = agreed.first;
  planned_threads_ = static_cast<int>(agreed.second);
  layout_ = layout_line(placement, threads_);
  const std::string warning = binding_warning(placement, threads_);
  if (leads() && !warning.empty()) spdlog::warn(warning);
}

void Run::open_output() {
  meet(world_, attempt([&] {
         if (!leads()) return;
         output_->create();
         lock_ = std::make_unique<FolderLock>(output_->path(), output_->lock());
         output_->clean();
         pause_at(options_.pause_at);
         const bool goes_on = options_.resume == "auto" && output_->checkpoints().any();
         log_to_file(output_->log(), options_, goes_on ? LogFile::further : LogFile::anew);
       }));
  recording_ = true;
  describe();
}

// To the log and to run.json: what will be done, with what.
void Run::describe() {
  record_job(record_, job_, options_.input);
  record_.simd = simd_name();
  record_.loss_unit = plan_.unit;
  record_.memory_budget_bytes = plan_.budget_bytes;
  record_.planned_bytes = plan_.total_bytes;
  if (!leads()) return;
  spdlog::info("{}: {} positions, {} obligors, {} scenarios in each of {} cells", job_.name,
               grouped(static_cast<double>(record_.positions)), grouped(static_cast<double>(record_.obligors)),
               grouped(static_cast<double>(record_.scenarios)), record_.cells);
  spdlog::info("{}; {}; at most {} of {} a rank", layout_, record_.simd, bytes_text(static_cast<double>(plan_.total_bytes)),
               bytes_text(static_cast<double>(plan_.budget_bytes)));
  spdlog::debug(plan_.explanation);
  for (const std::string& warning : compiled_warnings(job_, *book_)) spdlog::warn(warning);
}

}  // namespace tailcube
