#pragma once
// Loans whose interest is paid in kind while a factor is above or below a level.
#include <span>

#include "kernels/instruments/cash_flows.h"
#include "kernels/instruments/telling.h"

namespace tailcube {

// Interest that is due is added to the principal where the condition holds, at a rate that is higher by `margin`.
struct PikToggle {
  enum When : int { above, below };  // the order of the words in the column
  FactorIndex factor;                // `none`: there is no toggle
  int when;
  double level;   // in the factor's unit
  double margin;  // per year
  bool holds(double value) const { return when == above ? value > level : value < level; }
};
// The columns of PikToggle, for a table that has them from some column on.
std::vector<Column> pik_toggle_columns();
PikToggle pik_toggle(const Positions&, std::size_t position, std::size_t first_column);
std::optional<Complaint> check_pik_toggle(const PikToggle&);

inline std::vector<Gauge> toggled_gauges() { return {{"paid_in_kind", "money"}}; }  // behind those of cash flows

// Each position by itself. Adds to its rows, which somebody else clears. A claim is what is owed if all interest is paid in
// cash: no prepayment, nothing undrawn, no floating coupon, nothing capitalised. M, 1 today, is what each payment and
// balance of it is multiplied by. Date k, paid at the first step n at or after it, looks at the factor at the last step at
// or before it: where the condition holds and principal B_k is left after it, B_(k-1) - B_k is paid (times M) and the
// interest J_k = B_(k-1) (interest + margin) y_k, y_k the length of its period, is not; M grows by 1 + J_k / B_k. Seen from
// a valued step, the condition stays as it is there. Gauges: those of cash_flow_batch and interest paid in kind so far, at
// the currency's price of its step.
std::unique_ptr<TellingBatch> toggled_loans(const Positions&, const std::function<Claim(std::size_t position)>&,
                                            const std::function<PikToggle(std::size_t position)>&,
                                            const std::function<double(std::size_t position)>& frequency, const Wiring&,
                                            std::unique_ptr<Recovery>);

}  // namespace tailcube
