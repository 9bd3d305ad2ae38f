// The normal distribution and 53-bit uniforms over vectors of doubles; rules as in elementary-inl.h.
#if defined(TAILCUBE_KERNELS_MATH_NORMAL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TAILCUBE_KERNELS_MATH_NORMAL_INL_H_
#undef TAILCUBE_KERNELS_MATH_NORMAL_INL_H_
#else
#define TAILCUBE_KERNELS_MATH_NORMAL_INL_H_
#endif
#include <hwy/highway.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "kernels/block.h"
#include "kernels/math/elementary-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tailcube {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Phi(-a) exp(a^2 / 2) for 0 <= a <= 40, of w = 1 / (a + 4): w P(t), t = (a - 4) / (a + 4): the Chebyshev expansion in a
// mapped half-line of Shepherd and Laframboise (1981), computed anew for Phi.
template <class D>
HWY_INLINE hn::Vec<D> NormalTail(D d, hn::Vec<D> w) {
  static constexpr double kPoly[] = {
      -1.1997782031253095e-10, -1.6886576966786735e-09, -5.873626764987191e-10,  1.60673869573294e-08,
      1.7844927772981415e-08,  -7.878360342693638e-08,  -1.597739614223922e-07,  2.647337281979868e-07,
      1.0247851016552774e-06,  -6.249551077565178e-07,  -5.921611045923978e-06,  7.146021531267462e-07,
      3.514511190283765e-05,   -1.907676030719098e-06,  -0.00023109501736277426, 0.00013334420916014778,
      0.0016308184674099085,   -0.0034796923566515025,  -0.007540188967386312,   0.06039657489036092,
      -0.1865218579596366,     0.3871374007422266,      -0.6078966419718923,     0.7552851304157514};
  return hn::Mul(EvenOdd(d, Fma(hn::Set(d, -8.0), w, hn::Set(d, 1.0)), kPoly), w);
}

// Phi(x), relative error < 2e-15 down to the smallest normal result (x > -37.5), then gradual underflow; NaN for NaN.
// The square is carried in two parts, or its rounding would cost 1e-13 in the tail.
template <class D>
HWY_INLINE hn::Vec<D> NormalCdf(D d, hn::Vec<D> x) {
  const auto a = hn::Min(hn::Set(d, 40.0), hn::Abs(x));  // lets NaN pass
  const auto w = hn::Div(hn::Set(d, 1.0), hn::Add(a, hn::Set(d, 4.0)));
  const auto tail = NormalTail(d, w);
  const auto half = hn::Mul(a, hn::Set(d, -0.5)), square = hn::Mul(a, half), residue = Fma(a, half, hn::Neg(square));
  hn::Vec<D> high, low;
  const auto shifted = Reduce(d, square, high, low);
  const auto p = hn::Mul(hn::Add(ExpMinusOneReduced(d, high, hn::Add(low, residue)), hn::Set(d, 1.0)), tail);
  const auto lower =
      HWY_LIKELY(hn::AllTrue(d, hn::Le(a, hn::Set(d, 37.0)))) ? hn::Mul(p, PowerOfTwo(d, shifted)) : Scale(d, p, shifted);
  return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), lower, hn::Sub(hn::Set(d, 1.0), lower));
}

// Phi^-1(p) by Wichura (1988), AS241 PPND16: rational in q = p - 1/2 up to |q| = 0.425, in u = sqrt(-log min(p, 1 - p))
// beyond. Here a linear function with few bits is taken out of each quotient and added last, by one Fma: over' = over -
// linear under, in exact arithmetic. What remains is small, and so are its rounding errors: 2.5 ulp, where the published
// form has 4.5.
template <class D>
HWY_INLINE hn::Vec<D> QuantileCentre(D d, hn::Vec<D> q) {
  static constexpr double kOver[] = {-13170.404907827515, -52756.6816235777,  -50657.91647326943, -17719.428973209917,
                                     -2450.894298764792,  -89.97007216962228, 6.201675786981644,  0.3871328727963666};
  static constexpr double kUnder[] = {
      5226.495278852545925,  28729.085735721942674, 39307.89580009271061,  21213.794301586595867,
      5394.1960214247511077, 687.1870074920579083,  42.313330701600911252, 1.0};
  const auto r = Fma(hn::Neg(q), q, hn::Set(d, 0.180625));
  return Fma(q, hn::Set(d, 3.0), hn::Mul(q, hn::Div(Horner(d, r, kOver), Horner(d, r, kUnder))));
}

// For any p, and for uniforms of the 53-bit grid, which are positive and normal.
struct AnyLogarithm {
  template <class V>
  HWY_INLINE V operator()(V x) const {
    return Log(hn::DFromV<V>(), x);
  }
};
struct UniformLogarithm {
  template <class V>
  HWY_INLINE V operator()(V x) const {
    return LogNormalRange(hn::DFromV<V>(), x);
  }
};

