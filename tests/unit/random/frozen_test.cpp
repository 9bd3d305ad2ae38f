// Digests of many values, frozen: results of a job are the same bits on every CPU and from every compiler that passes this
// test. A change of any last bit shows here; the commit that makes it says so and gives the new digests.
#include <array>
#include <bit>
#include <string>
#include <vector>

#include "kernels/math/functions.h"
#include "kernels/random/stream.h"
#include "tests/catch_any.h"

using namespace tailcube;

namespace {
class Digest {  // FNV-1a over the bytes of doubles
 public:
  template <class Range>
  void add(const Range& values) {
    for (const double value : values) add(value);
  }
  void add(double value) {
    for (std::uint64_t bits = std::bit_cast<std::uint64_t>(value), i = 0; i < 8; ++i, bits >>= 8)
      hash_ = (hash_ ^ (bits & 0xff)) * 1099511628211u;
  }
  std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 14695981039346656037u;
};

std::vector<double> some_normals() {
  std::vector<double> z(500 * lanes);
  normal_draws(3, stream("test", "frozen"), 640, 0, z);
  return z;
}
}  // namespace

TEST_CASE("normals and elementary functions keep their bits") {
  for (const std::string name : {"avx512", "avx2"}) {
    REQUIRE(limit_simd(name));
    INFO(simd_name());
    const std::vector<double> z = some_normals();
    Digest draws, functions;
    draws.add(z);
    for (std::size_t i = 0; i < z.size(); i += lanes) {
      const ConstLanes x(&z[i], lanes);
      std::array<double, lanes> y, p;
      tailcube::exp(x, y);
      functions.add(y);
      tailcube::log(y, y);
      functions.add(y);
      normal_cdf(x, p);
      functions.add(p);
      normal_quantile(p, p);
      functions.add(p);
    }
    CHECK(draws.value() == 0x8bf1888ff9610d24u);
    CHECK(functions.value() == 0x24f464d60e2d5d2eu);
  }
  limit_simd("avx512");
}

TEST_CASE("set-up functions keep their bits") {
  const std::vector<double> z = some_normals();
  Digest digest;
  for (std::size_t i = 0; i < 2000; ++i) {
    const double x = z[i], u = normal_cdf(x);
    digest.add(std::array{tailcube::log1p(x * x), tailcube::expm1(x), normal_pdf(x), log_gamma(x * x + 0.1)});
    digest.add(std::array{incomplete_beta(3 * u, 2, u), incomplete_gamma(4 * u, x * x), student_cdf(x, 4)});
    digest.add(
        std::array{student_quantile(u, 3.5), chi_squared_quantile(u, 7), bivariate_normal_cdf(x, z[i + 1], 2 * u - 1)});
  }
  CHECK(digest.value() == 0x0a32e27fe6c07651u);
}
