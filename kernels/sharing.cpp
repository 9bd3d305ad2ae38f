#include "kernels/sharing.h"

#include <algorithm>
#include <map>
#include <set>

#include "kernels/evaluate.h"
#include "kernels/instruments/monitoring_path.h"

namespace tailcube {
namespace {

using Versions = std::vector<std::uint32_t>;

std::size_t index(FactorIndex f) { return static_cast<std::size_t>(f); }

bool same(const Pin& a, const Pin& b) { return a.last == b.last && a.value == b.value && a.innovation == b.innovation; }
bool same(const Shock& a, const Shock& b) {
  return a.operation == b.operation && a.from == b.from && a.to == b.to && a.amount == b.amount;
}
template <class T>
std::vector<const T*> of_factor(const std::vector<T>& all, FactorIndex factor) {
  std::vector<const T*> out;
  for (const T& each : all)
    if (each.factor == factor) out.push_back(&each);
  return out;
}
template <class T>
bool same_for(FactorIndex factor, const std::vector<T>& a, const std::vector<T>& b) {
  const auto mine = of_factor(a, factor), other = of_factor(b, factor);
  return std::equal(mine.begin(), mine.end(), other.begin(), other.end(),
                    [](const T* x, const T* y) { return same(*x, *y); });
}

// Whether the innovations that pins and driver shocks move are moved alike.
bool same_moves(const CellShocks& a, const CellShocks& b) {
  const auto equal = [](const auto& x, const auto& y, auto same_each) {
    return std::equal(x.begin(), x.end(), y.begin(), y.end(), same_each);
  };
  return equal(a.pins, b.pins, [](const Pin& x, const Pin& y) { return x.factor == y.factor && same(x, y); }) &&
         equal(a.driver_shocks, b.driver_shocks,
               [](const DriverShock& x, const DriverShock& y) {
                 return x.driver == y.driver && x.set == y.set && x.amount == y.amount;
               }) &&
         a.pin_beta == b.pin_beta && a.driver_beta == b.driver_beta;
}

bool same_path(FactorIndex f, const CellShocks& a, const CellShocks& b) {
  const std::size_t i = index(f);
  if (a.touched[i] != b.touched[i]) return false;
  if (a.touched[i] == 0) return true;
  return a.initial[i] == b.initial[i] && same_for(f, a.value_shocks, b.value_shocks) && same_for(f, a.pins, b.pins);
}

// Versions of every factor's path, [cell, from the unshocked one][factor].
std::vector<Versions> path_versions(const CompiledBook& book, CellRange range) {
  std::vector<const CellShocks*> cells = {&book.unshocked};
  for (int c = range.begin; c < range.end; ++c) cells.push_back(&book.cells[static_cast<std::size_t>(c)]);
  std::vector<std::size_t> moved_like;  // per cell: the first with the same moves
  for (std::size_t c = 0; c < cells.size(); ++c) {
    std::size_t like = 0;
    while (like < c && !(moved_like[like] == like && same_moves(*cells[like], *cells[c]))) ++like;
    moved_like.push_back(like);
  }
  const std::size_t factors = book.market.factors.size();
  std::vector<Versions> out(cells.size(), Versions(factors));
  for (std::size_t i = 0; i < factors; ++i) {
    std::vector<std::size_t> first;  // the first cell of each version
    for (std::size_t c = 0; c < cells.size(); ++c) {
      const auto as = [&](std::size_t other) {
        return same_path(FactorIndex{static_cast<std::uint32_t>(i)}, *cells[other], *cells[c]) &&
               ((cells[c]->touched[i] & touch_innovations) == 0 || moved_like[other] == moved_like[c]);
      };
      const auto found = std::find_if(first.begin(), first.end(), as);
      out[c][i] = static_cast<std::uint32_t>(found - first.begin());
      if (found == first.end()) first.push_back(c);
    }
  }
  return out;
}

std::vector<FactorIndex> pillars(const CompiledBook& book, CurveIndex curve) {
  std::vector<FactorIndex> out;
  for (const Pillar& p : book.market.curves[static_cast<std::size_t>(curve)]) out.push_back(p.zero_rate);
  return out;
}

// Counts the distinct among what it is given.
class Numbering {
 public:
  std::uint32_t operator()(const Versions& key) {
    return number_.try_emplace(key, static_cast<std::uint32_t>(number_.size())).first->second;
  }
  std::uint32_t count() const { return static_cast<std::uint32_t>(number_.size()); }

