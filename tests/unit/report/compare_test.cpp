#include "src/report/compare.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "kernels/math/functions.h"
#include "src/input/job_changes.h"
#include "src/report/paired_error.h"
#include "tests/catch_any.h"

namespace tailcube {
namespace {

constexpr int scenarios = 2000, ranks = 200;  // the tail of 95 % has 100
constexpr double level = 0.95;

// A cube of one place from its losses by scenario, estimated in the plainest way.
Cube cube_of(const std::vector<double>& losses, int listed = ranks) {
  Cube cube;
  cube.quantities = {"economic"};
  cube.cells = {"base"};
  cube.nodes = {"total"};
  cube.horizon_years = {1};
  cube.confidence = {{95, 100}};
  cube.scenarios = static_cast<std::int64_t>(losses.size());
  cube.currency = "USD";
  cube.base_value = {1e6};
  std::vector<std::size_t> order(losses.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](std::size_t x, std::size_t y) { return losses[x] > losses[y]; });
  const auto n = static_cast<double>(losses.size());
  const auto beyond = static_cast<std::size_t>(std::lround((1 - level) * n));
  const double var = losses[order[beyond]];
  double mean = 0, squares = 0, es = 0, influence = 0;
  for (const double loss : losses) mean += loss / n;
  for (const double loss : losses) squares += (loss - mean) * (loss - mean) / n;
  for (std::size_t i = 0; i < beyond; ++i) es += losses[order[i]] / static_cast<double>(beyond);
  for (const double loss : losses) {
    const double term = std::max(loss - var, 0.0) / (1 - level) + var - es;
    influence += term * term / n;
  }
  cube.expected_loss = {mean};
  cube.expected_loss_se = {std::sqrt(squares / n)};
  cube.value_at_risk = {var};
  const double var_se = 2 * std::sqrt(squares / n);
  cube.value_at_risk_lower = {var - normal_95 * var_se};
  cube.value_at_risk_upper = {var + normal_95 * var_se};
  cube.expected_shortfall = {es};
  cube.expected_shortfall_se = {std::sqrt(influence / n)};
  cube.expected_shortfall_lower = {es - normal_95 * std::sqrt(influence / n)};
  cube.expected_shortfall_upper = {es + normal_95 * std::sqrt(influence / n)};
  cube.estimate_flag = {0};
  cube.tail_ranks = listed;
  for (int rank = 0; rank < listed; ++rank) {
    cube.tail_scenario.push_back(static_cast<std::int64_t>(order[static_cast<std::size_t>(rank)]));
    cube.tail_loss.push_back(losses[order[static_cast<std::size_t>(rank)]]);
    cube.tail_weight.push_back(1);
    cube.tail_valid.push_back(1);
  }
  return cube;
}

std::vector<double> normals(unsigned seed) {
  std::mt19937_64 engine(seed);
  std::normal_distribution<double> normal(0, 100);
  std::vector<double> losses(scenarios);
  for (double& loss : losses) loss = normal(engine);
  return losses;
}

CompareRequest es_of(bool same_scenarios) {
  CompareRequest request;
  request.what = {"es"};
  request.same_scenarios = same_scenarios;
  return request;
}

TEST_CASE("a difference of the same scenarios has the error of the paired differences") {
  const std::vector<double> before = normals(1), noise = normals(2);
  std::vector<double> after = before;
  for (std::size_t i = 0; i < after.size(); ++i) after[i] += 2 + 0.1 * noise[i];
  const Cube a = cube_of(before), b = cube_of(after);
  // Independent of tail_correlation: the standard deviation of the difference of the two influence functions, by scenario.
  double sum = 0, squares = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    const double term =
        (std::max(after[i] - b.value_at_risk[0], 0.0) - std::max(before[i] - a.value_at_risk[0], 0.0)) / (1 - level);
    sum += term / scenarios;
    squares += term * term / scenarios;
  }
  const double paired = std::sqrt((squares - sum * sum) / scenarios);
  CompareRequest request = es_of(true);
  request.sigma = 0;
  const Comparison found = compare(a, b, request);
  REQUIRE(found.beyond.size() == 1);
  CHECK(found.beyond[0].errors == Errors::paired);
  CHECK(found.beyond[0].se == Approx(paired).epsilon(0.02));
  CHECK(found.beyond[0].se < 0.3 * std::hypot(a.expected_shortfall_se[0], b.expected_shortfall_se[0]));
}

