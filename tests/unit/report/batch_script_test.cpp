#include "src/report/batch_script.h"

#include "tests/catch_any.h"

namespace tailcube {
namespace {

using Catch::Matchers::Contains;

BatchJob demo() {
  BatchJob b;
  b.name = "demo";
  b.program = "/opt/tailcube/bin/tailcube";
  b.job = "jobs/demo/job.toml";
  b.output = "out";
  b.options = {"--set", "run.seed=3"};
  b.notes = {"What it is."};
  b.ranks = 7, b.ranks_per_node = 2, b.threads = 8;
  b.bytes_per_node = 2.0 * 1048576 * 1000;
  b.wall_seconds = 3900;
  b.notice_seconds = 180;
  return b;
}

TEST_CASE("words are quoted where a shell would take them apart") {
  CHECK(shell_word("run.seed=3") == "run.seed=3");
  CHECK(shell_word("jobs/a-b/c_1.toml") == "jobs/a-b/c_1.toml");
  CHECK(shell_word("") == "''");
  CHECK(shell_word("my job") == "'my job'");
  CHECK(shell_word("it's $HOME") == "'it'\\''s $HOME'");
  CHECK(shell_word("a\nb") == "'a\nb'");
}

TEST_CASE("a script asks for what was planned") {
  const std::string s = slurm_script(demo());
  CHECK(s.rfind("#!/bin/bash\n# What it is.\n", 0) == 0);
  for (const char* line : {"job-name=demo", "nodes=4", "ntasks=7", "ntasks-per-node=2", "cpus-per-task=8", "mem=2400M",
                           "time=01:05:00", "signal=B:USR1@180", "requeue", "output=%x-%j.log"})
    CHECK_THAT(s, Contains(std::string("\n#SBATCH --") + line + "\n"));
  CHECK_THAT(s, Contains("--mpi=\"${SRUN_MPI:-pmix}\" --cpus-per-task=\"$SLURM_CPUS_PER_TASK\""));
  CHECK_THAT(s, Contains("run \"$job\" -o \"$output\" --threads \"$SLURM_CPUS_PER_TASK\" --set run.seed=3 &\n"));
  CHECK_THAT(s, !Contains("array"));
  CHECK_THAT(s, !Contains("merge"));
}

TEST_CASE("one process needs no MPI") {
  BatchJob one = demo();
  one.ranks = one.ranks_per_node = 1;
  const std::string s = slurm_script(one);
  CHECK_THAT(s, Contains("srun --ntasks=1 "));
  CHECK_THAT(s, !Contains("pmix"));
  CHECK_THAT(s, !Contains("ntasks-per-node"));
}

TEST_CASE("names go into directives without what could end them") {
  BatchJob odd = demo();
  odd.name = "my job\n#SBATCH --wrap=x";
  CHECK_THAT(slurm_script(odd), Contains("#SBATCH --job-name=my_job__SBATCH_--wrap_x\n"));
}

TEST_CASE("shards are an array, their merge waits for them") {
  BatchJob shards = demo();
  shards.ranks = shards.ranks_per_node = 1;
  shards.shards = 16;
  shards.merge_bytes = 1048576.0 * 1000;
  shards.merge_seconds = 600;
  const std::string s = slurm_script(shards);
  CHECK_THAT(s, Contains("#SBATCH --array=1-16\n#SBATCH --output=%x-%A-%a.log\n"));
  CHECK_THAT(s, Contains("--dependency=\"afterok:${array%%;*}\" --kill-on-invalid-dep=yes --array=0 --mem=1300M"));
  CHECK_THAT(s, Contains("--time=00:10:00 \"$0\""));
  CHECK_THAT(s, Contains("-o \"$output\" --shard \"$shard/16\""));
  CHECK_THAT(s, Contains("merge \"$job\" \"$output\" -o \"$output\""));
}

}  // namespace
}  // namespace tailcube
