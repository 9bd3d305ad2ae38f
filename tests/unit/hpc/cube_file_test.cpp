#include "hpc/cube_file.h"

#include <cstring>
#include <functional>

#include "hpc/communicator.h"
#include "hpc/cube_file_seal.h"
#include "hpc/cube_whole.h"
#include "src/report/build_info.h"
#include "tests/catch_any.h"
#include "tests/unit/hpc/sample_cube.h"
#include "tests/unit/hpc/temporary_folder.h"

namespace tailcube {
namespace {

using test::contents;
using test::sample_cube;
using test::sample_job;
using test::TemporaryFolder;

bool same(const std::vector<double>& a, const std::vector<double>& b) {  // bit for bit, NaN equals NaN
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0);
}
template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
  return a == b;
}

std::string message(const std::function<void()>& action) {
  try {
    action();
  } catch (const FileError& error) {
    return error.what();
  }
  return "no FileError";
}

// A sample cube file with changed contents and a seal that fits them, as someone hostile would make it.
std::string resealed(std::string bytes, const std::function<void(std::string&)>& change) {
  bytes.resize(bytes.size() - seal_bytes);
  change(bytes);
  const auto seal = make_seal(std::as_bytes(std::span(bytes)));
  bytes.append(reinterpret_cast<const char*>(seal.data()), seal.size());
  return bytes;
}
std::string replaced(std::string bytes, const std::string& from, const std::string& to) {
  return resealed(std::move(bytes), [&](std::string& text) {
    const auto at = text.find(from);
    REQUIRE(at != std::string::npos);
    text.replace(at, from.size(), to);
  });
}

}  // namespace

TEST_CASE("a cube comes back as it was written") {
  const TemporaryFolder folder;
  const auto file = folder.path / "cube.h5";
  const Cube cube = sample_cube();
  write_cube(file, sample_job(), cube);
  CHECK(!std::filesystem::exists(folder.path / "cube.h5.part"));
  const Cube back = read_cube(file);
#define CHECK_SAME(member) CHECK(same(back.member, cube.member))
  CHECK_SAME(quantities);
  CHECK_SAME(cells);
  CHECK_SAME(nodes);
  CHECK_SAME(gauges);
  CHECK_SAME(gauge_units);
  CHECK_SAME(horizon_years);
  CHECK_SAME(confidence);
  CHECK(back.scenarios == cube.scenarios);
  CHECK(back.unit == cube.unit);
  CHECK(back.currency == cube.currency);
  CHECK_SAME(expected_loss);
  CHECK_SAME(expected_loss_se);
  CHECK_SAME(loss_std);
  CHECK_SAME(worst_loss);
  CHECK_SAME(probability_of_loss);
  CHECK_SAME(probability_of_loss_se);
  CHECK_SAME(value_at_risk);
  CHECK_SAME(value_at_risk_lower);
  CHECK_SAME(value_at_risk_upper);
  CHECK_SAME(expected_shortfall);
  CHECK_SAME(expected_shortfall_se);
  CHECK_SAME(expected_shortfall_lower);
  CHECK_SAME(expected_shortfall_upper);
  CHECK_SAME(estimate_flag);
  CHECK_SAME(gauge_mean);
  CHECK_SAME(gauge_se);
  CHECK_SAME(base_value);
  CHECK_SAME(base_published_value);
  CHECK_SAME(gauge_today);
  CHECK_SAME(cell_distance);
  CHECK_SAME(cell_conditional_pd);
  CHECK_SAME(cell_effective_scenarios);
  CHECK_SAME(cell_propagates);
  CHECK_SAME(fault_count);
  CHECK_SAME(fault_share);
  CHECK_SAME(quarantined);
  CHECK_SAME(quarantined_instrument);
  CHECK_SAME(quarantined_path);
  CHECK_SAME(quarantined_reason);
  CHECK_SAME(quarantined_cell);
  CHECK_SAME(quarantined_scenario);
  CHECK_SAME(quarantined_share);
  CHECK(back.tail_ranks == cube.tail_ranks);
  CHECK_SAME(tail_scenario);
  CHECK_SAME(tail_loss);
  CHECK_SAME(tail_weight);
  CHECK_SAME(tail_valid);
  CHECK_SAME(bin_edge);
  CHECK_SAME(bin_count);
  CHECK_SAME(bin_weight);
}

