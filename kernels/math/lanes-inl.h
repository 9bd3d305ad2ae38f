// Elementary functions over vectors of doubles, for kernels compiled once per instruction set (Highway's foreach_target).
// Only + - * / sqrt, comparisons, bit moves and Fma: every lane gets the bits that the scalar functions of functions.h give,
// whatever the width. Branches test whole vectors and decide only what is computed, never what a lane receives.
#if defined(TAILCUBE_KERNELS_MATH_LANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TAILCUBE_KERNELS_MATH_LANES_INL_H_
#undef TAILCUBE_KERNELS_MATH_LANES_INL_H_
#else
#define TAILCUBE_KERNELS_MATH_LANES_INL_H_
#endif
#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>
#include <limits>

HWY_BEFORE_NAMESPACE();
namespace tailcube {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The one multiply-add of the kernels, rounded once.
template <class V>
HWY_INLINE V Fma(V a, V b, V c) {
  static_assert(HWY_NATIVE_FMA, "AVX2 with FMA is the floor");
  return hn::MulAdd(a, b, c);
}

// Horner's rule from the highest coefficient down; a fixed order, because another association is another result.
template <class D, class V, std::size_t n>
HWY_INLINE V Horner(D d, V x, const double (&highest_first)[n]) {
  V p = hn::Set(d, highest_first[0]);
  for (std::size_t i = 1; i < n; ++i) p = Fma(p, x, hn::Set(d, highest_first[i]));
  return p;
}

// Adding 1.5 2^52 rounds to an integer and leaves it in the low bits: Highway converts double to int64 natively on AVX-512
// only.
inline constexpr double kShifter = 0x1.8p52;
inline constexpr double kInverseLn2 = 0x1.71547652b82fep0;
inline constexpr double kLn2High = 6.93147180369123816490e-01,
                        kLn2Low = 1.90821492927058770002e-10;  // 32 zero bits in kLn2High

// 2^n from n + kShifter, -1022 <= n <= 1023.
template <class D>
HWY_INLINE hn::Vec<D> PowerOfTwo(D d, hn::Vec<D> shifted) {
  const hn::RebindToSigned<D> di;
  return hn::BitCast(d, hn::ShiftLeft<52>(hn::Add(hn::BitCast(di, shifted), hn::Set(di, 1023))));
}

// p 2^n from n + kShifter for n <= 1024: two exact factors, so that results below 2^-1022 are rounded once.
template <class D>
HWY_INLINE hn::Vec<D> Scale(D d, hn::Vec<D> p, hn::Vec<D> shifted) {
  const auto half = hn::Max(hn::Set(d, kShifter - 600), hn::Min(hn::Set(d, kShifter + 600), shifted));
  const auto rest = hn::Add(hn::Sub(shifted, half), hn::Set(d, kShifter));
  return hn::Mul(hn::Mul(p, PowerOfTwo(d, half)), PowerOfTwo(d, rest));
}

// exp(r) - 1 for r = high + low, |r| <= ln 2 / 2: r + r^2 P(r), P by Chebyshev interpolation (error 4e-19); `low` joins
// where the terms are small, so that rounding r costs nothing.
template <class D>
HWY_INLINE hn::Vec<D> ExpMinusOneReduced(D d, hn::Vec<D> high, hn::Vec<D> low) {
  static constexpr double kPoly[] = {2.091467944897855e-09,
                                     2.5105206475334834e-08,
                                     2.7557273661174726e-07,
                                     2.75572554255029e-06,
                                     2.4801587325533502e-05,
                                     0.00019841269874800683,
                                     0.0013888888888883752,
                                     0.008333333333326141,
                                     0.04166666666666667,
                                     0.1666666666666667,
                                     0.5};
  const auto r = hn::Add(high, low);
  return hn::Add(high, Fma(Horner(d, r, kPoly), hn::Mul(r, r), low));
}

// n + kShifter with n = x / ln 2 to the nearest integer, and high + low = x - n ln 2.
template <class D>
HWY_INLINE hn::Vec<D> Reduce(D d, hn::Vec<D> x, hn::Vec<D>& high, hn::Vec<D>& low) {
  const auto shifted = hn::Add(hn::Mul(x, hn::Set(d, kInverseLn2)), hn::Set(d, kShifter));
  const auto n = hn::Sub(shifted, hn::Set(d, kShifter));
  high = Fma(n, hn::Set(d, -kLn2High), x);
  low = hn::Mul(n, hn::Set(d, -kLn2Low));
  return shifted;
}

// exp(x), error below 1 ulp; infinite above 709.78, subnormal and then zero below -708, NaN for NaN.
template <class D>
HWY_INLINE hn::Vec<D> Exp(D d, hn::Vec<D> x) {
  const hn::RebindToSigned<D> di;
  const auto common = hn::Le(hn::Abs(x), hn::Set(d, 708.0));
  hn::Vec<D> high, low;
  if (HWY_LIKELY(hn::AllTrue(d, common))) {
    const auto shifted = Reduce(d, x, high, low);
    const auto p = hn::Add(ExpMinusOneReduced(d, high, low), hn::Set(d, 1.0));
    return hn::BitCast(d, hn::Add(hn::BitCast(di, p), hn::ShiftLeft<52>(hn::BitCast(di, shifted))));
  }
  const auto shifted =
      Reduce(d, hn::Max(hn::Set(d, -800.0), hn::Min(hn::Set(d, 800.0), x)), high, low);  // lets NaN pass: x comes last
  return Scale(d, hn::Add(ExpMinusOneReduced(d, high, low), hn::Set(d, 1.0)), shifted);
}

// k + log(1 + f) in units of ln 2 for k, for 1 + f in [sqrt(1/2), sqrt(2)); `low` is added with the low part of k ln 2.
// Series in s = f / (2 + f) (Tang 1990), coefficients of fdlibm (Sun Microsystems 1993, e_log.c).
template <class D>
HWY_INLINE hn::Vec<D> LogReduced(D d, hn::Vec<D> k, hn::Vec<D> f, hn::Vec<D> k_low) {
  static constexpr double kPoly[] = {1.479819860511658591e-01, 1.531383769920937332e-01, 1.818357216161805012e-01,
                                     2.222219843214978396e-01, 2.857142874366239149e-01, 3.999999999940941908e-01,
                                     6.666666666666735130e-01};
  const auto s = hn::Div(f, hn::Add(f, hn::Set(d, 2.0))), z = hn::Mul(s, s);
  const auto half_f2 = hn::Mul(hn::Mul(f, f), hn::Set(d, 0.5)), rest = hn::Mul(z, Horner(d, z, kPoly));
  const auto low = Fma(s, hn::Add(half_f2, rest), k_low);
  return hn::Sub(hn::Mul(k, hn::Set(d, kLn2High)), hn::Sub(hn::Sub(half_f2, low), f));
}

// x = 2^k m with m in [sqrt(1/2), sqrt(2)), for x positive and normal.
template <class D>
HWY_INLINE hn::Vec<D> Exponent(D d, hn::Vec<D> x, hn::Vec<D>& m) {
  const hn::RebindToSigned<D> di;
  const hn::RebindToUnsigned<D> du;
  constexpr std::int64_t kSqrtHalf = 0x3FE6A09E667F3BCD;
  const auto bits = hn::Sub(hn::BitCast(di, x), hn::Set(di, kSqrtHalf));
  m = hn::BitCast(d, hn::Add(hn::And(bits, hn::Set(di, 0xFFFFFFFFFFFFF)), hn::Set(di, kSqrtHalf)));
  const auto biased = hn::ShiftRight<52>(hn::BitCast(du, hn::Add(bits, hn::Set(di, std::int64_t{1024} << 52))));
  return hn::Sub(hn::BitCast(d, hn::Or(biased, hn::Set(du, 0x4330000000000000u))), hn::Set(d, 0x1p52 + 1024));
}

// log(x), error below 1 ulp, for x positive and normal.
template <class D>
HWY_INLINE hn::Vec<D> LogNormalRange(D d, hn::Vec<D> x) {
  hn::Vec<D> m;
  const auto k = Exponent(d, x, m);
  return LogReduced(d, k, hn::Sub(m, hn::Set(d, 1.0)), hn::Mul(k, hn::Set(d, kLn2Low)));
}

// log(x) outside the positive normal numbers too: subnormals exact, -infinity at 0, infinity, NaN for x < 0 and NaN.
template <class D>
HWY_NOINLINE hn::Vec<D> LogAnywhere(D d, hn::Vec<D> x) {
  using Limits = std::numeric_limits<double>;
  const auto tiny = hn::Lt(x, hn::Set(d, Limits::min()));
  hn::Vec<D> m;
  auto k = Exponent(d, hn::IfThenElse(tiny, hn::Mul(x, hn::Set(d, 0x1p54)), x), m);
  k = hn::Sub(k, hn::IfThenElseZero(tiny, hn::Set(d, 54.0)));
  auto y = LogReduced(d, k, hn::Sub(m, hn::Set(d, 1.0)), hn::Mul(k, hn::Set(d, kLn2Low)));
  y = hn::IfThenElse(hn::Eq(x, hn::Set(d, Limits::infinity())), x, y);
  y = hn::IfThenElse(hn::Ge(x, hn::Zero(d)), y, hn::Set(d, Limits::quiet_NaN()));
  return hn::IfThenElse(hn::Eq(x, hn::Zero(d)), hn::Set(d, -Limits::infinity()), y);
}

// log(x), error below 1 ulp on all positive numbers; the limits as LogAnywhere.
template <class D>
HWY_INLINE hn::Vec<D> Log(D d, hn::Vec<D> x) {
  using Limits = std::numeric_limits<double>;
  const auto common = hn::And(hn::Ge(x, hn::Set(d, Limits::min())), hn::Le(x, hn::Set(d, Limits::max())));
  if (HWY_LIKELY(hn::AllTrue(d, common))) return LogNormalRange(d, x);
  return LogAnywhere(d, x);
}

// Phi(x), relative error < 2e-15 down to the smallest normal result (x > -37.5), then gradual underflow; NaN for NaN.
// Phi(-a) = exp(-a^2/2) P(t) / (a + 4), t = (a - 4) / (a + 4): the Chebyshev expansion in a mapped half-line of Shepherd and
// Laframboise (1981), computed anew for Phi. The square is carried in two parts, or its rounding would cost 1e-13 in the
// tail.
template <class D>
HWY_INLINE hn::Vec<D> NormalCdf(D d, hn::Vec<D> x) {
  static constexpr double kPoly[] = {
      -1.1997782031253095e-10, -1.6886576966786735e-09, -5.873626764987191e-10,  1.60673869573294e-08,
      1.7844927772981415e-08,  -7.878360342693638e-08,  -1.597739614223922e-07,  2.647337281979868e-07,
      1.0247851016552774e-06,  -6.249551077565178e-07,  -5.921611045923978e-06,  7.146021531267462e-07,
      3.514511190283765e-05,   -1.907676030719098e-06,  -0.00023109501736277426, 0.00013334420916014778,
      0.0016308184674099085,   -0.0034796923566515025,  -0.007540188967386312,   0.06039657489036092,
      -0.1865218579596366,     0.3871374007422266,      -0.6078966419718923,     0.7552851304157514};
  const auto a = hn::Min(hn::Set(d, 40.0), hn::Abs(x));  // lets NaN pass
  const auto w = hn::Div(hn::Set(d, 1.0), hn::Add(a, hn::Set(d, 4.0)));
  const auto tail = hn::Mul(Horner(d, Fma(hn::Set(d, -8.0), w, hn::Set(d, 1.0)), kPoly), w);
  const auto half = hn::Mul(a, hn::Set(d, -0.5)), square = hn::Mul(a, half), residue = Fma(a, half, hn::Neg(square));
  hn::Vec<D> high, low;
  const auto shifted = Reduce(d, square, high, low);
  const auto p = hn::Mul(hn::Add(ExpMinusOneReduced(d, high, hn::Add(low, residue)), hn::Set(d, 1.0)), tail);
  const auto lower =
      HWY_LIKELY(hn::AllTrue(d, hn::Le(a, hn::Set(d, 37.0)))) ? hn::Mul(p, PowerOfTwo(d, shifted)) : Scale(d, p, shifted);
  return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), lower, hn::Sub(hn::Set(d, 1.0), lower));
}

