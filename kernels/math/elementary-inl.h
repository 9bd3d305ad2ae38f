// exp and log over vectors of doubles, for kernels compiled once per instruction set (Highway's foreach_target).
// Only + - * / sqrt, comparisons, bit moves and Fma: every lane gets the bits that the scalar functions of functions.h give,
// whatever the width. Branches test whole vectors and decide only what is computed, never what a lane receives.
#if defined(TAILCUBE_KERNELS_MATH_ELEMENTARY_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TAILCUBE_KERNELS_MATH_ELEMENTARY_INL_H_
#undef TAILCUBE_KERNELS_MATH_ELEMENTARY_INL_H_
#else
#define TAILCUBE_KERNELS_MATH_ELEMENTARY_INL_H_
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

// The same polynomial as even(x^2) + x odd(x^2): two chains half as long, for one more multiplication.
template <class D, class V, std::size_t n>
HWY_INLINE V EvenOdd(D d, V x, const double (&highest_first)[n]) {
  const V square = hn::Mul(x, x);
  V p = hn::Set(d, highest_first[0]), q = hn::Set(d, highest_first[1]);
  for (std::size_t i = 2; i + 1 < n; i += 2) {
    p = Fma(p, square, hn::Set(d, highest_first[i]));
    q = Fma(q, square, hn::Set(d, highest_first[i + 1]));
  }
  if constexpr (n % 2 == 0) return Fma(p, x, q);
  return Fma(q, x, Fma(p, square, hn::Set(d, highest_first[n - 1])));
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
  return hn::Add(high, Fma(EvenOdd(d, r, kPoly), hn::Mul(r, r), low));
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

}  // namespace HWY_NAMESPACE
}  // namespace tailcube
HWY_AFTER_NAMESPACE();
#endif
