#include "kernels/credit/sample.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/credit/sample.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "kernels/credit/sample_tables.h"
#include "kernels/math/functions.h"
#include "kernels/random/philox-inl.h"

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

// High words with the sign bit flipped: AVX2 compares only signed numbers.
constexpr std::int32_t kFlip = -0x7FFFFFFF - 1;
HWY_INLINE std::int32_t High(std::uint64_t bound) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(bound >> 21)) ^ kFlip;
}
HWY_INLINE std::uint32_t WordBits(hn::Mask<hn::Repartition<std::int32_t, PhiloxTag>> mask) {
  std::uint8_t bits[8] = {};  // two bytes are written at most
  hn::StoreMaskBits(hn::Repartition<std::int32_t, PhiloxTag>(), mask, bits);
  return std::uint32_t{bits[1]} << 8 | bits[0];
}
// Where the high words agree, the low word decides.
HWY_INLINE bool BelowByLowWord(std::int32_t high, std::uint64_t bound, std::uint64_t seed, StreamId stream,
                               std::uint32_t scenario, std::uint32_t draw) {
  return high == High(bound) && word(seed, stream, scenario, 2 * draw + 1) >> 11 < (bound & 0x1FFFFF);
}

// Bit `lane` of the result: uniform `draw` of the lane's scenario, whose high word is given, is below the bound's
// probability.
HWY_INLINE std::uint64_t Below(const std::int32_t* high, std::uint64_t bound, std::uint64_t seed, StreamId stream,
                               ScenarioLanes scenarios, std::uint32_t draw) {
  const hn::Repartition<std::int32_t, PhiloxTag> di;
  const auto limit = hn::Set(di, High(bound));
  std::uint64_t below = 0;
  auto ties = hn::FirstN(di, 0);
  for (std::size_t l = 0; l < kLaneCount; l += 2 * kWidth) {
    const auto x = hn::Load(di, high + l);
    below |= std::uint64_t{WordBits(hn::Lt(x, limit))} << l;
    ties = hn::Or(ties, hn::Eq(x, limit));
  }
  if (HWY_UNLIKELY(!hn::AllFalse(di, ties)))
    for (std::uint32_t l = 0; l < kLaneCount; ++l)
      below |= std::uint64_t{BelowByLowWord(high[l], bound, seed, stream, scenarios[l], draw)} << l;
  return below;
}

HWY_INLINE std::uint64_t LanesAbove(const double* limit, double lower) {
  const DoubleTag d;
  std::uint64_t out = 0;
  for (std::size_t l = 0; l < kLaneCount; l += kWidth)
    out |= std::uint64_t{MaskBits(hn::RebindMask(PhiloxTag(), hn::Gt(hn::Load(d, limit + l), hn::Set(d, lower))))} << l;
  return out;
}

// Pairs of points of a band that wait to be drawn: pair << 7 | both << 6 | lane.
struct Pairs {
  static constexpr std::size_t most = 512;
  std::size_t size = 0;
  alignas(64) std::uint64_t item[most + kLaneCount + kWidth];
  HWY_INLINE void add(std::uint32_t pair, std::uint64_t first, std::uint64_t second) {
    for (; first != 0; first &= first - 1) {
      const auto lane = static_cast<std::uint64_t>(std::countr_zero(first));
      item[size++] = std::uint64_t{pair} << 7 | (second >> lane & 1) << 6 | lane;
    }
  }
};

class Placer {
 public:
  Placer(std::uint64_t seed, StreamId stream, ScenarioLanes scenarios, std::uint32_t count, const double* limit)
      : keys_(seed),
        stream_(~static_cast<std::uint64_t>(stream)),
        first_(scenarios.first),
        any_(scenarios.gathered != nullptr),
        count_(count),
        limit_(limit) {
    for (std::size_t l = 0; l < kLaneCount && scenarios.gathered != nullptr; ++l) gathered_[l] = scenarios[l];
  }

