#pragma once
// Elementary and distribution functions with the same bits on every CPU: only + - * / sqrt, comparisons, bit moves and an
// explicit fused multiply-add. The lane versions below, and those of lanes-inl.h for use inside other kernels, give the same
// bits as the scalars. NaN gives NaN, and so does an argument outside the domain, unless a limit is stated. The errors
// stated are the tested ones; sources and derivations are in kernels/METHODS.md.
#include <string_view>
#include <vector>

#include "kernels/block.h"

namespace tailcube {

double exp(double x);         // 1 ulp; infinite above 709.78, subnormal below -708.4, 0 below -745.2
double log(double x);         // 1 ulp, x > 0; -infinity at 0
double log1p(double x);       // relative error < 4e-16, x > -1; -infinity at -1
double expm1(double x);       // relative error < 4e-16
double normal_pdf(double x);  // relative error < 1e-15 down to the smallest normal result (|x| < 37.6)
double normal_cdf(
    double x);  // relative error < 2e-15 down to the smallest normal result (x > -37.5), then gradual underflow
double normal_quantile(double p);  // 4 ulp, 0 < p < 1; -infinity at 0, infinity at 1

// For setting up, not for loops over scenarios: microseconds each.
double log_gamma(double x);  // x > 0; error < 1e-14 max(1, |value|)
double incomplete_beta(double a, double b,
                       double x);                   // regularised I_x(a, b); a, b > 0, 0 <= x <= 1; relative error < 1e-12
double incomplete_gamma(double a, double x);        // regularised lower P(a, x); a > 0, x >= 0; relative error < 2e-13
double student_cdf(double x, double dof);           // dof > 0; relative error < 1e-13 max(1, dof)
double student_quantile(double p, double dof);      // 0 < p < 1; relative error < 1e-13
double chi_squared_quantile(double p, double dof);  // 0 <= p <= 1; relative error < 1e-13
double bivariate_normal_cdf(double x, double y, double rho);  // P(X <= x, Y <= y), |rho| <= 1; absolute error < 2e-15

// P(N >= k) of a Poisson variable for k = 1, 2, ..., down to 2^-56; relative error < 1e-12 for means up to 5 000.
std::vector<double> poisson_tail(double mean);

// Over the lanes of a block; `out` may be the input.
void exp(ConstLanes x, Lanes out);
void log(ConstLanes x, Lanes out);
void normal_cdf(ConstLanes x, Lanes out);
void normal_quantile(ConstLanes p, Lanes out);

// The instruction set of the lane kernels. limit_simd("avx2") hides wider ones, limit_simd("avx512") allows all; false for
// another name. It acts on all later calls, also where kernels have run before; not while other threads run kernels.
// simd_name() is the best that is in use, as Highway calls it: "AVX2", "AVX3_ZEN4".
bool limit_simd(std::string_view name);
const char* simd_name();

}  // namespace tailcube
