#include "kernels/credit/score_law.h"

#include <algorithm>
#include <cmath>

#include "kernels/credit/first_passage.h"
#include "kernels/math/functions.h"

namespace tailcube {
namespace {

// Nodes of W lighter than this share of the defaults are left out.
constexpr double negligible = 1e-9;

double probability(double threshold, double dof) { return dof > 0 ? student_cdf(threshold, dof) : normal_cdf(threshold); }

// The first step at which anybody can default; their number where nobody can.
std::size_t first_with_defaults(std::span<const double> threshold, double dof) {
  std::size_t n = 0;
  while (n < threshold.size() && !(probability(threshold[n], dof) > 0)) ++n;
  return n;
}

// Adds phi(s) P(low < X <= high | S = s), corr(X, S) = loading before the division by sqrt(W / dof).
void add_slice(ScoreLaw& law, double low, double high, double loading, std::span<const MixingNode> mixing) {
  const double residual = std::sqrt(1 - loading * loading);
  for (std::size_t i = 0; i < ScoreLaw::size; ++i) {
    const double s = ScoreLaw::score(i);
    double hit = 0;
    for (const MixingNode& m : mixing)
      hit += m.weight *
             (normal_cdf((high * m.scale - loading * s) / residual) - normal_cdf((low * m.scale - loading * s) / residual));
    law.mass[i] += ScoreLaw::spacing * normal_pdf(s) * hit;
  }
}

}  // namespace

void ScoreLaw::add(double at, double weight) {
  constexpr int points = 8;
  constexpr double divisor[] = {-5040, 720, -240, 144, -144, 240, -720, 5040};  // product over m != j of (j - m)
  const double place = (std::clamp(at, -end, end) + end) / spacing;
  const auto first = static_cast<std::size_t>(std::clamp(std::floor(place) - 3, 0.0, static_cast<double>(size - points)));
  const double t = place - static_cast<double>(first);
  double below = weight;  // the weight times the product over m < j of (t - m)
  for (int j = 0; j < points; ++j) {
    double term = below / divisor[j];
    for (int m = j + 1; m < points; ++m) term *= t - m;
    mass[first + static_cast<std::size_t>(j)] += term;
    below *= t - j;
  }
}

void ScoreLaw::normalise() {
  double total = 0;
  for (const double m : mass) total += m;
  if (total > 0) {
    for (double& m : mass) m /= total;
  } else {
    for (std::size_t i = 0; i < size; ++i) mass[i] = spacing * normal_pdf(score(i));
  }
}

ScoreLaw adapted_scores(std::span<const double> threshold, double squared_loading, double dof) {
  ScoreLaw law;
  const std::size_t first = first_with_defaults(threshold, dof);
  if (squared_loading < 1e-6 || first == threshold.size()) return law.normalise(), law;
  const double share = probability(threshold[first], dof), resolution = dof > 0 ? negligible * share : 0;
  if (!(share < 1)) return law.normalise(), law;
  const std::vector<MixingNode> mixing = mixing_nodes(dof, resolution);
  add_slice(law, never, threshold[first], std::sqrt(squared_loading), mixing);
  double low = threshold[first], high = low;
  for (const double c : threshold)
    if (c != never) low = std::min(low, c), high = std::max(high, c);
  Recursion recursion(squared_loading, low, high, mixing, resolution);
  recursion.start(threshold[0]);
  for (std::size_t n = 1; n < threshold.size(); ++n) {
    const int k = static_cast<int>(n) + 1;
    if (n > first && threshold[n] != never) recursion.scores(k, threshold[n], law);
    if (n + 1 < threshold.size()) recursion.advance(k, threshold[n]);
  }
  return law.normalise(), law;
}

// Given default by X at the last step N, the score at step n has the correlation R sqrt(n / N) with X.
ScoreLaw terminal_scores(std::span<const double> threshold, double squared_loading, double dof) {
  ScoreLaw law;
  const std::size_t first = first_with_defaults(threshold, dof);
  if (first == threshold.size()) return law.normalise(), law;
  const std::vector<MixingNode> mixing = mixing_nodes(dof, dof > 0 ? negligible * probability(threshold[first], dof) : 0);
  const auto steps = static_cast<double>(threshold.size());
  for (std::size_t n = first; n < threshold.size(); ++n)
    add_slice(law, n == 0 ? never : threshold[n - 1], threshold[n],
              std::sqrt(squared_loading * static_cast<double>(n + 1) / steps), mixing);
  return law.normalise(), law;
}

}  // namespace tailcube
