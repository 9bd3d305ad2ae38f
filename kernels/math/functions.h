#pragma once
// Elementary functions with the same bits on every CPU: only + - * / sqrt, comparisons, bit moves and an explicit fused
// multiply-add. Scalar here; the lane versions below and in lanes-inl.h follow the same operations and give the same bits.
#include <string_view>

#include "kernels/block.h"

namespace tailcube {

double exp(double x);    // 1 ulp on [-708, 709]; clamped outside
double log(double x);    // 1 ulp, x positive and normal
double log1p(double x);  // relative error < 4e-16, x > -1
double expm1(double x);  // relative error < 4e-16
double normal_pdf(double x);
double normal_cdf(double x);       // relative error < 1e-14 for x > -37
double normal_quantile(double p);  // 0 < p < 1; Wichura (1988) AS241 with one correction step where needed
double log_gamma(double x);        // x > 0
double incomplete_beta(double a, double b, double x);  // regularised I_x(a, b)
double incomplete_gamma(double a, double x);           // regularised lower P(a, x)
double student_cdf(double x, double dof);
double student_quantile(double p, double dof);
double chi_squared_quantile(double p, double dof);
double bivariate_normal_cdf(double x, double y, double rho);

// Over the lanes of a block; `out` may be the input.
void exp(ConstLanes x, Lanes out);
void log(ConstLanes x, Lanes out);
void normal_cdf(ConstLanes x, Lanes out);
void normal_quantile(ConstLanes p, Lanes out);

// Instruction sets. `limit_simd("avx2")` hides wider ones (tests); false for an unknown name. `simd_name` is the one in use.
bool limit_simd(std::string_view name);
const char* simd_name();

}  // namespace tailcube
