// Philox against published vectors and Random123; stream ids and addresses against frozen values.
#include <set>

#include "kernels/random/stream.h"
#include "tests/catch_any.h"
#include "tests/reference.h"

#if __has_include(<Random123/philox.h>)
#include <Random123/philox.h>
#define TAILCUBE_HAS_RANDOM123
#endif

using namespace tailcube;
using Counter = std::array<std::uint32_t, 4>;
using Key = std::array<std::uint32_t, 2>;

TEST_CASE("Philox4x32-10 gives the published vectors") {
  constexpr std::uint32_t f = 0xffffffffu;
  CHECK(philox({0, 0, 0, 0}, {0, 0}) == Counter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox({f, f, f, f}, {f, f}) == Counter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Counter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("reference: philox4x32_10") {
  const auto reference = test::reference("philox4x32_10");
  if (!reference) return;
  int rows = 0;
  for (const auto& row : reference->at("expected").at("vectors")) {
    const auto value = [&](const char* name, std::size_t i) {
      return static_cast<std::uint32_t>(std::stoul(row.at(name).at(i).get<std::string>(), nullptr, 16));
    };
    const Counter counter{value("ctr", 0), value("ctr", 1), value("ctr", 2), value("ctr", 3)};
    CHECK(philox(counter, {value("key", 0), value("key", 1)}) ==
          Counter{value("out", 0), value("out", 1), value("out", 2), value("out", 3)});
    ++rows;
  }
  CHECK(rows == 10);
}

#ifdef TAILCUBE_HAS_RANDOM123
TEST_CASE("Philox4x32-10 agrees with Random123") {
  for (std::uint32_t i = 0; i < 10000; ++i) {
    const Counter counter{i, i * 2654435761u, ~i, i << 7};
    const Key key{i ^ 0x12345678u, i * 40503u};
    const auto want = r123::Philox4x32()({{counter[0], counter[1], counter[2], counter[3]}}, {{key[0], key[1]}});
    REQUIRE(philox(counter, key) == Counter{want[0], want[1], want[2], want[3]});
  }
}
#endif

TEST_CASE("a draw has the address that the design fixes") {
  const std::uint64_t seed = 0x0123456789abcdefu;
  const StreamId id{0xfedcba9876543210u};
  for (const std::uint32_t scenario : {0u, 1u, 6u, 1000003u, 0xffffffffu})
    for (const std::uint32_t draw : {0u, 1u, 77u, 0x7fffffffu}) {
      const auto four = [&](std::uint32_t d) {
        return philox({d, scenario / 4, 0x76543210u, 0xfedcba98u}, {0x89abcdefu, 0x01234567u});
      };
      CHECK(word(seed, id, scenario, draw) == four(draw)[scenario % 4]);
      const std::uint64_t high = four(2 * draw)[scenario % 4], low = four(2 * draw + 1)[scenario % 4];
      const long double exact = (static_cast<long double>((high << 32 | low) >> 11) + 0.5L) * 0x1p-53L;
      const double u = uniform(seed, id, scenario, draw);
      CHECK((u <= exact && exact - u <= 0x1p-54L));
      CHECK((u > 0 && u < 1));
    }
}

TEST_CASE("stream ids are frozen") {
  CHECK(static_cast<std::uint64_t>(stream("factor", "EURUSD")) == 0x1671002b3df81307u);
  CHECK(static_cast<std::uint64_t>(stream("default", "loan-000001")) == 0x3f46d35e07d1bfe5u);
  CHECK(static_cast<std::uint64_t>(stream("", "")) == 0x7a691e55da704499u);
  CHECK(static_cast<std::uint64_t>(stream("bridge", "a name longer than one chunk of sixteen bytes")) ==
        0x092488db6132dc81u);
}

TEST_CASE("stream ids differ where purpose or id differ") {
  CHECK(stream("ab", "c") != stream("a", "bc"));
  CHECK(stream("abc", "") != stream("", "abc"));
  CHECK(stream("a", std::string_view("\0", 1)) != stream("a", ""));
  std::set<StreamId> seen;
  for (const char* purpose : {"factor", "default", "jump", "size"})
    for (int i = 0; i < 50000; ++i) seen.insert(stream(purpose, "id" + std::to_string(i)));
  CHECK(seen.size() == 200000);
}
