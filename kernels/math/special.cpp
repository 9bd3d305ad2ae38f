// Gamma and beta functions. Prefactors in Loader's saddle-point form (2000, "Fast and accurate computation of binomial
// probabilities"): a difference of large logarithms would lose as many digits as the parameters are large.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/math/functions.h"
#include "kernels/math/tails.h"

namespace tailcube {
namespace {
constexpr double kHalfLog2Pi = 0.91893853320467274178;
constexpr double kTwoPi = 6.283185307179586477;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr int kMostTerms = 1000000;

// log Gamma(z) = (z - 1/2) log z - z + log(2 pi)/2 + this, z >= 16 (Stirling's series).
double stirling_series(double z) {
  const double w = 1 / (z * z);
  double sum = 1.0 / 156;
  for (const double c : {-691.0 / 360360, 1.0 / 1188, -1.0 / 1680, 1.0 / 1260, -1.0 / 360, 1.0 / 12})
    sum = std::fma(sum, w, c);
  return sum / z;
}

// log Gamma(z + 1) - [(z + 1/2) log z - z + log(2 pi)/2], below 16 by its recurrence.
double stirling_error(double z) {
  double sum = 0;
  for (; z < 16; ++z) sum += (z + 0.5) * log1p(1 / z) - 1;
  return sum + stirling_series(z);
}

// x log(x / m) + m - x, without cancellation where x is near m.
double deviance(double x, double m) {
  const double e = (x - m) / m;
  if (std::abs(e) > 0.1) return x * log(x / m) + m - x;
  double power = 0.5 * e * e, sum = 0;  // (1 + e) log(1 + e) - e = sum over k >= 2 of (-e)^k / (k (k - 1))
  for (int k = 2; k < 60 && std::abs(power) > 1e-18 * sum; ++k) {
    sum += power;
    power *= -e * (k - 1) / (k + 1);
  }
  return m * sum;
}

// x^a exp(-x) / Gamma(a + 1) times the sum of x^n / ((a + 1) ... (a + n)).
double gamma_series(double a, double x) {
  double term = 1, sum = 1;
  for (int n = 1; n < kMostTerms && term > 1e-17 * sum; ++n) {
    term *= x / (a + n);
    sum += term;
  }
  return sum * gamma_term(a, x) / a;
}

double away_from_zero(double v) { return std::abs(v) < 1e-300 ? 1e-300 : v; }

// Legendre's continued fraction of Q, modified Lentz (Press et al. 2007, 6.2).
double gamma_fraction(double a, double x) {
  double b = x + 1 - a, c = 1e300, d = 1 / away_from_zero(b), h = d;
  for (int n = 1; n < kMostTerms; ++n) {
    const double numerator = -n * (n - a);
    b += 2;
    d = 1 / away_from_zero(std::fma(numerator, d, b));
    c = away_from_zero(b + numerator / c);
    h *= d * c;
    if (std::abs(d * c - 1) < 2e-16) break;
  }
  return h * gamma_term(a, x);
}

// I_x(a, b) for lambda = a y - b x >= 0 by the continued fraction of DiDonato and Morris (1992, equation 9), whose terms do
// not cancel where one parameter is large; modified Lentz.
double beta_fraction(double a, double b, double x, double y, double lambda) {
  double h = a * (lambda + 1) / (a + 1), c = h, d = 0;
  for (int n = 1; n < kMostTerms; ++n) {
    const double odd = a + 2 * n - 1;
    const double numerator = (a + n - 1) / odd * ((a + b + n - 1) / odd) * n * (b - n) * x * x;
    const double denominator = n + n * (b - n) * x / odd + (a + n) * (lambda + 1 + n * (1 + y)) / (odd + 2);
    d = 1 / away_from_zero(std::fma(numerator, d, denominator));
    c = away_from_zero(denominator + numerator / c);
    h *= d * c;
    if (std::abs(d * c - 1) < 2e-16) break;
  }
  return beta_term(a, b, x, y) / h;
}
}  // namespace

double gamma_term(double a, double x) { return exp(-stirling_error(a) - deviance(a, x)) * std::sqrt(a / kTwoPi); }

double beta_term(double a, double b, double x, double y) {
  const double n = a + b;
  const double exponent =
      stirling_error(n) - stirling_error(a) - stirling_error(b) - deviance(a, n * x) - deviance(b, n * y);
  return exp(exponent) * std::sqrt(a / n * b / kTwoPi);
}

Tails gamma_tails(double a, double x) {
  if (!(a > 0 && x >= 0)) return {kNan, kNan};
  if (x == 0) return {0, 1};
  if (x < a + 1) {
    const double lower = gamma_series(a, x);
    return {lower, 1 - lower};
  }
  const double upper = gamma_fraction(a, x);
  return {1 - upper, upper};
}

Tails beta_tails(double a, double b, double x, double y) {
  if (!(a > 0 && b > 0 && x >= 0 && y >= 0)) return {kNan, kNan};
  if (x == 0 || y == 0) return {x == 0 ? 0.0 : 1.0, x == 0 ? 1.0 : 0.0};
  const double lambda = a * y - b * x;
  if (lambda >= 0) {
    const double lower = beta_fraction(a, b, x, y, lambda);
    return {lower, 1 - lower};
  }
  const double upper = beta_fraction(b, a, y, x, -lambda);
  return {1 - upper, upper};
}

double log_gamma(double x) {
  if (!(x > 0)) return kNan;
  return (x - 0.5) * log(x) - x + kHalfLog2Pi + stirling_error(x);
}

double incomplete_beta(double a, double b, double x) { return beta_tails(a, b, x, 1 - x).lower; }
double incomplete_gamma(double a, double x) { return gamma_tails(a, x).lower; }

// As long as a 53-bit uniform can tell it from zero. Ratios of neighbours from the mode outwards, so that no mean is too
// large, summed from the far end, so that small tails keep their digits.
std::vector<double> poisson_tail(double mean) {
  constexpr double smallest = 0x1p-56;
  const auto mode = static_cast<std::size_t>(mean);
  std::vector<double> p(mode + 1);
  p[mode] = 1;
  for (std::size_t k = mode; k > 0; --k) p[k - 1] = p[k] * static_cast<double>(k) / mean;
  while (p.back() > 0x1p-120) p.push_back(p.back() * mean / static_cast<double>(p.size()));
  for (std::size_t k = p.size() - 1; k > 0; --k) p[k - 1] += p[k];
  const double total = p[0];
  p.erase(p.begin());
  for (double& tail : p) tail /= total;
  while (!p.empty() && p.back() < smallest) p.pop_back();
  return p;
}

}  // namespace tailcube
