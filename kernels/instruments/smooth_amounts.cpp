// Compiled once per instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/instruments/smooth_amounts.cpp"
#include <hwy/foreach_target.h>  // before highway.h
//
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>

#include "kernels/block.h"
#include "kernels/instruments/smooth_amounts.h"
#include "kernels/math/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tailcube {
namespace HWY_NAMESPACE {

// So many lanes at a time that their sums stay in registers, 16 or 32 of them.
void AddDates(const double* discounts, const std::uint32_t* date, std::size_t count, const double* basis, std::size_t valued,
              double* sums) {
  using Tag = hn::CappedTag<double, 8>;
  constexpr std::size_t kTerms = SmoothAmounts::terms, kWidth = hn::MaxLanes(Tag()), kVectors = kTerms / kWidth;
  constexpr std::size_t kAbreast = HWY_TARGET <= HWY_AVX3 ? 8 : 2;
  const Tag d;
  for (std::size_t v = 0; v < valued; ++v)
    for (std::size_t lane = 0; lane < lanes; lane += kAbreast) {
      double* const to = sums + (lane * valued + v) * kTerms;
      hn::Vec<Tag> sum[kAbreast][kVectors];
      HWY_UNROLL(8)
      for (std::size_t l = 0; l < kAbreast; ++l) HWY_UNROLL(4)
      for (std::size_t j = 0; j < kVectors; ++j) sum[l][j] = hn::LoadU(d, to + l * valued * kTerms + j * kWidth);
      const double* factor = nullptr;
      for (std::size_t k = 0; k < count; ++k) {
        factor = discounts + (date[k] * valued + v) * lanes + lane;
        hn::Vec<Tag> x[kVectors];
        HWY_UNROLL(4)
        for (std::size_t j = 0; j < kVectors; ++j) x[j] = hn::LoadU(d, basis + k * kTerms + j * kWidth);
        HWY_UNROLL(8)
        for (std::size_t l = 0; l < kAbreast; ++l) {
          const auto f = hn::Set(d, factor[l]);
          HWY_UNROLL(4)
          for (std::size_t j = 0; j < kVectors; ++j) sum[l][j] = Fma(x[j], f, sum[l][j]);
        }
      }
      HWY_UNROLL(8)
      for (std::size_t l = 0; l < kAbreast; ++l) {
        HWY_UNROLL(4)
        for (std::size_t j = 0; j < kVectors; ++j) hn::StoreU(sum[l][j], d, to + l * valued * kTerms + j * kWidth);
        to[l * valued * kTerms + SmoothAmounts::last] = factor[l];
      }
    }
}

}  // namespace HWY_NAMESPACE
}  // namespace tailcube
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tailcube {
HWY_EXPORT(AddDates);
void add_dates(const double* discounts, std::span<const std::uint32_t> date, const double* basis, std::size_t valued,
               double* sums) {
  if (!date.empty()) HWY_DYNAMIC_DISPATCH(AddDates)(discounts, date.data(), date.size(), basis, valued, sums);
}

SmoothFit::SmoothFit(std::size_t dates) : dates_(dates) {}

double SmoothFit::place(std::size_t k) const {
  return dates_ > 1 ? 2 * static_cast<double>(k) / static_cast<double>(dates_ - 1) - 1 : 0;
}

std::array<double, SmoothAmounts::terms> SmoothFit::basis(std::size_t k) const {
  std::array<double, SmoothAmounts::terms> out{};
  const double x = place(k);
  out[0] = 1, out[1] = x;
  for (std::size_t j = 2; j < SmoothAmounts::powers; ++j) out[j] = 2 * x * out[j - 1] - out[j - 2];
  out[SmoothAmounts::first] = k == 0 ? 1 : 0;
  return out;
}

// The recurrence of Forsythe (1957): x times the last one, made orthogonal to the two before; in values and in Chebyshev
// polynomials side by side.
void SmoothFit::add_power(std::size_t interior) {
  const auto product = [](const Power& a, const Power& b) {
    double sum = 0;
    for (std::size_t k = 0; k < a.value.size(); ++k) sum += a.value[k] * b.value[k];
    return sum;
  };
  Power next;
  if (powers_.empty()) {
    next.value.assign(interior, 1.0);
    next.chebyshev[0] = 1;
  } else {
    const Power& last = powers_.back();
    next.value.resize(interior);
    for (std::size_t k = 0; k < interior; ++k) next.value[k] = place(k + 1) * last.value[k];
    next.chebyshev[1] = last.chebyshev[0];
    for (std::size_t j = 1; j + 1 < SmoothAmounts::powers; ++j) {
      next.chebyshev[j + 1] += last.chebyshev[j] / 2;
      next.chebyshev[j - 1] += last.chebyshev[j] / 2;
    }
    for (std::size_t before = powers_.size() - std::min<std::size_t>(2, powers_.size()); before < powers_.size(); ++before) {
      const Power& p = powers_[before];
      const double share = product(next, p);
      for (std::size_t k = 0; k < interior; ++k) next.value[k] -= share * p.value[k];
      for (std::size_t j = 0; j < SmoothAmounts::powers; ++j) next.chebyshev[j] -= share * p.chebyshev[j];
    }
  }
  const double norm = std::sqrt(product(next, next));
  for (double& x : next.value) x /= norm;
  for (double& x : next.chebyshev) x /= norm;
  powers_.push_back(std::move(next));
}

std::optional<SmoothAmounts> SmoothFit::operator()(std::span<const double> amounts, double scale) {
  const std::size_t n = amounts.size(), interior = n > 2 ? n - 2 : 0;
  if (interior != interior_) powers_.clear();
  interior_ = interior;
  SmoothAmounts out;
  const double negligible = 0x1p-50 * std::abs(scale);
  std::vector<double> rest(amounts.begin() + (n > 2 ? 1 : 0),
                           amounts.begin() + static_cast<std::ptrdiff_t>(n > 2 ? n - 1 : 0));
  const auto largest = [](std::span<const double> all) {
    double most = 0;
    for (const double a : all) most = std::max(most, std::abs(a));
    return most;
  };
  for (std::size_t j = 0; j < std::min(SmoothAmounts::powers, interior) && largest(rest) > negligible / 2; ++j) {
    if (powers_.size() == j) add_power(interior);
    const Power& p = powers_[j];
    double share = 0;
    for (std::size_t k = 0; k < interior; ++k) share += p.value[k] * rest[k];
    for (std::size_t k = 0; k < interior; ++k) rest[k] -= share * p.value[k];
    for (std::size_t i = 0; i < SmoothAmounts::powers; ++i) out.coefficient[i] += share * p.chebyshev[i];
  }
  const auto polynomial = [&](std::size_t k) {
    const auto term = basis(k);
    double sum = 0;
    for (std::size_t j = 0; j < SmoothAmounts::powers; ++j) sum += out.coefficient[j] * term[j];
    return sum;
  };
  double terms = 0;
  for (const double c : out.coefficient) terms += std::abs(c);
  if (terms > 16 * largest(amounts)) return {};
  for (std::size_t k = 1; k <= interior; ++k)
    if (!(std::abs(amounts[k] - polynomial(k)) <= negligible)) return {};
  if (n > 1) out.coefficient[SmoothAmounts::first] = amounts[0] - polynomial(0);
  out.coefficient[SmoothAmounts::last] = amounts[n - 1] - polynomial(n - 1);
  return out;
}

}  // namespace tailcube
#endif
