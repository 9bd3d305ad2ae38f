#include "src/engine/quarantine.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <tuple>

#include "src/engine/selection.h"

namespace tailcube {
namespace {

// Positions looked at together, each with a row of its own: bounds the memory of a thread.
constexpr std::size_t together = 1024;

void append(Positions& to, const Positions& from, std::size_t row) {
  static_assert(sizeof(Positions) == 11 * sizeof(std::vector<int>), "a new column is selected here, too");
  to.id.push_back(from.id[row]);
  to.leaf.push_back(from.leaf[row]);
  to.currency.push_back(from.currency[row]);
  to.quantity.push_back(from.quantity[row]);
  to.obligor.push_back(from.obligor[row]);
  if (!from.published.empty()) to.published.push_back(from.published[row]);
  if (to.schedules.empty()) to.schedules = from.schedules;
  const auto cells = [row](auto& into, const auto& out_of) {
    into.resize(out_of.size());
    for (std::size_t c = 0; c < out_of.size(); ++c)
      if (!out_of[c].empty()) into[c].push_back(out_of[c][row]);
  };
  cells(to.numbers, from.numbers);
  cells(to.references, from.references);
  cells(to.names, from.names);
  cells(to.labels, from.labels);
}

// Twice the gross amount of each row, in units; the least is one unit, for what is worth nothing.
std::vector<double> twice_gross(const CompiledBook& book) {
  std::vector<double> bound;
  for (const Stage& stage : book.stages)
    for (const double gross : stage.batch->gross) bound.push_back(std::max(1.0, 2 * gross / book.unit));
  return bound;
}

void add_up(std::span<const Node> nodes, auto& values) {
  for (std::size_t n = nodes.size(); n-- > 1;) values[static_cast<std::size_t>(nodes[n].parent)] += values[n];
}

std::vector<std::vector<std::uint32_t>> chunks(std::span<const std::uint32_t> rows) {
  std::vector<std::vector<std::uint32_t>> out;
  for (std::size_t at = 0; at < rows.size(); at += together)
    out.emplace_back(rows.begin() + static_cast<std::ptrdiff_t>(at),
                     rows.begin() + static_cast<std::ptrdiff_t>(std::min(rows.size(), at + together)));
  return out;
}

}  // namespace

Positions selected(const Positions& from, std::span<const std::uint32_t> rows) {
  Positions out;
  for (const std::uint32_t row : rows) append(out, from, row);
  return out;
}

void take_out_of_pools(Job& job, const std::function<bool(const std::string& id)>& out) {
  if (!job.chain) return;
  auto chain = std::make_shared<Chain>(*job.chain);
  for (ChainLink& link : chain->links) {
    if (link.kind == ChainLink::Kind::price) continue;
    for (PositionTable& table : link.tables) {
      std::vector<std::uint32_t> rest;
      for (std::uint32_t p = 0; p < table.positions.size(); ++p)
        if (!out(table.positions.id[p])) rest.push_back(p);
      if (rest.size() < table.positions.size()) table.positions = selected(table.positions, rest);
    }
    std::erase_if(link.tables, [](const PositionTable& table) { return table.positions.size() == 0; });
  }
  job.chain = std::move(chain);
}

// Of one table, the positions to blame.
struct Quarantine::Suspects {
  struct Why {
    FaultSite site;
    bool alone;
  };
  std::map<std::uint32_t, Why> found;  // by position
  void blame(std::uint32_t position, FaultSite site, bool alone) {
    const auto [at, fresh] = found.try_emplace(position, Why{site, alone});
    if (!fresh) at->second.site = earlier(at->second.site, site);
  }
};

// Replays the scenarios in which a row has no value, with a row for each of its positions.
class Quarantine::Replay {
 public:
  Replay(Quarantine& quarantine, const CompiledCredit& credit, double unit, int threads)
      : quarantine_(quarantine), credit_(credit), unit_(unit), threads_(threads) {}
  // Calls blame(position, site) for those of `members` without a value in one of the scenarios.
  template <class Blame>
  void operator()(const PositionTable& table, const std::vector<std::uint32_t>& members, const std::vector<FaultSite>& sites,
                  bool alone, const Blame& blame) const {
    std::map<int, std::set<std::uint64_t>> blocks;  // by cell
    for (const FaultSite& site : sites) blocks[site.cell].insert(site.scenario / lanes * lanes);
    for (const std::vector<std::uint32_t>& some : chunks(members)) {
      const CompiledBook book = quarantine_.compile_part(table.instrument, selected(table.positions, some), credit_, unit_);
      const std::vector<double> bound = alone ? std::vector<double>{} : twice_gross(book);
      FaultLog log;
      for (const auto& [cell, begins] : blocks) {
        Evaluator evaluator(book, {cell, cell + 1}, threads_);
        for (const std::uint64_t begin : begins)
          evaluator.examine({begin, std::min<std::uint64_t>(quarantine_.frame_.scenarios, begin + lanes)}, bound, log, {});
      }
      for (const auto& [key, found] : log.sites()) blame(some[static_cast<std::size_t>(key.row)], found.front());
    }
  }

