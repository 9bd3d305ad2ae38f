#include "src/cube/plausibility.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "kernels/market/correlation.h"
#include "kernels/math/functions.h"
#include "src/cube/estimators.h"
#include "src/model/no_number.h"

namespace tailcube {
namespace {

double dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}
double squared_gap(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}
double deviation(std::span<const double> x) {
  const auto n = static_cast<double>(x.size());
  const double mean = std::accumulate(x.begin(), x.end(), 0.0) / n;
  double squares = 0;
  for (const double v : x) squares += (v - mean) * (v - mean);
  return x.size() < 2 ? no_number : std::sqrt(squares / (n - 1));
}

}  // namespace

Whitening::Whitening(std::span<const double> correlation, std::size_t factors) : factors_(factors) {
  const SymmetricEigen eigen = symmetric_eigen(correlation, factors);
  const double zero = semidefinite_tolerance * static_cast<double>(factors);
  for (std::size_t k = 0; k < factors; ++k) {
    if (eigen.values[k] <= zero) continue;
    ++dimension_;
    for (std::size_t f = 0; f < factors; ++f) rows_.push_back(eigen.vectors[f * factors + k] / std::sqrt(eigen.values[k]));
  }
}

std::vector<double> Whitening::operator()(std::span<const double> z) const {
  const std::size_t points = factors_ == 0 ? 0 : z.size() / factors_;
  std::vector<double> out(points * dimension_);
  for (std::size_t p = 0; p < points; ++p)
    for (std::size_t k = 0; k < dimension_; ++k)
      out[p * dimension_ + k] = dot(z.subspan(p * factors_, factors_), std::span(rows_).subspan(k * factors_, factors_));
  return out;
}

Centre centre_of(const Cloud& cloud, std::span<const std::uint32_t> points) {
  const auto n = static_cast<double>(points.size());
  std::vector<double> mean(cloud.dimension, 0);
  for (const std::uint32_t p : points)
    for (std::size_t k = 0; k < cloud.dimension; ++k) mean[k] += cloud[p][k] / n;
  Centre out{{0, no_number}, {no_number, no_number}, points.front(), std::numeric_limits<double>::infinity()};
  double squares = 0;
  std::vector<double> along;  // the mean times the point
  along.reserve(points.size());
  for (const std::uint32_t p : points) {
    const double square = dot(cloud[p], cloud[p]);
    squares += square;
    along.push_back(dot(mean, cloud[p]));
    if (std::sqrt(square) < out.nearest_distance) out.nearest = p, out.nearest_distance = std::sqrt(square);
  }
  if (points.size() < 2) return out;
  // Products of different points only: E[w_i'w_j] = |mean|^2, which |mean of w|^2 exceeds by the noise.
  const double unbiased = (n * n * dot(mean, mean) - squares) / (n * (n - 1));
  if (unbiased <= 0) return out;
  out.distance.value = std::sqrt(unbiased);
  out.distance.error = deviation(along) / (std::sqrt(n) * out.distance.value);
  const std::size_t mild = std::min(points.size(), std::max<std::size_t>(least_in_cluster, (points.size() + 9) / 10));
  std::vector<double> edge;  // the direction without the point itself
  edge.reserve(mild);
  for (std::size_t i = points.size() - mild; i < points.size(); ++i) {
    const double own = dot(cloud[points[i]], cloud[points[i]]);
    edge.push_back((n * along[i] - own) / ((n - 1) * out.distance.value));
  }
  out.edge.value = std::accumulate(edge.begin(), edge.end(), 0.0) / static_cast<double>(mild);
  out.edge.error = deviation(edge) / std::sqrt(static_cast<double>(mild));
  return out;
}

namespace {

class KMeans {
 public:
  explicit KMeans(const Cloud& cloud) : cloud_(cloud), of_(cloud.size(), 0), sizes_{cloud.size()} { settle(1); }
  const std::vector<std::uint32_t>& of() const { return of_; }
  const std::vector<std::size_t>& sizes() const { return sizes_; }

  // One cluster more; false if there is none to be had.
  bool grow() {
    const std::size_t before = sizes_.size();
    std::vector<double> direction;
    double widest = 0;
    std::uint32_t which = 0;
    for (std::uint32_t c = 0; c < before; ++c) {
      std::vector<double> own;
      const double width = widest_direction(c, own);
      if (width > widest) widest = width, which = c, direction = std::move(own);
    }
    if (widest <= 0) return false;
    const std::vector<double> centre = centres_[which];
    for (std::size_t p = 0; p < cloud_.size(); ++p)
      if (of_[p] == which && dot(direction, cloud_[p]) > dot(direction, centre)) of_[p] = static_cast<std::uint32_t>(before);
    return settle(before + 1);
  }

  // Of points and clusters together, but for a constant.
  double log_likelihood() const {
    double sum = 0;
    for (std::size_t p = 0; p < cloud_.size(); ++p) sum -= squared_gap(cloud_[p], centres_[of_[p]]) / 2;
    for (const std::size_t size : sizes_)
      sum += static_cast<double>(size) * log(static_cast<double>(size) / static_cast<double>(cloud_.size()));
    return sum;
  }

