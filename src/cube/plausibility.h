#pragma once
// How plausible points of N(0, C) are, where a cloud of them lies, and whether it is one cloud. Pure. Formulas and sources:
// kernels/METHODS.md, "Reverse stress".
#include <cstdint>
#include <span>
#include <vector>

namespace tailcube {

// Turns z ~ N(0, C) into independent standard normals w, of which there are as many as C has rank: |w|^2 = z' C+ z, the
// squared Mahalanobis distance.
class Whitening {
 public:
  explicit Whitening(std::span<const double> correlation, std::size_t factors);  // [factor][factor]
  std::size_t dimension() const { return dimension_; }
  std::vector<double> operator()(std::span<const double> z) const;  // [point][factor] to [point][dimension]

 private:
  std::size_t factors_, dimension_ = 0;
  std::vector<double> rows_;  // [dimension][factor]
};

// Points in whitened coordinates, [point][dimension].
struct Cloud {
  std::span<const double> w;
  std::size_t dimension;
  std::size_t size() const { return dimension == 0 ? 0 : w.size() / dimension; }
  std::span<const double> operator[](std::size_t point) const { return w.subspan(point * dimension, dimension); }
};

struct Measured {
  double value, error;  // a standard error; NaN where it does not exist
};
// Where some points of a cloud lie.
struct Centre {
  Measured distance;        // of their mean from the origin, without what the noise of the mean adds
  Measured edge;            // how far the mildest tenth (at least ten) lies in the direction of the mean
  std::size_t nearest;      // the point closest to the origin
  double nearest_distance;  // its distance
};
// `points`, worst first: at least one.
Centre centre_of(const Cloud&, std::span<const std::uint32_t> points);

// Lloyd's k-means (1982). The start has no randomness: of k - 1 clusters the widest is cut through its mean across its
// widest direction (Su and Dy 2007). How many there are is decided by the likelihood of the points and their clusters, each
// cluster being N(centre, 1), less half a log n for every number it takes (Biernacki, Celeux and Govaert 2000).
struct Clustering {
  std::size_t count = 1;
  std::vector<std::uint32_t> of;      // [point], 0 .. count - 1, largest cluster first
  std::vector<double> log_criterion;  // [k - 1]: of k clusters, less that of one; -infinity where k cannot be had
};
inline constexpr std::size_t most_clusters = 6, least_in_cluster = 10;
// `wanted` 0: up to most_clusters with at least least_in_cluster points each, whichever number has the largest criterion.
// Fewer than wanted where the points are fewer or equal.
Clustering find_clusters(const Cloud&, std::size_t wanted = 0);

// A share of n and its 95 % interval (Wilson 1927).
struct Proportion {
  double value, lower, upper;
};
Proportion proportion(std::int64_t hits, std::int64_t of);

}  // namespace tailcube
