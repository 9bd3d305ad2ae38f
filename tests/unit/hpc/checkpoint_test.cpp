// What a run leaves for the next: which file is trusted, what is copied from the last one, and one writer to a folder.
#include "hpc/checkpoint.h"

#include <fstream>

#include "hpc/folder_lock.h"
#include "tests/catch_any.h"
#include "tests/unit/hpc/temporary_folder.h"

using namespace tailcube;
using test::TemporaryFolder;

namespace {

constexpr int cells = 3;

PartialHeader header() {
  PartialHeader h;
  h.identity.program = "test";
  h.identity.cells = cells;
  h.identity.cell_shape = {1, 1, 1, 2, 1, 0};
  h.scenarios = 640;
  h.wanted.add({0, 640});
  return h;
}

// Tallies of so many cells in which the scenarios of a range have their own number as loss.
Tallies tallies(int count, Tile range) {
  Shape shape = header().identity.cell_shape;
  shape.cells = count;
  Tallies out(shape, {});
  std::vector<Units> losses;
  for (std::uint64_t s = range.begin; s < range.end; ++s) losses.push_back(static_cast<Units>(s));
  for (Tally& tally : out.losses) tally.fold(losses, {}, range.begin);
  return out;
}

ScenarioSet set(Tile range) {
  ScenarioSet out;
  out.add(range);
  return out;
}

struct Log {
  std::vector<std::string> warnings;
  std::vector<int> finished;
};

Checkpoint open(const CheckpointFiles& files, Log& log, const Checkpoint::Settings& settings = {}) {
  const auto warn = [&log](const std::string& text) { log.warnings.push_back(text); };
  return {files,
          header(),
          find_checkpoint(files, warn),
          settings,
          [&log](CellRange group, Tallies&&) { log.finished.push_back(group.begin); },
          warn};
}

void change_a_byte(const std::filesystem::path& path) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(std::filesystem::file_size(path) / 2));
  file.put('\x5a');
}

}  // namespace

TEST_CASE("a finished group is copied from checkpoint to checkpoint") {
  const TemporaryFolder folder;
  const CheckpointFiles files(folder.path);
  Log log;
  Checkpoint first = open(files, log);
  CHECK(!first.on_disk());
  first.finish({0, 2}, tallies(2, {0, 640}), set({0, 640}));  // a cell is still to come
  CHECK(log.finished == std::vector<int>{0});
  Tallies half = tallies(1, {0, 320}), same = half;
  first.save({2, 3}, half, set({0, 320}));
  CHECK(to_bytes(half) == to_bytes(same));
  CHECK(first.cost().written == 2);
  CHECK(first.scenario_cells() == 2 * 640 + 320);

  Checkpoint second = open(files, log);
  CHECK(second.done(1) == set({0, 640}));
  CHECK(second.done(2) == set({0, 320}));
  Tallies both = second.load({0, 2}), expected = tallies(2, {0, 640});
  CHECK(to_bytes(both) == to_bytes(expected));
  second.finish({0, 2}, std::move(both), set({0, 640}));
  CHECK(second.cost().written == 0);  // it is on disk
  second.finish({2, 3}, tallies(1, {0, 640}), set({0, 640}));
  CHECK(second.cost().written == 0);  // the last group goes into the cube
  CHECK(log.finished == std::vector<int>{0, 0, 2});
  CHECK(log.warnings.empty());
  files.remove();
  CHECK(!files.any());
}

TEST_CASE("a damaged checkpoint gives way to the one before, which is not pushed out") {
  const TemporaryFolder folder;
  const CheckpointFiles files(folder.path);
  Log log;
  {
    Checkpoint checkpoint = open(files, log);
    for (const std::uint64_t end : {64u, 128u, 192u}) {
      Tallies all = tallies(3, {0, end});
      checkpoint.save({0, 3}, all, set({0, end}));
    }
  }
  change_a_byte(files.latest);
  Checkpoint checkpoint = open(files, log);
  CHECK(checkpoint.done(0) == set({0, 128}));
  REQUIRE(log.warnings.size() == 1);
  CHECK(log.warnings[0].find("going on with the one before") != std::string::npos);
  CHECK(!std::filesystem::exists(files.latest));
  CHECK(std::filesystem::exists(files.previous));
  change_a_byte(files.previous);
  CHECK_THROWS_AS(open(files, log), BadPartial);
}

TEST_CASE("a checkpoint that cannot be written is warned of, and the tallies are kept") {
  const TemporaryFolder folder;
  const CheckpointFiles files(folder.path / "nowhere");
  Log log;
  Checkpoint checkpoint = open(files, log);
  Tallies all = tallies(3, {0, 64}), same = all;
  checkpoint.save({0, 3}, all, set({0, 64}));
  CHECK(checkpoint.cost().failed == 1);
  CHECK(!checkpoint.on_disk());
  CHECK(log.warnings.size() == 1);
  CHECK(to_bytes(all) == to_bytes(same));
}

TEST_CASE("checkpoints are due when they were asked for") {
  const TemporaryFolder folder;
  Log log;
  CHECK(!open(CheckpointFiles(folder.path), log, {0, true, false}).due());
  CHECK(!open(CheckpointFiles(folder.path), log, {1e6, true, false}).due());
  CHECK(open(CheckpointFiles(folder.path), log, {1e-9, true, false}).due());
}

TEST_CASE("one writer to a folder") {
  const TemporaryFolder folder;
  {
    const FolderLock lock(folder.path);
    CHECK_THROWS_AS(FolderLock(folder.path), FileError);
    CHECK(std::filesystem::exists(folder.path / ".lock"));
  }
  CHECK(!std::filesystem::exists(folder.path / ".lock"));
  std::ofstream(folder.path / ".lock") << "process 1 on a host that is gone";
  const FolderLock lock(folder.path);
}
