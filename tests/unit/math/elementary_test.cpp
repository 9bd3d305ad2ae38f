// Elementary functions against the C library's long double ones, which carry 64 bits: the bounds of functions.h and
// METHODS.md.
#include <boost/math/special_functions/erf.hpp>
#include <cmath>
#include <limits>

#include "kernels/math/functions.h"
#include "tests/catch_any.h"
#include "tests/reference.h"

using namespace tailcube;

namespace {
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// |got - want| in units of the last place of want.
double ulps(double got, long double want) {
  const double near = std::abs(static_cast<double>(want));
  const double unit = std::max(std::nextafter(near, kInfinity) - near, std::numeric_limits<double>::denorm_min());
  return static_cast<double>(std::abs(got - want) / unit);
}

// The greatest of error(x) over `points` x from low to high, with where it is reached.
template <class Error>
double worst(double low, double high, int points, Error error) {
  double most = 0, where = low;
  for (int i = 0; i < points; ++i) {
    const double x = low + (high - low) * (i + 0.37) / points, e = error(x);
    if (!(e <= most)) most = e, where = x;
  }
  UNSCOPED_INFO("worst " << most << " at " << where);
  return most;
}
}  // namespace

TEST_CASE("exp is within one ulp, also where the result is subnormal") {
  const auto error = [](double x) { return ulps(tailcube::exp(x), expl(x)); };
  CHECK(worst(-1, 1, 200000, error) < 1);
  CHECK(worst(-708, 709.7, 200000, error) < 1);
  CHECK(worst(-745, -708, 20000, error) < 1);
  CHECK(tailcube::exp(0.0) == 1.0);
  CHECK(tailcube::exp(709.79) == kInfinity);
  CHECK(tailcube::exp(kInfinity) == kInfinity);
  CHECK(tailcube::exp(-746.0) == 0.0);
  CHECK(tailcube::exp(-kInfinity) == 0.0);
  CHECK(std::isnan(tailcube::exp(std::nan(""))));
}

TEST_CASE("log is within one ulp on all positive numbers") {
  const auto error = [](double x) { return ulps(tailcube::log(x), logl(x)); };
  CHECK(worst(0.4, 3, 200000, error) < 1);
  CHECK(worst(1e-3, 1e6, 100000, error) < 1);
  CHECK(worst(-1070, 1020, 100000, [&](double e) { return error(std::exp2(e)); }) < 1);
  CHECK(tailcube::log(1.0) == 0.0);
  CHECK(tailcube::log(0.0) == -kInfinity);
  CHECK(tailcube::log(kInfinity) == kInfinity);
  CHECK(std::isnan(tailcube::log(-1.0)));
  CHECK(std::isnan(tailcube::log(std::nan(""))));
}

TEST_CASE("log1p and expm1 keep relative accuracy near 0") {
  const auto relative = [](double got, long double want) { return static_cast<double>(std::abs(got / want - 1)); };
  const auto log_error = [&](double x) { return relative(tailcube::log1p(x), log1pl(x)); };
  const auto exp_error = [&](double x) { return relative(tailcube::expm1(x), expm1l(x)); };
  for (const double reach : {1e-300, 1e-18, 1e-10, 1e-4, 0.1, 0.5, 0.999}) {
    CHECK(worst(-reach, reach, 20000, log_error) < 4e-16);
    CHECK(worst(-reach, reach, 20000, exp_error) < 4e-16);
  }
  CHECK(worst(1, 1e6, 20000, log_error) < 4e-16);
  CHECK(log_error(1e300) < 4e-16);
  CHECK(worst(-50, 709, 20000, exp_error) < 4e-16);
  CHECK(tailcube::log1p(-1.0) == -kInfinity);
  CHECK(std::isnan(tailcube::log1p(-2.0)));
  CHECK(tailcube::expm1(-kInfinity) == -1.0);
  CHECK(tailcube::expm1(kInfinity) == kInfinity);
}