  void draw(Pairs& pairs, const sample::Band& band, sample::Points& out) const {
    const PhiloxTag d64;
    const DoubleTag d;
    out.make_room(2 * pairs.size + 2 * kWidth);
    for (std::size_t at = 0; at < pairs.size; at += kWidth) {
      const auto item = hn::Load(d64, pairs.item + at);
      const auto lane = hn::And(item, hn::Set(d64, kLaneCount - 1));
      const auto draw = hn::Add(hn::Set(d64, std::uint64_t{64} * band.index), hn::ShiftRight<7>(item));
      const auto scenario = any_ ? hn::GatherIndex(d64, gathered_, hn::BitCast(hn::RebindToSigned<PhiloxTag>(), lane))
                                 : hn::Add(hn::Set(d64, first_), lane);
      const auto w = PhiloxRounds(keys_, stream_, scenario, draw);
      const auto limit = hn::GatherIndex(d, limit_, hn::BitCast(hn::RebindToSigned<PhiloxTag>(), lane));
      const auto there = hn::FirstN(d, pairs.size - at);
      const auto both = hn::RebindMask(d, hn::Ne(hn::And(item, hn::Set(d64, 64)), hn::Zero(d64)));
      place(w.a, w.b, lane, limit, there, band, out);
      place(w.c, w.d, lane, limit, hn::And(there, both), band, out);
    }
    pairs.size = 0;
  }

 private:
  HWY_INLINE void place(PhiloxVector high, PhiloxVector low, PhiloxVector lane, hn::Vec<DoubleTag> limit,
                        hn::Mask<DoubleTag> there, const sample::Band& band, sample::Points& out) const {
    const PhiloxTag d64;
    const hn::Repartition<std::uint32_t, PhiloxTag> d32;
    const DoubleTag d;
    const auto c = hn::BitCast(d32, hn::Set(d64, count_));
    const auto p = hn::MulEven(hn::BitCast(d32, low), c);
    const auto q = hn::Add(hn::MulEven(hn::BitCast(d32, high), c), hn::ShiftRight<32>(p));
    const auto mark = Fma(Uniform53(d, JoinHalves(q, p)), hn::Set(d, band.width), hn::Set(d, band.lower));
    const std::size_t bits = MaskBits(hn::RebindMask(d64, hn::And(there, hn::Lt(mark, limit))));
    const Squeeze squeeze(bits);
    squeeze.store(hn::Or(hn::ShiftLeft<6>(hn::ShiftRight<32>(q)), lane), out.key.data() + out.size);
    squeeze.store(mark, out.mark.data() + out.size);
    out.size += static_cast<std::size_t>(std::popcount(bits));
  }

  PhiloxKeys keys_;
  std::uint64_t stream_;
  std::uint32_t first_;
  bool any_;
  std::uint32_t count_;
  const double* limit_;
  alignas(64) std::uint64_t gathered_[kLaneCount];  // the lanes' scenarios, if any_
};

void DrawPoints(std::uint64_t seed, StreamId stream, ScenarioLanes scenarios, std::uint32_t count, const double* limit,
                sample::Points& out) {
  const PhiloxKeys keys(seed);
  const Placer placer(seed, stream, scenarios, count, limit);
  alignas(64) std::uint32_t words[kLaneCount];
  alignas(64) std::int32_t high[kLaneCount];
  Pairs pairs;
  out.size = 0;
  sample::Band band(count);
  for (std::uint64_t alive; (alive = LanesAbove(limit, band.lower)) != 0; band.next()) {
    PhiloxWords(keys, static_cast<std::uint64_t>(stream), scenarios, 2 * band.index, words);
    for (std::size_t l = 0; l < kLaneCount; ++l) high[l] = static_cast<std::int32_t>(words[l]) ^ kFlip;
    const std::vector<std::uint64_t>& tail = sample::band_tail(band.width);
    const auto more_than = [&](std::size_t j) {
      return j < tail.size() ? alive & Below(high, tail[j], seed, stream, scenarios, band.index) : 0;
    };
    for (std::uint32_t pair = 0;; ++pair) {
      const std::size_t event = std::size_t{2} * pair;
      const std::uint64_t first = more_than(event);
      if (first == 0) break;
      pairs.add(pair, first, more_than(event + 1));
      if (pairs.size >= Pairs::most) placer.draw(pairs, band, out);
    }
    placer.draw(pairs, band, out);
  }
}

