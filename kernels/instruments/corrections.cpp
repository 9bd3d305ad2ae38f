#include "kernels/instruments/corrections.h"

#include <hwy/highway.h>

#include <cmath>

namespace tailcube {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
static_assert(HWY_NATIVE_FMA, "AVX2 with FMA is the floor: one rounding per multiply-add");

// sum amount[k] factor(k) for k from `begin`, in four strands: one alone would wait for each addition.
template <class Factor>
double strands(const double* amount, std::size_t begin, std::size_t end, Factor factor) {
  double sum[4] = {};
  std::size_t k = begin;
  for (; k + 4 <= end; k += 4)
    for (std::size_t j = 0; j < 4; ++j) sum[j] = std::fma(amount[k + j], factor(k + j), sum[j]);
  for (std::size_t j = 0; k < end; ++k, ++j) sum[j] = std::fma(amount[k], factor(k), sum[j]);
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}
// The same strands, side by side in a vector.
double strands(const double* amount, const double* factor, std::size_t count) {
  const hn::FixedTag<double, 4> d;
  auto sum = hn::Zero(d);
  std::size_t k = 0;
  for (; k + 4 <= count; k += 4) sum = hn::MulAdd(hn::LoadU(d, amount + k), hn::LoadU(d, factor + k), sum);
  double last[4];
  hn::StoreU(sum, d, last);
  for (std::size_t j = 0; k < count; ++k, ++j) last[j] = std::fma(amount[k], factor[k], last[j]);
  return (last[0] + last[1]) + (last[2] + last[3]);
}

}  // namespace

struct Corrections::Direct {
  const double* discounts;
  std::size_t valued;
  double promised(const Schedule& s, const double* amount, std::size_t begin, std::size_t v, std::size_t lane) const {
    const double* first = discounts + v * lanes + lane;
    const std::size_t stride = valued * lanes;
    return strands(amount, begin, s.discount.size(), [&](std::size_t k) { return first[s.discount[k] * stride]; });
  }
};
struct Corrections::Transposed {
  const double* factors;  // [lane][valued][slot]
  std::size_t valued, slots;
  double promised(const Schedule& s, const double* amount, std::size_t begin, std::size_t v, std::size_t lane) const {
    const double* first = factors + (lane * valued + v) * slots;
    if (begin == s.slot.size()) return 0;
    if (s.consecutive) return strands(amount + begin, first + s.slot[begin], s.slot.size() - begin);
    return strands(amount, begin, s.slot.size(), [&](std::size_t k) { return first[s.slot[k]]; });
  }
};
// [valued][lane]: sums over the dates so far of discount factors, alone and times the number of the date, and of floating
// coupons; the first and the latest discount factor.
struct Corrections::Sums {
  static constexpr std::size_t tables = 5;
  double *level, *slope, *floating, *first, *last;
  std::size_t count;

  Sums(double* memory, std::size_t n)
      : level(memory), slope(memory + n), floating(slope + n), first(floating + n), last(first + n), count(n) {
    std::fill_n(memory, tables * n, 0.0);
  }
  void add_coupons(const double* worth, const double* fold) {
    for (std::size_t i = 0; i < count; ++i)
      floating[i] = std::fma(worth[i], fold == nullptr ? 1 : fold[i / lanes], floating[i]);
  }
  void add(std::size_t date, const double* discount, const double* fold) {
    const hn::FixedTag<double, 4> d;
    const auto number = hn::Set(d, static_cast<double>(date));
    for (std::size_t v = 0; v * lanes < count; ++v) {
      const auto folded = hn::Set(d, fold == nullptr ? 1 : fold[v]);
      for (std::size_t i = v * lanes; i < (v + 1) * lanes; i += 4) {
        const auto x = hn::Mul(hn::LoadU(d, discount + i), folded);
        hn::StoreU(hn::Add(hn::LoadU(d, level + i), x), d, level + i);
        hn::StoreU(hn::MulAdd(number, x, hn::LoadU(d, slope + i)), d, slope + i);
        hn::StoreU(x, d, last + i);
      }
    }
    if (date == 0) std::copy_n(last, count, first);
  }
  double promised(const AmountRule& rule, double notional, bool with_first, std::size_t i) const {
    double sum = std::fma(rule.level, level[i], std::fma(rule.slope, slope[i], rule.last * last[i]));
    if (notional != 0) sum = std::fma(notional, floating[i], sum);
    return with_first ? std::fma(rule.first, first[i], sum) : sum;
  }
};

