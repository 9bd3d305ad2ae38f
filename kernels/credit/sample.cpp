#include "kernels/credit/sample.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/credit/sample.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "kernels/random/philox-inl.h"

#ifndef TAILCUBE_KERNELS_CREDIT_SAMPLE_ORDER
#define TAILCUBE_KERNELS_CREDIT_SAMPLE_ORDER
namespace tailcube::sample {
// For each subset of 8 lanes: the places of its members in rising order, a nibble each.
struct Order {
  std::array<std::uint64_t, 256> nibbles{};
};
constexpr Order make_order() {
  Order order;
  for (unsigned subset = 0; subset < 256; ++subset)
    for (unsigned lane = 0, filled = 0; lane < 8; ++lane)
      if (subset >> lane & 1) order.nibbles[subset] |= std::uint64_t{lane} << 4 * filled++;
  return order;
}
inline constexpr Order order = make_order();
}  // namespace tailcube::sample
#endif

HWY_BEFORE_NAMESPACE();
namespace tailcube {
namespace HWY_NAMESPACE {

using DoubleTag = hn::RebindToFloat<PhiloxTag>;
constexpr std::size_t kWidth = hn::MaxLanes(DoubleTag());
constexpr std::size_t kLaneCount = static_cast<std::size_t>(lanes);

void Distances(const CreditModel& model, const Bucket& bucket, const LaneTable& factors, const double* scale,
               double* running) {
  const DoubleTag d;
  const auto inverse = hn::Set(d, 1 / bucket.residual);
  for (int n = 1; n <= model.steps; ++n, running += lanes) {
    const auto threshold = hn::Set(d, bucket.threshold[static_cast<std::size_t>(n) - 1]);
    const int at = model.timing == Timing::terminal ? model.steps : n;
    for (std::size_t l = 0; l < kLaneCount; l += kWidth) {
      auto x = hn::Mul(threshold, hn::Load(d, scale + l));
      for (const Loading& a : bucket.loadings)
        x = Fma(hn::Set(d, -a.loading), hn::Load(d, factors(a.driver, at).data() + l), x);
      x = hn::Mul(x, inverse);
      hn::Store(n == 1 ? x : hn::Max(x, hn::Load(d, running - lanes + l)), d, running + l);
    }
  }
}

// -log(1 - p): the small p itself enters the series, so that 1 - p costs no digits.
HWY_INLINE hn::Vec<DoubleTag> Hazard(hn::Vec<DoubleTag> tail, hn::Mask<DoubleTag> above) {
  const DoubleTag d;
  const auto one = hn::Set(d, 1.0);
  const auto small = hn::AndNot(above, hn::Lt(tail, hn::Set(d, 0.25)));
  hn::Vec<DoubleTag> m;
  const auto survival = hn::Max(hn::IfThenElse(above, tail, hn::Sub(one, tail)), hn::Set(d, 0x1p-1022));
  const auto k = hn::IfThenZeroElse(small, Exponent(d, survival, m));
  const auto f = hn::IfThenElse(small, hn::Neg(tail), hn::Sub(m, one));
  return hn::Min(hn::Neg(LogReduced(d, k, f, hn::Mul(k, hn::Set(d, kLn2Low)))), hn::Set(d, 40.0));
}

void Conditional(const double* last, double* pd, double* hazard) {
  const DoubleTag d;
  for (std::size_t l = 0; l < kLaneCount; l += kWidth) {
    const auto x = hn::Load(d, last + l);
    const auto above = hn::Gt(x, hn::Zero(d));
    const auto tail = NormalCdf(d, hn::Neg(hn::Abs(x)));
    hn::Store(hn::IfThenElse(above, hn::Sub(hn::Set(d, 1.0), tail), tail), d, pd + l);
    hn::Store(Hazard(tail, above), d, hazard + l);
  }
}

HWY_INLINE std::size_t MaskBits(hn::Mask<PhiloxTag> mask) {
  std::uint8_t bits[8] = {};  // kWidth <= 8: one byte is written
  hn::StoreMaskBits(PhiloxTag(), mask, bits);
  return bits[0];
}

// Moves the selected lanes to the front. Highway's own Compress copies its table to the stack under g++ 12.
class Squeeze {
 public:
  explicit Squeeze(std::size_t bits)
      : indices_(hn::IndicesFromVec(PhiloxTag(), hn::And(hn::Shr(hn::Set(PhiloxTag(), sample::order.nibbles[bits]),
                                                                 hn::ShiftLeft<2>(hn::Iota(PhiloxTag(), 0))),
                                                         hn::Set(PhiloxTag(), kWidth - 1)))) {}
  template <class V>
  HWY_INLINE void store(V v, hn::TFromD<hn::DFromV<V>>* to) const {
    const PhiloxTag d64;
    hn::StoreU(hn::BitCast(hn::DFromV<V>(), hn::TableLookupLanes(hn::BitCast(d64, v), indices_)), hn::DFromV<V>(), to);
  }

