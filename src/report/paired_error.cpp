#include "src/report/paired_error.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "kernels/math/functions.h"

namespace tailcube {
namespace {

// The worst scenarios of a node, down to VaR and below if so many are listed; worst first.
struct Listed {
  std::vector<std::int64_t> scenario;
  std::vector<double> loss;
  double var = 0;
  bool beyond = false, at = false;  // whether all whose loss exceeds VaR, all whose loss is VaR, are listed
  std::size_t count_beyond() const {
    return static_cast<std::size_t>(std::find_if(loss.begin(), loss.end(), [this](double x) { return !(x > var); }) -
                                    loss.begin());
  }
};

std::optional<Listed> listed(const Cube& cube, const Place& at) {
  if (cube.quantities[static_cast<std::size_t>(at.quantity)] != "economic" || cube.tail_ranks == 0) return std::nullopt;
  const auto ranks = static_cast<std::size_t>(cube.tail_ranks);
  const std::size_t first = cube.at(0, at.cell, at.node, at.horizon) * ranks;
  Listed found;
  found.var = cube.value_at_risk[cube.at(at.quantity, at.cell, at.node, at.horizon, at.confidence)];
  for (std::size_t i = first; i < first + ranks && cube.tail_valid[i] != 0; ++i) {
    if (cube.tail_weight[i] != 1) return std::nullopt;
    found.scenario.push_back(cube.tail_scenario[i]);
    found.loss.push_back(cube.tail_loss[i]);
  }
  const bool all = static_cast<std::int64_t>(found.loss.size()) == cube.scenarios;
  found.beyond = all || (!found.loss.empty() && found.loss.back() <= found.var);
  found.at = all || (!found.loss.empty() && found.loss.back() < found.var);
  return found;
}

// Of both cubes, if both list what lies beyond VaR.
std::optional<std::pair<Listed, Listed>> both(const Cube& a, const Place& pa, const Cube& b, const Place& pb) {
  if (a.scenarios != b.scenarios) return std::nullopt;
  auto in_a = listed(a, pa), in_b = listed(b, pb);
  if (!in_a || !in_b || !in_a->beyond || !in_b->beyond) return std::nullopt;
  if (in_a->count_beyond() == 0 || in_b->count_beyond() == 0) return std::nullopt;
  return std::pair{std::move(*in_a), std::move(*in_b)};
}

double rose(const Listed& lower, const Listed& upper) {
  double least = std::numeric_limits<double>::infinity();
  for (const double v : {lower.var, upper.var}) {
    std::unordered_set<std::int64_t> below;  // of `lower`: v or worse
    for (std::size_t i = 0; i < lower.loss.size() && lower.loss[i] >= v; ++i) below.insert(lower.scenario[i]);
    std::int64_t up = 0, in_both = 0;
    for (std::size_t i = 0; i < upper.loss.size() && upper.loss[i] > v; ++i)
      below.contains(upper.scenario[i]) ? ++in_both : ++up;
    least = std::min(least, sign_test(up, static_cast<std::int64_t>(below.size()) - in_both));
  }
  return least;
}

}  // namespace

double sign_test(std::int64_t up, std::int64_t down) {
  if (up <= down) return 0;
  const std::int64_t n = up + down;
  const double size = static_cast<double>(n);
  if (n > 1000) return std::max(0.0, static_cast<double>(up - down - 1) / std::sqrt(size));
  double term = std::ldexp(1.0, -static_cast<int>(n)), tail = 0;  // P(X = n), P(X >= up) of Bin(n, 1/2)
  for (std::int64_t x = n; x >= up; --x) {
    tail += term;
    term *= static_cast<double>(x) / static_cast<double>(n - x + 1);
  }
  return std::max(0.0, -normal_quantile(tail));
}

std::optional<PairedError> paired_var_error(const Cube& a, const Place& pa, double sa, const Cube& b, const Place& pb,
                                            double sb) {
  const auto found = both(a, pa, b, pb);
  if (!found || !found->first.at || !found->second.at) return std::nullopt;
  const auto& [in_a, in_b] = *found;
  const std::size_t beyond_a = in_a.count_beyond(), beyond_b = in_b.count_beyond();
  const std::unordered_set<std::int64_t> those_of_a(in_a.scenario.begin(),
                                                    in_a.scenario.begin() + static_cast<std::ptrdiff_t>(beyond_a));
  std::size_t in_both = 0;
  for (std::size_t i = 0; i < beyond_b; ++i) in_both += those_of_a.contains(in_b.scenario[i]);
  const auto n = static_cast<double>(a.scenarios), na = static_cast<double>(beyond_a), nb = static_cast<double>(beyond_b);
  // 1 - rho of equally many is the number in one cube only by 2 na (1 - na/n); in general, from the moments.
  const double spread = std::sqrt(na * (1 - na / n) * nb * (1 - nb / n));
  if (!(spread > 0)) return std::nullopt;
  const double rho = std::clamp((static_cast<double>(in_both) - na * nb / n - 0.5) / spread, -1.0, 1.0);
  const double variance = (sa - sb) * (sa - sb) + 2 * (1 - rho) * sa * sb;
  return PairedError{std::sqrt(variance), in_a.var < in_b.var ? rose(in_a, in_b) : rose(in_b, in_a)};
}

std::optional<PairedError> paired_shortfall_error(const Cube& a, const Place& pa, const Cube& b, const Place& pb) {
  const auto found = both(a, pa, b, pb);
  if (!found) return std::nullopt;
  std::unordered_map<std::int64_t, double> change;  // of (L - VaR)+, by scenario
  const auto& [in_a, in_b] = *found;
  for (std::size_t i = 0; i < in_b.count_beyond(); ++i) change[in_b.scenario[i]] += in_b.loss[i] - in_b.var;
  for (std::size_t i = 0; i < in_a.count_beyond(); ++i) change[in_a.scenario[i]] -= in_a.loss[i] - in_a.var;
  std::vector<double> changes;  // summed up in an order that is the same everywhere
  changes.reserve(change.size());
  for (const auto& [scenario, x] : change) changes.push_back(x);
  std::sort(changes.begin(), changes.end());
  double sum = 0, squares = 0;
  for (const double x : changes) sum += x, squares += x * x;
  const auto n = static_cast<double>(a.scenarios);
  const double tail = 1 - a.confidence[static_cast<std::size_t>(pa.confidence)].value();
  return PairedError{std::sqrt(std::max(0.0, squares - sum * sum / n)) / (n * tail)};
}

}  // namespace tailcube