TEST_CASE("what is paired is seen, what is independent passes as noise") {
  const std::vector<double> before = normals(1);
  std::vector<double> after = before;
  for (double& loss : after) loss += 3;
  CHECK(compare(cube_of(before), cube_of(after), es_of(true)).beyond.size() == 1);
  CHECK(compare(cube_of(before), cube_of(after), es_of(false)).beyond.empty());
  CHECK(compare(cube_of(before), cube_of(normals(3)), es_of(false)).beyond.empty());
  CHECK(compare(cube_of(before), cube_of(after), es_of(false)).independent == 1);
  // A tail that ends above VaR says nothing about those between.
  const Comparison short_tail = compare(cube_of(before, 50), cube_of(after, 50), es_of(true));
  CHECK(short_tail.paired == 0);
  CHECK(short_tail.independent == 1);
}

TEST_CASE("scenarios that have nothing in common are not correlated") {
  const Cube a = cube_of(normals(1)), b = cube_of(normals(2));
  const double var = a.expected_shortfall_se[0];  // any errors will do
  CHECK(paired_var_error(a, {}, var, b, {}, 2 * var)->se == Approx(std::hypot(var, 2 * var)).epsilon(0.1));
  CHECK(paired_shortfall_error(a, {}, b, {})->se ==
        Approx(std::hypot(a.expected_shortfall_se[0], b.expected_shortfall_se[0])).epsilon(0.1));
  CHECK(paired_shortfall_error(a, {}, a, {})->se == 0);
}

TEST_CASE("VaR is no surer than the scenario that it is read off") {
  const std::vector<double> before = normals(1);
  std::vector<double> after = before;
  for (double& loss : after) loss += 0.01;
  const Cube a = cube_of(before), b = cube_of(after);
  const double own = (a.value_at_risk_upper[0] - a.value_at_risk_lower[0]) / (2 * normal_95);
  const PairedError error = paired_var_error(a, {}, own, b, {}, own).value();
  // One scenario of 2000 that crosses VaR: sqrt(1/(n p (1-p))) of VaR's own error.
  CHECK(error.se == Approx(own / std::sqrt(scenarios * level * (1 - level))));
  CHECK(error.sign == 0);
  CompareRequest request;
  request.what = {"var"};
  request.same_scenarios = true;
  CHECK(compare(a, b, request).within == 1);
  request.sigma = 0;
  CHECK(compare(a, b, request).beyond.size() == 1);
  // 3 is more than six of these errors, but only some six scenarios lie between.
  for (double& loss : after) loss += 2.99;
  request.sigma = 3;
  CHECK(compare(a, cube_of(after), request).within == 1);
  request.sigma = 1.5;
  CHECK(compare(a, cube_of(after), request).beyond.size() == 1);
  // The list ends with VaR itself: others may lose as much.
  CHECK_FALSE(paired_var_error(cube_of(before, 101), {}, own, b, {}, own));
  CHECK(paired_var_error(cube_of(before, 102), {}, own, b, {}, own));
  CHECK(paired_shortfall_error(cube_of(before, 101), {}, b, {}));
}

TEST_CASE("scenarios that lose VaR in both are no evidence that it rose") {
  std::vector<double> before(scenarios, 0), after;
  for (int i = 0; i < 98; ++i) before[static_cast<std::size_t>(i)] = 2;
  for (int i = 98; i < 150; ++i) before[static_cast<std::size_t>(i)] = 1;  // VaR
  after = before;
  for (int i = 98; i < 108; ++i) after[static_cast<std::size_t>(i)] = 1.5;  // now VaR
  const auto sign = [&] { return paired_var_error(cube_of(before), {}, 0.1, cube_of(after), {}, 0.1)->sign; };
  CHECK(sign() == 0);  // ten rose above 1, but 42 that lost 1 still do
  for (int i = 108; i < 150; ++i) before[static_cast<std::size_t>(i)] = after[static_cast<std::size_t>(i)] = 0;
  for (int i = 98; i < 108; ++i) before[static_cast<std::size_t>(i)] = 1;
  CHECK(sign() == 0);  // at 1.5 nothing rose above
  for (int i = 200; i < 310; ++i) after[static_cast<std::size_t>(i)] = 3 + 0.01 * i;
  // At 1: of the 108 that lost as much before, the second list has 90 left; those it does not list count against.
  CHECK(sign() == Approx(sign_test(110, 18)));
}

