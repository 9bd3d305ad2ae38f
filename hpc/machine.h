#pragma once
// What this process may use of the machine it runs on.
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "hpc/communicator.h"

namespace tailcube {

double cpu_seconds();      // user + system time of the process so far, all threads
std::size_t peak_bytes();  // highest resident memory of the process so far
std::string host_name();

struct Machine {
  std::vector<int> cores;        // the cores this process may run on (affinity), ascending
  int online = 0;                // cores of the machine
  double quota = 0;              // CPU limit of the control group in cores, 0: none
  std::size_t memory_bytes = 0;  // the smaller of physical memory and the control group's limit
  int cores_allowed() const;     // at least 1
};
// `root`: where /proc and /sys are found; another folder in tests.
Machine read_machine(const std::filesystem::path& root = "/");

// How the ranks share the machine. Ranks of one node that may use the same cores share them.
struct Placement {
  int ranks = 1, nodes = 1;
  int ranks_here = 1;     // ranks on this rank's node
  int cores_allowed = 1;  // to this rank
  int cores_here = 1;     // this rank's share of them
  int online = 1;         // cores of this rank's node
};
// Every rank calls it.
Placement find_placement(Communicator&, const Machine&);
// The share in cores of each rank of one node: a core is divided by the number of ranks that may use it. At least 1.
std::vector<int> share_cores(const std::vector<std::vector<int>>& cores_of_each_rank);

// OMP_NUM_THREADS where it is set to a positive number, otherwise the share of cores.
int default_threads(const Placement&);
// "4 ranks x 2 threads on 1 node, 8 of 8 cores"
std::string layout_line(const Placement&, int threads);
// Empty when the threads have a core each; otherwise what is wrong and the flag that mends it.
std::string binding_warning(const Placement&, int threads);

}  // namespace tailcube
