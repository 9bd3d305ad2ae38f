#include "samples.h"
#include "tests/catch_any.h"

using namespace tailcube;

namespace {

constexpr std::uint64_t scenarios = 5000;

Job job(bool binned) {
  Job j;
  j.currency = "USD";
  j.scenarios = scenarios;
  j.step_years = 0.25;
  j.report_steps = {1, 4};
  j.confidence = {{95, 100}, {99, 100}};
  j.binned = binned;
  j.tail_scenarios = 10;
  j.nodes = {{"total", NodeIndex{none}}, {"total/a", NodeIndex{0}}, {"total/b", NodeIndex{0}}};
  j.cells = {{"base", {}, {}, false}, {"severe", {}, {}, true}, {"worse", {}, {}, false}};
  return j;
}

CompiledBook book(const Job& j) {
  CompiledBook b;
  b.cells.resize(j.cells.size());
  b.cells[1].distance = 2.5;
  b.cells[1].propagate = true;
  b.credit.obligors.resize(1);
  b.base_value = {30, 10, 20};
  b.unit = 0.5;
  b.gauges = static_cast<int>(gauge_names().size());
  b.gauge_unit.assign(static_cast<std::size_t>(b.gauges), 0.5);
  return b;
}

Units loss(int cell, int quantity, int node, int h, std::uint64_t s) {
  const std::uint64_t hash = (s + 1) * 0x9e3779b97f4a7c15 + static_cast<std::uint64_t>(node * 77 + h);
  return static_cast<Units>((hash >> 40) % 1'000'000) * (cell + 1) - 1000 * quantity;
}

// The cells of a range, scenarios [begin, end).
Tallies tallies(const Job& j, const CompiledBook& b, CellRange range, std::uint64_t begin, std::uint64_t end) {
  Tallies t(tally_shape(j, b, range), tally_settings(j));
  for (int c = range.begin; c < range.end; ++c) {
    for (int q = 0; q < 2; ++q)
      for (int node = 0; node < 3; ++node)
        for (int h = 0; h < 2; ++h) {
          std::vector<Units> x;
          for (std::uint64_t s = begin; s < end; ++s) x.push_back(loss(c, q, node, h, s));
          t.losses[t.shape.loss(0, c - range.begin, q, node, h)].fold(x, {}, begin);
        }
    const std::vector<std::int64_t> pd(end - begin, (std::int64_t{1} << 40) / 100 * (c + 1));
    t.conditional_pd[static_cast<std::size_t>(c - range.begin)].add(pd);
    for (int g = 0; g < b.gauges; ++g)
      t.gauges[t.shape.gauge(c - range.begin, g, 2, 1)].add(std::vector<std::int64_t>(end - begin, 10 * (c + 1)));
  }
  return t;
}

}  // namespace

