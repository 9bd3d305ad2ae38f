#pragma once
// Energy of a node's processors, where the system lets it be read (RAPL through /sys/class/powercap).
#include <filesystem>
#include <vector>

namespace tailcube {

struct EnergyReading {
  struct Package {
    double joules, range;  // the counter, and where it starts again from 0
  };
  std::vector<Package> packages;  // empty where nothing can be read
};
// `root`: where /sys is found; another folder in tests.
EnergyReading read_energy(const std::filesystem::path& root = "/");
// Joules of all packages between two readings less than one turn of the counters apart, whoever used them; NaN where they
// cannot be read.
double joules_between(const EnergyReading& begin, const EnergyReading& end);

}  // namespace tailcube
