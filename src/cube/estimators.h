#pragma once
// Estimates from tallies, in loss units: pure functions. Formulas and sources: kernels/METHODS.md, "Tally and estimators".
#include <span>
#include <vector>

#include "kernels/tally/tally.h"
#include "src/cube/ranks.h"

namespace tailcube {

struct Bracket {
  double lower, upper;
  double middle() const { return lower == upper ? lower : lower + (upper - lower) / 2; }
};

// NaN where it does not exist: all without scenarios, the errors and the deviation with one scenario.
struct MomentEstimate {
  double mean, mean_se, deviation, probability_positive, probability_positive_se;
};
MomentEstimate estimate_moments(const Moments&);

// What is known of the upper tail of n losses: the worst of them exactly, and bins with exact counts and sums below (binned
// mode) or nothing (exact mode). Ranks count from the smallest, 1 .. n.
class TailView {
 public:
  TailView(std::int64_t n, const Tail::Worst& worst) : n_(n), worst_(worst) {}
  // `bins` as from Histogram::occupied(), with sums.
  TailView(std::int64_t n, const Tail::Worst& worst, std::vector<Histogram::Bin> bins, int bits);
  std::int64_t scenarios() const { return n_; }
  const Tail::Worst& worst() const { return worst_; }
  bool is_exact(std::int64_t rank) const { return n_ - rank < worst_.depth(); }
  // x_(rank): one value where the list of the worst reaches it, otherwise the bounds that the count and the exact sum of its
  // bin prove. Throws std::runtime_error when it lies below everything that was kept.
  Bracket order_statistic(std::int64_t rank) const;
  // Expected shortfall, coherent with the atom at VaR (Acerbi and Tasche 2002), and its standard error (Manistre and Hancock
  // 2005; from bounds of the tail's second moment where it is a bracket, so that it is not too small); 0 where no loss
  // exceeds VaR.
  struct Shortfall {
    Bracket value;
    double standard_error;
  };
  Shortfall expected_shortfall(Confidence) const;

 private:
  Units exact(std::int64_t rank) const;
  std::size_t bin_of(std::int64_t rank) const;
  Shortfall exact_shortfall(Confidence, std::int64_t k) const;
  Shortfall binned_shortfall(Confidence, std::int64_t k) const;
  Units low(std::size_t bin) const { return Histogram::lowest(bins_[bin].key, bits_); }
  Units high(std::size_t bin) const { return Histogram::highest(bins_[bin].key, bits_); }

  std::int64_t n_;
  Tail::Worst worst_;
  int bits_ = 0;
  std::vector<Histogram::Bin> bins_;  // ascending
  std::vector<std::int64_t> above_;   // scenarios in higher bins, by bin
  std::vector<Wide> sum_above_;
};

struct TailEstimate {
  double value_at_risk, value_at_risk_lower, value_at_risk_upper;
  double expected_shortfall, expected_shortfall_se, expected_shortfall_lower, expected_shortfall_upper;
  std::int8_t flag;  // EstimateFlag
};
// Point estimates and 95 % intervals; `ranks` = order_statistic_ranks(n, alpha). An end of an interval that does not exist
// is NaN and flagged. Throws std::runtime_error when an order statistic lies below what was kept.
TailEstimate estimate_tail(const TailView&, Confidence, RankInterval ranks);

inline constexpr double normal_975 = 1.959963984540054;  // quantile of the standard normal law at 0.975

}  // namespace tailcube
