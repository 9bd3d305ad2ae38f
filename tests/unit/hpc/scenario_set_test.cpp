#include "hpc/scenario_set.h"

#include <random>
#include <set>
#include <stdexcept>

#include "tests/catch_any.h"

namespace tailcube {
namespace {

using Ranges = std::vector<Tile>;

TEST_CASE("ranges are sorted and joined where they touch") {
  const ScenarioSet set({{64, 128}, {0, 64}, {200, 300}, {150, 150}});
  CHECK(set.ranges() == Ranges{{0, 128}, {200, 300}});
  CHECK(set.size() == 228);
  CHECK(set.text() == "0-127, 200-299");
  CHECK(ScenarioSet({{7, 8}}).text() == "7");
  CHECK(ScenarioSet().text().empty());
  CHECK(ScenarioSet().empty());
}

TEST_CASE("a scenario cannot be there twice") {
  CHECK_THROWS_WITH(ScenarioSet({{0, 64}, {63, 70}}), "scenarios 63 are there twice");
  CHECK_THROWS_WITH(ScenarioSet({{0, 640}, {64, 128}}), "scenarios 64-127 are there twice");
  CHECK_THROWS_AS(ScenarioSet({{5, 4}}), std::invalid_argument);
  ScenarioSet set({{0, 64}, {128, 192}});
  CHECK_THROWS_AS(set.add(Tile{100, 129}), std::invalid_argument);
  CHECK(set.ranges() == Ranges{{0, 64}, {128, 192}});
  set.add(Tile{64, 128});
  CHECK(set.ranges() == Ranges{{0, 192}});
}

TEST_CASE("what is missing, shared and left") {
  const ScenarioSet set({{64, 128}, {200, 300}});
  CHECK(set.missing(0, 400) == Ranges{{0, 64}, {128, 200}, {300, 400}});
  CHECK(set.missing(64, 128).empty());
  CHECK(set.missing(100, 250) == Ranges{{128, 200}});
  CHECK(set.overlap(ScenarioSet({{0, 64}, {128, 200}, {300, 301}})) == std::nullopt);
  CHECK(set.overlap(ScenarioSet({{0, 10}, {120, 210}})) == Tile{120, 128});
  CHECK(set.without(ScenarioSet({{100, 210}})) == ScenarioSet({{64, 100}, {210, 300}}));
  CHECK(set.contains(ScenarioSet({{70, 80}, {299, 300}})));
  CHECK_FALSE(set.contains(ScenarioSet({{127, 129}})));
}

TEST_CASE("the same as a set of numbers") {
  std::mt19937_64 random(51);
  for (int trial = 0; trial < 300; ++trial) {
    std::set<std::uint64_t> a, b;
    const auto fill = [&](std::set<std::uint64_t>& numbers) {
      ScenarioSet set;
      for (int i = 0; i < 12; ++i) {
        const std::uint64_t begin = random() % 60, end = begin + random() % 8;
        if (set.overlap(ScenarioSet({{begin, end}}))) continue;
        set.add(Tile{begin, end});
        for (std::uint64_t s = begin; s < end; ++s) numbers.insert(s);
      }
      return set;
    };
    const ScenarioSet x = fill(a), y = fill(b);
    REQUIRE(x.size() == a.size());
    std::set<std::uint64_t> rest;
    const ScenarioSet left = x.without(y);
    for (const Tile range : left.ranges())
      for (std::uint64_t s = range.begin; s < range.end; ++s) rest.insert(s);
    std::set<std::uint64_t> expected;
    bool shared = false;
    for (const std::uint64_t s : a) b.contains(s) ? void(shared = true) : void(expected.insert(s));
    REQUIRE(rest == expected);
    REQUIRE(x.overlap(y).has_value() == shared);
  }
}

TEST_CASE("tiles are cut at multiples of their size") {
  CHECK(ScenarioSet({{10, 130}, {256, 300}}).tiles(64) == Ranges{{10, 64}, {64, 128}, {128, 130}, {256, 300}});
  CHECK(ScenarioSet({{0, 100}}).tiles(128) == Ranges{{0, 100}});
}

TEST_CASE("parts are cut at blocks and add up to the whole") {
  for (const ScenarioSet& whole : {ScenarioSet({{0, 5000}}), ScenarioSet({{1000, 4000}}), ScenarioSet({{10, 20}, {30, 500}}),
                                   ScenarioSet({{0, std::uint64_t{1} << 32}})})
    for (const std::uint64_t parts : {1u, 2u, 3u, 7u, 16u, 100u}) {
      ScenarioSet sum;
      std::uint64_t least = ~std::uint64_t{0}, most = 0;
      for (std::uint64_t k = 1; k <= parts; ++k) {
        const ScenarioSet part = whole.part(k, parts);
        for (const Tile range : part.ranges()) {
          const bool start_of_range = std::ranges::any_of(whole.ranges(), [&](Tile r) { return r.begin == range.begin; });
          REQUIRE((range.begin % lanes == 0 || start_of_range));
        }
        least = std::min(least, part.size());
        most = std::max(most, part.size());
        sum.add(part);
      }
      REQUIRE(sum == whole);
      REQUIRE(most - least <= 3 * std::uint64_t{lanes});
    }
  CHECK(ScenarioSet({{0, 100}}).part(1, 3).empty());
}

}  // namespace
}  // namespace tailcube
