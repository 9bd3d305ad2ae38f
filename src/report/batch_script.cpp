#include "src/report/batch_script.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <sstream>

namespace tailcube {
namespace {

constexpr const char* harmless = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:=%+,@-";

std::string plain(const std::string& name) {
  std::string out = name;
  std::replace_if(
      out.begin(), out.end(),
      [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '-' && c != '_'; }, '_');
  return out;
}

// "01:05:00"
std::string clock_text(double seconds) {
  const long minutes = std::lround(std::ceil(seconds / 60));
  char text[32];
  std::snprintf(text, sizeof text, "%02ld:%02ld:00", minutes / 60, minutes % 60);
  return text;
}

// In hundreds of megabytes: a tenth more than planned, and room for the shell, srun and MPI.
std::string memory_text(double bytes) {
  constexpr double mebibyte = 1048576, others = 200;
  return std::to_string(std::lround(std::ceil((1.1 * bytes / mebibyte + others) / 100)) * 100) + "M";
}

void write_directives(std::ostream& out, const BatchJob& b) {
  const auto line = [&](const std::string& option) { out << "#SBATCH --" << option << "\n"; };
  const int nodes = (b.ranks + b.ranks_per_node - 1) / b.ranks_per_node;
  line("job-name=" + plain(b.name));
  if (b.shards > 0) line("array=1-" + std::to_string(b.shards));
  line(b.shards > 0 ? "output=%x-%A-%a.log" : "output=%x-%j.log");
  line("open-mode=append");
  line("nodes=" + std::to_string(nodes));
  line("ntasks=" + std::to_string(b.ranks));
  if (nodes > 1) line("ntasks-per-node=" + std::to_string(b.ranks_per_node));
  line("cpus-per-task=" + std::to_string(b.threads));
  line("hint=nomultithread");
  line("mem=" + memory_text(b.bytes_per_node));
  line("time=" + clock_text(b.wall_seconds));
  line("requeue");
  line("signal=B:USR1@" + std::to_string(std::lround(b.notice_seconds)));
}

void write_names(std::ostream& out, const BatchJob& b) {
  out << "set -euo pipefail\n"
      << "job=" << shell_word(b.job) << "\n"
      << "output=" << shell_word(b.output) << "\n"
      << "program=" << shell_word(b.program) << "\n"
      << "most_restarts=${MOST_RESTARTS:-100}\n"
      << "# module load tailcube\n"
      << "tailcube=${TAILCUBE:-$program}\n"
      << "command -v \"$tailcube\" >/dev/null || { echo \"no $tailcube here: set TAILCUBE=/path/to/tailcube\" >&2; exit "
         "127; }\n\n";
}

// Outside the array: submits this file twice.
void write_submission(std::ostream& out, const BatchJob& b) {
  out << "if [ -z \"${SLURM_ARRAY_TASK_ID:-}\" ]; then\n"
         "  array=$(sbatch --parsable \"$0\")\n"
         "  # --parsable prints NUMBER or NUMBER;CLUSTER. When a shard fails, the merge is cancelled instead of waiting for "
         "ever.\n"
      << "  merge=$(sbatch --parsable --dependency=\"afterok:${array%%;*}\" --kill-on-invalid-dep=yes --array=0 --mem="
      << memory_text(b.merge_bytes) << " \\\n    --time=" << clock_text(b.merge_seconds) << " \"$0\")\n"
      << "  echo \"shards: job array ${array%%;*}; merge: job ${merge%%;*}\"\n"
         "  exit\n"
         "fi\n"
         "shard=$SLURM_ARRAY_TASK_ID\n"
         "if [ \"$shard\" -eq 0 ]; then\n"
         "  exec srun --ntasks=1 \"$tailcube\" merge \"$job\" \"$output\" -o \"$output\"\n"
         "fi\n\n";
}

void write_run(std::ostream& out, const BatchJob& b) {
  out << "# Signals reach this script, not the ranks. USR1 comes before the time limit and is passed on: the run stops with "
         "a\n"
         "# checkpoint. TERM is scancel or the very end, and the job is not to come back.\n"
         "asked='' ended_by=''\n"
         "trap 'asked=yes' USR1\n"
         "trap 'ended_by=TERM' TERM\n\n"
         "# --cpus-per-task again: since Slurm 22.05 srun no longer takes it over from the lines above.\n"
      << "srun " << (b.ranks > 1 ? "--mpi=\"${SRUN_MPI:-pmix}\"" : "--ntasks=1")
      << " --cpus-per-task=\"$SLURM_CPUS_PER_TASK\" --cpu-bind=cores" << (b.ranks > 1 ? " --distribution='*:block'" : "")
      << " \\\n  \"$tailcube\" run \"$job\" "
      << "-o \"$output\"" << (b.shards > 0 ? " --shard \"$shard/" + std::to_string(b.shards) + "\"" : std::string())
      << " --threads \"$SLURM_CPUS_PER_TASK\"";
  for (const std::string& word : b.options) out << " " << shell_word(word);
  out << " &\n"
         "launcher=$!\n"
         "# A signal cuts `wait` short: wait until the launcher has gone, then ask for its exit code. Ranks that are just\n"
         "# starting may miss a signal: it is passed on until they have gone.\n"
         "while kill -0 \"$launcher\" 2>/dev/null; do\n"
         "  if [ -z \"$asked\" ]; then\n"
         "    wait \"$launcher\" || true\n"
         "  else\n"
         "    kill -USR1 \"$launcher\" || true\n"
         "    sleep 5\n"
         "  fi\n"
         "done\n"
         "code=0\n"
         "wait \"$launcher\" || code=$?\n\n"
         "if [ \"$code\" -eq 75 ] && [ -z \"$ended_by\" ]; then\n"
         "  if [ \"${SLURM_RESTART_COUNT:-0}\" -lt \"$most_restarts\" ]; then\n"
         "    echo \"stopped with a checkpoint: back into the queue\"\n"
         "    exec scontrol requeue \"$SLURM_JOB_ID\"\n"
         "  fi\n"
         "  echo \"stopped after $most_restarts restarts: not requeued\" >&2\n"
         "fi\n"
         "exit \"$code\"\n";
}

}  // namespace

std::string shell_word(const std::string& word) {
  if (!word.empty() && word.find_first_not_of(harmless) == std::string::npos) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string slurm_script(const BatchJob& b) {
  std::ostringstream out;
  out << "#!/bin/bash\n";
  for (const std::string& note : b.notes) out << "# " << note << "\n";
  out << "#\n";
  write_directives(out, b);
  write_names(out, b);
  if (b.shards > 0) write_submission(out, b);
  write_run(out, b);
  return out.str();
}

}  // namespace tailcube
