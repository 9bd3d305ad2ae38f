#include "kernels/math/functions.h"
#include "tests/catch_any.h"
#include "tests/unit/market/simulate.h"

namespace {

using namespace tailcube;
using namespace tailcube::test;

// A market of all kinds, with correlations from four common factors.
FactorModel mixed(std::size_t n, int steps) {
  std::vector<Factor> factors;
  for (std::size_t i = 0; i < n; ++i) {
    Factor f = factor(static_cast<Process>(i % 5), "F" + std::to_string(i));
    f.initial = f.process == Process::log_ou ? 20 : 1, f.volatility = 0.2, f.reversion = 0.5, f.level = 1;
    if (i % 2 == 0) f.jump_rate = 3, f.jump_mean = -0.1, f.jump_volatility = 0.1;
    factors.push_back(f);
  }
  std::vector<double> c(n * n);
  const auto loading = [](std::size_t i, std::size_t k) { return static_cast<double>((3 * i + 5 * k) % 7) / 15 - 0.2; };
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      for (std::size_t k = 0; k < 4; ++k) c[i * n + j] += loading(i, k) * loading(j, k);
      if (i == j) c[i * n + j] = 1;
    }
  return market(factors, 1.0 / 12, steps, c);
}

TEST_CASE("innovations are the triangular root times the factors' own normals") {
  for (const std::size_t n : {1u, 5u, 6u, 13u}) {
    const FactorModel m = mixed(n, 3);
    Simulation s(m, 11);
    s.draw(m, unshocked(m), 640);
    for (int step = 1; step <= 3; ++step)
      for (std::uint32_t l = 0; l < lanes; ++l)
        for (std::size_t i = 0; i < n; ++i) {
          double sum = 0;
          for (std::size_t k = 0; k <= i; ++k)
            sum = std::fma(m.root[i * n + k],
                           normal(11, m.factors[k].innovation, 640 + l, static_cast<std::uint32_t>(step - 1)), sum);
          CHECK(s.innovations(i, step)[l] == sum);
        }
  }
}

// Four standard errors on each of 45 covariances: 0.3 % false alarms per change of seed. A transposed root must fail.
TEST_CASE("innovations have the given correlations") {
  const std::size_t n = 9, count = 1 << 16;
  FactorModel m = mixed(n, 2);
  const auto worst = [&] {
    std::vector<double> sum(n * n), squares(n * n);
    Simulation s(m, 12);
    for (std::uint64_t first = 0; first < count; first += lanes) {
      s.draw(m, unshocked(m), first);
      for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j <= i; ++j)
          for (std::size_t l = 0; l < lanes; ++l) {
            const double x = s.innovations(i, 2)[l] * s.innovations(j, 2)[l];
            sum[i * n + j] += x, squares[i * n + j] += x * x;
          }
    }
    double score = 0;
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j <= i; ++j) {
        const double mean = sum[i * n + j] / count, variance = squares[i * n + j] / count - mean * mean;
        score = std::max(score, std::abs(mean - m.correlation[i * n + j]) / std::sqrt(variance / count));
      }
    return score;
  };
  CHECK(worst() <= 4);
  m.root[1 * n + 0] += 0.05;
  CHECK(worst() > 4);
}

TEST_CASE("steps and factors are independent unless correlated") {
  const FactorModel m = market({factor(Process::driver, "A"), factor(Process::driver, "B")}, 1, 2);
  Simulation s(m, 13);
  double across = 0, along = 0;
  const std::uint64_t count = 1 << 16;
  for (std::uint64_t first = 0; first < count; first += lanes) {
    s.draw(m, unshocked(m), first);
    for (std::size_t l = 0; l < lanes; ++l) {
      across += s.innovations(0, 1)[l] * s.innovations(1, 1)[l];
      along += s.innovations(0, 1)[l] * s.innovations(0, 2)[l];
    }
  }
  CHECK(std::abs(across) / std::sqrt(count) <= 4);
  CHECK(std::abs(along) / std::sqrt(count) <= 4);
}

TEST_CASE("instruction sets give the same paths") {
  FactorModel m = mixed(20, 12);
  m.curves = {{{0.5, FactorIndex{1}}, {2, FactorIndex{2}}}};
  m.discounts = {{CurveIndex{0}, FactorIndex{6}, 1.7}, {CurveIndex{0}, FactorIndex{none}, 3}};
  m.valued = {3, 12};
  Simulation widest(m, 14), narrow(m, 14);
  widest.draw(m, unshocked(m), 192);
  discount(m, widest.block);
  const std::string name = simd_name();
  REQUIRE(limit_simd("avx2"));
  narrow.draw(m, unshocked(m), 192);
  discount(m, narrow.block);
  WARN("compared " << name << " with " << simd_name());
  CHECK(same_bytes(widest.innovations, narrow.innovations));
  CHECK(same_bytes(widest.block.factors, narrow.block.factors));
  CHECK(same_bytes(widest.block.discounts, narrow.block.discounts));
  limit_simd("avx512");
}

TEST_CASE("another factor changes no path of those before it, nor of those uncorrelated with it") {
  const FactorModel small = market({factor(Process::driver, "A"), factor(Process::driver, "C")}, 1, 3);
  const FactorModel large =
      market({factor(Process::driver, "A"), factor(Process::driver, "B"), factor(Process::driver, "C")}, 1, 3,
             {1, 0.5, 0, 0.5, 1, 0, 0, 0, 1});
  Simulation a(small, 15), b(large, 15);
  a.draw(small, unshocked(small), 64);
  b.draw(large, unshocked(large), 64);
  for (int n = 0; n <= 3; ++n) {
    CHECK(same_bytes(a.block.factors(0, n), b.block.factors(0, n)));
    CHECK(same_bytes(a.block.factors(1, n), b.block.factors(2, n)));
  }
}

}  // namespace
