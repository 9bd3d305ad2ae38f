#pragma once
// What Corrections is made of: sums over dates, what is told, where it is added. Included by corrections*.cpp alone.
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>

#include "kernels/instruments/corrections.h"

namespace tailcube {
namespace corrections {

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
using Tag = hn::FixedTag<double, 4>;
using Vector = hn::Vec<Tag>;

// Two loads that merge and a third instruction for both; Highway's Set takes seven.
inline Vector abreast(double a, double b, double c, double d) { return Vector{_mm256_set_pd(d, c, b, a)}; }
inline Vector gather(const double* table, const std::size_t (&place)[4]) {
  return abreast(table[place[0]], table[place[1]], table[place[2]], table[place[3]]);
}
// Of `count` rows of lanes, the last again behind it.
template <std::size_t count>
HWY_INLINE Vector across(const double* row) {
  const auto at = [&](std::size_t j) { return row[std::min(j, count - 1) * lanes]; };
  return abreast(at(0), at(1), at(2), at(3));
}
HWY_INLINE Vector mask(const std::uint64_t (&bits)[4]) {
  return hn::BitCast(Tag(), hn::LoadU(hn::RebindToUnsigned<Tag>(), bits));
}
// f(begin, end) of each; not through memory, where a vector would wait for its parts.
template <class F>
HWY_INLINE Vector each(Vector begins, Vector ends, const F& f) {
  alignas(32) double begin[4], end[4];
  hn::Store(begins, Tag(), begin), hn::Store(ends, Tag(), end);
  const auto at = [&](std::size_t j) { return f(static_cast<std::size_t>(begin[j]), static_cast<std::size_t>(end[j])); };
  const double a = at(0), b = at(1), c = at(2), d = at(3);
  return abreast(a, b, c, d);
}
// Asks for a cache line. Not by the builtin: g++ 12 takes a function that does nothing but prefetch for one without effect,
// and leaves out calls of it.
HWY_INLINE void fetch(const void* line) { asm volatile("prefetcht0 %0" : : "m"(*static_cast<const char*>(line))); }
// Of what is read once a block: not to stay in the second-level cache, where sums and rows are.
HWY_INLINE void fetch_once(const void* line) { asm volatile("prefetchnta %0" : : "m"(*static_cast<const char*>(line))); }
HWY_INLINE void fetch(const double* from, std::size_t count) {
  for (std::size_t i = 0; i < count; i += 8) fetch(from + i);
}
}  // namespace corrections

// [valued][lane]: sums over the dates so far of discount factors, alone and times the number of the date, and of floating
// coupons; the first and the latest discount factor.
struct Corrections::Sums {
  static constexpr std::size_t tables = 5;
  double *level, *slope, *floating, *first, *folded;
  const double* last;
  std::size_t count;
  bool slopes;

