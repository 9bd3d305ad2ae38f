#include "hpc/machine.h"

#include "tests/catch_any.h"
#include "tests/unit/hpc/temporary_folder.h"

namespace tailcube {
namespace {

Placement placed(int ranks, int ranks_here, int allowed, int here, int online) {
  Placement placement;
  placement.ranks = ranks;
  placement.ranks_here = ranks_here;
  placement.cores_allowed = allowed;
  placement.cores_here = here;
  placement.online = online;
  return placement;
}

}  // namespace

TEST_CASE("this machine has cores and memory") {
  const Machine machine = read_machine();
  CHECK(machine.cores_allowed() >= 1);
  CHECK(machine.cores_allowed() <= machine.online);
  CHECK(machine.memory_bytes > (std::size_t{1} << 26));
  CHECK(peak_bytes() > (std::size_t{1} << 20));
  CHECK(cpu_seconds() >= 0);
}

TEST_CASE("limits of control groups, version 2") {
  const test::TemporaryFolder root;
  test::put(root.path / "proc/self/cgroup", "0::/batch/job_7\n");
  test::put(root.path / "sys/fs/cgroup/batch/job_7/memory.max", "max\n");
  test::put(root.path / "sys/fs/cgroup/batch/memory.max", "67108864\n");  // the parent's limit counts as well
  test::put(root.path / "sys/fs/cgroup/batch/job_7/cpu.max", "100000 100000\n");
  test::put(root.path / "sys/fs/cgroup/batch/cpu.max", "max 100000\n");
  const Machine machine = read_machine(root.path);
  CHECK(machine.memory_bytes == 67108864);
  CHECK(machine.quota == 1.0);
  CHECK(machine.cores_allowed() == 1);
}

TEST_CASE("limits of control groups, version 1") {
  const test::TemporaryFolder root;
  test::put(root.path / "proc/self/cgroup", "5:memory:/docker/a\n4:cpu,cpuacct:/docker/a\n");
  test::put(root.path / "sys/fs/cgroup/memory/docker/a/memory.limit_in_bytes", "33554432\n");
  test::put(root.path / "sys/fs/cgroup/cpu,cpuacct/docker/a/cpu.cfs_quota_us", "-1\n");
  test::put(root.path / "sys/fs/cgroup/cpu,cpuacct/docker/a/cpu.cfs_period_us", "100000\n");
  const Machine machine = read_machine(root.path);
  CHECK(machine.memory_bytes == 33554432);
  CHECK(machine.quota == 0);
}

TEST_CASE("ranks that may use the same cores share them") {
  CHECK(share_cores({{0, 1, 2, 3}}) == std::vector<int>{4});
  CHECK(share_cores({{0, 1, 2, 3}, {0, 1, 2, 3}}) == std::vector<int>{2, 2});
  CHECK(share_cores({{0, 1}, {2, 3}}) == std::vector<int>{2, 2});
  CHECK(share_cores({{0}, {0}, {0}}) == std::vector<int>{1, 1, 1});
  CHECK(share_cores({{}}) == std::vector<int>{1});
}

TEST_CASE("the layout in one line") {
  CHECK(layout_line(placed(1, 1, 8, 8, 8), 8) == "1 rank x 8 threads on 1 node, 8 of 8 cores for each rank");
  Placement two_nodes = placed(4, 2, 8, 4, 8);
  two_nodes.nodes = 2;
  CHECK(layout_line(two_nodes, 1) == "4 ranks x 1 thread on 2 nodes, 4 of 8 cores for each rank");
}

TEST_CASE("too many threads are explained") {
  CHECK(binding_warning(placed(2, 2, 8, 4, 8), 4).empty());
  CHECK(binding_warning(placed(2, 2, 1, 1, 8), 4) ==
        "4 threads share 1 core: the launcher bound each rank to 1 core; give mpirun --bind-to none or --map-by slot:PE=4, "
        "srun --cpus-per-task=4");
  CHECK(binding_warning(placed(2, 2, 8, 4, 8), 6) ==
        "6 threads share 4 cores: use at most --threads 4 or fewer ranks on this node");
  CHECK(binding_warning(placed(1, 1, 2, 2, 8), 6) == "6 threads share 2 cores: use at most --threads 2");
}

}  // namespace tailcube
