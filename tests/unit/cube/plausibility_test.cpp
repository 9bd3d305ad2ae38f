// Distances by hand, clouds of known centre, and how many clusters there are, from own normals.
#include "src/cube/plausibility.h"

#include <cmath>
#include <numeric>

#include "kernels/math/functions.h"
#include "kernels/random/stream.h"
#include "tests/catch_any.h"

using namespace tailcube;

namespace {

std::vector<std::uint32_t> all_of(std::size_t n) {
  std::vector<std::uint32_t> out(n);
  std::iota(out.begin(), out.end(), 0U);
  return out;
}

// Independent normals, the first `lowest` or more: `count` points in `d` dimensions, by rising first coordinate if `sorted`.
std::vector<double> half_space(std::uint64_t seed, std::size_t count, std::size_t d, double lowest, std::size_t axis = 0) {
  const StreamId id = stream("test", "half space");
  std::vector<double> out;
  for (std::uint32_t i = 0; i < count; ++i)
    for (std::uint32_t k = 0; k < d; ++k) {
      const double u = uniform(seed, id, i, k), beyond = normal_cdf(-lowest);
      out.push_back(k == axis ? -normal_quantile(u * beyond) : normal_quantile(u));
    }
  return out;
}

}  // namespace

TEST_CASE("Mahalanobis distances by hand") {
  const std::vector<double> c = {1, 0.6, 0.6, 1};
  const Whitening whitening(c, 2);
  CHECK(whitening.dimension() == 2);
  const std::vector<double> z = {1, -2, 0.3, 0.3};
  const std::vector<double> w = whitening(z);
  // z' C^-1 z = (z1^2 - 2 rho z1 z2 + z2^2) / (1 - rho^2)
  CHECK(w[0] * w[0] + w[1] * w[1] == Approx((1 + 2 * 0.6 * 2 + 4) / 0.64));
  CHECK(w[2] * w[2] + w[3] * w[3] == Approx((0.09 - 2 * 0.6 * 0.09 + 0.09) / 0.64));
  // Two factors that are one count once.
  const std::vector<double> same = {1, 1, 1, 1};
  const Whitening one(same, 2);
  CHECK(one.dimension() == 1);
  const std::vector<double> v = one(std::vector<double>{1.5, 1.5});
  CHECK(v[0] * v[0] == Approx(2.25));
}

TEST_CASE("the centre of a half-space tail is known, whatever the number of idle directions") {
  constexpr double lowest = 2.5;
  const double mills = normal_pdf(lowest) / normal_cdf(-lowest);
  for (const std::size_t d : {1u, 30u}) {
    int covered = 0;
    double sum = 0;
    constexpr int seeds = 200;
    for (int seed = 1; seed <= seeds; ++seed) {
      constexpr std::size_t n = 150;
      std::vector<double> w = half_space(static_cast<std::uint64_t>(seed), n, d, lowest);
      // Worst first.
      std::vector<std::uint32_t> order = all_of(n);
      std::sort(order.begin(), order.end(), [&](auto a, auto b) { return w[a * d] > w[b * d]; });
      const Cloud cloud{w, d};
      const Centre c = centre_of(cloud, order);
      covered += std::abs(c.distance.value - mills) < 1.96 * c.distance.error;
      sum += c.distance.value / seeds;
      // The mildest tenth lies at the border, on average 1/20 of the tail beyond it.
      CHECK(c.edge.value > lowest - 4 * c.edge.error);
      CHECK(c.edge.value < lowest + 0.06 + 4 * c.edge.error);
      CHECK(c.nearest_distance >= lowest);
      for (const std::uint32_t p : order)
        CHECK(c.nearest_distance <= std::sqrt(std::inner_product(cloud[p].begin(), cloud[p].end(), cloud[p].begin(), 0.0)));
    }
    CAPTURE(d, covered, sum, mills);
    CHECK(sum == Approx(mills).margin(0.015));
    // 95 %: 190 of 200 on average, with a deviation of 3.
    CHECK(covered >= 176);
    CHECK(covered <= 200);
  }
}

TEST_CASE("the deviation of a tail along its direction is its error") {
  // In one dimension the distance is the mean, and its error that of the mean.
  const std::vector<double> w = {1, 2, 4, 5};
  const Centre c = centre_of({w, 1}, all_of(4));
  CHECK(c.distance.value == Approx(std::sqrt((144.0 - 46.0) / 12)));
  CHECK(c.nearest == 0);
  CHECK(c.nearest_distance == 1);
  // Points on both sides of nothing have no direction.
  const std::vector<double> both = {1, -1};
  CHECK(centre_of({both, 1}, all_of(2)).distance.value == 0);
  CHECK(std::isnan(centre_of({both, 1}, all_of(2)).edge.value));
}

TEST_CASE("one cloud is one cluster") {
  for (const std::size_t d : {1u, 3u, 30u})
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
      const std::vector<double> w = half_space(seed, 200, d, 3);
      const Clustering found = find_clusters({w, d});
      CAPTURE(d, seed);
      REQUIRE(found.count == 1);
      REQUIRE(found.log_criterion[0] == 0);
      REQUIRE(found.of == std::vector<std::uint32_t>(200, 0));
    }
}

TEST_CASE("clusters that lie apart are found, the largest first") {
  for (const std::size_t d : {2u, 25u})
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      std::vector<double> w = half_space(seed, 80, d, 3, 0);
      const std::vector<double> more = half_space(seed + 1000, 160, d, 3, 1);
      w.insert(w.end(), more.begin(), more.end());
      const Clustering found = find_clusters({w, d});
      CAPTURE(d, seed);
      REQUIRE(found.count == 2);
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < 240; ++i) wrong += found.of[i] != (i < 80 ? 1U : 0U);
      // Halves of a gap of 3.3 sqrt 2: a point is on the wrong side with a probability of 1 %.
      CHECK(wrong <= 15);
      CHECK(find_clusters({w, d}, 1).count == 1);
      CHECK(find_clusters({w, d}, 3).count == 3);
    }
  // What is too small to be told apart stays with the others.
  std::vector<double> w = half_space(5, 100, 2, 3, 0);
  const std::vector<double> few = half_space(6, 9, 2, 6, 1);
  w.insert(w.end(), few.begin(), few.end());
  CHECK(find_clusters({w, 2}).count == 1);
  CHECK(find_clusters({w, 2}, 2).count == 2);
  // Equal points cannot be parted.
  const std::vector<double> equal(20, 1.0);
  CHECK(find_clusters({equal, 2}, 3).count == 1);
}

TEST_CASE("Wilson's interval of a share") {
  const Proportion p = proportion(10, 100);
  CHECK(p.value == 0.1);
  CHECK(p.lower == Approx(0.0552291).epsilon(1e-5));
  CHECK(p.upper == Approx(0.1743657).epsilon(1e-5));
  CHECK(proportion(0, 50).lower == 0);
  CHECK(proportion(50, 50).upper == 1);
  // 200 of 200 000: exact coverage of the binomial law near 95 %.
  double covered = 0;
  for (int k = 100; k <= 300; ++k) {
    const double log_p = k * std::log(200.0) - 200 - std::lgamma(k + 1.0);  // Poisson
    const Proportion at = proportion(k, 200'000);
    if (at.lower <= 1e-3 && 1e-3 <= at.upper) covered += std::exp(log_p);
  }
  CHECK(covered == Approx(0.95).margin(0.01));
}