std::size_t Corrections::bytes_per_thread() const {
  const std::size_t doubles = work_at_ + lanes * rows_.valued.size() * std::max(Sums::tables, slots_.size());
  return 2 * (doubles * sizeof(double) + (obligors_ + 1) * sizeof(std::uint32_t));  // a thread has two ledgers
}

void Corrections::apply(const Block& block, Ledger& ledger) const {
  std::vector<std::uint32_t>& first = ledger.scratch_indices;  // of each obligor, its first default
  first.resize(obligors_ + 1);
  std::size_t o = 0;
  for (std::uint32_t i = 0; i < block.defaults.size(); ++i)
    for (; o <= static_cast<std::size_t>(block.defaults[i].obligor); ++o) first[o] = i;
  std::fill(first.begin() + static_cast<std::ptrdiff_t>(o), first.end(), static_cast<std::uint32_t>(block.defaults.size()));
  ledger.scratch.resize(std::max(ledger.scratch.size(), work_at_ + Sums::tables * lanes * rows_.valued.size()));
  coupons_.forwards().evaluate(block, ledger.scratch.data());
  std::fill(ledger.scratch.data() + changes_at_, ledger.scratch.data() + recovery_at_, 0.0);
  alone(block, ledger);
  for (const Chain& chain : chains_) along(chain, block, ledger);
  finish(ledger);
}

// Fetches ahead what lines to come will need.
std::span<const Default> Corrections::defaults_of(std::size_t line, const Block& block, const Ledger& ledger) const {
  constexpr std::size_t ahead = 8;
  const std::uint32_t* first = ledger.scratch_indices.data();
  if (line + 2 * ahead < lines_.size()) {
    __builtin_prefetch(first + lines_[line + 2 * ahead].obligor);
    __builtin_prefetch(block.defaults.data() + first[lines_[line + ahead].obligor]);
  }
  const std::uint32_t o = lines_[line].obligor;
  return {block.defaults.data() + first[o], block.defaults.data() + first[o + 1]};
}

// Transposing costs about as much as a correction saves per sixteen factors; either way gives the same bits.
void Corrections::alone(const Block& block, Ledger& ledger) const {
  const std::size_t valued = rows_.valued.size(), slots = slots_.size();
  if (alone_ == 0) return;
  if (block.defaults.size() * 16 < slots * valued) return alone(Direct{block.discounts.data(), valued}, block, ledger);
  // Eight lanes at a time: a cache line of doubles is read once.
  constexpr std::size_t octet = 8;
  ledger.scratch.resize(std::max(ledger.scratch.size(), work_at_ + lanes * valued * slots));
  double* const table = ledger.scratch.data() + work_at_;
  for (std::size_t first = 0; first < lanes; first += octet)
    for (std::size_t v = 0; v < valued; ++v)
      for (std::size_t s = 0; s < slots; ++s) {
        const double* from = block.discounts(slots_[s], static_cast<int>(v)).data() + first;
        double* to = table + (first * valued + v) * slots + s;
        for (std::size_t lane = 0; lane < octet; ++lane) to[lane * valued * slots] = from[lane];
      }
  alone(Transposed{table, valued, slots}, block, ledger);
}

