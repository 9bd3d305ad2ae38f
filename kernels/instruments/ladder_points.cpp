#include "kernels/instruments/ladder_points.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

namespace tailcube {
namespace {

constexpr double same_date_years = 1e-9;  // as discount()
// cos((2 j + 1) pi / 28): the positive ones of 14 Chebyshev points of the first kind; backwards, the sizes of their
// barycentric weights.
constexpr std::array<double, 7> cosine{0.993712209893242583533, 0.943883330308367562895, 0.846724199228284168353,
                                       0.707106781186547524401, 0.532032076515336563558, 0.330279061955167081775,
                                       0.111964476103307858469};
static_assert(2 * cosine.size() == LadderPoints::nodes);
double node(std::size_t j) { return j < cosine.size() ? cosine[j] : -cosine[LadderPoints::nodes - 1 - j]; }
double node_weight(std::size_t j) {
  const std::size_t from_end = std::min(j, LadderPoints::nodes - 1 - j);
  return (j % 2 == 0 ? 1 : -1) * cosine[cosine.size() - 1 - from_end];
}

}  // namespace

LadderPoints::LadderPoints(const std::vector<Pillar>& pillars, FactorIndex spread, int step, double now,
                           std::span<const Dates> ladders, std::span<const double> date_years)
    : spread_(spread), step_(step) {
  const auto tenor = [&](std::uint32_t d) { return date_years[d] - now; };
  const auto earlier = [&](std::uint32_t a, std::uint32_t b) { return tenor(a) < tenor(b); };
  const auto ahead = [&](Dates ladder) {
    const auto passed = [&](std::uint32_t d) { return tenor(d) <= same_date_years; };
    return ladder.subspan(
        static_cast<std::size_t>(std::partition_point(ladder.begin(), ladder.end(), passed) - ladder.begin()));
  };
  std::vector<std::uint32_t> dates, more;
  std::size_t longest = 0;
  for (const Dates& ladder : ladders) {
    const Dates own = ahead(ladder);
    longest = std::max(longest, own.size());
    if (std::includes(dates.begin(), dates.end(), own.begin(), own.end(), earlier)) continue;
    more.clear();
    std::set_union(dates.begin(), dates.end(), own.begin(), own.end(), std::back_inserter(more), earlier);
    dates.swap(more);
    if (dates.size() > most_scattered * longest) return;
  }
  const auto interval = [&](std::size_t k) {
    const auto beyond = [&](double t, const Pillar& p) { return t < p.tenor_years; };
    return std::upper_bound(pillars.begin(), pillars.end(), tenor(dates[k]), beyond) - pillars.begin();
  };
  const auto rate = [&](std::size_t k) { return interpolate(pillars, tenor(dates[k])); };
  for (std::size_t begin = 0, end; begin < dates.size(); begin = end) {
    for (end = begin + 1; end < dates.size() && interval(begin) == interval(end);) ++end;
    // The first piece of the interval; the rest of it comes next.
    const double first = tenor(dates[begin]), span = tenor(dates[end - 1]) - first;
    const double length = span / std::max(1.0, std::ceil(span / longest_years - same_date_years));
    while (tenor(dates[end - 1]) > first + length * (1 + same_date_years)) --end;
    const double last = tenor(dates[end - 1]), middle = (first + last) / 2, half = (last - first) / 2;
    std::size_t all = 0, who = 0;
    for (const Dates& ladder : ladders) {
      const auto from = std::lower_bound(ladder.begin(), ladder.end(), dates[begin], earlier);
      const auto to = std::upper_bound(from, ladder.end(), dates[end - 1], earlier);
      all += static_cast<std::size_t>(to - from), who += to > from;
    }
    const bool few = all <= nodes * (who + factor_costs);
    const std::size_t point = points_.size();
    for (std::size_t k = begin; k < end; ++k) {
      dates_.push_back({dates[k], static_cast<std::uint32_t>(pieces_.size()), {}});
      std::array<double, nodes>& share = dates_.back().share;
      if (few) {
        share[0] = 1;
        points_.push_back({rate(k), tenor(dates[k]), dates[k]});
        continue;
      }
      const double x = (tenor(dates[k]) - middle) / half;
      double sum = 0;
      for (std::size_t j = 0; j < nodes; ++j) sum += share[j] = node_weight(j) / (x - node(j));
      for (std::size_t j = 0; j < nodes; ++j) share[j] = std::isfinite(sum) ? share[j] / sum : x == node(j) ? 1 : 0;
    }
    for (std::size_t j = 0; j < nodes && !few; ++j)
      points_.push_back({interpolate(pillars, middle + half * node(j)), middle + half * node(j), none});
    pieces_.push_back({first, last, begin, point, points_.size() - point, interpolate(pillars, middle),
                       half > 0 ? (rate(end - 1).weight - rate(begin).weight) / (last - first) : 0});
  }
  std::size_t saved = 0;
  for (const Dates& ladder : ladders) {
    const Dates own = ahead(ladder);
    const auto piece = std::find_if(pieces_.begin(), pieces_.end(),
                                    [&](const Piece& p) { return !own.empty() && tenor(own.back()) <= p.end; });
    if (piece != pieces_.end()) saved += own.size() - std::min(own.size(), piece->first + piece->count);
  }
  const auto computed = std::count_if(points_.begin(), points_.end(), [](const Point& p) { return p.discount == none; });
  if (saved <= factor_costs * static_cast<std::size_t>(computed)) dates_.clear(), pieces_.clear(), points_.clear();
}

std::vector<double> LadderPoints::weights(Dates ladder, std::span<const double> amounts) const {
  std::vector<double> out;
  std::size_t piece = 0;
  auto at = dates_.begin();
  for (std::size_t k = 0; k < ladder.size(); ++k) {
    const auto date = std::find_if(at, dates_.end(), [&](const Date& d) { return d.discount == ladder[k]; });
    if (date == dates_.end()) continue;  // it has passed
    if (date->piece > piece + !out.empty()) return {};
    at = date, piece = date->piece;
    const Piece& p = pieces_[piece];
    out.resize(p.first + p.count, 0.0);
    if (points_[p.first].discount != none)
      out[p.first + static_cast<std::size_t>(date - dates_.begin()) - p.date] += amounts[k];
    else
      for (std::size_t j = 0; j < nodes; ++j) out[p.first + j] += amounts[k] * date->share[j];
  }
  return out;
}

std::size_t LadderPoints::hold(const Block& block, Lanes holds) const {
  std::fill(holds.begin(), holds.end(), 1.0);
  alignas(64) static constexpr double no_spread[lanes] = {};
  const ConstLanes spread = is_none(spread_) ? ConstLanes(no_spread) : block.factors(spread_, step_);
  for (const Piece& p : pieces_) {
    const ConstLanes lower = block.factors(p.middle.lower, step_), upper = block.factors(p.middle.upper, step_);
    const double half = (p.end - p.begin) / 2, middle = (p.begin + p.end) / 2;
    for (std::size_t l = 0; l < lanes; ++l) {
      const double apart = upper[l] - lower[l], rise = p.rise * apart;
      const double a = half * (lower[l] + p.middle.weight * apart + spread[l] + middle * rise), b = half * half * rise;
      holds[l] = std::abs(a) <= most_a && std::abs(b) <= most_b ? holds[l] : 0;  // a NaN is beyond
    }
  }
  std::size_t count = 0;
  for (const double h : holds) count += h == 1;
  return count;
}

void LadderPoints::evaluate(const Block& block, int valued, std::size_t begin, std::size_t end, ConstLanes holds,
                            double* out) const {
  for (std::size_t i = begin; i < end; ++i, out += lanes) {
    const Point& p = points_[i];
    const Lanes to(out, lanes);
    if (p.discount == none)
      spot_discounts(p.rate, spread_, p.years, step_, block, to);
    else
      std::copy_n(block.discounts(p.discount, valued).data(), lanes, out);
    for (std::size_t l = 0; l < lanes; ++l) to[l] = holds[l] == 1 ? to[l] : 0;
  }
}

}  // namespace tailcube
