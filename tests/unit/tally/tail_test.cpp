#include "kernels/tally/tail.h"

#include <algorithm>

#include "samples.h"
#include "tests/catch_any.h"

using namespace tailcube;

namespace {

using Listed = std::vector<std::pair<Units, std::uint32_t>>;

Listed sorted(const std::vector<Units>& x) {
  Listed all(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) all[i] = {x[i], static_cast<std::uint32_t>(i)};
  std::sort(all.begin(), all.end(),
            [](auto& a, auto& b) { return a.first != b.first ? a.first > b.first : a.second < b.second; });
  return all;
}

Listed listed(Tail tail) {
  const Tail::Worst worst = tail.worst();
  Listed out;
  for (std::size_t i = 0; i < worst.size(); ++i) out.emplace_back(worst.loss[i], worst.scenario[i]);
  return out;
}

// The list is the beginning of the order, and as many scenarios repeat its last loss as it says.
bool starts(const Listed& all, Tail tail) {
  const Listed list = listed(tail);
  const auto n = static_cast<std::int64_t>(list.size()), depth = tail.worst().depth();
  if (list.empty() || depth > static_cast<std::int64_t>(all.size())) return all.empty();
  const auto repeats =
      std::count_if(all.begin() + n, all.end(), [&](auto& entry) { return entry.first == list.back().first; });
  return std::equal(list.begin(), list.end(), all.begin()) && depth == n + repeats;
}

}  // namespace

