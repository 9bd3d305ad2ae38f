// The lane functions give the bits of the scalar ones at every instruction set.
#include <bit>
#include <cmath>
#include <limits>
#include <string>

#include "kernels/math/functions.h"
#include "kernels/random/stream.h"
#include "tests/catch_any.h"

using namespace tailcube;

namespace {
using Lane = void (*)(ConstLanes, Lanes);
using Scalar = double (*)(double);

// Special values and, in some lanes only, far ones: whole-vector branches must not change a neighbour's bits.
std::array<double, lanes> block(std::uint32_t number, double low, double high) {
  std::array<double, lanes> x;
  uniforms(5, stream("test", "lanes"), number * lanes, 0, x);
  for (double& value : x) value = low + (high - low) * value;
  constexpr double kOdd[] = {0.0,
                             -0.0,
                             1.0,
                             -1.0,
                             5e-324,
                             1e-310,
                             std::numeric_limits<double>::infinity(),
                             -std::numeric_limits<double>::infinity(),
                             std::numeric_limits<double>::quiet_NaN(),
                             -708.1,
                             709.5,
                             -37.7,
                             1e-13};
  if (number % 3 == 0) x[number % lanes] = kOdd[number / 3 % std::size(kOdd)];
  return x;
}

int differences(Lane over_lanes, Scalar scalar, double low, double high) {
  int count = 0;
  for (std::uint32_t number = 0; number < 1500; ++number) {
    const auto x = block(number, low, high);
    std::array<double, lanes> y;
    over_lanes(x, y);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double want = scalar(x[i]);
      const bool same =
          std::bit_cast<std::uint64_t>(y[i]) == std::bit_cast<std::uint64_t>(want) || (y[i] != y[i] && want != want);
      if (!same && count++ == 0) UNSCOPED_INFO("first at x = " << x[i] << ": " << y[i] << " and " << want);
    }
  }
  return count;
}
}  // namespace

TEST_CASE("lanes and scalars give the same bits at every width") {
  for (const std::string name : {"avx512", "avx2"}) {
    REQUIRE(limit_simd(name));
    INFO(simd_name());
    CHECK(differences(tailcube::exp, tailcube::exp, -2, 2) == 0);
    CHECK(differences(tailcube::exp, tailcube::exp, -750, 720) == 0);
    CHECK(differences(tailcube::log, tailcube::log, 0, 4) == 0);
    CHECK(differences(tailcube::log, tailcube::log, 0, 1e300) == 0);
    CHECK(differences(normal_cdf, normal_cdf, -4, 4) == 0);
    CHECK(differences(normal_cdf, normal_cdf, -42, 10) == 0);
    CHECK(differences(normal_quantile, normal_quantile, 0, 1) == 0);
    CHECK(differences(normal_quantile, normal_quantile, 0, 1e-11) == 0);
  }
  limit_simd("avx512");
}

TEST_CASE("the instruction set can be limited before and after use") {
  std::array<double, lanes> x{}, y;
  REQUIRE(limit_simd("avx2"));
  CHECK(std::string(simd_name()) == "AVX2");
  tailcube::exp(x, y);
  CHECK(y[63] == 1.0);
  REQUIRE(limit_simd("avx512"));
  tailcube::exp(x, x);
  CHECK(x == y);
  CHECK_FALSE(limit_simd("sse2"));
  CHECK_FALSE(limit_simd(""));
}
