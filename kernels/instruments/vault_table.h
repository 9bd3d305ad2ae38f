#pragma once
// Vaults of equal terms as one sorted table: a scenario costs what is liquidated in it, not how many vaults there are.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tailcube {

// Vaults of some rows in the order of collateral / debt, and sums of both before each, row by row, times the position's
// quantity. The first to be liquidated come first, and whoever is liquidated at one price is a range.
class VaultTable {
 public:
  struct Vault {
    double collateral, debt, quantity;  // units; units
    std::uint32_t row = 0;              // of the table
    double ratio() const;               // units of collateral per unit of debt; infinite without debt
  };
  // Adds a table of vaults sorted by ratio, in rows 0 .. rows - 1; its number is what `table` takes.
  void add(const std::vector<Vault>& vaults, std::uint32_t rows = 1);
  static constexpr std::uint32_t few = 8;  // behind the last ratio of a table come so many that are infinite

  // The vaults of one table. Index 0 .. size; `alive` is the first that has collateral: what has none is never liquidated.
  struct View {
    const double* ratio;
    const double* sums;          // [i][collateral, debt][row] over vaults before i
    const std::uint32_t* start;  // first vault of each bucket of ratios; behind the last, the size
    double origin, per_unit;     // of the buckets
    std::uint32_t alive, size, buckets, rows;
    const double* collateral(std::uint32_t before) const { return sums + std::size_t{before} * 2 * rows; }
    const double* debt(std::uint32_t before) const { return collateral(before) + rows; }
    double collateral_of(std::size_t row, std::uint32_t begin, std::uint32_t end) const {
      return collateral(end)[row] - collateral(begin)[row];
    }
    double debt_of(std::size_t row, std::uint32_t begin, std::uint32_t end) const {
      return debt(end)[row] - debt(begin)[row];
    }
    double lowest() const;                                                            // ratio that is liquidated first
    std::uint32_t below(std::uint32_t begin, std::uint32_t end, double level) const;  // first with ratio >= level
    std::uint32_t up_to(std::uint32_t begin, std::uint32_t end, double level) const;  // first with ratio > level
    std::uint32_t bucket(double level) const {                                        // never falls as the level rises
      const double place = (level - origin) * per_unit, within = place > 0 ? place : 0, last = buckets - 1.0;
      return static_cast<std::uint32_t>(within < last ? within : last);
    }
  };
  View table(std::size_t number) const;

 private:
  struct Place {
    std::size_t ratio, sums, start;
    double origin, per_unit;
    std::uint32_t alive, size, buckets, rows;
  };
  void add_buckets(Place&);
  std::vector<double> ratio_, sums_;
  std::vector<std::uint32_t> start_;
  std::vector<Place> place_;
};

}  // namespace tailcube