TEST_CASE("one cell of a cube is what the whole has at its place") {
  const TemporaryFolder folder;
  const auto file = folder.path / "cube.h5";
  const Cube cube = sample_cube();
  write_cube(file, sample_job(), cube);
  const std::size_t nodes = cube.nodes.size(), horizons = cube.horizon_years.size(), gauges = cube.gauges.size();
  const std::size_t slots = nodes * horizons, tail = slots * static_cast<std::size_t>(cube.tail_ranks);
  for (std::size_t cell = 0; cell < cube.cells.size(); ++cell) {
    std::vector<std::string> offered;
    const CubeFile found = read_cube_cell(file, [&](const std::vector<std::string>& cells) {
      offered = cells;
      return cell;
    });
    const Cube& one = found.cube;
    CHECK(offered == cube.cells);
    CHECK(one.cells == std::vector<std::string>{cube.cells[cell]});
    CHECK(one.nodes == cube.nodes);
    CHECK(one.gauge_units == cube.gauge_units);
    CHECK(one.confidence == cube.confidence);
    CHECK(one.quarantined == cube.quarantined);
    CHECK(same(one.base_value, cube.base_value));
    const auto part = [](const auto& all, std::size_t begin, std::size_t count) {
      const auto first = all.begin() + static_cast<std::ptrdiff_t>(begin);
      return std::decay_t<decltype(all)>(first, first + static_cast<std::ptrdiff_t>(count));
    };
    CHECK(same(one.tail_scenario, part(cube.tail_scenario, cell * tail, tail)));
    CHECK(same(one.tail_loss, part(cube.tail_loss, cell * tail, tail)));
    CHECK(same(one.tail_valid, part(cube.tail_valid, cell * tail, tail)));
    REQUIRE(one.gauge_mean.size() == gauges * slots);
    for (std::size_t g = 0; g < gauges; ++g) {
      const std::size_t at = (g * cube.cells.size() + cell) * slots;
      CHECK(same(part(one.gauge_mean, g * slots, slots), part(cube.gauge_mean, at, slots)));
      CHECK(same(part(one.gauge_se, g * slots, slots), part(cube.gauge_se, at, slots)));
    }
    CHECK_THROWS_WITH(one.expected_loss.empty(), "cube: expected_loss was not read");
    CHECK_THROWS_AS(one.tail_weight[0], std::logic_error);
    CHECK(one.bin_edge.empty());
    CHECK(found.provenance.job == sample_job().text);
    CHECK(found.header.job_digest == sample_job().digest);
  }
  const auto beyond = [&](const std::vector<std::string>& cells) { return cells.size(); };
  CHECK(message([&] { read_cube_cell(file, beyond); }) == file.string() + ": has 3 cells");
  const auto refuse = [](const std::vector<std::string>&) -> std::size_t { throw std::domain_error("none of these"); };
  CHECK_THROWS_AS(read_cube_cell(file, refuse), std::domain_error);
}

TEST_CASE("groups that are left out are not read, and asking for them is an error") {
  const TemporaryFolder folder;
  const auto file = folder.path / "cube.h5";
  const Cube cube = sample_cube();
  write_cube(file, sample_job(), cube);
  const Cube some = read_cube_file(file, {"tail", "distribution", "contribution_by"}).cube;
  CHECK(same(some.value_at_risk, cube.value_at_risk));
  CHECK(same(some.contribution, cube.contribution));
  CHECK(some.largest_name == cube.largest_name);
  CHECK(some.tail_ranks == cube.tail_ranks);
  CHECK(some.bin_edge == cube.bin_edge);
  CHECK(some.parts == cube.parts);
  CHECK_THROWS_WITH(some.tail_loss[0], "cube: loss was not read");
  CHECK_THROWS_WITH(some.bin_count.size(), "cube: count was not read");
  CHECK_THROWS_WITH(some.bin_weight.data(), "cube: weight was not read");
  CHECK_THROWS_WITH(some.tail_scenario.begin(), "cube: scenario was not read");
  CHECK_THROWS_WITH(some.part_parent.back(), "cube: part_parent was not read");
  CHECK_THROWS_AS(write_cube(file, sample_job(), some), std::logic_error);
}

