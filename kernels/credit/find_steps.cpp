// When those who default do; compiled once per instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/credit/find_steps.cpp"
#include <hwy/foreach_target.h>  // before highway.h
//
#include <hwy/highway.h>

#include <algorithm>

#include "kernels/credit/sample.h"
#include "kernels/random/philox-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tailcube {
namespace HWY_NAMESPACE {

using DoubleTag = hn::RebindToFloat<PhiloxTag>;
constexpr std::size_t kWidth = hn::MaxLanes(DoubleTag());
constexpr std::size_t kLaneCount = static_cast<std::size_t>(lanes);

// Few steps: those of a lane lie together, and how many of them a score has left behind is counted.
constexpr std::size_t kFewSteps = 16;
template <std::size_t stride>
void CountSteps(const double* running, std::size_t steps, const sample::Points& points, const double* score,
                std::uint16_t* step) {
  const DoubleTag d;
  alignas(64) double by_lane[kLaneCount * stride];
  for (std::size_t l = 0; l < kLaneCount; ++l)
    for (std::size_t n = 0; n < stride; ++n)  // a default that passes all before is at the last
      by_lane[l * stride + n] = n + 1 < steps ? running[n * kLaneCount + l] : 1e301;
  const std::uint64_t* const key = points.key.data();
  for (std::size_t i = 0, end = points.size; i < end; ++i) {
    const auto x = hn::Set(d, score[i]);
    const double* const of_lane = by_lane + (key[i] & (kLaneCount - 1)) * stride;
    std::size_t passed = 1;
    for (std::size_t n = 0; n < stride; n += kWidth) passed += hn::CountTrue(d, hn::Ge(x, hn::Load(d, of_lane + n)));
    step[i] = static_cast<std::uint16_t>(passed);
  }
}

// By halving, without branches.
void FindSteps(const double* running, int steps, const sample::Points& points, const double* score, std::uint16_t* step) {
  const auto few = static_cast<std::size_t>(steps);
  if (few <= kFewSteps / 2 + 1) return CountSteps<kFewSteps / 2>(running, few, points, score, step);
  if (few <= kFewSteps + 1) return CountSteps<kFewSteps>(running, few, points, score, step);
  const DoubleTag d;
  const hn::RebindToSigned<DoubleTag> di;
  for (std::size_t i = 0; i < points.size; i += kWidth) {
    const auto x = hn::LoadU(d, score + i);
    const auto key = hn::LoadU(PhiloxTag(), points.key.data() + i);
    auto low = hn::BitCast(di, hn::And(key, hn::Set(PhiloxTag(), kLaneCount - 1)));  // a place in `running`
    for (std::size_t n = static_cast<std::size_t>(steps); n > 1;) {
      const std::size_t half = n / 2;
      const auto before = hn::RebindMask(di, hn::Lt(x, hn::GatherIndex(d, running + (half - 1) * kLaneCount, low)));
      low = hn::Add(low, hn::IfThenZeroElse(before, hn::Set(di, static_cast<std::int64_t>(half * kLaneCount))));
      n -= half;
    }
    alignas(64) std::int64_t place[kWidth];
    hn::Store(low, di, place);
    for (std::size_t j = 0; j < std::min(kWidth, points.size - i); ++j)
      step[i + j] = static_cast<std::uint16_t>(place[j] / lanes + 1);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tailcube
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tailcube {
HWY_EXPORT(FindSteps);
}  // namespace tailcube

namespace tailcube::sample {
void find_steps(const double* running, int steps, const Points& points, const double* score, std::uint16_t* step) {
  HWY_DYNAMIC_DISPATCH(FindSteps)(running, steps, points, score, step);
}
}  // namespace tailcube::sample
#endif
