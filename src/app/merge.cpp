// Partials of a job (shards, the .tally of a smaller run) become its cube.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <iostream>

#include "hpc/contribute.h"
#include "hpc/cube_file.h"
#include "hpc/energy.h"
#include "hpc/folder_lock.h"
#include "hpc/machine.h"
#include "hpc/partial_header.h"
#include "hpc/partial_merge.h"
#include "hpc/signals.h"
#include "kernels/math/functions.h"
#include "src/app/commands.h"
#include "src/app/exit_codes.h"
#include "src/app/failure.h"
#include "src/app/logging.h"
#include "src/app/output_folder.h"
#include "src/app/run_record.h"
#include "src/input/input.h"
#include "src/report/money.h"
#include "src/report/table.h"

namespace tailcube {
namespace {

namespace fs = std::filesystem;

// What is wrong with the files, all of it.
struct Problems {
  std::vector<std::string> lines;
  bool missing = false;  // a file is not there
};

bool is_shard(const std::string& name) {
  int shard = 0, shards = 0;
  return std::sscanf(name.c_str(), "shard-%d-of-%d", &shard, &shards) == 2 && shard_name(shard, shards) + ".tally" == name;
}

class Merge {
 public:
  explicit Merge(const Options& options) : options_(options) {}
  int operator()();

 private:
  void read();
  void compile_job();
  void open_parts();
  void open_output();
  void add_up();
  void split_shortfall();
  void write();
  void record(int exit_code, const std::string& message);
  std::vector<fs::path> files();
  void look_through();
  void refuse();
  [[noreturn]] void stop(const Failure&);
  void step(const std::function<void()>& body);

