#pragma once
// The catalogue of broken jobs: one change to the valid job, and every message that it must give.
#include <string>
#include <vector>

#include "tests/unit/input/job_files.h"

namespace tailcube::test {

struct Broken {
  std::string file, from, to;         // replaced in the valid job
  std::vector<std::string> messages;  // all of them, sorted
  int exit_code = 65;
};

inline void check_broken(const Broken& broken, std::string& difference) {
  JobFiles files = valid_job();
  files[broken.file] = replaced(files[broken.file], broken.from, broken.to);
  const Outcome found = outcome(files);
  if (found.exit_code == broken.exit_code && found.messages == broken.messages) return;
  difference =
      broken.file + ": " + broken.from + " -> " + broken.to + "\nexit code " + std::to_string(found.exit_code) + "\n";
  for (const auto& message : found.messages) difference += "found    " + message + "\n";
  for (const auto& message : broken.messages) difference += "expected " + message + "\n";
}

inline void check_all(const std::vector<Broken>& catalogue) {
  for (const auto& broken : catalogue) {
    std::string difference;
    check_broken(broken, difference);
    INFO(difference);
    CHECK(difference.empty());
  }
}

}  // namespace tailcube::test
