#include "src/report/table.h"

#include <cmath>
#include <limits>
#include <sstream>

#include "src/report/money.h"
#include "tests/catch_any.h"

namespace tailcube {
namespace {

// Two cells, a total with two books of which one has two pools, one horizon, two confidences; losses in the order of the
// nodes.
Cube small_cube() {
  Cube cube;
  cube.quantities = {"economic", "credit"};
  cube.cells = {"base", "severe"};
  cube.nodes = {"total", "total/credit", "total/credit/a", "total/credit/b", "total/property"};
  cube.horizon_years = {1};
  cube.confidence = {{95, 100}, {99, 100}};
  cube.scenarios = 20000;
  cube.currency = "USD";
  cube.base_value = {5e8, 3e8, 1e8, 2e8, 2e8};
  cube.cell_distance = {0, std::nan("")};
  cube.cell_conditional_pd = {0.02, 0.05};
  cube.cell_propagates = {0, 1};
  const std::size_t nodes = 2 * 2 * 5, tails = nodes * 2;
  cube.expected_loss.assign(nodes, 1e6);
  cube.expected_loss_se.assign(nodes, 1e4);
  for (auto* values : {&cube.value_at_risk, &cube.expected_shortfall}) values->assign(tails, 12345678);
  for (auto* values : {&cube.value_at_risk_lower, &cube.expected_shortfall_lower}) values->assign(tails, 12000000);
  for (auto* values : {&cube.value_at_risk_upper, &cube.expected_shortfall_upper}) values->assign(tails, 12500000);
  cube.estimate_flag.assign(tails, 0);
  cube.edge_parent = {"total", "total", "total", "total/credit"};
  cube.edge_child = {"total/credit", "total/credit/a", "total/property", "total/credit/a"};
  cube.edges = {"1", "2", "3", "4"};
  cube.contribution.assign(24, 1e6);  // enough for a third confidence
  cube.contribution_se.assign(24, 1e5);
  cube.fault_count.assign(10, 0);
  return cube;
}

std::string table(const Cube& cube) {
  std::ostringstream out;
  write_table(out, cube);
  return out.str();
}
bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_CASE("the table says what a reader needs") {
  Cube cube = small_cube();
  cube.expected_shortfall[cube.at(0, 0, 3, 0, 1)] = 99e6;  // pool b, base, 99 %
  cube.contribution[cube.at_edge(0, 2, 0, 1)] = 4e6;
  const std::string text = table(cube);
  INFO(text);
  CHECK(has(text, "after 1 year in USD thousand"));
  CHECK(has(text, "20,000 scenarios in each of 2 cells"));
  CHECK(has(text, "base  [does not propagate, mean PD 2 %]"));
  CHECK(has(text, "severe  [propagates, mean PD 5 %]"));
  CHECK(has(text, "500,000"));
  CHECK(has(text, "1,000 ±20"));
  CHECK(has(text, "12,346 ±346"));
  CHECK(
      has(text, "hurt most (ES 99 % of each alone): credit/b 99,000 ±87,000; credit/a 12,346 ±346; property 12,346 ±346\n"));
  CHECK(has(text, "add most to the total's ES 99 %: property 4,000 ±196; credit 1,000 ±196\n"));
  CHECK_FALSE(has(text, "total/"));
  CHECK_FALSE(has(text, "too few"));
}

TEST_CASE("no line is wider than a terminal of 120 columns") {
  Cube cube = small_cube();
  cube.confidence.push_back({999, 1000});
  cube.base_value.assign(5, 9.87e9);
  for (auto* values : {&cube.value_at_risk, &cube.value_at_risk_lower, &cube.value_at_risk_upper, &cube.expected_shortfall,
                       &cube.expected_shortfall_lower, &cube.expected_shortfall_upper})
    values->assign(60, 1.23e9);
  cube.estimate_flag.assign(60, 0);
  std::istringstream lines(table(cube));
  for (std::string line; std::getline(lines, line);) {
    INFO(line);
    CHECK(width(line) <= 120);
  }
}

TEST_CASE("what is missing or doubtful is said in words") {
  Cube cube = small_cube();
  const std::size_t at = cube.at(0, 1, 0, 0, 1);
  cube.value_at_risk_lower[at] = cube.value_at_risk_upper[at] = std::nan("");
  cube.estimate_flag[at] = var_interval_missing | few_tail_scenarios;
  cube.estimate_flag[cube.at(0, 0, 0, 0, 0)] = var_is_bracket;
  cube.quarantined = {"L7"};
  cube.quarantined_instrument = {"loan"};
  cube.quarantined_path = {"total/a"};
  cube.quarantined_reason = {"it has no price"};
  cube.fault_share.assign(10, 0.025);
  const std::string text = table(cube);
  INFO(text);
  CHECK(has(text, "12,346 ±?!"));
  CHECK(has(text, "too few scenarios in the tail for an interval"));
  CHECK(has(text, "fewer than 100 scenarios beyond this confidence"));
  CHECK(has(text, "12,346 ±346*"));
  CHECK(has(text, "certified bracket"));
  CHECK(has(text, "1 position, 2.5 % of the value today\n    loan L7 in total/a: it has no price"));
}

}  // namespace
}  // namespace tailcube
