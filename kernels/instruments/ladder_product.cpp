// The hot loop of every book of cash flows, compiled once per instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/instruments/ladder_product.cpp"
#include <hwy/foreach_target.h>  // before highway.h
//
#include <hwy/highway.h>

#include "kernels/instruments/ladder.h"
#include "kernels/math/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tailcube {
namespace HWY_NAMESPACE {

// Half of the lanes at a time: the sums stay in registers, and the discount factors of one curve (some hundred dates, 256
// bytes each) in the first-level cache while the ladders of all rows pass over them.
void Products(const LadderProduct* begin, const LadderProduct* end, const double* discounts, std::size_t stride) {
  constexpr std::size_t half = lanes / 2;
  using Tag = hn::CappedTag<double, 8>;
  const Tag d;
  constexpr std::size_t width = hn::MaxLanes(Tag()), vectors = half / width;
  for (std::size_t lane = 0; lane < lanes; lane += half)
    for (const LadderProduct* l = begin; l != end; ++l) {
      hn::Vec<Tag> sum[vectors];
      for (std::size_t j = 0; j < vectors; ++j) sum[j] = hn::Zero(d);
      for (std::size_t i = 0; i < l->count; ++i) {
        const auto amount = hn::Set(d, l->amount[i]);
        const double* factor = discounts + l->discount[i] * stride + lane;
        HWY_UNROLL(8)
        for (std::size_t j = 0; j < vectors; ++j) sum[j] = Fma(amount, hn::LoadU(d, factor + j * width), sum[j]);
      }
      for (std::size_t j = 0; j < vectors; ++j) {
        double* out = l->out + lane + j * width;
        hn::StoreU(Fma(sum[j], hn::LoadU(d, l->exchange + lane + j * width), hn::LoadU(d, out)), d, out);
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
