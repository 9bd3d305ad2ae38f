// Gamma and beta variables have their laws, and a scenario alone is the scenario among its neighbours.
#include "kernels/random/gamma.h"

#include <algorithm>
#include <array>
#include <functional>
#include <vector>

#include "tests/acceptance.h"
#include "tests/catch_any.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

double distance(std::vector<double> x, const std::function<double(double)>& cdf) {
  std::sort(x.begin(), x.end());
  const double n = static_cast<double>(x.size());
  double largest = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double p = cdf(x[i]);
    largest = std::max({largest, p - static_cast<double>(i) / n, static_cast<double>(i + 1) / n - p});
  }
  return largest;
}
constexpr std::uint32_t blocks = 400;

}  // namespace

TEST_CASE("gamma variables have their law") {
  for (const double shape : {0.05, 0.7, 1.0, 1.5, 2.0, 38.0, 4000.0}) {
    std::vector<double> x(std::size_t{blocks} * lanes);
    for (std::uint32_t b = 0; b < blocks; ++b)
      gammas(11, stream("test", "gamma"), b * lanes, shape, Lanes(&x[std::size_t{b} * lanes], lanes));
    INFO(shape);
    CHECK(distance(x, [&](double v) { return incomplete_gamma(shape, v); }) < largest_distance(x.size()));
    CHECK(distance(x, [&](double v) { return incomplete_gamma(shape * 1.1, v); }) > largest_distance(x.size()));
  }
}

TEST_CASE("beta variables have their law") {
  for (const auto& [a, b] : {std::pair(2.0, 38.0), std::pair(0.4, 0.9), std::pair(30.0, 1.0)}) {
    std::vector<double> x(std::size_t{blocks} * lanes);
    for (std::uint32_t i = 0; i < blocks; ++i)
      betas(12, stream("test", "a"), stream("test", "b"), i * lanes, a, b, Lanes(&x[std::size_t{i} * lanes], lanes));
    INFO(a << ", " << b);
    CHECK(distance(x, [a = a, b = b](double v) { return incomplete_beta(a, b, v); }) < largest_distance(x.size()));
  }
}

TEST_CASE("a gamma variable does not know its neighbours") {
  std::array<double, lanes> together, apart;
  std::array<std::uint32_t, lanes> any;
  for (std::uint32_t k = 0; k < lanes; ++k) any[k] = 128 + (k * 29) % lanes;
  for (const double shape : {0.3, 1.2}) {
    gammas(13, stream("test", "gamma"), 128, shape, together);
    gammas(13, stream("test", "gamma"), ScenarioLanes(any), shape, apart);
    for (std::size_t k = 0; k < lanes; ++k) CHECK(apart[k] == together[any[k] - 128]);
  }
}