template <class Factors>
void Corrections::alone(const Factors& factors, const Block& block, Ledger& ledger) const {
  const std::size_t valued = rows_.valued.size();
  for (std::size_t i = 0; i < alone_; ++i) {
    const Line& l = lines_[i];
    for (const Default& d : defaults_of(i, block, ledger))
      correct(
          l, schedules_[l.schedule], d, block, ledger, [&] { return claim_at_default(l, schedules_[l.schedule], d.step); },
          [&](std::size_t k, std::size_t v) {
            return growth_[i * valued + v] *
                   factors.promised(schedules_[l.schedule], folded_.data() + l.folded, k, v, d.lane);
          },
          [&](std::size_t begin, std::size_t end) {
            double sum = 0;
            for (std::size_t k = begin; k < end; ++k) sum += amounts_[l.early + k];
            return sum;
          });
  }
}

void Corrections::along(const Chain& chain, const Block& block, Ledger& ledger) const {
  const std::size_t valued = rows_.valued.size();
  const Schedule& s = schedules_[chain.schedule];
  const Forwards& forwards = coupons_.forwards();
  const double* const table = ledger.scratch.data();
  const bool floating = !chain.periods.empty();
  Sums sums(ledger.scratch.data() + work_at_, valued * lanes);
  std::size_t i = chain.begin;
  for (std::size_t k = 0; i < chain.end; ++k) {
    if (s.discount[k] != none) {
      const double* fold = chain.spread == 0 ? nullptr : &folds_[chain.fold + k * valued];
      sums.add(k, block.discounts(s.discount[k], 0).data(), fold);
      if (floating && k > 0) sums.add_coupons(forwards.worth(table, chain.periods[k]), fold);
    }
    for (; i < chain.end && lines_[i].dates == k + 1; ++i) {
      const Line& l = lines_[i];
      for (const Default& d : defaults_of(i, block, ledger)) {
        const auto coupon = [&](std::size_t date) { return forwards.fixing(table, chain.periods[date])[d.lane]; };
        correct(
            l, s, d, block, ledger,
            [&] { return floating ? floating_claim(l, s, d.step, coupon) : claim_at_default(l, s, d.step); },
            [&](std::size_t paid, std::size_t v) {
              return sums.promised(l.rule, l.floating, paid == 0, v * lanes + d.lane);
            },
            [&](std::size_t begin, std::size_t end) {
              double sum = l.rule.sum(begin, end, l.dates);
              for (std::size_t date = std::max<std::size_t>(begin, 1); floating && date < end; ++date)
                sum += l.floating * coupon(date);
              return sum;
            });
      }
    }
  }
}

// What one default changes at the valued steps, what it adds to cash and gauges since the one before: at [v * stride].
struct Corrections::Changes {
  double *value, *cash, *defaults, *exposed;
  std::size_t stride;
};

// Scratch memory, where the changes of a scenario lie together; where every position has a row of its own, the ledger.
Corrections::Changes Corrections::changes(std::uint32_t row, std::size_t lane, Ledger& ledger) const {
  if (rows_.detail == Detail::position) {
    const RowIndex r = rows_.row(row);
    return {ledger.value(r, 0).data() + lane, ledger.cash(r, 0).data() + lane,
            ledger.gauges(rows_.gauge(row, defaults), 0).data() + lane,
            ledger.gauges(rows_.gauge(row, defaulted_exposure), 0).data() + lane, lanes};
  }
  double* const first = ledger.scratch.data() + place_of_changes(row, lane);
  return {first, first + 1, first + 2, first + 3, 4};
}

// Principal outstanding and interest accrued when the default is seen: what was due after the step before is unpaid.
double Corrections::claim_at_default(const Line& l, const Schedule& s, int step) const {
  std::size_t unpaid = s.paid_by(step - 1);
  double balance = unpaid == 0 ? l.principal : balances_[l.early + unpaid - 1];
  double since = unpaid == 0 ? 0 : s.date_years[unpaid - 1];
  const double until = std::min(time_years_[static_cast<std::size_t>(step)], s.date_years[l.dates - 1u]);
  for (; l.capitalises && unpaid < l.dates && s.date_years[unpaid] <= until; since = s.date_years[unpaid++])
    balance += balance * l.interest * (s.date_years[unpaid] - since);
  return balance + balance * l.interest * (until - since);
}