  const Options& options_;
  StageClock clock_;
  Job job_;
  std::unique_ptr<CompiledBook> book_;
  Plan plan_;
  PartialHeader header_;
  std::vector<PartialReader> parts_;
  Problems problems_;
  std::unique_ptr<OutputFolder> output_;
  std::unique_ptr<FolderLock> lock_;
  std::unique_ptr<Estimator> estimator_;
  Cube cube_;
  int threads_ = 1;
  bool recording_ = false;
  RunRecord record_;
  EnergyMeter energy_;
};

int Merge::operator()() {
  record_.started = utc_now();
  try {
    step([this] { read(); });
    step([this] { compile_job(); });
    step([this] { open_parts(); });
    step([this] { open_output(); });
    step([this] { add_up(); });
    step([this] { split_shortfall(); });
    step([this] { write(); });
    step([this] { record(exit_code::ok, {}); });
  } catch (const Stop& why) {
    record(why.exit_code, why.text);
    throw;
  }
  if (!options_.quiet) write_table(std::cout, cube_);
  return exit_code::ok;
}

void Merge::stop(const Failure& failure) {
  log_error(failure.text);
  throw Stop{failure.exit_code, failure.text};
}

// A part of the work; what goes wrong in it ends the command, as does a signal.
void Merge::step(const std::function<void()>& body) {
  Failure failure = attempt([&] {
    try {
      body();
    } catch (const BadPartial& bad) {
      throw InvalidJob({bad.what()});
    }
  });
  if (failure.exit_code == exit_code::ok) failure = stop_failure(signal_received(), "before the cube was written");
  if (failure.exit_code != exit_code::ok) stop(failure);
}

void Merge::read() {
  clock_.start("read");
  job_ = read_job(options_.input, options_.settings);
  for (const std::string& warning : job_.warnings) spdlog::warn(warning);
  output_ = std::make_unique<OutputFolder>(options_.output);
  output_->check_merge(options_.overwrite);
}

void Merge::compile_job() {
  clock_.start("compile");
  const Machine machine = read_machine();
  const std::size_t memory =
      options_.memory.bytes != 0
          ? options_.memory.bytes
          : static_cast<std::size_t>(options_.memory.share * static_cast<double>(machine.memory_bytes));
  book_ = std::make_unique<CompiledBook>(compile(job_, Detail::leaf));
  // A cell's sum, a part of it and its bytes live at a time: as on one of several ranks.
  constexpr int ranks = 2;
  Placement here;
  here.cores_here = machine.cores_allowed();
  threads_ = options_.threads != 0 ? options_.threads : default_threads(here);
  plan_ = make_plan(job_, *book_, memory, ranks, threads_);
  header_ = partial_header(job_, *book_);
}

// Of a folder its shards.
std::vector<fs::path> Merge::files() {
  std::vector<fs::path> out;
  for (const fs::path& given : options_.parts) {
    if (!fs::is_directory(given)) {
      out.push_back(given);
      continue;
    }
    std::vector<fs::path> found;
    for (const fs::directory_entry& entry : fs::directory_iterator(given))
      if (is_shard(entry.path().filename().string())) found.push_back(entry.path());
    std::sort(found.begin(), found.end());
    if (found.empty()) {
      problems_.lines.push_back(given.string() + ": has no shard-*.tally; name the files to merge");
      problems_.missing = true;
    }
    out.insert(out.end(), found.begin(), found.end());
  }
  return out;
}

void Merge::open_parts() {
  clock_.start("open");
  for (const fs::path& file : files()) try {
      parts_.emplace_back(file);
    } catch (const BadPartial& bad) {
      problems_.lines.emplace_back(bad.what());
    } catch (const FileError& error) {
      problems_.lines.emplace_back(error.what());
      problems_.missing = true;
    }
  for (const std::string& problem : merge_problems(header_, parts_)) problems_.lines.push_back(problem);
  if (!problems_.lines.empty()) {
    look_through();
    refuse();
  }
}

// One look tells everything: where files are refused, what is in the others is looked at as well.
void Merge::look_through() {
  for (const PartialReader& part : parts_) try {
      part.check_all();
    } catch (const BadPartial& bad) {
      problems_.lines.emplace_back(bad.what());
    }
}

void Merge::refuse() {
  std::string text;
  for (const std::string& line : problems_.lines) text += (text.empty() ? "" : "\n") + line;
  stop({problems_.missing ? exit_code::missing : exit_code::invalid, text});
}

void Merge::open_output() {
  output_->create();
  lock_ = std::make_unique<FolderLock>(output_->path(), output_->lock());
  log_to_file(output_->log(), options_, LogFile::anew);
  recording_ = true;
  record_job(record_, job_, options_.input);
  record_.simd = simd_name();
  record_.watts_per_core = options_.watts_per_core;
  record_.threads = {threads_};
  record_.tiles = {0};
  record_.loss_unit = book_->unit;
  record_.memory_budget_bytes = plan_.budget_bytes;
  record_.planned_bytes = plan_.fixed_bytes + plan_.workspace_bytes + plan_.tally_bytes_per_cell;
  spdlog::info("{}: {} files with {} scenarios in each of {} cells", job_.name, parts_.size(),
               grouped(static_cast<double>(job_.scenarios)), job_.cells.size());
}

// Cell by cell: no more than one cell of one file is in memory beside the sum.
void Merge::add_up() {
  clock_.start("merge");
  estimator_ = std::make_unique<Estimator>(job_, *book_);
  std::optional<PartialWriter> kept;
  if (options_.keep_tally) kept.emplace(output_->tally(), header_);
  for (int cell = 0; cell < header_.identity.cells && signal_received() == 0; ++cell) {
    CellPart sum;
    for (const PartialReader& part : parts_) try {
        add_part(part, cell, sum);
      } catch (const BadPartial& bad) {
        problems_.lines.emplace_back(bad.what());
      }
    if (!problems_.lines.empty()) continue;
    if (kept) kept->add(cell, sum);
    try {
      estimator_->add({cell, cell + 1}, std::move(sum.tallies));
    } catch (const std::runtime_error& error) {
      throw InvalidJob({std::string(error.what()) + "; these files cannot be added up exactly, run the whole job"});
    }
  }
  if (!problems_.lines.empty()) refuse();
  if (signal_received() == 0 && kept) kept->finish();
}

// As a run alone would, with all cores of this node.
void Merge::split_shortfall() {
  if (contribution_edges(job_).parents.empty()) return;
  clock_.start("contributions");
  WorkSettings settings;
  settings.threads = threads_;
  settings.stop = [] { return signal_received(); };
  int stop = 0;
  contribute(*book_, job_, settings, *estimator_, stop);
}

void Merge::write() {
  clock_.start("write");
  cube_ = estimator_->finish();
  write_cube(output_->cube(), job_, cube_);
  record_.cube_bytes = fs::file_size(output_->cube());
  record_.shortfall = shortfall_error(cube_);
  if (record_.shortfall.cell >= 0) record_.shortfall_cell = cube_.cells[static_cast<std::size_t>(record_.shortfall.cell)];
}

void Merge::record(int exit_code, const std::string& message) {
  if (!recording_) return;
  clock_.stop();
  record_.costs = {{clock_.stages(), cpu_seconds(), peak_bytes(), host_name(), energy_.joules()}};
  const bool stopped = exit_code == exit_code::stopped || exit_code == exit_code::interrupted;
  record_.status = exit_code == exit_code::ok ? "complete" : stopped ? "stopped" : "failed";
  record_.exit_code = exit_code;
  record_.message = message;
  write_run_record(output_->record(), record_);
  if (exit_code == exit_code::ok) spdlog::info(cost_line(record_));
}

}  // namespace

int merge_command(const Options& options) {
  try {
    return Merge(options)();
  } catch (const Stop& why) {
    return why.exit_code;
  }
}

}  // namespace tailcube
