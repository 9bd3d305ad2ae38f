#pragma once
// The tail-risk cube in memory (docs/cube.md): what the file holds, and how it is estimated from tallies.
#include <cstdint>
#include <string>
#include <vector>

#include "src/engine/engine.h"

namespace tailcube {

// Bits of estimate_flag.
enum EstimateFlag : std::int8_t {
  var_is_bracket = 1,          // binned tail: value_at_risk is a midpoint, the interval holds the certified bracket
  var_interval_missing = 2,    // too few scenarios for an order-statistic interval
  es_interval_missing = 4,     // fewer than two scenarios beyond VaR
  few_tail_scenarios = 8,      // fewer than 100 scenarios beyond this confidence
};

struct Cube {
  std::vector<std::string> quantities, cells, nodes, gauges, gauge_units;
  std::vector<double> horizon_years;
  std::vector<Confidence> confidence;
  std::int64_t scenarios = 0;
  double unit = 0;
  std::string currency;

  // [quantity][cell][node][horizon]
  std::vector<double> expected_loss, expected_loss_se, loss_std, worst_loss, probability_of_loss, probability_of_loss_se;
  // [quantity][cell][node][horizon][confidence]
  std::vector<double> value_at_risk, value_at_risk_lower, value_at_risk_upper;
  std::vector<double> expected_shortfall, expected_shortfall_se, expected_shortfall_lower, expected_shortfall_upper;
  std::vector<std::int8_t> estimate_flag;
  // [gauge][cell][node][horizon]
  std::vector<double> gauge_mean, gauge_se;
  std::vector<double> base_value;                     // [node]
  std::vector<double> cell_distance, cell_conditional_pd, cell_effective_scenarios;  // [cell]
  std::vector<std::int8_t> cell_propagates;
  std::vector<std::int64_t> fault_count;              // [cell][node]
  std::vector<double> fault_share;                    // [cell][node]

  // /tail: [cell][node][horizon][rank], economic loss
  int tail_ranks = 0;
  std::vector<std::int64_t> tail_scenario;            // -1 where not valid
  std::vector<double> tail_loss, tail_weight;         // NaN where not valid
  std::vector<std::int8_t> tail_valid;
  // /distribution: bins of economic loss; the edges are known when every cell is in (finish)
  std::vector<double> bin_edge;                       // bins + 1
  std::vector<std::int64_t> bin_count;                // [cell][node][horizon][bin]
  std::vector<double> bin_weight;

  std::size_t at(int quantity, int cell, int node, int horizon) const;
  std::size_t at(int quantity, int cell, int node, int horizon, int confidence) const;
};

// Sizes everything and fills what needs no scenario.
Cube make_cube(const Job&, const CompiledBook&);

// Collects cell groups in any order and makes a cube. Pure: needs no scenario.
class Estimator {
 public:
  Estimator(const Job&, const CompiledBook&);
  void add(CellRange, Tallies&&);                     // merged over all ranks; throws std::runtime_error if a tail is too short
  Cube finish();

 private:
  const Job& job_;
  Cube cube_;
  struct CoarseBins {
    std::vector<std::int64_t> key, count;
  };
  std::vector<CoarseBins> bins_;                      // [cell][node][horizon]
};

}  // namespace tailcube
