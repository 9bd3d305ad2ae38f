#pragma once
// Reverse stress for people and for programs (docs/reverse.md).
#include <iosfwd>
#include <optional>
#include <string>

#include "src/cube/cube.h"
#include "src/cube/reverse.h"

namespace tailcube {

struct ReverseReport {
  const Job& job;
  const Cube& cube;
  std::string replay;  // the command that tells a scenario but for its number
  int cell, node, horizon;
  double limit;                     // of the loss, in the job's currency
  std::optional<double> quantile;   // the confidence whose VaR it is
  double limit_lower, limit_upper;  // of that VaR, 95 %; NaN: there is none
  const ScenarioSample& tail;       // worst first
  std::size_t usual;                // scenarios that "usual" is taken over
  std::size_t compared;             // losses found equal to the cube's
  const ReverseStress& stress;
  std::size_t most;  // rows of long lists; 0: all
  Proportion probability() const { return proportion(static_cast<std::int64_t>(tail.size()), cube.scenarios); }
};

void write_reverse_text(std::ostream&, const ReverseReport&);
void write_reverse_csv(std::ostream&, const ReverseReport&);
std::string reverse_json(const ReverseReport&);  // with a line break at its end

// In what a factor's moves are told: "%" of today's value, "points" for zero rates of curves, both times 100; "sd" for
// drivers; else "" in the factor's own unit.
std::string unit_of_moves(const Job&, std::uint32_t factor);
// "-42.1 ±1.3 %", "+1.80 ±0.05 points".
std::string move_text(const Job&, std::uint32_t factor, double move, double error);

}  // namespace tailcube