 private:
  decltype(hn::IndicesFromVec(PhiloxTag(), PhiloxVector())) indices_;
};

struct Event {
  PhiloxVector label;
  hn::Vec<DoubleTag> gap;
};
HWY_INLINE Event Split(PhiloxVector high, PhiloxVector low, PhiloxVector count) {
  const hn::Repartition<std::uint32_t, PhiloxTag> d32;
  const DoubleTag d;
  const auto c = hn::BitCast(d32, count);
  const auto p = hn::MulEven(hn::BitCast(d32, low), c);
  const auto q = hn::Add(hn::MulEven(hn::BitCast(d32, high), c), hn::ShiftRight<32>(p));
  return {hn::ShiftRight<32>(q), hn::Neg(LogNormalRange(d, Uniform53(d, JoinHalves(q, p))))};
}

// The next event of the groups at `at`, scenario mod 4 = word: moves `arrived` on and appends what is below the limit.
HWY_INLINE hn::Mask<DoubleTag> Step(const sample::Walk& w, std::size_t at, std::size_t word, const Event& event,
                                    hn::Vec<DoubleTag>& arrived, sample::Arrivals& out) {
  const PhiloxTag d64;
  const DoubleTag d;
  arrived = hn::Add(hn::Load(d, w.arrived[word].data() + at), event.gap);
  const auto alive = hn::And(hn::FirstN(d, w.active - at), hn::Lt(arrived, hn::Load(d, w.limit[word].data() + at)));
  if (hn::AllFalse(d, alive)) return alive;
  const auto scenario = hn::Or(hn::ShiftLeft<2>(hn::Load(d64, w.group.data() + at)), hn::Set(d64, word));
  const auto key = hn::Or(hn::ShiftLeft<6>(event.label), hn::And(scenario, hn::Set(d64, kLaneCount - 1)));
  const std::size_t bits = MaskBits(hn::RebindMask(d64, alive));
  const Squeeze squeeze(bits);
  squeeze.store(key, out.key.data() + out.size);
  squeeze.store(arrived, out.mark.data() + out.size);
  out.size += static_cast<std::size_t>(std::popcount(bits));
  return alive;
}

// Groups that have finished are squeezed out, so that the vectors stay full. That changes which lane of a vector works for
// a scenario, never what it computes.
bool WalkOn(sample::Walk& w, sample::Arrivals& out) {
  const PhiloxTag d64;
  const DoubleTag d;
  const auto count = hn::Set(d64, w.count);
  const auto stream = static_cast<std::uint64_t>(w.stream);
  for (out.size = 0; w.active > 0; ++w.event) {
    if (out.size + kLaneCount > sample::Arrivals::capacity) return true;
    std::size_t kept = 0;
    for (std::size_t at = 0; at < w.active; at += kWidth) {
      const auto group = hn::Load(d64, w.group.data() + at);
      const auto high = PhiloxRounds(w.seed, stream, group, 2 * w.event);
      const auto low = PhiloxRounds(w.seed, stream, group, 2 * w.event + 1);
      hn::Vec<DoubleTag> arrived[4];
      auto alive = Step(w, at, 0, Split(high.a, low.a, count), arrived[0], out);
      alive = hn::Or(alive, Step(w, at, 1, Split(high.b, low.b, count), arrived[1], out));
      alive = hn::Or(alive, Step(w, at, 2, Split(high.c, low.c, count), arrived[2], out));
      alive = hn::Or(alive, Step(w, at, 3, Split(high.d, low.d, count), arrived[3], out));
      const std::size_t bits = MaskBits(hn::RebindMask(d64, alive));
      const Squeeze squeeze(bits);
      squeeze.store(group, w.group.data() + kept);
      for (std::size_t word = 0; word < 4; ++word) {
        squeeze.store(hn::Load(d, w.limit[word].data() + at), w.limit[word].data() + kept);
        squeeze.store(arrived[word], w.arrived[word].data() + kept);
      }
      kept += static_cast<std::size_t>(std::popcount(bits));
    }
    w.active = kept;
  }
  return false;
}

// A 53-bit uniform (n + 1/2) 2^-53 is below p iff n < bound(p).
HWY_INLINE std::uint64_t Bound(double p) {
  const double scaled = std::ceil(p * 0x1p53 - 0.5);
  return scaled > 0 ? static_cast<std::uint64_t>(std::min(scaled, 0x1p53 - 1)) : 0;
}
// Pairs of bits to every other pair: bits 2 i, 2 i + 1 to 4 i, 4 i + 1.
HWY_INLINE std::uint64_t SpreadPairs(std::uint64_t x) {
  x = (x | x << 16) & 0x0000FFFF0000FFFFu;
  x = (x | x << 8) & 0x00FF00FF00FF00FFu;
  x = (x | x << 4) & 0x0F0F0F0F0F0F0F0Fu;
  return (x | x << 2) & 0x3333333333333333u;
}

void Compare(std::uint64_t seed, std::uint32_t first_scenario, std::span<const Obligor> obligors, const double* pd,
             std::uint64_t* hit) {
  const PhiloxTag d64;
  const hn::Repartition<std::int32_t, PhiloxTag> di;  // with the sign bit flipped: AVX2 compares only signed numbers
  const auto flip = hn::Set(di, std::int32_t{-0x7FFFFFFF - 1});
  // High words of the bounds as the words come: scenarios 4 i, 4 i + 1 side by side, then 4 i + 2, 4 i + 3.
  alignas(64) std::int32_t bound[2][kLaneCount / 2];
  for (std::size_t l = 0; l < kLaneCount; ++l)
    bound[l / 2 % 2][l / 4 * 2 + l % 2] =
        static_cast<std::int32_t>(static_cast<std::uint32_t>(Bound(pd[l]) >> 21) ^ 0x80000000u);
  for (const Obligor& obligor : obligors) {
    const auto stream = static_cast<std::uint64_t>(obligor.stream);
    std::uint64_t below[2] = {};
    auto ties = hn::FirstN(di, 0);
    for (std::size_t block = 0; block < kPhiloxBlocks; block += kWidth) {
      const auto w = PhiloxRounds(seed, stream, hn::Iota(d64, first_scenario / 4 + block), 0);
      const auto test = [&](std::size_t half, PhiloxVector odd, PhiloxVector even) HWY_ATTR {
        const auto x = hn::Xor(hn::BitCast(di, JoinHalves(odd, even)), flip);
        const auto limit = hn::Load(di, bound[half] + 2 * block);
        std::uint8_t bits[8] = {};  // two bytes are written at most
        hn::StoreMaskBits(di, hn::Lt(x, limit), bits);
        below[half] |= (std::uint64_t{bits[1]} << 8 | bits[0]) << 2 * block;
        ties = hn::Or(ties, hn::Eq(x, limit));
      };
      test(0, w.b, w.a), test(1, w.d, w.c);
    }
    std::uint64_t bits = SpreadPairs(below[0]) | SpreadPairs(below[1]) << 2;
    if (HWY_UNLIKELY(!hn::AllFalse(di, ties)))  // the low word decides
      for (std::uint32_t l = 0; l < kLaneCount; ++l) {
        const std::uint64_t high = word(seed, obligor.stream, first_scenario + l, 0), limit = Bound(pd[l]);
        const std::uint64_t low = word(seed, obligor.stream, first_scenario + l, 1);
        if (high == limit >> 21 && low >> 11 < (limit & 0x1FFFFF)) bits |= std::uint64_t{1} << l;
      }
    *hit++ = bits;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tailcube
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tailcube {
HWY_EXPORT(Distances);
HWY_EXPORT(Conditional);
HWY_EXPORT(WalkOn);
HWY_EXPORT(Compare);
}  // namespace tailcube

namespace tailcube::sample {

Walk::Walk(std::uint64_t a_seed, StreamId a_stream, std::uint32_t scenario, std::uint32_t obligors, const double* hazard)
    : seed(a_seed), stream(a_stream), count(obligors) {
  for (std::size_t g = 0; g < groups; ++g) {
    group[g] = scenario / 4 + g;
    for (std::size_t word = 0; word < 4; ++word) limit[word][g] = count * hazard[4 * g + word];
  }
}

void distances(const CreditModel& model, const Bucket& bucket, const LaneTable& factors, const double* scale,
               double* running) {
  HWY_DYNAMIC_DISPATCH(Distances)(model, bucket, factors, scale, running);
}
void conditional(const double* last, double* pd, double* hazard) { HWY_DYNAMIC_DISPATCH(Conditional)(last, pd, hazard); }
bool walk(Walk& w, Arrivals& out) { return HWY_DYNAMIC_DISPATCH(WalkOn)(w, out); }
void compare(std::uint64_t seed, std::uint32_t first_scenario, std::span<const Obligor> obligors, const double* pd,
             std::uint64_t* hit) {
  HWY_DYNAMIC_DISPATCH(Compare)(seed, first_scenario, obligors, pd, hit);
}

}  // namespace tailcube::sample
#endif