 private:
  Quarantine& quarantine_;
  const CompiledCredit& credit_;
  double unit_;
  int threads_;
};

void Quarantine::take_out(Job& job, const CompiledBook& book, const CompiledCredit& credit, const FaultLog& log,
                          int threads) {
  if (worth_.empty()) start(job, credit, book.unit);
  std::vector<Suspects> suspects(job.tables.size());
  const auto table_of = [&book](RowIndex row) {  // a stage per table, in the order of rows
    std::size_t t = 0;
    while (t + 1 < book.stages.size() && book.stages[t + 1].first_row <= row) ++t;
    return t;
  };
  std::set<RowIndex> explained;
  for (const auto& [key, sites] : log.sites())
    if (key.position != none) {
      suspects[table_of(key.row)].blame(key.position, sites.front(), true);
      explained.insert(key.row);
    }
  const Replay replay(*this, credit, book.unit, threads);
  for (const auto& [key, sites] : log.sites()) {
    if (key.position != none) continue;
    const std::size_t t = table_of(key.row);
    const PositionTable& table = job.tables[t];
    std::vector<std::uint32_t> members;
    for (std::uint32_t p = 0; p < table.positions.size(); ++p)
      if (table.positions.leaf[p] == book.leaf_of_row[static_cast<std::size_t>(key.row)]) members.push_back(p);
    for (const bool alone : {true, false}) {
      if (explained.contains(key.row) && !alone) continue;
      replay(table, members, sites, alone, [&, &row = key.row](std::uint32_t position, FaultSite site) {
        suspects[t].blame(position, site, alone);
        explained.insert(row);
      });
    }
    if (!explained.contains(key.row))
      throw InvalidJob({describe(ValuationFault(log), job, book) + "; no single " + std::string(table.instrument->name) +
                        " can be blamed, so that none can be taken out"});
  }
  remove(job, credit, book.unit, suspects);
}

void Quarantine::start(Job& job, const CompiledCredit& credit, double unit) {
  std::vector<PositionTable> tables;
  tables.swap(job.tables);  // not copied
  frame_ = job;
  tables.swap(job.tables);
  frame_.nodes.resize(1);
  const CompiledBook book = compile(job, Detail::position, credit, unit);
  worth_.assign(job.nodes.size(), 0);
  missing_ = worth_;
  touched_.assign(job.nodes.size(), false);
  for (std::size_t t = 0; t < job.tables.size(); ++t)
    for (std::size_t p = 0; p < job.tables[t].positions.size(); ++p)
      worth_[static_cast<std::size_t>(job.tables[t].positions.leaf[p])] += std::abs(book.stages[t].batch->value_today[p]);
  add_up(job.nodes, worth_);
}

CompiledBook Quarantine::compile_part(const Instrument* instrument, Positions positions, const CompiledCredit& credit,
                                      double unit) {
  std::fill(positions.leaf.begin(), positions.leaf.end(), NodeIndex{0});
  frame_.tables.clear();
  frame_.tables.push_back({instrument, std::move(positions)});
  return compile(frame_, Detail::position, credit, unit);
}

void Quarantine::remove(Job& job, const CompiledCredit& credit, double unit, const std::vector<Suspects>& suspects) {
  std::vector<PositionTable> rest;
  for (std::size_t t = 0; t < job.tables.size(); ++t) {
    const PositionTable& table = job.tables[t];
    std::vector<std::uint32_t> bad, good;
    for (std::uint32_t p = 0; p < table.positions.size(); ++p) (suspects[t].found.contains(p) ? bad : good).push_back(p);
    if (!good.empty()) rest.push_back({table.instrument, selected(table.positions, good)});
    if (bad.empty()) continue;
    const Positions out = selected(table.positions, bad);
    const CompiledBook book = compile_part(table.instrument, out, credit, unit);
    std::vector<double> missing(job.nodes.size(), 0);
    for (std::size_t i = 0; i < bad.size(); ++i) {
      const auto& [site, alone] = suspects[t].found.at(bad[i]);
      const double worth = std::abs(book.stages[0].batch->value_today[i]);
      positions_.push_back({table.instrument, out.id[i], out.leaf[i], worth, site, alone});
      missing[static_cast<std::size_t>(out.leaf[i])] += worth;
      for (NodeIndex n = out.leaf[i]; !is_none(n); n = job.nodes[static_cast<std::size_t>(n)].parent)
        touched_[static_cast<std::size_t>(n)] = true;
    }
    add_up(job.nodes, missing);
    for (std::size_t n = 0; n < missing.size(); ++n) missing_[n] += missing[n];
    taken_.push_back({table.instrument, out});
  }
  if (rest.empty())
    throw InvalidJob({"every position of the job would be quarantined: none can be valued in all scenarios"});
  job.tables = std::move(rest);
  const std::set<std::string> gone = [&] {
    std::set<std::string> ids;
    for (const Position& p : positions_) ids.insert(p.id);
    return ids;
  }();
  take_out_of_pools(job, [&gone](const std::string& id) { return gone.contains(id); });
  frame_.chain = job.chain;
  const auto place = [](const Position& p) { return std::find(instruments().begin(), instruments().end(), p.instrument); };
  std::sort(positions_.begin(), positions_.end(), [&](const Position& a, const Position& b) {
    return std::tuple(place(a) - instruments().begin(), a.id) < std::tuple(place(b) - instruments().begin(), b.id);
  });
}

double Quarantine::share(std::size_t node) const {
  if (worth_.empty() || !touched_[node]) return 0;
  return worth_[node] > 0 ? missing_[node] / worth_[node] : std::numeric_limits<double>::quiet_NaN();
}

double Quarantine::share(const Position& position) const {
  return worth_[0] > 0 ? position.worth / worth_[0] : std::numeric_limits<double>::quiet_NaN();
}

std::vector<std::int64_t> Quarantine::count(const Job& job, const CompiledCredit& credit, double unit,
                                            const Examine& examine) {
  std::map<std::string, bool> alone;
  for (const Position& p : positions_) alone[p.id] = p.alone;
  std::vector<std::vector<std::int64_t>> counts(job.cells.size(), std::vector<std::int64_t>(job.nodes.size(), 0));
  for (const PositionTable& table : taken_)
    for (const bool by_themselves : {true, false}) {
      std::vector<std::uint32_t> rows;
      for (std::uint32_t p = 0; p < table.positions.size(); ++p)
        if (alone.at(table.positions.id[p]) == by_themselves) rows.push_back(p);
      for (const std::vector<std::uint32_t>& some : chunks(rows)) {
        const CompiledBook book = compile_part(table.instrument, selected(table.positions, some), credit, unit);
        FaultLog log;
        examine(book, by_themselves ? std::vector<double>{} : twice_gross(book), log);
        for (const auto& [place, scenarios] : log.counts()) {
          const NodeIndex leaf = table.positions.leaf[some[static_cast<std::size_t>(place.first)]];
          counts[static_cast<std::size_t>(place.second)][static_cast<std::size_t>(leaf)] += scenarios;
        }
      }
    }
  std::vector<std::int64_t> out;
  for (std::vector<std::int64_t>& of_cell : counts) {
    add_up(job.nodes, of_cell);
    out.insert(out.end(), of_cell.begin(), of_cell.end());
  }
  return out;
}

}  // namespace tailcube