 private:
  // Lloyd's iteration from the clusters as they are; false if one is left empty.
  bool settle(std::size_t count) {
    constexpr int most = 200;
    for (int i = 0; i < most; ++i) {
      if (!find_centres(count)) return false;
      bool moved = false;
      for (std::size_t p = 0; p < cloud_.size(); ++p) {
        std::uint32_t nearest = 0;
        double least = std::numeric_limits<double>::infinity();
        for (std::uint32_t c = 0; c < count; ++c)
          if (const double gap = squared_gap(cloud_[p], centres_[c]); gap < least) least = gap, nearest = c;
        moved |= nearest != of_[p];
        of_[p] = nearest;
      }
      if (!moved) return true;
    }
    return find_centres(count);
  }
  bool find_centres(std::size_t count) {
    centres_.assign(count, std::vector<double>(cloud_.dimension, 0));
    sizes_.assign(count, 0);
    for (std::size_t p = 0; p < cloud_.size(); ++p) {
      ++sizes_[of_[p]];
      for (std::size_t k = 0; k < cloud_.dimension; ++k) centres_[of_[p]][k] += cloud_[p][k];
    }
    for (std::size_t c = 0; c < count; ++c) {
      if (sizes_[c] == 0) return false;
      for (double& x : centres_[c]) x /= static_cast<double>(sizes_[c]);
    }
    return true;
  }
  // The variance along it.
  double widest_direction(std::uint32_t cluster, std::vector<double>& direction) const {
    const std::size_t d = cloud_.dimension;
    std::vector<double> covariance(d * d, 0), from_centre(d);
    for (std::size_t p = 0; p < cloud_.size(); ++p) {
      if (of_[p] != cluster) continue;
      for (std::size_t k = 0; k < d; ++k) from_centre[k] = cloud_[p][k] - centres_[cluster][k];
      for (std::size_t i = 0; i < d; ++i)
        for (std::size_t j = 0; j <= i; ++j) covariance[i * d + j] += from_centre[i] * from_centre[j];
    }
    for (std::size_t i = 0; i < d; ++i)
      for (std::size_t j = 0; j <= i; ++j)
        covariance[j * d + i] = covariance[i * d + j] /= static_cast<double>(sizes_[cluster]);
    const SymmetricEigen eigen = symmetric_eigen(covariance, d);
    direction.resize(d);
    for (std::size_t k = 0; k < d; ++k) direction[k] = eigen.vectors[k * d + d - 1];
    return eigen.values.back();
  }

  const Cloud& cloud_;
  std::vector<std::uint32_t> of_;
  std::vector<std::size_t> sizes_;
  std::vector<std::vector<double>> centres_;
};

// The same clusters, the largest first; of equal ones that of the first point.
std::vector<std::uint32_t> by_size(const std::vector<std::uint32_t>& of, const std::vector<std::size_t>& sizes) {
  std::vector<std::uint32_t> order(sizes.size()), place(sizes.size());
  std::iota(order.begin(), order.end(), 0U);
  const auto first = [&](std::uint32_t c) { return std::find(of.begin(), of.end(), c) - of.begin(); };
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return sizes[a] != sizes[b] ? sizes[a] > sizes[b] : first(a) < first(b);
  });
  for (std::uint32_t i = 0; i < order.size(); ++i) place[order[i]] = i;
  std::vector<std::uint32_t> out;
  out.reserve(of.size());
  for (const std::uint32_t c : of) out.push_back(place[c]);
  return out;
}

}  // namespace

Clustering find_clusters(const Cloud& cloud, std::size_t wanted) {
  Clustering out;
  out.of.assign(cloud.size(), 0);
  if (cloud.size() == 0) return out;
  const double each = log(static_cast<double>(cloud.size())) / 2;
  KMeans means(cloud);
  const double alone = means.log_likelihood();
  out.log_criterion.push_back(0);
  for (std::size_t k = 2; k <= (wanted != 0 ? wanted : most_clusters); ++k) {
    if (!means.grow()) break;
    const double paid = static_cast<double>((k - 1) * (cloud.dimension + 1)) * each;
    const bool small =
        std::any_of(means.sizes().begin(), means.sizes().end(), [](std::size_t n) { return n < least_in_cluster; });
    const double criterion = means.log_likelihood() - alone - paid;
    out.log_criterion.push_back(small ? -std::numeric_limits<double>::infinity() : criterion);
    const auto best = std::max_element(out.log_criterion.begin(), out.log_criterion.end());
    if (wanted == 0 && best + 1 != out.log_criterion.end()) continue;
    out.count = k;
    out.of = by_size(means.of(), means.sizes());
  }
  return out;
}

Proportion proportion(std::int64_t hits, std::int64_t of) {
  const auto n = static_cast<double>(of), p = static_cast<double>(hits) / n;
  const double z2 = normal_975 * normal_975;
  const double middle = (p + z2 / (2 * n)) / (1 + z2 / n);
  const double half = normal_975 / (1 + z2 / n) * std::sqrt(p * (1 - p) / n + z2 / (4 * n * n));
  return {p, std::max(0.0, middle - half), std::min(1.0, middle + half)};
}

}  // namespace tailcube