  Sums(double* memory, std::size_t n, bool with_slopes)
      : level(memory),
        slope(memory + n),
        floating(slope + n),
        first(floating + n),
        folded(first + n),
        last(folded),
        count(n),
        slopes(with_slopes) {
    std::fill_n(memory, tables * n, 0.0);
  }
  void add_coupons(const double* worth, const double* fold) {
    for (std::size_t i = 0; i < count; ++i)
      floating[i] = std::fma(worth[i], fold == nullptr ? 1 : fold[i / lanes], floating[i]);
  }
  void add(std::size_t date, const double* discount, const double* fold) {
    last = discount;
    if (fold != nullptr) {
      for (std::size_t i = 0; i < count; ++i) folded[i] = discount[i] * fold[i / lanes];
      last = folded;
    }
    using namespace corrections;
    const Tag d;
    const auto number = hn::Set(d, static_cast<double>(date));
    const double* const factor = last;
    double *const to = level, *const to_slope = slope;
    for (std::size_t begin = 0, end = count; begin < end; begin += lanes)
      for (std::size_t i = begin; i < begin + lanes; i += hn::Lanes(d))
        hn::StoreU(hn::Add(hn::LoadU(d, to + i), hn::LoadU(d, factor + i)), d, to + i);
    for (std::size_t begin = 0, end = slopes ? count : 0; begin < end; begin += lanes)
      for (std::size_t i = begin; i < begin + lanes; i += hn::Lanes(d))
        hn::StoreU(hn::MulAdd(number, hn::LoadU(d, factor + i), hn::LoadU(d, to_slope + i)), d, to_slope + i);
    if (date == 0) std::copy_n(last, count, first);
  }
  // What is promised after so many dates, at a few valued steps of a scenario.
  corrections::Vector promised(const AmountRule& rule, double notional, corrections::Vector paid, const Horizons& h,
                               std::size_t lane) const {
    const corrections::Tag d;
    auto sum = corrections::hn::Mul(corrections::hn::Set(d, rule.last), corrections::gather(last + lane, h.at));
    if (slopes)
      sum = corrections::hn::MulAdd(corrections::hn::Set(d, rule.slope), corrections::gather(slope + lane, h.at), sum);
    sum = corrections::hn::MulAdd(corrections::hn::Set(d, rule.level), corrections::gather(level + lane, h.at), sum);
    if (notional != 0)
      sum = corrections::hn::MulAdd(corrections::hn::Set(d, notional), corrections::gather(floating + lane, h.at), sum);
    if (rule.first == 0) return sum;
    const auto with_first =
        corrections::hn::MulAdd(corrections::hn::Set(d, rule.first), corrections::gather(first + lane, h.at), sum);
    return corrections::hn::IfThenElse(corrections::hn::Eq(paid, corrections::hn::Zero(d)), with_first, sum);
  }
};

namespace corrections {
// AmountRule::sum at a few valued steps of a claim with `dates` dates; `slopes`: whether there are any.
HWY_INLINE Vector due(Vector level, Vector slope, Vector first, Vector last, bool slopes, Vector dates, Vector begins,
                      Vector ends) {
  const Tag d;
  const auto count = hn::Sub(ends, begins);
  auto sum = hn::Mul(level, count);
  if (slopes) {
    const auto twice_mean = hn::Sub(hn::Add(begins, ends), hn::Set(d, 1.0));
    sum = hn::Add(sum, hn::Mul(slope, hn::Mul(hn::Mul(hn::Set(d, 0.5), twice_mean), count)));
  }
  sum = hn::Add(sum, hn::IfThenElseZero(hn::Eq(begins, hn::Zero(d)), first));
  sum = hn::Add(sum, hn::IfThenElseZero(hn::Eq(ends, dates), last));
  return hn::IfThenElseZero(hn::Lt(begins, ends), sum);
}
}  // namespace corrections

// Exchange rates added up along a chain in a foreign currency, over the dates that are paid in the simulated time.
struct Corrections::Abroad {
  const double* rate = nullptr;  // [step][lane]; null: the chain is in the job's currency
  double *level, *slope;         // [dates so far][lane]: rates, and rates times the number of the date
  double* seen;                  // [valued][lane]: rates at valued steps, if they fill one vector
  const double* at_first;        // [lane]: rates on the first date, if it is paid in the simulated time
  const std::uint16_t* step;     // of each date
  std::size_t paid;

