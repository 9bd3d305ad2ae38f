#include "kernels/instruments/asset_moves.h"

#include <algorithm>
#include <cmath>

#include "kernels/math/functions.h"

namespace tailcube {

AssetMoves::AssetMoves(const Wiring& wiring)
    : last_(wiring.valued.back()), step_years_(wiring.time_years[1]), years_(wiring.time_years.back()) {}

double AssetMoves::add(const AssetMove& move, std::string_view id, const FactorModel& market) {
  std::uint32_t place = none;
  double largest_log = 0;
  if (!is_none(move.index)) {
    const auto at = std::find_if(indices_.begin(), indices_.end(), [&](const Index& i) { return i.factor == move.index; });
    place = static_cast<std::uint32_t>(at - indices_.begin());
    const double today = exchange_today(market, move.index);
    if (at == indices_.end()) indices_.push_back({move.index, today});
    largest_log = move.beta * std::max(0.0, log(exchange_bound(market, move.index, years_) / today));
  }
  assets_.push_back({move, place, stream("idiosyncratic value", id), stream("appraisal", id)});
  const double variance = move.volatility * move.volatility * years_ + move.appraisal_sd * move.appraisal_sd;
  const double reach = std::min(std::sqrt(variance), 6.0);  // 6 x - x^2 / 2 is largest at 6
  return exp(std::min(largest_log + 6 * reach - reach * reach / 2, 600.0));
}

std::size_t AssetMoves::scratch() const { return of_index(indices_.size()) + 2 * row() + lanes; }

std::vector<FactorIndex> AssetMoves::reads() const {
  std::vector<FactorIndex> out;
  out.reserve(indices_.size());
  for (const Index& i : indices_) out.push_back(i.factor);
  return distinct(std::move(out));
}

void AssetMoves::look(const Block& block, double* scratch) const noexcept {
  for (std::size_t i = 0; i < indices_.size(); ++i) {
    double* out = scratch + of_index(i);
    double* const priceless = out + row();
    std::fill_n(priceless, lanes, 0.0);
    for (int n = 1; n <= last_; ++n, out += lanes) {
      const ConstLanes price = block.factors(indices_[i].factor, n);
      for (std::size_t k = 0; k < lanes; ++k) out[k] = price[k] / indices_[i].today;
      log(ConstLanes(out, lanes), Lanes(out, lanes));
      for (std::size_t k = 0; k < lanes; ++k) priceless[k] += out[k] * 0;  // NaN where it is not finite
    }
  }
}

Priced AssetMoves::priced(std::size_t i, const double* scratch) const noexcept {
  Priced out;
  if (const std::uint32_t place = assets_[i].place; place != none)
    for (std::size_t k = 0; k < lanes; ++k)
      if (scratch[of_index(place) + row() + k] != 0) out.miss(k);
  return out;
}

const double* AssetMoves::logs(std::size_t i, const Block& block, double* scratch) const noexcept {
  const Asset& asset = assets_[i];
  double* const out = scratch + of_index(indices_.size());
  double* const draws = out + row();
  double* const own = draws + row();
  std::fill_n(own, lanes, 0.0);
  if (const double sd = asset.move.appraisal_sd; sd > 0) {
    normals(block.seed, asset.appraisal, block.numbers(), 0, Lanes(own, lanes));
    for (std::size_t k = 0; k < lanes; ++k) own[k] = sd * own[k] - sd * sd / 2;
  }
  const double deviation = asset.move.volatility * std::sqrt(step_years_), drift = -deviation * deviation / 2;
  if (deviation > 0) normal_draws(block.seed, asset.path, block.numbers(), 0, {draws, row()});
  for (std::size_t n = 0; n < static_cast<std::size_t>(last_); ++n) {
    double* const to = out + n * lanes;
    const double* const z = draws + n * lanes;
    for (std::size_t k = 0; k < lanes && deviation > 0; ++k) own[k] += deviation * z[k] + drift;
    std::copy_n(own, lanes, to);
    if (asset.place == none) continue;
    const double* const index = scratch + of_index(asset.place) + n * lanes;
    for (std::size_t k = 0; k < lanes; ++k) to[k] += asset.move.beta * index[k];
  }
  return out;
}

}  // namespace tailcube
