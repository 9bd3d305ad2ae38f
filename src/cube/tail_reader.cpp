#include "src/cube/tail_reader.h"

#include <array>
#include <stdexcept>
#include <string>

namespace tailcube {

void TailReader::add(std::size_t first, std::size_t count, const std::vector<Units>& losses, ContributionSums& sums) const {
  for (std::size_t p = 0; p < look_.edges().parents.size(); ++p)
    for (std::size_t h = 0; h < horizons_; ++h)
      add_list(p, h, places_.in(p * horizons_ + h, first, count), first, losses, sums);
}

void TailReader::add_list(std::size_t parent, std::size_t horizon, std::span<const TailPlaces::Entry> entries,
                          std::size_t first, const std::vector<Units>& losses, ContributionSums& sums) const {
  const CellTails::List& list = tails_.lists[parent * horizons_ + horizon];
  const auto of = [&](int column) {
    return losses.data() + (static_cast<std::size_t>(column) * horizons_ + horizon) * lanes;
  };
  const ContributionEdges::Parent& p = look_.edges().parents[parent];
  if (!look_.whole()) return add_named(p, horizon, list, entries, first, losses, sums);
  for (const TailPlaces::Entry& e : entries)
    if (of(p.node)[e.place - first] != list.loss[e.rank])
      throw std::runtime_error("scenario " + std::to_string(list.scenario[e.rank]) +
                               ", looked at again, has another loss than before");
  for (std::size_t edge = p.first; edge < p.last; ++edge) {
    const Units* loss = of(look_.edges().edges[edge].child);
    LossPowers* to = sums.at(edge, horizon);
    for (const TailPlaces::Entry& e : entries) to[e.segment].add(loss[e.place - first]);
  }
}

// The parts of a column, then what they leave of the parent.
void TailReader::add_named(const ContributionEdges::Parent& p, std::size_t horizon, const CellTails::List& list,
                           std::span<const TailPlaces::Entry> entries, std::size_t first, const std::vector<Units>& losses,
                           ContributionSums& sums) const {
  const std::vector<ContributionEdges::Edge>& edges = look_.edges().edges;
  const auto differ = [&](std::size_t a, std::size_t b) {
    return look_.part(edges[a]).column != look_.part(edges[b]).column;
  };
  std::array<Units, lanes> left{};
  for (std::size_t edge = p.first; edge < p.last; ++edge) {
    const ContributionEdges::Edge& e = edges[edge];
    const Units* const loss = &losses[(static_cast<std::size_t>(e.child) * horizons_ + horizon) * lanes];
    LossPowers* const to = sums.at(edge, horizon);
    if (edge == p.first || differ(edge - 1, edge))
      for (std::size_t i = 0; i < entries.size(); ++i) left[i] = list.loss[entries[i].rank];
    if (edge + 1 == p.last || differ(edge, edge + 1)) {
      for (std::size_t i = 0; i < entries.size(); ++i) to[entries[i].segment].add(left[i]);
      continue;
    }
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const Units mine = loss[entries[i].place - first];
      to[entries[i].segment].add(mine);
      left[i] -= mine;
    }
  }
}

}  // namespace tailcube
