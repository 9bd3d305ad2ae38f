#pragma once
// Another view of the world as weights of scenarios. Pure. Formulas and sources: kernels/METHODS.md, "Reweighting".
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace tailcube {

// Views that no weights can meet; the message says which.
class ImpossibleView : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// z ~ N(0, C) becomes N(m, DCD): dN(m, DCD)/dN(0, C) at the points. Exact; also for a C without full rank as long as m and
// DCD stay in its range.
class GaussianView {
 public:
  // `mean` m and `scale` D of each factor. With `only` not empty: the law of these factors is changed so and all others
  // follow by their regression on them, which is the change of least relative entropy. Throws ImpossibleView: m lies outside
  // the range of C, or the weights would have no variance (an eigenvalue of DCD, seen from C, of 2 or more).
  GaussianView(std::span<const double> correlation, std::size_t factors, std::span<const double> mean,
               std::span<const double> scale, std::span<const std::uint32_t> only = {});
  double log_ratio(std::span<const double> z) const;  // at one point, [factor]
  // 1 / E[ratio^2] = (E ratio)^2 / E[ratio^2]: the share of the scenarios that is effectively left. exp(-m' C+ m) if only
  // the mean moves.
  double effective_share() const;

 private:
  std::vector<std::uint32_t> factors_;   // whose law is changed
  std::vector<double> rows_;             // [direction][factor of factors_]: to independent standard normals
  std::vector<double> mean_, variance_;  // of each direction under the view
};

// Sum over k of lambda_k (g_k - c_k) is added to the log weights such that the weighted mean of each g_k is c_k: the weights
// of least relative entropy (Meucci 2008) from those given.
struct EntropyViews {
  std::size_t count = 0;
  std::vector<double> value;   // [point][view] g
  std::vector<double> target;  // [view] c
};
// `log_weights`, by point, changed in place; `design`: how many scenarios each point stands for. Throws ImpossibleView: the
// targets lie outside of what the points have, or repeat one another.
void add_entropy_views(const EntropyViews&, std::span<const double> design, std::vector<double>& log_weights);

// x with matrix x = right side, symmetric positive definite, [row][column]; false if it is not.
bool solve(std::span<const double> matrix, std::span<const double> right, std::vector<double>& x);

}  // namespace tailcube
