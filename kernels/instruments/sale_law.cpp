// What a sale is expected to bring, compiled once per instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/instruments/sale_law.cpp"
#include <hwy/foreach_target.h>  // before highway.h
//
#include <hwy/highway.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "kernels/instruments/collateral.h"
#include "kernels/math/functions.h"
#include "kernels/math/lanes-inl.h"

#ifndef TAILCUBE_KERNELS_INSTRUMENTS_SALE_TERM
#define TAILCUBE_KERNELS_INSTRUMENTS_SALE_TERM
namespace tailcube {
// Of a few sales, each given a number of jumps: the claim; what the price would bring today; SaleLaw's numbers.
struct SaleTerm {
  using Column = std::array<double, SaleLaw::together>;
  alignas(64) Column claim, base, probability, growth, deviation, sum;
};
}  // namespace tailcube
#endif

HWY_BEFORE_NAMESPACE();
namespace tailcube {
namespace HWY_NAMESPACE {

// sum += probability x E[min(claim, base x growth x noise)]. Written as SaleLaw::operator(), so that the bits are the same.
void AddSales(SaleTerm& t, std::size_t count) {
  const hn::CappedTag<double, 8> d;
  for (std::size_t i = 0; i < count; i += hn::MaxLanes(d)) {
    const auto claim = hn::Load(d, t.claim.data() + i), v = hn::Load(d, t.deviation.data() + i);
    const auto forward = hn::Mul(hn::Load(d, t.base.data() + i), hn::Load(d, t.growth.data() + i));
    auto brought = hn::IfThenElse(hn::Lt(forward, claim), forward, claim);
    const auto uncertain = hn::And(hn::Ne(v, hn::Zero(d)), hn::Lt(forward, hn::Set(d, 1e300)));
    if (!hn::AllFalse(d, uncertain)) {
      const auto d1 = hn::Add(hn::Div(Log(d, hn::Div(forward, claim)), v), hn::Mul(v, hn::Set(d, 0.5)));
      const auto sold = hn::Mul(forward, NormalCdf(d, hn::Neg(d1)));
      const auto repaid = hn::Mul(claim, NormalCdf(d, hn::Sub(d1, v)));
      brought = hn::IfThenElse(uncertain, hn::Add(sold, repaid), brought);
    }
    const auto sum = hn::Load(d, t.sum.data() + i), probability = hn::Load(d, t.probability.data() + i);
    hn::Store(hn::Add(sum, hn::Mul(probability, brought)), d, t.sum.data() + i);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tailcube
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tailcube {
HWY_EXPORT(AddSales);

SaleLaw::SaleLaw(const Factor& f, double years) {
  const bool reverting = f.process == Process::log_ou;
  if (f.process != Process::lognormal && !reverting) {
    jumps_.push_back({1, 1, 0});
    return;
  }
  const Transition t = transition(f, years);
  decay_ = t.decay;
  const double shift = reverting ? (1 - t.decay) * f.level : t.shift, variance = t.deviation * t.deviation;
  for (std::size_t k = 0; k <= t.jump_tail.size(); ++k) {
    const double more = k < t.jump_tail.size() ? t.jump_tail[k] : 0, probability = (k == 0 ? 1 : t.jump_tail[k - 1]) - more;
    const auto jumps = static_cast<double>(k);
    const double jump_variance = jumps * f.jump_volatility * f.jump_volatility;
    if (probability > 0)
      jumps_.push_back({probability, exp(shift + jumps * f.jump_mean + (variance + jump_variance) / 2),
                        std::sqrt(variance + jump_variance)});
  }
}

double SaleLaw::units_worth(double units, double price) const {
  return units * (decay_ == 1 ? price : exp(decay_ * log(price)));
}

// Black (1976): E[min(K, X)] = F Phi(-d1) + K Phi(d2) for lognormal X with mean F, d1 = ln(F / K) / v + v / 2, d2 = d1 - v;
// given the number of jumps the price is lognormal (Merton 1976, equation 19).
double SaleLaw::operator()(double claim, double units, double price) const {
  if (!(price > 0 && price < 1e300)) return std::numeric_limits<double>::quiet_NaN();
  if (claim == 0) return 0;
  const double base = units_worth(units, price);
  double sum = 0;
  for (const auto& [probability, growth, v] : jumps_) {
    const double forward = base * growth;
    if (v == 0 || !(forward < 1e300)) {
      sum += probability * std::min(claim, forward);
      continue;
    }
    const double d1 = log(forward / claim) / v + v / 2;
    sum += probability * (forward * normal_cdf(-d1) + claim * normal_cdf(d1 - v));
  }
  return sum;
}

void SaleLaw::expect(std::span<const SaleLaw* const> laws, const double* claims, const double* units, const double* prices,
                     double* out) {
  constexpr std::size_t width = 8;
  static_assert(together % width == 0);
  const std::size_t count = laws.size(), padded = (count + width - 1) / width * width;
  SaleTerm t;
  std::size_t terms = 0;
  for (std::size_t i = 0; i < padded; ++i) {
    const bool valued = i < count && prices[i] > 0 && prices[i] < 1e300;
    t.claim[i] = i < count ? claims[i] : 1;
    t.base[i] = valued ? laws[i]->units_worth(units[i], prices[i]) : 1;
    t.sum[i] = 0;
    if (i < count) terms = std::max(terms, laws[i]->jumps_.size());
  }
  for (std::size_t j = 0; j < terms; ++j) {
    for (std::size_t i = 0; i < padded; ++i) {
      const Jumps jumps = i < count && j < laws[i]->jumps_.size() ? laws[i]->jumps_[j] : Jumps{0, 1, 0};
      t.probability[i] = jumps.probability, t.growth[i] = jumps.growth, t.deviation[i] = jumps.deviation;
    }
    HWY_DYNAMIC_DISPATCH(AddSales)(t, padded);
  }
  for (std::size_t i = 0; i < count; ++i) {
    const double sum = claims[i] == 0 ? 0 : t.sum[i];
    out[i] = prices[i] > 0 && prices[i] < 1e300 ? sum : std::numeric_limits<double>::quiet_NaN();
  }
}

}  // namespace tailcube
#endif