TEST_CASE("a sign test is exact for few signs") {
  CHECK(sign_test(1, 0) == 0);
  CHECK(sign_test(3, 3) == 0);
  CHECK(sign_test(2, 7) == 0);
  CHECK(normal_cdf(-sign_test(5, 0)) == Approx(1.0 / 32));
  CHECK(normal_cdf(-sign_test(8, 2)) == Approx(56.0 / 1024));
  CHECK(sign_test(540, 460) == Approx(79 / std::sqrt(1000.0)).epsilon(0.002));
  CHECK(sign_test(5400, 5200) == Approx(199 / std::sqrt(10600.0)));
  CHECK(sign_test(1000, 0) > 30);
}

TEST_CASE("tolerances decide what counts") {
  const std::vector<double> before = normals(1);
  std::vector<double> after = before;
  for (double& loss : after) loss += 3;
  const Cube a = cube_of(before), b = cube_of(after);
  CompareRequest request = es_of(true);
  CHECK(compare(a, a, request).equal == 1);
  request.absolute = 3.001;
  CHECK(compare(a, b, request).beyond.empty());
  request.absolute = 2.999;
  CHECK(compare(a, b, request).beyond.size() == 1);
  request.absolute = 0;
  request.relative = 3.001 / a.expected_shortfall[0];
  CHECK(compare(a, b, request).beyond.empty());
}

TEST_CASE("what cannot be judged by noise is judged by tolerances, and two empty values are equal") {
  Cube a = cube_of(normals(1)), b = cube_of(normals(2));
  b.expected_shortfall_upper[0] = b.expected_shortfall_se[0] = std::nan("");
  CHECK(compare(a, b, es_of(false)).beyond.size() == 1);
  CHECK(compare(a, b, es_of(false)).without_error == 1);
  b.expected_shortfall[0] = std::nan("");
  CHECK(compare(a, b, es_of(false)).beyond.size() == 1);
  a.expected_shortfall[0] = std::nan("");
  CHECK(compare(a, b, es_of(false)).equal == 1);
}

TEST_CASE("cubes are compared where they have the same names, in whatever place") {
  const Cube a = cube_of(normals(1));
  Cube b = a;
  b.cells = {"severe", "base"};
  b.nodes = {"total", "total/x"};
  const auto spread = [](std::vector<double>& values, double other) { values = {other, other, values[0], other}; };
  for (auto* values :
       {&b.expected_loss, &b.expected_loss_se, &b.value_at_risk, &b.value_at_risk_lower, &b.value_at_risk_upper,
        &b.expected_shortfall, &b.expected_shortfall_se, &b.expected_shortfall_lower, &b.expected_shortfall_upper})
    spread(*values, 77);
  b.base_value = {1e6, 5};
  b.estimate_flag.assign(4, 0);
  b.tail_ranks = 0;
  const Comparison found = compare(a, b, {});
  CHECK(found.compared == 4);  // value today, mean, VaR, ES
  CHECK(found.equal == 4);
  REQUIRE(found.axes.size() == 2);
  CHECK(found.axes[0].only_b == std::vector<std::string>{"severe"});
  CHECK(found.axes[1].only_b == std::vector<std::string>{"total/x"});
  b.currency = "EUR";
  CHECK_THROWS_AS(compare(a, b, {}), Incomparable);
}

