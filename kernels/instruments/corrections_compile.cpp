// Which defaulted claims are corrected along a chain of dates, and what is kept of each.
#include <algorithm>
#include <numeric>

#include "kernels/instruments/corrections.h"
#include "kernels/math/functions.h"

namespace tailcube {
namespace {

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
// A date costs a chain about as much as four claims cost that are corrected outside one, at a PD of some percent. Floating
// coupons are only valued in chains.
bool worth_a_chain(std::span<const std::uint32_t> by_dates, const CompiledClaims& claims) {
  const CashFlowLine &first = claims.lines[by_dates.front()], &last = claims.lines[by_dates.back()];
  const std::size_t longest = claims.schedules[last.schedule].date_years.size();
  return first.rule && (first.floating != 0 || longest <= 4 * by_dates.size());
}

}  // namespace

Corrections::Corrections(CompiledClaims& claims, const RowSet& rows, const Recovery& recovery,
                         const FloatingCoupons& coupons, const Positions& positions, const Wiring& wiring)
    : rows_(rows), recovery_(recovery), coupons_(coupons), obligors_(wiring.obligor_count), time_years_(wiring.time_years) {
  for (std::size_t n = 0; n < time_years_.size(); ++n)
    first_valued_.push_back(static_cast<std::uint32_t>(
        std::lower_bound(rows.valued.begin(), rows.valued.end(), static_cast<int>(n)) - rows.valued.begin()));
  for (std::size_t begin = 0; begin < rows.valued.size(); begin += Horizons::width) {
    Horizons& h = horizons_.emplace_back(Horizons{begin, std::min(Horizons::width, rows.valued.size() - begin), {}, {}});
    for (std::size_t j = 0; j < Horizons::width; ++j) {
      const std::size_t v = std::min(begin + j, rows.valued.size() - 1);
      h.at[j] = v * lanes, h.step[j] = static_cast<std::size_t>(rows.valued[v]) * lanes;
    }
  }
  const auto key = [&](std::uint32_t p) {
    const CashFlowLine& l = claims.lines[p];
    const Schedule& s = claims.schedules[l.schedule];
    return std::tuple(s.curve, s.spread, l.rule ? l.spread : 0, !l.rule, l.floating != 0, l.rule && l.rule->slope != 0,
                      l.rule ? s.date_years.front() : 0, l.rule && s.date_years.size() > 1 ? s.date_years[1] : 0);
  };
  const auto place = [&](std::uint32_t p) {
    return std::tuple(key(p), claims.schedules[claims.lines[p].schedule].date_years.size(), positions.obligor[p], p);
  };
  std::vector<std::uint32_t> order(claims.lines.size());
  std::iota(order.begin(), order.end(), 0u);
  std::erase_if(order, [&](std::uint32_t p) { return is_none(positions.obligor[p]); });
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) { return place(a) < place(b); });

  std::vector<std::span<const std::uint32_t>> chains;
  std::vector<bool> need(claims.schedules.size(), false);
  for (std::size_t begin = 0, end; begin < order.size(); begin = end) {
    for (end = begin + 1; end < order.size() && key(order[end]) == key(order[begin]);) ++end;
    const auto group = std::span(order).subspan(begin, end - begin);
    const bool chain = worth_a_chain(group, claims), shared = chain && share_dates(group, claims);
    if (shared) {
      chains.push_back(group);
    } else if (chain && claims.lines[group.front()].floating != 0) {
      const auto schedule = [&](std::uint32_t p) { return claims.lines[p].schedule; };
      std::stable_sort(group.begin(), group.end(),
                       [&](std::uint32_t a, std::uint32_t b) { return schedule(a) < schedule(b); });
      for (std::size_t i = 0, n; i < group.size(); i += n) {
        for (n = 1; i + n < group.size() && schedule(group[i + n]) == schedule(group[i]);) ++n;
        chains.push_back(group.subspan(i, n));
      }
    } else {
      for (const std::uint32_t p : group) {
        add_line(p, claims, positions);
        add_amounts(p, claims);
        need[claims.lines[p].schedule] = true;
      }
    }
  }
  for (const auto& group : chains) add_chain(group, claims, positions);
  const auto rounded = [](std::size_t doubles) { return (doubles + cache_line - 1) / cache_line * cache_line; };
  changes_at_ = rounded(coupons.forwards().doubles());
  recovery_at_ = changes_at_ + (rows.detail == Detail::leaf ? std::size_t{rows.count} * lanes * rows.valued.size() * 4 : 0);
  work_at_ = rounded(recovery_at_ + 2 * std::max(alone_.empty() ? 0 : asked * rows.valued.size(),
                                                 rows.valued.size() + Horizons::width + 1));
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
  lines_.push_back({position, l.row, l.currency, static_cast<std::uint16_t>(dates), recovery_.at_once(position),
                    l.capitalises, level, l.interest, l.rule.value_or(AmountRule{}), balances_.size()});
  obligor_of_.push_back(static_cast<std::uint32_t>(positions.obligor[position]));
  balances_.push_back(l.principal);
  for (std::size_t k = 0; k < early.size() && !level; ++k) balances_.push_back(early[k].balance);
}

