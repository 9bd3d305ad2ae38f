#include "kernels/instruments/ladder.h"

#include <numeric>

#include "kernels/math/functions.h"

namespace tailcube {

std::uint32_t Schedules::add(const Claim& claim, const Wiring& wiring) {
  const std::vector<Flow>& flows = claim.flows;
  const Key key{claim.curve, claim.spread.factor, flows.front().date_years, flows.back().date_years, flows.size()};
  const auto same = [&](const Schedule& s) {
    for (std::size_t k = 0; k < flows.size(); ++k)
      if (s.date_years[k] != flows[k].date_years) return false;
    return true;
  };
  for (auto [at, end] = known_.equal_range(key); at != end; ++at)
    if (same(all_[at->second])) return at->second;
  Schedule s{claim.curve, claim.spread.factor, {}, {}, {}, {}, false, {}, {}};
  const double first_valued = wiring.time_years[static_cast<std::size_t>(wiring.valued.front())];
  for (const Flow& f : flows) {
    s.date_years.push_back(f.date_years);
    const auto at = std::lower_bound(wiring.time_years.begin(), wiring.time_years.end(), f.date_years);
    s.step.push_back(static_cast<std::uint16_t>(at - wiring.time_years.begin()));
    s.discount.push_back(
        f.date_years > first_valued ? static_cast<std::uint32_t>(wiring.discount(s.curve, s.spread, f.date_years)) : none);
  }
  for (std::size_t n = 0, k = 0; n < wiring.time_years.size(); ++n) {
    while (k < s.step.size() && s.step[k] <= n) ++k;
    s.paid.push_back(static_cast<std::uint16_t>(k));
  }
  s.paid_valued.push_back(0);
  for (const int h : wiring.valued) s.paid_valued.push_back(static_cast<double>(s.paid_by(h)));
  s.paid_valued.insert(s.paid_valued.end(), 4, s.paid_valued.back());
  known_.emplace(key, static_cast<std::uint32_t>(all_.size()));
  all_.push_back(std::move(s));
  return static_cast<std::uint32_t>(all_.size() - 1);
}

std::vector<std::uint32_t> Schedules::number_slots(const std::vector<bool>& need) {
  struct Used {
    CurveIndex curve;
    FactorIndex spread;
    double date_years;
    std::uint32_t discount;
    auto operator<=>(const Used&) const = default;
  };
  std::vector<Used> used;
  for (std::size_t i = 0; i < all_.size(); ++i) {
    const Schedule& s = all_[i];
    for (std::size_t k = 0; need[i] && k < s.discount.size(); ++k)
      if (s.discount[k] != none) used.push_back({s.curve, s.spread, s.date_years[k], s.discount[k]});
  }
  std::sort(used.begin(), used.end());
  used.erase(std::unique(used.begin(), used.end()), used.end());
  std::vector<std::uint32_t> of_slot, slot_of;
  for (const Used& u : used) {
    if (u.discount >= slot_of.size()) slot_of.resize(u.discount + 1, none);
    slot_of[u.discount] = static_cast<std::uint32_t>(of_slot.size());
    of_slot.push_back(u.discount);
  }
  for (std::size_t i = 0; i < all_.size(); ++i) {
    if (!need[i]) continue;
    Schedule& s = all_[i];
    s.consecutive = true;
    for (const std::uint32_t d : s.discount) {
      s.slot.push_back(d == none ? none : slot_of[d]);
      const std::size_t n = s.slot.size();
      if (n > 1 && s.slot[n - 2] != none && s.slot[n - 1] != s.slot[n - 2] + 1) s.consecutive = false;
    }
  }
  return of_slot;
}

Ladders::Ladders(const CompiledClaims& claims, const Wiring& wiring) {
  const auto& lines = claims.lines;
  const auto& schedules = claims.schedules;
  const auto key = [&](std::uint32_t p) {
    const Schedule& s = schedules[lines[p].schedule];
    return std::tuple(s.curve, s.spread, lines[p].currency, lines[p].row);
  };
  std::vector<std::uint32_t> order(lines.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) { return key(a) < key(b); });
  for (std::size_t begin = 0, end; begin < order.size(); begin = end) {
    for (end = begin + 1; end < order.size() && key(order[end]) == key(order[begin]);) ++end;
    add(std::span(order).subspan(begin, end - begin), claims, wiring);
  }
  scratch_ = {};
}

