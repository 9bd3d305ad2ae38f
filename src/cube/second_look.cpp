#include "src/cube/second_look.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "kernels/posting.h"
#include "src/cube/tail_reader.h"
#include "src/engine/selection.h"

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
    out.parents.push_back({parent.node, first, out.edges.size(), parent.number});
  }
  return out;
}

// [node]: it is one of the parents or below one.
std::vector<std::uint8_t> below(const CompiledBook& book, const ContributionEdges& tree) {
  std::vector<std::uint8_t> out(book.parent.size(), 0);
  for (const ContributionEdges::Parent& p : tree.parents) out[static_cast<std::size_t>(p.node)] = 1;
  for (std::size_t node = 1; node < out.size(); ++node) out[node] |= out[static_cast<std::size_t>(book.parent[node])];
  return out;
}

bool any_row(const CompiledBook& book, const Stage& stage, const std::vector<std::uint8_t>& of_leaf) {
  const auto first = book.leaf_of_row.begin() + static_cast<std::ptrdiff_t>(stage.first_row);
  return std::any_of(first, first + stage.row_count,
                     [&](NodeIndex leaf) { return of_leaf[static_cast<std::size_t>(leaf)] != 0; });
}

// A bucket's draws are its own: those of which the tables read no obligor need not be drawn. What the book publishes may
// read all of them.
void leave_out_buckets(CompiledBook& book, const std::vector<ObligorIndex>& order, std::span<const PositionTable> tables) {
  if (book.publishing) return;
  std::vector<std::uint8_t> read(order.size(), 0);
  const auto note = [&](std::uint32_t obligor) {
    if (obligor != none) read[static_cast<std::size_t>(order[obligor])] = 1;
  };
  for (const PositionTable& table : tables) {
    for (const ObligorIndex o : table.positions.obligor) note(static_cast<std::uint32_t>(o));
    for (std::size_t c = 0; c < table.instrument->columns.size(); ++c)
      if (table.instrument->columns[c].kind == CellKind::obligor)
        for (const std::uint32_t o : table.positions.references[c]) note(o);
  }
  std::erase_if(book.credit.buckets, [&](const Bucket& bucket) {
    const auto first = read.begin() + bucket.first;
    return std::find(first, first + bucket.count, 1) == first + bucket.count;
  });
}

}  // namespace

std::vector<std::vector<std::uint32_t>> looks(const CompiledBook& run, const ContributionEdges& tree) {
  std::vector<std::vector<std::uint32_t>> out;
  std::map<std::vector<bool>, std::size_t> known;  // by the stages below
  for (std::uint32_t p = 0; p < tree.parents.size(); ++p) {
    const std::vector<std::uint8_t> mine = below(run, edges_of(tree, std::span(&p, 1)));
    std::vector<bool> stages;
    stages.reserve(run.stages.size());
    for (const Stage& stage : run.stages) stages.push_back(any_row(run, stage, mine));
    const std::size_t at = known.try_emplace(std::move(stages), out.size()).first->second;
    if (at == out.size()) out.emplace_back();
    out[at].push_back(p);
  }
  return out;
}

LookBook::LookBook(const CompiledBook& run, const ContributionEdges& tree)
    : run_(run), edges_(tree), below_(below(run, tree)) {
  keep_stages_below();
}

LookBook::LookBook(const Job& job, const CompiledBook& run, const CompiledCredit& credit, const ContributionEdges& tree,
                   Parts parts)
    : run_(run),
      parts_(std::move(parts)),
      edges_(with_parts(tree, parts_, static_cast<int>(run.parent.size()))),
      below_(below(run, tree)) {
  keep_stages_below();
  choose_rest(job);
  compile_groups(job, credit);
  parts_.group = {};
}

