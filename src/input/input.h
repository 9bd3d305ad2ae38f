#pragma once
// Reads and validates a job: one TOML file and its tables (docs/input.md).
#include <compare>
#include <exception>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "src/model/model.h"

namespace tailcube {

// One error, located: TOML "job.toml:12:3: run.seed: ...", CSV "loans.csv:17: maturity_years: ...".
struct Issue {
  std::string file;
  int line = 0;        // 0: the file as a whole
  int column = 0;      // TOML only
  std::string name;    // key or column
  std::string text;    // what was found, what is allowed, the nearest known name
  auto operator<=>(const Issue&) const = default;
};
std::string to_string(const Issue&);

// Exit 65 if any issue is about contents, 66 if files are only missing or unreadable.
class InvalidInput : public std::exception {
 public:
  InvalidInput(std::vector<Issue> issues, int exit_code);
  const char* what() const noexcept override { return "invalid input"; }
  std::vector<Issue> issues;   // sorted
  int exit_code;
};

// Throws InvalidInput with every issue of every file. settings: "key=value" of --set, values in TOML syntax or bare words.
Job read_job(const std::filesystem::path&, std::span<const std::string> settings);

}  // namespace tailcube
