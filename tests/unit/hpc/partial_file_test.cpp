#include "hpc/partial_file.h"

#include <sys/resource.h>

#include <fstream>
#include <random>

#include "kernels/tally/byte_stream.h"
#include "tests/catch_any.h"
#include "tests/unit/hpc/temporary_folder.h"
#include "tests/unit/tally/samples.h"

namespace tailcube {
namespace {

using test::contents;
using test::TemporaryFolder;

Shape shape_of(int cells) { return {1, cells, 2, 2, 1, 1}; }

PartialHeader sample_header(bool binned, std::uint64_t scenarios) {
  PartialHeader header;
  header.identity = {"tailcube 0.1.0 (abc)",           "0123456789abcdef", 7, 1.0 / 1024, 3, shape_of(1),
                     {binned, {95, 100, 40, !binned}}, {"bond b3"}};
  header.job = "sample";
  header.job_digest = "fedcba";
  header.scenarios = scenarios;
  header.shard = 2, header.shards = 3;
  header.split = ScenarioSet({{0, scenarios}});
  header.wanted = header.split.part(2, 3);
  header.rounds = {std::byte{1}, std::byte{2}};
  return header;
}

Tallies group_of(int cells, const TallySettings& settings, Tile range) {
  Tallies tallies(shape_of(cells), settings);
  std::uint64_t seed = range.begin;
  for (Tally& tally : tallies.losses)
    tally.fold(test::sample(test::Law::symmetric, range.end - range.begin, ++seed), {}, range.begin);
  for (Moments& m : tallies.gauges) m.add(test::sample(test::Law::lumpy, range.end - range.begin, ++seed));
  for (Moments& m : tallies.conditional_pd) m.add(std::vector<std::int64_t>(range.end - range.begin, 1 << 20));
  for (std::size_t i = 0; i < tallies.faults.size(); ++i) tallies.faults[i] = static_cast<std::int64_t>(i);
  return tallies;
}

// Cells 0 and 2 have everything, cell 1 nothing.
void write_sample(const std::filesystem::path& path, const PartialHeader& header) {
  PartialWriter writer(path, header);
  for (const int cell : {0, 2}) {
    CellPart part{header.wanted, group_of(1, header.identity.settings, header.wanted.ranges()[0])};
    writer.add(cell, part);
  }
  writer.finish();
}

void read_all(const std::filesystem::path& path) { PartialReader(path).check_all(); }

// Everything in front of the index with checksums that are right again, as whoever means harm would write it.
std::string sealed_again(std::string bytes) {
  const auto number = [&](std::size_t at) {
    return ByteReader(std::as_bytes(std::span(bytes)).subspan(at, 8)).get<std::uint64_t>();
  };
  const auto seal = [&](std::size_t begin, std::size_t end) {
    if (begin > end || end + 8 > bytes.size()) return;
    ByteWriter sum;
    sum.put(tally_checksum(std::as_bytes(std::span(bytes)).subspan(begin, end - begin)));
    std::memcpy(bytes.data() + end, sum.bytes.data(), 8);
  };
  const std::uint64_t head = number(12), index = number(bytes.size() - 24);
  if (head < bytes.size()) seal(0, 20 + head);
  if (index < bytes.size()) seal(bytes.size() - 24 - index, bytes.size() - 16);
  return bytes;
}

TEST_CASE("a partial comes back from its file") {
  const TemporaryFolder folder;
  for (const bool binned : {false, true}) {
    const PartialHeader header = sample_header(binned, 3000);
    const auto path = folder.path / "x.tally";
    write_sample(path, header);
    CHECK_FALSE(std::filesystem::exists(path.string() + ".part"));
    const PartialReader reader(path);
    CHECK(reader.header().identity == header.identity);
    CHECK(reader.header().job == "sample");
    CHECK(reader.header().job_digest == "fedcba");
    CHECK(reader.header().scenarios == 3000);
    CHECK(reader.header().wanted == header.wanted);
    CHECK(reader.header().shard == 2);
    CHECK(reader.header().shards == 3);
    CHECK(reader.header().split == header.split);
    CHECK(reader.header().rounds == header.rounds);
    CHECK_FALSE(reader.complete());
    CHECK(reader.done(0) == header.wanted);
    CHECK(reader.done(1).empty());
    CHECK(reader.read(1).tallies.losses.empty());
    Tallies expected = group_of(1, header.identity.settings, header.wanted.ranges()[0]);
    CellPart read = reader.read(2);
    CHECK(read.done == header.wanted);
    CHECK(to_bytes(read.tallies) == to_bytes(expected));
    reader.check_all();
  }
}

TEST_CASE("a partial that is not finished leaves no file") {
  const TemporaryFolder folder;
  const PartialHeader header = sample_header(false, 300);
  {
    PartialWriter writer(folder.path / "x.tally", header);
    CellPart part{header.wanted, group_of(1, header.identity.settings, header.wanted.ranges()[0])};
    writer.add(1, part);
    CHECK_THROWS_AS(writer.add(0, part), std::invalid_argument);
    CHECK_THROWS_AS(writer.add(3, part), std::invalid_argument);
    CellPart foreign{header.wanted, group_of(2, header.identity.settings, header.wanted.ranges()[0])};
    CHECK_THROWS_AS(writer.add(2, foreign), std::invalid_argument);
    CHECK(std::filesystem::exists(folder.path / "x.tally.part"));
  }
  CHECK(std::filesystem::is_empty(folder.path));
  CHECK_THROWS_AS(PartialReader(folder.path / "x.tally"), FileError);
  CHECK_THROWS_AS(PartialWriter(folder.path / "nowhere" / "x.tally", header), FileError);
}

TEST_CASE("every byte that changed and every byte that is missing is noticed") {
  const TemporaryFolder folder;
  const auto path = folder.path / "x.tally";
  write_sample(path, sample_header(false, 200));
  const std::string bytes = contents(path);
  read_all(path);
  {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    const auto set = [&file](std::size_t at, char value) { file.seekp(static_cast<std::streamoff>(at)).put(value).flush(); };
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      set(at, static_cast<char>(bytes[at] ^ (1 << (at % 8))));
      INFO("byte " << at << " of " << bytes.size());
      REQUIRE_THROWS_AS(read_all(path), BadPartial);
      set(at, bytes[at]);
    }
  }
  read_all(path);
  for (std::size_t size = bytes.size(); size-- > 0;) {
    std::filesystem::resize_file(path, size);
    INFO(size << " of " << bytes.size() << " bytes");
    REQUIRE_THROWS_AS(read_all(path), BadPartial);
  }
  test::put(path, bytes + "x");
  CHECK_THROWS_AS(read_all(path), BadPartial);
}

TEST_CASE("what is wrong is said") {
  const TemporaryFolder folder;
  const auto path = folder.path / "x.tally";
  write_sample(path, sample_header(false, 500));
  const std::string bytes = contents(path);
  const auto message = [&](const std::string& altered) -> std::string {
    test::put(path, altered);
    try {
      read_all(path);
    } catch (const BadPartial& e) {
      return std::string(e.what()).substr(path.string().size() + 2);
    }
    return "nothing";
  };
  CHECK(message("not a tally, but long enough to be looked at: there are more than fifty bytes in this line") ==
        "is no .tally file");
  CHECK(message("short") == "is no .tally file: it has 5 bytes");
  CHECK(message(bytes.substr(0, bytes.size() / 2)) == "is cut off: its end is missing");
  std::string other = bytes;
  other[8] = 9;
  CHECK(message(other) == "has format 9 of .tally files; this program reads format 1 only");
  other = bytes;
  other[bytes.size() / 2] = static_cast<char>(~other[bytes.size() / 2]);
  CHECK(message(other).starts_with("stress cell "));
}

TEST_CASE("hostile files with right checksums are refused or harmless") {
  const TemporaryFolder folder;
  const auto path = folder.path / "x.tally";
  write_sample(path, sample_header(false, 200));
  const std::string bytes = contents(path);
  // A length that is believed fails by the limit on memory, and not by taking the machine's.
  rlimit before{};
  ::getrlimit(RLIMIT_AS, &before);
#ifndef TAILCUBE_SANITIZED  // sanitizers set aside more
  const rlimit small{rlim_t{2} << 30, before.rlim_max};
  ::setrlimit(RLIMIT_AS, &small);
#endif
  std::mt19937_64 random(52);
  int refused = 0, taken = 0;
  for (int trial = 0; trial < 800; ++trial) {
    std::string hostile = bytes;
    for (std::uint64_t flips = random() % 4; flips-- > 0;) {
      const std::size_t at = trial % 2 == 0 ? random() % 400 : bytes.size() - 1 - random() % 300;
      hostile[at] = random() % 2 ? '\xff' : static_cast<char>(random());
    }
    test::put(path, sealed_again(hostile));
    try {
      read_all(path);
      ++taken;
    } catch (const BadPartial&) {
      ++refused;
    }
  }
  ::setrlimit(RLIMIT_AS, &before);
  CHECK(refused > 200);
  CHECK(taken > 100);
}

TEST_CASE("cells are split and joined exactly") {
  for (const bool binned : {false, true}) {
    const TallySettings settings{binned, {95, 100, 40, !binned}};
    Tallies group = group_of(3, settings, {0, 2000}), same = group_of(3, settings, {0, 2000});
    const auto bytes = to_bytes(same);
    std::vector<Tallies> cells = split_cells(std::move(group));
    REQUIRE(cells.size() == 3);
    for (int c = 0; c < 3; ++c) {
      CHECK(cells[static_cast<std::size_t>(c)].shape == shape_of(1));
      CHECK(cells[static_cast<std::size_t>(c)].losses[1].moments == same.losses[same.shape.loss(0, c, 0, 1, 0)].moments);
      CHECK(cells[static_cast<std::size_t>(c)].gauges[1] == same.gauges[same.shape.gauge(c, 0, 1, 0)]);
    }
    Tallies joined = join_cells(std::move(cells));
    CHECK(to_bytes(joined) == bytes);
  }
  Tallies once = group_of(1, {}, {0, 2000});
  Tallies shared = join_cells({once, once});
  std::vector<std::uint32_t> holders;
  for (std::uint32_t slot = 0; slot < shared.losses.size(); ++slot)
    holders.push_back(slot % static_cast<std::uint32_t>(once.losses.size()));
  shared.share(holders);
  for (Tallies& cell : split_cells(std::move(shared))) CHECK(to_bytes(cell) == to_bytes(once));
  CHECK(split_cells({}).empty());
  std::vector<Tallies> unlike(2);
  unlike[0] = Tallies(shape_of(1), {});
  unlike[1] = Tallies(shape_of(1), {true, {}});
  CHECK_THROWS_AS(join_cells(std::move(unlike)), std::invalid_argument);
}

TEST_CASE("what makes two partials differ is said in words") {
  const PartialIdentity mine = sample_header(false, 200).identity;
  CHECK(difference(mine, mine).empty());
  const auto with = [&](auto change) {
    PartialIdentity theirs = mine;
    change(theirs);
    return difference(mine, theirs);
  };
  CHECK(with([](PartialIdentity& p) { p.program = "tailcube 0.2.0"; }) ==
        "written by tailcube 0.2.0, not tailcube 0.1.0 (abc)");
  CHECK(with([](PartialIdentity& p) { p.seed = 8; }) == "seed 8, not 7");
  CHECK(with([](PartialIdentity& p) { p.cells = 4; }) == "stress cells: 4, not 3");
  CHECK(with([](PartialIdentity& p) { p.cell_shape.nodes = 4; }) ==
        "a cell of 2 quantities x 4 nodes x 1 horizons x 1 gauges, not 2 quantities x 2 nodes x 1 horizons x 1 gauges");
  CHECK(with([](PartialIdentity& p) { p.settings.binned = true; }) ==
        "tallies with binned tail from 95/100, at least 40 scenarios, not exact tail from 95/100, at least 40 scenarios");
  CHECK(with([](PartialIdentity& p) { p.tally_digest = "ffffffffffffffff"; }) ==
        "the job or one of its tables, digest ffffffffffff, not 0123456789ab");
  CHECK(with([](PartialIdentity& p) { p.unit = 0.5; }) == "loss unit 0.5, not 0.0009765625");
  CHECK(with([](PartialIdentity& p) { p.quarantined.clear(); }) == "left out: no position, not bond b3");
}

}  // namespace
}  // namespace tailcube
