#pragma once
// How a stochastic result is accepted. A number passes if it lies within four standard errors of what is expected: for a
// normal error a false alarm in 16 000 (6.3e-5). What passes one by one is then pooled: the sum of squared z is chi-squared,
// and an alarm on either side (1e-6 together) says that errors are too large or too small to be errors. Seeds are fixed, so
// a passing test stays so; the rates apply when a seed or the use of the streams changes. Needs tailcube_kernels.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>

#include "kernels/math/functions.h"
#include "kernels/math/tails.h"

namespace tailcube::test {

// How many scenarios a test takes that would take minutes under sanitizers: these see all the code in a tenth.
#ifdef TAILCUBE_SANITIZED
constexpr int fewer_if_slow(int scenarios) { return scenarios / 10; }
#else
constexpr int fewer_if_slow(int scenarios) { return scenarios; }
#endif

inline constexpr double kLargestZ = 4;
inline constexpr double kPooledAlarm = 1e-6;

inline double z_score(double x, double standard_error, double reference, double reference_error = 0) {
  return (x - reference) / std::sqrt(standard_error * standard_error + reference_error * reference_error);
}

// |x - reference| <= 4 sqrt(se^2 + se_reference^2); false where a number or the standard error is not finite. With two
// standard errors of 0 the numbers must be equal.
inline bool agrees(double x, double standard_error, double reference, double reference_error = 0) {
  const double error = std::sqrt(standard_error * standard_error + reference_error * reference_error);
  return std::isfinite(error) && std::abs(x - reference) <= kLargestZ * error;
}

// What takes the place of 4 where the standard error comes from `batches` equal batches: the point of Student's t with as
// many degrees of freedom less one that is as rarely exceeded (8.47 for 8 batches, 5.10 for 20).
inline double largest_t(int batches) { return -student_quantile(normal_cdf(-kLargestZ), batches - 1); }

// False where `statistic` is beyond the chi-squared distribution's two-sided bounds, `alarm` / 2 on each side.
inline bool plausible_chi_squared(double statistic, double dof, double alarm = kPooledAlarm) {
  const Tails tails = gamma_tails(dof / 2, statistic / 2);
  return tails.lower >= alarm / 2 && tails.upper >= alarm / 2;
}

// Collects the z-scores of independent estimates.
class Pool {
 public:
  double add(double x, double standard_error, double reference, double reference_error = 0) {
    const double z = z_score(x, standard_error, reference, reference_error);
    sum_ += z * z;
    ++count_;
    return z;
  }
  double sum_of_squares() const { return sum_; }
  int count() const { return count_; }
  bool plausible() const { return count_ > 0 && plausible_chi_squared(sum_, count_); }
  std::string summary() const {
    return "sum of squared z = " + std::to_string(sum_) + " over " + std::to_string(count_) + " estimates";
  }

 private:
  double sum_ = 0;
  int count_ = 0;
};

// Whether the exact (Clopper-Pearson 1934) interval of a probability that gave `hits` of `trials` covers p; `alarm` in all.
inline bool covers(std::uint64_t hits, std::uint64_t trials, double p, double alarm = 1e-5) {
  const double k = static_cast<double>(hits), n = static_cast<double>(trials);
  const double at_least = hits == 0 ? 1 : beta_tails(k, n - k + 1, p, 1 - p).lower;      // P(X >= hits)
  const double at_most = hits == trials ? 1 : beta_tails(k + 1, n - k, p, 1 - p).upper;  // P(X <= hits)
  return at_least > alarm / 2 && at_most > alarm / 2;
}

// Critical value of the Kolmogorov-Smirnov distance of n values: its limit, at most 1.4 % too large from n = 100 on.
inline double largest_distance(std::size_t n, double alarm = kPooledAlarm) {
  return std::sqrt(-tailcube::log(alarm / 2) / (2 * static_cast<double>(n)));
}

}  // namespace tailcube::test
