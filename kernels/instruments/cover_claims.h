#pragma once
// What covers claim, and what the capital of a provider that they share can pay of it.
#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "kernels/instruments/instrument.h"

namespace tailcube {

struct Cover {  // words in the order of the column's
  enum Trigger : int { on_default, on_price, on_losses };
  enum Payout : int { indemnity, fixed };
  enum Measure : int { credit, economic };
  enum Payment : int { running, upfront };
  int trigger;
  double insured;
  FactorIndex factor;
  double trigger_price, reference_price;
  int payout;
  PoolIndex pool;
  int measure;
  double deductible, limit, share, term_years, claim_delay_years, premium;
  int premium_payment;
  AccountIndex provider;
  double capital;
  FactorIndex capital_factor;
  ObligorIndex provider_obligor;
};

enum CoverGauge : std::size_t { claims_paid, claims_unpaid };  // in the order of the instrument's gauges

// Of a cover that is open until a step, now: the premium that was paid upfront and is not yet earned, and what running
// premiums have cost since today.
inline double unearned(const Cover& t, const std::vector<double>& time_years, int now, double open) {
  if (t.premium_payment != Cover::upfront || !(now < open)) return 0;
  return t.premium * std::max(t.term_years - time_years[static_cast<std::size_t>(now)], 0.0);
}
inline double premiums(const Cover& t, const std::vector<double>& time_years, int now, double open) {
  if (t.premium_payment == Cover::upfront) return 0;
  return t.premium * std::min(t.term_years, time_years[static_cast<std::size_t>(std::min<double>(now, open))]);
}

// What a cover of quantity 1 claims, in money of the job.
class Claims {
 public:
  using Column = std::array<double, lanes>;
  Claims(const Cover&, ObligorIndex, const Wiring&);
  // Adds `weight` x what is claimed at each step to table [step 0 .. n][lane], up to the step at which the provider has
  // failed. `open` becomes the last step at which something is or could have been claimed. `undisturbed`: had nobody
  // defaulted.
  void add(const Block&, bool undisturbed, double weight, const Column& failed, double* table, Column& open) const noexcept;
  // Of one that pays once, on a default or a price: by lane the step and the amount of its claim, infinity and 0 where there
  // is none.
  void find(const Block&, Column& step, Column& claimed) const noexcept;
  const Cover& terms() const { return t_; }
  ObligorIndex obligor() const { return obligor_; }
  double claimed_at_default(double loss_given_default) const {
    return payout(t_.insured * (t_.payout == Cover::fixed ? 1 : loss_given_default));
  }
  double end() const { return end_; }    // the last step at which it can claim, which may lie beyond the job's last
  double most() const { return most_; }  // that can be claimed
  int delay() const { return delay_; }   // steps from a claim to its payment
  std::vector<FactorIndex> reads() const;
  bool reads_defaults() const { return t_.trigger == Cover::on_default || !is_none(t_.provider_obligor); }

 private:
  double payout(double loss) const;
  void add_losses(const Block&, bool undisturbed, double weight, double* table, Column& open) const noexcept;

  Cover t_;
  ObligorIndex obligor_;
  double end_;        // step; may lie beyond the last
  int last_, delay_;  // last step to look at
  double pool_today_ = 0, most_ = 0;
};

struct SharedCover {
  Claims claims;
  double quantity;  // without its sign
};
// What the provider's capital pays: claims of a step take from it, pro rata if it is not enough, and what is left is there
// for those of the next. All covers agree on the provider.
std::unique_ptr<PricePath> provider_capital(std::vector<SharedCover>, const FactorModel&);

}  // namespace tailcube
