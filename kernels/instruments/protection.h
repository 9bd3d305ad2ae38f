#pragma once
// Protection against an obligor's default: a premium until default or maturity, the loss if there is a default.
#include <array>
#include <vector>

#include "kernels/instruments/instrument.h"

namespace tailcube {

struct ProtectionTerms {
  ObligorIndex obligor;
  FactorIndex currency;
  double maturity_years, premium, frequency;  // premium per year, in `frequency` payments, counted back from maturity
  CurveIndex curve;
  Rate spread;  // what such protection costs per year; blank: the obligor's default probabilities say
};

// Of a notional of 1. A default at step d, not after the maturity's, brings LGD less the premium since the last date, in
// cash at d; premiums are cash at the first step at or after their date. Value is the expectation under survival from the
// step on: constant hazard spread / mean LGD, or the obligor's default curve; a default in a period lies at its middle.
class Protection {
 public:
  Protection(const ProtectionTerms&, const Wiring&);
  double worth_today() const { return worth_today_; }  // money of its currency
  // Adds value, cash and credit loss of `amount` to a row.
  void add(double amount, RowIndex, const Block&, Ledger&) const noexcept;

 private:
  using Column = std::array<double, lanes>;
  struct Payment {
    double date_years, from_years;
    int step;                // at which it is made
    DiscountIndex discount;  // of its date
  };
  double find_worth_today(const Wiring&) const;
  double hazard(double spread) const { return loss_ > 0 && spread > 0 ? spread / loss_ : 0; }
  double leg(const Payment&, double now, double middle, double end, double failing, double left) const;
  double accrued(int step) const noexcept;
  void value(const Block&, std::size_t v, std::size_t next, Column& worth) const noexcept;

  ProtectionTerms terms_;
  std::vector<int> valued_;
  double step_years_, loss_;  // loss: mean, given default
  int maturity_;              // step
  std::vector<Payment> payments_;
  std::vector<double> survival_;  // [valued step][payment] from the step to the date, unless a factor is the spread
  double worth_today_;
};

}  // namespace tailcube
