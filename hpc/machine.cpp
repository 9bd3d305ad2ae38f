#include "hpc/machine.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>

namespace tailcube {
namespace {

double seconds(const timeval& t) { return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec); }

std::string first_line(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

std::vector<int> affinity() {
  std::vector<int> cores;
  for (int most = 1024; most <= 1 << 20; most *= 2) {  // the kernel refuses a set smaller than its own
    cpu_set_t* set = CPU_ALLOC(static_cast<std::size_t>(most));
    const std::size_t bytes = CPU_ALLOC_SIZE(static_cast<std::size_t>(most));
    const bool known = set != nullptr && sched_getaffinity(0, bytes, set) == 0;
    for (int core = 0; known && core < most; ++core) {
      if (CPU_ISSET_S(static_cast<std::size_t>(core), bytes, set)) cores.push_back(core);
    }
    CPU_FREE(set);
    if (known) break;
  }
  return cores;
}

// The folders of this process's control group under `base`, from the group up to the root: each of them limits it.
std::vector<std::filesystem::path> group_folders(const std::filesystem::path& base, const std::filesystem::path& group) {
  std::vector<std::filesystem::path> folders;
  std::filesystem::path at = group.relative_path();
  for (; !at.empty(); at = at.parent_path()) folders.push_back(base / at);
  folders.push_back(base);
  return folders;
}

void apply_limits(const std::filesystem::path& folder, Machine& machine) {
  for (const char* name : {"memory.max", "memory.limit_in_bytes"}) {  // version 2, version 1
    std::istringstream text(first_line(folder / name));
    std::size_t limit = 0;
    if (text >> limit && limit > 0) machine.memory_bytes = std::min(machine.memory_bytes, limit);
  }
  double quota = 0, period = 0;
  std::istringstream both(first_line(folder / "cpu.max"));
  if (!(both >> quota >> period)) {
    std::istringstream(first_line(folder / "cpu.cfs_quota_us")) >> quota;  // -1: no limit
    std::istringstream(first_line(folder / "cpu.cfs_period_us")) >> period;
  }
  if (quota > 0 && period > 0) machine.quota = machine.quota > 0 ? std::min(machine.quota, quota / period) : quota / period;
}

std::string plural(int n, const char* what) { return std::to_string(n) + " " + what + (n == 1 ? "" : "s"); }

}  // namespace

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::size_t peak_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::size_t>(usage.ru_maxrss) * 1024;
}

std::string host_name() {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  return name;
}

int Machine::cores_allowed() const {
  const int bound = std::max(1, static_cast<int>(cores.size()));
  return quota > 0 ? std::clamp(static_cast<int>(std::ceil(quota)), 1, bound) : bound;
}

Machine read_machine(const std::filesystem::path& root) {
  Machine machine;
  machine.cores = affinity();
  machine.online = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  machine.memory_bytes =
      static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<std::size_t>(sysconf(_SC_PAGE_SIZE));
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // "0::/path" or "5:cpu,cpuacct:/path"
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::filesystem::path base = root / "sys/fs/cgroup" / line.substr(first + 1, second - first - 1);
    for (const auto& folder : group_folders(base, line.substr(second + 1))) apply_limits(folder, machine);
  }
  return machine;
}

std::vector<int> share_cores(const std::vector<std::vector<int>>& cores_of_each_rank) {
  std::map<int, int> users;
  for (const auto& cores : cores_of_each_rank) {
    for (const int core : cores) ++users[core];
  }
  std::vector<int> share;
  for (const auto& cores : cores_of_each_rank) {
    double sum = 0;
    for (const int core : cores) sum += 1.0 / users[core];
    share.push_back(std::max(1, static_cast<int>(sum + 1e-9)));
  }
  return share;
}

Placement find_placement(Communicator& communicator, const Machine& machine) {
  std::ostringstream mine;
  mine << host_name();
  for (const int core : machine.cores) mine << ' ' << core;
  const std::string text = mine.str();
  const auto all = communicator.gather(std::as_bytes(std::span(text)));

  std::map<std::string, std::vector<int>> ranks_of;
  std::vector<std::vector<int>> cores(all.size());
  for (std::size_t rank = 0; rank < all.size(); ++rank) {
    std::istringstream in(std::string(reinterpret_cast<const char*>(all[rank].data()), all[rank].size()));
    std::string name;
    in >> name;
    for (int core = 0; in >> core;) cores[rank].push_back(core);
    ranks_of[name].push_back(static_cast<int>(rank));
  }
  std::vector<int> shares(1 + all.size());  // number of nodes, then each rank's share
  shares[0] = static_cast<int>(ranks_of.size());
  for (const auto& [name, ranks] : ranks_of) {
    std::vector<std::vector<int>> here;
    for (const int rank : ranks) here.push_back(cores[static_cast<std::size_t>(rank)]);
    const auto share = share_cores(here);
    for (std::size_t i = 0; i < ranks.size(); ++i) shares[1 + static_cast<std::size_t>(ranks[i])] = share[i];
  }
  const auto bytes = std::as_bytes(std::span(shares));
  const auto known = communicator.broadcast({bytes.begin(), bytes.end()});
  const auto entry = [&](int i) {
    int value = 1;
    std::memcpy(&value, known.data() + static_cast<std::size_t>(i) * sizeof value, sizeof value);
    return value;
  };
  const int allowed = machine.cores_allowed();
  return {communicator.size(),
          entry(0),
          communicator.ranks_on_this_node(),
          allowed,
          std::clamp(entry(1 + communicator.rank()), 1, allowed),
          machine.online};
}

int default_threads(const Placement& placement) {
  if (const char* wanted = std::getenv("OMP_NUM_THREADS")) {
    if (const int threads = std::atoi(wanted); threads > 0) return threads;
  }
  return placement.cores_here;
}

std::string layout_line(const Placement& p, int threads) {
  return plural(p.ranks, "rank") + " x " + plural(threads, "thread") + " on " + plural(p.nodes, "node") + ", " +
         std::to_string(p.cores_here) + " of " + std::to_string(p.online) + " cores for each rank";
}

std::string binding_warning(const Placement& p, int threads) {
  if (threads <= p.cores_here) return "";
  const std::string what = plural(threads, "thread") + " share " + plural(p.cores_here, "core");
  if (p.ranks > 1 && p.cores_allowed < p.online && p.cores_here == p.cores_allowed) {
    return what + ": the launcher bound each rank to " + plural(p.cores_allowed, "core") +
           "; give mpirun --bind-to none or --map-by slot:PE=" + std::to_string(threads) +
           ", srun --cpus-per-task=" + std::to_string(threads);
  }
  return what + ": use at most --threads " + std::to_string(p.cores_here) +
         (p.ranks_here > 1 ? " or fewer ranks on this node" : "");
}

}  // namespace tailcube
