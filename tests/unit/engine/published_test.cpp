// Published losses and the gap beside the others, for jobs that ask for them.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "src/engine/replay.h"
#include "src/report/html_report.h"
#include "tests/catch_any.h"
#include "tests/run_job.h"

using namespace tailcube;
using tailcube::test::Files;

namespace {

Files two_books() {
  Files files;
  files["job.toml"] = R"([run]
seed = 5
scenarios = 3_000
currency = "USD"
[time]
step = "1Q"
steps = 4
report = [2, 4]
[files]
factors = "factors.csv"
correlation = "correlation.csv"
curves = "curves.csv"
obligors = "obligors.csv"
positions.loan = "loans.csv"
positions.holding = "holdings.csv"
[cube]
levels = ["book"]
confidence = [0.9, 0.99]
contributions = "all"
contribute_by = ["position"]
contribute_top = 2
[[stress]]
name = "base"
[[stress]]
name = "rates"
shocks = [ { factor = "RATE", add = 0.02 } ]
[[stress]]
name = "drivers"
shocks = [ { driver = "D", set = -2.0 } ]
[[stress]]
name = "eth"
shocks = [ { factor = "ETH", multiply = 0.7 } ]
)";
  files["factors.csv"] =
      "id,kind,initial,volatility,drift\nETH,lognormal,4000,0.4,0\nRATE,normal,0.04,0.01,0\nD,driver,,,\n";
  files["correlation.csv"] = "id,ETH,RATE,D\nETH,1,0,0.2\nRATE,0,1,-0.1\nD,0.2,-0.1,1\n";
  files["curves.csv"] = "curve,tenor_years,factor\nUSD,1,RATE\n";
  files["obligors.csv"] = "id,pd_1y,driver,asset_correlation,lgd,recovery_delay_years\n";
  files["loans.csv"] = "id,book,obligor,principal,rate,maturity_years,curve,spread,published_as,published_discount_rate\n";
  for (int i = 10; i < 60; ++i) {
    const std::string n = std::to_string(i), book = i % 3 == 0 ? "fair" : "par";
    files["obligors.csv"] += "o" + n + ",0.06,D,0.3,0.6,2\n";
    files["loans.csv"] += "l" + n + "," + book + ",o" + n + "," + std::to_string(1000 * i) + ",0.09,3,USD,0.06," +
                          (i % 3 == 0 ? "discounted,0.08\n" : ",\n");
  }
  files["holdings.csv"] = "id,book,factor,quantity\nh1,coins,ETH,3\nh2,par,ETH,1\n";
  return files;
}

struct Run {
  Job job;
  CompiledBook book;
  Cube cube;
};
Run evaluated(const std::string& setting) {
  Run out{test::load(two_books(), {setting}), {}, {}};
  out.book = compile(out.job, Detail::leaf);
  out.cube = test::run(out.job, 2);
  return out;
}

}  // namespace