void PointsBelow(const sample::Points& points, const double* limit, sample::Points& out) {
  const PhiloxTag d64;
  const DoubleTag d;
  out.size = 0;
  if (out.key.size() < points.size + kWidth) out.key.resize(points.size + kWidth), out.mark.resize(points.size + kWidth);
  for (std::size_t i = 0; i < points.size; i += kWidth) {
    const auto key = hn::LoadU(d64, points.key.data() + i);
    const auto mark = hn::LoadU(d, points.mark.data() + i);
    const auto lane = hn::BitCast(hn::RebindToSigned<PhiloxTag>(), hn::And(key, hn::Set(d64, kLaneCount - 1)));
    const auto below = hn::And(hn::FirstN(d, points.size - i), hn::Lt(mark, hn::GatherIndex(d, limit, lane)));
    const std::size_t bits = MaskBits(hn::RebindMask(d64, below));
    const Squeeze squeeze(bits);
    squeeze.store(key, out.key.data() + out.size);
    squeeze.store(mark, out.mark.data() + out.size);
    out.size += static_cast<std::size_t>(std::popcount(bits));
  }
}

// Pairs of bits to every other pair: bits 2 i, 2 i + 1 to 4 i, 4 i + 1.
HWY_INLINE std::uint64_t SpreadPairs(std::uint64_t x) {
  x = (x | x << 16) & 0x0000FFFF0000FFFFu;
  x = (x | x << 8) & 0x00FF00FF00FF00FFu;
  x = (x | x << 4) & 0x0F0F0F0F0F0F0F0Fu;
  return (x | x << 2) & 0x3333333333333333u;
}

void Compare(std::uint64_t seed, ScenarioLanes scenarios, std::span<const Obligor> obligors, const double* pd,
             std::size_t cells, std::uint64_t* hit) {
  const PhiloxTag d64;
  const hn::Repartition<std::int32_t, PhiloxTag> di;
  const auto flip = hn::Set(di, kFlip);
  constexpr std::size_t kWords = 2 * kWidth;
  // High words of the bounds as the words come: scenarios 4 i, 4 i + 1 side by side, then 4 i + 2, 4 i + 3.
  struct alignas(64) Bounds {
    std::int32_t high[2][kLaneCount / 2];
  };
  std::vector<Bounds> bounds(cells);
  for (std::size_t l = 0; l < cells * kLaneCount; ++l)
    bounds[l / kLaneCount].high[l / 2 % 2][l % kLaneCount / 4 * 2 + l % 2] = High(sample::bound(pd[l]));
  const PhiloxKeys keys(seed);
  for (std::size_t i = 0; i < obligors.size(); ++i) {
    const StreamId stream = obligors[i].stream;
    alignas(64) std::int32_t words[2][kLaneCount / 2];
    if (scenarios.gathered != nullptr) {
      alignas(64) std::uint32_t in_order[kLaneCount];
      PhiloxWords(keys, static_cast<std::uint64_t>(stream), scenarios, 0, in_order);
      for (std::size_t l = 0; l < kLaneCount; ++l)
        words[l / 2 % 2][l / 4 * 2 + l % 2] = static_cast<std::int32_t>(in_order[l]) ^ kFlip;
    }
    for (std::size_t block = 0; block < kPhiloxBlocks && scenarios.gathered == nullptr; block += kWidth) {
      const auto place = hn::Iota(d64, scenarios.first / 4 + block);
      const auto w = PhiloxRounds(keys, static_cast<std::uint64_t>(stream), place, 0);
      hn::Store(hn::Xor(hn::BitCast(di, JoinHalves(w.b, w.a)), flip), di, words[0] + 2 * block);
      hn::Store(hn::Xor(hn::BitCast(di, JoinHalves(w.d, w.c)), flip), di, words[1] + 2 * block);
    }
    for (std::size_t c = 0; c < cells; ++c) {
      std::uint64_t below[2] = {};
      auto ties = hn::FirstN(di, 0);
      for (std::size_t half = 0; half < 2; ++half)
        for (std::size_t l = 0; l < kLaneCount / 2; l += kWords) {
          const auto x = hn::Load(di, words[half] + l), limit = hn::Load(di, bounds[c].high[half] + l);
          below[half] |= std::uint64_t{WordBits(hn::Lt(x, limit))} << l;
          ties = hn::Or(ties, hn::Eq(x, limit));
        }
      std::uint64_t bits = SpreadPairs(below[0]) | SpreadPairs(below[1]) << 2;
      if (HWY_UNLIKELY(!hn::AllFalse(di, ties)))
        for (std::uint32_t l = 0; l < kLaneCount; ++l)
          bits |= std::uint64_t{BelowByLowWord(words[l / 2 % 2][l / 4 * 2 + l % 2], sample::bound(pd[c * kLaneCount + l]),
                                               seed, stream, scenarios[l], 0)}
                  << l;
      hit[c * obligors.size() + i] = bits;
    }
  }
}

