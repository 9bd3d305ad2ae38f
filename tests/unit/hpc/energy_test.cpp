#include "hpc/energy.h"

#include <cmath>
#include <limits>

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

TEST_CASE("a meter adds up what was used between its looks") {
  const test::TemporaryFolder root;
  const auto counter = [&](const char* microjoules) {
    test::put(root.path / "sys/class/powercap/intel-rapl:0/energy_uj", microjoules);
    test::put(root.path / "sys/class/powercap/intel-rapl:0/max_energy_range_uj", "10000000\n");
  };
  counter("9000000");
  EnergyMeter meter(root.path);
  counter("4000000");
  CHECK(meter.joules() == Approx(5));
  counter("3000000");
  meter.look();  // within a minute of the last reading: nothing
  CHECK(meter.joules() == Approx(14));
  EnergyMeter blind(root.path / "nowhere");
  CHECK(std::isnan(blind.joules()));
}

TEST_CASE("every node counts once, and all of them or none") {
  constexpr double unread = std::numeric_limits<double>::quiet_NaN();
  const Energy read = total_energy({{"a", 100, 10}, {"b", 200, 20}, {"a", 101, 10}, {"b", 202, 20}}, 5);
  CHECK(read.measured);
  CHECK(read.joules == 300);
  CHECK(read.nodes == 2);
  CHECK(read.nodes_read == 2);
  CHECK(total_energy({{"a", unread, 10}, {"a", 70, 10}}, 5).joules == 70);
  const Energy partly = total_energy({{"a", 100, 10}, {"b", unread, 20}}, 4);
  CHECK_FALSE(partly.measured);
  CHECK(partly.joules == 120);
  CHECK(partly.nodes_read == 1);
}
