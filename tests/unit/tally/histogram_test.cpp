#include "kernels/tally/histogram.h"

#include <map>

#include "samples.h"
#include "tests/catch_any.h"

using namespace tailcube;

TEST_CASE("bins tile the integers") {
  for (const int bits : {3, 7}) {
    CAPTURE(bits);
    CHECK(Histogram::key(0, bits) == 0);
    CHECK(Histogram::key(-1, bits) == -1);
    const std::int64_t last = Histogram::key((Units{1} << 62) - 1, bits);
    for (std::int64_t k = -last - 1; k <= last; ++k) {
      const Units low = Histogram::lowest(k, bits), high = Histogram::highest(k, bits);
      REQUIRE(low <= high);
      REQUIRE(Histogram::key(low, bits) == k);
      REQUIRE(Histogram::key(high, bits) == k);
      REQUIRE(Histogram::lowest(k + 1, bits) == high + 1);
      // 2^-bits of the octave at most.
      REQUIRE((high - low) <= (std::max(std::abs(low), std::abs(high)) >> bits));
    }
  }
}

TEST_CASE("a coarser key holds the whole finer bin") {
  const std::int64_t last = Histogram::key((Units{1} << 62) - 1, 7);
  for (std::int64_t k = -last - 1; k <= last; ++k) {
    const std::int64_t coarse = Histogram::coarser(k, 7, 3);
    REQUIRE(Histogram::lowest(coarse, 3) <= Histogram::lowest(k, 7));
    REQUIRE(Histogram::highest(coarse, 3) >= Histogram::highest(k, 7));
  }
}

TEST_CASE("counts, sums and weights are those of a map") {
  for (const auto law : test::all_laws) {
    const auto x = test::sample(law, 5000, 7);
    std::vector<std::int64_t> w(x.size());
    std::mt19937_64 random(2);
    for (auto& v : w) v = static_cast<std::int64_t>(random() >> 8);
    std::map<std::int64_t, std::tuple<std::int64_t, Wide, Wide>> expected;
    for (std::size_t i = 0; i < x.size(); ++i) {
      auto& [count, sum, weight] = expected[Histogram::key(x[i], 7)];
      count += 1, sum += x[i], weight += i < 2500 ? unit_weight : w[i];
    }
    Histogram h(7, true);
    h.add(std::span(x).first(2500));
    h.add(std::span(x).subspan(2500), std::span(w).subspan(2500));
    const auto bins = h.occupied();
    REQUIRE(bins.size() == expected.size());
    auto it = expected.begin();
    for (const auto& bin : bins) {
      const auto& [count, sum, weight] = it->second;
      REQUIRE(bin.key == it->first);
      REQUIRE(bin.count == count);
      REQUIRE(bool(bin.sum == sum));
      REQUIRE(bool(bin.weight == weight));
      ++it;
    }
    CHECK(h.total() == 5000);
  }
}

TEST_CASE("a histogram notices a bin whose sum is too large") {
  // Just below 2^62 the offset from the bin's edge is 2^54 - 1: 513 of them pass 2^63.
  const std::vector<Units> largest(512, (Units{1} << 62) - 1);
  Histogram h(7, true);
  h.add(largest);
  CHECK(bool(h.occupied().front().sum == Wide{512} * largest[0]));
  Histogram other = h;
  CHECK_THROWS_AS(h.merge(other), std::overflow_error);
  CHECK_THROWS_AS(other.add(largest), std::overflow_error);
  CHECK_THROWS_AS(Histogram(3).merge(Histogram(7)), std::invalid_argument);
}

TEST_CASE("a histogram takes the memory it is said to take") {
  for (const int bits : {3, 7}) {
    Histogram h(bits, bits == 7);
    for (const Units x : {Units{0}, Units{1} << 40, -(Units{1} << 40), Units{1} << 20}) {
      h.add(std::vector<Units>{x});
      CHECK(h.bytes() <= Histogram::bytes_bound(bits, bits == 7, Units{1} << 40));
    }
    CHECK(h.bytes() == Histogram::bytes_bound(bits, bits == 7, Units{1} << 40));
  }
}
