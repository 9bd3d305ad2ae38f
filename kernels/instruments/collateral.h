#pragma once
// Claims on something that can be sold: a default brings in the smaller of the claim and the proceeds of a sale.
#include <algorithm>
#include <array>

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

 private:
  friend class Sales;
  struct Jumps {  // given their number: its probability, E[price at the sale] / price^decay, deviation of the logarithm
    double probability, growth, deviation, per_deviation;  // its inverse; 0: there is none
  };
  double decayed(double price) const;  // NaN for a price that is not positive and finite
  double decay_ = 1;                   // of the logarithm
  Jumps fewest_{1, 1, 0, 0};
  std::vector<Jumps> more_;
};

// Sales that are waited for, valued side by side, each with the bits that it has alone.
class Sales {
 public:
  // *out = scale x what is expected towards a claim of either sign, at the latest after `finish`.
  void add(const SaleLaw& law, double claim, double units, double price, double scale, double* out) {
    const std::size_t i = count_;
    terms_.claim[i] = claim, terms_.units[i] = units, terms_.scale[i] = scale;
    terms_.price[i] = law.decay_ == 1 ? price : law.decayed(price);
    set(i, law.fewest_);
    most_ = std::max(most_, law.more_.size());
    law_[i] = &law, out_[i] = out;
    if (++count_ == together) finish();
  }
  void finish();

  static constexpr std::size_t together = 32;
  // Of each: as for `add`, the price decayed; and the numbers of one SaleLaw::Jumps.
  struct Terms {
    template <class T>
    using Column = std::array<T, together>;
    alignas(64) Column<double> claim, units, price, scale, probability, growth, deviation, per_deviation, sum;
  };

 private:
  void set(std::size_t i, const SaleLaw::Jumps& jumps) {
    terms_.probability[i] = jumps.probability, terms_.growth[i] = jumps.growth;
    terms_.deviation[i] = jumps.deviation, terms_.per_deviation[i] = jumps.per_deviation;
  }
  std::size_t count_ = 0, most_ = 0;  // SaleLaw::more_ of those that wait
  Terms terms_;
  Terms::Column<const SaleLaw*> law_;
  Terms::Column<double*> out_;
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
