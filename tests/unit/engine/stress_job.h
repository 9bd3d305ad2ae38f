#pragma once
// Jobs with a market and stress cells, for tests of what a stress does.
#include <algorithm>

#include "src/engine/engine.h"
#include "tests/unit/market/simulate.h"

namespace tailcube::test {

inline FactorIndex at(std::size_t i) { return FactorIndex{static_cast<std::uint32_t>(i)}; }

struct NamedFactor {
  std::string id;
  Process process;
  double initial = 0, drift = 0, volatility = 0, reversion = 0, level = 0;
};
inline Job stress_job(const std::vector<NamedFactor>& factors, double step_years, int steps,
                      std::vector<double> correlation = {}) {
  Job job;
  std::vector<Factor> made;
  for (const NamedFactor& f : factors) {
    job.factor_ids.push_back(f.id);
    made.push_back(factor(f.process, f.id));
    made.back().initial = f.initial, made.back().drift = f.drift, made.back().volatility = f.volatility;
    made.back().reversion = f.reversion, made.back().level = f.level;
  }
  job.market = market(made, step_years, steps, std::move(correlation));
  job.step_years = step_years;
  job.steps = steps;
  job.report_steps = {steps};
  return job;
}
inline CellSpec cell(std::vector<ShockSpec> shocks, bool propagate = false, const std::string& name = "severe") {
  return {name, std::nullopt, std::move(shocks), propagate};
}
inline ShockSpec shock(std::size_t f, Operation operation, double amount, int from = 0, int to = 1 << 30) {
  ShockSpec s{at(f), operation, amount};
  s.from = from;
  if (to != 1 << 30) s.to = to;
  return s;
}
inline CellSpec pinned(std::vector<std::size_t> factors, std::vector<int> steps, std::vector<std::vector<double>> values,
                       bool propagate) {
  CellSpec c{"severe", PathSpec{}, {}, propagate};
  for (const std::size_t f : factors) c.path->factors.push_back(at(f));
  c.path->step = std::move(steps);
  c.path->value = std::move(values);
  return c;
}
inline CellShocks compiled(Job& job, CellSpec spec) {
  job.cells = {std::move(spec)};
  return compile_cells(job).front();
}
inline std::vector<std::string> complaints(Job& job, std::vector<CellSpec> cells) {
  job.cells = std::move(cells);
  try {
    compile_cells(job);
  } catch (const InvalidJob& e) {
    return e.messages;
  }
  return {};
}

}  // namespace tailcube::test