// The same of a claim with floating coupons; coupon(k): what the period that ends on date k pays on a notional of 1.
template <class Coupon>
double Corrections::floating_claim(const Line& l, const Schedule& s, int step, Coupon coupon) const {
  std::size_t k = s.paid_by(step - 1);
  const double until = time_years_[static_cast<std::size_t>(step)];
  double accrued = 0;
  for (double begin = k == 0 ? 0 : s.date_years[k - 1]; k < l.dates && begin < until; begin = s.date_years[k++]) {
    const double rate = k == 0 ? l.running : l.interest + coupon(k) / (s.date_years[k] - begin);
    accrued += rate * (std::min(s.date_years[k], until) - begin);
  }
  return l.principal + l.principal * accrued;
}

// claimed(): principal and interest at the default; promised(k, v): discounted amounts at a valued step, of which date k is
// the first; due(begin, end): sum of amounts. The dates are the first of `s`.
template <class Claimed, class Promised, class Due>
void Corrections::correct(const Line& l, const Schedule& s, const Default& d, const Block& block, Ledger& ledger,
                          Claimed claimed, Promised promised, Due due) const {
  std::size_t unpaid = s.paid_by(d.step - 1);
  const std::size_t valued = rows_.valued.size(), first = first_valued_[d.step], lane = d.lane;
  if (unpaid >= l.dates || first == valued) return;  // repaid before
  const double claim = claimed();
  const bool domestic = is_none(l.currency);
  const double exposed = domestic ? claim : claim * exchange(block, l.currency, d.step)[lane];
  const Changes to = changes(l.row, lane, ledger);
  double received = (1 - d.loss_given_default) * exposed;
  double *const come_value = ledger.scratch.data() + recovery_at_, *const come_cash = come_value + valued;
  if (!l.at_once) {
    std::fill_n(come_value, 2 * valued, 0.0);
    recovery_.recover(l.position, d, claim, block, come_value, come_cash);
  }
  to.defaults[first * to.stride] += 1;
  to.exposed[first * to.stride] += exposed;
  for (std::size_t v = first; v < valued; ++v) {
    const std::size_t paid = std::min<std::size_t>(s.paid_by(rows_.valued[v]), l.dates);
    double missed = 0, removed = promised(paid, v);
    if (domestic) {
      missed = due(unpaid, paid);
    } else {
      removed *= exchange(block, l.currency, rows_.valued[v])[lane];
      for (std::size_t k = unpaid; k < paid; ++k) missed += due(k, k + 1) * exchange(block, l.currency, s.step[k])[lane];
    }
    unpaid = paid;
    if (l.at_once) {
      to.value[v * to.stride] -= removed;
      to.cash[v * to.stride] += received - missed;
      received = 0;
    } else {
      to.value[v * to.stride] += come_value[v] - removed;
      to.cash[v * to.stride] += come_cash[v] - (v == 0 ? 0 : come_cash[v - 1]) - missed;
    }
  }
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
          const double* from = ledger.scratch.data() + place_of_changes(r, k) + 4 * v;
          value[k] = from[0], cash[k] = from[1], count[k] = from[2], exposed[k] = from[3];
        }
      if (v > 0)
        for (const Lanes sum : {cash, count, exposed})
          for (std::size_t k = 0; k < lanes; ++k) sum[k] += *(sum.data() - lanes + k);
      for (std::size_t k = 0; k < lanes; ++k) loss[k] = 0 - (value[k] + cash[k]);
    }
}

}  // namespace tailcube
