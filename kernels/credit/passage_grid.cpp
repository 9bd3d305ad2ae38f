#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <iterator>

#include "kernels/credit/thresholds.h"
#include "kernels/math/functions.h"

namespace tailcube {
namespace {

constexpr double smallest_pd = 1e-5, largest_pd = 0.5, smallest_square = 0.01, largest_square = 0.8;

// cos(pi (2 i + 1) / (2 n)), the zeros of the Chebyshev polynomial of degree n.
constexpr double zeros_of_8[] = {0.98078528040323043,  0.83146961230254524,  0.55557023301960229,  0.19509032201612833,
                                 -0.19509032201612819, -0.55557023301960196, -0.83146961230254535, -0.98078528040323043};
constexpr double zeros_of_12[] = {0.99144486137381038,  0.92387953251128674,  0.79335334029123517,  0.60876142900872066,
                                  0.38268343236508984,  0.13052619222005171,  -0.1305261922200516,  -0.3826834323650895,
                                  -0.60876142900872066, -0.79335334029123505, -0.92387953251128674, -0.99144486137381038};

struct Interval {
  double low, high;
  double at(double node) const { return 0.5 * (low + high) + 0.5 * (high - low) * node; }
  double position(double x) const { return (2 * x - low - high) / (high - low); }
};
Interval pd_interval() { return {normal_quantile(smallest_pd), normal_quantile(largest_pd)}; }
Interval loading_interval() { return {std::sqrt(smallest_square), std::sqrt(largest_square)}; }

std::span<const double> pd_zeros(double dof) {
  if (dof > 0) return zeros_of_8;
  return zeros_of_12;
}

// Lagrange's polynomials of the nodes at x.
std::vector<double> lagrange(std::span<const double> zero, double x) {
  std::vector<double> out(zero.size(), 1.0);
  for (std::size_t i = 0; i < zero.size(); ++i)
    for (std::size_t j = 0; j < zero.size(); ++j)
      if (j != i) out[i] *= (x - zero[j]) / (zero[i] - zero[j]);
  return out;
}

}  // namespace

std::size_t PassageGrid::node_count(double dof) { return pd_zeros(dof).size() * std::size(zeros_of_12); }
std::size_t PassageGrid::node_count_of_curve() { return std::size(zeros_of_12); }

bool PassageGrid::contains(double squared_loading) {
  return squared_loading >= smallest_square && squared_loading <= largest_square;
}
bool PassageGrid::contains(double pd_1y, double squared_loading) {
  return pd_1y >= smallest_pd && pd_1y <= largest_pd && contains(squared_loading);
}

PassageGrid::PassageGrid(double step_years, int steps, int match, double dof, Scores scores)
    : step_years_(step_years), match_(match), dof_(dof), scores_(scores), standing_(static_cast<std::size_t>(steps)) {
  for (const double p : pd_zeros(dof)) {
    const std::vector<double> curve = default_curve(normal_cdf(pd_interval().at(p)), step_years, steps);
    for (const double r : zeros_of_12) add_node(curve, loading_interval().at(r));
  }
}

PassageGrid::PassageGrid(std::span<const double> curve, int match, double dof, Scores scores)
    : match_(match), dof_(dof), scores_(scores), standing_(curve.size()) {
  for (const double r : zeros_of_12) add_node(curve, loading_interval().at(r));
}

void PassageGrid::add_node(std::span<const double> curve, double loading) {
  const Matched m = matched_passage(curve, loading * loading, match_, dof_);
  node_.push_back(m.kappa * m.kappa);
  for (std::size_t n = 0; n < curve.size(); ++n) {
    const bool stands = m.passage.threshold[n] == never;
    standing_[n] |= static_cast<std::uint8_t>(stands);
    node_.push_back(stands ? 0 : normal_score(m.passage.threshold[n]) - normal_quantile(curve[n]));
  }
  if (scores_ == Scores::no) return;
  const ScoreLaw law = adapted_scores(m.passage.threshold, m.kappa * m.kappa * loading * loading, dof_);
  node_.insert(node_.end(), law.mass.begin(), law.mass.end());
}

PassageGrid::Value PassageGrid::operator()(double pd_1y, double squared_loading) const {
  const auto p = lagrange(pd_zeros(dof_), pd_interval().position(normal_quantile(pd_1y)));
  return interpolate(default_curve(pd_1y, step_years_, static_cast<int>(standing_.size())), p, squared_loading);
}

PassageGrid::Value PassageGrid::operator()(std::span<const double> curve, double squared_loading) const {
  return interpolate(curve, std::array{1.0}, squared_loading);
}

PassageGrid::Value PassageGrid::interpolate(std::span<const double> curve, std::span<const double> row_weight,
                                            double squared_loading) const {
  const auto r = lagrange(zeros_of_12, loading_interval().position(std::sqrt(squared_loading)));
  const std::size_t numbers = curve.size() + 1;
  std::vector<double> sum(numbers + (scores_ == Scores::yes ? ScoreLaw::size : 0), 0.0);
  const double* node = node_.data();
  for (const double a : row_weight)
    for (const double b : r) {
      const double weight = a * b;
      for (double& s : sum) s += weight * *node++;
    }
  Value out{match_ > 1 ? std::sqrt(sum[0]) : 1.0, {}, {}};
  if (scores_ == Scores::yes) std::copy_n(&sum[numbers], ScoreLaw::size, out.scores.mass.begin());
  out.threshold.reserve(curve.size());
  for (std::size_t n = 0; n < curve.size(); ++n) {
    if (standing_[n]) {
      out.threshold.push_back(never);
      continue;
    }
    const double score = normal_quantile(curve[n]) + sum[n + 1];
    out.threshold.push_back(dof_ > 0 ? student_quantile(normal_cdf(score), dof_) : score);
  }
  return out;
}

double PassageGrid::normal_score(double threshold) const {
  return dof_ > 0 ? normal_quantile(student_cdf(threshold, dof_)) : threshold;
}

}  // namespace tailcube
