#pragma once
// What happens to the vaults of one table in one scenario. Whoever was liquidated at the same prices has the same past,
// whatever its row: rows are followed together and add up apart.
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "kernels/instruments/vault_table.h"

namespace tailcube {

// What vaults of one table have in common.
struct VaultTerms {
  double threshold;     // unhealthy where collateral x threshold < debt
  double kept;          // share of seized collateral that repays debt: (1 - fee) / (1 + bonus)
  double close_factor;  // share of the debt repaid by one liquidation
  bool always;          // monitored all the time, not at dates
  friend auto operator<=>(const VaultTerms&, const VaultTerms&) = default;
};

// Prices at a date, in money: of a unit of collateral, and of what a unit of debt has grown to.
struct VaultPrices {
  double collateral, debt;
  double worth() const { return debt / collateral; }
  friend bool operator==(const VaultPrices&, const VaultPrices&) = default;
};

// Health factor: collateral x threshold / debt; a vault is unhealthy below 1. Bands between these, and beyond.
inline constexpr std::array health_levels{1.0, 1.1, 1.25, 1.5, 2.0};
struct VaultHealth {
  double collateral = 0, debt = 0;  // money
  // Vaults with collateral in each band, whatever their quantity; those that never had a debt are in the last.
  std::array<double, health_levels.size() + 1> vaults{};
};

// A number for each of so many rows; a vector of the compiler's, as what is added up is added up for all rows.
template <int rows>
struct RowNumbers {
  typedef double type __attribute__((vector_size(rows * sizeof(double))));
};
template <>
struct RowNumbers<1> {
  using type = double;
};

// One scenario of one table of so many rows, 1 or 4, from date to date.
template <int rows>
class VaultPath {
 public:
  using Rows = typename RowNumbers<rows>::type;
  VaultPath() = default;
  VaultPath& operator=(const VaultPath&);  // does not copy room for cohorts that are not there
  void start(const VaultTerms&, const VaultTable::View&);
  // No vault is liquidated while VaultPrices::worth() is below.
  double calm_below() const { return calm_below_; }
  // Prices are seen: whoever is unhealthy is liquidated, once or, if monitored always, until it is healthy or sold out.
  void monitor(const VaultPrices&);
  // The price of collateral moves down to `lowest` without a gap: whoever becomes unhealthy on the way is liquidated at its
  // own trigger price, as often as that is passed. For what is always monitored.
  void pass(const VaultPrices& lowest);

  // At a date.
  struct Totals {
    Rows value{}, repaid{}, credit_loss{}, bad_debt{};  // repaid: to the lender, since the first day
  };
  Totals lender(const VaultPrices&) const;
  Totals borrower(const VaultPrices&) const;
  template <int of_rows = rows>
  VaultHealth health(const VaultPrices&) const requires(of_rows == 1);

 private:
  // Of vaults with the same past: one that began with c units of collateral and a debt of x has held c - sold x, owes owed x
  // and has repaid money of paid x.
  struct Past {
    double held, sold, owed, paid;
    // The ratio below which a vault's collateral is worth less than its debt, for debt that costs `worth`. At dates alone
    // nobody's `held` falls.
    template <bool always>
    double level(double worth) const {
      return always ? (sold + owed * worth) / held : sold + owed * worth;
    }
  };
  struct Cohort : Past {
    std::uint32_t begin, end;
    double first, last;     // ratios of the first and of the last
    double calm_per_ratio;  // threshold / owed, less what is left to `liquidate` to decide
    double calm_below() const { return (this->held * first - this->sold) * calm_per_ratio; }
    // Number by number: a copy of it as a whole would wait until all that was just written has arrived in memory.
    Past past() const { return {this->held, this->sold, this->owed, this->paid}; }
  };
  // At a date: below which ratios a vault of the first day is unhealthy, is sold out; units sold per debt repaid.
  struct Seen {
    double unhealthy, sold_out, sold, per_debt;  // per_debt: 1 / VaultPrices::debt
  };
  // Cohorts that may be unhealthy; monitored always, those just liquidated are looked at again. `liquidate` says whether
  // those that it liquidated are now where they were, alone.
  template <bool always, class Liquidate>
  void each(double worth, Liquidate liquidate);
  template <bool always>
  void see(const VaultPrices&);
  template <bool always>
  bool liquidate(std::size_t cohort, const VaultPrices&, const Seen&);
  bool liquidate_on_the_way(std::size_t cohort, const VaultPrices& lowest, double unhealthy);
  std::uint32_t take(Cohort&, double level);
  void settle(const Past&, const Rows& debt);
  template <bool always>
  double share(const Past&) const;
  bool put(const Past&, std::uint32_t begin, std::uint32_t end, std::size_t from);
  std::span<const Cohort> cohorts() const { return {cohorts_.data(), count_}; }
  Cohort& another() {
    if (count_ == cohorts_.size()) more_room();
    return cohorts_[count_++];
  }
  void more_room();
  // What the vaults [begin, end) owed on the first day; what they hold, with this past.
  Rows debt_of(std::uint32_t begin, std::uint32_t end) const { return load(table_.debt(end)) - load(table_.debt(begin)); }
  Rows collateral_of(const Past& c, std::uint32_t begin, std::uint32_t end) const {
    return c.held * (load(table_.collateral(end)) - load(table_.collateral(begin))) - c.sold * debt_of(begin, end);
  }
  static Rows load(const double* from) {
    Rows out;
    std::memcpy(&out, from, sizeof out);
    return out;
  }

  VaultTerms terms_{};
  double per_rest_ = 0;  // 1 / (1 - close factor)
  VaultTable::View table_{};
  std::vector<Cohort> cohorts_;  // the first `count_`
  std::size_t count_ = 0;
  double calm_below_ = 0;
  Rows left_{};     // collateral of vaults whose debt is repaid
  Rows unpaid_{};   // debt of vaults without collateral
  Rows settled_{};  // what both kinds owed at first
  Rows repaid_{};   // money, by both kinds
};

}  // namespace tailcube