TEST_CASE("published losses and the gap stand beside what is lost, and change nothing of it", "[published]") {
  const Run plain = evaluated("cube.published=false"), asked = evaluated("cube.published=true");
  const Cube &a = plain.cube, &b = asked.cube;
  CHECK(a.quantities == std::vector<std::string>{"economic", "credit"});
  CHECK(a.base_published_value.empty());
  REQUIRE(b.quantities == std::vector<std::string>{"economic", "credit", "published", "gap"});
  REQUIRE(b.base_published_value.size() == b.nodes.size());
  for (const auto values : {&Cube::expected_loss, &Cube::loss_std, &Cube::worst_loss, &Cube::expected_shortfall})
    for (std::size_t i = 0; i < (a.*values).size(); ++i) CHECK((a.*values)[i] == (b.*values)[i]);
  const auto same = [](double x, double y) { return x == y || (std::isnan(x) && std::isnan(y)); };
  CHECK(std::equal(a.contribution.begin(), a.contribution.end(), b.contribution.begin(), b.contribution.end(), same));
  CHECK(a.tail_loss == b.tail_loss);
  const auto cells = static_cast<int>(b.cells.size()), nodes = static_cast<int>(b.nodes.size());
  for (int cell = 0; cell < cells; ++cell)
    for (int h = 0; h < 2; ++h) {
      for (int q = 2; q < 4; ++q) {
        double sum = 0;
        for (int node = 1; node < nodes; ++node) sum += b.expected_loss[b.at(q, cell, node, h)];
        CHECK(sum == Approx(b.expected_loss[b.at(q, cell, 0, h)]).epsilon(1e-12));
      }
      for (int node = 0; node < nodes; ++node) {
        INFO(b.cells[static_cast<std::size_t>(cell)] << ", " << b.nodes[static_cast<std::size_t>(node)]);
        const auto mean = [&](int q) { return b.expected_loss[b.at(q, cell, node, h)]; };
        const auto n = static_cast<std::size_t>(node);
        // In every scenario, to the unit: gap = gap today + economic loss - published loss.
        const double gap = b.base_published_value[n] - b.base_value[n] + mean(economic_loss) - mean(published_loss);
        CHECK(mean(value_gap) == Approx(gap).epsilon(1e-12).margin(1e-7));
      }
    }
  const auto at = [&](const char* path) {
    return static_cast<int>(std::find(b.nodes.begin(), b.nodes.end(), std::string("total/") + path) - b.nodes.begin());
  };
  // Today: principal, and a coin at its price; payments to come less what is expected to be lost, which is something else.
  double owed = 4000;
  for (int i = 10; i < 60; ++i) owed += i % 3 == 0 ? 0 : 1000 * i;
  CHECK(b.base_published_value[static_cast<std::size_t>(at("par"))] == Approx(owed).epsilon(1e-12));
  const auto fair = static_cast<std::size_t>(at("fair"));
  CHECK(std::abs(b.base_published_value[fair] - b.base_value[fair]) > 1000);
  for (int cell = 0; cell < cells; ++cell) {
    const auto mean = [&](int q, const char* path) { return b.expected_loss[b.at(q, cell, at(path), 1)]; };
    const auto worst = [&](int q, const char* path) { return b.expected_shortfall[b.at(q, cell, at(path), 1, 1)]; };
    // What has a price is published at it.
    CHECK(worst(published_loss, "coins") == worst(economic_loss, "coins"));
    CHECK(b.worst_loss[b.at(value_gap, cell, at("coins"), 1)] == 0);
    // Loans at what is owed, never written down: what defaults will cost is in the economic loss alone.
    CHECK(mean(published_loss, "par") < mean(economic_loss, "par"));
    CHECK(worst(value_gap, "par") > 0);
  }
  // Rates move what loans are worth, but not what is published of them.
  CHECK(b.expected_loss[b.at(published_loss, 1, at("fair"), 1)] == b.expected_loss[b.at(published_loss, 0, at("fair"), 1)]);
  CHECK(b.expected_loss[b.at(economic_loss, 1, at("fair"), 1)] > b.expected_loss[b.at(economic_loss, 0, at("fair"), 1)]);
}

TEST_CASE("the plan counts the memory of published values", "[published]") {
  const Run plain = evaluated("cube.published=false"), asked = evaluated("cube.published=true");
  CHECK(tally_shape(plain.job, plain.book, {0, 1}).quantities == 2);
  CHECK(tally_shape(asked.job, asked.book, {0, 1}).quantities == 4);
  CHECK(workspace_bytes(asked.book) > workspace_bytes(plain.book));
}

TEST_CASE("replays of all scenarios have the published losses of the run", "[published]") {
  const Job job = test::load(two_books(), {"cube.published=true", "run.scenarios=640"});
  const Cube cube = test::run(job, 2);
  const std::size_t places = cube.nodes.size() * cube.horizon_years.size();
  for (int cell = 0; cell < static_cast<int>(cube.cells.size()); ++cell) {
    Replayer replayer(job, cell, cube.unit);
    std::vector<Units> published(places), gap(places);
    for (std::uint64_t first = 0; first < job.scenarios; first += lanes) {
      std::vector<std::uint64_t> some(lanes);
      std::iota(some.begin(), some.end(), first);
      for (const Replay& replay : replayer(some)) {
        REQUIRE((replay.published_loss.size() == places && replay.gap.size() == places));
        for (std::size_t i = 0; i < places; ++i) published[i] += replay.published_loss[i], gap[i] += replay.gap[i];
      }
    }
    for (std::size_t i = 0; i < places; ++i) {
      const int node = static_cast<int>(i / cube.horizon_years.size()), h = static_cast<int>(i % cube.horizon_years.size());
      INFO(cube.cells[static_cast<std::size_t>(cell)] << ", " << cube.nodes[static_cast<std::size_t>(node)]);
      const auto mean = [&](const std::vector<Units>& sum) { return static_cast<double>(sum[i]) * cube.unit / 640; };
      CHECK(cube.expected_loss[cube.at(published_loss, cell, node, h)] == Approx(mean(published)).epsilon(1e-14));
      CHECK(cube.expected_loss[cube.at(value_gap, cell, node, h)] == Approx(mean(gap)).epsilon(1e-14));
    }
  }
  const Job plain = test::load(two_books(), {"run.scenarios=64"});
  CHECK(Replayer(plain, 0, cube.unit)(3).gap.empty());
}

TEST_CASE("the report shows what the books show, where there is something to show", "[published]") {
  const auto page = [](const Cube& cube) { return html_report(cube, {}).html; };
  const std::string asked = page(evaluated("cube.published=true").cube);
  CHECK(asked.find("<h3>What the books show</h3>") != std::string::npos);
  CHECK(asked.find("<h3>Collateral and debt</h3>") == std::string::npos);  // no gauges for that
  CHECK(page(evaluated("cube.published=false").cube).find("id=\"books\"") == std::string::npos);
}
