// Views as densities against the ratio written out, and fitted views against conditioning by hand.
#include "src/cube/views.h"

#include <cmath>

#include "kernels/math/functions.h"
#include "kernels/random/stream.h"
#include "tests/catch_any.h"

using namespace tailcube;

namespace {

constexpr double rho = 0.6;
const std::vector<double> correlation = {1, rho, rho, 1};

// Density of N(m, DCD) over that of N(0, C), two factors.
double ratio(const double (&m)[2], const double (&d)[2], const double (&z)[2]) {
  const auto form = [](double x, double y) { return (x * x - 2 * rho * x * y + y * y) / (1 - rho * rho); };
  return std::exp(form(z[0], z[1]) / 2 - form((z[0] - m[0]) / d[0], (z[1] - m[1]) / d[1]) / 2) / (d[0] * d[1]);
}

std::vector<double> normals(std::size_t n, std::uint64_t seed) {
  const StreamId id = stream("test", "views");
  std::vector<double> out;
  for (std::uint32_t i = 0; i < n; ++i) out.push_back(normal_quantile(uniform(seed, id, i, 0)));
  return out;
}

}  // namespace

TEST_CASE("a view of means and volatilities is a ratio of densities", "[views]") {
  const double m[2] = {-0.5, 0.2}, d[2] = {1.2, 0.9};
  const GaussianView view(correlation, 2, m, d);
  const std::vector<double> mean_only = {-0.5, 0}, ones = {1, 1};
  const GaussianView shift(correlation, 2, mean_only, ones);
  const double unmoved[2] = {-0.5, 0}, one[2] = {1, 1};
  for (const auto& z : {std::pair{0.3, -1.0}, std::pair{-2.5, -1.7}, std::pair{3.0, 2.0}}) {
    const double at[2] = {z.first, z.second};
    CHECK(std::exp(view.log_ratio(at)) == Approx(ratio(m, d, at)));
    CHECK(std::exp(shift.log_ratio(at)) == Approx(ratio(unmoved, one, at)));
    // exp(m'C^-1 z - m'C^-1 m / 2)
    const double inverse = 1 / (1 - rho * rho);
    CHECK(shift.log_ratio(at) == Approx(-0.5 * inverse * (z.first - rho * z.second) - 0.125 * inverse));
  }
  CHECK(shift.effective_share() == Approx(std::exp(-0.25 / (1 - rho * rho))));
}

TEST_CASE("factors that follow leave the ratio to those of the view", "[views]") {
  const std::vector<double> mean = {0, -0.8}, scale = {1, 1.1};
  const std::vector<std::uint32_t> only = {1};
  const GaussianView view(correlation, 2, mean, scale, only);
  const double z[2] = {1.7, -0.4};
  const double off = (-0.4 + 0.8) / 1.1;
  CHECK(view.log_ratio(z) == Approx((0.16 - off * off) / 2 - std::log(1.1)));
  const double a = 1.21;
  CHECK(view.effective_share() == Approx(std::sqrt(a * (2 - a)) * std::exp(-0.64 / (2 - a))));
}

TEST_CASE("what is effectively left is what samples show", "[views]") {
  const std::vector<double> x = normals(200'000, 1), y = normals(200'000, 2);
  const double m[2] = {0.4, -0.3}, d[2] = {1.1, 0.8};
  const GaussianView view(correlation, 2, m, d);
  double sum = 0, squares = 0, fourth = 0, z_sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double z[2] = {x[i], rho * x[i] + std::sqrt(1 - rho * rho) * y[i]};
    const double w = std::exp(view.log_ratio(z));
    sum += w, squares += w * w, fourth += w * w * w * w;
    z_sum += w * z[1];
  }
  const auto n = static_cast<double>(x.size());
  CHECK(std::abs(sum / n - 1) < 4 * std::sqrt((squares / n - 1) / n));
  CHECK(std::abs(squares / n - 1 / view.effective_share()) < 4 * std::sqrt(fourth / n / n));
  CHECK(z_sum / n == Approx(-0.3).margin(0.02));
}

