#include "src/cube/second_look.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <string>

#include "kernels/posting.h"

namespace tailcube {
namespace {

ContributionEdges with_parts(const ContributionEdges& tree, const Parts& parts, int nodes) {
  ContributionEdges out;
  std::size_t part = 0;
  for (std::uint32_t p = 0; p < tree.parents.size(); ++p) {
    const ContributionEdges::Parent& parent = tree.parents[p];
    const std::size_t first = out.edges.size();
    out.edges.insert(out.edges.end(), tree.edges.begin() + static_cast<std::ptrdiff_t>(parent.first),
                     tree.edges.begin() + static_cast<std::ptrdiff_t>(parent.last));
    for (; part < parts.all.size() && parts.all[part].parent == p; ++part)
      out.edges.push_back({parent.node, nodes + static_cast<int>(part)});
    out.parents.push_back({parent.node, first, out.edges.size()});
  }
  return out;
}

}  // namespace

LookBook::LookBook(const CompiledBook& run, const ContributionEdges& tree) : run_(run), edges_(tree) {}

LookBook::LookBook(const Job& job, const CompiledBook& run, const CompiledCredit& credit, const ContributionEdges& tree,
                   Parts parts)
    : run_(run), parts_(std::move(parts)), edges_(with_parts(tree, parts_, static_cast<int>(run.parent.size()))) {
  compile_groups(job, credit);
  parts_.group = {};
}

// The tables twice: as they are, and with groups for leaves. Market, defaults and discount factors are then computed once.
void LookBook::compile_groups(const Job& job, const CompiledCredit& credit) {
  Job both = job;
  const auto nodes = static_cast<std::uint32_t>(job.nodes.size());
  both.nodes.resize(nodes + parts_.leaf.size(), {"", NodeIndex{0}});
  for (std::size_t t = 0; t < job.tables.size(); ++t) {
    PositionTable table = job.tables[t];
    for (std::size_t p = 0; p < table.positions.size(); ++p) table.positions.leaf[p] = NodeIndex{nodes + parts_.group[t][p]};
    both.tables.push_back(std::move(table));
  }
  own_ = std::make_unique<CompiledBook>(compile(both, Detail::leaf, credit, run_.unit));

  const std::size_t run_rows = run_.leaf_of_row.size();
  largest_.assign(run_rows, none);
  for (std::size_t s = job.tables.size(); s < own_->stages.size(); ++s) {
    const Stage& mine = own_->stages[s];
    const Stage& of_run = own_->stages[s - job.tables.size()];
    const auto leaves = own_->leaf_of_row.begin() + static_cast<std::ptrdiff_t>(of_run.first_row);
    for (std::uint32_t r = 0; r < mine.row_count; ++r) {
      const std::size_t row = static_cast<std::size_t>(mine.first_row) + r;
      const std::uint32_t group = static_cast<std::uint32_t>(own_->leaf_of_row[row]) - nodes;
      const auto at = std::lower_bound(leaves, leaves + of_run.row_count, parts_.leaf[group]) - leaves;
      const std::uint32_t whole = static_cast<std::uint32_t>(of_run.first_row) + static_cast<std::uint32_t>(at);
      const auto beyond = static_cast<std::uint32_t>(row - run_rows);
      group_of_row_.push_back(group);
      run_row_.push_back(whole);
      std::uint32_t& largest = largest_[whole];
      if (largest == none || std::abs(own_->today[row]) > std::abs(own_->today[run_rows + largest])) largest = beyond;
    }
  }
}

// Of the groups in a row of the run the largest gets what the others leave of it. `rows`: [row][horizon][lane], `width`
// numbers to a row.
void LookBook::make_exact(std::vector<Units>& rows, std::size_t width) const {
  Units* const run = rows.data();
  Units* const beyond = run + largest_.size() * width;
  for (std::size_t r = 0; r < largest_.size(); ++r) std::copy_n(run + r * width, width, beyond + largest_[r] * width);
  for (std::size_t b = 0; b < run_row_.size(); ++b) {
    const std::uint32_t largest = largest_[run_row_[b]];
    for (std::size_t i = 0; i < width && largest != b; ++i) beyond[largest * width + i] -= beyond[b * width + i];
  }
}

void LookBook::losses(const Valuation& valuation, std::vector<Units>& losses, std::vector<Units>& rows) const {
  const std::size_t nodes = run_.parent.size(), run_rows = run_.leaf_of_row.size();
  const std::size_t width = run_.market.valued.size() * lanes;
  rows.resize(book().leaf_of_row.size() * width);
  row_losses(book(), valuation, rows.data());
  losses.assign((nodes + parts_.all.size()) * width, 0);
  const auto add = [width](Units* to, const Units* from) {
    for (std::size_t i = 0; i < width; ++i) to[i] += from[i];
  };
  for (std::size_t r = 0; r < run_rows; ++r)
    add(&losses[static_cast<std::size_t>(run_.leaf_of_row[r]) * width], &rows[r * width]);
  for (std::size_t node = nodes; node-- > 1;)
    add(&losses[static_cast<std::size_t>(run_.parent[node]) * width], &losses[node * width]);
  if (own_ == nullptr) return;
  make_exact(rows, width);
  for (std::size_t b = 0; b < group_of_row_.size(); ++b)
    for (const std::uint32_t part : parts_.of[group_of_row_[b]])
      add(&losses[(nodes + part) * width], &rows[(run_rows + b) * width]);
}

namespace {

// Adds what blocks of a cell's scenarios show to its sums.
template <class Sum>
class Reader {
 public:
  // `scenarios`: the list that the blocks are cut from, ascending. All outlive this.
  Reader(const LookBook&, const CellTails&, std::span<const std::uint32_t> scenarios);
  // Places [first, first + count) of the list, `losses` as LookBook has them. Throws std::runtime_error, naming the
  // scenario, if a parent's loss is not the one of the tail.
  void add(std::size_t first, std::size_t count, const std::vector<Units>& losses, SegmentSums<Sum>&) const;

