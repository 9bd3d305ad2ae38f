#pragma once
// Coupons that float: fixed on the path at the first step at or after the start of their period, until then projected from
// the curve without spread.
#include <span>

#include "kernels/instruments/ladder.h"

namespace tailcube {

// A coupon pays 1/D - 1 on its notional, D the discount factor over the period.
struct Period {
  CurveIndex curve;
  FactorIndex spread;
  double start_years, end_years;
  auto operator<=>(const Period&) const = default;
};

// What the coupons of all periods are worth on a notional of 1, in 64 scenarios.
class Forwards {
 public:
  std::uint32_t add(const Period&, const Wiring&);
  std::uint32_t place(const Period& known) const { return known_.at(known); }
  std::size_t doubles() const { return (lines_.size() * valued_.size() + fixings_.size()) * lanes; }
  void evaluate(const Block&, double* table) const;
  // In what `evaluate` wrote: discounted with the spread factor (0 once paid), [valued][lane]; the amount, [lane], of a
  // period that starts by the last valued step.
  const double* worth(const double* table, std::uint32_t period) const { return table + period * valued_.size() * lanes; }
  const double* fixing(const double* table, std::uint32_t period) const {
    return table + (lines_.size() * valued_.size() + lines_[period].fixing) * lanes;
  }

 private:
  struct Line {
    double start_years, end_years;
    std::uint32_t start, end, risky;  // DiscountIndex: without spread; at the end, with the spread factor
    std::uint32_t fixing;             // `none`: starts later
  };
  struct Fixing {
    std::uint32_t curve;  // place in curves_
    double years;
    int step;
  };
  std::map<Period, std::uint32_t> known_;
  std::map<CurveIndex, std::uint32_t> known_curves_;  // place in curves_
  std::vector<Line> lines_;
  std::vector<Fixing> fixings_;
  std::vector<std::vector<Pillar>> curves_;
  std::vector<double> valued_years_;
  std::vector<int> valued_;
};

// The floating coupons of a book: ladders of notionals while they are value, a table of notionals once they are cash.
class FloatingCoupons {
 public:
  // Flows from the second on pay a floating coupon on Claim::floating.
  void add(const Claim&, const CashFlowLine&, const Wiring&);
  void finish(const Wiring&);  // once all have been added
  const Forwards& forwards() const { return forwards_; }
  // Adds what the coupons are worth and have paid if nobody defaults, from what Forwards::evaluate wrote.
  void add_values(const RowSet&, const Block&, const double* table, Ledger&) const;
  // Of each date of a claim: the period that ends there; `none` for the first.
  std::vector<std::uint32_t> periods(const Schedule&) const;

 private:
  struct Cash {
    std::uint32_t row;
    int step;
    FactorIndex currency;
    std::uint32_t period;
    double notional;
  };
  Forwards forwards_;
  CompiledClaims claims_;
  Ladders ladders_;
  std::vector<Cash> cash_;
};

}  // namespace tailcube
