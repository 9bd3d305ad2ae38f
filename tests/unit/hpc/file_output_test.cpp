#include "hpc/file_output.h"

#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
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

namespace {

// Cut off in every tenth variant, else with one to four bits flipped; then sealed.
std::string damaged(std::string bytes, int variant) {
  std::mt19937_64 random(20261124 + static_cast<std::uint64_t>(variant));
  if (variant % 10 == 0)
    bytes.resize(8 + random() % (bytes.size() - 8));
  else
    for (int flips = 1 + variant % 4; flips > 0; --flips) {
      auto& byte = bytes[random() % bytes.size()];
      byte = static_cast<char>(byte ^ (1 << random() % 8));
    }
  const auto seal = make_seal(bytes_of(bytes));
  return bytes.append(reinterpret_cast<const char*>(seal.data()), seal.size());
}

}  // namespace

// Someone who wants to do harm can make the seal fit; then HDF5 itself has to cope, and does not always.
TEST_CASE("a hostile cube with a seal that fits ends in an error or in a cube, not in a crash") {
  const TemporaryFolder folder;
  const auto file = folder.path / "cube.h5", results = folder.path / "results";
  Job job = test::sample_job();
  job.text.resize(1000);  // most of the bytes, and harmless ones
  write_cube(file, job, test::sample_cube());
  std::string good = contents(file);
  good.resize(good.size() - seal_bytes);
  const auto middle = [](const std::vector<std::string>& cells) { return cells.size() / 2; };
  constexpr int variants = 60, together = 12;  // in one process: to begin one takes most of the time
  for (int first = 0; first < variants; first += together) {
    const Ending ending = in_child([&] {
      std::ofstream out(results, std::ios::app);
      for (int variant = first; variant < first + together; ++variant) {
        test::put(file, damaged(good, variant));
        out << variant << ": " << std::flush;
        try {
          if (variant % 5 == 0) read_cube_cell(file, middle);
        } catch (const FileError&) {
        }
        try {
          read_cube(file);
          out << "read" << std::endl;
        } catch (const std::exception& error) {
          out << error.what() << std::endl;
        }
      }
    });
    INFO(contents(results));
    CHECK(ending.signal == 0);
    CHECK(ending.message.empty());
  }
  const std::string all = contents(results);
  const auto count = [&](const std::string& what) {
    int found = 0;
    for (std::size_t at = 0; (at = all.find(what, at)) != std::string::npos; ++at) ++found;
    return found;
  };
  const int tried = count("\n"), read = count(": read\n"), crashed = count("ends in a crash");
  CHECK(tried == variants);
  CHECK(read > 0);
  CHECK(tried - read > 30);
  WARN(tried - read - crashed << " refused, " << read << " read, " << crashed << " crashed only the trial process");
}

}  // namespace tailcube
