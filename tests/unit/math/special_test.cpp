// Gamma, beta, Student, chi-squared and bivariate normal functions against Boost.Math and closed forms.
#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <boost/math/special_functions/beta.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <boost/math/special_functions/owens_t.hpp>
#include <cmath>

#include "kernels/math/functions.h"
#include "tests/catch_any.h"
#include "tests/reference.h"

using namespace tailcube;
namespace bm = boost::math;

namespace {
double relative(double got, double want) { return std::abs(got / want - 1); }
constexpr double kPi = 3.14159265358979323846;
}  // namespace

TEST_CASE("log_gamma") {
  for (double x = 1e-10; x < 1e9; x *= 1.037) {
    INFO("x = " << x);
    const double want = bm::lgamma(x), error = std::abs(log_gamma(x) - want) / std::max(1.0, std::abs(want));
    CHECK(error < 1e-14);
  }
  CHECK(std::isnan(log_gamma(0)));
}

TEST_CASE("incomplete gamma function") {
  for (const double a : {0.01, 0.3, 0.5, 1.0, 2.5, 10.0, 77.7, 1000.0, 2e5})
    for (const double z : {-8.0, -3.0, -1.0, -0.1, 0.0, 0.1, 1.0, 4.0}) {
      const double x = a * std::exp(z / std::sqrt(a + 1)), want = bm::gamma_p(a, x);
      INFO("a = " << a << ", x = " << x);
      CHECK(relative(incomplete_gamma(a, x), want) < 2e-13);
    }
  CHECK(incomplete_gamma(2, 0) == 0);
  CHECK(std::isnan(incomplete_gamma(-1, 1)));
}

TEST_CASE("incomplete beta function") {
  for (const double a : {0.05, 0.5, 1.0, 3.0, 40.0, 1000.0, 5e5})
    for (const double b : {0.05, 0.5, 1.0, 3.0, 40.0, 1000.0, 5e5})
      for (const double z : {-6.0, -2.0, -0.5, 0.0, 0.5, 2.0, 6.0}) {
        const double x = 1 / (1 + b / a * std::exp(-z / std::sqrt(std::min(a, b) + 1)));
        const double want = bm::ibeta(a, b, x);
        INFO("a = " << a << ", b = " << b << ", x = " << x << ", want " << want);
        CHECK(relative(incomplete_beta(a, b, x), want) < 1e-12);
      }
  CHECK(incomplete_beta(2, 3, 0) == 0);
  CHECK(incomplete_beta(2, 3, 1) == 1);
  CHECK(std::isnan(incomplete_beta(0, 1, 0.5)));
}

TEST_CASE("Student's t distribution") {
  for (const double dof : {0.5, 1.0, 2.0, 2.5, 3.0, 5.0, 12.0, 100.0, 1e4})
    for (const double p : {1e-12, 1e-6, 0.001, 0.05, 0.24, 0.26, 0.4, 0.499, 0.501, 0.7, 0.95, 0.999}) {
      const double x = student_quantile(p, dof);
      const double want =
          static_cast<double>(bm::quantile(bm::students_t_distribution<long double>(dof), static_cast<long double>(p)));
      INFO("p = " << p << ", dof = " << dof);
      CHECK(relative(x, want) < 1e-13);
      const double at =
          static_cast<double>(bm::cdf(bm::students_t_distribution<long double>(dof), static_cast<long double>(x)));
      CHECK(relative(student_cdf(x, dof), at) < 1e-13);
    }
  for (const double x : {-1e6, -30.0, -1.0, 0.0, 2.0, 100.0}) {
    CHECK(student_cdf(x, 2) == Approx(0.5 + x / (2 * std::sqrt(2 + x * x))).epsilon(1e-12).margin(1e-16));
    CHECK(student_cdf(x, 1) == Approx(0.5 + std::atan(x) / kPi).epsilon(1e-9).margin(1e-16));
  }
  CHECK(student_quantile(0.5, 4) == 0);
  CHECK(std::isnan(student_quantile(1.5, 4)));
}