  Abroad(const Chain& chain, const Schedule& s, std::size_t most, std::span<const int> valued, const Block& block,
         double* memory)
      : level(memory),
        slope(memory + (most + 1) * lanes),
        seen(slope + (most + 1) * lanes),
        at_first(nullptr),
        step(s.step.data()),
        paid(static_cast<std::size_t>(s.paid_valued.back())) {
    if (is_none(chain.currency)) return;
    rate = exchange(block, chain.currency, 0);
    at_first = rate + (paid == 0 ? 0 : step[0]) * std::size_t{lanes};
    std::fill_n(level, lanes, 0.0), std::fill_n(slope, lanes, 0.0);
    for (std::size_t k = 0; k < paid; ++k) {
      const double *const at = rate + std::size_t{step[k]} * lanes, number = static_cast<double>(k);
      double *const to = level + k * lanes, *const to_slope = slope + k * lanes;
      for (std::size_t i = 0; i < lanes; ++i) to[lanes + i] = to[i] + at[i];
      for (std::size_t i = 0; i < lanes; ++i) to_slope[lanes + i] = std::fma(number, at[i], to_slope[i]);
    }
    for (std::size_t v = 0; v < std::min(valued.size(), Horizons::width); ++v)
      std::copy_n(rate + static_cast<std::size_t>(valued[v]) * lanes, lanes, seen + v * lanes);
  }
  // What `table` of the above adds up to over the dates missed at a few valued steps.
  HWY_INLINE static corrections::Vector missed(const double* table, const Departure& at) {
    const auto sum = [&](std::size_t j) { return table[std::size_t{at.end[j]} * lanes]; };
    const double before = table[std::size_t{at.begin} * lanes], a = sum(0), b = sum(1), c = sum(2), d = sum(3);
    return corrections::hn::Sub(corrections::abreast(a, b, c, d), corrections::abreast(before, a, b, c));
  }
  // corrections::due, each amount at the rate of its date. Where anything is due, `begins` is where the step before ends.
  HWY_INLINE corrections::Vector due(const Line& l, bool slopes, corrections::Vector dates, corrections::Vector begins,
                                     corrections::Vector ends, std::size_t lane) const {
    using namespace corrections;
    const Tag d;
    const hn::Rebind<std::int32_t, Tag> whole;
    alignas(16) std::int32_t begin[Horizons::width], end[Horizons::width];
    const auto place = [&](Vector x) {
      return hn::Add(hn::ShiftLeft<6>(hn::DemoteTo(whole, x)), hn::Set(whole, static_cast<std::int32_t>(lane)));
    };
    static_assert(lanes == 1 << 6);
    hn::Store(place(begins), whole, begin), hn::Store(place(ends), whole, end);
    const auto between = [&](const double* sums) {
      const double before = sums[begin[0]], a = sums[end[0]], b = sums[end[1]], c = sums[end[2]], e = sums[end[3]];
      return hn::Sub(abreast(a, b, c, e), abreast(before, a, b, c));
    };
    auto sum = hn::Mul(hn::Set(d, l.rule.level), between(level));
    if (slopes) sum = hn::MulAdd(hn::Set(d, l.rule.slope), between(slope), sum);
    const auto some = hn::Lt(begins, ends);
    if (l.rule.first != 0 && paid > 0) {
      const auto first = hn::Set(d, l.rule.first * at_first[lane]);
      sum = hn::Add(sum, hn::IfThenElseZero(hn::And(some, hn::Eq(begins, hn::Zero(d))), first));
    }
    if (l.dates <= paid) {
      const auto last = hn::Set(d, l.rule.last * rate[std::size_t{step[l.dates - 1u]} * lanes + lane]);
      sum = hn::Add(sum, hn::IfThenElseZero(hn::And(some, hn::Eq(ends, dates)), last));
    }
    return sum;
  }
};

// Principal outstanding and interest accrued when the default is seen: what was due after the step before is unpaid.
inline double Corrections::claim_at_default(const Line& l, const Schedule& s, int step) const {
  std::size_t unpaid = s.paid_by(step - 1);
  double owed = balance(l, unpaid);
  double since = unpaid == 0 ? 0 : s.date_years[unpaid - 1];
  const double until = std::min(time_years_[static_cast<std::size_t>(step)], s.date_years[l.dates - 1u]);
  for (; l.capitalises && unpaid < l.own.capitalised && s.date_years[unpaid] <= until; since = s.date_years[unpaid++])
    owed += owed * l.interest * (s.date_years[unpaid] - since);
  return owed + owed * l.interest * (until - since);
}

// Of a revolver: the fee accrued since the last payment made, and the share drawn of what was undrawn after it.
inline Corrections::Commitment Corrections::commitment(const Line& l, int step) const {
  const Schedule& s = schedules_[l.own.schedule];
  const std::size_t paid = s.paid_by(step - 1);
  if (paid >= l.dates) return {0, 0};
  const double* const of = numbers_.data() + l.own.record + l.own.commitment;
  const double until = std::min(time_years_[static_cast<std::size_t>(step)], s.date_years[l.dates - 1u]);
  const double years = until - (paid == 0 ? 0 : s.date_years[paid - 1]), undrawn = of[2 + paid];
  return {of[0] * undrawn * years, of[1] * undrawn};
}

// Gathers what is told to a listener.
class Corrections::Telling {
 public:
  Telling(DefaultListener& listener, std::size_t valued) : listener_(listener), valued_(valued) {}
  // Defaults are begun together if there is room for them.
  void make_room(std::size_t defaults) {
    if (hits_.size() + defaults > asked) tell();
  }
  void begin(const Line& l, std::size_t lane) {
    make_room(1);
    hits_.push_back({l.position, static_cast<std::uint32_t>(lane)});
    changes_.resize(changes_.size() + 2 * valued_, 0.0);
  }
  // Of the default begun last, or so many before it: what value and cash change by; cash since the valued step before.
  void put(const Horizons& h, corrections::Vector value, corrections::Vector cash, std::size_t before = 0) {
    alignas(32) double values[Horizons::width], cashes[Horizons::width];
    corrections::hn::Store(value, corrections::Tag(), values), corrections::hn::Store(cash, corrections::Tag(), cashes);
    double* to = changes_.data() + changes_.size() - 2 * (valued_ * (before + 1) - h.begin);
    for (std::size_t j = 0; j < h.count; ++j) *to++ = values[j], *to++ = cashes[j];
  }
  void tell() {
    losses_.clear();
    for (std::size_t i = 0; i < hits_.size(); ++i) {
      double cash = 0;
      for (const double* from = changes_.data() + 2 * valued_ * i; losses_.size() < (i + 1) * valued_; from += 2)
        losses_.push_back(0 - (from[0] + (cash += from[1])));
    }
    listener_.hear(hits_, losses_.data());
    hits_.clear(), changes_.clear();
  }

