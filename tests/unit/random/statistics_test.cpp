// Random numbers look random: along scenarios, draws and streams, the three ways in which an address moves. Fixed seeds, so
// a passing test stays so. False alarms when a seed changes: 1e-6 per chi-squared or Kolmogorov-Smirnov test, 6.3e-5 per
// moment (tests/acceptance.h), about 2e-3 for the file. Each test is shown to catch a sampler that is slightly wrong.
#include <algorithm>
#include <array>
#include <bit>
#include <string>
#include <vector>

#include "kernels/random/stream.h"
#include "tests/acceptance.h"
#include "tests/catch_any.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {
constexpr std::uint64_t kSeed = 20260101;
constexpr int kBlocks = 4000;

// 256 000 values of `function` along one direction of the address.
using Draw = void (*)(std::uint64_t, StreamId, ScenarioLanes, std::uint32_t, Lanes);
std::vector<double> along_scenarios(Draw draw) {
  std::vector<double> x(kBlocks * lanes);
  for (std::uint32_t i = 0; i < kBlocks; ++i) draw(kSeed, stream("test", "one"), i * lanes, 5, Lanes(&x[i * lanes], lanes));
  return x;
}
std::vector<double> along_draws(Draw draw) {
  std::vector<double> x(kBlocks * lanes);
  for (std::uint32_t i = 0; i < kBlocks; ++i) draw(kSeed, stream("test", "one"), 640, i, Lanes(&x[i * lanes], lanes));
  return x;
}
std::vector<double> along_streams(Draw draw) {
  std::vector<double> x(kBlocks * lanes);
  for (std::uint32_t i = 0; i < kBlocks; ++i)
    draw(kSeed, stream("default", "loan-" + std::to_string(i)), 640, 0, Lanes(&x[i * lanes], lanes));
  return x;
}

double chi_squared(const std::vector<double>& uniforms, int bins) {
  std::vector<double> count(static_cast<std::size_t>(bins));
  for (const double u : uniforms) ++count[static_cast<std::size_t>(u * bins)];
  const double expected = static_cast<double>(uniforms.size()) / bins;
  double sum = 0;
  for (const double n : count) sum += (n - expected) * (n - expected) / expected;
  return sum;
}

// Pairs (x_i, x_{i+lag}) on a grid of 16 x 16, each value used once.
double pair_chi_squared(const std::vector<double>& uniforms, std::size_t lag) {
  std::vector<double> cells;
  for (std::size_t start = 0; start + 2 * lag <= uniforms.size(); start += 2 * lag)
    for (std::size_t i = start; i < start + lag; ++i)
      cells.push_back((std::floor(16 * uniforms[i]) + uniforms[i + lag]) / 16);  // uniform on (0, 1) again: 256 bins
  return chi_squared(cells, 256);
}

double distance_to_uniform(std::vector<double> x) {
  std::sort(x.begin(), x.end());
  const double n = static_cast<double>(x.size());
  double most = 0;
  for (std::size_t i = 0; i < x.size(); ++i)
    most = std::max({most, x[i] - static_cast<double>(i) / n, static_cast<double>(i + 1) / n - x[i]});
  return most;
}

// Means of z, z^2, z^3, z^4 with their exact standard errors under normality, pooled.
bool normal_moments(const std::vector<double>& z) {
  std::array<double, 4> sum{};
  for (const double value : z) {
    double power = 1;
    for (double& s : sum) s += power *= value;
  }
  constexpr std::array<double, 4> mean{0, 1, 0, 3}, variance{1, 2, 15, 96};
  const double n = static_cast<double>(z.size());
  bool good = true;
  for (std::size_t k = 0; k < 4; ++k) {
    good = good && agrees(sum[k] / n, std::sqrt(variance[k] / n), mean[k]);
    UNSCOPED_INFO("moment " << k + 1 << ": z = " << z_score(sum[k] / n, std::sqrt(variance[k] / n), mean[k]));
  }
  return good;
}
}  // namespace

TEST_CASE("uniforms fill their bins, one by one and in pairs") {
  for (const auto& u : {along_scenarios(uniforms), along_draws(uniforms), along_streams(uniforms)}) {
    CHECK(plausible_chi_squared(chi_squared(u, 256), 255));
    CHECK(plausible_chi_squared(chi_squared(u, 50), 49));
    for (const std::size_t lag : {std::size_t{1}, std::size_t{4}, std::size_t{64}})
      CHECK(plausible_chi_squared(pair_chi_squared(u, lag), 255));
    CHECK(distance_to_uniform(u) < largest_distance(u.size()));
  }
}

