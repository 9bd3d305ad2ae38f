#include "kernels/market/lane_loops.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/market/lane_loops.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/math/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tailcube::HWY_NAMESPACE {
namespace {

using market::Walk;
using D = hn::CappedTag<double, lanes>;
using V = hn::Vec<D>;
constexpr std::size_t width = hn::MaxLanes(D());

template <class Value>
HWY_INLINE void WalkRows(const Walk& walk, int steps, const double* z, const double* jumps, double* y, double* out,
                         Value value) {
  const D d;
  const V decay = hn::Set(d, walk.decay), shift = hn::Set(d, walk.shift), deviation = hn::Set(d, walk.deviation);
  for (std::size_t l = 0; l < lanes; l += width) {
    V state = hn::Load(d, y + l);
    for (int n = 0; n < steps; ++n) {
      const std::size_t at = static_cast<std::size_t>(n) * lanes + l;
      state = Fma(decay, state, Fma(deviation, hn::Load(d, z + at), shift));
      if (jumps) state = hn::Add(state, hn::Load(d, jumps + at));
      hn::Store(value(n, state), d, out + at);
    }
    hn::Store(state, d, y + l);
  }
}

void WalkLanes(const Walk& walk, int steps, const double* z, const double* jumps, const double* step_scale, double* y,
               double* out) {
  const D d;
  const V scale = hn::Set(d, walk.scale), offset = hn::Set(d, walk.offset);
  switch (walk.value) {
    case Walk::Value::exponential:
      return WalkRows(walk, steps, z, jumps, y, out,
                      [&](int, V state) { return hn::Mul(scale, Exp(d, hn::Add(offset, state))); });
    case Walk::Value::linear:
      return WalkRows(walk, steps, z, jumps, y, out, [&](int, V state) { return hn::Add(offset, state); });
    case Walk::Value::scaled:
      return WalkRows(walk, steps, z, jumps, y, out,
                      [&](int n, V state) { return hn::Mul(hn::Set(d, step_scale[n]), state); });
  }
}

// A few rows share each load of z: enough independent sums to hide the latency of Fma. The order within a sum is fixed;
// columns before `first` are zero and add nothing.
template <std::size_t count>
HWY_INLINE void Rows(const double* root, std::size_t factors, std::size_t i, std::size_t first, std::size_t stride,
                     double* z) {
  const D d;
  for (std::size_t l = 0; l < lanes; l += width) {
    V sum[count];
    for (std::size_t r = 0; r < count; ++r) sum[r] = hn::Zero(d);
    for (std::size_t k = first; k < i; ++k) {
      const V x = hn::Load(d, z + k * stride + l);
      for (std::size_t r = 0; r < count; ++r) sum[r] = Fma(hn::Set(d, root[(i + r) * factors + k]), x, sum[r]);
    }
    for (std::size_t k = 0; k < count; ++k) {
      const V x = hn::Load(d, z + (i + k) * stride + l);
      for (std::size_t r = k; r < count; ++r) sum[r] = Fma(hn::Set(d, root[(i + r) * factors + i + k]), x, sum[r]);
    }
    for (std::size_t r = 0; r < count; ++r) hn::Store(sum[r], d, z + (i + r) * stride + l);
  }
}

// From the last row up, since a row needs the rows before it as they were drawn; step by step, which keeps a step's rows in
// cache.
void TriangularProduct(const double* root, const std::uint32_t* first_column, std::size_t factors, int steps, double* rows) {
  constexpr std::size_t group = 6;
  const std::size_t stride = (static_cast<std::size_t>(steps) + 1) * lanes;
  for (int n = 1; n <= steps; ++n) {
    double* z = rows + static_cast<std::size_t>(n) * lanes;
    std::size_t end = factors;
    for (; end >= group; end -= group) {
      const std::size_t i = end - group;
      Rows<group>(root, factors, i, *std::min_element(first_column + i, first_column + end), stride, z);
    }
    for (; end > 0; --end) Rows<1>(root, factors, end - 1, first_column[end - 1], stride, z);
  }
}

// How many of the falling thresholds each lane is below, and how many lanes are below any.
int CountBelow(const double* thresholds, std::size_t count, const double* u, double* below) {
  const D d;
  std::size_t any = 0;
  for (std::size_t l = 0; l < lanes; l += width) {
    const V x = hn::Load(d, u + l);
    V sum = hn::Zero(d);
    for (std::size_t k = 0; k < count; ++k) {
      const auto mask = hn::Lt(x, hn::Set(d, thresholds[k]));
      if (hn::AllFalse(d, mask)) break;
      if (k == 0) any += hn::CountTrue(d, mask);
      sum = hn::Add(sum, hn::IfThenElseZero(mask, hn::Set(d, 1.0)));
    }
    hn::Store(sum, d, below + l);
  }
  return static_cast<int>(any);
}

void SumsOfNormals(double mean, double deviation, const double* count, const double* z, double* out) {
  const D d;
  for (std::size_t l = 0; l < lanes; l += width) {
    const V n = hn::Load(d, count + l), spread = hn::Mul(hn::Mul(hn::Set(d, deviation), hn::Sqrt(n)), hn::Load(d, z + l));
    hn::Store(Fma(n, hn::Set(d, mean), spread), d, out + l);
  }
}

void AddScaled(const double* factor, const double* const* from, std::size_t count, double* to) {
  const D d;
  for (std::size_t l = 0; l < lanes; l += width) {
    auto sum = hn::Load(d, to + l);
    for (std::size_t i = 0; i < count; ++i) sum = Fma(hn::Set(d, factor[i]), hn::Load(d, from[i] + l), sum);
    hn::Store(sum, d, to + l);
  }
}

void SubtractFrom(double value, const double* of, double* out) {
  const D d;
  for (std::size_t l = 0; l < lanes; l += width) hn::Store(hn::Sub(hn::Set(d, value), hn::Load(d, of + l)), d, out + l);
}

void DiscountFactors(double years, double weight, const double* lower, const double* upper, const double* spread,
                     double* out) {
  const D d;
  for (std::size_t l = 0; l < lanes; l += width) {
    const V low = hn::Load(d, lower + l);
    const V zero = Fma(hn::Set(d, weight), hn::Sub(hn::Load(d, upper + l), low), low);
    const V rate = hn::Add(zero, hn::Load(d, spread + l));
    hn::Store(Exp(d, hn::Mul(hn::Set(d, -years), rate)), d, out + l);
  }
}

}  // namespace
}  // namespace tailcube::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tailcube::market {

