#pragma once
// Claims on something that can be sold: a default brings in the smaller of the claim and the proceeds of a sale.
#include "kernels/instruments/cash_flows.h"

namespace tailcube {

// What a sale `years` from now is expected to bring towards a claim, given the price of today. Kinds lognormal (jumps
// included) and log_ou: the conditional expectation under the factor's own law; the others: intrinsic value, as if sold
// today.
class SaleLaw {
 public:
  SaleLaw(const Factor&, double years);
  // E[min(claim, units x price at the sale) | price now]; claim and units zero or more. NaN for a price that is not positive
  // and finite. Error: 1e-13 of the claim.
  double operator()(double claim, double units, double price) const;
  // The same for a few sales side by side, at most `together`, each under its own law.
  static constexpr std::size_t together = 64;
  static void expect(std::span<const SaleLaw* const> laws, const double* claims, const double* units, const double* prices,
                     double* out);

 private:
  struct Jumps {  // given their number: its probability, E[price at the sale] / price^decay, deviation of the logarithm
    double probability, growth, deviation;
  };
  double units_worth(double units, double price) const;  // today, decayed
  double decay_ = 1;                                     // of the logarithm
  std::vector<Jumps> jumps_;
};

// What stands behind one position.
struct Security {
  FactorIndex price;         // an index: the collateral's value moves with it
  double value;              // today, money of the position's currency, not negative
  double sale_cost;          // share of the proceeds
  double foreclosure_years;  // from default to the sale, rounded up to a step
};
// sign x min(|claim|, (1 - sale_cost) x collateral) at the sale, in cash at that step; until then the same as SaleLaw
// expects it, discounted from the sale at the claim's curve without spread. One Security per claim. Collateral leaves with
// the share of a loan that is prepaid.
std::unique_ptr<Recovery> secured_recovery(const Positions&, const std::vector<Claim>&, const std::vector<Security>&,
                                           const Wiring&);

}  // namespace tailcube
