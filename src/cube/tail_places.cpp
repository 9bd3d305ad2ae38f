#include "src/cube/tail_places.h"

#include <algorithm>
#include <utility>

namespace tailcube {

TailPlaces::TailPlaces(const CellTails& tails, std::span<const std::uint32_t> scenarios)
    : needed_((scenarios.size() + lanes - 1) / lanes, 0) {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> places;  // by scenario
  places.reserve(scenarios.size());
  for (std::uint32_t place = 0; place < scenarios.size(); ++place) places.emplace_back(scenarios[place], place);
  std::sort(places.begin(), places.end());
  for (const CellTails::List& list : tails.lists) {
    const std::vector<std::int64_t> ends = segment_ends(list.cut);
    std::vector<Entry>& entries = entries_.emplace_back();
    for (std::uint32_t rank = 0; rank < list.scenario.size(); ++rank) {
      const auto at = std::lower_bound(places.begin(), places.end(), std::pair(list.scenario[rank], 0u));
      if (at == places.end() || at->first != list.scenario[rank]) continue;
      const auto segment = std::upper_bound(ends.begin(), ends.end(), std::int64_t{rank}) - ends.begin();
      entries.push_back({at->second, rank, static_cast<std::uint32_t>(segment)});
      needed_[at->second / lanes] = 1;
    }
    std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.place < b.place; });
  }
}

std::span<const TailPlaces::Entry> TailPlaces::in(std::size_t list, std::size_t first, std::size_t count) const {
  const std::vector<Entry>& entries = entries_[list];
  const auto from = [&](std::size_t place) {
    return std::lower_bound(entries.begin(), entries.end(), place,
                            [](const Entry& e, std::size_t x) { return e.place < x; });
  };
  return {from(first), from(first + count)};
}

}  // namespace tailcube
