// Which defaulted claims are corrected along a chain of dates, and what is kept of each.
#include <algorithm>
#include <numeric>
#include <tuple>

#include "kernels/instruments/corrections.h"
#include "kernels/math/functions.h"

namespace tailcube {
namespace {

bool slopes(const CashFlowLine& l) { return l.rule && l.rule->slope != 0; }
bool revolves(const CashFlowLine& l) { return l.fee != 0 || l.conversion != 0; }

bool share_dates(std::span<const std::uint32_t> by_dates, const CompiledClaims& claims) {
  const auto schedule = [&](std::uint32_t p) { return claims.lines[p].schedule; };
  const std::vector<double>& longest = claims.schedules[schedule(by_dates.back())].date_years;
  for (std::size_t i = 0; i < by_dates.size(); ++i) {
    if (i > 0 && schedule(by_dates[i]) == schedule(by_dates[i - 1])) continue;
    const std::vector<double>& dates = claims.schedules[schedule(by_dates[i])].date_years;
    if (!std::equal(dates.begin(), dates.end(), longest.begin())) return false;
  }
  return true;
}
std::size_t longest(std::span<const std::uint32_t> by_dates, const CompiledClaims& claims) {
  return claims.schedules[claims.lines[by_dates.back()].schedule].date_years.size();
}
// A date costs a chain about as much as four claims cost that are corrected outside one, at a PD of some percent; with its
// sixteen terms a smooth one as much as two. Floating coupons are only valued in chains.
bool worth_a_chain(std::span<const std::uint32_t> by_dates, const CompiledClaims& claims) {
  return claims.lines[by_dates.front()].floating != 0 || longest(by_dates, claims) <= 4 * by_dates.size();
}
bool worth_a_smooth_chain(std::span<const std::uint32_t> by_dates, const CompiledClaims& claims) {
  return longest(by_dates, claims) <= 2 * by_dates.size();
}

// What claims of one chain have in common.
std::tuple<FactorIndex, CurveIndex, double, double> dates_key(const Schedule& s) {
  return {s.spread, s.curve, s.date_years.front(), s.date_years.size() > 1 ? s.date_years[1] : 0};
}
// Sorts positions by key, number of dates, whether amounts rise or fall, obligor and place, and calls f(positions) for those
// of each key.
template <class Key, class F>
void each_group(std::vector<std::uint32_t>& order, const Positions& positions, const CompiledClaims& claims, const Key& key,
                const F& f) {
  const auto place = [&](std::uint32_t p) {
    const CashFlowLine& l = claims.lines[p];
    return std::tuple(key(p), claims.schedules[l.schedule].date_years.size(), slopes(l), positions.obligor[p], p);
  };
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) { return place(a) < place(b); });
  for (std::size_t begin = 0, end; begin < order.size(); begin = end) {
    for (end = begin + 1; end < order.size() && key(order[end]) == key(order[begin]);) ++end;
    f(std::span(order).subspan(begin, end - begin));
  }
}

}  // namespace

