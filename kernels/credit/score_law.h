#pragma once
// How bad times are when an obligor defaults: the law of its systematic score S = sum a_j D_j / sqrt(a'Ca) at the step of
// its default, given default by the last step. S is standard normal at every step; at default it is low.
#include <array>
#include <cstddef>
#include <span>

namespace tailcube {

struct ScoreLaw {
  static constexpr double spacing = 0.25, end = 9;
  static constexpr std::size_t size = 73;
  static constexpr double score(std::size_t i) { return spacing * static_cast<double>(i) - end; }

  // E f(S) = sum of mass[i] f(score(i)) for smooth f; single masses may be below 0.
  std::array<double, size> mass{};
  // A point mass anywhere, spread over its eight neighbours by Lagrange's polynomials.
  void add(double at, double weight);
  // To a total of 1; the standard normal law where nothing was added, because nobody can default.
  void normalise();
};

// Of first passages through the thresholds of adapted timing; of the Gaussian copula (dof = 0) or the t copula.
ScoreLaw adapted_scores(std::span<const double> threshold, double squared_loading, double dof);
// Of terminal timing: default by step n if X at the last step is below threshold n. With one step the same as adapted.
ScoreLaw terminal_scores(std::span<const double> threshold, double squared_loading, double dof);

}  // namespace tailcube