void ScoresOfMarks(double count, std::span<double> marks) {
  static constexpr double kPerMark[] = {-1.0 / 720, 1.0 / 120, -1.0 / 24, 1.0 / 6, -0.5, 1};  // of (1 - exp(-x)) / x
  const DoubleTag d;
  const auto one = hn::Set(d, 1.0);
  for (std::size_t i = 0; i < marks.size(); i += kLaneCount) {
    double* const t = marks.data() + i;
    alignas(64) double survival[kLaneCount], tail[kLaneCount];
    for (std::size_t l = 0; l < kLaneCount; l += kWidth) {
      const auto x = hn::Div(hn::LoadU(d, t + l), hn::Set(d, count));
      const auto alive = Exp(d, hn::Neg(x));
      auto small = Horner(d, x, kPerMark);
      small = hn::IfThenElse(hn::Lt(x, hn::Set(d, 0x1p-6)), hn::Mul(x, small), hn::Min(hn::Sub(one, alive), alive));
      hn::Store(hn::Max(hn::Set(d, 0x1p-1000), small), d, tail + l);
      hn::Store(alive, d, survival + l);
    }
    NormalQuantileLanes(tail, tail, AnyLogarithm());
    for (std::size_t l = 0; l < kLaneCount; l += kWidth) {
      const auto x = hn::Load(d, tail + l);
      hn::StoreU(hn::IfThenElse(hn::Lt(hn::Load(d, survival + l), hn::Set(d, 0.5)), hn::Neg(x), x), d, t + l);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tailcube
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tailcube {
HWY_EXPORT(Distances);
HWY_EXPORT(Conditional);
HWY_EXPORT(DrawPoints);
HWY_EXPORT(PointsBelow);
HWY_EXPORT(Compare);
HWY_EXPORT(ScoresOfMarks);
}  // namespace tailcube

namespace tailcube::sample {

Band::Band(std::uint32_t count) : width(count < 32 ? std::bit_floor(count) / 32.0 : 1.0) {}

void Band::next() {
  ++index;
  lower += width;
  width = std::min(lower, std::ldexp(1.0, widest));
}

const std::vector<std::uint64_t>& band_tail(double width) {
  static const auto tails = [] {
    std::array<std::vector<std::uint64_t>, Band::widest - Band::narrowest + 1> out;
    for (int i = Band::narrowest; i <= Band::widest; ++i)
      for (const double p : poisson_tail(std::ldexp(1.0, i)))
        out[static_cast<std::size_t>(i - Band::narrowest)].push_back(bound(p));
    return out;
  }();
  return tails[static_cast<std::size_t>(std::ilogb(width) - Band::narrowest)];
}

void Points::make_room(std::size_t more) {
  if (size + more <= key.size()) return;
  key.resize(2 * (size + more));
  mark.resize(2 * (size + more));
}

void distances(const CreditModel& model, const Bucket& bucket, const LaneTable& factors, const double* scale,
               double* running) {
  HWY_DYNAMIC_DISPATCH(Distances)(model, bucket, factors, scale, running);
}
void conditional(const double* last, double* pd, double* hazard) { HWY_DYNAMIC_DISPATCH(Conditional)(last, pd, hazard); }
void points(std::uint64_t seed, StreamId stream, ScenarioLanes scenarios, std::uint32_t count, const double* limit,
            Points& out) {
  HWY_DYNAMIC_DISPATCH(DrawPoints)(seed, stream, scenarios, count, limit, out);
}
void below(const Points& points, const double* limit, Points& out) { HWY_DYNAMIC_DISPATCH(PointsBelow)(points, limit, out); }
void compare(std::uint64_t seed, ScenarioLanes scenarios, std::span<const Obligor> obligors, const double* pd,
             std::size_t cells, std::uint64_t* hit) {
  HWY_DYNAMIC_DISPATCH(Compare)(seed, scenarios, obligors, pd, cells, hit);
}

void scores_of_marks(double count, std::span<double> marks) { HWY_DYNAMIC_DISPATCH(ScoresOfMarks)(count, marks); }

}  // namespace tailcube::sample
#endif
