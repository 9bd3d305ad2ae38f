#include "src/cube/part_ranking.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/posting.h"
#include "src/cube/tail_places.h"
#include "src/engine/selection.h"

namespace tailcube {
namespace {

constexpr std::size_t rows_of_stage = 256;                       // whose ledger stays in a cache
constexpr std::uint16_t nowhere = 0xffff;                        // no segment
constexpr std::size_t sampled_values = 32768, least_sample = 8;  // of all rows in a tail; scenarios

// A number that says nothing (the finalizer of Steele, Lea and Flood 2014, figure 14).
std::uint64_t mixed(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

CellTails::List thinned(const CellTails::List& list, std::int64_t wanted) {
  const std::vector<std::int64_t> ends = segment_ends(list.cut);
  CellTails::List out;
  std::vector<std::int64_t> taken = {0};  // up to each end
  for (std::size_t i = 0; i < ends.size(); ++i) {
    const std::int64_t begin = i == 0 ? 0 : ends[i - 1], size = ends[i] - begin;
    std::int64_t count = 1;
    for (const TailCut& cut : list.cut)
      if (ends[i] <= cut.size()) count = std::max(count, (size * wanted + cut.size() - 1) / cut.size());
    std::vector<std::int64_t> rank(static_cast<std::size_t>(size));
    std::iota(rank.begin(), rank.end(), begin);
    const auto number = [&](std::int64_t r) { return list.scenario[static_cast<std::size_t>(r)]; };
    std::sort(rank.begin(), rank.end(), [&](std::int64_t a, std::int64_t b) { return mixed(number(a)) < mixed(number(b)); });
    rank.resize(static_cast<std::size_t>(std::min(count, size)));
    std::sort(rank.begin(), rank.end());
    for (const std::int64_t r : rank) {
      out.scenario.push_back(number(r));
      out.loss.push_back(list.loss[static_cast<std::size_t>(r)]);
    }
    taken.push_back(static_cast<std::int64_t>(out.scenario.size()));
  }
  const auto up_to = [&](std::int64_t end) {
    return end == 0 ? 0 : taken[static_cast<std::size_t>(std::find(ends.begin(), ends.end(), end) - ends.begin()) + 1];
  };
  for (const TailCut& cut : list.cut) {
    const std::int64_t worse = up_to(cut.worse), size = cut.size() == 0 ? 0 : up_to(cut.size());
    out.cut.push_back({worse, size - worse, worse - up_to(cut.worse - cut.near)});
  }
  return out;
}

}  // namespace

CellTails thinned(const CellTails& tails, std::int64_t wanted) {
  CellTails out;
  out.lists.reserve(tails.lists.size());
  for (const CellTails::List& list : tails.lists) out.lists.push_back(thinned(list, wanted));
  return out;
}

PartRanking::PartRanking(const Job& job, const CompiledBook& run, const CompiledCredit& credit, Parts crowded)
    : parts_(std::move(crowded)),
      horizons_(run.market.valued.size()),
      unit_(run.unit),
      told_(job.tables.size()),
      share_(parts_.all.size(), 0.0) {
  std::vector<PositionTable> defaulting, others;
  for (std::size_t t = 0; t < job.tables.size(); ++t) {
    const Batch& batch = *run.stages[t].batch;
    if (batch.reads_defaults && dynamic_cast<const TellingBatch*>(&batch) != nullptr) {
      told_[t] = parts_.group[t];
      add_table(job.tables[t], parts_.group[t], Obligors::left_out, others);
    } else {
      add_table(job.tables[t], parts_.group[t], Obligors::kept, batch.reads_defaults ? defaulting : others);
    }
  }
  all_ = compiled(job, run, credit, defaulting);
  sample_ = compiled(job, run, credit, others);
  std::size_t rows = 1;
  for (const std::vector<Row>& of_stage : sample_.rows) rows += of_stage.size();
  sampled_ = static_cast<std::int64_t>(std::max(least_sample, sampled_values / rows));
  parts_.group = {};
}

// Its positions that are in a part, a few to a table.
void PartRanking::add_table(const PositionTable& table, const std::vector<std::uint32_t>& group, Obligors obligors,
                            std::vector<PositionTable>& to) const {
  std::vector<std::uint32_t> rows;
  for (std::uint32_t p = 0; p < group.size(); ++p)
    if (!parts_.of[group[p]].empty()) rows.push_back(p);
  for (std::size_t begin = 0; begin < rows.size(); begin += rows_of_stage) {
    const auto some = std::span(rows).subspan(begin, std::min(rows_of_stage, rows.size() - begin));
    to.push_back({table.instrument, selected(table.positions, some)});
    for (std::size_t i = 0; i < some.size(); ++i) to.back().positions.leaf[i] = NodeIndex{group[some[i]]};
    if (obligors == Obligors::left_out) to.back().positions.obligor.assign(some.size(), ObligorIndex{none});
  }
}

PartRanking::Book PartRanking::compiled(const Job& job, const CompiledBook& run, const CompiledCredit& credit,
                                        const std::vector<PositionTable>& tables) const {
  Book out{tables_apart(run, job, credit, tables), {}};
  for (std::size_t t = 0; t < tables.size(); ++t) {
    std::vector<NodeIndex> groups = tables[t].positions.leaf;
    std::sort(groups.begin(), groups.end());
    groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
    std::vector<Row>& rows = out.rows.emplace_back();
    for (std::size_t r = 0; r < groups.size(); ++r)
      rows.push_back({static_cast<std::uint32_t>(groups[r]),
                      static_cast<Units>(std::nearbyint(out.book.stages[t].batch->value_today[r] / run.unit))});
  }
  return out;
}

CellTails PartRanking::tails(Look look, CellTails whole) const {
  return look == Look::all ? std::move(whole) : thinned(whole, sampled_);
}

// Adds what a stage shows of a block to the sums of the cells that have it in common.
class PartRanking::Reader {
 public:
  Reader(const PartRanking& ranking, Look look, const std::vector<TailPlaces>& places)
      : ranking_(ranking), book_(ranking.of(look)), places_(places) {}