TEST_CASE("how many a tail keeps") {
  const Tail::Keep keep{95, 100, 1001, true};
  CHECK(keep(0) == 1001);
  CHECK(keep(1'000'000) == 50'000 + 1744 + 8);  // 8 sqrt(1e6 0.95 0.05) = 1743.6
  CHECK(Tail::Keep{999, 1000, 1001, true}(1'000'001) == 1001 + 253 + 8);
  CHECK(Tail::Keep{95, 100, 500, false}(1'000'000) == 500);
}

TEST_CASE("the tail is the beginning of the sorted losses") {
  for (const auto law : test::all_laws)
    for (const bool grows : {false, true}) {
      const auto x = test::sample(law, 60'000, 11);
      const Listed all = sorted(x);
      Tail tail(Tail::Keep{95, 100, 300, grows});
      for (std::size_t s = 0; s < x.size(); s += 100) {
        tail.add(std::span(x).subspan(s, 100), {}, s);
        REQUIRE(tail.bytes() <= Tail::bytes_bound(tail.keep(), tail.seen()));
      }
      CHECK(starts(all, tail));
      CHECK(tail.worst().size() >= 300);
      // Every rank that an estimate at 95 % can ask for, four standard deviations beyond n - k + 1.
      if (grows) CHECK(tail.worst().depth() >= 3001 + 220);
    }
}

TEST_CASE("the tail does not depend on the order in which scenarios arrive") {
  std::mt19937_64 random(5);
  for (const auto law : test::all_laws) {
    const auto x = test::sample(law, 40'000, 12);
    const Listed all = sorted(x);
    Tail backwards(Tail::Keep{95, 100, 300, true}), shuffled = backwards;
    for (std::size_t s = x.size(); s-- > 0;) backwards.add(std::span(x).subspan(s, 1), {}, s);
    test::in_random_partition(x.size(), 1, random, [&](std::size_t, std::size_t first, std::size_t count) {
      shuffled.add(std::span(x).subspan(first, count), {}, first);
    });
    CHECK(starts(all, backwards));
    CHECK(starts(all, shuffled));
    CHECK(backwards.worst().depth() >= 2001 + 180);
    CHECK(shuffled.worst().depth() >= 2001 + 180);
  }
}

TEST_CASE("merged tails are the tail of everything, whatever their floors") {
  std::mt19937_64 random(6);
  for (const auto law : test::all_laws)
    for (const bool grows : {false, true})
      for (const std::size_t parts : {2u, 7u, 40u}) {
        const auto x = test::sample(law, 40'000, 13);
        const Listed all = sorted(x);
        std::vector<Tail> tails(parts, Tail(Tail::Keep{95, 100, 300, grows}));
        // Uneven: the first owner sees half of everything, so that the floors differ much.
        test::in_random_partition(x.size(), 2 * parts, random, [&](std::size_t owner, std::size_t first, std::size_t count) {
          tails[owner < parts ? owner : 0].add(std::span(x).subspan(first, count), {}, first);
        });
        std::shuffle(tails.begin(), tails.end(), random);
        while (tails.size() > 1) {
          const std::size_t into = random() % (tails.size() - 1);
          tails[into].merge(tails.back());
          tails.pop_back();
          REQUIRE(tails[into].bytes() <= Tail::bytes_bound(tails[into].keep(), tails[into].seen()));
        }
        CHECK(tails[0].seen() == 40'000);
        CHECK(starts(all, tails[0]));
        CHECK(tails[0].worst().size() >= 300);
        CHECK(tails[0].worst().depth() >= (grows ? 2001 + 180 : 300));
      }
}

TEST_CASE("a merged tail ends at the higher floor") {
  // One keeper of two holds scenarios down to a loss of 900 only; what the other holds below is not complete.
  Tail a(Tail::Keep{1, 1, 2, false}), b = a;
  std::vector<Units> many(4000);
  for (std::size_t i = 0; i < many.size(); ++i) many[i] = static_cast<Units>(i);
  a.add(many, {}, 0);
  a.worst();
  b.add(std::vector<Units>{10, 20, 5000}, {}, 4000);
  b.merge(a);
  CHECK(listed(b) == Listed{{5000, 4002}, {3999, 3999}});
  Tail c(Tail::Keep{1, 1, 1500, false});
  c.add(many, {}, 0);
  CHECK(listed(c).size() == 1500);
}

TEST_CASE("an atom is counted beyond the list") {
  // Nothing is lost in 99.9 % of the scenarios: the 95 % quantile lies in the atom at zero, far beyond what is listed.
  Tail tail(Tail::Keep{95, 100, 50, true});
  std::vector<Units> x(100'000, 0);
  for (std::size_t i = 0; i < 100; ++i) x[1000 * i] = 7;
  for (std::size_t s = 0; s < x.size(); s += 50) tail.add(std::span(x).subspan(s, 50), {}, s);
  CHECK(tail.worst().depth() == 100'000);
  CHECK(tail.worst().size() < 1000);
  CHECK(tail.bytes() < 20'000);
}

TEST_CASE("weights follow their scenarios") {
  const auto x = test::sample(test::Law::symmetric, 20'000, 14);
  std::vector<std::int64_t> w(x.size());
  for (std::size_t i = 0; i < w.size(); ++i) w[i] = static_cast<std::int64_t>(i);
  Tail first(Tail::Keep{95, 100, 300, true}), second = first;
  first.add(std::span(x).first(10'000), {}, 0);
  second.add(std::span(x).subspan(10'000), std::span(w).subspan(10'000), 10'000);
  first.merge(second);
  const Tail::Worst worst = first.worst();
  REQUIRE(worst.weight.size() == worst.size());
  for (std::size_t i = 0; i < worst.size(); ++i)
    REQUIRE(worst.weight[i] == (worst.scenario[i] < 10'000 ? unit_weight : std::int64_t{worst.scenario[i]}));
}

TEST_CASE("a tail refuses scenarios beyond 32 bits and other keepers") {
  Tail tail;
  CHECK_THROWS_AS(tail.add(std::vector<Units>(64), {}, (std::uint64_t{1} << 32) - 32), std::overflow_error);
  tail.add(std::vector<Units>(32), {}, (std::uint64_t{1} << 32) - 32);
  CHECK_THROWS_AS(tail.merge(Tail(Tail::Keep{95, 100, 7, true})), std::invalid_argument);
}
