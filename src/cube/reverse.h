#pragma once
// Reverse stress: which moves of factors, and whose defaults, go with a loss above a limit. Formulas and sources:
// kernels/METHODS.md, "Reverse stress".
#include "src/cube/plausibility.h"
#include "src/engine/scenario_sample.h"

namespace tailcube {

struct MeanOf {
  double mean, error, deviation;  // over scenarios; error and deviation are NaN for a single one
};

// A factor in a set of scenarios.
struct FactorInTail {
  std::uint32_t factor;
  MeanOf move;        // from today to the horizon: relative for lognormal kinds, else the difference; drivers: value
  MeanOf innovation;  // z, whose mean over all scenarios is 0 and whose deviation is 1
  // How far the mean of the factor (lognormal kinds: its logarithm) lies from that of all scenarios, in their standard
  // deviations; NaN: it does not move.
  Measured distance;
  double in_nearest;  // its move in the most plausible scenario
};
struct TailPart {
  std::vector<std::uint32_t> scenarios;  // places in the sample, worst first
  Proportion share;                      // of the tail
  MeanOf loss;                           // in units
  Centre centre;
  std::vector<FactorInTail> factors;  // largest distance first
};
// An obligor that defaults more often in the tail than its PD says.
struct FrequentDefault {
  std::uint32_t obligor;
  std::int64_t scenarios;
  Proportion frequency;
  double pd;       // by the horizon, over all scenarios of a cell without stress
  double p_value;  // P(so many or more), if it defaulted in the tail with its PD
  bool operator<(const FrequentDefault& other) const { return p_value < other.p_value; }
};

struct ReverseStress {
  std::size_t dimension = 0;  // independent directions of the innovations
  TailPart all;
  std::vector<TailPart> clusters;         // one: the same as `all`
  std::vector<double> log_criterion;      // of 1, 2, ... clusters (Clustering)
  std::vector<FrequentDefault> defaults;  // smallest p-value first: those below `level` over the number of obligors
  std::size_t obligors = 0;               // of the node
  static constexpr double level = 0.05;
};
// So few scenarios say nothing about a mean in many directions.
inline constexpr std::size_t least_beyond = 30;

// `tail`: all scenarios in which `node` loses more than the limit, worst first; `usual`: others of the same cell and horizon
// (a place in Job::report_steps), whatever they lose. `clusters` 0: as many as there are.
ReverseStress reverse_stress(const Job&, int node, int horizon, const ScenarioSample& tail, const ScenarioSample& usual,
                             std::size_t clusters = 0);

bool is_relative(const Factor&);  // whether its moves are
double move_of(const Factor&, double value);

}  // namespace tailcube
