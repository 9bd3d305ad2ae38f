// Covers that share the capital of a provider, in several nodes, in every cell and in every kind of look.
#include <algorithm>
#include <map>

#include "tests/unit/engine/looks.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

// Covers of a pool, of obligors and of a price from two providers, one of which may default; the capital of the other is in
// ETH. Others share it outside the total.
Files covers_job() {
  Files files;
  files["job.toml"] = R"([run]
seed = 9
scenarios = 2_000
currency = "USD"
[time]
step = "1Q"
steps = 4
report = [2, 4]
[files]
factors = "factors.csv"
correlation = "correlation.csv"
obligors = "obligors.csv"
positions.exposure = "exposures.csv"
positions.cover = "covers.csv"
[cube]
levels = ["book"]
confidence = [0.9, 0.99]
tail_scenarios = 50
contributions = "all"
contribute_by = ["position"]
contribute_top = 2
outside = ["others"]
[[stress]]
name = "base"
[[stress]]
name = "drivers"
shocks = [ { driver = "D", set = -2.0 } ]
[[stress]]
name = "eth"
shocks = [ { factor = "ETH", multiply = 0.7 } ]
[[stress]]
name = "base again"
)";
  files["factors.csv"] =
      "id,kind,initial,volatility,drift\nETH,lognormal,4000,0.7,0\nBTC,lognormal,60000,0.6,0\nD,driver,,,\n";
  files["correlation.csv"] = "id,ETH,BTC,D\nETH,1,0.8,0.2\nBTC,0.8,1,0.2\nD,0.2,0.2,1\n";
  files["obligors.csv"] = "id,pd_1y,driver,asset_correlation,lgd\nmutual,0.1,D,0.3,0.5\n";
  files["exposures.csv"] = "id,book,obligor,ead\n";
  for (int i = 10; i < 60; ++i) {
    const std::string n = std::to_string(i);
    files["obligors.csv"] += "o" + n + ",0.06,D,0.3,0.6\n";
    files["exposures.csv"].append("e").append(n).append(i % 3 == 0 ? ",desk,o" : ",fund,o").append(n).append(",20000\n");
  }
  const std::string mutual = ",mutual,250000,ETH,\n", insurer = ",insurer,60000,,mutual\n";
  files["covers.csv"] =
      "id,book,quantity,obligor,trigger,insured,factor,trigger_price,reference_pool,deductible,limit,term_years,claim_delay_"
      "years,premium,premium_payment,provider,capital,capital_factor,provider_obligor\n"
      "c1,bought,1,o12,default,20000,,,,,,1,0.25,600,upfront" +
      insurer + "c2,bought,1,o15,default,20000,,,,,,1,0.25,600," + insurer +
      "c3,written,-1,,losses,,,,desk,10000,90000,1,0.5,3000," + insurer +
      "c4,bought,2,,price,90000,BTC,40000,,,,0.75,,1000," + mutual +
      "c5,more,1,,price,50000,ETH,2600,,5000,,1,0.25,1000,upfront" + mutual +
      "c6,more,1,,losses,,,,fund,40000,200000,1,,1000,,,,,\n" + "x1,others,30,,price,20000,BTC,42000,,,,1,,0," + mutual;
  return files;
}

}  // namespace

TEST_CASE("accounts are links of those who share them, inside and outside") {
  const Job job = load(covers_job());
  REQUIRE(job.chain);
  std::map<std::string, std::size_t> members;
  for (const ChainLink& link : job.chain->links) {
    if (link.kind != ChainLink::Kind::account) continue;
    REQUIRE(link.tables.size() == 1);
    members[link.name] = link.tables[0].positions.size();
  }
  CHECK(members == std::map<std::string, std::size_t>{{"insurer", 3}, {"mutual", 3}});
  for (const Node& node : job.nodes) CHECK(node.path.find("others") == std::string::npos);
}

TEST_CASE("capital is short, and shorter where others share it") {
  const Job job = load(covers_job());
  Files alone = covers_job();
  std::string& text = alone["job.toml"];
  text.replace(text.find("outside = [\"others\"]"), 20, "outside = []");
  alone["covers.csv"].resize(alone["covers.csv"].find("x1,"));
  const Cube cube = run(job), fewer = run(alone);
  for (const int cell : {0, 1, 2}) {
    CHECK(gauge(fewer, "claims_unpaid", cell) > 0);
    CHECK(gauge(cube, "claims_unpaid", cell) > gauge(fewer, "claims_unpaid", cell));
    CHECK(gauge(cube, "claims_paid", cell) < gauge(fewer, "claims_paid", cell));
  }
}

TEST_CASE("cells with accounts are those cells alone") {
  const Job job = load(covers_job());
  const Cube all = run(job);
  for (std::size_t cell = 0; cell < job.cells.size(); ++cell)
    check_same(all, static_cast<int>(cell), run(of_cell(job, cell)));
  const auto mean = [&](int cell) { return all.expected_loss[all.at(0, cell, 0, 1)]; };
  CHECK(mean(0) == mean(3));
  CHECK(mean(1) != mean(0));
  CHECK(mean(2) != mean(0));
}

TEST_CASE("parts of a tail with accounts add up, and a scenario can be told") {
  const Job job = load(covers_job());
  check_parts(run(job), 0);  // the second look compares each scenario of a tail with the first
  check_told(job, 1);
}

TEST_CASE("a cover that is left out claims nothing") {
  Job job = load(covers_job());
  leave_out(job, {"c1", "c2", "c3"});
  for (const ChainLink& link : job.chain->links)
    if (link.name == "insurer") CHECK(link.tables.empty());
  const Cube cube = run(job);
  CHECK(cube.scenarios == 2000);
}
