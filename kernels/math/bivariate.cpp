// Bivariate normal probabilities after Genz (2004), "Numerical computation of rectangular bivariate and trivariate normal
// and t probabilities", Statistics and Computing 14: Drezner and Wesolowsky's (1990) integrals, 20-point Gauss-Legendre.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/math/functions.h"

namespace tailcube {
namespace {
constexpr double kTwoPi = 6.283185307179586477;
constexpr struct {
  double node, weight;
} kGauss[] = {{0.9931285991850949, 0.017614007139152118}, {0.9639719272779138, 0.04060142980038694},
              {0.912234428251326, 0.06267204833410907},   {0.8391169718222188, 0.08327674157670475},
              {0.7463319064601508, 0.10193011981724044},  {0.636053680726515, 0.11819453196151841},
              {0.5108670019508271, 0.13168863844917664},  {0.37370608871541955, 0.14209610931838204},
              {0.22778585114164507, 0.14917298647260374}, {0.07652652113349734, 0.15275338713072584}};

// Integral of f over (0, 1).
template <class Function>
double integrate(Function f) {
  double sum = 0;
  for (const auto& [node, weight] : kGauss) sum += weight * (f(0.5 - 0.5 * node) + f(0.5 + 0.5 * node));
  return 0.5 * sum;
}

// Taylor to t^23, |t| <= pi/2.
double sine(double t) {
  double term = t, sum = 0;
  double terms[12];
  for (int k = 0; k < 12; ++k) {
    terms[k] = term;
    term *= -t * t / ((2 * k + 2) * (2 * k + 3));
  }
  for (int k = 11; k >= 0; --k) sum += terms[k];
  return sum;
}

// Newton on sine, |s| < 0.93.
double arc_sine(double s) {
  double t = s * (1 + s * s / 6);
  for (int i = 0; i < 6; ++i) {
    const double at = sine(t);
    t -= (at - s) / std::sqrt((1 - at) * (1 + at));
  }
  return t;
}

// P(X > h, Y > k), |rho| < 0.925 (Genz, equation 3).
double upper_moderate(double h, double k, double rho) {
  const double half_squares = (h * h + k * k) / 2, angle = arc_sine(rho);
  const double integral = integrate([&](double u) {
    const double s = sine(angle * u);
    return exp((s * h * k - half_squares) / ((1 - s) * (1 + s)));
  });
  return normal_cdf(-h) * normal_cdf(-k) + integral * angle / kTwoPi;
}

// What P(X > h, Y > k) lacks to that of correlation 1, for rho >= 0.925: the singular part of the integrand by its
// expansion, the rest by quadrature (Genz, equation 6).
double gap_to_one(double h, double k, double rho) {
  const double product = h * k, square = (h - k) * (h - k), variance = (1 - rho) * (1 + rho), root = std::sqrt(variance);
  const double c = (4 - product) / 8, e = (12 - product) / 16;
  double gap = 0;
  const double exponent = -(square / variance + product) / 2;
  if (exponent > -100)
    gap = root * exp(exponent) * (1 - c * (square - variance) * (1 - e * square / 5) / 3 + c * e * variance * variance / 5);
  if (product > -100) {
    const double distance = std::sqrt(square);
    gap -= exp(-product / 2) * std::sqrt(kTwoPi) * normal_cdf(-distance / root) * distance *
           (1 - c * square * (1 - e * square / 5) / 3);
  }
  gap += root * integrate([&](double u) {
           const double x2 = variance * u * u, r = std::sqrt(1 - x2), at = -(square / x2 + product) / 2;
           if (!(at > -100)) return 0.0;
           return exp(at) * (exp(-product * x2 / (2 * (1 + r) * (1 + r))) / r - (1 + c * x2 * (1 + e * x2)));
         });
  return gap / kTwoPi;
}

// P(X > h, Y > k).
double upper(double h, double k, double rho) {
  if (std::abs(rho) < 0.925) return upper_moderate(h, k, rho);
  if (rho > 0) return normal_cdf(-std::max(h, k)) - (rho < 1 ? gap_to_one(h, k, rho) : 0);
  const double gap = rho > -1 ? gap_to_one(h, -k, -rho) : 0;  // P(X > h, Y > k) = P(X > h) - P(X > h, -Y > -k)
  if (-k <= h) return gap;
  return gap + (h < 0 ? normal_cdf(-k) - normal_cdf(h) : normal_cdf(-h) - normal_cdf(k));
}
}  // namespace

double bivariate_normal_cdf(double x, double y, double rho) {
  if (!(std::abs(rho) <= 1) || x != x || y != y) return std::numeric_limits<double>::quiet_NaN();
  if (std::isinf(x)) return x < 0 ? 0 : normal_cdf(y);
  if (std::isinf(y)) return y < 0 ? 0 : normal_cdf(x);
  return std::max(0.0, upper(-x, -y, rho));
}

}  // namespace tailcube
