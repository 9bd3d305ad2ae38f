#pragma once
// What defaults take away from a book that ladders value as if nobody defaulted.
#include "kernels/instruments/ladder.h"

namespace tailcube {

// At valued steps from the default on: the position's performing value and what it would have paid after the step before the
// default go; what the Recovery says comes. The credit loss is that difference. Gauges 0 and 1: defaulted positions;
// principal and accrued interest at default.
class Corrections {
 public:
  enum Gauge : std::size_t { defaults, defaulted_exposure, gauge_count };

  // `claims`, `rows` and `recovery` outlive it; numbers the slots of the schedules.
  Corrections(CompiledClaims& claims, const RowSet& rows, const Recovery& recovery, const Positions&, const Wiring&);
  void apply(const Block&, Ledger&) const;
  std::size_t bytes_per_thread() const;

 private:
  // Discount factors of one valued step and lane: factor i is at first[i * stride].
  struct Direct;      // in Block::discounts, by DiscountIndex
  struct Transposed;  // in scratch memory, by slot: contiguous
  template <class Factors>
  void correct(std::uint32_t position, const Default&, const Factors&, const Block&, Ledger&) const;
  void apply_direct(const Block&, Ledger&) const;
  void apply_transposed(const Block&, Ledger&) const;
  double claim_at_default(const CashFlowLine&, const Schedule&, int step) const;

  const CompiledClaims& claims_;
  const RowSet& rows_;
  const Recovery& recovery_;
  ByObligor by_obligor_;
  std::vector<double> time_years_;
  std::vector<std::uint32_t> slots_;  // DiscountIndex of each slot
};

}  // namespace tailcube
