#include "hpc/cube_file_layout.h"

#include <algorithm>
#include <map>
#include <string>

namespace tailcube::layout {

using enum AxisName;

const Axis& axis(AxisName name) {
  static const std::map<AxisName, Axis> axes = {
      {quantity, {"quantity", &Cube::quantities, Unit::none, "kind of loss"}},
      {cell, {"cell", &Cube::cells, Unit::none, "stress cell"}},
      {node, {"node", &Cube::nodes, Unit::none, "portfolio node, path from the total"}},
      {horizon, {"horizon", &Cube::horizon_years, Unit::year, "time from today"}},
      {confidence, {"confidence", Levels{}, Unit::one, "confidence level"}},
      {gauge, {"gauge", &Cube::gauges, Unit::none, "additive quantity other than a loss"}},
      {rank, {"rank", Index{1}, Unit::one, "place among the worst scenarios, 1 = worst"}},
      {bin, {"bin", Index{0}, Unit::one, "number of the bin, between bin_edge and the next bin_edge"}},
      {bin_edge, {"bin_edge", &Cube::bin_edge, Unit::money, "edges of the loss bins, ascending"}},
      {edge, {"edge", &Cube::edges, Unit::none, "child and the node to whose expected shortfall it contributes"}},
      {part,
       {"part", &Cube::parts, Unit::none, "value of a column and the node to whose expected shortfall it contributes"}},
      {position, {"position", &Cube::quarantined, Unit::none, "position that was left out"}},
  };
  return axes.at(name);
}

std::size_t extent(const Cube& cube, AxisName name) {
  if (name == confidence) return cube.confidence.size();
  if (name == rank) return static_cast<std::size_t>(cube.tail_ranks);
  if (name == bin) return cube.bin_edge.empty() ? 0 : cube.bin_edge.size() - 1;
  const auto& values = axis(name).values;
  if (const Places* places = std::get_if<Places>(&values)) return (cube.**places).size();
  return (cube.*std::get<Names>(values)).size();
}

bool empty(const Cube& cube, const Field& field) {
  return std::any_of(field.axes.begin(), field.axes.end(), [&](AxisName a) { return extent(cube, a) == 0; }) ||
         std::visit([&](auto member) { return (cube.*member).empty(); }, field.values);
}

const std::vector<Group>& groups() {
  static const std::vector<AxisName> loss = {quantity, cell, node, horizon};
  static const std::vector<AxisName> level = {quantity, cell, node, horizon, confidence};
  static const std::vector<AxisName> gauges = {gauge, cell, node, horizon};
  static const std::vector<AxisName> ranks = {cell, node, horizon, rank};
  static const std::vector<AxisName> shares = {cell, edge, horizon, confidence};
  static const std::vector<AxisName> by = {cell, part, horizon, confidence};
  static const std::vector<AxisName> bins = {cell, node, horizon, bin};
  static const std::vector<Group> all = {
      {"cube",
       {quantity, cell, node, horizon, confidence, gauge},
       {
           {"expected_loss", loss, &Cube::expected_loss, Unit::money, "expected loss"},
           {"expected_loss_se", loss, &Cube::expected_loss_se, Unit::money, "standard error of the expected loss"},
           {"loss_std", loss, &Cube::loss_std, Unit::money, "standard deviation of the loss"},
           {"worst_loss", loss, &Cube::worst_loss, Unit::money, "largest simulated loss"},
           {"probability_of_loss", loss, &Cube::probability_of_loss, Unit::one, "probability of a loss above zero"},
           {"probability_of_loss_se", loss, &Cube::probability_of_loss_se, Unit::one,
            "standard error of the probability of a loss"},
           {"value_at_risk", level, &Cube::value_at_risk, Unit::money, "value at risk"},
           {"value_at_risk_lower", level, &Cube::value_at_risk_lower, Unit::money,
            "value at risk, lower end of the 95 % interval"},
           {"value_at_risk_upper", level, &Cube::value_at_risk_upper, Unit::money,
            "value at risk, upper end of the 95 % interval"},
           {"expected_shortfall", level, &Cube::expected_shortfall, Unit::money, "expected shortfall"},
           {"expected_shortfall_se", level, &Cube::expected_shortfall_se, Unit::money,
            "standard error of the expected shortfall"},
           {"expected_shortfall_lower", level, &Cube::expected_shortfall_lower, Unit::money,
            "expected shortfall, lower end of the 95 % interval"},
           {"expected_shortfall_upper", level, &Cube::expected_shortfall_upper, Unit::money,
            "expected shortfall, upper end of the 95 % interval"},
           {"estimate_flag", level, &Cube::estimate_flag, Unit::none,
            "what limits value at risk and expected shortfall here"},
           {"gauge_mean", gauges, &Cube::gauge_mean, Unit::none, "mean of the gauge, in its gauge_unit"},
           {"gauge_se", gauges, &Cube::gauge_se, Unit::none, "standard error of gauge_mean, in its gauge_unit"},
           {"gauge_today", {gauge, node}, &Cube::gauge_today, Unit::none, "the gauge today, in its gauge_unit"},
           {"gauge_unit", {gauge}, &Cube::gauge_units, Unit::none, "unit of the gauge"},
           {"base_value", {node}, &Cube::base_value, Unit::money, "value today"},
           {"base_published_value",
            {node},
            &Cube::base_published_value,
            Unit::money,
            "value today by the contracts' own accounting"},
           {"cell_distance",
            {cell},
            &Cube::cell_distance,
            Unit::one,
            "distance of what the cell pins, in standard deviations"},
           {"cell_conditional_pd",
            {cell},
            &Cube::cell_conditional_pd,
            Unit::one,
            "mean probability of default by the last step, given the drivers"},
           {"cell_effective_scenarios", {cell}, &Cube::cell_effective_scenarios, Unit::one, "effective number of scenarios"},
           {"cell_propagates", {cell}, &Cube::cell_propagates, Unit::none, "whether the shocks move the other factors"},
           {"fault_count", {cell, node}, &Cube::fault_count, Unit::one, "pairs of position and scenario without a value"},
           {"fault_share", {cell, node}, &Cube::fault_share, Unit::one, "share of the value today that was left out"},
       }},
      {"tail",
       {cell, node, horizon, rank},
       {
           {"scenario", ranks, &Cube::tail_scenario, Unit::one, "number of the scenario, -1 where not valid"},
           {"loss", ranks, &Cube::tail_loss, Unit::money, "economic loss of the scenario"},
           {"weight", ranks, &Cube::tail_weight, Unit::one, "importance weight of the scenario"},
           {"valid", ranks, &Cube::tail_valid, Unit::none, "whether a scenario is listed here"},
       }},
      {"distribution",
       {cell, node, horizon, bin, bin_edge},
       {
           {"count", bins, &Cube::bin_count, Unit::one, "scenarios with an economic loss in the bin"},
           {"weight", bins, &Cube::bin_weight, Unit::one, "sum of importance weights of the scenarios in the bin"},
       }},
      {"contribution",
       {cell, edge, horizon, confidence},
       {
           {"expected_shortfall", shares, &Cube::contribution, Unit::money,
            "Euler contribution of edge_child to the expected shortfall of edge_parent"},
           {"expected_shortfall_se", shares, &Cube::contribution_se, Unit::money, "standard error of the contribution"},
           {"edge_parent", {edge}, &Cube::edge_parent, Unit::none, "node whose expected shortfall is split up"},
           {"edge_child", {edge}, &Cube::edge_child, Unit::none, "node that contributes"},
       }},
      {"contribution_by",
       {cell, part, horizon, confidence},
       {
           {"expected_shortfall", by, &Cube::contribution_by, Unit::money,
            "Euler contribution of the positions with part_value in part_column to the expected shortfall of part_parent"},
           {"expected_shortfall_se", by, &Cube::contribution_by_se, Unit::money, "standard error of the contribution"},
           {"part_parent", {part}, &Cube::part_parent, Unit::none, "node whose expected shortfall is split up"},
           {"part_column", {part}, &Cube::part_column, Unit::none, "what it is split up by"},
           {"part_value", {part}, &Cube::part_value, Unit::none, "value that the positions have in common"},
       }},
      {"concentration",
       {node},
       {
           {"exposure",
            {node},
            &Cube::exposure,
            Unit::money,
            "value today of the positions with an obligor, net by obligor"},
           {"names", {node}, &Cube::names, Unit::one, "obligors with an exposure"},
           {"herfindahl_index", {node}, &Cube::herfindahl_index, Unit::one, "sum of the squared shares of the exposure"},
           {"effective_names", {node}, &Cube::effective_names, Unit::one, "inverse of herfindahl_index"},
           {"largest_name", {node}, &Cube::largest_name, Unit::none, "obligor with the largest exposure"},
           {"largest_exposure", {node}, &Cube::largest_exposure, Unit::money, "exposure to largest_name"},
           {"largest_share", {node}, &Cube::largest_share, Unit::one, "share of largest_name in the exposure"},
           {"largest_loss_name", {node}, &Cube::largest_loss_name, Unit::none, "obligor whose default alone costs most"},
           {"largest_loss",
            {node},
            &Cube::largest_loss,
            Unit::money,
            "credit loss of the default of largest_loss_name alone"},
       }},
      {"quarantine",
       {position},
       {
           {"instrument", {position}, &Cube::quarantined_instrument, Unit::none, "type of the position"},
           {"path", {position}, &Cube::quarantined_path, Unit::none, "node it belongs to"},
           {"reason", {position}, &Cube::quarantined_reason, Unit::none, "why it was left out"},
           {"first_cell", {position}, &Cube::quarantined_cell, Unit::none, "cell of first_scenario"},
           {"first_scenario",
            {position},
            &Cube::quarantined_scenario,
            Unit::one,
            "first scenario looked at in which it has no value"},
           {"share", {position}, &Cube::quarantined_share, Unit::one, "share of the value today of all positions"},
       }},
  };
  return all;
}

const FlagMeanings* flag_meanings(const std::string& field) {
  static const std::map<std::string, FlagMeanings> flags = {
      {"estimate_flag",
       {true,
        {var_is_bracket, var_interval_missing, es_interval_missing, few_tail_scenarios, es_tail_is_tied},
        "var_is_bracket var_interval_missing es_interval_missing few_tail_scenarios es_tail_is_tied"}},
      {"cell_propagates", {false, {0, 1}, "shocked_factors_only other_factors_follow"}},
      {"valid", {false, {0, 1}, "absent listed"}},
  };
  const auto found = flags.find(field);
  return found == flags.end() ? nullptr : &found->second;
}

}  // namespace tailcube::layout
