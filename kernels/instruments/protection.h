#pragma once
// Protection against an obligor's default: a premium until default or maturity, the loss if there is a default.
#include <array>
#include <tuple>
#include <vector>

#include "kernels/instruments/instrument.h"
#include "kernels/instruments/rows.h"

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
  friend class Protections;
  using Column = std::array<double, lanes>;
  struct Payment {
    double date_years, from_years;
    int step;                // at which it is made
    DiscountIndex discount;  // of its date
  };
  double find_worth_today(const Wiring&) const;
  double hazard(double spread) const { return loss_ > 0 && spread > 0 ? spread / loss_ : 0; }
  // What is left of a period, by probabilities of a default in it and of none until its end, and by discount factors of its
  // middle and its end.
  struct Period {
    double at_default, premium, years;
    double worth(double middle, double end, double failing, double left) const {
      return middle * failing * at_default - end * left * premium * years;
    }
  };
  Period period(const Payment&, double now) const;
  double accrued(int step) const noexcept;
  void value(const Block&, std::size_t v, std::size_t next, Column& worth) const noexcept;
  std::size_t next_payment(int step) const noexcept;  // the first one after it

  ProtectionTerms terms_;
  std::vector<int> valued_;
  double step_years_, loss_;  // loss: mean, given default
  int maturity_;              // step
  std::vector<Payment> payments_;
  std::vector<double> survival_;  // [valued step][payment] from the step to the date, unless a factor is the spread
  double worth_today_;
};

// A book of it. Where no factor is the spread, the value is a fixed sum of discount factors and of their geometric means,
// so that all of a row are one sum, from which each default takes its own away.
class Protections {
 public:
  explicit Protections(const RowSet& rows) : rows_(rows) {}
  // Returns what it is worth today, in money of its currency.
  double add(std::uint32_t row, double amount, const ProtectionTerms&, const Wiring&);
  void seal();  // after the last one
  // Adds value, cash and credit loss to the rows.
  void evaluate(const Block&, Ledger&) const noexcept;

 private:
  struct Line {
    std::uint32_t row;
    double amount;
    Protection protection;
  };
  struct Leg {  // middle x sqrt(D(from) D(to)) + end x D(to), seen from a valued step; from: `none`, where D = 1
    std::uint32_t row, valued;
    FactorIndex currency;
    DiscountIndex from, to;
    double middle, end;
    auto place() const { return std::tie(row, valued, currency); }
    auto key() const { return std::tie(row, valued, currency, from, to); }
  };
  struct Premium {  // amount x the currency's price at a step, in cash at a valued one
    std::uint32_t row, valued;
    FactorIndex currency;
    int step;
    double amount;
    auto key() const { return std::tie(row, valued, currency, step); }
  };
  void take_away(const Line&, const Default&, const Block&, Ledger&) const noexcept;

  RowSet rows_;
  std::vector<Line> fixed_, moving_;  // by whether a factor is the spread
  std::vector<Leg> legs_;
  std::vector<Premium> premiums_;
};

}  // namespace tailcube
