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
void CountSteps(const double* running, std::size_t steps, const double* score, const std::uint32_t* lane,
                std::span<Default> defaults) {
  const DoubleTag d;
  const std::size_t stride = (steps - 1 + kWidth - 1) / kWidth * kWidth;
  alignas(64) double by_lane[kLaneCount * kFewSteps];
  for (std::size_t l = 0; l < kLaneCount; ++l)
    for (std::size_t n = 0; n < stride; ++n)  // a default that passes all before is at the last
      by_lane[l * stride + n] = n + 1 < steps ? running[n * kLaneCount + l] : 1e301;
  for (std::size_t i = 0; i < defaults.size(); ++i) {
    const auto x = hn::Set(d, score[i]);
    const double* const of_lane = by_lane + lane[i] * stride;
    std::size_t passed = 0;
    for (std::size_t n = 0; n < stride; n += kWidth) passed += hn::CountTrue(d, hn::Ge(x, hn::Load(d, of_lane + n)));
    defaults[i].step = static_cast<std::uint16_t>(passed + 1);
  }
}

// By halving, without branches.
void FindSteps(const double* running, int steps, const double* score, const std::uint32_t* lane,
               std::span<Default> defaults) {
  if (static_cast<std::size_t>(steps) <= kFewSteps)
    return CountSteps(running, static_cast<std::size_t>(steps), score, lane, defaults);
  const DoubleTag d;
  const hn::RebindToSigned<DoubleTag> di;
  const hn::Rebind<std::uint32_t, DoubleTag> du32;
  for (std::size_t i = 0; i < defaults.size(); i += kWidth) {
    const auto x = hn::LoadU(d, score + i);
    auto low = hn::BitCast(di, hn::PromoteTo(PhiloxTag(), hn::LoadU(du32, lane + i)));  // a place in `running`
    for (std::size_t n = static_cast<std::size_t>(steps); n > 1;) {
      const std::size_t half = n / 2;
      const auto before = hn::RebindMask(di, hn::Lt(x, hn::GatherIndex(d, running + (half - 1) * kLaneCount, low)));
      low = hn::Add(low, hn::IfThenZeroElse(before, hn::Set(di, static_cast<std::int64_t>(half * kLaneCount))));
      n -= half;
    }
    alignas(64) std::int64_t place[kWidth];
    hn::Store(low, di, place);
    for (std::size_t j = 0; j < std::min(kWidth, defaults.size() - i); ++j)
      defaults[i + j].step = static_cast<std::uint16_t>(place[j] / lanes + 1);
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
void find_steps(const double* running, int steps, const double* score, const std::uint32_t* lane,
                std::span<Default> defaults) {
  HWY_DYNAMIC_DISPATCH(FindSteps)(running, steps, score, lane, defaults);
}
}  // namespace tailcube::sample
#endif
