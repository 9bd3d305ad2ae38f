#include "hpc/energy.h"

#include <fstream>
#include <limits>
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

}  // namespace tailcube
