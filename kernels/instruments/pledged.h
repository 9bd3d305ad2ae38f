#pragma once
// What ratios of debts are made of that something stands behind: collateral, debt and equity, as gauges of a batch's rows.
#include <memory>
#include <tuple>
#include <vector>

#include "kernels/instruments/rows.h"
#include "kernels/instruments/telling.h"

namespace tailcube {

inline std::vector<Gauge> pledge_gauges() { return {{"collateral", "money"}, {"debt", "money"}, {"equity", "money"}}; }

// Sums of amount x price(factor) x price(currency) by row and valued step. A default takes those of its position away at
// every step from it on.
class Pledges {
 public:
  enum What : std::uint32_t { collateral, debt };
  // `first`: the gauges of a row before these.
  Pledges(const Wiring& wiring, std::size_t first) : rows_(wiring, first), first_(first) {}
  // At a valued step, or today.
  void add(std::size_t position, std::uint32_t row, What, std::uint32_t valued, FactorIndex, FactorIndex currency,
           double amount);
  void add_today(std::uint32_t row, What, double money);
  void seal(const std::vector<ObligorIndex>& of_position);  // after the last one
  std::vector<double> today() const { return today_; }      // Batch::gauges_today
  // Adds to the gauges, which must be clear.
  void add_values(const Block&, Ledger&) const noexcept;

 private:
  struct Amount {
    std::uint32_t row, valued;
    What what;
    FactorIndex factor, currency;
    double amount;
    auto key() const { return std::tie(row, valued, what, factor, currency); }
  };
  struct Default {
    ObligorIndex obligor;
    std::size_t begin, end;  // of single_
  };
  double* gauge(const Amount&, Ledger&) const;
  RowSet rows_;
  std::size_t first_;
  std::vector<std::uint32_t> position_;  // of each in single_, until sealed
  std::vector<Amount> single_, merged_;
  std::vector<Default> defaults_;  // positions that have an obligor
  std::vector<double> today_;
};

// The batch, with pledges behind its gauges.
std::unique_ptr<Batch> with_pledges(std::unique_ptr<Batch>, Pledges);

}  // namespace tailcube