void Ladders::add(std::span<const std::uint32_t> positions, const CompiledClaims& claims, const Wiring& wiring) {
  const auto& [lines, folded, early, schedules] = claims;
  std::vector<std::pair<double, std::uint32_t>> dates;
  for (const std::uint32_t p : positions) {
    const Schedule& s = schedules[lines[p].schedule];
    for (std::size_t k = 0; k < s.date_years.size(); ++k) {
      if (s.discount[k] == none) continue;
      if (s.discount[k] >= scratch_.size()) scratch_.resize(s.discount[k] + 1, none);
      if (scratch_[s.discount[k]] == none) {
        scratch_[s.discount[k]] = 0;
        dates.emplace_back(s.date_years[k], s.discount[k]);
      }
    }
  }
  if (dates.empty()) return;
  std::sort(dates.begin(), dates.end());
  for (std::uint32_t i = 0; i < dates.size(); ++i) scratch_[dates[i].second] = i;
  const CashFlowLine& first = lines[positions.front()];
  Ladder ladder{first.row,    static_cast<std::uint32_t>(dates.size()), 0, first.currency, discount_.size(), amount_.size(),
                start_.size()};
  for (const auto& d : dates) discount_.push_back(d.second);
  if (!ladders_.empty()) {
    const auto before = discount_.begin() + static_cast<std::ptrdiff_t>(ladders_.back().discount);
    const auto mine = discount_.begin() + static_cast<std::ptrdiff_t>(ladder.discount);
    ladder.alike = static_cast<std::uint32_t>(std::mismatch(before, mine, mine, discount_.end()).first - before);
  }
  amount_.resize(amount_.size() + dates.size() * wiring.valued.size(), 0.0);
  for (std::size_t v = 0; v < wiring.valued.size(); ++v) {
    const double time = wiring.time_years[static_cast<std::size_t>(wiring.valued[v])];
    double* amount = amount_.data() + ladder.amount + v * dates.size();
    for (const std::uint32_t p : positions) {
      const Schedule& s = schedules[lines[p].schedule];
      const double growth = exp(lines[p].spread * time);
      for (std::size_t k = s.paid_by(wiring.valued[v]); k < s.date_years.size(); ++k)
        if (s.discount[k] != none) amount[scratch_[s.discount[k]]] += folded[lines[p].folded + k] * growth;
    }
    const auto after =
        std::upper_bound(dates.begin(), dates.end(), time, [](double t, const auto& d) { return t < d.first; });
    start_.push_back(static_cast<std::uint32_t>(after - dates.begin()));
  }
  for (const auto& d : dates) scratch_[d.second] = none;
  ladders_.push_back(ladder);
}

void Ladders::add_values(const RowSet& rows, const Block& block, const double* factors, Ledger& ledger) const {
  constexpr std::size_t chunk = 64;
  const std::size_t stride = rows.valued.size() * lanes;
  for (std::size_t v = 0; v < rows.valued.size(); ++v)
    for (std::size_t begin = 0; begin < ladders_.size(); begin += chunk) {
      std::array<LadderProduct, chunk> products;
      const std::size_t count = std::min(chunk, ladders_.size() - begin);
      for (std::size_t i = 0; i < count; ++i) {
        const Ladder& l = ladders_[begin + i];
        const std::size_t start = start_[l.start + v];
        products[i] = {discount_.data() + l.discount + start,
                       amount_.data() + l.amount + v * l.count + start,
                       l.count - start,
                       exchange(block, l.currency, rows.valued[v]),
                       ledger.value(rows.row(l.row), static_cast<int>(v)).data(),
                       l.alike - std::min<std::size_t>(l.alike, start)};
      }
      ladder_products({products.data(), count}, factors + v * lanes, stride);
    }
}

CashTable::CashTable(const CompiledClaims& claims, const RowSet& rows) {
  std::map<std::pair<std::uint32_t, FactorIndex>, std::size_t> known;
  const auto steps = static_cast<std::size_t>(rows.valued.back()) + 1;
  for (const CashFlowLine& line : claims.lines) {
    const auto [at, fresh] = known.try_emplace({line.row, line.currency}, lines_.size());
    if (fresh) lines_.push_back({line.row, line.currency, std::vector<double>(steps, 0.0)});
    const Schedule& s = claims.schedules[line.schedule];
    for (std::size_t k = 0, n = s.paid_by(rows.valued.back()); k < n; ++k)
      lines_[at->second].amount[s.step[k]] += claims.early[line.early + k].amount;
  }
  std::stable_sort(lines_.begin(), lines_.end(),
                   [](const Line& a, const Line& b) { return std::tie(a.row, a.currency) < std::tie(b.row, b.currency); });
}

void CashTable::add(const RowSet& rows, const Block& block, Ledger& ledger) const {
  for (const Line& line : lines_) {
    alignas(64) std::array<double, lanes> received{};
    std::size_t n = 1;
    for (std::size_t v = 0; v < rows.valued.size(); ++v) {
      for (; n <= static_cast<std::size_t>(rows.valued[v]); ++n) {
        if (line.amount[n] == 0) continue;
        const double* fx = exchange(block, line.currency, static_cast<int>(n));
        for (std::size_t k = 0; k < lanes; ++k) received[k] += line.amount[n] * fx[k];
      }
      double* cash = ledger.cash(rows.row(line.row), static_cast<int>(v)).data();
      for (std::size_t k = 0; k < lanes; ++k) cash[k] += received[k];
    }
  }
}

}  // namespace tailcube
