#include "src/report/paired_error.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

namespace tailcube {
namespace {

using Beyond = std::unordered_map<std::int64_t, double>;  // scenario -> excess over VaR, or 1

std::optional<Beyond> beyond_var(const Cube& cube, const Place& at, bool shortfall) {
  if (cube.quantities[static_cast<std::size_t>(at.quantity)] != "economic" || cube.tail_ranks == 0) return std::nullopt;
  const auto ranks = static_cast<std::size_t>(cube.tail_ranks);
  const std::size_t first = cube.at(0, at.cell, at.node, at.horizon) * ranks;
  const double var = cube.value_at_risk[cube.at(at.quantity, at.cell, at.node, at.horizon, at.confidence)];
  const std::size_t last = first + ranks - 1;
  if (cube.tail_valid[last] != 0 && cube.tail_loss[last] > var) return std::nullopt;  // others may lie beyond VaR as well
  Beyond found;
  std::size_t listed = 0;
  for (; listed < ranks && cube.tail_valid[first + listed] != 0; ++listed) {
    if (cube.tail_weight[first + listed] != 1) return std::nullopt;
    const double excess = cube.tail_loss[first + listed] - var;
    if (!(excess > 0)) return found;  // worst first: all that follow lie below as well
    found[cube.tail_scenario[first + listed]] = shortfall ? excess : 1.0;
  }
  if (static_cast<std::int64_t>(listed) == cube.scenarios) return found;
  return std::nullopt;
}

struct Sums {
  double sum = 0, squares = 0;
};
Sums sums_of(const Beyond& beyond) {
  Sums sums;
  for (const auto& [scenario, value] : beyond) {
    sums.sum += value;
    sums.squares += value * value;
  }
  return sums;
}

}  // namespace

std::optional<double> tail_correlation(const Cube& a, const Place& pa, const Cube& b, const Place& pb, bool shortfall) {
  if (a.scenarios != b.scenarios) return std::nullopt;
  const auto in_a = beyond_var(a, pa, shortfall), in_b = beyond_var(b, pb, shortfall);
  if (!in_a || !in_b || in_a->empty() || in_b->empty()) return std::nullopt;
  double product = 0;
  for (const auto& [scenario, value] : *in_a)
    if (const auto other = in_b->find(scenario); other != in_b->end()) product += value * other->second;
  const auto n = static_cast<double>(a.scenarios);
  const Sums sa = sums_of(*in_a), sb = sums_of(*in_b);
  const double covariance = product - sa.sum * sb.sum / n;
  const double spread = (sa.squares - sa.sum * sa.sum / n) * (sb.squares - sb.sum * sb.sum / n);
  if (!(spread > 0)) return std::nullopt;
  return std::clamp(covariance / std::sqrt(spread), -1.0, 1.0);
}

}  // namespace tailcube
