// The hot loop of every book of cash flows, compiled once per instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/instruments/ladder_product.cpp"
#include <hwy/foreach_target.h>  // before highway.h
//
#include <hwy/highway.h>

#include <algorithm>

#include "kernels/instruments/ladder.h"
#include "kernels/math/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tailcube {
namespace HWY_NAMESPACE {

using Tag = hn::CappedTag<double, 8>;
using Vector = hn::Vec<Tag>;
constexpr std::size_t kWidth = hn::MaxLanes(Tag());
// So many ladders and vectors of lanes at a time that their sums stay in registers, 16 or 32 of them.
constexpr std::size_t kAbreast = 4, kVectors = HWY_TARGET <= HWY_AVX3 ? 4 : 2;

// sum[l][j] += the amounts [from, to) of ladder l times discount factors, which all of them share.
template <std::size_t count>
HWY_INLINE void Add(const LadderProduct* ladder, std::size_t from, std::size_t to, const double* discounts,
                    std::size_t stride, Vector (&sum)[kAbreast][kVectors]) {
  const Tag d;
  for (std::size_t i = from; i < to; ++i) {
    const double* factor = discounts + ladder->discount[i] * stride;
    Vector x[kVectors];
    HWY_UNROLL(4)
    for (std::size_t j = 0; j < kVectors; ++j) x[j] = hn::LoadU(d, factor + j * kWidth);
    HWY_UNROLL(4)
    for (std::size_t l = 0; l < count; ++l) {
      const auto amount = hn::Set(d, ladder[l].amount[i]);
      HWY_UNROLL(4)
      for (std::size_t j = 0; j < kVectors; ++j) sum[l][j] = Fma(amount, x[j], sum[l][j]);
    }
  }
}

// A few lanes at a time: the discount factors of one curve (some hundred dates) stay in the first-level cache while the
// ladders of all rows pass over them.
void Products(const LadderProduct* begin, const LadderProduct* end, const double* discounts, std::size_t stride) {
  const Tag d;
  for (std::size_t lane = 0; lane < lanes; lane += kVectors * kWidth) {
    const double* const factors = discounts + lane;
    for (const LadderProduct* ladder = begin; ladder != end;) {
      Vector sum[kAbreast][kVectors];
      for (auto& s : sum)
        for (auto& x : s) x = hn::Zero(d);
      std::size_t count = 1, alike = 0;
      if (end - ladder >= static_cast<std::ptrdiff_t>(kAbreast)) {
        alike = ladder->count;
        for (std::size_t l = 1; l < kAbreast; ++l) alike = std::min({alike, ladder[l].alike, ladder[l].count});
        if (alike > 0) count = kAbreast;
      }
      Add<kAbreast>(ladder, 0, alike, factors, stride, sum);
      for (std::size_t l = 0; l < count; ++l, ++ladder) {
        Vector rest[kAbreast][kVectors];
        for (std::size_t j = 0; j < kVectors; ++j) rest[0][j] = sum[l][j];
        Add<1>(ladder, alike, ladder->count, factors, stride, rest);
        for (std::size_t j = 0; j < kVectors; ++j) {
          double* out = ladder->out + lane + j * kWidth;
          hn::StoreU(Fma(rest[0][j], hn::LoadU(d, ladder->exchange + lane + j * kWidth), hn::LoadU(d, out)), d, out);
        }
      }
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tailcube
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tailcube {
HWY_EXPORT(Products);
void ladder_products(std::span<const LadderProduct> products, const double* discounts, std::size_t stride) {
  HWY_DYNAMIC_DISPATCH(Products)(products.data(), products.data() + products.size(), discounts, stride);
}
}  // namespace tailcube
#endif
