#pragma once
// What Corrections is made of: sums over dates, the defaults of a block in the order of lines. Included by
// corrections*.cpp alone.
#include <hwy/highway.h>

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
inline void fetch(const double* from, std::size_t count) {
  for (std::size_t i = 0; i < count; i += 8) __builtin_prefetch(from + i);
}
// AmountRule::sum, side by side.
inline Vector sum(const AmountRule& rule, Vector begins, Vector ends, std::size_t dates) {
  const Tag d;
  const auto count = hn::Sub(ends, begins), twice_mean = hn::Sub(hn::Add(begins, ends), hn::Set(d, 1.0));
  auto sum = hn::Add(hn::Mul(hn::Set(d, rule.level), count),
                     hn::Mul(hn::Set(d, rule.slope), hn::Mul(hn::Mul(hn::Set(d, 0.5), twice_mean), count)));
  sum = hn::Add(sum, hn::IfThenElseZero(hn::Eq(begins, hn::Zero(d)), hn::Set(d, rule.first)));
  sum = hn::Add(sum, hn::IfThenElseZero(hn::Eq(ends, hn::Set(d, static_cast<double>(dates))), hn::Set(d, rule.last)));
  return hn::IfThenElseZero(hn::Lt(begins, ends), sum);
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
    const corrections::Tag d;
    for (std::size_t i = 0; i < count; i += Horizons::width)
      corrections::hn::StoreU(
          corrections::hn::Add(corrections::hn::LoadU(d, level + i), corrections::hn::LoadU(d, last + i)), d, level + i);
    const auto number = corrections::hn::Set(d, static_cast<double>(date));
    for (std::size_t i = 0; slopes && i < count; i += Horizons::width)
      corrections::hn::StoreU(
          corrections::hn::MulAdd(number, corrections::hn::LoadU(d, last + i), corrections::hn::LoadU(d, slope + i)), d,
          slope + i);
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
  for (; l.capitalises && unpaid < l.dates && s.date_years[unpaid] <= until; since = s.date_years[unpaid++])
    owed += owed * l.interest * (s.date_years[unpaid] - since);
  return owed + owed * l.interest * (until - since);
}

// Where a default is written: scratch memory, where the changes of a scenario lie together ({value, cash, defaults, exposed}
// by valued step); where every position has a row of its own, the ledger. Cash and gauges: since the valued step before.
inline void Corrections::add_default(const Line& l, std::size_t lane, std::size_t first, double exposed,
                                     Ledger& ledger) const {
  if (rows_.detail == Detail::leaf) {
    double* const to = ledger.scratch.data() + place_of_changes(l.row, lane) + 4 * first;
    to[2] += 1, to[3] += exposed;
  } else {
    const int at = static_cast<int>(first);
    ledger.gauges(rows_.gauge(l.row, defaults), at)[lane] += 1;
    ledger.gauges(rows_.gauge(l.row, defaulted_exposure), at)[lane] += exposed;
  }
}
inline void Corrections::add_change(const Line& l, std::size_t lane, std::size_t v, double value, double cash,
                                    Ledger& ledger) const {
  if (rows_.detail == Detail::leaf) {
    double* const to = ledger.scratch.data() + place_of_changes(l.row, lane) + 4 * v;
    to[0] += value, to[1] += cash;
  } else {
    ledger.value(rows_.row(l.row), static_cast<int>(v))[lane] += value;
    ledger.cash(rows_.row(l.row), static_cast<int>(v))[lane] += cash;
  }
}

// Lines whose obligors default, in their order, with their defaults; in three rounds, each of which fetches what the next
// will read.
class Corrections::Hits {
 public:
  Hits(const Corrections& all, const Block& block, const Ledger& ledger)
      : all_(all),
        defaults_(block.defaults.data()),
        first_(ledger.scratch_indices.data()),
        scratch_(ledger.scratch.data()) {}

  // correct(line, default) for the lines [line, end).
  template <class Correct>
  void each(std::size_t line, std::size_t end, Correct correct) {
    while (line < end) {
      line = take(line, end);
      for (std::size_t i = 0; i < count_; ++i) fetch(hit_[i].line, default_[i] = defaults_[hit_[i].number]);
      for (std::size_t i = 0; i < count_; ++i) correct(std::size_t{hit_[i].line}, default_[i]);
    }
  }

 private:
  static constexpr std::size_t most = 128;
  struct Hit {
    std::uint32_t line, number;  // of lines_; of Block::defaults
  };
  // Takes as many lines as fit; returns the first that is left. How many defaults an obligor has is anybody's guess: a few
  // are written whatever their number, which costs less than guessing wrong.
  std::size_t take(std::size_t line, std::size_t end) {
    constexpr std::size_t ahead = 8, always = 4;
    const std::uint32_t* const obligor = all_.obligor_of_.data();
    const Line* const lines_of = all_.lines_.data();
    count_ = 0;
    for (; line < end && count_ <= most - lanes; ++line) {
      if (line + 2 * ahead < end) {
        __builtin_prefetch(first_ + obligor[line + 2 * ahead]);
        __builtin_prefetch(defaults_ + first_[obligor[line + ahead]]);
      }
      const std::uint32_t begin = first_[obligor[line]], n = first_[obligor[line] + 1] - begin;
      __builtin_prefetch(lines_of + (n > 0 ? line : 0));
      for (std::uint32_t j = 0; j < always; ++j) hit_[count_ + j] = {static_cast<std::uint32_t>(line), begin + j};
      for (std::uint32_t j = always; j < n; ++j) hit_[count_ + j] = {static_cast<std::uint32_t>(line), begin + j};
      count_ += n;
    }
    return line;
  }
  // Its balance lies about where it does if a date is paid at every step.
  void fetch(std::size_t line, const Default& d) const {
    const Line& l = all_.lines_[line];
    __builtin_prefetch(all_.balances_.data() + l.early + (l.level ? 0 : d.step - 1));
    if (all_.rows_.detail == Detail::position) return;
    const double* const changes = scratch_ + all_.place_of_changes(l.row, d.lane);
    __builtin_prefetch(changes);
    __builtin_prefetch(changes + 4 * all_.rows_.valued.size() - 1);
  }

  const Corrections& all_;
  const Default* defaults_;
  const std::uint32_t* first_;
  const double* scratch_;
  std::size_t count_ = 0;
  Hit hit_[most + 4];
  Default default_[most];
};

}  // namespace tailcube