void Corrections::add_amounts(std::uint32_t position, const CompiledClaims& claims) {
  const CashFlowLine& l = claims.lines[position];
  const Schedule& s = claims.schedules[l.schedule];
  alone_.push_back({l.schedule, amounts_.size(), folded_.size()});
  for (std::size_t k = 0; k < s.paid.back(); ++k) amounts_.push_back(claims.early[l.early + k].amount);
  for (std::size_t k = 0; k < s.date_years.size(); ++k) folded_.push_back(claims.folded[l.folded + k]);
  for (const int h : rows_.valued) growth_.push_back(exp(l.spread * time_years_[static_cast<std::size_t>(h)]));
}

void Corrections::add_chain(std::span<const std::uint32_t> positions, const CompiledClaims& claims, const Positions& all) {
  const CashFlowLine& longest = claims.lines[positions.back()];
  const Schedule& s = claims.schedules[longest.schedule];
  Chain chain{longest.schedule,
              longest.spread,
              longest.rule->slope != 0,
              false,
              longest.floating == 0,
              false,
              lines_.size(),
              lines_.size() + positions.size(),
              folds_.size(),
              coupons_of_.size(),
              {},
              {},
              {}};
  if (longest.floating != 0) chain.periods = coupons_.periods(s);
  for (const std::uint32_t p : positions) {
    add_line(p, claims, all);
    chain.firsts |= lines_.back().rule.first != 0;
    chain.abreast &= lines_.back().at_once && !lines_.back().capitalises;
    chain.abroad |= !is_none(lines_.back().currency);
    if (longest.floating != 0) coupons_of_.push_back({claims.lines[p].floating, claims.lines[p].running});
  }
  for (std::size_t n = 0; n < time_years_.size(); ++n) {
    const std::size_t unpaid = n == 0 ? 0 : s.paid_by(static_cast<int>(n) - 1);
    chain.at_step.push_back({static_cast<std::uint32_t>(unpaid), static_cast<double>(unpaid),
                             static_cast<double>(first_valued_[n]), unpaid == 0 ? 0 : s.date_years[unpaid - 1],
                             time_years_[n]});
  }
  if (chain.abreast && chain.abroad) {
    for (std::size_t k = 0; k < s.paid_by(rows_.valued.back()); ++k) chain.rate_at.push_back(s.step[k] * lanes);
    for (const int h : rows_.valued) chain.rate_at.push_back(static_cast<std::uint32_t>(h * lanes));
    most_rates_ = std::max(most_rates_, chain.rate_at.size());
  }
  if (chain.spread != 0)
    for (const double date : s.date_years)
      for (const int h : rows_.valued)
        folds_.push_back(exp(-chain.spread * std::max(0.0, date - time_years_[static_cast<std::size_t>(h)])));
  chains_.push_back(std::move(chain));
}

}  // namespace tailcube