TEST_CASE("the normal distribution function keeps relative accuracy in the lower tail") {
  const auto error = [](double x) {
    const long double want = erfcl(-x * sqrtl(0.5L)) / 2;
    return static_cast<double>(std::abs(normal_cdf(x) / want - 1));
  };
  CHECK(worst(-1.5, 1.5, 200000, error) < 1e-15);
  CHECK(worst(-8, 9, 200000, error) < 2e-15);
  CHECK(worst(-37.5, -8, 200000, error) < 2e-15);
  CHECK(normal_cdf(0.0) == 0.5);
  CHECK(normal_cdf(-40.0) == 0.0);
  CHECK(normal_cdf(-kInfinity) == 0.0);
  CHECK(normal_cdf(kInfinity) == 1.0);
  CHECK(std::isnan(normal_cdf(std::nan(""))));
}

TEST_CASE("the normal density keeps relative accuracy in the tails") {
  const auto error = [](double x) {
    const long double want = expl(-0.5L * x * x) / sqrtl(6.283185307179586476925L);
    return static_cast<double>(std::abs(normal_pdf(x) / want - 1));
  };
  CHECK(worst(-3, 3, 20000, error) < 1e-15);
  CHECK(worst(-37.5, 37.5, 20000, error) < 1e-15);
  CHECK(normal_pdf(kInfinity) == 0.0);
  CHECK(normal_pdf(1e200) == 0.0);
  CHECK(std::isnan(normal_pdf(std::nan(""))));
}

TEST_CASE("the normal distribution function rises") {
  double last = 0;
  for (int i = -38 << 14; i <= 9 << 14; ++i) {
    const double now = normal_cdf(i * 0x1p-14);
    if (now < last) FAIL("falls at " << i * 0x1p-14);
    last = now;
  }
}

TEST_CASE("the normal quantile inverts the distribution function") {
  for (double p = 1e-300; p < 0.5; p *= 1.01) {  // d log Phi / d log |x| is about x^2: the error in p is that of x times x^2
    const double x = normal_quantile(p);
    CHECK(std::abs(normal_cdf(x) / p - 1) < 1e-15 * (4 + 2 * x * x));
    CHECK(normal_quantile(1 - (1 - p)) == -normal_quantile(1 - p));
  }
  CHECK(normal_quantile(0.5) == 0.0);
  CHECK(normal_quantile(0.0) == -kInfinity);
  CHECK(normal_quantile(1.0) == kInfinity);
  CHECK(std::isnan(normal_quantile(-0.1)));
  CHECK(std::isnan(normal_quantile(1.1)));
  CHECK(std::isnan(normal_quantile(std::nan(""))));
}

TEST_CASE("the normal quantile is within four ulp of Boost.Math in long double") {
  const auto error = [](double p) {
    return ulps(normal_quantile(p), -sqrtl(2) * boost::math::erfc_inv(2 * static_cast<long double>(p)));
  };
  CHECK(worst(0, 1, 20000, error) <= 4);
  CHECK(worst(0.4999, 0.5001, 20000, error) <= 4);
  CHECK(worst(0.074, 0.076, 20000, error) <= 4);
  CHECK(worst(-1074, -1, 20000, [&](double e) { return error(std::exp2(e)); }) <= 4);
  CHECK(worst(-53, -1, 20000, [&](double e) { return error(1 - std::exp2(e)); }) <= 4);
}

TEST_CASE("reference: inverse_normal") {
  const auto reference = test::reference("inverse_normal");
  if (!reference) return;
  int quantiles = 0, values = 0;
  for (const auto& row : reference->at("expected").at("inverse")) {
    const double p = std::strtod(row.at("p_hex").get<std::string>().c_str(), nullptr);
    const long double want = std::strtold(row.at("x").get<std::string>().c_str(), nullptr);
    INFO("p = " << p << ", quantile " << normal_quantile(p) << ", " << ulps(normal_quantile(p), want) << " ulp");
    CHECK((ulps(normal_quantile(p), want) <= 4 || std::abs(normal_quantile(p) - want) <= 1e-16));
    ++quantiles;
  }
  for (const auto& row : reference->at("expected").at("cdf")) {
    const double x = row.at("x").get<double>();
    const long double want = std::strtold(row.at("Phi").get<std::string>().c_str(), nullptr);
    INFO("x = " << x << ", Phi " << normal_cdf(x));
    CHECK(std::abs(normal_cdf(x) - want) <=
          1e-14L * want + 0x0.8p-1074L);  // subnormal results cannot be nearer than half a unit
    ++values;
  }
  CHECK(quantiles == 39);
  CHECK(values == 21);
}