TEST_CASE("chi-squared quantile") {
  for (const double dof : {0.5, 1.0, 2.0, 3.0, 4.0, 5.5, 12.0, 100.0, 1000.0})
    for (const double p : {1e-10, 1e-6, 0.001, 0.05, 0.3, 0.499, 0.5, 0.501, 0.7, 0.95, 0.999, 0.999999}) {
      INFO("p = " << p << ", dof = " << dof);
      const double want =
          static_cast<double>(bm::quantile(bm::chi_squared_distribution<long double>(dof), static_cast<long double>(p)));
      CHECK(relative(chi_squared_quantile(p, dof), want) < 1e-13);
    }
  CHECK(chi_squared_quantile(0.3, 2) == Approx(-2 * std::log(0.7)).epsilon(1e-14));
}

TEST_CASE("bivariate normal distribution function") {
  for (const double rho : {-1.0, -0.99, -0.93, -0.92, -0.5, 0.0, 0.3, 0.924, 0.926, 0.999, 1.0}) {
    INFO("rho = " << rho);
    CHECK(bivariate_normal_cdf(0, 0, rho) == Approx(0.25 + std::asin(rho) / (2 * kPi)).epsilon(0).margin(1e-15));
    for (const double x : {-3.0, -0.7, 0.0, 1.1})
      for (const double y : {-2.5, 0.2, 4.0}) {
        INFO("x = " << x << ", y = " << y);
        CHECK(bivariate_normal_cdf(x, y, rho) == Approx(bivariate_normal_cdf(y, x, rho)).epsilon(0).margin(1e-15));
        CHECK(bivariate_normal_cdf(x, y, rho) + bivariate_normal_cdf(x, -y, -rho) ==
              Approx(normal_cdf(x)).epsilon(0).margin(2e-15));
        CHECK(bivariate_normal_cdf(x, 40, rho) == Approx(normal_cdf(x)).epsilon(0).margin(1e-15));
      }
  }
  CHECK(bivariate_normal_cdf(-1, 2, 0) == Approx(normal_cdf(-1) * normal_cdf(2)).epsilon(1e-15));
  CHECK(std::isnan(bivariate_normal_cdf(0, 0, 1.5)));
}

TEST_CASE("bivariate normal distribution function by Owen's T function") {
  const auto by_owen = [](double h, double k, double rho) {  // Owen (1956), equation 2.1; h, k not 0
    const double root = std::sqrt((1 - rho) * (1 + rho));
    const double t = bm::owens_t(h, (k / h - rho) / root) + bm::owens_t(k, (h / k - rho) / root);
    return (normal_cdf(h) + normal_cdf(k)) / 2 - t - (h * k < 0 ? 0.5 : 0);
  };
  for (const double rho : {-0.99999, -0.999, -0.95, -0.9, -0.6, -0.1, 0.2, 0.5, 0.8, 0.92, 0.93, 0.97, 0.995, 0.99999})
    for (const double h : {-5.0, -3.3, -2.326, -1.0, -0.01, 0.4, 1.9, 6.0})
      for (const double k : {-4.0, -2.327, -0.9, -0.4, 0.02, 1.0, 2.7}) {
        INFO("h = " << h << ", k = " << k << ", rho = " << rho);
        const double error = std::abs(bivariate_normal_cdf(h, k, rho) - by_owen(h, k, rho));
        CHECK(error < 2e-15);
      }
}

TEST_CASE("reference: bvn_t") {
  const auto reference = test::reference("bvn_t");
  if (!reference) return;
  const auto number = [](const nlohmann::json& text) { return std::stod(text.get<std::string>()); };
  for (const auto& row : reference->at("expected").at("bvn")) {
    INFO(row.dump());
    CHECK(std::abs(bivariate_normal_cdf(row.at("h"), row.at("k"), row.at("rho")) - number(row.at("Phi2"))) <=
          reference->at("tolerance").at("bvn_abs").get<double>());
  }
  for (const auto& row : reference->at("expected").at("t")) {
    INFO(row.dump());
    CHECK(relative(student_quantile(row.at("p"), row.at("nu")), number(row.at("t"))) <=
          reference->at("tolerance").at("t_rel").get<double>());
  }
}
