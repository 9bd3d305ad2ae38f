// Perps that share margins and insurance funds, in several nodes, in every cell and in every kind of look.
#include <algorithm>
#include <map>

#include "tests/unit/engine/looks.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

// Accounts over three nodes, both sides of each position, and a venue whose other positions are outside the total. In two
// cells prices fall just after today.
Files perps_job() {
  Files files;
  files["job.toml"] = R"([run]
seed = 5
scenarios = 2_000
currency = "USD"
[time]
step = "1W"
steps = 6
report = [2, 6]
[files]
factors = "factors.csv"
correlation = "correlation.csv"
positions.perp = "perps.csv"
positions.holding = "holdings.csv"
[currency]
EUR = "EURUSD"
[cube]
levels = ["book"]
confidence = [0.9, 0.99]
tail_scenarios = 50
contributions = "all"
contribute_by = ["position"]
contribute_top = 3
outside = ["others"]
[[stress]]
name = "base"
[[stress]]
name = "gold"
shocks = [ { factor = "GOLD", multiply = 0.9 } ]
[[stress]]
name = "eth today"
shocks = [ { factor = "ETH", multiply = 0.8 } ]
[[stress]]
name = "btc later"
shocks = [ { factor = "BTC", multiply = 0.7, from = 3 } ]
[[stress]]
name = "base again"
)";
  files["factors.csv"] =
      "id,kind,initial,volatility,drift\nETH,lognormal,3000,1.0,0\nBTC,lognormal,60000,0.8,0\nEURUSD,lognormal,1.1,0.1,0\n"
      "GOLD,lognormal,2500,0.2,0\n";
  files["correlation.csv"] = "id,ETH,BTC,EURUSD,GOLD\nETH,1,0.7,0.1,0\nBTC,0.7,1,0,0\nEURUSD,0.1,0,1,0\nGOLD,0,0,0,1\n";
  files["holdings.csv"] = "id,book,factor,quantity\ngold,vault,GOLD,1\n";
  std::string& perps = files["perps.csv"];
  perps =
      "id,book,currency,factor,side,size,entry_price,collateral,collateral_factor,funding_rate,maintenance_margin,"
      "liquidation_fee,holder,account,venue,insurance_fund\n";
  const char *books[] = {"desk", "fund", "quant"}, *factors[] = {"ETH", "BTC"};
  for (int i = 0; i < 36; ++i) {
    const std::string n = std::to_string(10 + i), factor = factors[i % 5 < 3];
    const std::string size = factor == "ETH" ? "10" : "0.5", price = factor == "ETH" ? "3000" : "60000";
    const std::string account = i % 9 < 6 ? "a" + std::to_string(i % 9) : "";
    const auto add = [&](const std::string& prefix, const std::string& book, const char* holder, bool named) {
      perps += prefix + n + "," + book + (account == "a1" ? ",EUR," : ",,") + factor + (i % 2 ? ",long," : ",short,") +
               size + "," + price + (i % 4 ? ",3000,," : ",1,ETH,") + "0.1,0.03,0.005," + holder + "," +
               (account.empty() ? "" : prefix + account) + (named ? "," + prefix + "dex,4000\n" : ",,\n");
    };
    add("t", i % 6 == 4 ? "others" : books[i % 3], "trader", i % 7 != 0);
    add("v", i % 6 == 4 ? "others" : "venue", "venue", i % 7 != 0);
  }
  return files;
}

}  // namespace

TEST_CASE("margins and funds are links of those who share them, margins first") {
  const Job job = load(perps_job());
  REQUIRE(job.chain);
  std::map<std::string, std::size_t> members;
  std::vector<std::string> order;
  for (const ChainLink& link : job.chain->links) {
    REQUIRE(link.tables.size() == 1);
    members[link.name] = link.tables[0].positions.size();
    order.push_back(link.name);
  }
  CHECK(members.size() == 14);
  CHECK(members["ta0"] == 4);
  CHECK(members["tdex"] == 30);
  for (const char side : {'t', 'v'}) {
    const auto dex = std::find(order.begin(), order.end(), side + std::string("dex"));
    CHECK(std::count_if(order.begin(), dex, [side](const std::string& n) { return n[0] == side; }) == 6);
  }
}

TEST_CASE("cells with margins and funds are those cells alone") {
  const Job job = load(perps_job());
  const Cube all = run(job);
  for (std::size_t cell = 0; cell < job.cells.size(); ++cell) {
    const Cube alone = run(of_cell(job, cell), 2, std::size_t{80} << 20);
    check_same(all, static_cast<int>(cell), alone);
    for (const char* name : {"liquidated", "bad_debt", "insurance_drawn", "auto_deleveraged"})
      CHECK(gauge(all, name, static_cast<int>(cell)) == gauge(alone, name, 0));
  }
  const auto mean = [&](int cell) { return all.expected_loss[all.at(0, cell, 0, 1)]; };
  CHECK(mean(0) == mean(4));
  for (int cell = 0; cell < 5; ++cell) {
    CHECK(gauge(all, "insurance_drawn", cell) > 0);
    CHECK(gauge(all, "auto_deleveraged", cell) > 0);
  }
  CHECK(gauge(all, "liquidated", 2) > gauge(all, "liquidated", 0));
  CHECK(gauge(all, "liquidated", 1) == gauge(all, "liquidated", 0));
}

// With nothing outside, what traders and venues gain is what prices make of the open positions: nothing else is left over.
TEST_CASE("a venue's bad debt is paid by its fund, by winners or by itself") {
  Files files = perps_job();
  std::string& text = files["job.toml"];
  text.replace(text.find("outside = [\"others\"]"), 20, "");
  const Cube with_fund = run(files);
  std::string& perps = files["perps.csv"];
  for (std::size_t at = perps.find("dex,4000"); at != std::string::npos; at = perps.find("dex,4000", at))
    perps.replace(at, 8, "dex,0");
  const Cube without = run(files);
  for (int cell = 0; cell < 5; ++cell) {
    CHECK(gauge(without, "bad_debt", cell) == gauge(with_fund, "bad_debt", cell));
    CHECK(gauge(without, "insurance_drawn", cell) == 0);
    CHECK(gauge(without, "auto_deleveraged", cell) > gauge(with_fund, "auto_deleveraged", cell));
    const auto loss = [cell](const Cube& of) { return of.expected_loss[of.at(0, cell, 0, 1)]; };
    CHECK(loss(without) == Approx(loss(with_fund)).margin(0.01));  // what one side gains the other loses
  }
}

TEST_CASE("parts of a tail with margins add up, and a scenario can be told") {
  const Job job = load(perps_job());
  check_parts(run(job), 0);  // the second look compares each scenario of a tail with the first
  check_told(job, 2);
}

// An account of two longs and two shorts of the same coins, which is never liquidated.
TEST_CASE("a perp that is left out backs nobody") {
  Job job = load(perps_job());
  const auto members = [&job] {
    for (const ChainLink& link : job.chain->links)
      if (link.name == "ta0") return link.tables.empty() ? 0 : link.tables[0].positions.size();
    return std::size_t{99};
  };
  const double before = gauge(run(job), "liquidated", 0);
  leave_out(job, {"t10", "t28"});
  CHECK(members() == 2);
  CHECK(gauge(run(job), "liquidated", 0) > before);
  leave_out(job, {"t19", "t37"});
  CHECK(members() == 0);
  CHECK(gauge(run(job), "liquidated", 0) == before);
}
