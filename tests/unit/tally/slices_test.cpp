#include "kernels/tally/slices.h"

#include "samples.h"
#include "tests/catch_any.h"

using namespace tailcube;

namespace {

const std::vector<std::uint32_t> shared = {0, 1, 0, 3, 4, 5, 4, 7};  // slots 2 and 6 have what 0 and 4 have

// `seed` is also the part of the scenarios.
Tallies filled(bool binned, bool weighted, bool sharing, std::uint64_t seed, std::size_t n = 3000) {
  Tallies tallies({1, 2, 1, 4, 1, 1}, {binned, {95, 100, 40, !binned}});
  if (sharing) tallies.share(shared);
  const std::vector<std::int64_t> w(weighted ? n : 0, unit_weight / 3);
  for (std::size_t slot = 0; slot < tallies.losses.size(); ++slot)
    if (!sharing || shared[slot] == slot)
      tallies.losses[slot].fold(test::sample(test::all_laws[slot % std::size(test::all_laws)], n, seed * 100 + slot), w,
                                seed * n);
  for (std::size_t i = 0; i < tallies.gauges.size(); ++i)
    tallies.gauges[i].add(test::sample(test::Law::lumpy, n, seed * 100 + 50 + i), w);
  for (Moments& m : tallies.conditional_pd) m.add(test::sample(test::Law::symmetric, n, seed), w);
  for (std::size_t i = 0; i < tallies.faults.size(); ++i) tallies.faults[i] = static_cast<std::int64_t>(seed + i);
  return tallies;
}

}  // namespace

TEST_CASE("slices add up to what merging gives, however many and in how many parts", "[threads]") {
  for (const bool binned : {false, true})
    for (const bool weighted : {false, true})
      for (const bool sharing : {false, true}) {
        const Tallies first = filled(binned, weighted, sharing, 0), second = filled(binned, weighted, sharing, 1);
        Tallies whole = first;
        whole.merge(second);
        const auto expected = to_bytes(whole);
        for (const std::size_t of : {1u, 2u, 3u, 11u})
          for (const std::size_t parts : {1u, 4u}) {
            std::optional<Tallies> sum, mine(first), other(second);
            const std::vector<std::uint32_t> holder = mine->holder;
            for (std::size_t k = 0; k < of; ++k)
              for (std::size_t part = 0; part < parts; ++part) {
                const Slice slice = Slice{k, k + 1, of}.part(part, parts);
                add_slice(mine, take_slice(*other, slice, 1), 2);
                sort_tails(*mine, slice, 2);
                add_slice(sum, take_slice(*mine, slice, 2), 1);
              }
            CHECK(sum->holder == holder);
            CHECK((to_bytes(*sum) == expected));
            Tallies nothing(whole.shape, whole.settings);
            CHECK((to_bytes(*other) == to_bytes(nothing)));
          }
      }
}

TEST_CASE("parts of a slice are no longer than asked for, and a tally") {
  Tallies tallies = filled(false, false, true, 2, 20'000);
  std::optional<Tallies> one(tallies);
  const std::size_t all = take_slice(*one, {}, 1).size();
  for (const std::size_t bytes : {all / 3, all / 20, std::size_t{100}}) {
    const Slice slice{1, 3, 4};
    const std::size_t parts = slice_parts(tallies, slice, bytes);
    std::optional<Tallies> from(tallies);
    for (std::size_t k = 0; k < parts; ++k) CHECK(take_slice(*from, slice.part(k, parts), 1).size() <= bytes + all / 4);
  }
}

TEST_CASE("slices of other tallies and damaged slices are refused", "[threads]") {
  const auto bytes = [] {
    Tallies tallies = filled(false, false, true, 3);
    return take_slice(tallies, {0, 1, 2}, 1);
  }();
  std::optional<Tallies> separate(filled(false, false, false, 4)), binned(filled(true, false, true, 4));
  CHECK_THROWS_AS(add_slice(separate, bytes, 2), std::invalid_argument);
  CHECK_THROWS_AS(add_slice(binned, bytes, 2), std::invalid_argument);
  const Tallies whole = filled(false, false, true, 4);
  for (std::size_t n = 0; n < bytes.size(); n += 1 + n / 20) {
    std::optional<Tallies> sum(whole);
    REQUIRE_THROWS_AS(add_slice(sum, std::span(bytes).first(n), 2), std::runtime_error);
  }
}
