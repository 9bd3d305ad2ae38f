#include "tests/unit/hpc/sample_cube.h"

#include <limits>

namespace tailcube::test {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// Distinct values that are exact in binary; every seventh one missing.
std::vector<double> numbers(std::size_t count, double from, bool with_missing = false) {
  std::vector<double> values(count);
  for (std::size_t i = 0; i < count; ++i)
    values[i] = with_missing && i % 7 == 3 ? nan : from + 0.25 * static_cast<double>(i);
  return values;
}

void fill_tail(Cube& cube, std::size_t slots) {
  cube.tail_ranks = 5;
  for (std::size_t slot = 0; slot < slots; ++slot) {
    for (std::size_t rank = 0; rank < 5; ++rank) {
      const bool listed = rank < 3 + slot % 3;
      cube.tail_scenario.push_back(listed ? static_cast<std::int64_t>(3'000'000'000 + 97 * slot + rank) : -1);
      cube.tail_loss.push_back(listed ? 1e6 - 1024.0 * static_cast<double>(rank) : nan);
      cube.tail_weight.push_back(listed ? 1 : nan);
      cube.tail_valid.push_back(listed ? 1 : 0);
    }
  }
}

}  // namespace

Job sample_job() {
  Job job;
  job.name = "Zürich, 株式 & crédit";
  job.currency = "CHF";
  job.text = "[run]\nname = \"Zürich, 株式 & crédit\"\n" + std::string(100'000, '#') + "\n";
  job.digest = std::string(64, 'd');
  job.seed = 9'007'199'254'740'993;  // not a double
  job.scenarios = 1'000'000;
  job.defaults_used = {"cube.tail = exact", "loans.csv: currency = CHF (3 000 rows)"};
  job.inputs = {{"loans.csv", std::string(64, 'a')}, {"tables/obligors.csv", std::string(64, 'b')}};
  return job;
}

Cube sample_cube() {
  Cube cube;
  cube.quantities = {"economic", "credit"};
  cube.cells = {"base", "rates +200bp", "btc=-50%,housing=Übel"};
  cube.nodes = {"total", "total/credit", "total/credit/pool_a", "total/crédit"};
  cube.gauges = {"defaults", "defaulted_exposure"};
  cube.gauge_units = {"1", "CHF"};
  cube.horizon_years = {1.0 / 12, 1};
  cube.confidence = {{95, 100}, {99, 100}, {999, 1000}};
  cube.scenarios = 1'000'000;
  cube.unit = 1.0 / 1024;
  cube.currency = "CHF";
  const std::size_t slots = 3 * 4 * 2, losses = 2 * slots, levels = losses * 3;
  cube.expected_loss = numbers(losses, 1);
  cube.expected_loss_se = numbers(losses, 2, true);
  cube.loss_std = numbers(losses, 3);
  cube.worst_loss = numbers(losses, 4);
  cube.probability_of_loss = numbers(losses, 0);
  cube.probability_of_loss_se = numbers(losses, 0, true);
  cube.value_at_risk = numbers(levels, 10);
  cube.value_at_risk_lower = numbers(levels, 9, true);
  cube.value_at_risk_upper = numbers(levels, 11, true);
  cube.expected_shortfall = numbers(levels, 20);
  cube.expected_shortfall_se = numbers(levels, 1, true);
  cube.expected_shortfall_lower = numbers(levels, 19, true);
  cube.expected_shortfall_upper = numbers(levels, 21, true);
  for (std::size_t i = 0; i < levels; ++i) cube.estimate_flag.push_back(static_cast<std::int8_t>(i % 16));
  cube.gauge_mean = numbers(2 * slots, 0.5);
  cube.gauge_se = numbers(2 * slots, 0.125, true);
  cube.base_value = numbers(4, 1e9);
  cube.base_published_value = numbers(4, 1.1e9);
  cube.gauge_today = numbers(2 * 4, 0.25);
  cube.cell_distance = {0, nan, 4.5};
  cube.cell_conditional_pd = {0.01, 0.02, 0.3};
  cube.cell_effective_scenarios = {1e6, 1e6, 1e6};
  cube.cell_propagates = {0, 0, 1};
  cube.fault_count = std::vector<std::int64_t>(12, 0);
  cube.fault_count[5] = 5'000'000'000;
  cube.fault_share = numbers(12, 0);
  cube.quarantined = {"L7", "V-1"};
  cube.quarantined_instrument = {"loan", "vault"};
  cube.quarantined_path = {"total/credit", "total"};
  cube.quarantined_reason = {"no spread", "no price"};
  cube.quarantined_cell = {cube.cells[0], cube.cells[2]};
  cube.quarantined_scenario = {0, 4'000'000'000};
  cube.quarantined_share = {0.25, nan};
  cube.edge_parent = {"total", "total", "total/credit"};
  cube.edge_child = {"total/credit", "total/crédit", "total/credit/pool_a"};
  for (std::size_t e = 0; e < 3; ++e) cube.edges.push_back(cube.edge_child[e] + " in " + cube.edge_parent[e]);
  cube.contribution = numbers(3 * 3 * 2 * 3, -5);
  cube.contribution_se = numbers(3 * 3 * 2 * 3, 1, true);
  cube.exposure = {1e6, 5e5, nan, 0.25};
  cube.names = {12, 4'000'000'000, 0, 1};
  cube.herfindahl_index = {0.1, 0.25, nan, 1};
  cube.effective_names = {10, 4, nan, 1};
  cube.largest_name = {"Zürich-1", "B", "none", "C"};
  cube.largest_exposure = {2e5, 1e5, nan, 0.25};
  cube.largest_share = {0.2, 0.2, nan, 1};
  cube.largest_loss_name = {"B", "B", "none", "C"};
  cube.largest_loss = {1e5, 1e5, nan, 0.125};
  cube.part_parent = {"total", "total", "total/credit"};
  cube.part_column = {"sector", "sector", "obligor"};
  cube.part_value = {"Büro & Handel", "(none)", "O-1"};
  for (std::size_t p = 0; p < 3; ++p)
    cube.parts.push_back(cube.part_column[p] + "=" + cube.part_value[p] + " in " + cube.part_parent[p]);
  cube.contribution_by = numbers(3 * 3 * 2 * 3, -7);
  cube.contribution_by_se = numbers(3 * 3 * 2 * 3, 2, true);
  fill_tail(cube, slots);
  cube.bin_edge = {-1024, 0, 0.5, 1024, 1048576};
  for (std::size_t i = 0; i < slots * 4; ++i) cube.bin_count.push_back(static_cast<std::int64_t>(i * i));
  cube.bin_weight = numbers(slots * 4, 0);
  return cube;
}

}  // namespace tailcube::test
