// What the book refers to of itself: pools inside and outside the total, prices that depend on prices, in every cell, by
// leaf and by position, in every kind of look.
#include <algorithm>
#include <cmath>

#include "tests/unit/engine/looks.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

// Loans and an exposure of a fund outside the total; a senior and a junior tranche of it; a pool of tranches with a tranche
// of its own; vaults and a holding on those prices.
Files chain_job() {
  Files files;
  files["job.toml"] = R"([run]
seed = 3
scenarios = 2_000
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
positions.exposure = "exposures.csv"
positions.loan = "loans.csv"
positions.tranche = "tranches.csv"
positions.holding = "holdings.csv"
positions.vault = "vaults.csv"
[cube]
levels = ["book"]
confidence = [0.9, 0.99]
tail_scenarios = 50
contributions = "all"
contribute_by = ["position"]
contribute_top = 2
outside = ["fund"]
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
[[stress]]
name = "all"
shocks = [ { driver = "D", set = -2.0 }, { factor = "ETH", multiply = 0.7 }, { factor = "RATE", add = 0.02 } ]
[[stress]]
name = "base again"
)";
  files["factors.csv"] =
      "id,kind,initial,volatility,drift\nETH,lognormal,4000,0.4,0\nRATE,normal,0.04,0.01,0\nD,driver,,,\n";
  files["correlation.csv"] = "id,ETH,RATE,D\nETH,1,0,0.2\nRATE,0,1,-0.1\nD,0.2,-0.1,1\n";
  files["curves.csv"] = "curve,tenor_years,factor\nUSD,1,RATE\n";
  files["obligors.csv"] = "id,pd_1y,driver,asset_correlation,lgd\n";
  files["loans.csv"] = "id,book,obligor,principal,rate,maturity_years,curve,spread\n";
  files["exposures.csv"] = "id,book,obligor,ead\n";
  for (int i = 10; i < 70; ++i) {
    const std::string n = std::to_string(i);
    files["obligors.csv"] += "o" + n + ",0.06,D,0.3,0.6\n";
    files["loans.csv"].append("l").append(n).append(",fund,o").append(n);
    files["loans.csv"].append(",").append(std::to_string(1000 * i)).append(",0.09,3,USD,0.05\n");
    if (i % 10 == 0) files["exposures.csv"].append("e").append(n).append(",desk,o").append(n).append(",20000\n");
  }
  files["exposures.csv"] += "ef,fund,o11,50000\n";
  files["tranches.csv"] =
      "id,book,reference_pool,notional,attachment,detachment,interest,measure\njunior,notes,fund,300000,0,0.1,0.12,\n"
      "senior,notes,fund,2000000,0.1,1,0.05,economic\nsquared,squares,notes,100000,0.02,0.2,,economic\n";
  files["holdings.csv"] = "id,book,factor,quantity\nh1,desk,squared,50000\nh2,desk,ETH,3\nh3,notes,junior,1000\n";
  files["vaults.csv"] =
      "id,book,collateral_factor,collateral_quantity,debt,debt_factor,liquidation_threshold\nv1,desk,junior,100000,80000,,0."
      "9\n"
      "v2,desk,ETH,10,30000,squared,0.9\n";
  return files;
}

}  // namespace

TEST_CASE("links follow what they refer to, and what is outside is in no node") {
  const Job job = load(chain_job());
  REQUIRE(job.chain);
  std::vector<std::string> names;
  for (const ChainLink& link : job.chain->links) names.push_back(link.name);
  CHECK(names == std::vector<std::string>{"fund", "junior", "senior", "notes", "squared"});
  for (const Node& node : job.nodes) CHECK(node.path.find("fund") == std::string::npos);
  CHECK(job.nodes.size() == 4);
  for (const PositionTable& table : job.tables) CHECK(table.instrument->name != "loan");
}