  void add(std::size_t stage, std::span<const int> cells, std::size_t first, std::size_t count, const Ledger& ledger,
           std::vector<RankingSums>& sums) {
    const std::size_t horizons = ranking_.horizons_;
    losses_.resize(horizons * lanes);
    std::size_t lists = 0;
    for (const Part& part : ranking_.parts_.all) lists = std::max<std::size_t>(lists, (part.parent + 1) * horizons);
    entries_.clear();
    for (const int cell : cells)
      for (std::size_t list = 0; list < lists; ++list)
        entries_.push_back(places_[static_cast<std::size_t>(cell)].in(list, first, count));
    const std::vector<Row>& rows = book_.rows[stage];
    for (std::size_t r = 0; r < rows.size(); ++r) {
      ledger_losses(ledger, r, book_.book.unit, rows[r].today, losses_.data());
      for (const std::uint32_t part : ranking_.parts_.of[rows[r].group])
        for (std::size_t h = 0; h < horizons; ++h) {
          const Units* const loss = losses_.data() + h * lanes;
          const std::size_t list = ranking_.parts_.all[part].parent * horizons + h;
          for (std::size_t c = 0; c < cells.size(); ++c) {
            LossSum* const to = sums[static_cast<std::size_t>(cells[c])].at(part, h);
            for (const TailPlaces::Entry& e : entries_[c * lists + list]) to[e.segment].add(loss[e.place - first]);
          }
        }
    }
  }