TEST_CASE("every number stands in its place in the cube") {
  for (const bool binned : {false, true}) {
    const Job j = job(binned);
    const CompiledBook b = book(j);
    Estimator estimator(j, b);
    Tallies part = tallies(j, b, {1, 3}, 0, 2048);
    part.merge(tallies(j, b, {1, 3}, 2048, scenarios));
    estimator.add({1, 3}, std::move(part));
    estimator.add({0, 1}, tallies(j, b, {0, 1}, 0, scenarios));
    const Cube cube = estimator.finish();
    CHECK(cube.quantities == std::vector<std::string>{"economic", "credit"});
    CHECK(cube.nodes[2] == "total/b");
    CHECK(cube.horizon_years == std::vector<double>{0.25, 1});
    CHECK(cube.scenarios == 5000);
    CHECK(cube.unit == 0.5);
    CHECK(cube.base_value == std::vector<double>{30, 10, 20});
    CHECK(cube.cell_distance[1] == 2.5);
    CHECK(cube.cell_propagates == std::vector<std::int8_t>{0, 1, 0});
    CHECK(cube.cell_conditional_pd[2] == Approx(0.03).epsilon(1e-9));
    CHECK(cube.cell_effective_scenarios == std::vector<double>{5000, 5000, 5000});
    CHECK(cube.fault_count == std::vector<std::int64_t>(9, 0));
    CHECK(cube.fault_share == std::vector<double>(9, 0));
    for (int q = 0; q < 2; ++q)
      for (int c = 0; c < 3; ++c)
        for (int node = 0; node < 3; ++node)
          for (int h = 0; h < 2; ++h) {
            CAPTURE(binned, q, c, node, h);
            std::vector<Units> x;
            for (std::uint64_t s = 0; s < scenarios; ++s) x.push_back(loss(c, q, node, h, s));
            const std::size_t at = cube.at(q, c, node, h);
            double mean = 0;
            for (const Units v : x) mean += 0.5 * static_cast<double>(v) / scenarios;
            CHECK(cube.expected_loss[at] == Approx(mean).epsilon(1e-9));
            CHECK(cube.worst_loss[at] == 0.5 * static_cast<double>(*std::max_element(x.begin(), x.end())));
            for (int level = 0; level < 2; ++level) {
              const auto expected = test::sorted_estimate(x, j.confidence[static_cast<std::size_t>(level)]);
              const std::size_t deep = cube.at(q, c, node, h, level);
              CHECK(cube.value_at_risk[deep] == 0.5 * expected.value_at_risk);
              CHECK(cube.expected_shortfall[deep] == 0.5 * expected.expected_shortfall);
              CHECK(cube.value_at_risk_lower[deep] < cube.value_at_risk[deep]);
              CHECK(cube.value_at_risk_upper[deep] > cube.value_at_risk[deep]);
              CHECK(cube.estimate_flag[deep] == (level == 1 ? few_tail_scenarios : 0));
            }
          }
    const std::size_t first = cube.at(0, 2, 1, 1) * 10;
    for (std::size_t i = 0; i < 10; ++i) {
      CHECK(cube.tail_valid[first + i] == 1);
      CHECK(cube.tail_weight[first + i] == 1);
      CHECK(cube.tail_loss[first + i] ==
            0.5 * static_cast<double>(loss(2, 0, 1, 1, static_cast<std::uint64_t>(cube.tail_scenario[first + i]))));
      if (i > 0) CHECK(cube.tail_loss[first + i] <= cube.tail_loss[first + i - 1]);
    }
    const std::size_t bins = cube.bin_edge.size() - 1;
    std::int64_t counted = 0;
    for (std::size_t i = 0; i < bins; ++i) counted += cube.bin_count[cube.at(0, 1, 2, 0) * bins + i];
    CHECK(counted == 5000);
    for (int g = 0; g < b.gauges; ++g) {
      CHECK(cube.gauge_mean[cube.at(g, 1, 2, 1)] == 10);
      CHECK(cube.gauge_se[cube.at(g, 1, 2, 1)] == 0);
    }
  }
}

TEST_CASE("a cube of few scenarios marks the ranks it does not have") {
  Job j = job(false);
  j.scenarios = 4;
  const CompiledBook b = book(j);
  Estimator estimator(j, b);
  estimator.add({0, 3}, tallies(j, b, {0, 3}, 0, 4));
  const Cube cube = estimator.finish();
  CHECK(cube.tail_valid[3] == 1);
  CHECK(cube.tail_valid[4] == 0);
  CHECK(cube.tail_scenario[4] == -1);
  CHECK(std::isnan(cube.tail_loss[4]));
  CHECK(std::isnan(cube.value_at_risk_upper[0]));
  CHECK(cube.estimate_flag[0] == (var_interval_missing | es_interval_missing | few_tail_scenarios));
}

TEST_CASE("without obligors there is no mean conditional probability of default") {
  const Job j = job(false);
  CompiledBook b = book(j);
  b.credit.obligors.clear();
  Estimator estimator(j, b);
  estimator.add({0, 3}, tallies(j, b, {0, 3}, 0, scenarios));
  CHECK(std::isnan(estimator.finish().cell_conditional_pd[0]));
}

TEST_CASE("missing scenarios and short tails are named") {
  const Job j = job(false);
  const CompiledBook b = book(j);
  Estimator estimator(j, b);
  CHECK_THROWS_WITH(estimator.add({1, 2}, tallies(j, b, {1, 2}, 0, 4096)),
                    "cell \"severe\", node total, step 1: 4096 of 5000 scenarios were evaluated");
  Tallies short_tails(tally_shape(j, b, {0, 1}), {false, {999, 1000, 20, true}});
  for (Tally& tally : short_tails.losses) {
    std::vector<Units> x;
    for (std::uint64_t s = 0; s < scenarios; ++s) x.push_back(loss(0, 0, 0, 0, s));
    for (std::size_t s = 0; s < scenarios; s += 500) tally.fold(std::span(x).subspan(s, 500), {}, s);
  }
  CHECK_THROWS_WITH(
      estimator.add({0, 1}, std::move(short_tails)),
      Catch::Matchers::StartsWith("cell \"base\", node total, step 1: the loss of rank 4750 of 5000 lies below"));
}
