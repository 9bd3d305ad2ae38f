#pragma once
// The defaults of plain claims: fixed amounts by an AmountRule along a chain, recovery in cash at the default step, no
// interest on interest. What each changes is the same arithmetic, so that defaults lie side by side in vectors.
#include <cstddef>

#include "kernels/block.h"
#include "kernels/instruments/amounts.h"

namespace tailcube {

struct DefaultsAbreast {
  static constexpr std::size_t most = 32;                      // what is written of them stays in the first-level cache
  enum Sum : std::size_t { level, last, slope, first, sums };  // Corrections::Sums at the claim's last date

  std::size_t count = 0;
  alignas(64) double dates[most];          // of the claim
  double unpaid[most], seen[most];         // dates before the default; place of the first valued step from it on
  double owed[most], years[most];          // principal at the default; years of interest accrued on it
  double interest[most], recovered[most];  // per year; 1 - LGD
  double exchange[most], foreign[most];    // at the default step; 1 and 0 for the job's currency
  AmountRule rule[most];
};

// Of the claims' chain and the batch.
struct ChainAbreast {
  std::size_t valued;
  const double* paid;   // Schedule::paid_valued
  const double* rates;  // [date to the last valued step, then valued][most] exchange rates; null: nobody's are foreign
  bool slopes, firsts;  // whether any claim has a slope, a `first`
};
// change[valued][most][4]: what value, cash, defaults and defaulted exposure of the row change by. `sum` holds
// [valued][sums][most] discounted amounts; both and `rates` begin at a cache line. The same bits on every CPU, those of one
// default after the other.
void changes(DefaultsAbreast&, const ChainAbreast&, const double* sum, double* change);

}  // namespace tailcube