LookBook::LookBook(Named, const Job& job, const CompiledBook& run, const CompiledCredit& credit,
                   const ContributionEdges& tree, Parts parts)
    : run_(run), whole_book_(false), parts_(std::move(parts)), below_(below(run, tree)) {
  ContributionEdges parents = tree;
  parents.edges.clear();
  for (ContributionEdges::Parent& parent : parents.parents) parent.first = parent.last = 0;
  edges_ = with_parts(parents, parts_, static_cast<int>(run.parent.size()));
  own_ = run_;
  own_->stages.clear(), own_->leaf_of_row.clear(), own_->gauge_rows.clear(), own_->today.clear();
  own_->market.discounts.clear();
  for (std::size_t part = 0; part < parts_.all.size(); ++part) {
    const auto same = [&](std::size_t other) {
      return parts_.all[other].parent == parts_.all[part].parent && parts_.all[other].column == parts_.all[part].column;
    };
    if (part + 1 < parts_.all.size() && same(part + 1)) continue;
    for (std::vector<std::uint32_t>& of_group : parts_.of) std::erase(of_group, static_cast<std::uint32_t>(part));
  }
  compile_groups(job, credit);
  parts_.group = {};
}

LookBook LookBook::named(const Job& job, const CompiledBook& run, const CompiledCredit& credit,
                         const ContributionEdges& tree, Parts parts) {
  return {Named{}, job, run, credit, tree, std::move(parts)};
}

void LookBook::keep_stages_below() {
  for (std::size_t s = 0; s < run_.stages.size(); ++s)
    if (any_row(run_, run_.stages[s], below_)) tables_.push_back(s);
  if (tables_.size() == run_.stages.size()) return;
  own_ = run_;
  std::erase_if(own_->stages, [this](const Stage& stage) { return !any_row(run_, stage, below_); });
}

std::uint32_t LookBook::row_of_run(std::size_t table, NodeIndex leaf) const {
  const Stage& stage = run_.stages[table];
  const auto first = run_.leaf_of_row.begin() + static_cast<std::ptrdiff_t>(stage.first_row);
  const auto at = std::lower_bound(first, first + stage.row_count, leaf);
  return static_cast<std::uint32_t>(at - run_.leaf_of_row.begin());
}

// Of each leaf, in each table.
void LookBook::choose_rest(const Job& job) {
  rest_.assign(run_.leaf_of_row.size(), none);
  for (std::size_t t = 0; t < job.tables.size(); ++t) {
    std::vector<std::uint32_t> size(parts_.leaf.size(), 0);
    for (const std::uint32_t g : parts_.group[t]) ++size[g];
    for (std::uint32_t g = 0; g < size.size(); ++g) {
      if (size[g] == 0 || below_[static_cast<std::size_t>(parts_.leaf[g])] == 0) continue;
      std::uint32_t& rest = rest_[row_of_run(t, parts_.leaf[g])];
      if (rest == none || size[g] > size[rest]) rest = g;
    }
  }
}

bool LookBook::has_row(std::size_t table, std::uint32_t group) const {
  if (!whole_book_) return !parts_.of[group].empty();
  const NodeIndex leaf = parts_.leaf[group];
  return below_[static_cast<std::size_t>(leaf)] != 0 && rest_[row_of_run(table, leaf)] != group;
}

void LookBook::compile_groups(const Job& job, const CompiledCredit& credit) {
  const auto nodes = static_cast<std::uint32_t>(job.nodes.size());
  std::vector<PositionTable> tables;
  std::vector<std::size_t> table_of;
  for (std::size_t t = 0; t < job.tables.size(); ++t) {
    const Positions& positions = job.tables[t].positions;
    const std::vector<std::uint32_t>& group = parts_.group[t];
    std::vector<std::uint32_t> rows;
    for (std::uint32_t p = 0; p < positions.size(); ++p)
      if (has_row(t, group[p])) rows.push_back(p);
    if (rows.empty()) continue;
    tables.push_back({job.tables[t].instrument, selected(positions, rows)});
    for (std::size_t i = 0; i < rows.size(); ++i) tables.back().positions.leaf[i] = NodeIndex{nodes + group[rows[i]]};
    table_of.push_back(t);
  }
  if (tables.empty()) return;
  if (!whole_book_) leave_out_buckets(*own_, credit.order, tables);
  const std::size_t run_stages = book().stages.size();
  own_ = with_tables(book(), job, credit, tables);
  for (std::size_t s = 0; s < tables.size(); ++s) {
    const Stage& stage = own_->stages[run_stages + s];
    for (std::uint32_t r = 0; r < stage.row_count; ++r) {
      const std::size_t row = static_cast<std::size_t>(stage.first_row) + r;
      group_.push_back(static_cast<std::uint32_t>(own_->leaf_of_row[row]) - nodes);
      if (whole_book_) whole_.push_back(row_of_run(table_of[s], parts_.leaf[group_.back()]));
    }
  }
}

