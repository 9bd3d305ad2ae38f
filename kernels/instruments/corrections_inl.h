#pragma once
// What Corrections is made of: sums over dates, the defaults of a block in the order of lines. Included by
// corrections*.cpp alone.
#include <hwy/highway.h>

#include <cmath>

#include "kernels/instruments/corrections.h"
#include "kernels/instruments/defaults_abreast.h"

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

inline Vector abreast(double a, double b, double c, double d) {
  const hn::Half<Tag> half;
  const auto pair = [&](double x, double y) { return hn::InterleaveLower(half, hn::Set(half, x), hn::Set(half, y)); };
  return hn::Combine(Tag(), pair(c, d), pair(a, b));
}
inline Vector gather(const double* table, const std::size_t (&place)[4]) {
  return abreast(table[place[0]], table[place[1]], table[place[2]], table[place[3]]);
}
// f(j, begins[j], ends[j]) for the first j; not through memory, where a vector would wait for its parts.
template <class F>
HWY_INLINE Vector each(std::size_t count, Vector begins, Vector ends, const F& f) {
  alignas(32) double begin[4], end[4];
  hn::Store(begins, Tag(), begin), hn::Store(ends, Tag(), end);
  const auto at = [&](std::size_t j) {
    return j < count ? f(j, static_cast<std::size_t>(begin[j]), static_cast<std::size_t>(end[j])) : 0.0;
  };
  const double a = at(0), b = at(1), c = at(2), d = at(3);
  return abreast(a, b, c, d);
}
// Asks for a cache line. Not by the builtin: g++ 12 takes a function that does nothing but prefetch for one without effect,
// and leaves out calls of it.
HWY_INLINE void fetch(const void* line) { asm volatile("prefetcht0 %0" : : "m"(*static_cast<const char*>(line))); }
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
  // Of the default begun last, or so many before it, at a place among the valued steps: what value and cash change by, as
  // for add_changes.
  void put(std::size_t v, const double* change, std::size_t before = 0) {
    double* const to = changes_.data() + changes_.size() - 2 * (valued_ * (before + 1) - v);
    to[0] = change[0], to[1] = change[1];
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

// Where a default is written: scratch memory, where the changes of a scenario lie together ({value, cash, defaults, exposed}
// by valued step); where every position has a row of its own, the ledger. Cash and gauges: since the valued step before.
template <class V>
inline void Corrections::add_changes(const Line& l, std::size_t lane, const Horizons& h, V value, V cash, V count, V exposed,
                                     Ledger& ledger, Telling* telling) const {
  using namespace corrections;
  const Tag d;
  alignas(32) double change[Horizons::width][4];
  hn::StoreInterleaved4(value, cash, count, exposed, d, change[0]);
  if (telling != nullptr)
    for (std::size_t j = 0; j < h.count; ++j) telling->put(h.begin + j, change[j]);
  if (rows_.detail == Detail::leaf) {
    double* const to = memory(ledger) + place_of_changes(l.row, lane) + 4 * h.begin;
    for (std::size_t j = 0; j < h.count; ++j)
      hn::StoreU(hn::Add(hn::LoadU(d, to + 4 * j), hn::Load(d, change[j])), d, to + 4 * j);
  } else {
    for (std::size_t j = 0; j < h.count; ++j) add_change(l, lane, h.begin + j, change[j], ledger);
  }
}

// Lines whose obligors default, in their order, with their defaults; in three rounds, each of which fetches what the next
// will read while others are at work.
class Corrections::Hits {
 public:
  // `paid`: Schedule::paid of the lines, where they share it.
  Hits(const Corrections& all, const Block& block, const Ledger& ledger, const std::uint16_t* paid = nullptr)
      : all_(all),
        paid_(paid),
        defaults_(block.defaults.data()),
        first_((block.first_default.size() > all.obligors_ ? block.first_default : ledger.scratch_indices).data()) {}

  // correct(line, its defaults) for the lines [line, end).
  template <class Correct>
  void each(std::size_t line, std::size_t end, Correct correct) const {
    constexpr std::size_t rounds = 3;
    Batch batches[rounds];
    for (std::size_t n = 0, empty = 0; empty < rounds - 1; ++n) {
      Batch& last = batches[n % rounds];
      line = take(line, end, last);
      fetch(batches[(n + 2) % rounds]);
      const Batch& first = batches[(n + 1) % rounds];
      for (std::size_t i = 0; i < first.count; ++i) correct(std::size_t{first.hit[i].line}, defaults_of(first.hit[i]));
      if (last.count == 0) ++empty;
    }
  }

 private:
  static constexpr std::size_t enough = 32;
  struct Hit {
    std::uint32_t line, begin, count;  // of lines_; of Block::defaults
  };
  struct Batch {
    std::size_t count = 0;
    Hit hit[enough];
  };
  std::span<const Default> defaults_of(const Hit& hit) const { return {defaults_ + hit.begin, hit.count}; }
  // Takes lines until they are enough; returns the first that is left. Without a branch on whether an obligor defaults,
  // which nobody could guess.
  std::size_t take(std::size_t line, std::size_t end, Batch& batch) const {
    constexpr std::size_t ahead = 24;
    const std::size_t fetched = all_.lines_.size() - std::min(all_.lines_.size(), 2 * ahead);
    const std::uint32_t* const obligor = all_.obligor_of_.data();
    const Line* const lines_of = all_.lines_.data();
    std::size_t count = 0;
    for (; line < end && count < enough; ++line) {
      if (line < fetched) {  // the next chain's too
        corrections::fetch(first_ + obligor[line + 2 * ahead]);
        const std::uint32_t* const soon = first_ + obligor[line + ahead];
        corrections::fetch(defaults_ + soon[0]), corrections::fetch(defaults_ + soon[1]);
      }
      const std::uint32_t begin = first_[obligor[line]], n = first_[obligor[line] + 1] - begin;
      corrections::fetch(lines_of + std::size_t{n > 0} * line);
      batch.hit[count] = {static_cast<std::uint32_t>(line), begin, n};
      count += n > 0;
    }
    batch.count = count;
    return line;
  }
  void fetch(const Batch& batch) const {
    for (std::size_t i = 0; i < batch.count; ++i) fetch(batch.hit[i].line, defaults_of(batch.hit[i]));
  }
  // Where nothing better is known, a balance lies about where it does if a date is paid at every step.
  void fetch(std::size_t line, std::span<const Default> defaults) const {
    constexpr std::size_t few = 4;  // more share what they read
    const Line& l = all_.lines_[line];
    for (const Default& d : defaults.first(std::min(defaults.size(), few))) {
      const std::size_t before = d.step - 1u, unpaid = paid_ == nullptr ? before : paid_[before];
      corrections::fetch(all_.balances_.data() + l.early + (l.level ? 0 : unpaid));
    }
    if (line >= all_.own_end_) return;
    const double* const record = all_.numbers_.data() + l.own.record;
    for (std::size_t ahead = 0; ahead < 5 * cache_line; ahead += cache_line) corrections::fetch(record + ahead);
  }

  const Corrections& all_;
  const std::uint16_t* paid_;
  const Default* defaults_;
  const std::uint32_t* first_;
};

// Defaults of a chain's plain claims, gathered until they fill DefaultsAbreast, then valued side by side and added to their
// rows one after the other.
class Corrections::Gathered {
 public:
  Gathered(const Corrections& all, const Chain& chain, const Schedule& s, const Sums& sums, const Block& block,
           Ledger& ledger, Telling* telling)
      : all_(all),
        chain_(chain),
        s_(s),
        sums_(sums),
        factors_(block.factors.data()),
        series_(static_cast<std::size_t>(block.factors.steps()) * lanes),
        valued_(sums.count / lanes),
        ledger_(ledger),
        telling_(telling),
        promised_(memory(ledger) + all.work_at_ + Sums::tables * sums.count),
        change_(promised_ + valued_ * DefaultsAbreast::sums * DefaultsAbreast::most),
        rates_(change_ + valued_ * 4 * DefaultsAbreast::most),
        rows_(memory(ledger) + all.changes_at_) {}

  // `sums` has reached the claim's last date.
  HWY_INLINE void take(const Line& l, const Default& d) {
    const AtStep& at = chain_.at_step[d.step];
    if (at.paid_before >= l.dates || at.seen == static_cast<double>(valued_)) return;  // repaid before
    const std::size_t i = some_.count, lane = d.lane;
    to_[i] = {rows_ + (std::size_t{l.row} * lanes + lane) * valued_ * 4, &l, lane};
    some_.dates[i] = l.dates, some_.unpaid[i] = at.unpaid, some_.seen[i] = at.seen;
    some_.owed[i] = all_.balance(l, at.paid_before);
    some_.years[i] = std::min(at.time, s_.date_years[l.dates - 1u]) - at.since;
    some_.interest[i] = l.interest, some_.recovered[i] = 1 - d.loss_given_default;
    some_.rule[i] = l.rule;
    some_.exchange[i] = 1, some_.foreign[i] = 0;
    if (chain_.abroad) take_rates(l, d, i);
    double* to = promised_ + i;
    for (std::size_t from = lane; from < sums_.count; from += lanes, to += DefaultsAbreast::sums * DefaultsAbreast::most) {
      to[DefaultsAbreast::level * DefaultsAbreast::most] = sums_.level[from];
      to[DefaultsAbreast::last * DefaultsAbreast::most] = sums_.last[from];
      if (chain_.slopes) to[DefaultsAbreast::slope * DefaultsAbreast::most] = sums_.slope[from];
      if (chain_.firsts) to[DefaultsAbreast::first * DefaultsAbreast::most] = sums_.first[from];
    }
    if (++some_.count == DefaultsAbreast::most) flush();
  }
  void flush() {
    changes(some_, {valued_, s_.paid_valued.data(), chain_.abroad ? rates_ : nullptr, chain_.slopes, chain_.firsts},
            promised_, change_);
    const bool leaf = all_.rows_.detail == Detail::leaf;
    for (std::size_t i = 0; i < some_.count; ++i) {
      if (leaf)
        add_changes(to_[i].row, change_ + 4 * i);
      else
        for (std::size_t v = 0; v < valued_; ++v)
          all_.add_change(*to_[i].line, to_[i].lane, v, change_ + 4 * (v * DefaultsAbreast::most + i), ledger_);
    }
    for (std::size_t i = 0; i < some_.count && telling_ != nullptr; ++i) {
      telling_->begin(*to_[i].line, to_[i].lane);
      for (std::size_t v = 0; v < valued_; ++v) telling_->put(v, change_ + 4 * (v * DefaultsAbreast::most + i));
    }
    some_.count = 0;
  }

 private:
  struct Place {
    double* row;  // of the scenario's changes; where every position has its own row, line and lane say where
    const Line* line;
    std::size_t lane;
  };
  // All valued steps, though nothing changes before the default: where that ends is anybody's guess.
  HWY_INLINE void add_changes(double* to, const double* change) const {
    using namespace corrections;
    const Tag d;
    for (std::size_t v = 0, end = valued_; v < end; ++v, to += 4, change += 4 * DefaultsAbreast::most)
      hn::StoreU(hn::Add(hn::LoadU(d, to), hn::LoadU(d, change)), d, to);
  }
  HWY_INLINE void take_rates(const Line& l, const Default& d, std::size_t i) {
    double* to = rates_ + i;
    if (is_none(l.currency)) {
      for (std::size_t n = chain_.rate_at.size(); n > 0; --n, to += DefaultsAbreast::most) *to = 1;
      return;
    }
    const double* const rate = factors_ + static_cast<std::size_t>(l.currency) * series_ + d.lane;
    for (const std::uint32_t at : chain_.rate_at) *to = rate[at], to += DefaultsAbreast::most;
    some_.exchange[i] = rate[std::size_t{d.step} * lanes], some_.foreign[i] = 1;
  }

  const Corrections& all_;
  const Chain& chain_;
  const Schedule& s_;
  const Sums& sums_;
  const double* factors_;
  std::size_t series_, valued_;
  Ledger& ledger_;
  Telling* telling_;
  double *promised_, *change_, *rates_;
  double* rows_;
  DefaultsAbreast some_;
  Place to_[DefaultsAbreast::most];
};

}  // namespace tailcube
