#include "kernels/instruments/ladder.h"

#include <numeric>
#include <optional>

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

Ladders::Ladders(const CompiledClaims& claims, const Wiring& wiring, Summed how) : valued_(wiring.valued.size()) {
  const auto& lines = claims.lines;
  const auto& schedules = claims.schedules;
  const auto factors = [&](std::uint32_t p) {
    const Schedule& s = schedules[lines[p].schedule];
    return std::pair(s.curve, s.spread);
  };
  const auto key = [&](std::uint32_t p) { return std::tuple(factors(p), lines[p].currency, lines[p].row); };
  std::vector<std::uint32_t> order(lines.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) { return key(a) < key(b); });
  for (std::size_t begin = 0, end; begin < order.size();) {
    const std::uint32_t first = order[begin];
    const std::size_t first_ladder = ladders_.size();
    for (; begin < order.size() && factors(order[begin]) == factors(first); begin = end) {
      for (end = begin + 1; end < order.size() && key(order[end]) == key(order[begin]);) ++end;
      add(std::span(order).subspan(begin, end - begin), claims, wiring);
    }
    choose_points(first_ladder, how == Summed::at_points ? &schedules[lines[first].schedule] : nullptr, wiring);
  }
  scratch_ = {}, date_years_ = {};
}

// For the ladders of one curve and spread factor, a schedule's; null: none, they are by date.
void Ladders::choose_points(std::size_t first_ladder, const Schedule* schedule, const Wiring& wiring) {
  for (std::size_t v = 0; v < valued_.size(); ++v) {
    const auto dates = [&](const Ladder& l) {
      return LadderPoints::Dates(discount_).subspan(l.discount, l.count).subspan(start_[l.start + v]);
    };
    const auto ladders = std::span(ladders_).subspan(first_ladder);
    std::optional<AtPoints> at;
    if (schedule != nullptr) {
      std::vector<LadderPoints::Dates> all;
      for (const Ladder& l : ladders) all.push_back(dates(l));
      const int step = wiring.valued[v];
      LadderPoints points(wiring.market->curves[static_cast<std::size_t>(schedule->curve)], schedule->spread, step,
                          wiring.time_years[static_cast<std::size_t>(step)], all, date_years_);
      if (points.size() > 0) at = {std::move(points), {}, {}};
    }
    for (const Ladder& l : ladders) {
      const auto number = static_cast<std::uint32_t>(&l - ladders_.data());
      std::vector<double> weights;
      if (at) {
        const std::size_t start = start_[l.start + v];
        const auto amounts = std::span(amount_).subspan(l.amount + v * l.count + start, l.count - start);
        weights = at->points.weights(dates(l), amounts);
      }
      if (weights.empty() || weights.size() > dates(l).size()) {
        valued_[v].by_dates.push_back(number);
        continue;
      }
      at->sums.push_back({number, static_cast<std::uint32_t>(weights.size()), weight_.size()});
      at->ladders.push_back(number);
      weight_.insert(weight_.end(), weights.begin(), weights.end());
    }
    if (at) valued_[v].at_points.push_back(std::move(*at));
  }
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
        date_years_.resize(scratch_.size());
        date_years_[s.discount[k]] = s.date_years[k];
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

struct Ladders::Target {
  const RowSet& rows;
  const Block& block;
  Ledger& ledger;
  std::size_t valued;
  const double* exchange(const Ladder& l) const { return tailcube::exchange(block, l.currency, rows.valued[valued]); }
  double* value(const Ladder& l) const { return ledger.value(rows.row(l.row), static_cast<int>(valued)).data(); }
};

void Ladders::add_values(const RowSet& rows, const Block& block, const double* factors, Ledger& ledger) const {
  for (std::size_t v = 0; v < valued_.size(); ++v) {
    const Target target{rows, block, ledger, v};
    add_by_dates(valued_[v].by_dates, factors, nullptr, target);
    for (const AtPoints& at : valued_[v].at_points) add_at_points(at, factors, target);
  }
}

// In the lanes that are taken (1, the others 0), or in all.
void Ladders::add_by_dates(std::span<const std::uint32_t> ladders, const double* factors, const double* lanes_taken,
                           const Target& target) const {
  constexpr std::size_t chunk = 64;
  const std::size_t v = target.valued, valued = target.rows.valued.size();
  alignas(64) std::array<std::array<double, lanes>, chunk> exchange;
  for (std::size_t begin = 0; begin < ladders.size(); begin += chunk) {
    std::array<LadderProduct, chunk> products;
    const std::size_t count = std::min(chunk, ladders.size() - begin);
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint32_t number = ladders[begin + i];
      const Ladder& l = ladders_[number];
      const std::size_t start = start_[l.start + v];
      const bool behind = begin + i > 0 && ladders[begin + i - 1] + 1 == number;
      const double* rate = target.exchange(l);
      if (lanes_taken != nullptr) {
        for (std::size_t k = 0; k < lanes; ++k) exchange[i][k] = lanes_taken[k] == 1 ? rate[k] : 0;
        rate = exchange[i].data();
      }
      products[i] = {discount_.data() + l.discount + start,
                     amount_.data() + l.amount + v * l.count + start,
                     l.count - start,
                     rate,
                     target.value(l),
                     behind ? l.alike - std::min<std::size_t>(l.alike, start) : 0};
    }
    ladder_products({products.data(), count}, factors + v * lanes, valued * lanes);
  }
}

// A few points at a time, whose factors stay in the first-level cache.
void Ladders::add_at_points(const AtPoints& at, const double* factors, const Target& target) const {
  constexpr std::size_t chunk = 64, most = 64;
  static constexpr auto in_turn = [] {
    std::array<std::uint32_t, most> out{};
    for (std::uint32_t i = 0; i < most; ++i) out[i] = i;
    return out;
  }();
  alignas(64) std::array<double, lanes> holds;
  alignas(64) std::array<double, most * lanes> factor;
  const std::size_t held = at.points.hold(target.block, holds);
  if (held < lanes) {
    alignas(64) std::array<double, lanes> others;
    for (std::size_t k = 0; k < lanes; ++k) others[k] = 1 - holds[k];
    add_by_dates(at.ladders, factors, others.data(), target);
  }
  for (std::size_t from = 0, to; from < at.points.size() && held > 0; from = to) {
    to = std::min(from + most, at.points.size());
    at.points.evaluate(target.block, static_cast<int>(target.valued), from, to, holds, factor.data());
    for (std::size_t begin = 0; begin < at.sums.size(); begin += chunk) {
      std::array<LadderProduct, chunk> products;
      const std::size_t count = std::min(chunk, at.sums.size() - begin);
      for (std::size_t i = 0; i < count; ++i) {
        const AtPoints::Sum& sum = at.sums[begin + i];
        const Ladder& l = ladders_[sum.ladder];
        const std::size_t points = std::clamp<std::size_t>(sum.count, from, to) - from;
        products[i] = {in_turn.data(), weight_.data() + sum.weight + from, points, target.exchange(l), target.value(l),
                       points};
      }
      ladder_products({products.data(), count}, factor.data(), lanes);
    }
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
