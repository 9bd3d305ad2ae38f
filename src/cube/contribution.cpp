#include "src/cube/contribution.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "kernels/tally/byte_stream.h"
#include "src/cube/ranks.h"
#include "src/cube/weighted.h"
#include "src/model/no_number.h"

namespace tailcube {
namespace {

constexpr std::int64_t least_tied = 128;  // beyond what is surely kept, a tail that was merged is sure to hold as many

// n (1 - alpha), times the denominator.
Wide mass(std::int64_t n, Confidence alpha) { return Wide{n} * (alpha.denominator - alpha.numerator); }

}  // namespace

ContributionEdges contribution_edges(const Job& job) {
  ContributionEdges out;
  const auto nodes = static_cast<int>(job.nodes.size());
  for (const NodeIndex index : job.contributions) {
    const auto parent = static_cast<int>(index);
    const std::size_t first = out.edges.size();
    for (int child = parent + 1; child < nodes; ++child)
      if (parent == 0 || job.nodes[static_cast<std::size_t>(child)].parent == index) out.edges.push_back({parent, child});
    if (out.edges.size() > first || !job.contribute_by.empty())
      out.parents.push_back({parent, first, out.edges.size(), out.parents.size()});
  }
  return out;
}

ContributionEdges edges_of(const ContributionEdges& all, std::span<const std::uint32_t> parents) {
  ContributionEdges out;
  for (const std::uint32_t p : parents) {
    ContributionEdges::Parent parent = all.parents[p];
    const std::size_t first = out.edges.size();
    out.edges.insert(out.edges.end(), all.edges.begin() + static_cast<std::ptrdiff_t>(parent.first),
                     all.edges.begin() + static_cast<std::ptrdiff_t>(parent.last));
    parent.first = first, parent.last = out.edges.size();
    out.parents.push_back(parent);
  }
  return out;
}

std::optional<TailCut> tail_cut(const Tail::Worst& worst, std::int64_t n, std::int64_t surely_kept, Confidence alpha) {
  const std::int64_t beyond = n - quantile_rank(n, alpha);
  if (worst.size() == 0 || !worst.weight.empty() || beyond >= worst.depth()) return std::nullopt;
  const auto size = static_cast<std::int64_t>(worst.size());
  const Units var = worst.loss[static_cast<std::size_t>(std::min(beyond, size - 1))];
  const auto range = std::equal_range(worst.loss.begin(), worst.loss.end(), var, std::greater<>());
  TailCut cut;
  cut.worse = range.first - worst.loss.begin();
  const std::int64_t listed = range.second - range.first;
  const std::int64_t alike = listed + (range.second == worst.loss.end() ? worst.repeated : 0);
  const auto whole = static_cast<std::int64_t>((mass(n, alpha) + alpha.denominator - 1) / alpha.denominator);
  const std::int64_t most = std::max(least_tied, surely_kept - cut.worse);
  cut.tied = std::max<std::int64_t>(1, std::min({alike, whole - cut.worse, most}));
  if (cut.tied > listed)
    throw std::runtime_error("too few of the scenarios whose loss is VaR were kept to split up expected shortfall");
  const double tail = real(mass(n, alpha)) / static_cast<double>(alpha.denominator);
  const auto window = static_cast<std::int64_t>(std::ceil(std::sqrt(tail)));
  cut.near = std::clamp<std::int64_t>(window - cut.tied, 0, cut.worse);
  return cut;
}

std::vector<std::uint32_t> scenarios_of(std::span<const CellTails> cells) {
  std::vector<std::uint32_t> all;
  for (const CellTails& tails : cells)
    for (const CellTails::List& list : tails.lists) all.insert(all.end(), list.scenario.begin(), list.scenario.end());
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  std::vector<std::uint64_t> asking(all.size(), 0);  // who does, a bit each
  const auto place = [&](std::uint32_t scenario) {
    return std::lower_bound(all.begin(), all.end(), scenario) - all.begin();
  };
  for (std::size_t cell = 0; cell < cells.size(); ++cell)
    for (const CellTails::List& list : cells[cell].lists)
      for (const std::uint32_t scenario : list.scenario)
        asking[static_cast<std::size_t>(place(scenario))] |= std::uint64_t{1} << cell % 64;
  // A cell that asks where most others do not comes first in the order: neighbours seldom differ in it.
  const std::size_t bits = std::min<std::size_t>(64, cells.size());
  std::array<std::size_t, 64> differs{}, by_rank{};
  for (const std::uint64_t who : asking) {
    const bool most = 2 * static_cast<std::size_t>(std::popcount(who)) > bits;
    for (std::size_t bit = 0; bit < bits; ++bit) differs[bit] += (who >> bit & 1) != most;
  }
  std::iota(by_rank.begin(), by_rank.end(), 0u);
  std::stable_sort(by_rank.begin(), by_rank.begin() + static_cast<std::ptrdiff_t>(bits),
                   [&](std::size_t a, std::size_t b) { return differs[a] > differs[b]; });
  const auto ranked = [&](std::uint64_t who) {
    std::uint64_t out = 0;
    for (std::size_t rank = 0; rank < bits; ++rank) out = out << 1 | (who >> by_rank[rank] & 1);
    return out;
  };
  std::vector<std::pair<std::uint64_t, std::uint32_t>> order;
  order.reserve(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) order.emplace_back(ranked(asking[i]), all[i]);
  std::sort(order.begin(), order.end());
  std::transform(order.begin(), order.end(), all.begin(), [](const auto& entry) { return entry.second; });
  return all;
}

CellTails tails_of(const CellTails& all, std::size_t count, std::span<const std::uint32_t> parents) {
  const std::size_t horizons = all.lists.size() / count;
  CellTails out;
  for (const std::uint32_t p : parents)
    for (std::size_t h = 0; h < horizons; ++h) out.lists.push_back(all.lists[p * horizons + h]);
  return out;
}

std::size_t confidences_of(std::span<const CellTails> cells) {
  std::size_t most = 0;
  for (const CellTails& tails : cells)
    for (const CellTails::List& list : tails.lists) most = std::max(most, list.cut.size());
  return most;
}

std::vector<std::byte> to_bytes(const CellTails& tails) {
  ByteWriter out;
  out.put(std::uint64_t{tails.lists.size()});
  for (const CellTails::List& list : tails.lists) {
    out.put_block(std::as_bytes(std::span(list.scenario)));
    out.put_block(std::as_bytes(std::span(list.loss)));
    out.put_block(std::as_bytes(std::span(list.cut)));
  }
  return std::move(out.bytes);
}

CellTails cell_tails_from_bytes(std::span<const std::byte> bytes) {
  ByteReader in(bytes);
  CellTails tails;
  tails.lists.resize(in.count(3 * sizeof(std::uint64_t)));
  const auto read = [&in](auto& to) {
    const auto block = in.block();
    to.resize(block.size() / sizeof(to[0]));
    if (!block.empty()) std::memcpy(to.data(), block.data(), to.size() * sizeof(to[0]));
  };
  for (CellTails::List& list : tails.lists) read(list.scenario), read(list.loss), read(list.cut);
  return tails;
}

Contributions::Contributions(const Job& job)
    : edges_(contribution_edges(job)),
      confidence_(job.confidence),
      scenarios_(static_cast<std::int64_t>(job.scenarios)),
      horizons_(job.report_steps.size()),
      cells_(job.cells.size()) {
  for (CellTails& cell : cells_) cell.lists.resize(edges_.parents.size() * horizons_);
}

void Contributions::add(int cell, int node, int horizon, const Tail::Worst& worst, std::int64_t surely_kept) {
  const auto at = std::find_if(edges_.parents.begin(), edges_.parents.end(),
                               [node](const ContributionEdges::Parent& p) { return p.node == node; });
  if (at == edges_.parents.end()) return;
  const auto parent = static_cast<std::size_t>(at - edges_.parents.begin());
  CellTails::List& list =
      cells_[static_cast<std::size_t>(cell)].lists[parent * horizons_ + static_cast<std::size_t>(horizon)];
  std::int64_t deepest = 0;
  for (const Confidence alpha : confidence_) {
    list.cut.push_back(tail_cut(worst, scenarios_, surely_kept, alpha).value_or(TailCut{}));
    deepest = std::max(deepest, list.cut.back().size());
  }
  list.scenario.assign(worst.scenario.begin(), worst.scenario.begin() + deepest);
  list.loss.assign(worst.loss.begin(), worst.loss.begin() + deepest);
}

ContributionEstimate estimate_contribution(const EdgeSums& sums, const TailCut& cut, std::int64_t n, Confidence alpha) {
  if (cut.size() == 0) return {no_number, no_number};
  const auto per = static_cast<double>(alpha.denominator);
  const double m = real(mass(n, alpha)) / per;                                              // scenarios in the tail
  const double missing = real(mass(n, alpha) - Wide{cut.worse} * alpha.denominator) / per;  // of them, at VaR
  const auto tied = static_cast<double>(cut.tied);
  const Wide beyond = sums.far.sum + sums.near.sum;
  const double value = (real(beyond) + missing / tied * real(sums.tied.sum)) / m;
  if (n - quantile_rank(n, alpha) < 2 || cut.worse == 0) return {value, no_number};
  // E[child | loss = VaR], as a whole number of units so that the sums of squares about it are exact.
  LossPowers about = sums.near;
  about.merge(sums.tied);
  const auto count = static_cast<double>(cut.near + cut.tied);
  const auto centre = static_cast<Wide>(std::llround(real(about.sum) / count));
  const auto squares = [&](const LossPowers& p, std::int64_t of) {  // modulo 2^128, which the result does not reach
    const auto c = static_cast<UnsignedWide>(centre);
    return real(static_cast<Wide>(static_cast<UnsignedWide>(p.squares) - 2 * c * static_cast<UnsignedWide>(p.sum) +
                                  static_cast<UnsignedWide>(of) * c * c));
  };
  LossPowers all = sums.far;
  all.merge(sums.near);
  const double shift = value - real(centre);
  const double variance = squares(all, cut.worse) / m - m / static_cast<double>(n) * shift * shift;
  const double at_var = squares(about, cut.near + cut.tied) / count;
  const double error = std::max(0.0, variance) / m + missing / m * (missing / m) * at_var / tied;
  return {value, error > 0 ? std::sqrt(error) : no_number};
}

std::vector<std::int64_t> segment_ends(std::span<const TailCut> cuts) {
  std::vector<std::int64_t> ends;
  for (const TailCut& cut : cuts)
    for (const std::int64_t end : {cut.worse - cut.near, cut.worse, cut.size()})
      if (end > 0) ends.push_back(end);
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  return ends;
}

namespace {

template <class Sum>
EdgeSums sums_of(const Sum* segments, std::span<const std::int64_t> ends, const TailCut& cut) {
  EdgeSums out;
  for (std::size_t i = 0; i < ends.size() && ends[i] <= cut.size(); ++i) {
    LossPowers& part = ends[i] <= cut.worse - cut.near ? out.far : ends[i] <= cut.worse ? out.near : out.tied;
    part.sum += segments[i].sum;
    if constexpr (std::is_same_v<Sum, LossPowers>) part.squares += segments[i].squares;
  }
  return out;
}

}  // namespace

EdgeSums edge_sums(const LossPowers* segments, std::span<const std::int64_t> ends, const TailCut& cut) {
  return sums_of(segments, ends, cut);
}
EdgeSums edge_sums(const LossSum* segments, std::span<const std::int64_t> ends, const TailCut& cut) {
  return sums_of(segments, ends, cut);
}

}  // namespace tailcube
