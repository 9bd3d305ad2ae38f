#include "hpc/energy.h"

#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <string>

namespace tailcube {
namespace {

bool read_number(const std::filesystem::path& file, double& number) {
  std::ifstream in(file);
  return static_cast<bool>(in >> number);
}

}  // namespace

EnergyReading read_energy(const std::filesystem::path& root) {
  EnergyReading reading;
  for (int package = 0;; ++package) {  // intel-rapl:0, :1, ...; AMD's counters have the same name
    const auto folder = root / "sys/class/powercap" / ("intel-rapl:" + std::to_string(package));
    double microjoules = 0, range = 0;
    if (!read_number(folder / "energy_uj", microjoules) || !read_number(folder / "max_energy_range_uj", range))
      return reading;
    reading.packages.push_back({microjoules * 1e-6, range * 1e-6});
  }
}

double joules_between(const EnergyReading& begin, const EnergyReading& end) {
  if (begin.packages.empty() || begin.packages.size() != end.packages.size())
    return std::numeric_limits<double>::quiet_NaN();
  double joules = 0;
  for (std::size_t p = 0; p < begin.packages.size(); ++p) {
    const double used = end.packages[p].joules - begin.packages[p].joules;
    joules += used < 0 ? used + end.packages[p].range : used;
  }
  return joules;
}

void EnergyMeter::look() {
  if (Clock::now() >= next_) read();
}

double EnergyMeter::joules() {
  read();
  return joules_;
}

void EnergyMeter::read() {
  const EnergyReading now = read_energy(root_);
  joules_ += joules_between(last_, now);
  last_ = now;
  next_ = Clock::now() + std::chrono::minutes(1);
}

Energy total_energy(const std::vector<RankEnergy>& ranks, double watts_per_core) {
  Energy total;
  double cpu_seconds = 0, joules = 0;
  std::map<std::string, double> node;
  for (const RankEnergy& rank : ranks) {
    cpu_seconds += rank.cpu_seconds;
    const auto at = node.emplace(rank.host, rank.joules).first;
    if (std::isnan(at->second)) at->second = rank.joules;
  }
  for (const auto& [host, used] : node) {
    ++total.nodes;
    if (std::isnan(used)) continue;
    ++total.nodes_read;
    joules += used;
  }
  total.measured = total.nodes_read == total.nodes && total.nodes > 0;
  total.joules = total.measured ? joules : cpu_seconds * watts_per_core;
  return total;
}

}  // namespace tailcube
