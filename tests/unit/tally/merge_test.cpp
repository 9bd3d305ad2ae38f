#include "kernels/tally/tally.h"
#include "samples.h"
#include "tests/catch_any.h"

using namespace tailcube;

namespace {

Shape small_shape() { return {1, 1, 1, 1, 1, 0}; }

TallySettings settings(bool binned) { return {binned, {99, 100, 501, !binned}}; }

}  // namespace

TEST_CASE("a slot for every tally") {
  const Shape shape{2, 3, 2, 5, 4, 7};
  CHECK(shape.losses() == 240);
  CHECK(shape.gauge_slots() == 420);
  CHECK(shape.loss(0, 0, 0, 0, 3) == 3);
  CHECK(shape.loss(0, 0, 0, 1, 0) == 4);
  CHECK(shape.loss(0, 0, 1, 0, 0) == 20);
  CHECK(shape.loss(0, 1, 0, 0, 0) == 40);
  CHECK(shape.loss(1, 2, 1, 4, 3) == 239);
  CHECK(shape.gauge(2, 6, 4, 3) == 419);
  CHECK(shape.gauge(0, 1, 0, 0) == 20);
  const Tallies tallies(shape, settings(false));
  CHECK(tallies.losses.size() == 240);
  CHECK(tallies.faults.size() == 15);
}

TEST_CASE("any partition, order and merge gives the same tally") {
  std::mt19937_64 random(21);
  for (const auto law : test::all_laws)
    for (const bool binned : {false, true}) {
      const auto x = test::sample(law, 30'000, 22);
      Tallies whole(small_shape(), settings(binned));
      whole.losses[0].fold(x, {}, 0);
      const Tail::Worst expected = whole.losses[0].tail.worst();
      for (const std::size_t parts : {2u, 7u, 64u}) {
        std::vector<Tallies> part(parts, Tallies(small_shape(), settings(binned)));
        test::in_random_partition(x.size(), parts, random, [&](std::size_t owner, std::size_t first, std::size_t count) {
          part[owner].losses[0].fold(std::span(x).subspan(first, count), {}, first);
        });
        std::shuffle(part.begin(), part.end(), random);
        for (; part.size() > 1; part.pop_back()) part[random() % (part.size() - 1)].merge(part.back());
        Tally& merged = part[0].losses[0];
        CHECK(bool(merged.moments == whole.losses[0].moments));
        const auto bins = merged.histogram.occupied(), all = whole.losses[0].histogram.occupied();
        REQUIRE(bins.size() == all.size());
        for (std::size_t i = 0; i < all.size(); ++i)
          REQUIRE((bins[i].key == all[i].key && bins[i].count == all[i].count && bins[i].sum == all[i].sum));
        const Tail::Worst worst = merged.tail.worst();
        REQUIRE(worst.depth() >= 430);  // 300 beyond 99 %, and the ranks of its interval
        const std::size_t common = std::min(worst.size(), expected.size());
        CHECK(
            std::equal(worst.loss.begin(), worst.loss.begin() + static_cast<std::ptrdiff_t>(common), expected.loss.begin()));
        CHECK(std::equal(worst.scenario.begin(), worst.scenario.begin() + static_cast<std::ptrdiff_t>(common),
                         expected.scenario.begin()));
      }
    }
}

TEST_CASE("slots that share a tally give the bytes of slots that have their own") {
  const Shape shape{1, 4, 1, 1, 1, 1};
  const std::vector<std::uint32_t> holders = {0, 0, 2, 0};
  const auto fold = [&](Tallies& tallies, std::uint64_t first) {
    for (std::size_t slot = 0; slot < shape.losses(); ++slot)
      if (tallies.holder.empty() || tallies.holder[slot] == slot)
        tallies.losses[slot].fold(test::sample(test::Law::symmetric, 3000, first + holders[slot]), {}, first);
  };
  for (const bool binned : {false, true}) {
    Tallies own(shape, settings(binned));
    for (const std::uint64_t first : {0u, 3000u, 6000u, 9000u}) fold(own, first);
    const auto expected = to_bytes(own);

    Tallies shared(shape, settings(binned));
    fold(shared, 3000);
    shared.share(holders);
    CHECK(shared.losses[3].moments.count == 0);
    fold(shared, 0);
    shared.share(holders);
    Tallies other(shape, settings(binned)), third = other;
    other.share(holders);
    fold(other, 6000);
    shared.merge(other);
    CHECK(shared.holder == holders);
    fold(third, 9000);
    SECTION("shared takes separate") {
      shared.merge(third);
      CHECK((to_bytes(shared) == expected));
    }
    SECTION("separate takes shared") {
      third.merge(shared);
      CHECK((to_bytes(third) == expected));
    }
    SECTION("the byte form is the same") {
      third.share(holders);
      shared.merge(third);
      CHECK(shared.holder == holders);
      CHECK((to_bytes(shared) == expected));
      shared.separate();
      CHECK((to_bytes(shared) == expected));
    }
  }
}

TEST_CASE("tallies of another job are not merged") {
  Tallies a(small_shape(), settings(true)), b(small_shape(), settings(false));
  CHECK_THROWS_AS(a.merge(b), std::invalid_argument);
  Shape larger = small_shape();
  larger.nodes = 2;
  CHECK_THROWS_AS(a.merge(Tallies(larger, settings(true))), std::invalid_argument);
}

TEST_CASE("tally_bytes bounds what a tally takes") {
  for (const auto law : test::all_laws)
    for (const bool binned : {false, true}) {
      const auto x = test::sample(law, 50'000, 23);
      Units largest = 0;
      for (const Units v : x) largest = std::max(largest, std::abs(v));
      Tally tally{{}, Histogram(settings(binned).bits(), binned), Tail(settings(binned).keep)};
      std::size_t most = 0;
      for (std::size_t s = 0; s < x.size(); s += 1000) {
        tally.fold(std::span(x).subspan(s, 1000), {}, s);
        most = std::max(most, tally.bytes() + sizeof(Tally));
        REQUIRE(tally.bytes() + sizeof(Tally) <= tally_bytes(settings(binned), tally.tail.seen(), largest));
      }
      // A bound, but not an idle one.
      if (law == test::Law::symmetric) CHECK(3 * most > tally_bytes(settings(binned), 50'000, largest));
    }
}

TEST_CASE("tally_fits says which losses can be summed") {
  CHECK(tally_fits(settings(false), 1'000'000, Units{1} << 51));
  CHECK_FALSE(tally_fits(settings(false), 1'000'000, Units{1} << 53));
  CHECK(tally_fits(settings(true), 1'000'000, Units{1} << 49));
  CHECK_FALSE(tally_fits(settings(true), 1'000'000, Units{1} << 51));
  CHECK_FALSE(tally_fits(settings(false), std::int64_t{1} << 32, 1));
  // The worst that fits does not throw: all losses at the largest offset of the highest bin.
  const Units largest = (Units{1} << 53) - 1;
  REQUIRE(tally_fits(settings(true), 65'535, largest));
  Tally tally{{}, Histogram(7, true), Tail(settings(true).keep)};
  const std::vector<Units> block(4369, largest);
  for (std::uint64_t s = 0; s < 65'535; s += block.size()) tally.fold(block, {}, s);
  CHECK(bool(tally.histogram.occupied().front().sum == Wide{largest} * 65'535));
}
