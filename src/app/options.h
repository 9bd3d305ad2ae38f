#pragma once
// The command line.
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "hpc/energy.h"
#include "src/app/command_line.h"
#include "src/report/selection.h"

namespace tailcube {

enum class Command : std::uint8_t { run, merge, check, plan, submit, info, report, show, export_rows, compare, version };
enum class ProgressStyle : std::uint8_t { automatic, bar, lines, silent };

// What one rank may use: bytes, or a share of the node's memory that its ranks divide among them.
struct MemoryLimit {
  std::uint64_t bytes = 0;  // 0: use the share
  double share = 0.6;
};

// What `plan` and `submit` are asked to plan for.
struct PlanOptions {
  int ranks = 0;           // 0: as started
  int ranks_per_node = 0;  // 0: a core of this machine each, as far as there are cores
  double calibrate_seconds = 5;
  bool json = false;
};

struct SubmitOptions {
  bool slurm = false, print = false;  // both are asked for: there is no other way yet to name or reach a batch system
  int shards = 0;                     // 0: one run
};

// What `show`, `export` and `compare` are asked for.
struct FigureOptions {
  Filters filters;
  std::vector<std::string> what;
  std::string format;
  std::filesystem::path second;               // compare: the other cube
  std::vector<std::filesystem::path> inputs;  // compare: folders that may have input files
  double relative = 0, absolute = 0;          // compare: tolerances
  std::optional<double> sigma;                // compare: standard errors allowed for; empty: by the number of figures
};

struct Options {
  Command command = Command::version;
  std::filesystem::path input;  // run, merge, check, plan, submit: the job; info, report: a cube, a .tally or the folder
                                // that holds cube.h5; show, export, compare: a cube
  std::vector<std::filesystem::path> parts;  // merge: .tally files, or folders with shards
  std::vector<std::string> settings;         // key=value
  std::filesystem::path output;              // empty: ./NAME; report: a file
  int threads = 0;                           // 0: all cores of this rank
  MemoryLimit memory;
  double patience_seconds = 600;                   // with a silent rank
  double watts_per_core = default_watts_per_core;  // where energy cannot be read
  PlanOptions plan;
  SubmitOptions submit;
  FigureOptions figures;
  bool overwrite = false, dry_run = false, quiet = false, verbose = false, json_log = false;
  ProgressStyle progress = ProgressStyle::automatic;
  double checkpoint_minutes = 10;   // 0: only when the run is stopped
  bool checkpoint_exactly = false;  // the interval was given: it is not made longer where checkpoints are dear
  std::string resume = "auto";      // or "never", or a file
  double max_hours = 0;             // 0: no limit
  int shard = 0, shards = 0;        // --shard K/N: K from 1; 0 of 0: all of it
  bool keep_tally = false;
  bool without_charts = false;       // report
  int stories = 3;                   // report
  std::filesystem::path job_folder;  // report: of the job's files, for stories; empty: to be found
  std::filesystem::path extend;      // a .tally to add to; empty: none
  bool avx2_only = false;            // tests: as on a CPU without AVX-512
  int slow_rank = -1;                // tests: this rank works slow_factor times slower
  double slow_factor = 1;
  std::string pause_at;  // tests: rank 0 waits for its end where this file is about to appear
};

// Exactly one of the two is set.
struct Parsed {
  std::optional<Options> options;
  Refusal refusal;
};
Parsed parse_options(int argc, const char* const* argv);

// "4G", "500M", "1.5GiB" (powers of 1000, or 1024 with "i"), "60%". Empty: not a limit, or none above zero.
std::optional<MemoryLimit> parse_memory(const std::string&);

}  // namespace tailcube