// Outside (0, 1), if Logarithm is Log: -infinity at 0, infinity at 1, else NaN.
template <class D, class Logarithm>
HWY_INLINE hn::Vec<D> QuantileTail(D d, hn::Vec<D> p, Logarithm logarithm) {
  static constexpr double kOver[] = {-1.5761251074666253e-09, -4.684720892418832e-05, -0.0008613209558735821,
                                     -0.0022233226489681572,  0.022907783860215768,   0.1417305354464176,
                                     0.27990658811483515,     0.178874882864767,      -0.014062889250316422};
  static constexpr double kUnder[] = {
      1.05075007164441684324e-9, 5.475938084995344946e-4, .0151986665636164571966, .14810397642748007459,
      .68976733498510000455,     1.6763848301838038494,   2.05319162663775882187,  1.0};
  static constexpr double kFarOver[] = {-2.874744989142103e-15, 1.1333351172026622e-09, 1.9218391058613085e-07,
                                        1.1499745282631102e-05, 0.00030234607608455646, 0.0035942380676660148,
                                        0.017035803219607237,   0.00866751691187079,    -0.09209535649889622};
  static constexpr double kFarUnder[] = {
      2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4,
      .0148753612908506148525,    .13692988092273580531,    .59983220655588793769,    1.0};
  const auto u = hn::Sqrt(hn::Neg(logarithm(hn::Min(p, hn::Sub(hn::Set(d, 1.0), p)))));
  const auto s = hn::Sub(u, hn::Set(d, 1.6));
  const auto near = hn::Add(hn::Div(Horner(d, s, kOver), Horner(d, s, kUnder)), hn::Set(d, 1.4375));
  auto x = Fma(s, hn::Set(d, 1.5), near);
  const auto beyond = hn::Gt(u, hn::Set(d, 5.0));
  if (HWY_UNLIKELY(!hn::AllFalse(d, beyond))) {
    const auto v = hn::Sub(u, hn::Set(d, 5.0));
    const auto far = hn::Add(hn::Div(Horner(d, v, kFarOver), Horner(d, v, kFarUnder)), hn::Set(d, 6.75));
    x = hn::IfThenElse(beyond, Fma(v, hn::Set(d, 1.40625), far), x);
    x = hn::IfThenElse(hn::Eq(u, hn::Set(d, std::numeric_limits<double>::infinity())), u, x);
  }
  return hn::CopySign(x, hn::Sub(p, hn::Set(d, 0.5)));
}

// Phi^-1(p) to 4 ulp on (0, 1).
template <class D>
HWY_INLINE hn::Vec<D> NormalQuantile(D d, hn::Vec<D> p) {
  const auto q = hn::Sub(p, hn::Set(d, 0.5)), central = QuantileCentre(d, q);
  const auto inner = hn::Le(hn::Abs(q), hn::Set(d, 0.425));
  if (hn::AllTrue(d, inner)) return central;
  return hn::IfThenElse(inner, central, QuantileTail(d, p, AnyLogarithm()));
}

// NormalQuantile of `lanes` values, with the same bits; `out` may be `p`. The tail costs twice the centre and 15 % of
// uniforms need it, so those are moved together first.
template <class Logarithm>
HWY_INLINE void NormalQuantileLanes(const double* p, double* out, Logarithm logarithm) {
  const hn::CappedTag<double, lanes> d;
  constexpr std::size_t kLanes = hn::MaxLanes(hn::CappedTag<double, lanes>()), kAll = static_cast<std::size_t>(lanes);
  static_assert(kLanes <= 8, "a vector's mask is one byte");
  alignas(64) double tail[kAll];
  std::uint8_t place[kAll], bits[8];
  std::size_t count = 0;
  for (std::size_t i = 0; i < kAll; i += kLanes) {
    const auto q = hn::Sub(hn::LoadU(d, p + i), hn::Set(d, 0.5));
    hn::StoreMaskBits(d, hn::Not(hn::Le(hn::Abs(q), hn::Set(d, 0.425))), bits);
    for (unsigned left = bits[0]; left != 0; left &= left - 1) {
      place[count] = static_cast<std::uint8_t>(i + static_cast<unsigned>(std::countr_zero(left)));
      tail[count] = p[place[count]];
      ++count;
    }
    hn::StoreU(QuantileCentre(d, q), d, out + i);
  }
  for (std::size_t i = count; i % kLanes != 0; ++i) tail[i] = 0.01;
  for (std::size_t i = 0; i < count; i += kLanes) hn::Store(QuantileTail(d, hn::Load(d, tail + i), logarithm), d, tail + i);
  for (std::size_t i = 0; i < count; ++i) out[place[i]] = tail[i];
}

// (n + 1/2) 2^-53 rounded toward zero, n the upper 53 of 64 random bits: 2^-54 ... 1 - 2^-53, never 0 or 1. The bits of n
// below the exponent of 1/4 are n 2^-53 itself where n >= 2^52 (there the half is rounded away) and 1/4 + n 2^-54 below.
template <class D, class VU64>
HWY_INLINE hn::Vec<D> Uniform53(D d, VU64 bits) {
  const hn::RebindToUnsigned<D> du;
  const auto v = hn::BitCast(d, hn::Add(hn::ShiftRight<11>(bits), hn::Set(du, 0x3FD0000000000000u)));
  const auto small = Fma(v, hn::Set(d, 2.0), hn::Set(d, 0x1p-54 - 0.5));
  return hn::IfThenElse(hn::Lt(v, hn::Set(d, 0.5)), small, v);
}

}  // namespace HWY_NAMESPACE
}  // namespace tailcube
HWY_AFTER_NAMESPACE();
#endif