TEST_CASE("views without weights are refused", "[views]") {
  const std::vector<double> unmoved = {0, 0}, ones = {1, 1}, wide = {1.5, 1};
  CHECK_THROWS_AS(GaussianView(correlation, 2, unmoved, wide), ImpossibleView);
  const std::vector<double> both = {1.4, 1.4}, down = {0.1, 0.1};
  CHECK_NOTHROW(GaussianView(correlation, 2, unmoved, both));
  CHECK_NOTHROW(GaussianView(correlation, 2, unmoved, down));
  // Two names of one factor move together or not at all.
  const std::vector<double> same = {1, 1, 1, 1}, apart = {0.5, 0}, together = {0.5, 0.5};
  CHECK_THROWS_AS(GaussianView(same, 2, apart, ones), ImpossibleView);
  const GaussianView view(same, 2, together, ones);
  const double z[2] = {0.7, 0.7};
  CHECK(view.log_ratio(z) == Approx(0.35 - 0.125));
  const std::vector<std::uint32_t> only = {0};
  CHECK(GaussianView(same, 2, apart, ones, only).log_ratio(z) == Approx(0.35 - 0.125));
}

TEST_CASE("a probability is met by two levels of weight", "[views]") {
  // Event in 2 of 5 points, the last of which stands for 4 scenarios: probability 2 of 8 before.
  const std::vector<double> design = {1, 1, 1, 1, 4};
  std::vector<double> log_weights(5, 0);
  add_entropy_views({1, {1, 1, 0, 0, 0}, {0.6}}, design, log_weights);
  double total = 0;
  for (std::size_t i = 0; i < 5; ++i) total += design[i] * std::exp(log_weights[i]);
  for (std::size_t i = 0; i < 5; ++i)
    CHECK(std::exp(log_weights[i]) / total == Approx(i < 2 ? 0.6 / 2 : 0.4 / 6).epsilon(1e-9));
}

TEST_CASE("an expected value is met by an exponential tilt", "[views]") {
  const std::vector<double> z = normals(50'000, 3), design(z.size(), 1);
  std::vector<double> log_weights(z.size(), 0);
  add_entropy_views({1, z, {0.3}}, design, log_weights);
  double total = 0, mean = 0, ratio_error = 0;
  for (std::size_t i = 0; i < z.size(); ++i) {
    const double w = std::exp(log_weights[i]);
    total += w, mean += w * z[i];
  }
  CHECK(mean / total == Approx(0.3).epsilon(1e-9));
  // Of normals, the tilt is the shift: exp(0.3 z - 0.045).
  for (std::size_t i = 0; i < 100; ++i)
    ratio_error = std::max(ratio_error, std::abs(log_weights[i] - std::log(total / 5e4) - (0.3 * z[i] - 0.045)));
  CHECK(ratio_error < 0.05);
  // Two views at once, on top of weights that are there.
  std::vector<double> values;
  for (const double x : z) values.push_back(x), values.push_back(x < -1 ? 1 : 0);
  add_entropy_views({2, values, {0, 0.3}}, design, log_weights);
  double sum = 0, below = 0, all = 0;
  for (std::size_t i = 0; i < z.size(); ++i) {
    const double w = std::exp(log_weights[i]);
    all += w, sum += w * z[i], below += w * (z[i] < -1 ? 1 : 0);
  }
  CHECK(sum / all == Approx(0).margin(1e-9));
  CHECK(below / all == Approx(0.3).epsilon(1e-9));
}

TEST_CASE("views that contradict are refused", "[views]") {
  const std::vector<double> z = normals(1000, 4), design(z.size(), 1);
  std::vector<double> log_weights(z.size(), 0);
  CHECK_THROWS_AS(add_entropy_views({1, z, {10}}, design, log_weights), ImpossibleView);
  std::vector<double> twice;
  for (const double x : z) twice.push_back(x), twice.push_back(2 * x);
  CHECK_THROWS_AS(add_entropy_views({2, twice, {0.1, 0.5}}, design, log_weights), ImpossibleView);
  CHECK_THROWS_AS(add_entropy_views({1, std::vector<double>(1000, 3), {3}}, design, log_weights), ImpossibleView);
  CHECK(log_weights == std::vector<double>(1000, 0));
}

TEST_CASE("linear equations by hand", "[views]") {
  std::vector<double> x;
  REQUIRE(solve(std::vector<double>{4, 2, 2, 3}, std::vector<double>{2, 5}, x));
  CHECK(x[0] == Approx(-0.5));
  CHECK(x[1] == Approx(2));
  CHECK_FALSE(solve(std::vector<double>{1, 1, 1, 1}, std::vector<double>{1, 1}, x));
}
