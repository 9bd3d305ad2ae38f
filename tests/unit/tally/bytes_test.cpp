#include <cstring>

#include "kernels/tally/tally.h"
#include "samples.h"
#include "tests/catch_any.h"

using namespace tailcube;

namespace {

Tallies filled(bool binned, bool weighted, std::size_t n) {
  Tallies tallies({1, 2, 1, 2, 1, 1}, {binned, {95, 100, 40, !binned}});
  std::vector<std::int64_t> w;
  if (weighted) w.assign(n, unit_weight / 3);
  std::uint64_t seed = 31;
  for (Tally& tally : tallies.losses) tally.fold(test::sample(test::Law::symmetric, n, ++seed), w, 0);
  for (Moments& m : tallies.gauges) m.add(test::sample(test::Law::lumpy, n, ++seed), w);
  for (Moments& m : tallies.conditional_pd) m.add(std::vector<std::int64_t>(n, 1 << 30), w);
  tallies.faults = {0, 1, 2, 3};
  return tallies;
}

// The byte form with a checksum that is right again, as whoever means harm would send it.
void seal(std::vector<std::byte>& bytes) {
  const std::uint64_t sum = tally_checksum(std::span(bytes).first(bytes.size() - 8));
  for (std::size_t i = 0; i < 8; ++i) bytes[bytes.size() - 8 + i] = static_cast<std::byte>(sum >> (8 * i));
}

}  // namespace

TEST_CASE("tallies come back from their bytes") {
  for (const bool binned : {false, true})
    for (const bool weighted : {false, true})
      for (const std::size_t n : {0u, 10u, 3000u}) {
        Tallies before = filled(binned, weighted, n);
        const auto bytes = to_bytes(before);
        Tallies after = tallies_from_bytes(bytes);
        CHECK(after.shape == before.shape);
        CHECK(after.settings == before.settings);
        CHECK(after.faults == before.faults);
        CHECK(to_bytes(after) == bytes);
        // What came back goes on exactly as what was written.
        Tallies more = filled(binned, weighted, 0);
        for (Tally& tally : more.losses) tally.fold(test::sample(test::Law::symmetric, 500, 77), {}, 100'000);
        before.merge(more);
        after.merge(more);
        CHECK(to_bytes(after) == to_bytes(before));
      }
}

TEST_CASE("equal contents have equal bytes, however they were filled") {
  const auto x = test::sample(test::Law::symmetric, 5000, 33);
  Tallies at_once({1, 1, 1, 1, 1, 0}, {true, {95, 100, 300, false}}), in_parts = at_once;
  at_once.losses[0].fold(x, {}, 0);
  for (std::size_t s = 5000; s > 0; s -= 50) in_parts.losses[0].fold(std::span(x).subspan(s - 50, 50), {}, s - 50);
  CHECK(to_bytes(at_once) == to_bytes(in_parts));
}

TEST_CASE("truncated and altered bytes are refused") {
  Tallies tallies = filled(true, false, 40);
  const auto bytes = to_bytes(tallies);
  for (std::size_t n = 0; n < bytes.size(); n += 1 + n / 50)
    REQUIRE_THROWS_AS(tallies_from_bytes(std::span(bytes).first(n)), std::runtime_error);
  for (std::size_t bit = 0; bit < 8 * bytes.size(); bit += 1 + bit / 300) {
    auto damaged = bytes;
    damaged[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
    REQUIRE_THROWS_AS(tallies_from_bytes(damaged), std::runtime_error);
  }
  auto longer = bytes;
  longer.push_back(std::byte{0});
  CHECK_THROWS_AS(tallies_from_bytes(longer), std::runtime_error);
}

TEST_CASE("hostile bytes with a right checksum are refused or harmless") {
#ifdef TAILCUBE_SANITIZED  // all of them take three quarters of a minute
  constexpr int trials = 300;
#else
  constexpr int trials = 1500;
#endif
  std::mt19937_64 random(34);
  int refused = 0, taken = 0;
  for (const bool weighted : {false, true}) {
    Tallies tallies = filled(true, weighted, 40);
    const auto bytes = to_bytes(tallies);
    for (int trial = 0; trial < trials; ++trial) {
      auto hostile = bytes;
      const std::size_t size = trial % 3 == 0 ? 16 + random() % (bytes.size() - 16) : bytes.size();
      hostile.resize(size);
      // Half of the damage goes to the head, where the extents are.
      const std::size_t range = trial % 2 == 0 ? std::min<std::size_t>(200, size - 8) : size - 8;
      for (std::uint64_t flips = random() % 4; flips-- > 0;) {
        const std::size_t at = 8 + random() % (range - 8 + 1);
        hostile[std::min(at, size - 9)] = random() % 2 ? std::byte{0xff} : static_cast<std::byte>(random());
      }
      seal(hostile);
      try {
        Tallies read = tallies_from_bytes(hostile);
        to_bytes(read);
        ++taken;
      } catch (const std::runtime_error&) {
        ++refused;
      }
    }
  }
  CHECK(refused > 2 * trials / 3);
  CHECK(taken > 0);
}