TEST_CASE("the header of a cube") {
  const TemporaryFolder folder;
  const auto file = folder.path / "cube.h5";
  const Job job = sample_job();
  write_cube(file, job, sample_cube());
  const CubeHeader header = read_cube_file(file).header;
  CHECK(header.title == "Tail-risk cube: Zürich, 株式 & crédit");
  CHECK(header.source.find("tailcube " + program_version()) == 0);
  CHECK(header.source.find(mpi_version()) != std::string::npos);
  CHECK(header.job_digest == job.digest);
  CHECK(header.seed == 9'007'199'254'740'993);
  CHECK(header.scenarios == 1'000'000);
  CHECK(header.loss_unit == 1.0 / 1024);
  CHECK(header.sampler == "sparse");
  CHECK(header.tail_mode == "exact");
  CHECK(header.currency == "CHF");
  CHECK(header.format_version == "1.5");
  CHECK(header.complete);
}

TEST_CASE("two files of one cube are equal") {
  const TemporaryFolder folder;
  write_cube(folder.path / "a.h5", sample_job(), sample_cube());
  write_cube(folder.path / "b.h5", sample_job(), sample_cube());
  CHECK(contents(folder.path / "a.h5") == contents(folder.path / "b.h5"));
}

TEST_CASE("a cube without gauges, tail, distribution, defaults and inputs") {
  const TemporaryFolder folder;
  Job job = sample_job();
  job.defaults_used.clear();
  job.inputs.clear();
  Cube cube = sample_cube();
  cube.gauges.clear();
  cube.gauge_units.clear();
  cube.gauge_mean.clear();
  cube.gauge_se.clear();
  cube.tail_ranks = 0;
  cube.tail_scenario.clear();
  cube.tail_loss.clear();
  cube.tail_weight.clear();
  cube.tail_valid.clear();
  cube.bin_edge.clear();
  cube.bin_count.clear();
  cube.bin_weight.clear();
  write_cube(folder.path / "cube.h5", job, cube);
  const Cube back = read_cube(folder.path / "cube.h5");
  CHECK(same(back.value_at_risk, cube.value_at_risk));
  CHECK(back.tail_ranks == 0);
  CHECK(back.gauges.empty());
  CHECK(back.bin_edge.empty());
}

TEST_CASE("a cube that does not fit its axes is our own fault") {
  const TemporaryFolder folder;
  Cube cube = sample_cube();
  cube.loss_std.pop_back();
  CHECK_THROWS_AS(write_cube(folder.path / "cube.h5", sample_job(), cube), std::logic_error);
  CHECK(std::filesystem::is_empty(folder.path));
}

TEST_CASE("files that are no cubes are refused with the reason") {
  const TemporaryFolder folder;
  const auto file = folder.path / "cube.h5";
  const std::string name = file.string();
  CHECK(message([&] { read_cube(file); }) == name + ": cannot be read: No such file or directory");
  CHECK(message([&] { read_cube(folder.path); }).find(folder.path.string() + ": cannot be read") == 0);
  test::put(file, "");
  CHECK(message([&] { read_cube(file); }) == name + ": is not a cube: not an HDF5 file");
  test::put(file, "[run]\nname = \"a job, not a cube\"\n");
  CHECK(message([&] { read_cube_file(file); }) == name + ": is not a cube: not an HDF5 file");
}

TEST_CASE("another major version is refused, naming both") {
  const TemporaryFolder folder;
  const auto file = folder.path / "cube.h5";
  write_cube(file, sample_job(), sample_cube());
  const std::string good = contents(file);
  // HDF5 keeps a string behind its length in 8 bytes.
  const auto stored = [](const std::string& text) {
    return std::string(1, static_cast<char>(text.size())) + std::string(7, '\0') + text;
  };
  test::put(file, replaced(good, stored("1.5"), stored("2.0")));
  for (const auto& read :
       {std::function<void()>([&] { read_cube(file); }), std::function<void()>([&] { read_cube_file(file); }),
        std::function<void()>([&] { read_cube_cell(file, [](const auto&) { return std::size_t{0}; }); })}) {
    CHECK(message(read) == file.string() + ": has format version 2.0, this program reads version 1");
  }
  test::put(file, replaced(good, stored("1.5"), stored("1.7")));  // something was added: still readable
  CHECK(read_cube_file(file).header.format_version == "1.7");
  CHECK(same(read_cube(file).value_at_risk, sample_cube().value_at_risk));
  test::put(file, replaced(good, stored("tailcube"), stored("nailcube")));
  CHECK(message([&] { read_cube(file); }) == file.string() + ": is not a cube: file_format is 'nailcube'");
}

TEST_CASE("a file that was cut off or damaged is refused") {
  const TemporaryFolder folder;
  const auto file = folder.path / "cube.h5";
  write_cube(file, sample_job(), sample_cube());
  const std::string good = contents(file);
  for (std::size_t step = 0; step < 200; ++step) {
    const std::size_t length = good.size() * step / 200;
    test::put(file, good.substr(0, length));
    INFO("length " << length << " of " << good.size());
    CHECK(message([&] { read_cube(file); }).find(file.string() + (length < 8 ? ": is not a cube" : ": has no seal")) == 0);
  }
  for (std::size_t step = 0; step < 200; ++step) {
    std::string bad = good;
    const std::size_t at = (good.size() - 1) * step / 199, bit = step * 7 % 8;
    bad[at] = static_cast<char>(bad[at] ^ (1 << bit));
    test::put(file, bad);
    INFO("byte " << at << " of " << good.size() << ", bit " << bit);
    CHECK(message([&] { read_cube(file); }).find(file.string() + ": ") == 0);
  }
  test::put(file, good);
  CHECK_NOTHROW(read_cube(file));
}

}  // namespace tailcube
