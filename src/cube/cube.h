#pragma once
// The tail-risk cube in memory (docs/cube.md): what the file holds, and how it is estimated from tallies.
#include <cstdint>
#include <string>
#include <vector>

#include "src/cube/contribution.h"
#include "src/cube/distribution.h"
#include "src/cube/ranks.h"
#include "src/cube/values.h"
#include "src/engine/engine.h"
#include "src/engine/parts.h"
#include "src/engine/quarantine.h"

namespace tailcube {

// Bits of estimate_flag.
enum EstimateFlag : std::int8_t {
  var_is_bracket = 1,  // binned tail: value_at_risk and expected_shortfall are midpoints of certified brackets, which are
                       // part of the intervals
  var_interval_missing = 2,  // too few scenarios for an order-statistic interval: the end that does not exist is NaN
  es_interval_missing = 4,   // fewer than two ranks above VaR's: no error, NaN
  few_tail_scenarios = 8,    // fewer than 100 scenarios beyond this confidence
  es_tail_is_tied = 16,      // no scenario is worse than VaR: no error of ES, and its interval has no upper end
};

struct Cube {
  std::vector<std::string> quantities, cells, nodes, gauges;
  CubeValues<std::string> gauge_units;  // [gauge]
  std::vector<double> horizon_years;
  std::vector<Confidence> confidence;
  std::int64_t scenarios = 0;
  double unit = 0;
  std::string currency;

  // [quantity][cell][node][horizon]
  CubeValues<double> expected_loss, expected_loss_se, loss_std, worst_loss, probability_of_loss, probability_of_loss_se;
  // [quantity][cell][node][horizon][confidence]
  CubeValues<double> value_at_risk, value_at_risk_lower, value_at_risk_upper;
  CubeValues<double> expected_shortfall, expected_shortfall_se, expected_shortfall_lower, expected_shortfall_upper;
  CubeValues<std::int8_t> estimate_flag;
  // [gauge][cell][node][horizon]
  CubeValues<double> gauge_mean, gauge_se;
  CubeValues<double> gauge_today;           // [gauge][node]; empty where no ratios are asked for
  CubeValues<double> base_value;            // [node]
  CubeValues<double> base_published_value;  // [node]; empty where it is not asked for
  CubeValues<double> cell_distance, cell_conditional_pd, cell_effective_scenarios;  // [cell]
  CubeValues<std::int8_t> cell_propagates;
  CubeValues<std::int64_t> fault_count;  // [cell][node]
  CubeValues<double> fault_share;        // [cell][node]

  // /quarantine: positions that were left out, by instrument and id
  std::vector<std::string> quarantined;
  CubeValues<std::string> quarantined_instrument, quarantined_path, quarantined_reason, quarantined_cell;
  CubeValues<std::int64_t> quarantined_scenario;
  CubeValues<double> quarantined_share;  // of the total's value today

  // /concentration: [node], see src/engine/concentration.h; NaN and "none" where there is no exposure
  CubeValues<double> exposure, herfindahl_index, effective_names, largest_exposure, largest_share, largest_loss;
  CubeValues<std::int64_t> names;
  CubeValues<std::string> largest_name, largest_loss_name;

  // /tail: [cell][node][horizon][rank], economic loss
  int tail_ranks = 0;
  CubeValues<std::int64_t> tail_scenario;     // -1 where not valid
  CubeValues<double> tail_loss, tail_weight;  // NaN where not valid
  CubeValues<std::int8_t> tail_valid;
  // /distribution: bins of economic loss; the edges are known when every cell is in (finish)
  std::vector<double> bin_edge;        // bins + 1
  CubeValues<std::int64_t> bin_count;  // [cell][node][horizon][bin]
  CubeValues<double> bin_weight;

  // /contribution: [edge], and [cell][edge][horizon][confidence], of economic loss; NaN: not computed
  std::vector<std::string> edges;
  CubeValues<std::string> edge_parent, edge_child;
  CubeValues<double> contribution, contribution_se;
  std::size_t at_edge(int cell, std::size_t edge, int horizon, int confidence) const;
  // /contribution_by: [part], and [cell][part][horizon][confidence], the same of the parts that have a column's value
  std::vector<std::string> parts;
  CubeValues<std::string> part_parent, part_column, part_value;
  CubeValues<double> contribution_by, contribution_by_se;
  std::size_t at_part(int cell, std::size_t part, int horizon, int confidence) const;

  std::size_t at(int quantity, int cell, int node, int horizon) const;
  std::size_t at(int quantity, int cell, int node, int horizon, int confidence) const;
};

// Sizes everything and fills what needs no scenario.
Cube make_cube(const Job&, const CompiledBook&);
// fault_count as from Quarantine::count, fault_share and /quarantine.
void add_quarantine(Cube&, const Job&, const Quarantine&, const std::vector<std::int64_t>& fault_count);

void add_concentration(Cube&, const Job&);

// Collects cell groups in any order and makes a cube. Pure: needs no scenario. `job` outlives it.
class Estimator {
 public:
  Estimator(const Job& job, const CompiledBook&);
  // The tallies of all scenarios of these cells, merged over all ranks. Throws std::runtime_error, naming cell, node and
  // step, if scenarios are missing or an order statistic lies below what a tail kept.
  void add(CellRange, Tallies&&);
  Cube finish();                                                         // once, after all groups
  const Contributions& contributions() const { return contributions_; }  // what a second look has to be taken at
  void set_parts(const std::vector<Part>&);                              // all of them, before their contributions
  // Of some parents, as LookBook has the edges.
  void set_contributions(int cell, const ContributionEdges&, const ContributionSums&);

 private:
  void add_losses(Tally&, int quantity, int cell, int node, int horizon);
  void add_cell(const Tallies&, int cell, int local);
  const Job& job_;
  Cube cube_;
  std::vector<double> gauge_unit_;  // in what the tallies count each gauge
  bool any_obligors_;
  std::vector<RankInterval> ranks_;  // by confidence
  Distribution distribution_;
  Contributions contributions_;
  std::vector<std::size_t> first_part_;  // [parent]
};

}  // namespace tailcube
