// Compiled once per instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/instruments/defaults_abreast.cpp"
#include <hwy/foreach_target.h>  // before highway.h
//
#include <hwy/highway.h>

#include "kernels/instruments/defaults_abreast.h"
#include "kernels/math/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tailcube {
namespace HWY_NAMESPACE {

using Tag = hn::CappedTag<double, 8>;
using Vector = hn::Vec<Tag>;
using Mask = hn::Mask<Tag>;
constexpr std::size_t kWidth = hn::MaxLanes(Tag());
constexpr std::size_t kMost = DefaultsAbreast::most;

// A vector of defaults.
struct Some {
  Vector dates, level, slope, first, last;
  Mask foreign;
};

// AmountRule::sum.
HWY_INLINE Vector Due(const Some& s, Vector begins, Vector ends) {
  const Tag d;
  const auto count = hn::Sub(ends, begins), twice_mean = hn::Sub(hn::Add(begins, ends), hn::Set(d, 1.0));
  auto sum = hn::Add(hn::Mul(s.level, count), hn::Mul(s.slope, hn::Mul(hn::Mul(hn::Set(d, 0.5), twice_mean), count)));
  sum = hn::Add(sum, hn::IfThenElseZero(hn::Eq(begins, hn::Zero(d)), s.first));
  sum = hn::Add(sum, hn::IfThenElseZero(hn::Eq(ends, s.dates), s.last));
  return hn::IfThenElseZero(hn::Lt(begins, ends), sum);
}

// AmountRule::amount of the dates from `paid` to `until`, each at its exchange rate.
HWY_INLINE Vector DueAbroad(const Some& s, Vector begins, Vector ends, std::size_t paid, std::size_t until,
                            const double* rates) {
  const Tag d;
  auto sum = hn::Zero(d);
  for (std::size_t k = paid; k < until; ++k) {
    const auto number = hn::Set(d, static_cast<double>(k)), after = hn::Set(d, static_cast<double>(k + 1));
    auto amount = hn::Add(s.level, hn::Mul(s.slope, number));
    if (k == 0) amount = hn::Add(amount, s.first);
    amount = hn::Add(amount, hn::IfThenElseZero(hn::Eq(after, s.dates), s.last));
    const auto due = hn::And(hn::Ge(number, begins), hn::Lt(number, ends));
    sum = hn::IfThenElse(due, hn::Add(sum, hn::Mul(amount, hn::Load(d, rates + k * kMost))), sum);
  }
  return sum;
}

HWY_INLINE Vector Promised(const Some& s, Vector ends, const ChainAbreast& chain, const double* sum) {
  const Tag d;
  const auto of = [&](DefaultsAbreast::Sum which) { return hn::Load(d, sum + which * kMost); };
  auto promised = hn::Mul(s.last, of(DefaultsAbreast::last));
  if (chain.slopes) promised = Fma(s.slope, of(DefaultsAbreast::slope), promised);
  promised = Fma(s.level, of(DefaultsAbreast::level), promised);
  if (!chain.firsts) return promised;
  const auto unpaid = hn::And(hn::Eq(ends, hn::Zero(d)), hn::Ne(s.first, hn::Zero(d)));
  return hn::IfThenElse(unpaid, Fma(s.first, of(DefaultsAbreast::first), promised), promised);
}

void Changes(const DefaultsAbreast& all, const ChainAbreast& chain, const double* sums, double* change) {
  static_assert(sizeof(AmountRule) == 4 * sizeof(double));
  const Tag d;
  const auto zero = hn::Zero(d), one = hn::Set(d, 1.0);
  const auto dates = static_cast<std::size_t>(chain.paid[chain.valued]);
  for (std::size_t i = 0; i < all.count; i += kWidth) {
    const auto of = [&](const double(&x)[kMost]) { return hn::Load(d, x + i); };
    Some some{of(all.dates), zero, zero, zero, zero, hn::Ne(of(all.foreign), zero)};
    hn::LoadInterleaved4(d, &all.rule[i].level, some.level, some.slope, some.first, some.last);
    const bool abroad = chain.rates != nullptr && !hn::AllFalse(d, some.foreign);
    const auto unpaid = of(all.unpaid);
    const auto owed = of(all.owed), seen = of(all.seen);
    const auto claim = hn::Add(owed, hn::Mul(hn::Mul(owed, of(all.interest)), of(all.years)));
    const auto exposed = hn::Mul(claim, of(all.exchange)), recovered = hn::Mul(of(all.recovered), exposed);
    for (std::size_t v = 0; v < chain.valued; ++v) {
      const auto begins = hn::Max(hn::Min(hn::Set(d, chain.paid[v]), some.dates), unpaid);
      const auto ends = hn::Min(hn::Set(d, chain.paid[v + 1]), some.dates);
      auto removed = Promised(some, ends, chain, sums + v * DefaultsAbreast::sums * kMost + i);
      auto missed = Due(some, begins, ends);
      if (abroad) {
        removed = hn::Mul(removed, hn::Load(d, chain.rates + (dates + v) * kMost + i));
        const auto there = DueAbroad(some, begins, ends, static_cast<std::size_t>(chain.paid[v]),
                                     static_cast<std::size_t>(chain.paid[v + 1]), chain.rates + i);
        missed = hn::IfThenElse(some.foreign, there, missed);
      }
      const auto number = hn::Set(d, static_cast<double>(v));
      const auto now = hn::Eq(number, seen);
      hn::StoreInterleaved4(hn::IfThenElseZero(hn::Ge(number, seen), hn::Sub(zero, removed)),
                            hn::Sub(hn::IfThenElseZero(now, recovered), missed), hn::IfThenElseZero(now, one),
                            hn::IfThenElseZero(now, exposed), d, change + 4 * (v * kMost + i));
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tailcube
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tailcube {
HWY_EXPORT(Changes);
void changes(DefaultsAbreast& defaults, const ChainAbreast& chain, const double* sum, double* change) {
  for (std::size_t i = defaults.count; i % 8 != 0; ++i) defaults.foreign[i] = 0;
  HWY_DYNAMIC_DISPATCH(Changes)(defaults, chain, sum, change);
}
}  // namespace tailcube
#endif