 private:
  const PartRanking& ranking_;
  const Book& book_;
  const std::vector<TailPlaces>& places_;
  std::vector<Units> losses_;
  std::vector<std::span<const TailPlaces::Entry>> entries_;  // [cell][list]
};

std::vector<RankingSums> PartRanking::sums(Look look, std::span<const CellTails> tails, CellRange cells,
                                           std::span<const std::uint32_t> scenarios, int threads, const Poll& poll) const {
  std::vector<RankingSums> none_yet(tails.size(), no_sums(confidences_of(tails)));
  if (scenarios.empty()) return none_yet;
  std::vector<TailPlaces> places;
  places.reserve(tails.size());
  for (const CellTails& of_cell : tails) places.emplace_back(of_cell, scenarios);
  struct Thread {
    std::vector<RankingSums> sums;
    Reader reader;
    std::vector<int> local;
  };
  std::vector<Thread> own;
  own.reserve(static_cast<std::size_t>(threads));
  for (int i = 0; i < threads; ++i) own.push_back({none_yet, Reader(*this, look, places), {}});
  Evaluator evaluator(of(look).book, cells, threads);
  const auto see = [&](int thread, std::size_t stage, std::span<const int> alike, std::size_t first, std::size_t count,
                       const Ledger& ledger) {
    Thread& mine = own[static_cast<std::size_t>(thread)];
    mine.local.assign(alike.begin(), alike.end());
    for (int& cell : mine.local) cell -= cells.begin;
    mine.reader.add(stage, mine.local, first, count, ledger, mine.sums);
  };
  const auto needed = [&](int cell, std::size_t first) {
    return places[static_cast<std::size_t>(cell - cells.begin)].needs(first);
  };
  evaluator.gather_stages(scenarios, see, poll, needed);
  for (std::size_t i = 1; i < own.size(); ++i)
    for (std::size_t cell = 0; cell < tails.size(); ++cell) own.front().sums[cell].merge(own[i].sums[cell]);
  return std::move(own.front().sums);
}

PartRanking::Defaults::Defaults(const PartRanking& ranking, std::span<const CellTails> tails, CellRange cells,
                                std::span<const std::uint32_t> scenarios, int threads)
    : ranking_(ranking),
      cells_(cells),
      lists_(tails.empty() ? 0 : tails.front().lists.size()),
      segments_(3 * confidences_of(tails)) {
  for (const CellTails& of_cell : tails) places_.emplace_back(of_cell, scenarios);
  Thread thread;
  thread.sums.assign(tails.size(), ranking.no_sums(confidences_of(tails)));
  thread.listed.resize(tails.size());
  thread.segment.resize(tails.size() * lists_ * lanes);
  threads_.assign(static_cast<std::size_t>(threads), thread);
}

void PartRanking::Defaults::read(Thread& mine, std::size_t first) const {
  mine.block = first;
  std::fill(mine.segment.begin(), mine.segment.end(), nowhere);
  for (std::size_t cell = 0; cell < places_.size(); ++cell) {
    mine.listed[cell] = 0;
    for (std::size_t list = 0; list < lists_; ++list)
      for (const TailPlaces::Entry& e : places_[cell].in(list, first, lanes)) {
        mine.listed[cell] |= std::uint64_t{1} << (e.place - first);
        mine.segment[(cell * lists_ + list) * lanes + e.place - first] = static_cast<std::uint16_t>(e.segment);
      }
  }
}

void PartRanking::Defaults::hear(int thread, std::size_t table, std::span<const int> cells, std::size_t first,
                                 std::span<const DefaultListener::Hit> hits, const double* loss) {
  if (table == none || ranking_.told_[table].empty()) return;
  Thread& mine = threads_[static_cast<std::size_t>(thread)];
  if (mine.block != first) read(mine, first);
  const std::size_t horizons = ranking_.horizons_;
  mine.loss.resize(hits.size() * horizons);
  const double scale = 1 / ranking_.unit_;  // a power of two
  for (std::size_t i = 0; i < mine.loss.size(); ++i) mine.loss[i] = static_cast<Units>(std::nearbyint(loss[i] * scale));
  for (const int c : cells) {
    const auto cell = static_cast<std::size_t>(c - cells_.begin);
    const std::uint64_t listed = mine.listed[cell];
    for (std::size_t i = 0; i < hits.size(); ++i) {
      if ((listed >> hits[i].lane & 1) == 0) continue;
      const std::uint16_t* const segment = &mine.segment[cell * lists_ * lanes + hits[i].lane];
      for (const std::uint32_t part : ranking_.parts_.of[ranking_.told_[table][hits[i].position]]) {
        const std::size_t list = ranking_.parts_.all[part].parent * horizons;
        LossSum* const to = mine.sums[cell].at(part, 0);
        for (std::size_t h = 0; h < horizons; ++h)
          if (const std::uint16_t at = segment[(list + h) * lanes]; at != nowhere)
            to[h * segments_ + at].add(mine.loss[i * horizons + h]);
      }
    }
  }
}

std::vector<RankingSums> PartRanking::Defaults::sums() {
  for (std::size_t i = 1; i < threads_.size(); ++i)
    for (std::size_t cell = 0; cell < places_.size(); ++cell) threads_.front().sums[cell].merge(threads_[i].sums[cell]);
  return std::move(threads_.front().sums);
}

void PartRanking::add(const CellTails& tails, const RankingSums& all, const RankingSums& sample, std::int64_t scenarios,
                      const std::vector<Confidence>& confidence) {
  const CellTails some = thinned(tails, sampled_);
  const std::vector<Part>& parts = parts_.all;
  std::vector<double> size;
  std::vector<LossSum> sums;
  for (std::size_t first = 0, last = 0; first < parts.size(); first = last) {
    while (last < parts.size() && parts[last].parent == parts[first].parent && parts[last].column == parts[first].column)
      ++last;
    for (std::size_t h = 0; h < horizons_; ++h) {
      const std::size_t number = parts[first].parent * horizons_ + h;
      const CellTails::List& list = tails.lists[number];
      const std::vector<std::int64_t> ends = segment_ends(list.cut), taken = segment_ends(some.lists[number].cut);
      for (std::size_t k = 0; k < list.cut.size() && list.cut[k].size() > 0; ++k) {
        size.clear();
        for (std::size_t part = first; part < last; ++part) {
          sums.assign(all.at(part, h), all.at(part, h) + ends.size());
          for (std::size_t i = 0; i < ends.size(); ++i) {
            const std::int64_t of = ends[i] - (i == 0 ? 0 : ends[i - 1]), seen = taken[i] - (i == 0 ? 0 : taken[i - 1]);
            sums[i].sum += sample.at(part, h)[i].sum * of / seen;
          }
          const EdgeSums edge = edge_sums(sums.data(), ends, list.cut[k]);
          size.push_back(std::abs(estimate_contribution(edge, list.cut[k], scenarios, confidence[k]).value));
        }
        const double sum = std::accumulate(size.begin(), size.end(), 0.0);
        for (std::size_t part = first; part < last && sum > 0; ++part)
          share_[part] = std::max(share_[part], size[part - first] / sum);
      }
    }
  }
}

std::vector<std::uint8_t> PartRanking::kept(const std::vector<Part>& parts, const std::vector<double>& share, int top) {
  std::vector<std::uint8_t> out(parts.size(), 0);
  for (std::size_t first = 0, last = 0; first < parts.size(); first = last) {
    while (last < parts.size() && parts[last].parent == parts[first].parent && parts[last].column == parts[first].column)
      ++last;
    std::vector<std::size_t> order(last - first);
    std::iota(order.begin(), order.end(), first);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return share[a] > share[b]; });
    for (std::size_t i = 0; i < std::min(order.size(), static_cast<std::size_t>(top)); ++i) out[order[i]] = 1;
  }
  return out;
}

}  // namespace tailcube
