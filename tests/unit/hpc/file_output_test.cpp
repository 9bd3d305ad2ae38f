#include "hpc/file_output.h"

#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <random>

#include "hpc/cube_file.h"
#include "hpc/cube_file_seal.h"
#include "hpc/cube_file_trial.h"
#include "hpc/cube_whole.h"
#include "hpc/signals.h"
#include "tests/catch_any.h"
#include "tests/unit/hpc/sample_cube.h"
#include "tests/unit/hpc/temporary_folder.h"

namespace tailcube {
namespace {

using test::contents;
using test::TemporaryFolder;

// What an action in a process of its own leaves: its message ("" when it returned), and the signal that ended it.
struct Ending {
  std::string message;
  int signal = 0;
};
Ending in_child(const std::function<void()>& action) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(200);  // a hang is an ending by SIGALRM; a trial has a minute of CPU time, machines are busy
    std::string text;
    try {
      action();
    } catch (const std::exception& error) {
      text = error.what();
    }
    const auto written = ::write(ends[1], text.data(), text.size());
    ::_exit(written == static_cast<ssize_t>(text.size()) ? 0 : 1);
  }
  ::close(ends[1]);
  Ending ending;
  char buffer[512];
  for (ssize_t n = 0; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;)
    ending.message.append(buffer, static_cast<std::size_t>(n));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  ending.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  return ending;
}

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

}  // namespace

TEST_CASE("a file is written in parts and replaces the old one") {
  const TemporaryFolder folder;
  const auto file = folder.path / "x";
  test::put(file, "old");
  test::put(folder.path / "x.part", "left by a process that was killed");
  write_whole_file(file, {bytes_of("one "), bytes_of(""), bytes_of("two")});
  CHECK(contents(file) == "one two");
  CHECK(!std::filesystem::exists(folder.path / "x.part"));
}

TEST_CASE("a file that cannot be created is reported with its name and the cause") {
  const TemporaryFolder folder;
  const auto file = folder.path / "missing" / "x";
  CHECK_THROWS_WITH(write_whole_file(file, {}), file.string() + ".part: cannot be created: No such file or directory");
  std::filesystem::create_directories(folder.path / "x" / "y");
  CHECK_THROWS_WITH(write_whole_file(folder.path / "x", {}),
                    (folder.path / "x").string() + ": cannot be renamed from .part: Is a directory");
  CHECK(!std::filesystem::exists(folder.path / "x.part"));
}

TEST_CASE("a cube that grows past the allowed size leaves the old file and no .part") {
  const TemporaryFolder folder;
  const auto file = folder.path / "cube.h5";
  test::put(file, "old");
  for (const rlim_t limit : {rlim_t{0}, rlim_t{1000}, rlim_t{20'000}}) {
    const Ending ending = in_child([&] {
      watch_signals();  // as the program does: SIGXFSZ would end it otherwise
      const rlimit size{limit, limit};
      setrlimit(RLIMIT_FSIZE, &size);
      write_cube(file, test::sample_job(), test::sample_cube());
    });
    CHECK(ending.signal == 0);
    CHECK(ending.message == file.string() + ".part: cannot be written: File too large");
    CHECK(contents(file) == "old");
    CHECK(!std::filesystem::exists(folder.path / "cube.h5.part"));
  }
}

TEST_CASE("a full disk is reported") {
  const TemporaryFolder folder;
  if (::mount("tailcube", folder.path.c_str(), "tmpfs", 0, "size=16k") != 0) {
    std::cerr << "skipped: a small file system cannot be mounted here (needs root)\n";
    return;
  }
  const auto file = folder.path / "cube.h5";
  const Ending ending = in_child([&] { write_cube(file, test::sample_job(), test::sample_cube()); });
  const bool left = !std::filesystem::is_empty(folder.path);
  ::umount(folder.path.c_str());
  CHECK(ending.signal == 0);
  CHECK(ending.message == file.string() + ".part: cannot be written: No space left on device");
  CHECK(!left);
}

TEST_CASE("an action that crashes, hangs or throws in a process of its own") {
  CHECK(survives([] {}, 10));
  CHECK(survives([] { throw std::runtime_error("no crash"); }, 10));
  CHECK(!survives([] { std::raise(SIGSEGV); }, 10));
  CHECK(!survives([] { std::abort(); }, 10));
  CHECK(!survives(
      [] {
        while (true) static_cast<void>(::getppid());
      },
      1));
}

// Someone who wants to do harm can make the seal fit; then HDF5 itself has to cope, and does not always.
TEST_CASE("a hostile cube with a seal that fits ends in an error or in a cube, not in a crash") {
  const TemporaryFolder folder;
  const auto file = folder.path / "cube.h5";
  write_cube(file, test::sample_job(), test::sample_cube());
  std::string good = contents(file);
  good.resize(good.size() - seal_bytes);
  std::mt19937_64 random(20261124);
  int refused = 0, crashed = 0, read = 0;
  for (int variant = 0; variant < 100; ++variant) {
    std::string bad = good;
    if (variant % 10 == 0) {
      bad.resize(8 + random() % (good.size() - 8));
    } else {
      for (int flips = 1 + variant % 4; flips > 0; --flips) {
        auto& byte = bad[random() % bad.size()];
        byte = static_cast<char>(byte ^ (1 << random() % 8));
      }
    }
    std::string sealed = bad;
    const auto seal = make_seal(bytes_of(bad));
    sealed.append(reinterpret_cast<const char*>(seal.data()), seal.size());
    test::put(file, sealed);
    const Ending ending = in_child([&] { read_cube(file); });
    INFO("variant " << variant << ": " << ending.message);
    CHECK(ending.signal == 0);
    const auto middle = [](const std::vector<std::string>& cells) { return cells.size() / 2; };
    if (variant % 5 == 0) CHECK(in_child([&] { read_cube_cell(file, middle); }).signal == 0);
    ++(ending.message.empty() ? read : ending.message.find("ends in a crash") == std::string::npos ? refused : crashed);
  }
  CHECK(refused > 20);
  WARN(refused << " refused, " << read << " read, " << crashed << " crashed only the trial process");
}

}  // namespace tailcube
