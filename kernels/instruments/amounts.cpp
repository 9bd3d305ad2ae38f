#include "kernels/instruments/amounts.h"

#include <algorithm>
#include <cmath>

namespace tailcube {

double AmountRule::sum(std::size_t begin, std::size_t end, std::size_t dates) const {
  if (begin >= end) return 0;
  const auto count = static_cast<double>(end - begin), twice_mean = static_cast<double>(begin + end - 1);
  return level * count + slope * (0.5 * twice_mean * count) + (begin == 0 ? first : 0) + (end == dates ? last : 0);
}

std::optional<AmountRule> amount_rule(std::span<const double> amounts) {
  const std::size_t n = amounts.size();
  AmountRule rule;
  double largest = 0;
  for (const double a : amounts) largest = std::max(largest, std::abs(a));
  const auto negligible = [&](double a) { return std::abs(a) <= 0x1p-49 * largest; };
  if (n > 1) rule.level = amounts[n == 2 ? 0 : 1];
  if (n > 3) {
    const double rise = amounts[n - 2] - amounts[1];
    if (!negligible(rise)) rule.slope = rise / static_cast<double>(n - 3);
    rule.level -= rule.slope;
  }
  for (std::size_t k = 1; k + 1 < n; ++k)
    if (!negligible(amounts[k] - rule.amount(k, n))) return {};
  if (n > 2) rule.first = amounts[0] - rule.level;
  if (negligible(rule.first)) rule.first = 0;
  rule.last = amounts[n - 1] - rule.amount(n - 1, n);
  return rule;
}

}  // namespace tailcube
