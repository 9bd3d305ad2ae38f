#include "hpc/communicator.h"

#include <map>

#include "hpc/lease_loop.h"
#include "tests/catch_any.h"

namespace tailcube {
namespace {

Launch launch_with(const std::map<std::string, std::string>& environment) {
  return find_launch([&](const char* name) -> const char* {
    const auto found = environment.find(name);
    return found == environment.end() ? nullptr : found->second.c_str();
  });
}

}  // namespace

TEST_CASE("a program started alone needs no launcher") {
  CHECK(launch_with({}).by.empty());
  // A batch script and an interactive step of one task are not a launch of several ranks.
  CHECK(launch_with({{"SLURM_JOB_ID", "7"}, {"SLURM_NTASKS", "8"}, {"SLURM_PROCID", "0"}}).by.empty());
  CHECK(launch_with({{"SLURM_PROCID", "0"}, {"SLURM_STEP_NUM_TASKS", "1"}}).by.empty());
  CHECK(launch_with({{"OMPI_COMM_WORLD_SIZE", "many"}}).by.empty());
}

TEST_CASE("launchers are recognised") {
  CHECK(launch_with({{"OMPI_COMM_WORLD_SIZE", "4"}, {"PMIX_RANK", "0"}}).ranks == 4);
  CHECK(launch_with({{"PMI_SIZE", "3"}, {"PMI_RANK", "2"}}).ranks == 3);
  const Launch pmix = launch_with({{"PMIX_RANK", "1"}, {"SLURM_STEP_NUM_TASKS", "2"}});
  CHECK(pmix.by == "PMIX_RANK");
  CHECK(pmix.ranks == 2);
  CHECK(launch_with({{"PMIX_RANK", "1"}}).ranks == 0);
  // srun without an MPI plugin: several processes that do not know each other, refused by connect().
  const Launch plain = launch_with({{"SLURM_PROCID", "1"}, {"SLURM_STEP_NUM_TASKS", "2"}});
  CHECK(plain.by == "SLURM_STEP_NUM_TASKS");
  CHECK(plain.ranks == 2);
}

TEST_CASE("alone it is rank 0 of 1") {
  int argc = 0;
  char** argv = nullptr;
  const auto alone = connect(argc, argv);
  CHECK(alone->rank() == 0);
  CHECK(alone->size() == 1);
  CHECK(alone->ranks_on_this_node() == 1);
  CHECK(!alone->poll(Tag::lease));
  const std::vector<std::byte> bytes{std::byte{1}, std::byte{2}};
  CHECK(alone->broadcast(bytes) == bytes);
  CHECK(alone->gather(bytes) == std::vector<std::vector<std::byte>>{bytes});
  CHECK_THROWS_AS(alone->send(1, Tag::lease, bytes), std::logic_error);
  CHECK_THROWS_AS(alone->receive(std::nullopt, Tag::lease), std::logic_error);
}

TEST_CASE("of two verdicts the graver counts, of equals the first") {
  using Kind = Verdict::Kind;
  Verdict verdict;
  verdict.merge({});
  CHECK(verdict == Verdict{});
  verdict.merge({Kind::stopped, 0, ""});
  verdict.merge({Kind::stopped, 15, ""});
  CHECK(verdict == Verdict{Kind::stopped, 15, ""});
  verdict.merge({Kind::failed, 0, "one"});
  verdict.merge({Kind::failed, 0, "two"});
  verdict.merge({Kind::stopped, 2, ""});
  CHECK(verdict == Verdict{Kind::failed, 0, "one"});
}

}  // namespace tailcube
