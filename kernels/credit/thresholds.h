#pragma once
// First-passage thresholds of the adapted default model. An obligor's ability to pay at step n is
//   X_n = R D_n + sqrt(1 - R^2) eps,   D_n = (z_1 + ... + z_n) / sqrt(n),
// with one eps per obligor; it defaults at the first n with X_n <= c_n. The c_n are found one after the other so that
// P(default by n) is the PD curve (Hull and White 2001, "Valuing credit default swaps II", with a driver that is shared).
// Under the t copula, dof > 0, X_n is divided by sqrt(W / dof) with one W ~ chi^2 for all steps and obligors.
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/credit/score_law.h"

namespace tailcube {

// The threshold of a probability that is 0: nobody is below it. The negative is the one of a probability of 1.
inline constexpr double never = -1e300;

// PD(t_n) = 1 - (1 - pd_1y)^(n step_years), n = 1 .. steps. 0 <= pd_1y <= 1.
std::vector<double> default_curve(double pd_1y, double step_years, int steps);
// A term structure: probabilities of default by some years, as rating agencies publish them.
struct DefaultBy {
  double years, probability;  // below 1
  friend auto operator<=>(const DefaultBy&, const DefaultBy&) = default;
};
// The hazard is constant up to the first and between any two; the last one goes on. `term`: not empty, years ascending from
// above 0, probabilities not falling. Where there is no hazard the curve stands still to the bit.
std::vector<double> default_curve(std::span<const DefaultBy> term, double step_years, int steps);
// Phi^-1(p), under the t copula its quantile; `never` at 0 and -never at 1.
double marginal_threshold(double probability, double dof = 0);

struct Passage {
  std::vector<double> threshold;  // c_n at steps 1 .. n
  std::vector<double> marginal;   // P(default by n) of the recursion
  std::vector<double> joint;      // P(two equal obligors with the same driver both default by n)
};
// squared_loading = R^2 in [0, 1). Below 1e-6 the thresholds are the marginal quantiles. A step at which the curve stands
// still has the threshold `never`. The recursion's own
// marginal meets the curve to 1e-6 relative; c_n is within 2.7e-6 of finer grids (4 and 12 steps, PD 0.1 .. 5 %), under a
// t copula of 5 degrees of freedom, where c_n is as low as -8, within 6e-6.
Passage adapted_passage(std::span<const double> curve, double squared_loading, double dof = 0);
// The same for thresholds that are given (tests): what is the PD curve that they imply?
Passage passage(std::span<const double> threshold, double squared_loading, double dof = 0);

// kappa such that equal obligors with squared path loading kappa^2 R^2 both default by step `match` with the probability of
// the one-step copula at R^2 (to 1e-6), and the thresholds at kappa^2 R^2. kappa^2 R^2 <= 0.985. kappa = 1 if match = 1,
// R^2 < 1e-6 or nobody defaults by then.
struct Matched {
  double kappa = 1;
  Passage passage;
};
Matched matched_passage(std::span<const double> curve, double squared_loading, int match, double dof = 0);
// P(both default by the horizon) of equal obligors under the one-step copula.
double copula_joint(double probability, double squared_loading, double dof = 0);

// Many pairs (PD, R^2): thresholds (under the t copula: their normal scores, Phi^-1 of the probability below them) less
// those of the PD curve, and kappa^2, are smooth in (Phi^-1(pd_1y), R). Their values
// at 12 x 12 (t: 8 x 12) Chebyshev nodes over pd_1y 1e-5 .. 0.5, R^2 0.01 .. 0.8 are interpolated; P(default by n) and the
// joint probability at the matching step are within 5e-5 (relative) of what matched_passage gives. Many R^2 of one curve
// take the 12 nodes in R alone.
class PassageGrid {
 public:
  static std::size_t node_count(double dof);
  static std::size_t node_count_of_curve();
  static bool contains(double squared_loading);
  static bool contains(double pd_1y, double squared_loading);
  enum class Scores { no, yes };  // whether Value::scores is wanted
  // match = 0: kappa = 1
  PassageGrid(double step_years, int steps, int match, double dof = 0, Scores scores = Scores::no);
  PassageGrid(std::span<const double> curve, int match, double dof = 0, Scores scores = Scores::no);
  struct Value {
    double kappa;
    std::vector<double> threshold;
    ScoreLaw scores;
  };
  Value operator()(double pd_1y, double squared_loading) const;                   // of the first kind
  Value operator()(std::span<const double> curve, double squared_loading) const;  // of the second, with its curve

 private:
  void add_node(std::span<const double> curve, double loading);
  Value interpolate(std::span<const double> curve, std::span<const double> row_weight, double squared_loading) const;
  double normal_score(double threshold) const;
  double step_years_ = 0;
  int match_;
  double dof_;
  Scores scores_;
  std::vector<double> node_;            // [node][kappa^2, c_1 - Phi^-1(PD_1), ..., masses of the scores]
  std::vector<std::uint8_t> standing_;  // of each step: the threshold is `never`
};

}  // namespace tailcube
