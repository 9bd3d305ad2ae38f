#pragma once
// Some scenarios of a finished run evaluated once more: what each loses, and what factors, drivers and obligors did in it.
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "src/engine/engine.h"

namespace tailcube {

// At one horizon of one cell.
struct ScenarioSample {
  std::vector<std::uint32_t> scenario;
  std::size_t nodes = 0, factors = 0;
  std::vector<Units> loss;  // [scenario][node]: economic, in units
  // [scenario][factor]: z = (z_1 + ... + z_n) / sqrt(n) of the innovations of steps 1 .. n, n the step of the horizon,
  // before the cell moves any. N(0, C) with the job's correlation matrix, whatever the cell.
  std::vector<double> innovation;
  std::vector<double> value;                         // [scenario][factor]: at the horizon, in the factor's unit
  std::vector<std::vector<std::uint32_t>> defaults;  // [scenario]: in default by the horizon; of Job::obligors, ascending
  std::size_t size() const { return scenario.size(); }
  Units loss_of(std::size_t i, std::size_t node) const { return loss[i * nodes + node]; }
  double innovation_of(std::size_t i, std::size_t factor) const { return innovation[i * factors + factor]; }
  double value_of(std::size_t i, std::size_t factor) const { return value[i * factors + factor]; }
};

// Compiles a job by leaf, as for its run.
class ScenarioSampler {
 public:
  // `horizon`: place in Job::report_steps; `unit`: the loss unit of the run. The job outlives this. Throws InvalidJob.
  ScenarioSampler(const Job&, int cell, int horizon, double unit);
  ~ScenarioSampler();
  // Any scenarios of the job in any order. Each has the bits of the run, whatever the threads.
  ScenarioSample operator()(std::span<const std::uint32_t> scenarios, int threads) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tailcube
