#pragma once
// Reads and validates a job: one TOML file and its tables (docs/input.md).
#include <compare>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "src/model/model.h"

namespace tailcube {

// One error, located: TOML "job.toml:12:3: run.seed: ...", CSV "loans.csv:17: maturity_years: ...".
struct Issue {
  std::string file;  // as the reader opened it, or "--set key=value"
  int line = 0;      // 0: the file as a whole
  int column = 0;    // TOML only; counts characters from 1
  std::string name;  // key or column; empty: the file or line as a whole
  std::string text;  // what was found, what is allowed, the nearest known name
  auto operator<=>(const Issue&) const = default;
};
std::string to_string(const Issue&);

inline constexpr std::size_t printed_issues = 200;

// Exit code 66 if any file could not be read (missing, no permission, a directory), else 65: something is wrong in a file.
class InvalidInput : public std::exception {
 public:
  // total: how many there were when `issues` is only the first of them; 0: all are here.
  InvalidInput(std::vector<Issue> issues, int exit_code, std::size_t total = 0);
  const char* what() const noexcept override { return "invalid input"; }
  std::vector<Issue> issues;  // sorted; at least the first printed_issues
  int exit_code;
  std::size_t total;
};
// A line per issue, at most printed_issues, and a last line with the total.
std::string to_string(const InvalidInput&);

// Throws InvalidInput with every issue of every file. settings: "key=value" of --set, values in TOML syntax or bare words.
Job read_job(const std::filesystem::path&, std::span<const std::string> settings);

}  // namespace tailcube
