#include "hpc/energy.h"

#include <cmath>

#include "tests/catch_any.h"
#include "tests/unit/hpc/temporary_folder.h"

using namespace tailcube;

TEST_CASE("energy is the sum over packages, also when a counter starts again") {
  const test::TemporaryFolder root;
  const auto counter = [&](int package, const char* microjoules) {
    const std::string folder = "sys/class/powercap/intel-rapl:" + std::to_string(package);
    test::put(root.path / (folder + "/energy_uj"), microjoules);
    test::put(root.path / (folder + "/max_energy_range_uj"), "262143328850\n");
  };
  counter(0, "1000000\n");
  counter(1, "262143000000\n");
  const EnergyReading begin = read_energy(root.path);
  counter(0, "3500000\n");
  counter(1, "671150\n");
  const EnergyReading end = read_energy(root.path);
  CHECK(begin.packages.size() == 2);
  CHECK(joules_between(begin, end) == Approx(2.5 + 1.0).epsilon(1e-9));
}

TEST_CASE("energy that cannot be read is not a number") {
  const test::TemporaryFolder root;
  CHECK(read_energy(root.path).packages.empty());
  CHECK(std::isnan(joules_between(read_energy(root.path), read_energy(root.path))));
}
