// How often `compare` says that VaR or ES changed where only noise did, and that it sees a change.
#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <random>

#include "src/cube/ranks.h"
#include "src/report/compare.h"
#include "tests/catch_any.h"

namespace tailcube {
namespace {

constexpr int scenarios = 2000, listed = 200, repetitions = 1000;
constexpr Confidence level{95, 100};

// A cube of one place, as a run would estimate it.
Cube cube_of(const std::vector<double>& losses) {
  Cube cube;
  cube.quantities = {"economic"};
  cube.cells = {"base"};
  cube.nodes = {"total"};
  cube.horizon_years = {1};
  cube.confidence = {level};
  cube.scenarios = scenarios;
  cube.currency = "USD";
  cube.base_value = {0};
  cube.estimate_flag = {0};
  std::vector<std::int64_t> order(scenarios);
  std::iota(order.begin(), order.end(), std::int64_t{0});
  const auto loss = [&](std::int64_t i) { return losses[static_cast<std::size_t>(i)]; };
  std::partial_sort(order.begin(), order.begin() + listed, order.end(),
                    [&](auto x, auto y) { return loss(x) != loss(y) ? loss(x) > loss(y) : x < y; });
  const auto ranked = [&](std::int64_t from_smallest) {
    return loss(order[static_cast<std::size_t>(scenarios - from_smallest)]);
  };
  const std::int64_t rank = quantile_rank(scenarios, level);
  const RankInterval ranks = order_statistic_ranks(scenarios, level);
  const double var = ranked(rank), tail = 1 - level.value();
  cube.value_at_risk = {var};
  cube.value_at_risk_lower = {ranked(ranks.lower)};
  cube.value_at_risk_upper = {ranked(ranks.upper)};
  double excess = 0, squares = 0;
  for (const double x : losses) excess += std::max(x - var, 0.0), squares += std::pow(std::max(x - var, 0.0), 2);
  cube.expected_shortfall = {var + excess / (scenarios * tail)};
  cube.expected_shortfall_se = {std::sqrt(squares - excess * excess / scenarios) / (scenarios * tail)};
  for (auto* end : {&cube.expected_shortfall_lower, &cube.expected_shortfall_upper}) *end = cube.expected_shortfall;
  cube.tail_ranks = listed;
  for (int i = 0; i < listed; ++i) {
    cube.tail_scenario.push_back(order[static_cast<std::size_t>(i)]);
    cube.tail_loss.push_back(loss(order[static_cast<std::size_t>(i)]));
  }
  cube.tail_weight.assign(listed, 1);
  cube.tail_valid.assign(listed, 1);
  return cube;
}

using Engine = std::mt19937_64;
double normal(Engine& engine) { return std::normal_distribution<double>()(engine); }

// What is common to both cubes' losses of a scenario, and what each adds to it, alike in law.
struct Law {
  const char* name;
  std::function<double(Engine&)> common, own;
  double unit = 0;  // losses are multiples of it; 0: of nothing
};

// Multiples of its error by which each figure of the second cube, whose losses are `shift` more, differs; one for each
// repetition, 0 where it does not.
std::map<std::string, std::vector<double>> multiples(const Law& law, double shift, unsigned seed) {
  Engine engine(seed);
  CompareRequest request;
  request.what = {"var", "es"};
  request.same_scenarios = true;
  request.sigma = 0;  // all that differ
  std::map<std::string, std::vector<double>> found;
  for (int r = 0; r < repetitions; ++r) {
    std::vector<double> a(scenarios), b(scenarios);
    for (int s = 0; s < scenarios; ++s) {
      const auto i = static_cast<std::size_t>(s);
      const double x = law.common(engine);
      a[i] = x + law.own(engine), b[i] = x + law.own(engine) + shift;
      if (law.unit > 0) a[i] = law.unit * std::round(a[i] / law.unit), b[i] = law.unit * std::round(b[i] / law.unit);
    }
    for (const char* figure : {"var", "es"}) found[figure].push_back(0);
    for (const Difference& d : compare(cube_of(a), cube_of(b), request).beyond) found[d.figure->name].back() = d.multiple();
  }
  return found;
}
double share_beyond(double sigma, const std::vector<double>& found) {
  return static_cast<double>(std::count_if(found.begin(), found.end(), [=](double x) { return x > sigma; })) / repetitions;
}

std::function<double(Engine&)> noise(double deviation) {
  return [deviation](Engine& e) { return deviation * normal(e); };
}
std::function<double(Engine&)> jumps(double probability, double size) {
  return [=](Engine& e) { return std::uniform_real_distribution<double>()(e) < probability ? size * normal(e) : 0.0; };
}

// A normal loss of deviation 1: neighbours at VaR are 0.005 apart.
const std::vector<Law>& laws() {
  static const std::vector<Law> all{
      {"far less than what parts neighbours", normal, noise(1e-5)},
      {"less", normal, noise(1e-3)},
      {"as much", normal, noise(0.005)},
      {"more", normal, noise(0.05)},
      {"as much as what is common", normal, noise(1)},
      {"rare jumps", normal, jumps(0.001, 3)},
      {"less rare jumps", normal, jumps(0.02, 3)},
      {"losses of few values", normal, noise(0.02), 0.25},
      {"losses of very few values", normal, noise(0.02), 1},
  };
  return all;
}

}  // namespace

// Up to 4 standard deviations more alarms than allowed: were they as many as allowed, 1 in 1000 such runs of all 36 checks
// would fail.
TEST_CASE("noise alone rarely changes a paired figure", "[statistical]") {
  for (const Law& law : laws())
    for (const auto& [figure, found] : multiples(law, 0, 20261126))
      for (const auto& [sigma, allowed] : {std::pair{1.96, 0.05}, std::pair{2.807, 0.005}}) {
        INFO(figure << ", own noise: " << law.name << ", " << sigma << " standard errors: " << share_beyond(sigma, found));
        CHECK(share_beyond(sigma, found) <= allowed + 4 * std::sqrt(allowed * (1 - allowed) / repetitions));
      }
}

TEST_CASE("a change that pairing alone can show is seen", "[statistical]") {
  // 0.08 of a standard deviation; independent errors are 0.067 (VaR) and 0.078 (ES).
  for (const Law& law : {laws()[1], laws()[2]})
    for (const auto& [figure, found] : multiples(law, 0.08, 20261127)) {
      INFO(figure << ", own noise: " << law.name);
      CHECK(share_beyond(2.807, found) > 0.95);
    }
  CHECK(share_beyond(2.807, multiples(laws()[3], 0.08, 20261127).at("es")) > 0.95);
}

}  // namespace tailcube