TEST_CASE("a pool is worth what the same positions are worth inside the total") {
  Files files = chain_job();
  const Job outside = load(files);
  std::string& text = files["job.toml"];
  text.replace(text.find("outside = [\"fund\"]"), 18, "outside = []");
  text.replace(text.find("report = [2, 4]"), 15, "report = [1, 2, 3, 4]");
  const Job inside = load(files);
  const CompiledBook book = compile(inside, Detail::leaf), other = compile(outside, Detail::leaf);
  const CellRange cells{0, static_cast<int>(book.cells.size())};
  CHECK(book.base_value[0] > other.base_value[0] + 2e6);
  NodeIndex fund{none};
  for (std::uint32_t n = 0; n < inside.nodes.size(); ++n)
    if (inside.nodes[n].path == "total/fund") fund = NodeIndex{n};
  REQUIRE_FALSE(is_none(fund));
  const double today = book.base_value[static_cast<std::size_t>(fund)];
  CHECK(book.publishing->links[0].today == Approx(today).margin(0.01));
  for (int cell = 0; cell < cells.end; ++cell) {
    const Job one = of_cell(inside, static_cast<std::size_t>(cell));
    Replayer replay(one, 0, book.unit);
    const Replay told = replay(17);
    REQUIRE(told.published.size() == inside.chain->links.size());
    const std::vector<double>& value = told.published[0].value;
    for (int n = 1; n <= 4; ++n) {
      const Units lost = told.economic[static_cast<std::size_t>(fund) * 4 + static_cast<std::size_t>(n) - 1];
      INFO("cell " << cell << ", step " << n);
      CHECK(value[static_cast<std::size_t>(n)] == Approx(today - static_cast<double>(lost) * book.unit).margin(0.01));
      const double left = 1 - std::clamp((1 - value[static_cast<std::size_t>(n)] / value[0] - 0.1) / 0.9, 0.0, 1.0);
      CHECK(told.published[2].value[static_cast<std::size_t>(n)] == Approx(left).epsilon(1e-12));
    }
  }
}

TEST_CASE("a cell of many is the cell alone") {
  const Job job = load(chain_job());
  const Cube all = run(job);
  for (std::size_t cell = 0; cell < job.cells.size(); ++cell)
    check_same(all, static_cast<int>(cell), run(of_cell(job, cell)));
  const auto mean = [&](int cell) { return all.expected_loss[all.at(0, cell, 0, 1)]; };
  CHECK(mean(0) == mean(5));
  for (const int cell : {1, 2, 3, 4}) CHECK(mean(cell) != mean(0));
  CHECK(mean(2) > mean(0));
}

TEST_CASE("rows by leaf agree with positions, and the parts of a tail add up") {
  const Job job = load(chain_job());
  const CompiledBook leaves = compile(job, Detail::leaf), positions = compile(job, Detail::position);
  const CellRange cells{0, static_cast<int>(leaves.cells.size())};
  Workspace by_leaf(leaves, cells), by_position(positions, cells);
  double worst = 0;
  for (const std::uint64_t first : {0u, 640u}) {
    by_leaf.start(first), by_position.start(first);
    for (int cell = 0; cell < cells.end; ++cell) {
      const auto sum = [](const Valuation& v, std::size_t rows, int h, std::size_t k) {
        double s = 0;
        for (std::size_t r = 0; r < rows; ++r) s += v.of_row[r]->value(r, h)[k] + v.of_row[r]->cash(r, h)[k];
        return s;
      };
      std::vector<double> each;
      const Valuation& a = by_leaf.cell(cell);
      for (int h = 0; h < 2; ++h)
        for (std::size_t k = 0; k < lanes; ++k) each.push_back(sum(a, leaves.leaf_of_row.size(), h, k));
      const Valuation& b = by_position.cell(cell);
      for (int h = 0; h < 2; ++h)
        for (std::size_t k = 0; k < lanes; ++k)
          worst = std::max(
              worst, std::abs(sum(b, positions.leaf_of_row.size(), h, k) - each[static_cast<std::size_t>(h) * lanes + k]));
    }
  }
  CHECK(worst < 1e-6);
  const Cube cube = run(job);
  for (int cell = 0; cell < cells.end; ++cell) check_parts(cube, cell);
}

TEST_CASE("a pool without value and one whose position is left out") {
  Files files = chain_job();
  Job job = load(files);
  const double before = compile(job, Detail::leaf).publishing->links[0].today;
  leave_out(job, {"l20", "h2"});
  const double after = compile(job, Detail::leaf).publishing->links[0].today;
  CHECK(after < before - 15000);
  CHECK(after > before - 25000);
  std::string& exposures = files["exposures.csv"];
  exposures += "short,fund,o12,1\n";
  exposures.replace(exposures.find("id,book"), 7, "id,quantity,book");
  for (std::size_t at = exposures.find('\n') + 1; at < exposures.size(); at = exposures.find('\n', at) + 1)
    exposures.insert(exposures.find(',', at), exposures.compare(at, 5, "short") == 0 ? ",-1e9" : ",1");
  const Job upside_down = load(files);
  try {
    compile(upside_down, Detail::leaf);
    FAIL("a pool worth less than nothing");
  } catch (const InvalidJob& invalid) {
    REQUIRE(invalid.messages.size() == 1);
    CHECK(invalid.messages[0].starts_with("the pool fund is worth -"));
  }
}
