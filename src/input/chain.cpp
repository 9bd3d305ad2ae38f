#include "src/input/chain.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "src/engine/selection.h"

namespace tailcube {
namespace {

bool is_reference(CellKind kind) {
  return kind == CellKind::factor || kind == CellKind::rate || kind == CellKind::pool || kind == CellKind::account;
}

// What a position refers to in the book: `see(row of Block::factors)`.
template <class See>
void each_reference(const PositionTable& table, std::size_t p, std::uint32_t first, const See& see) {
  for (std::size_t c = 0; c < table.instrument->columns.size(); ++c) {
    if (!is_reference(table.instrument->columns[c].kind)) continue;
    const std::uint32_t to = table.positions.references[c][p];
    if (to != none && to >= first) see(to);
  }
}

}  // namespace

void ChainReader::offer(std::size_t table, std::size_t row, std::string_view id, RowSource source) {
  if (id.empty() || !offered_.insert(id).second) return;  // reported already
  offers_.push_back({table, row, source});
  if (reading_.factors.known && reading_.factors.index.find(id) != none)
    complain(source, "id", in_quotes(id) + " is the id of a factor; a position with a price needs its own");
}

void ChainReader::complain(const RowSource& source, std::string_view column, std::string text) {
  reading_.issues.add(
      {reading_.files.all()[source.file].shown, static_cast<int>(source.line), 0, std::string(column), std::move(text)});
}
void ChainReader::complain(const Cell& cell, const PositionRows& rows, std::string text) {
  complain(cell.source, rows.instrument->columns[cell.column].name, std::move(text));
}

std::vector<std::string> ChainReader::outside() const {
  std::vector<std::string> out;
  if (reading_.outside == nullptr) return out;
  for (const auto& element : *reading_.outside)
    if (const auto* path = element.as_string()) out.push_back(path->get());
  return out;
}

void ChainReader::look_up(std::vector<PositionRows>& tables, const NodeTree& tree) {
  first_ = static_cast<std::uint32_t>(reading_.job.market.factors.size());
  const auto exists = [&](std::string_view path) {
    return std::any_of(tree.paths().begin(), tree.paths().end(), [&](const std::string& p) { return is_below(p, path); });
  };
  std::vector<std::string_view> known(tree.paths().begin(), tree.paths().end());
  for (const Cell& cell : pools_) {
    if (exists(cell.text))
      paths_.emplace_back(cell.text);
    else
      complain(cell, tables[cell.table],
               in_quotes(cell.text) + " is no node of the book, written without \"total/\"" +
                   reading_.issues.suggest(cell.text, known));
  }
  std::sort(paths_.begin(), paths_.end());
  paths_.erase(std::unique(paths_.begin(), paths_.end()), paths_.end());
  for (const Cell& cell : pools_) {
    const auto at = std::lower_bound(paths_.begin(), paths_.end(), cell.text);
    const bool found = at != paths_.end() && *at == cell.text;
    tables[cell.table].references[cell.column][cell.row] =
        found ? static_cast<std::uint32_t>(row_of_pool(static_cast<std::size_t>(at - paths_.begin()))) : none;
  }
  const auto account_of = [&](const Cell& cell) {  // names are those of a column: others may have the same
    const PositionRows& rows = tables[cell.table];
    return Account{rows.instrument->name, cell.column, std::string(cell.text)};
  };
  for (const Cell& cell : accounts_) shared_.push_back(account_of(cell));
  std::sort(shared_.begin(), shared_.end());
  shared_.erase(std::unique(shared_.begin(), shared_.end()), shared_.end());
  for (const Cell& cell : accounts_) {
    const auto at = std::lower_bound(shared_.begin(), shared_.end(), account_of(cell));
    tables[cell.table].references[cell.column][cell.row] =
        static_cast<std::uint32_t>(row_of_account(static_cast<std::size_t>(at - shared_.begin())));
  }
  // Rows go by id, so that the order of a file does not matter.
  rows_ = static_cast<std::uint32_t>(row_of_account(shared_.size())) - first_;
  std::vector<std::uint32_t> row_of(offers_.size());
  for (const std::uint32_t place : sorted_places(offered_.names())) {
    row_of[place] = first_ + rows_;
    rows_ += price_rows;
    auto& published = tables[offers_[place].table].published;
    published.resize(tables[offers_[place].table].size(), FactorIndex{none});
    published[offers_[place].row] = FactorIndex{row_of[place]};
  }
  for (const Cell& cell : prices_) {
    const std::uint32_t place = offered_.find(cell.text);
    if (place != none && cell.foreign) {
      complain(cell, tables[cell.table], in_quotes(cell.text) + " is a price in the job's currency; leave currency blank");
    } else if (place != none) {
      tables[cell.table].references[cell.column][cell.row] = row_of[place];
    } else {
      std::vector<std::string_view> names = reading_.factors.index.names();
      names.insert(names.end(), offered_.names().begin(), offered_.names().end());
      complain(cell, tables[cell.table],
               in_quotes(cell.text) + " is not in files.factors" + (offers_.empty() ? "" : ", nor a position with a price") +
                   reading_.issues.suggest(cell.text, names));
    }
  }
}

void ChainReader::link(const std::vector<PositionRows>& tables, const NodeTree& tree) {
  std::vector<const PositionRows*> sources;  // of the job's tables
  for (const PositionRows& rows : tables)
    if (rows.size() > 0) sources.push_back(&rows);
  if (rows_ > 0 && reading_.issues.total() == 0) {
    auto chain = std::make_shared<Chain>();
    chain->rows = rows_;
    ChainGraph graph;
    graph.no_positions = paths_.size() + shared_.size();
    std::map<std::uint32_t, std::size_t> node_of;  // by first row
    std::vector<ChainLink> links;
    const auto add = [&](ChainLink::Kind kind, const std::string& name, const std::string& shown, FactorIndex first) {
      node_of[static_cast<std::uint32_t>(first)] = links.size();
      links.push_back({name, kind, first, {}});
      graph.nodes.push_back({shown, {}});
    };
    for (std::size_t i = 0; i < paths_.size(); ++i)
      add(ChainLink::Kind::pool, paths_[i], "pool " + paths_[i], row_of_pool(i));
    for (std::size_t i = 0; i < shared_.size(); ++i)
      add(ChainLink::Kind::account, shared_[i].name, "account " + shared_[i].name, row_of_account(i));
    std::map<std::string, RowSource> blamed;  // those that refer to something
    for (std::size_t t = 0; t < sources.size(); ++t) {
      const PositionTable& table = reading_.job.tables[t];
      for (std::uint32_t p = 0; p < table.positions.published.size(); ++p) {
        add(ChainLink::Kind::price, table.positions.id[p], table.positions.id[p], table.positions.published[p]);
        links.back().tables.push_back({table.instrument, selected(table.positions, {&p, 1})});
      }
    }
    for (std::size_t t = 0; t < sources.size(); ++t) {
      const PositionTable& table = reading_.job.tables[t];
      std::vector<std::vector<std::uint32_t>> members(graph.no_positions);  // of pools and accounts
      for (std::uint32_t p = 0; p < table.positions.size(); ++p) {
        const std::string& id = table.positions.id[p];
        std::vector<std::size_t> to;
        each_reference(table, p, first_, [&](std::uint32_t row) { to.push_back(node_of.at(row)); });
        if (!to.empty()) blamed.emplace(id, sources[t]->source(p));
        const auto is_account = [&](std::size_t node) { return links[node].kind == ChainLink::Kind::account; };
        const auto joins = [&](std::size_t node, bool prices) {
          members[node].push_back(p);
          bool seen = false;
          for (const std::size_t other : to) {
            seen |= other == node;
            // Who shares an account reads it, and that is no ring; of two accounts the one in the later column reads the
            // other.
            if (is_account(node) && seen && is_account(other)) continue;
            graph.nodes[node].edges.push_back({other, prices ? std::string() : id});
          }
        };
        for (const std::size_t node : to)
          if (is_account(node)) joins(node, false);
        const bool prices = !table.positions.published.empty();
        if (prices) {
          const std::size_t own = node_of.at(static_cast<std::uint32_t>(table.positions.published[p]));
          for (const std::size_t node : to) graph.nodes[own].edges.push_back({node, ""});
          to = {own};
        }
        const std::string& path = tree.paths()[sources[t]->leaf(p)];
        for (std::size_t i = 0; i < paths_.size(); ++i)
          if (is_below(path, paths_[i])) joins(i, prices);
      }
      for (std::size_t i = 0; i < members.size(); ++i) {
        if (members[i].empty()) continue;
        links[i].tables.push_back({table.instrument, selected(table.positions, members[i])});
        if (links[i].kind != ChainLink::Kind::account) continue;
        links[i].tables.back().positions.published.assign(members[i].size(), links[i].first);  // which it is
        check_account(*sources[t], links[i].tables.back(), members[i]);
      }
    }
    graph.sort();
    for (const ChainGraph::Ring& ring : graph.rings)
      complain(blamed.at(ring.position), "id", "it refers to itself: " + ring.text);
    for (const std::size_t node : graph.order) chain->links.push_back(std::move(links[node]));
    reading_.job.chain = std::move(chain);
  }
  take_outside(sources, tree);
}

// All who share an account must say the same of it. `places`: theirs in the table.
void ChainReader::check_account(const PositionRows& rows, const PositionTable& sharing,
                                const std::vector<std::uint32_t>& places) {
  for (std::size_t i = 0; i < places.size(); ++i)
    if (auto complaint = sharing.instrument->check_account(sharing.positions, 0, i))
      complain(rows.source(places[i]), complaint->column, std::move(complaint->text));
}

// Positions outside the total are those of pools that are referred to, or share an account with positions in it; others
// would be lost unseen.
void ChainReader::take_outside(const std::vector<const PositionRows*>& sources, const NodeTree& tree) {
  Section cube(reading_.context(), "cube");
  if (reading_.outside == nullptr) return;
  const std::vector<PositionTable>& all = reading_.job.tables;
  const auto each_account = [&](std::size_t t, std::size_t p, const auto& see) {
    for (std::size_t c = 0; c < all[t].instrument->columns.size(); ++c)
      if (all[t].instrument->columns[c].kind == CellKind::account) see(all[t].positions.references[c][p]);
  };
  std::set<std::uint32_t> shared;  // accounts of positions in the total
  for (std::size_t t = 0; t < all.size(); ++t)
    for (std::size_t p = 0; p < all[t].positions.size(); ++p)
      if (!is_none(all[t].positions.leaf[p])) each_account(t, p, [&](std::uint32_t account) { shared.insert(account); });
  shared.erase(none);
  for (const auto& element : *reading_.outside) {
    const auto* path = element.as_string();
    if (path == nullptr) {
      cube.wrong(element, "outside", "the path of a node below the total, for instance \"fund/loans\"");
      continue;
    }
    bool found = false, referred_to = true;
    for (std::size_t t = 0; t < sources.size(); ++t)
      for (std::size_t p = 0; p < sources[t]->size(); ++p) {
        const std::string& leaf = tree.paths()[sources[t]->leaf(p)];
        if (!is_below(leaf, path->get())) continue;
        found = true;
        bool seen = std::any_of(paths_.begin(), paths_.end(), [&](const std::string& pool) { return is_below(leaf, pool); });
        each_account(t, p, [&](std::uint32_t account) { seen |= shared.contains(account); });
        referred_to &= seen;
      }
    if (!found)
      cube.error(element, "outside", canonical(element) + " is no node of the book, written without \"total/\"");
    else if (!referred_to && reading_.issues.total() == 0)
      cube.error(element, "outside",
                 canonical(element) + " has positions in no pool that is referred to; nobody would see their losses");
  }
  for (PositionTable& table : reading_.job.tables) {
    std::vector<std::uint32_t> inside;
    for (std::uint32_t p = 0; p < table.positions.size(); ++p)
      if (!is_none(table.positions.leaf[p])) inside.push_back(p);
    if (inside.size() < table.positions.size()) table.positions = selected(table.positions, inside);
  }
  std::erase_if(reading_.job.tables, [](const PositionTable& table) { return table.positions.size() == 0; });
}

}  // namespace tailcube