Corrections::Corrections(CompiledClaims& claims, const RowSet& rows, const Recovery& recovery,
                         const FloatingCoupons& coupons, const Positions& positions, const Wiring& wiring)
    : rows_(rows), recovery_(recovery), coupons_(coupons), obligors_(wiring.obligor_count), time_years_(wiring.time_years) {
  for (std::size_t n = 0; n < time_years_.size(); ++n)
    first_valued_.push_back(static_cast<std::uint32_t>(
        std::lower_bound(rows.valued.begin(), rows.valued.end(), static_cast<int>(n)) - rows.valued.begin()));
  for (std::size_t begin = 0; begin < rows.valued.size(); begin += Horizons::width) {
    Horizons& h = horizons_.emplace_back(Horizons{begin, std::min(Horizons::width, rows.valued.size() - begin), {}, {}, {}});
    for (std::size_t j = 0; j < Horizons::width; ++j) {
      const std::size_t v = std::min(begin + j, rows.valued.size() - 1);
      h.at[j] = v * lanes, h.step[j] = static_cast<std::size_t>(rows.valued[v]) * lanes;
      h.number[j] = begin + j == v ? static_cast<double>(v) : -1;
    }
  }
  std::vector<std::uint32_t> order(claims.lines.size());
  std::iota(order.begin(), order.end(), 0u);
  std::erase_if(order, [&](std::uint32_t p) { return is_none(positions.obligor[p]); });
  lines_.reserve(order.size()), obligor_of_.reserve(order.size());
  std::vector<std::span<const std::uint32_t>> chains;
  std::vector<std::uint32_t> others;
  const auto plain = [&](const CashFlowLine& l, std::uint32_t p) {
    return l.floating != 0 || (l.rule && recovery_.at_once(p) && l.capitalised == 0 && !revolves(l));
  };
  const auto split =
      std::stable_partition(order.begin(), order.end(), [&](std::uint32_t p) { return plain(claims.lines[p], p); });
  others.assign(split, order.end());
  order.erase(split, order.end());
  each_group(
      order, positions, claims,
      [&](std::uint32_t p) {
        const CashFlowLine& l = claims.lines[p];
        return std::tuple(dates_key(claims.schedules[l.schedule]), l.spread, l.floating != 0, l.currency);
      },
      [&](std::span<std::uint32_t> group) {
        const bool chain = worth_a_chain(group, claims);
        if (chain && share_dates(group, claims)) {
          chains.emplace_back(group);
        } else if (claims.lines[group.front()].floating != 0) {
          const auto schedule = [&](std::uint32_t p) { return claims.lines[p].schedule; };
          std::stable_sort(group.begin(), group.end(),
                           [&](std::uint32_t a, std::uint32_t b) { return schedule(a) < schedule(b); });
          for (std::size_t i = 0, n; i < group.size(); i += n) {
            for (n = 1; i + n < group.size() && schedule(group[i + n]) == schedule(group[i]);) ++n;
            chains.emplace_back(group.subspan(i, n));
          }
        } else {
          others.insert(others.end(), group.begin(), group.end());
        }
      });
  std::vector<std::uint32_t> rough;
  each_group(
      others, positions, claims, [&](std::uint32_t p) { return dates_key(claims.schedules[claims.lines[p].schedule]); },
      [&](std::span<std::uint32_t> group) {
        if (worth_a_smooth_chain(group, claims) && share_dates(group, claims))
          add_smooth(group, claims, positions, rough);
        else
          rough.insert(rough.end(), group.begin(), group.end());
      });
  smooth_end_ = lines_.size();
  std::vector<bool> need(claims.schedules.size(), false);
  for (const std::uint32_t p : rough) {
    const CashFlowLine& l = claims.lines[p];
    add_line(p, claims, positions);
    add_record(p, std::span(claims.folded).subspan(l.folded, claims.schedules[l.schedule].date_years.size()), claims);
    need[l.schedule] = true;
  }
  own_end_ = lines_.size();
  for (const auto& group : chains) add_chain(group, claims, positions);
  const auto rounded = [](std::size_t doubles) { return (doubles + cache_line - 1) / cache_line * cache_line; };
  changes_at_ = rounded(coupons.forwards().doubles());
  recovery_at_ = changes_at_ + (rows.detail == Detail::leaf ? std::size_t{rows.count} * lanes * rows.valued.size() * 4 : 0);
  work_at_ = rounded(recovery_at_ + 2 * ((own_end_ == 0 ? 1 : asked) * rows.valued.size() + Horizons::width));
  slots_ = claims.schedules.number_slots(need);
  schedules_ = std::move(claims.schedules);
}

void Corrections::add_line(std::uint32_t position, const CompiledClaims& claims, const Positions& positions) {
  const CashFlowLine& l = claims.lines[position];
  const Schedule& s = claims.schedules[l.schedule];
  const auto early = std::span(claims.early).subspan(l.early, s.paid.back());
  const std::size_t dates = s.date_years.size(), before_last = std::min(early.size(), dates - 1);
  const bool level = std::all_of(early.begin(), early.begin() + static_cast<std::ptrdiff_t>(before_last),
                                 [&](const Early& e) { return e.balance == l.principal; });
  lines_.push_back({position,
                    l.row,
                    l.currency,
                    static_cast<std::uint16_t>(dates),
                    recovery_.at_once(position),
                    l.capitalised > 0,
                    level,
                    revolves(l),
                    l.interest,
                    {l.rule.value_or(AmountRule{})},
                    balances_.size()});
  obligor_of_.push_back(static_cast<std::uint32_t>(positions.obligor[position]));
  balances_.push_back(l.principal);
  for (std::size_t k = 0; k < early.size() && !level; ++k) balances_.push_back(early[k].balance);
}

// Of the last line added.
void Corrections::add_record(std::uint32_t position, std::span<const double> amounts, const CompiledClaims& claims) {
  const CashFlowLine& l = claims.lines[position];
  const std::size_t record = numbers_.size();
  for (const int h : rows_.valued) numbers_.push_back(exp(l.spread * time_years_[static_cast<std::size_t>(h)]));
  double due = 0;
  numbers_.push_back(due);
  for (std::size_t k = 0; k < claims.schedules[l.schedule].paid.back(); ++k)
    numbers_.push_back(due += claims.early[l.early + k].amount);
  Own& own = lines_.back().own;
  own = {l.schedule, static_cast<std::uint32_t>(numbers_.size() - record), record, none, l.capitalised};
  numbers_.insert(numbers_.end(), amounts.begin(), amounts.end());
  if (!revolves(l)) return;
  own.commitment = static_cast<std::uint32_t>(numbers_.size() - record);
  numbers_.insert(numbers_.end(), {l.fee, l.conversion, l.undrawn});
  for (std::size_t k = 0; k < claims.schedules[l.schedule].paid.back(); ++k)
    numbers_.push_back(claims.early[l.early + k].undrawn);
}