void LookBook::losses(const Valuation& valuation, std::vector<Units>& losses, std::vector<Units>& rows) const {
  const std::size_t nodes = run_.parent.size(), run_rows = whole_book_ ? run_.leaf_of_row.size() : 0;
  const std::size_t width = run_.market.valued.size() * lanes;
  rows.resize(book().leaf_of_row.size() * width);
  row_losses(book(), valuation, rows.data());
  losses.assign((nodes + parts_.all.size()) * width, 0);
  const auto add = [width](Units* to, const Units* from) {
    for (std::size_t i = 0; i < width; ++i) to[i] += from[i];
  };
  for (std::size_t r = 0; r < run_rows; ++r)
    add(&losses[static_cast<std::size_t>(run_.leaf_of_row[r]) * width], &rows[r * width]);
  for (std::size_t node = whole_book_ ? nodes : 0; node-- > 1;)
    add(&losses[static_cast<std::size_t>(run_.parent[node]) * width], &losses[node * width]);
  const auto to_parts = [&](std::uint32_t group, const Units* from) {
    for (const std::uint32_t part : parts_.of[group]) add(&losses[(nodes + part) * width], from);
  };
  for (std::size_t b = 0; b < group_.size(); ++b) {
    const Units* const mine = &rows[(run_rows + b) * width];
    to_parts(group_[b], mine);
    if (!whole_book_) continue;
    Units* const whole = &rows[whole_[b] * width];
    for (std::size_t i = 0; i < width; ++i) whole[i] -= mine[i];
  }
  for (std::size_t r = 0; r < rest_.size(); ++r)
    if (rest_[r] != none) to_parts(rest_[r], &rows[r * width]);
}

std::vector<ContributionSums> look_again(const LookBook& look, std::span<const CellTails> tails, CellRange cells,
                                         std::span<const std::uint32_t> scenarios, int threads, const Poll& poll) {
  const ContributionSums empty(look.edges().edges.size(), look.book().market.valued.size(), confidences_of(tails));
  std::vector<ContributionSums> all(tails.size(), empty);
  if (scenarios.empty()) return all;
  struct Thread {
    std::vector<ContributionSums> sums;
    std::vector<Units> losses, rows;
  };
  std::vector<Thread> own(static_cast<std::size_t>(threads), Thread{all, {}, {}});
  std::vector<TailReader> readers;
  readers.reserve(tails.size());
  for (const CellTails& of_cell : tails) readers.emplace_back(look, of_cell, scenarios);
  Evaluator evaluator(look.book(), cells, threads);
  const auto see = [&](int thread, int cell, std::size_t first, std::size_t count, const Valuation& valuation) {
    Thread& mine = own[static_cast<std::size_t>(thread)];
    const auto place = static_cast<std::size_t>(cell - cells.begin);
    look.losses(valuation, mine.losses, mine.rows);
    readers[place].add(first, count, mine.losses, mine.sums[place]);
  };
  const auto needed = [&](int cell, std::size_t first) {
    return readers[static_cast<std::size_t>(cell - cells.begin)].needs(first);
  };
  evaluator.gather(scenarios, see, poll, needed);
  for (const Thread& thread : own)
    for (std::size_t cell = 0; cell < all.size(); ++cell) all[cell].merge(thread.sums[cell]);
  return all;
}

}  // namespace tailcube
