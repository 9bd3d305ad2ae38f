// Who is told apart: samples of tails, and positions that need a sample.
#include <algorithm>
#include <map>
#include <set>

#include "src/cube/part_ranking.h"
#include "src/cube/second_look.h"
#include "tests/catch_any.h"
#include "tests/run_job.h"

using namespace tailcube;

namespace {

CellTails::List list_of(std::uint32_t first, std::int64_t size, std::vector<TailCut> cut) {
  CellTails::List list;
  for (std::int64_t i = 0; i < size; ++i) {
    list.scenario.push_back(first + static_cast<std::uint32_t>(i));
    list.loss.push_back(1000 - i);
  }
  list.cut = std::move(cut);
  return list;
}

}  // namespace

TEST_CASE("a thinned tail keeps its segments, and a share of each") {
  const CellTails tails{{list_of(100, 500, {{499, 1, 22}, {99, 1, 9}}), list_of(0, 0, {TailCut{}})}};
  const CellTails::List& whole = tails.lists[0];
  for (const std::int64_t wanted : {1, 8, 40, 100, 1000}) {
    CAPTURE(wanted);
    const CellTails some = thinned(tails, wanted);
    CHECK(some.lists[1].scenario.empty());
    CHECK(some.lists[1].cut == std::vector{TailCut{}});
    const CellTails::List& list = some.lists[0];
    const std::vector<std::int64_t> ends = segment_ends(whole.cut), taken = segment_ends(list.cut);
    REQUIRE(taken.size() == ends.size());
    CHECK(static_cast<std::int64_t>(list.scenario.size()) == taken.back());
    CHECK(std::is_sorted(list.scenario.begin(), list.scenario.end()));
    for (std::size_t i = 0; i < ends.size(); ++i) {
      const std::int64_t from = i == 0 ? 0 : ends[i - 1], begin = i == 0 ? 0 : taken[i - 1];
      for (std::int64_t r = begin; r < taken[i]; ++r) {
        const std::int64_t rank = list.scenario[static_cast<std::size_t>(r)] - 100;
        CHECK((rank >= from && rank < ends[i]));
        CHECK(list.loss[static_cast<std::size_t>(r)] == whole.loss[static_cast<std::size_t>(rank)]);
      }
    }
    for (std::size_t k = 0; k < 2; ++k) {
      const std::int64_t size = list.cut[k].size(), least = std::min(wanted, whole.cut[k].size());
      CHECK((size >= least && size <= whole.cut[k].size()));
      if (k == 1) CHECK(size <= least + 3);  // a scenario of each segment more at most
    }
  }
  CHECK(thinned(tails, 1000).lists[0].scenario == whole.scenario);
}

TEST_CASE("tails with the same scenarios keep the same") {
  const std::vector<TailCut> cut = {{199, 1, 14}};
  const CellTails tails{{list_of(0, 200, cut), list_of(20, 200, cut)}};
  const CellTails some = thinned(tails, 50);
  const std::set<std::uint32_t> a(some.lists[0].scenario.begin(), some.lists[0].scenario.end());
  const auto in_both = std::count_if(some.lists[1].scenario.begin(), some.lists[1].scenario.end(),
                                     [&](std::uint32_t s) { return a.count(s) != 0; });
  CHECK(in_both >= 35);  // of about 50; independent samples would have 12
}

TEST_CASE("who contributes most is found by a sample of the tails") {
  constexpr int many = 2000;
  const std::string job =
      "[run]\nseed = 3\nscenarios = 4000\ncurrency = \"USD\"\n[time]\nstep = \"1M\"\nsteps = 1\n[files]\n"
      "factors = \"factors.csv\"\npositions.holding = \"holdings.csv\"\n"
      "positions.exposure = \"exposures.csv\"\nobligors = \"obligors.csv\"\n[market]\nuncorrelated = [\"ETH\", \"BTC\", "
      "\"D\"]\n"
      "[cube]\nconfidence = [0.95]\ncontribute_by = [\"position\"]\ncontribute_top = 10\n";
  std::string holdings = "id,factor,quantity\n";
  for (int i = 0; i < many; ++i)
    holdings += "P" + std::to_string(1000 + i) + (i % 2 == 0 ? ",ETH," : ",BTC,") + std::to_string(1 + i % 100) + "\n";
  holdings += "Q,ETH,-150\nR,BTC,200\n";
  // Looked at in all scenarios, worth about a third of the largest: named if what a sample shows were not scaled up.
  std::string exposures = "id,obligor,ead\n", obligors = "id,pd_1y,driver,asset_correlation,lgd\n";
  for (int i = 10; i < 40; ++i) {
    exposures += "E" + std::to_string(i) + ",o" + std::to_string(i) + ",100000\n";
    obligors += "o" + std::to_string(i) + ",0.9,D,0.1,0.5\n";
  }
  const test::Files files = {
      {"job.toml", job},
      {"exposures.csv", exposures},
      {"obligors.csv", obligors},
      {"factors.csv", "id,kind,initial,drift,volatility\nETH,lognormal,1000,0,0.8\nBTC,lognormal,1000,0,0.4\nD,driver,,,\n"},
      {"holdings.csv", holdings}};
  const Cube few = test::run(files), all = test::run(files, {"cube.contribute_top=100000"});
  REQUIRE(all.parts.size() == many + 32);
  std::map<std::string, double> exact;
  for (std::size_t part = 0; part < all.parts.size(); ++part)
    exact[all.part_value[part]] = std::fabs(all.contribution_by[all.at_part(0, part, 0, 0)]);
  std::vector<double> sizes;
  sizes.reserve(exact.size());
  for (const auto& [name, size] : exact) sizes.push_back(size);
  std::sort(sizes.begin(), sizes.end(), std::greater<>());
  REQUIRE(few.parts.size() == 11);
  CHECK(few.part_value.back() == "(others)");
  for (std::size_t part = 0; part < 10; ++part) {
    CAPTURE(few.part_value[part]);
    CHECK(exact.at(few.part_value[part]) > 0.95 * sizes[9]);
  }
  CHECK(std::find(few.part_value.begin(), few.part_value.end(), "Q") != few.part_value.end());
}
