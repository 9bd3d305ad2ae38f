#pragma once
// Vaults of equal terms as one sorted table: a scenario costs what is liquidated in it, not how many vaults there are.
#include <array>
#include <cstdint>
#include <vector>

namespace tailcube {

// What vaults of one table have in common.
struct VaultTerms {
  double threshold;     // unhealthy where collateral x threshold < debt
  double kept;          // share of seized collateral that repays debt: (1 - fee) / (1 + bonus)
  double close_factor;  // share of the debt repaid by one liquidation
  bool always;          // monitored all the time, not at dates
};

// Vaults in the order of collateral / debt, and sums of both before each, times the position's quantity. The first to be
// liquidated come first, and whoever is liquidated at one price is a range.
class VaultTable {
 public:
  struct Vault {
    double collateral, debt, quantity;  // units; units
    double ratio() const;               // units of collateral per unit of debt; infinite without debt
  };
  // Adds a table of vaults sorted by ratio; its number is what `table` takes.
  void add(const std::vector<Vault>& vaults);
  static constexpr std::uint32_t few = 8;  // behind the last ratio of a table come so many that are infinite

  // The vaults of one table. Index 0 .. size; `alive` is the first that has collateral: what has none is never liquidated.
  struct View {
    const double *ratio, *collateral, *debt;  // sums: [i] over vaults before i
    const std::uint32_t* start;               // first vault of each bucket of ratios; behind the last, the size
    double origin, per_unit;                  // of the buckets
    std::uint32_t alive, size, buckets;
    double collateral_of(std::uint32_t begin, std::uint32_t end) const { return collateral[end] - collateral[begin]; }
    double debt_of(std::uint32_t begin, std::uint32_t end) const { return debt[end] - debt[begin]; }
    double lowest() const;                                                            // ratio that is liquidated first
    std::uint32_t below(std::uint32_t begin, std::uint32_t end, double level) const;  // first with ratio >= level
    std::uint32_t up_to(std::uint32_t begin, std::uint32_t end, double level) const;  // first with ratio > level
    std::uint32_t bucket(double level) const;                                         // never falls as the level rises
  };
  View table(std::size_t number) const;
  std::size_t size() const { return place_.size(); }

 private:
  struct Place {
    std::size_t ratio, sums, start;
    double origin, per_unit;
    std::uint32_t alive, size, buckets;
  };
  void add_buckets(Place&);
  std::vector<double> ratio_, collateral_, debt_;
  std::vector<std::uint32_t> start_;
  std::vector<Place> place_;
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

// One scenario of one table, from date to date.
class VaultPath {
 public:
  void start(const VaultTerms&, const VaultTable::View&);
  // No vault is liquidated while VaultPrices::worth() is below.
  double calm_below() const { return calm_below_; }
  // Prices are seen: whoever is unhealthy is liquidated, once or, if monitored always, until it is healthy or sold out.
  void monitor(const VaultPrices&);
  // The price of collateral moves down to `lowest` without a gap: whoever becomes unhealthy on the way is liquidated at its
  // own trigger price, as often as that is passed. For what is always monitored.
  void pass(const VaultPrices& lowest);

  // Per row, at a date.
  struct Totals {
    double value = 0, repaid = 0, credit_loss = 0, bad_debt = 0;  // repaid: to the lender, since the first day
  };
  Totals lender(const VaultPrices&) const;
  Totals borrower(const VaultPrices&) const;
  VaultHealth health(const VaultPrices&) const;

 private:
  // Of vaults with the same past: one that began with c units of collateral and a debt of x has held c - sold x and owes
  // owed x.
  struct Past {
    double held, sold, owed;
    // The ratio below which a vault's collateral is worth less than its debt, for debt that costs `worth`.
    double level(double worth) const {
      const double once = sold + owed * worth;
      return held == 1 ? once : once / held;  // nothing is divided where nobody is liquidated between dates
    }
    double collateral(const VaultTable::View& t, std::uint32_t from, std::uint32_t to) const {
      return held * t.collateral_of(from, to) - sold * t.debt_of(from, to);
    }
  };
  struct Cohort : Past {
    std::uint32_t begin, end;
    double calm_per_ratio;  // threshold / owed, less what is left to `take` to decide
    double calm_below;      // of the first
    Past past() const { return {held, sold, owed}; }
  };
  // At a date: below which ratios a vault of the first day is unhealthy, is sold out; units sold per debt repaid.
  struct Seen {
    double unhealthy, sold_out, sold, per_debt;  // per_debt: 1 / VaultPrices::debt
  };
  template <class Liquidate>
  void each(double worth, std::size_t count, Liquidate);
  void liquidate(std::size_t cohort, const VaultPrices&, const Seen&);
  void liquidate_on_the_way(std::size_t cohort, const VaultPrices& lowest, double unhealthy);
  std::uint32_t take(std::size_t cohort, double unhealthy);
  void sell_out(double debt, double unpaid, double money);
  double share(const Past&) const;
  void add(const Past&, std::uint32_t begin, std::uint32_t end, std::size_t from);
  void watch(Cohort& c) const { c.calm_below = (c.held * table_.ratio[c.begin] - c.sold) * c.calm_per_ratio; }

  VaultTerms terms_{};
  double per_rest_ = 0;  // 1 / (1 - close factor)
  VaultTable::View table_{};
  std::vector<Cohort> cohorts_;
  double calm_below_ = 0;
  double left_ = 0;     // collateral of vaults whose debt is repaid
  double unpaid_ = 0;   // debt of vaults without collateral
  double settled_ = 0;  // what both kinds owed at first
  double repaid_ = 0;   // money
};

}  // namespace tailcube
