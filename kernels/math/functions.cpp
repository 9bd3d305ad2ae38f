#include "kernels/math/functions.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/math/functions.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/math/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tailcube {
namespace HWY_NAMESPACE {
namespace {
using Wide = hn::CappedTag<double, lanes>;
using One = hn::FixedTag<double, 1>;

template <class Function>
HWY_INLINE void Map(const double* x, double* out, Function f) {
  const Wide d;
  for (std::size_t i = 0; i < static_cast<std::size_t>(lanes); i += hn::Lanes(d))
    hn::StoreU(f(d, hn::LoadU(d, x + i)), d, out + i);
}
template <class Function>
HWY_INLINE double At(double x, Function f) {
  return hn::GetLane(f(One(), hn::Set(One(), x)));
}

struct ExpFunction {
  template <class D>
  HWY_INLINE hn::Vec<D> operator()(D d, hn::Vec<D> x) const {
    return Exp(d, x);
  }
};
struct LogFunction {
  template <class D>
  HWY_INLINE hn::Vec<D> operator()(D d, hn::Vec<D> x) const {
    return Log(d, x);
  }
};
struct CdfFunction {
  template <class D>
  HWY_INLINE hn::Vec<D> operator()(D d, hn::Vec<D> x) const {
    return NormalCdf(d, x);
  }
};
struct QuantileFunction {
  template <class D>
  HWY_INLINE hn::Vec<D> operator()(D d, hn::Vec<D> p) const {
    return NormalQuantile(d, p);
  }
};
}  // namespace

void ExpLanes(const double* x, double* out) { Map(x, out, ExpFunction()); }
void LogLanes(const double* x, double* out) { Map(x, out, LogFunction()); }
void CdfLanes(const double* x, double* out) { Map(x, out, CdfFunction()); }
void QuantileLanes(const double* p, double* out) { NormalQuantileLanes(p, out, AnyLogarithm()); }

double ExpOne(double x) { return At(x, ExpFunction()); }
double LogOne(double x) { return At(x, LogFunction()); }
double CdfOne(double x) { return At(x, CdfFunction()); }
double QuantileOne(double p) { return At(p, QuantileFunction()); }

// 1 + x = u + c: log(u) with c / u joining the low part of the result (Kahan; fdlibm s_log1p.c). Near 0, f is x itself.
double Log1pOne(double x) {
  const One d;
  const auto v = hn::Set(d, x), u = hn::Add(v, hn::Set(d, 1.0));
  if (!(x > -1) || x >= 0x1p54) return LogOne(hn::GetLane(u));
  hn::Vec<One> m;
  const auto k = Exponent(d, u, m);
  if (hn::GetLane(k) == 0) return hn::GetLane(LogReduced(d, k, v, hn::Zero(d)));
  const double one_plus = hn::GetLane(u), c = one_plus >= 2 ? 1 - (one_plus - x) : x - (one_plus - 1);
  const auto low = Fma(k, hn::Set(d, kLn2Low), hn::Set(d, c / one_plus));
  return hn::GetLane(LogReduced(d, k, hn::Sub(m, hn::Set(d, 1.0)), low));
}

// 2^n (exp(r) - 1) + (2^n - 1).
double Expm1One(double x) {
  const One d;
  if (!(x > -40 && x < 700)) return ExpOne(x) - 1;
  hn::Vec<One> high, low;
  const auto shifted = Reduce(d, hn::Set(d, x), high, low), power = PowerOfTwo(d, shifted);
  return hn::GetLane(Fma(ExpMinusOneReduced(d, high, low), power, hn::Sub(power, hn::Set(d, 1.0))));
}
}  // namespace HWY_NAMESPACE
}  // namespace tailcube
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tailcube {
HWY_EXPORT(ExpLanes);
HWY_EXPORT(LogLanes);
HWY_EXPORT(CdfLanes);
HWY_EXPORT(QuantileLanes);

void exp(ConstLanes x, Lanes out) { HWY_DYNAMIC_DISPATCH(ExpLanes)(x.data(), out.data()); }
void log(ConstLanes x, Lanes out) { HWY_DYNAMIC_DISPATCH(LogLanes)(x.data(), out.data()); }
void normal_cdf(ConstLanes x, Lanes out) { HWY_DYNAMIC_DISPATCH(CdfLanes)(x.data(), out.data()); }
void normal_quantile(ConstLanes p, Lanes out) { HWY_DYNAMIC_DISPATCH(QuantileLanes)(p.data(), out.data()); }

// Scalars are vectors of one lane, compiled for the floor: the same operations by construction.
double exp(double x) { return HWY_STATIC_DISPATCH(ExpOne)(x); }
double log(double x) { return HWY_STATIC_DISPATCH(LogOne)(x); }
double normal_cdf(double x) { return HWY_STATIC_DISPATCH(CdfOne)(x); }
double normal_quantile(double p) { return HWY_STATIC_DISPATCH(QuantileOne)(p); }
double log1p(double x) { return HWY_STATIC_DISPATCH(Log1pOne)(x); }
double expm1(double x) { return HWY_STATIC_DISPATCH(Expm1One)(x); }
double normal_pdf(double x) {
  const double half = -0.5 * x, square = half * x, residue = std::fma(half, x, -square);  // exp(square) (1 + residue)
  const double p = exp(square) * 0.3989422804014326779;
  return std::isfinite(residue) ? std::fma(p, residue, p) : p;
}
}  // namespace tailcube
#endif
