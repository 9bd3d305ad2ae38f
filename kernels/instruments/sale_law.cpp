// What a sale is expected to bring, compiled once per instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/instruments/sale_law.cpp"
#include <hwy/foreach_target.h>  // before highway.h
//
#include <hwy/highway.h>

#include <cmath>
#include <limits>

#include "kernels/instruments/collateral.h"
#include "kernels/math/functions.h"
#include "kernels/math/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tailcube {
namespace HWY_NAMESPACE {

using Tag = hn::CappedTag<double, 8>;

// Claims become positive, `units` what they would bring today; scale takes the sign, and is NaN where there is no price.
void PrepareSales(Sales::Terms& t, std::size_t count) {
  const Tag d;
  const auto zero = hn::Zero(d), one = hn::Set(d, 1.0);
  for (std::size_t i = 0; i < count; i += hn::MaxLanes(d)) {
    const auto claim = hn::Load(d, t.claim.data() + i), price = hn::Load(d, t.price.data() + i);
    const auto scale = hn::Load(d, t.scale.data() + i), units = hn::Load(d, t.units.data() + i);
    const auto priced = hn::And(hn::Gt(price, zero), hn::Lt(price, hn::Set(d, 1e300))), nothing = hn::Eq(claim, zero);
    hn::Store(hn::IfThenElse(nothing, one, hn::Abs(claim)), d, t.claim.data() + i);
    hn::Store(hn::IfThenElse(priced, hn::Mul(units, price), one), d, t.units.data() + i);
    const auto signed_scale = hn::IfThenElse(hn::Lt(claim, zero), hn::Neg(scale), scale);
    hn::Store(hn::IfThenElse(priced, hn::IfThenZeroElse(nothing, signed_scale),
                             hn::Set(d, std::numeric_limits<double>::quiet_NaN())),
              d, t.scale.data() + i);
    hn::Store(zero, d, t.sum.data() + i);
  }
}

// sum += probability x E[min(K, X)], K the claim, X lognormal with mean F = units x growth and deviation v of its logarithm:
// F Phi(-d1) + K Phi(d2), d1 = ln(F / K) / v + v / 2, d2 = d1 - v (Black 1976). F exp(-d1^2 / 2) = K exp(-d2^2 / 2), so that
// one exponential serves both.
void AddSales(Sales::Terms& t, std::size_t count) {
  const Tag d;
  const auto zero = hn::Zero(d), one = hn::Set(d, 1.0), half = hn::Set(d, 0.5), most = hn::Set(d, 40.0),
             four = hn::Set(d, 4.0);
  for (std::size_t i = 0; i < count; i += hn::MaxLanes(d)) {
    const auto claim = hn::Load(d, t.claim.data() + i), v = hn::Load(d, t.deviation.data() + i);
    const auto forward = hn::Mul(hn::Load(d, t.units.data() + i), hn::Load(d, t.growth.data() + i));
    auto brought = hn::IfThenElse(hn::Lt(forward, claim), forward, claim);
    const auto uncertain = hn::And(hn::Ne(v, zero), hn::Lt(forward, hn::Set(d, 1e300)));
    if (!hn::AllFalse(d, uncertain)) {
      const auto d1 = Fma(Log(d, hn::Div(forward, claim)), hn::Load(d, t.per_deviation.data() + i), hn::Mul(v, half));
      const auto d2 = hn::Sub(d1, v);
      const auto a1 = hn::Min(most, hn::Abs(d1)), a2 = hn::Min(most, hn::Abs(d2));
      const auto b1 = hn::Add(a1, four), b2 = hn::Add(a2, four), both = hn::Div(one, hn::Mul(b1, b2));
      const auto weight = hn::IfThenElseZero(hn::Lt(a1, most), Exp(d, hn::Mul(hn::Mul(a1, a1), hn::Set(d, -0.5))));
      const auto density = hn::Mul(forward, weight);
      const auto beyond1 = hn::Mul(density, NormalTail(d, hn::Mul(both, b2)));
      const auto beyond2 = hn::Mul(density, NormalTail(d, hn::Mul(both, b1)));
      const auto sold = hn::IfThenElse(hn::Lt(d1, zero), hn::Sub(forward, beyond1), beyond1);
      const auto repaid = hn::IfThenElse(hn::Lt(d2, zero), beyond2, hn::Sub(claim, beyond2));
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
HWY_EXPORT(PrepareSales);

SaleLaw::SaleLaw(const Factor& f, double years) {
  const bool reverting = f.process == Process::log_ou;
  if (f.process != Process::lognormal && !reverting) return;
  const Transition t = transition(f, years);
  decay_ = t.decay;
  const double shift = reverting ? (1 - t.decay) * f.level : t.shift, variance = t.deviation * t.deviation;
  for (std::size_t k = 0; k <= t.jump_tail.size(); ++k) {
    const double more = k < t.jump_tail.size() ? t.jump_tail[k] : 0, probability = (k == 0 ? 1 : t.jump_tail[k - 1]) - more;
    const auto jumps = static_cast<double>(k);
    const double jump_variance = jumps * f.jump_volatility * f.jump_volatility;
    double deviation = std::sqrt(variance + jump_variance);
    if (deviation < 0x1p-1000) deviation = 0;
    if (probability > 0)
      more_.push_back({probability, exp(shift + jumps * f.jump_mean + (variance + jump_variance) / 2), deviation,
                       deviation > 0 ? 1 / deviation : 0});
  }
  fewest_ = more_.front();
  more_.erase(more_.begin());
}

double SaleLaw::decayed(double price) const {
  return price > 0 && price < 1e300 ? exp(decay_ * log(price)) : std::numeric_limits<double>::quiet_NaN();
}

// Given the number of jumps the price is lognormal (Merton 1976, equation 19).
double SaleLaw::operator()(double claim, double units, double price) const {
  Sales one;
  double out = 0;
  one.add(*this, claim, units, price, 1, &out);
  one.finish();
  return out;
}

void Sales::finish() {
  if (count_ == 0) return;
  constexpr std::size_t width = 8;
  static_assert(together % width == 0);
  const std::size_t padded = (count_ + width - 1) / width * width;
  for (std::size_t i = count_; i < padded; ++i) {
    terms_.claim[i] = terms_.units[i] = terms_.price[i] = terms_.scale[i] = terms_.growth[i] = 1;
    terms_.probability[i] = terms_.deviation[i] = terms_.per_deviation[i] = 0;
  }
  HWY_DYNAMIC_DISPATCH(PrepareSales)(terms_, padded);
  HWY_DYNAMIC_DISPATCH(AddSales)(terms_, padded);
  for (std::size_t j = 0; j < most_; ++j) {
    constexpr SaleLaw::Jumps never{0, 1, 0, 0};
    for (std::size_t i = 0; i < count_; ++i) set(i, j < law_[i]->more_.size() ? law_[i]->more_[j] : never);
    HWY_DYNAMIC_DISPATCH(AddSales)(terms_, padded);
  }
  for (std::size_t i = 0; i < count_; ++i) *out_[i] = terms_.sum[i] * terms_.scale[i];
  count_ = most_ = 0;
}

}  // namespace tailcube
#endif