 private:
  struct Entry {
    std::uint32_t place, rank, segment;
  };
  void add_list(std::size_t parent, std::size_t horizon, std::span<const Entry>, std::size_t first,
                const std::vector<Units>& losses, SegmentSums<Sum>&) const;
  const LookBook& look_;
  const CellTails& tails_;
  std::size_t horizons_;
  std::vector<std::vector<Entry>> entries_;  // of each list, by place
};

template <class Sum>
Reader<Sum>::Reader(const LookBook& look, const CellTails& tails, std::span<const std::uint32_t> scenarios)
    : look_(look), tails_(tails), horizons_(look.book().market.valued.size()) {
  for (const CellTails::List& list : tails.lists) {
    const std::vector<std::int64_t> ends = segment_ends(list.cut);
    std::vector<Entry>& entries = entries_.emplace_back();
    for (std::size_t rank = 0; rank < list.scenario.size(); ++rank) {
      const auto at = std::lower_bound(scenarios.begin(), scenarios.end(), list.scenario[rank]);
      if (at == scenarios.end() || *at != list.scenario[rank]) continue;  // another rank's
      const auto segment = std::upper_bound(ends.begin(), ends.end(), static_cast<std::int64_t>(rank)) - ends.begin();
      entries.push_back({static_cast<std::uint32_t>(at - scenarios.begin()), static_cast<std::uint32_t>(rank),
                         static_cast<std::uint32_t>(segment)});
    }
    std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.place < b.place; });
  }
}

template <class Sum>
void Reader<Sum>::add(std::size_t first, std::size_t count, const std::vector<Units>& losses, SegmentSums<Sum>& sums) const {
  for (std::size_t p = 0; p < look_.edges().parents.size(); ++p)
    for (std::size_t h = 0; h < horizons_; ++h) {
      const std::vector<Entry>& entries = entries_[p * horizons_ + h];
      const auto from = [&](std::size_t place) {
        return std::lower_bound(entries.begin(), entries.end(), place,
                                [](const Entry& e, std::size_t x) { return e.place < x; });
      };
      add_list(p, h, std::span(from(first), from(first + count)), first, losses, sums);
    }
}

template <class Sum>
void Reader<Sum>::add_list(std::size_t parent, std::size_t horizon, std::span<const Entry> entries, std::size_t first,
                           const std::vector<Units>& losses, SegmentSums<Sum>& sums) const {
  const CellTails::List& list = tails_.lists[parent * horizons_ + horizon];
  const auto of = [&](int column) {
    return losses.data() + (static_cast<std::size_t>(column) * horizons_ + horizon) * lanes;
  };
  const ContributionEdges::Parent& p = look_.edges().parents[parent];
  for (const Entry& e : entries)
    if (of(p.node)[e.place - first] != list.loss[e.rank])
      throw std::runtime_error("scenario " + std::to_string(list.scenario[e.rank]) +
                               ", looked at again, has another loss than before");
  for (std::size_t edge = p.first; edge < p.last; ++edge) {
    const Units* loss = of(look_.edges().edges[edge].child);
    Sum* to = sums.at(edge, horizon);
    for (const Entry& e : entries) to[e.segment].add(loss[e.place - first]);
  }
}

}  // namespace

