#include "kernels/random/stream.h"

#include "kernels/math/functions.h"

namespace tailcube {

std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
  auto [a, b, c, d] = counter;
  auto [k0, k1] = key;
  for (int round = 0; round < 10; ++round, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * a, p1 = std::uint64_t{0xCD9E8D57u} * c;
    a = static_cast<std::uint32_t>(p1 >> 32) ^ b ^ k0;
    b = static_cast<std::uint32_t>(p1);
    c = static_cast<std::uint32_t>(p0 >> 32) ^ d ^ k1;
    d = static_cast<std::uint32_t>(p0);
  }
  return {a, b, c, d};
}

// Sixteen bytes at a time become a counter, enciphered under the hash so far; the lengths come first, so that no two
// different pairs are fed the same way.
StreamId stream(std::string_view purpose, std::string_view id) {
  std::array<std::uint32_t, 2> key{static_cast<std::uint32_t>(purpose.size()), static_cast<std::uint32_t>(id.size())};
  std::array<std::uint32_t, 4> counter{};
  std::size_t filled = 0;
  const auto absorb = [&] {
    const auto out = philox(counter, key);
    key = {out[0] ^ out[2], out[1] ^ out[3]};
    counter = {};
    filled = 0;
  };
  for (const std::string_view part : {purpose, id})
    for (const char character : part) {
      counter[filled / 4] |= std::uint32_t{static_cast<unsigned char>(character)} << (filled % 4 * 8);
      if (++filled == 16) absorb();
    }
  absorb();
  return StreamId{std::uint64_t{key[1]} << 32 | key[0]};
}

std::uint32_t word(std::uint64_t seed, StreamId stream, std::uint32_t scenario, std::uint32_t draw) {
  const auto id = static_cast<std::uint64_t>(stream);
  return philox({draw, scenario / 4, static_cast<std::uint32_t>(id), static_cast<std::uint32_t>(id >> 32)},
                {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)})[scenario % 4];
}

double uniform(std::uint64_t seed, StreamId stream, std::uint32_t scenario, std::uint32_t draw) {
  const std::uint64_t n =
      (std::uint64_t{word(seed, stream, scenario, 2 * draw)} << 32 | word(seed, stream, scenario, 2 * draw + 1)) >> 11;
  const auto whole = static_cast<double>(n);
  return (n >> 52 ? whole : whole + 0.5) * 0x1p-53;
}

double normal(std::uint64_t seed, StreamId stream, std::uint32_t scenario, std::uint32_t draw) {
  return normal_quantile(uniform(seed, stream, scenario, draw));
}

}  // namespace tailcube
