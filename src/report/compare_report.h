#pragma once
// What a comparison of two cubes found, as text and as JSON.
#include <iosfwd>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "src/input/job_changes.h"
#include "src/report/compare.h"
#include "src/report/terminal_table.h"

namespace tailcube {

struct InputChange {
  std::string role, before, after;  // "positions.loan"; the file's name in each job, empty where it has none
  std::string unread;               // why the contents were not compared; empty: they were
  TableChange table;
};

// What was changed between the two jobs, as far as the cubes and the files that were found tell.
struct Causes {
  std::string program_before, program_after;
  bool same_job = false;  // the digests of job and inputs are equal
  std::vector<JobChange> settings;
  std::vector<InputChange> inputs;
  // Positions added, removed and changed below each node, as far as tables were read.
  struct Counts {
    int added = 0, removed = 0, changed = 0;
  };
  std::map<std::string, Counts> by_node;
  bool positions_known = true;  // every position table that differs was read in both versions
};
// Counts each row that changed in a position table at its node and all above; fills by_node and positions_known.
void count_positions(Causes&);

struct CompareReport {
  const Cube& a;
  const Causes& causes;
  const Comparison& comparison;
  const CompareRequest& request;
  std::string name_a, name_b;
};
void write_comparison(std::ostream&, const CompareReport&, const Terminal&);
std::string comparison_json(const CompareReport&);

}  // namespace tailcube
