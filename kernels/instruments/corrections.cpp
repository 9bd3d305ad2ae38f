#include "kernels/instruments/corrections.h"

#include <cmath>

#include "kernels/instruments/corrections_hits.h"

namespace tailcube {

using namespace corrections;

// Of memory along a chain: Sums, then Abroad.
inline std::size_t Corrections::chain_doubles() const {
  return (rows_.valued.size() * Sums::tables + 2 * (most_rates_ + 1) + Horizons::width) * lanes;
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

// Runs the sums along a chain.
class Corrections::Walk {
 public:
  Walk(const Corrections& all, const Chain& chain, const Block& block, Ledger& ledger)
      : sums(memory(ledger) + all.work_at_, all.rows_.valued.size() * lanes, chain.slopes),
        all_(all),
        chain_(chain),
        block_(block),
        s_(all.schedules_[chain.schedule]),
        table_(memory(ledger)) {}
  // At least so many dates.
  [[gnu::noinline]] void reach(std::size_t dates) {
    const std::size_t valued = all_.rows_.valued.size();
    for (; reached < dates; ++reached) {
      const std::size_t k = reached;
      if (s_.discount[k] == none) continue;
      if (k + 1 < s_.discount.size()) fetch(block_.discounts(s_.discount[k + 1], 0).data(), valued * lanes);
      const double* fold = chain_.spread == 0 ? nullptr : &all_.folds_[chain_.folds + k * valued];
      sums.add(k, block_.discounts(s_.discount[k], 0).data(), fold);
      if (!chain_.periods.empty() && k > 0)
        sums.add_coupons(all_.coupons_.forwards().worth(table_, chain_.periods[k]), fold);
    }
  }
  Sums sums;
  std::size_t reached = 0;  // dates

 private:
  const Corrections& all_;
  const Chain& chain_;
  const Block& block_;
  const Schedule& s_;
  const double* table_;
};

// Claims with fixed amounts, whose recoveries come at once.
template <bool slopes, bool abroad, class Add>
void Corrections::correct_lines(std::size_t begin, std::size_t end, const Chain& chain, const Block& block, Ledger& ledger,
                                Walk& walk, const Abroad& rates, const Add& adds) const {
  const Schedule& s = schedules_[chain.schedule];
  Hits(*this, block, ledger).each_few(begin, end, [&](std::span<const Hits::Hit> batch) {
    // Copies, which no store can change: the loop need not read them again.
    const Add add = adds;
    const Abroad exchange = rates;
    Sums sums = walk.sums;
    std::size_t reached = walk.reached;
    const Line* const lines = lines_.data();
    const Default* const struck = block.defaults.data();
    const AtStep* const at_step = chain.at_step.data();
    const double *const balances = balances_.data(), *const date_years = s.date_years.data();
    const double* const paid = s.paid_valued.data();
    const bool firsts = paid[1] == 0;
    const Horizons* const groups = horizons_.data();
    const std::size_t group_count = horizons_.size();
    const Tag tag;
    const auto zero = hn::Zero(tag);
    for (const Hits::Hit& hit : batch) {
      const Line& l = lines[hit.line];
      const Default& d = struck[hit.of];
      const std::size_t dates = l.dates, lane = d.lane;
      if (reached < dates) {
        walk.reach(dates);
        reached = dates, sums.last = walk.sums.last;
      }
      const AtStep& at = at_step[d.step];
      if (at.paid_before >= dates) continue;  // repaid before
      const double owed = balances[l.early + (l.level ? 0 : at.paid_before)];
      const double claim = owed + owed * l.interest * (std::min(at.time, date_years[dates - 1]) - at.since);
      const double exposed = abroad ? claim * exchange.rate[std::size_t{d.step} * lanes + lane] : claim;
      const auto all = hn::Set(tag, static_cast<double>(dates)), from = hn::Set(tag, at.unpaid),
                 seen = hn::Set(tag, at.seen), comes = hn::Set(tag, (1 - d.loss_given_default) * exposed);
      const auto level = hn::Set(tag, l.rule.level), first = hn::Set(tag, l.rule.first), last = hn::Set(tag, l.rule.last),
                 slope = slopes ? hn::Set(tag, l.rule.slope) : zero;
      const auto place = add.begin(l, lane);
      for (std::size_t i = at.place / Horizons::width; i < group_count; ++i) {
        const Horizons& h = groups[i];
        const auto number = hn::LoadU(tag, h.number);
        const auto begins = hn::Max(hn::Min(hn::LoadU(tag, paid + h.begin), all), from),
                   ends = hn::Max(hn::Min(hn::LoadU(tag, paid + h.begin + 1), all), from);
        auto removed = hn::Mul(last, gather(sums.last + lane, h.at));
        if constexpr (slopes) removed = hn::MulAdd(slope, gather(sums.slope + lane, h.at), removed);
        removed = hn::MulAdd(level, gather(sums.level + lane, h.at), removed);
        if (firsts) {
          const auto with_first = hn::MulAdd(first, gather(sums.first + lane, h.at), removed);
          removed = hn::IfThenElse(hn::Eq(ends, zero), with_first, removed);
        }
        Vector missed;
        if constexpr (abroad) {
          removed = hn::Mul(removed, gather(exchange.rate + lane, h.step));
          missed = exchange.due(l, slopes, all, begins, ends, lane);
        } else {
          missed = due(level, slope, first, last, slopes, all, begins, ends);
        }
        add.change(
            place, h, hn::IfThenElseZero(hn::Ge(number, seen), hn::Sub(zero, removed)),
            hn::Sub(hn::IfThenElseZero(hn::Eq(number, seen), comes), hn::IfThenElseZero(hn::Ge(number, seen), missed)));
      }
      add.count(place, at.place, exposed);
    }
  });
}

// The same for claims with dates after all valued steps, which are most: what depends on the step of default alone is
// looked up.
template <bool slopes, bool abroad, std::size_t valued>
void Corrections::correct_later(const Chain& chain, const Block& block, Ledger& ledger, Walk& walk,
                                const Abroad& rates) const {
  Hits(*this, block, ledger).each_few(chain.later, chain.end, [&](std::span<const Hits::Hit> batch) {
    double* const rows = memory(ledger) + changes_at_;
    const Abroad exchange = rates;
    Sums sums = walk.sums;
    std::size_t reached = walk.reached;
    const Line* const lines = lines_.data();
    const Default* const struck = block.defaults.data();
    const Departure* const departures = chain.departures.data();
    const double* const balances = balances_.data();
    const bool firsts = chain.firsts;
    const Tag tag;
    for (const Hits::Hit& hit : batch) {
      const Line& l = lines[hit.line];
      const Default& d = struck[hit.of];
      if (reached < l.dates) {
        walk.reach(l.dates);
        reached = l.dates, sums.last = walk.sums.last;
      }
      const Departure& at = departures[d.step];
      if (at.paid_before == none) continue;  // after all valued steps
      const std::size_t lane = d.lane;
      const double owed = balances[l.early + (l.level ? 0 : at.paid_before)];
      const double claim = owed + owed * l.interest * at.years;
      const double exposed = abroad ? claim * exchange.rate[std::size_t{d.step} * lanes + lane] : claim;
      const auto comes = hn::Set(tag, (1 - d.loss_given_default) * exposed), level = hn::Set(tag, l.rule.level);
      auto removed = hn::Mul(hn::Set(tag, l.rule.last), across<valued>(sums.last + lane));
      auto missed = hn::Mul(level, abroad ? Abroad::missed(exchange.level + lane, at) : hn::LoadU(tag, at.missed));
      if (slopes && l.rule.slope != 0) {  // as it was with the line before, mostly
        const auto slope = hn::Set(tag, l.rule.slope);
        removed = hn::MulAdd(slope, across<valued>(sums.slope + lane), removed);
        missed = abroad ? hn::MulAdd(slope, Abroad::missed(exchange.slope + lane, at), missed)
                        : hn::Add(missed, hn::Mul(slope, hn::LoadU(tag, at.numbers)));
      }
      removed = hn::MulAdd(level, across<valued>(sums.level + lane), removed);
      if (firsts) {
        const auto first = hn::Set(tag, l.rule.first);
        const auto with_first = hn::MulAdd(first, across<valued>(sums.first + lane), removed);
        removed = hn::IfVecThenElse(mask(at.unpaid), with_first, removed);
        const double rate = abroad ? exchange.at_first[lane] : 1;
        missed = hn::Add(missed, hn::And(mask(at.first), hn::Set(tag, l.rule.first * rate)));
      }
      if constexpr (abroad) removed = hn::Mul(removed, across<valued>(exchange.seen + lane));
      double* const value = rows + (std::size_t{l.row} * lanes + lane) * valued * 4;
      double* const cash = value + valued;
      const auto new_value = hn::Sub(hn::LoadU(tag, value), hn::And(mask(at.goes), removed));
      const auto new_cash =
          hn::Add(hn::LoadU(tag, cash), hn::Sub(hn::And(mask(at.comes), comes), hn::And(mask(at.goes), missed)));
      hn::StoreU(new_value, tag, value), hn::StoreU(new_cash, tag, cash);  // in this order: they overlap
      value[2 * valued + at.place] += 1, value[3 * valued + at.place] += exposed;
    }
  });
}

template <bool slopes, bool abroad>
void Corrections::correct_plain(const Chain& chain, const Block& block, Ledger& ledger, Telling* telling) const {
  Walk walk(*this, chain, block, ledger);
  const Abroad rates(chain, schedules_[chain.schedule], most_rates_, rows_.valued, block,
                     memory(ledger) + work_at_ + Sums::tables * rows_.valued.size() * lanes);
  const AddAnywhere anywhere{*this, ledger, telling};
  if (!anywhere.leaf() || telling != nullptr)
    return correct_lines<slopes, abroad>(chain.begin, chain.end, chain, block, ledger, walk, rates, anywhere);
  const std::size_t later = chain.departures.empty() ? chain.end : chain.later;
  correct_lines<slopes, abroad>(chain.begin, later, chain, block, ledger, walk, rates, anywhere.row());
  if (later == chain.end) return;
  switch (rows_.valued.size()) {
    case 1:
      return correct_later<slopes, abroad, 1>(chain, block, ledger, walk, rates);
    case 2:
      return correct_later<slopes, abroad, 2>(chain, block, ledger, walk, rates);
    case 3:
      return correct_later<slopes, abroad, 3>(chain, block, ledger, walk, rates);
    default:
      return correct_later<slopes, abroad, Horizons::width>(chain, block, ledger, walk, rates);
  }
}

// Claims with floating coupons.
void Corrections::correct_floating(const Chain& chain, const Block& block, Ledger& ledger, const AddAnywhere& add) const {
  const Schedule& s = schedules_[chain.schedule];
  const Forwards& forwards = coupons_.forwards();
  const std::size_t valued = rows_.valued.size();
  double *const come_value = memory(ledger) + recovery_at_, *const come_cash = come_value + valued + Horizons::width;
  Walk walk(*this, chain, block, ledger);
  const auto correct = [&](const Line& l, const Floating& f, const Default& d) {
    const AtStep& at = chain.at_step[d.step];
    if (at.paid_before >= l.dates) return;  // repaid before
    const std::size_t lane = d.lane;
    // What the period that ends on date k pays on a notional of 1.
    const auto coupon = [&](std::size_t k) { return forwards.fixing(memory(ledger), chain.periods[k])[lane]; };
    const double claim = floating_claim(l, f, s, d.step, coupon);
    const double* const rate = is_none(l.currency) ? nullptr : exchange(block, l.currency, 0) + lane;  // [step x lanes]
    const double exposed = rate == nullptr ? claim : claim * rate[std::size_t{d.step} * lanes];
    if (!l.at_once) recovery_.recover(l.position, d, claim, block, come_value, come_cash);
    const auto due = [&](std::size_t begin, std::size_t end) {
      double sum = 0;
      for (std::size_t k = begin; k < end; ++k) {
        const double amount = l.rule.amount(k, l.dates) + (k == 0 ? 0 : f.notional * coupon(k));
        sum += rate == nullptr ? amount : amount * rate[std::size_t{s.step[k]} * lanes];
      }
      return sum;
    };
    const Tag tag;
    const auto dates = hn::Set(tag, static_cast<double>(l.dates)), from = hn::Set(tag, at.unpaid);
    const auto seen = hn::Set(tag, at.seen), comes = hn::Set(tag, (1 - d.loss_given_default) * exposed);
    const auto place = add.begin(l, lane);
    for (std::size_t i = at.place / Horizons::width; i < horizons_.size(); ++i) {
      const Horizons& h = horizons_[i];
      const double* const paid = s.paid_valued.data() + h.begin;
      const auto begins = hn::Max(hn::Min(hn::LoadU(tag, paid), dates), from),
                 ends = hn::Min(hn::LoadU(tag, paid + 1), dates);
      const auto number = hn::LoadU(tag, h.number);
      const auto goes = hn::Ge(number, seen);
      auto removed = walk.sums.promised(l.rule, f.notional, ends, h, lane);
      if (rate != nullptr) removed = hn::Mul(removed, gather(rate, h.step));
      auto value = hn::Zero(tag), cash = hn::IfThenElseZero(hn::Eq(number, seen), comes);
      if (!l.at_once) value = hn::LoadU(tag, come_value + h.begin), cash = hn::LoadU(tag, come_cash + h.begin);
      add.change(place, h, hn::IfThenElseZero(goes, hn::Sub(value, removed)),
                 hn::IfThenElseZero(goes, hn::Sub(cash, each(begins, ends, due))));
    }
    add.count(place, at.place, exposed);
  };
  Hits(*this, block, ledger, s.paid.data())
      .each(chain.begin, chain.end, [&](std::size_t i, std::span<const Default> defaulted) {
        walk.reach(lines_[i].dates);
        for (const Default& d : defaulted) correct(lines_[i], coupons_of_[chain.coupons + i - chain.begin], d);
      });
}

void Corrections::along(const Chain& chain, const Block& block, Ledger& ledger, Telling* telling) const {
  const bool abroad = !is_none(chain.currency);
  if (!chain.periods.empty())
    correct_floating(chain, block, ledger, {*this, ledger, telling});
  else if (chain.slopes)
    abroad ? correct_plain<true, true>(chain, block, ledger, telling)
           : correct_plain<true, false>(chain, block, ledger, telling);
  else
    abroad ? correct_plain<false, true>(chain, block, ledger, telling)
           : correct_plain<false, false>(chain, block, ledger, telling);
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
          const double* from = memory(ledger) + changes_at_ + (std::size_t{r} * lanes + k) * valued * 4 + v;
          value[k] = from[0], cash[k] = from[valued], count[k] = from[2 * valued], exposed[k] = from[3 * valued];
        }
      if (v > 0)
        for (const Lanes sum : {cash, count, exposed})
          for (std::size_t k = 0; k < lanes; ++k) sum[k] += *(sum.data() - lanes + k);
      for (std::size_t k = 0; k < lanes; ++k) loss[k] = 0 - (value[k] + cash[k]);
    }
}

}  // namespace tailcube
