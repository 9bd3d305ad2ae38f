#pragma once
// Both tails of the gamma and the beta distribution, each to its own relative accuracy: the smaller is computed, the other
// is its complement.
namespace tailcube {

struct Tails {
  double lower, upper;
};
Tails gamma_tails(double a, double x);  // P(a, x), Q(a, x); a > 0, x >= 0
Tails beta_tails(double a, double b, double x,
                 double y);             // I_x(a, b), I_y(b, a); y = 1 - x, given as it may be the exact one
double gamma_term(double a, double x);  // x^a exp(-x) / Gamma(a) = x dP/dx
double beta_term(double a, double b, double x, double y);  // x^a y^b / B(a, b) = x y dI/dx

}  // namespace tailcube
