#pragma once
// The error of a difference between two estimates whose scenarios have the same random numbers, from the worst scenarios
// that both cubes list in /tail.
#include <cstdint>
#include <limits>
#include <optional>

#include "src/report/figures.h"

namespace tailcube {

struct PairedError {
  double se;
  // How surely the difference has its sign, as a standard normal deviate, by a test that asks nothing of the law of the
  // losses; infinite where `se` alone is enough.
  double sign = std::numeric_limits<double>::infinity();
};

// Of VaR at two places of two cubes, whose own standard errors are sa and sb:
//   se^2 = sa^2 + sb^2 - 2 rho sa sb,
// rho the correlation over all scenarios of the indicators 1{L > VaR} (Bahadur 1966), taken for one more scenario that lies
// beyond VaR in one cube only than there are: each VaR is one scenario's loss, which cannot be told from its neighbours.
// Where few scenarios cross VaR the law of a difference of order statistics is far from normal, hence also a sign test
// (McNemar 1947): that VaR rose from a to b is refuted at v unless clearly more scenarios have L_b > v and L_a < v than have
// L_a >= v and L_b <= v; the weaker of its verdicts at v = VaR_a and v = VaR_b counts. Ties, as of equal loans, count
// against the difference. Empty where a tail does not list every scenario whose loss is VaR or more, for the quantities that
// /tail does not hold, with importance weights, or where nothing lies beyond VaR.
std::optional<PairedError> paired_var_error(const Cube& a, const Place&, double sa, const Cube& b, const Place&, double sb);

// Of ES: the standard error of the mean of the differences of (L - VaR)+ over all scenarios, by 1 - confidence (Manistre and
// Hancock 2005). Empty as above, but a tail may end among the scenarios that lose VaR.
std::optional<PairedError> paired_shortfall_error(const Cube& a, const Place&, const Cube& b, const Place&);

// The deviate of a sign test, one-sided, exact for up to 1000 signs: `up` of one kind against `down` of the other; 0 unless
// there are more of the first.
double sign_test(std::int64_t up, std::int64_t down);

}  // namespace tailcube
