#pragma once
// What differs between two jobs and between two tables, key by key: what `compare` attributes differences to.
#include <string>
#include <utility>
#include <vector>

namespace tailcube {

// One setting; an empty text where it is not there, a line of 0 then.
struct JobChange {
  std::string key;  // "run.scenarios", "stress[slump].shocks[0].amount"
  std::string before, after;
  int line_before = 0, line_after = 0;
};
// By key. Tables in an array are told apart by their name or id, not by their place. Throws std::runtime_error where a text
// is no TOML.
std::vector<JobChange> job_changes(const std::string& before, const std::string& after);
// Keys of `files` and the files that they name, and the stress paths: {"positions.loan", "loans.csv"},
// of a list {"positions.loan[0]", "loans.csv"}.
std::vector<std::pair<std::string, std::string>> job_files(const std::string& job);
std::vector<std::string> job_levels(const std::string& job);  // cube.levels

struct RowChange {
  std::string id, node;  // node: the path by the levels, "total" without
  enum class Kind { added, removed, changed } kind;
  std::vector<std::string> columns;  // that changed
};
struct TableChange {
  bool by_id = false;           // rows have ids; else only how many lines differ is known
  std::vector<RowChange> rows;  // by id
  std::size_t lines = 0;        // lines of either table that the other does not have
};
// Two CSV tables; columns are compared by name. Throws std::runtime_error where a text is no table.
TableChange table_changes(const std::string& before, const std::string& after, const std::vector<std::string>& levels);

}  // namespace tailcube
