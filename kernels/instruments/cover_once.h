#pragma once
// Covers that pay once, on a default or at a price, and whose provider is no obligor.
#include <vector>

#include "kernels/instruments/cover_claims.h"
#include "kernels/instruments/rows.h"

namespace tailcube {

// Of covers on defaults only those are visited that pay: what the others are worth is a number for each row and valued step.
class OneClaim {
 public:
  static bool fits(const Cover& t) { return t.trigger != Cover::on_losses && is_none(t.provider_obligor); }
  OneClaim(const RowSet&, const std::vector<double>& time_years);
  void add(std::uint32_t row, double quantity, const Claims&);
  // Adds value, cash, credit loss and gauges to the rows.
  void evaluate(const Block&, Ledger&) const noexcept;

 private:
  struct Line {
    std::uint32_t row;
    double quantity;
    Claims claims;
  };
  void settle(const Line&, const Block&, Ledger&) const noexcept;
  void correct(const Line&, const Default&, const Block&, Ledger&) const noexcept;

  RowSet rows_;
  std::vector<double> time_years_;
  std::vector<Line> by_price_, by_default_;
  std::vector<double> value_, cash_;  // [row][valued step] of by_default_ where nobody defaults
};

}  // namespace tailcube
