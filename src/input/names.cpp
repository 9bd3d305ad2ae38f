#include "src/input/names.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>

namespace tailcube {
namespace {

// The first eight bytes as a number that sorts like the text.
std::uint64_t prefix(std::string_view text) {
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, text.data(), std::min<std::size_t>(8, text.size()));
  return __builtin_bswap64(bytes);
}

}  // namespace

static_assert(std::endian::native == std::endian::little);

std::vector<std::uint32_t> sorted_places(const std::vector<std::string_view>& names) {
  std::vector<std::uint32_t> places(names.size());
  std::iota(places.begin(), places.end(), 0u);
  if (std::is_sorted(names.begin(), names.end())) return places;
  struct Key {
    std::uint64_t prefix;
    std::uint32_t place;
  };
  std::vector<Key> keys(names.size());
  for (const auto place : places) keys[place] = {prefix(names[place]), place};
  std::sort(keys.begin(), keys.end(), [&](const Key& a, const Key& b) {
    return a.prefix != b.prefix ? a.prefix < b.prefix : names[a.place] < names[b.place];
  });
  std::transform(keys.begin(), keys.end(), places.begin(), [](const Key& key) { return key.place; });
  return places;
}

}  // namespace tailcube