 private:
  DefaultListener& listener_;
  std::size_t valued_;
  std::vector<DefaultListener::Hit> hits_;
  std::vector<double> changes_, losses_;
};

// Adds what defaults change to scratch memory, where the changes of a scenario lie together ({value, cash, defaults,
// exposed}[valued]). Cash and gauges: since the valued step before.
struct Corrections::AddToRow {
  double* rows;  // changes_at_ in memory()
  std::size_t valued;

  using Place = double*;
  Place begin(const Line& l, std::size_t lane) const { return rows + (std::size_t{l.row} * lanes + lane) * valued * 4; }
  // At a few valued steps; 0 behind the last.
  HWY_INLINE void change(Place to, const Horizons& h, corrections::Vector value, corrections::Vector cash) const {
    using namespace corrections;
    const Tag d;
    double *const to_value = to + h.begin, *const to_cash = to_value + valued;
    const auto new_value = hn::Add(hn::LoadU(d, to_value), value), new_cash = hn::Add(hn::LoadU(d, to_cash), cash);
    hn::StoreU(new_value, d, to_value), hn::StoreU(new_cash, d, to_cash);  // in this order: they overlap
  }
  // Once, behind its changes: the first valued step that sees it.
  HWY_INLINE void count(Place to, std::size_t first, double exposed) const {
    to[2 * valued + first] += 1, to[3 * valued + first] += exposed;
  }
};
// Or to the ledger, where every position has a row of its own; tells the listener, if any.
struct Corrections::AddAnywhere {
  const Corrections& all;
  Ledger& ledger;
  Telling* telling;

  struct Place {
    const Line& line;
    std::size_t lane;
  };
  bool leaf() const { return all.rows_.detail == Detail::leaf; }
  AddToRow row() const { return {memory(ledger) + all.changes_at_, all.rows_.valued.size()}; }
  Place begin(const Line& l, std::size_t lane) const {
    if (telling != nullptr) telling->begin(l, lane);
    return {l, lane};
  }
  void change(const Place& to, const Horizons& h, corrections::Vector value, corrections::Vector cash) const {
    if (telling != nullptr) telling->put(h, value, cash);
    if (leaf()) return row().change(row().begin(to.line, to.lane), h, value, cash);
    alignas(32) double values[Horizons::width], cashes[Horizons::width];
    corrections::hn::Store(value, corrections::Tag(), values), corrections::hn::Store(cash, corrections::Tag(), cashes);
    const auto row = all.rows_.row(to.line.row);
    for (std::size_t j = 0; j < h.count; ++j) {
      const int at = static_cast<int>(h.begin + j);
      ledger.value(row, at)[to.lane] += values[j], ledger.cash(row, at)[to.lane] += cashes[j];
    }
  }
  void count(const Place& to, std::size_t first, double exposed) const {
    if (leaf()) return row().count(row().begin(to.line, to.lane), first, exposed);
    const int at = static_cast<int>(first);
    ledger.gauges(all.rows_.gauge(to.line.row, defaults), at)[to.lane] += 1;
    ledger.gauges(all.rows_.gauge(to.line.row, defaulted_exposure), at)[to.lane] += exposed;
  }
};

}  // namespace tailcube