HWY_EXPORT(WalkLanes);
HWY_EXPORT(TriangularProduct);
HWY_EXPORT(CountBelow);
HWY_EXPORT(SumsOfNormals);
HWY_EXPORT(AddScaled);
HWY_EXPORT(SubtractFrom);
HWY_EXPORT(DiscountFactors);

void walk(const Walk& w, int steps, const double* z, const double* jumps, const double* step_scale, Lanes y, double* out) {
  HWY_DYNAMIC_DISPATCH(WalkLanes)(w, steps, z, jumps, step_scale, y.data(), out);
}
void triangular_product(const double* root, const std::uint32_t* first_column, std::size_t factors, int steps,
                        double* rows) {
  HWY_DYNAMIC_DISPATCH(TriangularProduct)(root, first_column, factors, steps, rows);
}
int count_below(std::span<const double> thresholds, ConstLanes u, Lanes below) {
  return HWY_DYNAMIC_DISPATCH(CountBelow)(thresholds.data(), thresholds.size(), u.data(), below.data());
}
void sums_of_normals(double mean, double deviation, ConstLanes count, ConstLanes z, Lanes out) {
  HWY_DYNAMIC_DISPATCH(SumsOfNormals)(mean, deviation, count.data(), z.data(), out.data());
}
void add_scaled(std::span<const double> factors, const double* const* from, Lanes to) {
  HWY_DYNAMIC_DISPATCH(AddScaled)(factors.data(), from, factors.size(), to.data());
}
void add_scaled(double factor, ConstLanes from, Lanes to) {
  const double* const one = from.data();
  add_scaled({&factor, 1}, &one, to);
}
void subtract_from(double value, ConstLanes of, Lanes out) {
  HWY_DYNAMIC_DISPATCH(SubtractFrom)(value, of.data(), out.data());
}
void discount_factors(double years, double weight, ConstLanes lower, ConstLanes upper, ConstLanes spread, Lanes out) {
  HWY_DYNAMIC_DISPATCH(DiscountFactors)(years, weight, lower.data(), upper.data(), spread.data(), out.data());
}

}  // namespace tailcube::market
#endif