template <class Sum>
std::vector<SegmentSums<Sum>> look_again(const LookBook& look, std::span<const CellTails> tails, CellRange cells,
                                         std::span<const std::uint32_t> scenarios, int threads, const Poll& poll) {
  std::size_t confidences = 0;
  for (const CellTails& of_cell : tails)
    for (const CellTails::List& list : of_cell.lists) confidences = std::max(confidences, list.cut.size());
  const SegmentSums<Sum> empty(look.edges().edges.size(), look.book().market.valued.size(), confidences);
  std::vector<SegmentSums<Sum>> all(tails.size(), empty);
  if (scenarios.empty()) return all;
  struct Thread {
    std::vector<SegmentSums<Sum>> sums;
    std::vector<Units> losses, rows;
  };
  std::vector<Thread> own(static_cast<std::size_t>(threads), Thread{all, {}, {}});
  std::vector<Reader<Sum>> readers;
  readers.reserve(tails.size());
  for (const CellTails& of_cell : tails) readers.emplace_back(look, of_cell, scenarios);
  Evaluator evaluator(look.book(), cells, threads);
  const auto see = [&](int thread, int cell, std::size_t first, std::size_t count, const Valuation& valuation) {
    Thread& mine = own[static_cast<std::size_t>(thread)];
    const auto place = static_cast<std::size_t>(cell - cells.begin);
    look.losses(valuation, mine.losses, mine.rows);
    readers[place].add(first, count, mine.losses, mine.sums[place]);
  };
  evaluator.gather(scenarios, see, poll);
  for (const Thread& thread : own)
    for (std::size_t cell = 0; cell < all.size(); ++cell) all[cell].merge(thread.sums[cell]);
  return all;
}

template std::vector<ContributionSums> look_again<LossPowers>(const LookBook&, std::span<const CellTails>, CellRange,
                                                              std::span<const std::uint32_t>, int, const Poll&);
template std::vector<RankingSums> look_again<LossSum>(const LookBook&, std::span<const CellTails>, CellRange,
                                                      std::span<const std::uint32_t>, int, const Poll&);

PartRanking::PartRanking(const LookBook& look) : look_(look), share_(look.parts().all.size(), 0.0) {}

void PartRanking::add(const CellTails& tails, const RankingSums& sums, std::int64_t scenarios,
                      const std::vector<Confidence>& confidence) {
  const std::vector<Part>& parts = look_.parts().all;
  std::vector<double> size;
  for (std::size_t first = 0, last = 0; first < parts.size(); first = last) {
    while (last < parts.size() && parts[last].parent == parts[first].parent && parts[last].column == parts[first].column)
      ++last;
    for (std::size_t h = 0; h < sums.horizons; ++h) {
      const CellTails::List& list = tails.lists[parts[first].parent * sums.horizons + h];
      const std::vector<std::int64_t> ends = segment_ends(list.cut);
      for (std::size_t k = 0; k < list.cut.size() && list.cut[k].size() > 0; ++k) {
        size.clear();
        for (std::size_t part = first; part < last; ++part)  // the edges of this look are its parts
          size.push_back(std::abs(
              estimate_contribution(edge_sums(sums.at(part, h), ends, list.cut[k]), list.cut[k], scenarios, confidence[k])
                  .value));
        const double all = std::accumulate(size.begin(), size.end(), 0.0);
        for (std::size_t part = first; part < last && all > 0; ++part)
          share_[part] = std::max(share_[part], size[part - first] / all);
      }
    }
  }
}

std::vector<std::uint8_t> PartRanking::kept(int top) const {
  const std::vector<Part>& parts = look_.parts().all;
  std::vector<std::uint8_t> out(parts.size(), 0);
  for (std::size_t first = 0, last = 0; first < parts.size(); first = last) {
    while (last < parts.size() && parts[last].parent == parts[first].parent && parts[last].column == parts[first].column)
      ++last;
    std::vector<std::size_t> order(last - first);
    std::iota(order.begin(), order.end(), first);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return share_[a] > share_[b]; });
    for (std::size_t i = 0; i < std::min(order.size(), static_cast<std::size_t>(top)); ++i) out[order[i]] = 1;
  }
  return out;
}

}  // namespace tailcube