// Phi^-1(p) by Wichura (1988), AS241 PPND16, 4 ulp on (0, 1). `Logarithm` is LogNormalRange where p cannot be subnormal,
// else Log. Outside (0, 1): -infinity at 0, infinity at 1, NaN elsewhere, if Logarithm is Log.
template <class D, class Logarithm>
HWY_INLINE hn::Vec<D> NormalQuantileWith(D d, hn::Vec<D> p, Logarithm logarithm) {
  static constexpr double A[] = {2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
                                 13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608};
  static constexpr double B[] = {5226.495278852545925,  28729.085735721942674, 39307.89580009271061,  21213.794301586595867,
                                 5394.1960214247511077, 687.1870074920579083,  42.313330701600911252, 1.0};
  static constexpr double C[] = {7.7454501427834140764e-4, .0227238449892691845833, .24178072517745061177,
                                 1.27045825245236838258,   3.64784832476320460504,  5.7694972214606914055,
                                 4.6303378461565452959,    1.42343711074968357734};
  static constexpr double E[] = {
      1.05075007164441684324e-9, 5.475938084995344946e-4, .0151986665636164571966, .14810397642748007459,
      .68976733498510000455,     1.6763848301838038494,   2.05319162663775882187,  1.0};
  static constexpr double F[] = {2.01033439929228813265e-7, 2.71155556874348757815e-5, .0012426609473880784386,
                                 .026532189526576123093,    .29656057182850489123,     1.7848265399172913358,
                                 5.4637849111641143699,     6.6579046435011037772};
  static constexpr double G[] = {
      2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4,
      .0148753612908506148525,    .13692988092273580531,    .59983220655588793769,    1.0};
  const auto q = hn::Sub(p, hn::Set(d, 0.5)), r = hn::Sub(hn::Set(d, 0.180625), hn::Mul(q, q));
  const auto central = hn::Mul(q, hn::Div(Horner(d, r, A), Horner(d, r, B)));
  const auto inner = hn::Le(hn::Abs(q), hn::Set(d, 0.425));
  if (hn::AllTrue(d, inner)) return central;
  const auto u = hn::Sqrt(hn::Neg(logarithm(hn::Min(p, hn::Sub(hn::Set(d, 1.0), p)))));
  const auto s = hn::Sub(u, hn::Set(d, 1.6));
  auto tail = hn::Div(Horner(d, s, C), Horner(d, s, E));
  const auto far = hn::Gt(u, hn::Set(d, 5.0));
  if (!hn::AllFalse(d, far)) {
    const auto v = hn::Sub(u, hn::Set(d, 5.0));
    tail = hn::IfThenElse(far, hn::Div(Horner(d, v, F), Horner(d, v, G)), tail);
    tail = hn::IfThenElse(hn::Eq(u, hn::Set(d, std::numeric_limits<double>::infinity())), u, tail);
  }
  return hn::IfThenElse(inner, central, hn::CopySign(tail, q));
}

template <class D>
HWY_INLINE hn::Vec<D> NormalQuantile(D d, hn::Vec<D> p) {
  return NormalQuantileWith(d, p, [d](hn::Vec<D> x) HWY_ATTR { return Log(d, x); });
}
// The same bits for uniforms of the 53-bit grid, a little faster.
template <class D>
HWY_INLINE hn::Vec<D> NormalQuantileOfUniform(D d, hn::Vec<D> p) {
  return NormalQuantileWith(d, p, [d](hn::Vec<D> x) HWY_ATTR { return LogNormalRange(d, x); });
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