void Corrections::add_smooth(std::span<const std::uint32_t> positions, const CompiledClaims& claims, const Positions& all,
                             std::vector<std::uint32_t>& rough) {
  const std::uint32_t schedule = claims.lines[positions.back()].schedule;
  const std::size_t begin = lines_.size(), dates = claims.schedules[schedule].date_years.size();
  SmoothFit fit(dates);
  for (const std::uint32_t p : positions) {
    const CashFlowLine& l = claims.lines[p];
    const std::size_t count = claims.schedules[l.schedule].date_years.size();
    const auto terms = fit(std::span(claims.folded).subspan(l.folded, count), l.principal);
    if (!terms) {
      rough.push_back(p);
      continue;
    }
    add_line(p, claims, all);
    add_record(p, terms->coefficient, claims);
  }
  if (lines_.size() == begin) return;
  Smooth& chain = smooth_.emplace_back(Smooth{schedule, begin, lines_.size(), {}, {}, {0}});
  chain.at_step = steps_along(claims.schedules[schedule]);
  for (const int h : rows_.valued) chain.paid.push_back(static_cast<std::uint32_t>(claims.schedules[schedule].paid_by(h)));
  for (std::size_t k = 0; k < dates; ++k) {
    const auto terms = fit.basis(k);
    chain.basis.insert(chain.basis.end(), terms.begin(), terms.end());
  }
}

std::vector<Corrections::AtStep> Corrections::steps_along(const Schedule& s) const {
  std::vector<AtStep> out;
  for (std::size_t n = 0; n < time_years_.size(); ++n) {
    const std::size_t unpaid = n == 0 ? 0 : s.paid_by(static_cast<int>(n) - 1);
    const bool seen = first_valued_[n] < rows_.valued.size();
    out.push_back({seen ? static_cast<std::uint32_t>(unpaid) : none, first_valued_[n], static_cast<double>(unpaid),
                   static_cast<double>(first_valued_[n]), unpaid == 0 ? 0 : s.date_years[unpaid - 1], time_years_[n]});
  }
  return out;
}

std::vector<Corrections::Departure> Corrections::departures_along(const Schedule& s,
                                                                  const std::vector<AtStep>& at_step) const {
  const Horizons& h = horizons_.front();
  std::vector<Departure> out;
  for (const AtStep& at : at_step) {
    Departure& d = out.emplace_back(Departure{{}, {}, {}, {}, {}, {}, 0, {}, at.paid_before, at.place, at.time - at.since});
    for (std::size_t j = 0; j < Horizons::width && at.paid_before != none; ++j) {
      const double begin = std::max(s.paid_valued[j], at.unpaid), end = std::max(s.paid_valued[j + 1], at.unpaid);
      if (j == 0) d.begin = static_cast<std::uint32_t>(begin);
      d.end[j] = static_cast<std::uint32_t>(end);
      d.missed[j] = end - begin, d.numbers[j] = 0.5 * (begin + end - 1) * (end - begin);
      d.goes[j] = h.number[j] >= at.seen ? ~std::uint64_t{0} : 0;
      d.comes[j] = h.number[j] == at.seen ? ~std::uint64_t{0} : 0;
      d.unpaid[j] = end == 0 ? ~std::uint64_t{0} : 0;
      d.first[j] = begin == 0 && end > 0 ? ~std::uint64_t{0} : 0;
    }
  }
  return out;
}

void Corrections::add_chain(std::span<const std::uint32_t> positions, const CompiledClaims& claims, const Positions& all) {
  const CashFlowLine& longest = claims.lines[positions.back()];
  const Schedule& s = claims.schedules[longest.schedule];
  Chain chain{longest.schedule,
              longest.currency,
              longest.spread,
              false,
              false,
              lines_.size(),
              lines_.size() + positions.size(),
              folds_.size(),
              coupons_of_.size(),
              lines_.size(),
              {},
              {},
              {}};
  if (longest.floating != 0) chain.periods = coupons_.periods(s);
  for (const std::uint32_t p : positions) {
    add_line(p, claims, all);
    chain.slopes |= slopes(claims.lines[p]);
    chain.firsts |= claims.lines[p].rule->first != 0;
    chain.later += lines_.back().dates <= s.paid_by(rows_.valued.back());
    if (longest.floating != 0) coupons_of_.push_back({claims.lines[p].floating, claims.lines[p].running});
  }
  chain.at_step = steps_along(s);
  if (horizons_.size() == 1 && longest.floating == 0) chain.departures = departures_along(s, chain.at_step);
  if (!is_none(chain.currency)) most_rates_ = std::max<std::size_t>(most_rates_, s.paid_by(rows_.valued.back()));
  if (chain.spread != 0)
    for (const double date : s.date_years)
      for (const int h : rows_.valued)
        folds_.push_back(exp(-chain.spread * std::max(0.0, date - time_years_[static_cast<std::size_t>(h)])));
  chains_.push_back(std::move(chain));
}

}  // namespace tailcube