 private:
  std::map<Versions, std::uint32_t> number_;
};

using Factors = std::set<FactorIndex>;

// What a batch reads, of the market or of what the book publishes.
Factors read_by(const CompiledBook& book, const Batch& batch, const Factors& drivers) {
  Factors out(batch.reads.begin(), batch.reads.end());
  for (const CurveIndex curve : batch.reads_curves)
    for (const FactorIndex f : pillars(book, curve)) out.insert(f);
  if (batch.reads_defaults) out.insert(drivers.begin(), drivers.end());
  return out;
}

// Whether a cell that monitors today may have another result than one that does not, of what checks triggers.
bool triggered(const CompiledBook& book, int cell, bool triggers_today, const Factors& read, const Versions& paths) {
  if (cell < 0 || !book.cells[static_cast<std::size_t>(cell)].monitor_today) return false;
  return triggers_today || std::any_of(read.begin(), read.end(), [&](FactorIndex f) { return paths[index(f)] != 0; });
}
bool triggered(const CompiledBook& book, int cell, const Batch& batch, const Factors& read, const Versions& paths) {
  return batch.checks_triggers && triggered(book, cell, batch.triggers_today, read, paths);
}

// Adds versions of what the book publishes: they follow from those of what each link reads.
void add_published(const CompiledBook& book, CellRange range, const Factors& drivers, std::vector<Versions>& paths) {
  if (!book.publishing) return;
  for (const Link& link : book.publishing->links) {
    Numbering versions;
    for (std::size_t c = 0; c < paths.size(); ++c) {
      const int cell = range.begin + static_cast<int>(c) - 1;
      Versions key;
      for (const auto& batch : link.batches) {
        const Factors read = read_by(book, *batch, drivers);
        key.push_back(triggered(book, c == 0 ? -1 : cell, *batch, read, paths[c]));
        for (const FactorIndex f : read) key.push_back(paths[c][index(f)]);
      }
      if (link.price) {
        Factors read(link.price->reads.begin(), link.price->reads.end());
        if (link.price->reads_defaults) read.insert(drivers.begin(), drivers.end());
        if (const auto* path = dynamic_cast<const MonitoringPath*>(link.price.get()))
          key.push_back(triggered(book, c == 0 ? -1 : cell, path->triggers_today, read, paths[c]));
        for (const FactorIndex f : read) key.push_back(paths[c][index(f)]);
      }
      paths[c].resize(book.market.rows());
      std::fill_n(paths[c].begin() + static_cast<std::ptrdiff_t>(index(link.first)), link.rows, versions(key));
    }
  }
}

}  // namespace

Sharing::Sharing(const CompiledBook& book, CellRange range) : first_(range.begin) {
  Factors drivers, discounting;
  for (const Bucket& bucket : book.credit.buckets)
    for (const Loading& l : bucket.loadings) drivers.insert(l.driver);
  for (const RecoveryLaw& law : book.credit.recovery_laws)
    for (const Loading& l : law.loadings) drivers.insert(l.driver);
  for (const Discount& d : book.market.discounts) {
    if (!is_none(d.spread)) discounting.insert(d.spread);
    for (const FactorIndex f : pillars(book, d.curve)) discounting.insert(f);
  }
  std::vector<Factors> read, read_to_keep;
  for (const Stage& stage : book.stages) {
    const Batch& batch = *stage.batch;
    read_to_keep.emplace_back(batch.reads.begin(), batch.reads.end());
    const KeepingBatch* const keeps = keeping(batch);
    for (const FactorIndex f : keeps == nullptr ? std::vector<FactorIndex>() : keeps->reads_apart)
      read_to_keep.back().erase(f);
    for (const CurveIndex curve : batch.reads_curves)
      for (const FactorIndex f : pillars(book, curve)) read_to_keep.back().insert(f);
    if (batch.reads_defaults) read_to_keep.back().insert(drivers.begin(), drivers.end());
    read.push_back(read_by(book, batch, drivers));
  }

  std::vector<Versions> paths = path_versions(book, range);
  add_published(book, range, drivers, paths);
  Numbering defaults, discounts;
  std::vector<Numbering> stages(book.stages.size()), kept(book.stages.size());
  users_.resize(book.stages.size());
  for (std::size_t c = 0; c < paths.size(); ++c) {
    const auto key = [&](const Factors& factors, bool also) {
      Versions out{also};
      for (const FactorIndex f : factors) out.push_back(paths[c][index(f)]);
      return out;
    };
    const int cell = range.begin + static_cast<int>(c) - 1;
    Cell out;
    out.defaults = defaults(key(drivers, false));
    out.discounts = discounts(key(discounting, false));
    for (std::size_t s = 0; s < stages.size(); ++s) {
      const Batch& batch = *book.stages[s].batch;
      const std::uint32_t known = stages[s].count();
      out.stages.push_back(stages[s](key(read[s], triggered(book, c > 0 ? cell : -1, batch, read[s], paths[c]))));
      out.kept.push_back(kept[s](key(read_to_keep[s], false)));
      users_[s].resize(kept[s].count());
      if (keeping(batch) != nullptr) users_[s][out.kept.back()] += stages[s].count() - known;
    }
    if (book.publishing)
      for (const Link& link : book.publishing->links) out.unshocked_links.push_back(paths[c][index(link.first)] == 0);
    if (out.defaults > defaulting_cells_.size()) defaulting_cells_.push_back(cell);
    if (c > 0) unshocked_defaults_ |= out.defaults == 0;
    (c > 0 ? cells_.emplace_back() : unshocked_) = std::move(out);
  }
  for (const Numbering& s : stages) stage_versions_ = std::max(stage_versions_, s.count());
}

bool Sharing::keeps(std::size_t stage) const {
  return std::any_of(users_[stage].begin(), users_[stage].end(), [](std::uint32_t users) { return users > 1; });
}

namespace {
// Of each cell the first whose versions of these stages are the same.
std::vector<int> first_alike(const Sharing& sharing, CellRange range, const std::set<std::size_t>& stages) {
  std::map<Versions, int> first;
  std::vector<int> out;
  for (int cell = range.begin; cell < range.end; ++cell) {
    Versions key;
    for (const std::size_t s : stages) key.push_back(sharing[cell].stages[s]);
    out.push_back(first.try_emplace(std::move(key), cell - range.begin).first->second);
  }
  return out;
}

// With a row at the node or below, [node].
std::vector<std::set<std::size_t>> stages_below(const CompiledBook& book) {
  std::vector<std::set<std::size_t>> out(book.parent.size());
  for (std::size_t s = 0; s < book.stages.size(); ++s)
    for (std::uint32_t r = 0; r < book.stages[s].row_count; ++r)
      out[static_cast<std::size_t>(book.leaf_of_row[static_cast<std::size_t>(book.stages[s].first_row) + r])].insert(s);
  for (std::size_t node = out.size(); node-- > 1;)
    out[static_cast<std::size_t>(book.parent[node])].insert(out[node].begin(), out[node].end());
  return out;
}
}  // namespace

std::vector<int> first_alike(const CompiledBook& book, CellRange range) {
  const std::vector<std::set<std::size_t>> stages = stages_below(book);
  const auto cells = static_cast<std::size_t>(range.end - range.begin);
  std::vector<int> out(cells * stages.size());
  const Sharing sharing(book, range);
  for (std::size_t node = 0; node < stages.size(); ++node) {
    const std::vector<int> first = first_alike(sharing, range, stages[node]);
    for (std::size_t cell = 0; cell < cells; ++cell) out[cell * stages.size() + node] = first[cell];
  }
  return out;
}

std::vector<int> first_alike(const CompiledBook& book, CellRange range, int node) {
  return first_alike(Sharing(book, range), range, stages_below(book)[static_cast<std::size_t>(node)]);
}

}  // namespace tailcube
