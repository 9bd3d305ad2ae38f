#pragma once
// Energy of the nodes' processors, where the system lets it be read (RAPL through /sys/class/powercap, for root alone on
// most systems), else an estimate from CPU time.
#include <chrono>
#include <filesystem>
#include <string>
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

// Adds up one node's energy from its construction on. A counter turns over within minutes on some processors: look() wants
// to be called every now and then, and reads at most once a minute.
class EnergyMeter {
 public:
  explicit EnergyMeter(std::filesystem::path root = "/") : root_(std::move(root)), last_(read_energy(root_)) {}
  void look();
  double joules();  // up to now; NaN where they cannot be read

 private:
  using Clock = std::chrono::steady_clock;
  void read();
  std::filesystem::path root_;
  EnergyReading last_;
  double joules_ = 0;
  Clock::time_point next_ = Clock::now() + std::chrono::minutes(1);
};

// Thermal design power over cores: 3.75 W (AMD EPYC 9654, 360 W and 96 cores), 4.4 W (EPYC 7763, 280 W and 64), 6.25 W
// (Intel Xeon Platinum 8480+, 350 W and 56). Memory, fans and cooling come on top.
inline constexpr double default_watts_per_core = 5;

struct RankEnergy {
  std::string host;
  double joules = 0;  // of the whole node; NaN: unreadable
  double cpu_seconds = 0;
};
struct Energy {
  double joules = 0;
  bool measured = false;  // on every node; otherwise CPU seconds x watts per core
  int nodes = 0, nodes_read = 0;
};
// Each node once, by the first rank on it that could read it.
Energy total_energy(const std::vector<RankEnergy>&, double watts_per_core);

}  // namespace tailcube
