#include "kernels/instruments/corrections.h"

#include <cmath>

#include "kernels/instruments/corrections_inl.h"

namespace tailcube {

using namespace corrections;

// Of memory along a chain: Sums, then the discounted amounts, changes and exchange rates of Gathered.
inline std::size_t Corrections::chain_doubles() const {
  return rows_.valued.size() * (Sums::tables * lanes + (DefaultsAbreast::sums + 4) * DefaultsAbreast::most) +
         DefaultsAbreast::most * most_rates_;
}

std::size_t Corrections::bytes_per_thread() const {
  const std::size_t doubles = cache_line + work_at_ + std::max({chain_doubles(), smooth_doubles(), transposed_doubles()});
  return 2 * doubles * sizeof(double);  // a thread has two ledgers
}

void Corrections::apply(const Block& block, Ledger& ledger, Kept* kept, DefaultListener* listener) const {
  std::optional<Telling> telling;
  if (listener != nullptr) telling.emplace(*listener, rows_.valued.size());
  Telling* const told = telling ? &*telling : nullptr;
  if (block.first_default.size() <= obligors_) index_defaults(block, ledger);
  const std::size_t work = std::max({chain_doubles(), smooth_doubles(), transposes(block) ? transposed_doubles() : 0});
  ledger.scratch.resize(std::max(ledger.scratch.size(), cache_line + work_at_ + work));
  coupons_.forwards().evaluate(block, memory(ledger));
  std::fill(memory(ledger) + changes_at_, memory(ledger) + recovery_at_, 0.0);
  one_by_one(block, ledger, kept, told);
  for (const Chain& chain : chains_) along(chain, block, ledger, told);
  if (telling) telling->tell();
  finish(ledger);
}

// The first default of each obligor: behind the last of the one before. For a block that was not drawn.
void Corrections::index_defaults(const Block& block, Ledger& ledger) const {
  std::vector<std::uint32_t>& first = ledger.scratch_indices;
  first.assign(obligors_ + 1, 0);
  for (std::uint32_t i = 0; i < block.defaults.size(); ++i)
    first[static_cast<std::size_t>(block.defaults[i].obligor) + 1] = i + 1;
  for (std::size_t o = 1; o <= obligors_; ++o) first[o] = std::max(first[o], first[o - 1]);
}

// claim_at_default of a claim with floating coupons.
template <class Coupon>
double Corrections::floating_claim(const Line& l, const Floating& f, const Schedule& s, int step, Coupon coupon) const {
  std::size_t k = s.paid_by(step - 1);
  const double until = time_years_[static_cast<std::size_t>(step)], principal = balance(l, 0);
  double accrued = 0;
  for (double begin = k == 0 ? 0 : s.date_years[k - 1]; k < l.dates && begin < until; begin = s.date_years[k++]) {
    const double rate = k == 0 ? f.running : l.interest + coupon(k) / (s.date_years[k] - begin);
    accrued += rate * (std::min(s.date_years[k], until) - begin);
  }
  return principal + principal * accrued;
}

void Corrections::add_change(const Line& l, std::size_t lane, std::size_t v, const double* change, Ledger& ledger) const {
  const int at = static_cast<int>(v);
  ledger.value(rows_.row(l.row), at)[lane] += change[0];
  ledger.cash(rows_.row(l.row), at)[lane] += change[1];
  ledger.gauges(rows_.gauge(l.row, defaults), at)[lane] += change[2];
  ledger.gauges(rows_.gauge(l.row, defaulted_exposure), at)[lane] += change[3];
}

// claimed(): principal and interest at the default. At a few valued steps: promised(h, paid): discounted amounts after so
// many dates; due(h, begins, ends): sums of amounts. amount(k): one of them.
template <class Claimed, class Promised, class Due, class Amount>
inline void Corrections::correct(const Line& l, const Schedule& s, const Default& d, const Block& block, Ledger& ledger,
                                 Telling* telling, const Claimed& claimed, const Promised& promised, const Due& due,
                                 const Amount& amount) const {
  const std::size_t unpaid = s.paid_by(d.step - 1), valued = rows_.valued.size(), first = first_valued_[d.step];
  const std::size_t lane = d.lane;
  if (unpaid >= l.dates || first == valued) return;  // repaid before
  const double claim = claimed();
  if (telling != nullptr) telling->begin(l, lane);
  const double* const rate = is_none(l.currency) ? nullptr : exchange(block, l.currency, 0) + lane;  // [step x lanes]
  const double exposed = rate == nullptr ? claim : claim * rate[std::size_t{d.step} * lanes];
  double* const come_value = memory(ledger) + recovery_at_;
  double* const come_cash = come_value + valued + Horizons::width;
  if (!l.at_once) recovery_.recover(l.position, d, claim, block, come_value, come_cash);
  const Tag tag;
  const auto dates = hn::Set(tag, static_cast<double>(l.dates)), from = hn::Set(tag, static_cast<double>(unpaid));
  for (std::size_t i = first / Horizons::width; i < horizons_.size(); ++i) {
    const Horizons& h = horizons_[i];
    const double* const paid = s.paid_valued.data() + h.begin;
    const auto begins = hn::Max(hn::Min(hn::LoadU(tag, paid), dates), from), ends = hn::Min(hn::LoadU(tag, paid + 1), dates);
    auto removed = promised(h, ends), missed = hn::Zero(tag);
    if (rate == nullptr) {
      missed = due(h, begins, ends);
    } else {
      removed = hn::Mul(removed, gather(rate, h.step));
      missed = each(h.count, begins, ends, [&](std::size_t, std::size_t begin, std::size_t end) {
        double sum = 0;
        for (std::size_t k = begin; k < end; ++k) sum += amount(k) * rate[std::size_t{s.step[k]} * lanes];
        return sum;
      });
    }
    const auto number = hn::Iota(tag, static_cast<double>(h.begin)), seen_first = hn::Set(tag, static_cast<double>(first));
    const auto now = hn::Eq(number, seen_first);
    auto value = hn::Zero(tag), cash = value;
    if (l.at_once) {
      cash = hn::IfThenElseZero(now, hn::Set(tag, (1 - d.loss_given_default) * exposed));
    } else {
      value = hn::LoadU(tag, come_value + h.begin), cash = hn::LoadU(tag, come_cash + h.begin);
    }
    add_changes(l, lane, h, hn::IfThenElseZero(hn::Ge(number, seen_first), hn::Sub(value, removed)), hn::Sub(cash, missed),
                hn::IfThenElseZero(now, hn::Set(tag, 1.0)), hn::IfThenElseZero(now, hn::Set(tag, exposed)), ledger, telling);
  }
}

void Corrections::along(const Chain& chain, const Block& block, Ledger& ledger, Telling* telling) const {
  const std::size_t valued = rows_.valued.size();
  const Schedule& s = schedules_[chain.schedule];
  const Forwards& forwards = coupons_.forwards();
  const double* const table = memory(ledger);
  const bool floating = !chain.periods.empty();
  Sums sums(memory(ledger) + work_at_, valued * lanes, chain.slopes);
  std::size_t k = 0;
  const auto advance = [&](std::size_t dates) {
    for (; k < dates; ++k) {
      if (s.discount[k] == none) continue;
      if (k + 1 < s.discount.size()) fetch(block.discounts(s.discount[k + 1], 0).data(), valued * lanes);
      const double* fold = chain.spread == 0 ? nullptr : &folds_[chain.folds + k * valued];
      sums.add(k, block.discounts(s.discount[k], 0).data(), fold);
      if (floating && k > 0) sums.add_coupons(forwards.worth(table, chain.periods[k]), fold);
    }
  };
  const Hits hits(*this, block, ledger, s.paid.data());
  if (!floating) {
    Gathered some(*this, chain, s, sums, block, ledger, telling);
    hits.each(chain.begin, chain.end, [&](std::size_t i, std::span<const Default> defaulted) {
      const Line& l = lines_[i];
      if (k < l.dates) advance(l.dates);
      for (const Default& d : defaulted) some.take(l, d);
    });
    return some.flush();
  }
  hits.each(chain.begin, chain.end, [&](std::size_t i, std::span<const Default> defaulted) {
    advance(lines_[i].dates);
    for (const Default& d : defaulted)
      correct_floating(lines_[i], coupons_of_[chain.coupons + i - chain.begin], s, sums, d, block, ledger, telling,
                       [&](std::size_t date) { return forwards.fixing(table, chain.periods[date])[d.lane]; });
  });
}

// coupon(k): what the period that ends on date k pays on a notional of 1.
template <class Coupon>
void Corrections::correct_floating(const Line& l, const Floating& f, const Schedule& s, const Sums& sums, const Default& d,
                                   const Block& block, Ledger& ledger, Telling* telling, Coupon coupon) const {
  const auto due = [&](std::size_t begin, std::size_t end) {
    double sum = l.rule.sum(begin, end, l.dates);
    for (std::size_t date = std::max<std::size_t>(begin, 1); date < end; ++date) sum += f.notional * coupon(date);
    return sum;
  };
  correct(
      l, s, d, block, ledger, telling, [&] { return floating_claim(l, f, s, d.step, coupon); },
      [&](const Horizons& h, Vector paid) { return sums.promised(l.rule, f.notional, paid, h, d.lane); },
      [&](const Horizons& h, Vector begins, Vector ends) {
        return each(h.count, begins, ends, [&](std::size_t, std::size_t begin, std::size_t end) { return due(begin, end); });
      },
      [&](std::size_t k) { return due(k, k + 1); });
}

void Corrections::finish(Ledger& ledger) const {
  const std::size_t valued = rows_.valued.size();
  for (std::uint32_t r = 0; r < rows_.count; ++r)
    for (std::size_t v = 0; v < valued; ++v) {
      const int at = static_cast<int>(v);
      const Lanes value = ledger.value(rows_.row(r), at), cash = ledger.cash(rows_.row(r), at);
      const Lanes count = ledger.gauges(rows_.gauge(r, defaults), at);
      const Lanes exposed = ledger.gauges(rows_.gauge(r, defaulted_exposure), at);
      const Lanes loss = ledger.credit_loss(rows_.row(r), at);
      if (rows_.detail == Detail::leaf)
        for (std::size_t k = 0; k < lanes; ++k) {
          const double* from = memory(ledger) + place_of_changes(r, k) + 4 * v;
          value[k] = from[0], cash[k] = from[1], count[k] = from[2], exposed[k] = from[3];
        }
      if (v > 0)
        for (const Lanes sum : {cash, count, exposed})
          for (std::size_t k = 0; k < lanes; ++k) sum[k] += *(sum.data() - lanes + k);
      for (std::size_t k = 0; k < lanes; ++k) loss[k] = 0 - (value[k] + cash[k]);
    }
}

}  // namespace tailcube
