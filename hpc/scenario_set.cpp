#include "hpc/scenario_set.h"

#include <algorithm>
#include <iterator>
#include <stdexcept>

namespace tailcube {
namespace {

std::string range_text(Tile range) {
  const std::string first = std::to_string(range.begin);
  return range.end - range.begin == 1 ? first : first + "-" + std::to_string(range.end - 1);
}

bool holds_scenarios(Tile range) {
  if (range.begin > range.end) throw std::invalid_argument("a range of scenarios that ends before it begins");
  return range.begin < range.end;
}

[[noreturn]] void refuse_twice(Tile a, Tile b) {
  throw std::invalid_argument("scenarios " + range_text({std::max(a.begin, b.begin), std::min(a.end, b.end)}) +
                              " are there twice");
}

}  // namespace

ScenarioSet::ScenarioSet(const std::vector<Tile>& ranges) {
  std::vector<Tile> sorted;
  for (const Tile range : ranges)
    if (holds_scenarios(range)) sorted.push_back(range);
  std::sort(sorted.begin(), sorted.end());
  for (const Tile range : sorted) {
    if (!ranges_.empty() && range.begin < ranges_.back().end) refuse_twice(range, ranges_.back());
    if (!ranges_.empty() && range.begin == ranges_.back().end)
      ranges_.back().end = range.end;
    else
      ranges_.push_back(range);
  }
}

void ScenarioSet::add(Tile range) {
  if (!holds_scenarios(range)) return;
  const auto next = std::upper_bound(ranges_.begin(), ranges_.end(), range.begin,
                                     [](std::uint64_t begin, Tile other) { return begin < other.end; });
  if (next != ranges_.end() && next->begin < range.end) refuse_twice(range, *next);
  const bool touches_last = next != ranges_.begin() && std::prev(next)->end == range.begin;
  const bool touches_next = next != ranges_.end() && next->begin == range.end;
  if (touches_last && touches_next) {
    std::prev(next)->end = next->end;
    ranges_.erase(next);
  } else if (touches_last) {
    std::prev(next)->end = range.end;
  } else if (touches_next) {
    next->begin = range.begin;
  } else {
    ranges_.insert(next, range);
  }
}

void ScenarioSet::add(const ScenarioSet& other) {
  std::vector<Tile> all = ranges_;
  all.insert(all.end(), other.ranges_.begin(), other.ranges_.end());
  *this = ScenarioSet(all);
}

std::optional<Tile> ScenarioSet::overlap(const ScenarioSet& other) const {
  for (auto a = ranges_.begin(), b = other.ranges_.begin(); a != ranges_.end() && b != other.ranges_.end();) {
    const Tile both{std::max(a->begin, b->begin), std::min(a->end, b->end)};
    if (both.begin < both.end) return both;
    if (a->end < b->end)
      ++a;
    else
      ++b;
  }
  return std::nullopt;
}

std::vector<Tile> ScenarioSet::missing(std::uint64_t begin, std::uint64_t end) const {
  std::vector<Tile> out;
  for (const Tile range : ranges_) {
    if (range.end <= begin) continue;
    if (range.begin >= end) break;
    if (begin < range.begin) out.push_back({begin, range.begin});
    begin = range.end;
  }
  if (begin < end) out.push_back({begin, end});
  return out;
}

ScenarioSet ScenarioSet::without(const ScenarioSet& other) const {
  ScenarioSet out;
  for (const Tile range : ranges_) {
    const std::vector<Tile> rest = other.missing(range.begin, range.end);
    out.ranges_.insert(out.ranges_.end(), rest.begin(), rest.end());
  }
  return out;
}

bool ScenarioSet::contains(const ScenarioSet& other) const { return other.without(*this).empty(); }

std::uint64_t ScenarioSet::size() const {
  std::uint64_t n = 0;
  for (const Tile range : ranges_) n += range.end - range.begin;
  return n;
}

std::vector<Tile> ScenarioSet::tiles(std::uint64_t tile_scenarios) const {
  std::vector<Tile> out;
  for (const Tile range : ranges_)
    for (std::uint64_t begin = range.begin; begin < range.end; begin = out.back().end)
      out.push_back({begin, std::min(range.end, (begin / tile_scenarios + 1) * tile_scenarios)});
  return out;
}

ScenarioSet ScenarioSet::part(std::uint64_t part, std::uint64_t parts) const {
  const auto blocks_in = [](Tile range) { return (range.end + lanes - 1) / lanes - range.begin / lanes; };
  std::uint64_t blocks = 0;
  for (const Tile range : ranges_) blocks += blocks_in(range);
  const auto cut = [&](std::uint64_t k) { return static_cast<std::uint64_t>(UnsignedWide{blocks} * k / parts); };
  const std::uint64_t begin = cut(part - 1), end = cut(part);
  ScenarioSet out;
  std::uint64_t before = 0;  // blocks in the ranges passed
  for (const Tile range : ranges_) {
    const auto start_of = [&](std::uint64_t block) {  // of all blocks, in this range
      if (block <= before) return range.begin;
      return std::min(range.end, (range.begin / lanes + (block - before)) * lanes);
    };
    out.add(Tile{start_of(begin), start_of(end)});
    before += blocks_in(range);
  }
  return out;
}

std::string ScenarioSet::text() const {
  std::string out;
  for (const Tile range : ranges_) out += (out.empty() ? "" : ", ") + range_text(range);
  return out;
}

}  // namespace tailcube