TEST_CASE("contributions are compared by their edges") {
  const auto with = [](const std::vector<std::string>& children, std::vector<double> values) {
    Cube cube = cube_of(normals(1));
    cube.nodes = {"total", "total/x", "total/y"};
    for (auto* figures : {&cube.expected_loss, &cube.value_at_risk, &cube.base_value}) figures->resize(3);
    for (const std::string& child : children) {
      cube.edge_parent.emplace_back("total");
      cube.edge_child.push_back(child);
      cube.edges.push_back(child + " in total");
    }
    cube.contribution = std::move(values);
    cube.contribution_se.assign(children.size(), 3);
    return cube;
  };
  const Cube a = with({"total/x", "total/y"}, {10, 20}), b = with({"total/y", "total/z"}, {40, 5});
  CompareRequest request;
  request.what = {"contributions"};
  request.sigma = 4.7;
  request.same_scenarios = true;
  const Comparison found = compare(a, b, request);
  CHECK(found.compared == 1);
  CHECK(found.independent == 1);
  REQUIRE(found.beyond.size() == 1);  // 20 apart, an error of sqrt(18)
  CHECK(found.beyond[0].se == Approx(std::sqrt(18.0)));
  CHECK(a.edges[static_cast<std::size_t>(found.beyond[0].a.edge)] == "total/y in total");
  CHECK(a.nodes[static_cast<std::size_t>(found.beyond[0].a.node)] == "total/y");
  REQUIRE(found.axes.size() == 1);
  CHECK(found.axes[0].only_a == std::vector<std::string>{"total/x in total"});
  CHECK(found.axes[0].only_b == std::vector<std::string>{"total/z in total"});
  request.sigma = 4.8;
  CHECK(compare(a, b, request).beyond.empty());
  request.filters.nodes = {"x"};  // which nothing contributes to
  CHECK(compare(a, b, request).compared == 0);
  const auto by_sector = [&](double retail) {
    Cube cube = a;
    cube.parts = {"sector=retail in total"};
    cube.part_parent = {"total"}, cube.part_column = {"sector"}, cube.part_value = {"retail"};
    cube.contribution_by = {retail}, cube.contribution_by_se = {4};
    return cube;
  };
  request.filters.nodes.clear();
  request.sigma = 1.7;
  const Comparison parts = compare(by_sector(10), by_sector(20), request);
  CHECK(parts.compared == 3);
  REQUIRE(parts.beyond.size() == 1);  // 10 apart, an error of sqrt(32)
  CHECK(parts.beyond[0].a.part == 0);
  CHECK(parts.beyond[0].se == Approx(std::sqrt(32.0)));
}

TEST_CASE("settings are compared by key, stresses by name") {
  const auto changes = job_changes(
      "[run]\nseed = 1\nname = \"a\"\n[[stress]]\nname = \"x\"\n[[stress]]\nname = \"y\"\nshocks = [ { factor = \"F\", add "
      "= 1 } ]\n",
      "[run]\nname = 'a'\n\nseed = 2\n[[stress]]\nname = \"y\"\nshocks = [ { factor = \"F\", add = 2 } ]\n");
  REQUIRE(changes.size() == 3);
  CHECK(changes[0].key == "run.seed");
  CHECK(changes[0].before == "1");
  CHECK(changes[0].after == "2");
  CHECK(changes[0].line_before == 2);
  CHECK(changes[0].line_after == 4);
  CHECK(changes[1].key == "stress[x].name");
  CHECK(changes[1].after.empty());
  CHECK(changes[2].key == "stress[y].shocks[0].add");
}

TEST_CASE("the files of a job, lists among them") {
  using Files = std::vector<std::pair<std::string, std::string>>;
  CHECK(job_files("[files]\nfactors = \"f.csv\"\n[files.positions]\nloan = [\"a.csv\", \"b.csv\"]\nvault = \"v.csv\"\n") ==
        Files{{"factors", "f.csv"},
              {"positions.loan[0]", "a.csv"},
              {"positions.loan[1]", "b.csv"},
              {"positions.vault", "v.csv"}});
}

TEST_CASE("tables are compared by id and column, whatever their order") {
  const TableChange change =
      table_changes("id,book,ead,note\na,n,1,\nb,n,2,\nc,s,3,\n", "ead,id,book\n1,a,n\n9,b,n\n4,d,s\n", {"book"});
  REQUIRE(change.by_id);
  REQUIRE(change.rows.size() == 3);
  CHECK(change.rows[0].id == "b");
  CHECK(change.rows[0].columns == std::vector<std::string>{"ead"});
  CHECK(change.rows[0].node == "total/n");
  CHECK((change.rows[1].id == "c" && change.rows[1].kind == RowChange::Kind::removed));
  CHECK((change.rows[2].node == "total/s" && change.rows[2].kind == RowChange::Kind::added));
  CHECK(table_changes("t,EUR\n1,0.02\n2,0.03\n", "t,EUR\n1,0.02\n2,0.04\n", {}).lines == 2);
}

}  // namespace
}  // namespace tailcube
