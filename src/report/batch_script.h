#pragma once
// A job script for Slurm, made from a plan. jobs/slurm has the same by hand, with every line explained.
#include <cstdint>
#include <string>
#include <vector>

namespace tailcube {

struct BatchJob {
  std::string name;                  // of the job; letters that Slurm or a shell might mind are replaced
  std::string program, job, output;  // paths, as they hold where the script is submitted
  std::vector<std::string> options;  // further words for `tailcube run`
  std::vector<std::string> notes;    // comment lines
  int ranks = 1, ranks_per_node = 1, threads = 1;
  double bytes_per_node = 0, wall_seconds = 0;
  double notice_seconds = 120;  // before the time limit, to write a checkpoint
  // Above 0: so many parts without MPI, each with the resources above, and a job that merges them.
  int shards = 0;
  double merge_bytes = 0, merge_seconds = 0;
};
// For `sbatch FILE`; with shards for `bash FILE`, which submits the array and the merge.
std::string slurm_script(const BatchJob&);

// The word as a shell takes it literally: quoted where it has to be.
std::string shell_word(const std::string&);

}  // namespace tailcube
