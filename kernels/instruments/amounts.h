#pragma once
// Dated amounts that follow a rule, so that what is left of many claims comes from a few sums over their common dates.
#include <optional>
#include <span>

namespace tailcube {

// The amount of date k = 0, 1, ... is level + slope k; `first` and `last` come on top on those dates.
struct AmountRule {
  double level = 0, slope = 0, first = 0, last = 0;
  // Sum over the dates begin <= k < end of a claim with `dates` dates.
  double sum(std::size_t begin, std::size_t end, std::size_t dates) const;
  double amount(std::size_t k, std::size_t dates) const {
    return level + slope * static_cast<double>(k) + (k == 0 ? first : 0) + (k + 1 == dates ? last : 0);
  }
};
// The rule of these amounts (bullets, level payments and equal parts of principal have one) to 2^-49 of the largest, or
// none.
std::optional<AmountRule> amount_rule(std::span<const double> amounts);

}  // namespace tailcube