TEST_CASE("the tests of uniforms catch a sampler that is 5 percent off, repeats itself or is too even") {
  auto bent = along_scenarios(uniforms);
  for (double& u : bent) u = u * (1 + 0.05 * (1 - u));
  CHECK_FALSE(plausible_chi_squared(chi_squared(bent, 256), 255));
  CHECK_FALSE(distance_to_uniform(bent) < largest_distance(bent.size()));
  auto repeating = along_scenarios(uniforms);
  for (std::size_t i = 0; i < repeating.size(); i += 40) repeating[i + 1] = repeating[i];
  CHECK_FALSE(plausible_chi_squared(pair_chi_squared(repeating, 1), 255));
  auto even = along_scenarios(uniforms);
  for (std::size_t i = 0; i < even.size(); ++i)
    even[i] = (static_cast<double>(i) + even[i]) / static_cast<double>(even.size());
  CHECK_FALSE(plausible_chi_squared(chi_squared(even, 256), 255));
}

TEST_CASE("normals have the moments and the distribution of a normal") {
  for (auto z : {along_scenarios(normals), along_draws(normals), along_streams(normals)}) {
    CHECK(normal_moments(z));
    for (double& value : z) value = normal_cdf(value);
    CHECK(distance_to_uniform(z) < largest_distance(z.size()));
  }
}

TEST_CASE("the moments catch a standard deviation that is 1 percent short") {
  auto z = along_scenarios(normals);
  for (double& value : z) value *= 0.99;
  CHECK_FALSE(normal_moments(z));
}

TEST_CASE("normals of different streams are not correlated") {
  Pool pool;
  std::array<std::vector<double>, 6> z;
  for (std::size_t k = 0; k < z.size(); ++k) {
    z[k].resize(200 * lanes);
    for (std::uint32_t i = 0; i < 200; ++i)
      normals(kSeed, stream("factor", std::to_string(k)), i * lanes, 0, Lanes(&z[k][i * lanes], lanes));
  }
  for (std::size_t a = 0; a < z.size(); ++a)
    for (std::size_t b = 0; b < a; ++b) {
      double sum = 0;
      for (std::size_t i = 0; i < z[a].size(); ++i) sum += z[a][i] * z[b][i];
      const double n = static_cast<double>(z[a].size());
      CHECK(agrees(sum / n, 1 / std::sqrt(n), 0));
      pool.add(sum / n, 1 / std::sqrt(n), 0);
    }
  CHECK(pool.count() == 15);
  CHECK(pool.plausible());
}

TEST_CASE("every bit of a word is set half the time") {
  std::array<double, 32> set{};
  std::array<std::uint32_t, lanes> w;
  for (std::uint32_t i = 0; i < 1000; ++i) {
    words(kSeed, stream("test", "bits"), i * lanes, 2, w);
    for (const std::uint32_t value : w)
      for (std::size_t bit = 0; bit < 32; ++bit) set[bit] += value >> bit & 1;
  }
  Pool pool;
  for (const double count : set) pool.add(count, std::sqrt(64000.0) / 2, 32000);
  CHECK(pool.plausible());
}

TEST_CASE("a changed bit of a name changes every bit of the stream id half the time") {
  std::array<double, 64> flipped{};
  double trials = 0;
  for (int number = 0; number < 500; ++number) {
    const std::string id = "obligor " + std::to_string(number) + " of the portfolio";
    const auto before = static_cast<std::uint64_t>(stream("default", id));
    for (std::size_t place = 0; place < id.size(); ++place, ++trials) {
      std::string other = id;
      other[place] = static_cast<char>(other[place] ^ 1 << number % 7);
      const std::uint64_t change = before ^ static_cast<std::uint64_t>(stream("default", other));
      CHECK(std::popcount(change) > 8);
      for (std::size_t bit = 0; bit < 64; ++bit) flipped[bit] += static_cast<double>(change >> bit & 1);
    }
  }
  Pool pool;
  for (const double count : flipped) pool.add(count, std::sqrt(trials) / 2, trials / 2);
  CHECK(pool.plausible());
}
