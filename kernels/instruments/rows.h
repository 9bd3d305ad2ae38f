#pragma once
// What batches have in common: rows of the ledger, currencies, obligors, bounds for the rounding unit.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "kernels/instruments/instrument.h"

namespace tailcube {

// Where a batch writes. Copied out of Wiring, which does not outlive compilation.
struct RowSet {
  explicit RowSet(const Wiring&, std::size_t gauges_per_row);  // and those of ratios, where they are asked for
  RowIndex row(std::size_t i) const { return RowIndex{first + static_cast<std::uint32_t>(i)}; }
  std::size_t gauge(std::size_t i, std::size_t k) const { return first_gauge + i * gauges + k; }
  std::size_t of_position(const Wiring& wiring, std::size_t p) const {
    return static_cast<std::uint32_t>(wiring.row[p]) - first;
  }
  // All quantities and gauges of all rows become 0.
  void clear(Ledger&) const;

  std::uint32_t first, count;
  std::size_t first_gauge, gauges;
  std::vector<int> valued;
  Detail detail;
};

// amount x price(factor) x price(currency), added to the value of a row at every valued step.
struct Term {
  std::uint32_t row;             // of the batch, from 0
  FactorIndex factor, currency;  // `none` = 1
  double amount;
};
// Sorts by key and adds up the amounts of those that agree in it, in their order.
template <class Line, class Key>
void merge(std::vector<Line>& lines, const Key& key) {
  std::stable_sort(lines.begin(), lines.end(), [&](const Line& a, const Line& b) { return key(a) < key(b); });
  std::size_t kept = 0;
  for (const Line& line : lines)
    if (kept > 0 && key(lines[kept - 1]) == key(line))
      lines[kept - 1].amount += line.amount;
    else
      lines[kept++] = line;
  lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(kept), lines.end());
}
void merge(std::vector<Term>&);  // by (row, factor, currency)
void add_today(const std::vector<Term>&, const FactorModel&, std::vector<double>& value_today);
void add_values(const std::vector<Term>&, const RowSet&, const Block&, Ledger&);

// The positions of each obligor, in the order of positions.
class ByObligor {
 public:
  ByObligor() = default;
  ByObligor(const std::vector<ObligorIndex>& of_position, std::uint32_t obligors);
  std::span<const std::uint32_t> operator[](ObligorIndex o) const {
    const auto i = static_cast<std::size_t>(o);
    return {position_.data() + first_[i], first_[i + 1] - first_[i]};
  }

 private:
  std::vector<std::uint32_t> first_, position_;
};

// The defaults of an obligor, by lane. Nobody defaults as `none`.
std::span<const Default> defaults_of(const Block&, ObligorIndex) noexcept;
// Per lane the step at which the obligor defaults, infinity where it does not, and its loss given default, 0 there. Nobody
// defaults as `none`.
void find_defaults(const Block&, ObligorIndex, std::array<double, lanes>& step, std::array<double, lanes>& loss) noexcept;

// Price of one unit of `currency` in the job's currency, 64 lanes; ones for the job's currency itself.
const double* exchange(const Block&, FactorIndex currency, int step);
// The same today, never shocked.
double exchange_today(const FactorModel&, FactorIndex currency);

// Eight at a time: g++ makes of a copy of all at once an instruction that takes longer than the vectors do.
inline void copy_lanes(const double* from, double* to) noexcept {
  for (std::size_t k = 0; k < lanes; k += 8) std::memcpy(to + k, from + k, 8 * sizeof(double));
}

// In which lanes prices are there: positive and below 1e300.
class Priced {
 public:
  Priced() { good_.fill(1); }
  void look(ConstLanes price) noexcept;
  void miss(std::size_t lane) noexcept { good_[lane] = 0; }
  bool everywhere() const noexcept;
  // A fault of the position for each lane of the job that lacks one.
  void report(RowIndex, std::uint32_t position, const Block&, Faults&) const noexcept;

 private:
  std::array<std::uint8_t, lanes> good_;
};
// Reports each position that reads one of `prices` where that is missing at some step 0 .. `last`. `reads(position, price)`
// says whether it does, `row(position)` where it stands.
template <class Reads, class Row>
void report_missing(std::span<const FactorIndex> prices, int last, std::size_t positions, const Reads& reads, const Row& row,
                    const Block& block, Faults& faults) noexcept {
  for (const FactorIndex f : prices) {
    Priced good;
    for (int n = 0; n <= last; ++n) good.look(block.factors(f, n));
    for (std::size_t p = 0; p < positions && !good.everywhere(); ++p)
      if (reads(p, f)) good.report(row(p), static_cast<std::uint32_t>(p), block, faults);
  }
}

// Bounds on a factor up to time T: its drift and six standard deviations of diffusion and of as many jumps as are exceeded
// with probability below 1e-9, at the worst time; then twice that, for shocks. Not a proof: the range is
// checked again where losses are rounded.
struct Bounds {
  double lower, upper;
};
Bounds bounds(const FactorModel&, FactorIndex, double years);
double exchange_bound(const FactorModel&, FactorIndex currency, double years);
// A bound on the discount factor of a date, curve and spread factor (or `none`), today and at these steps: as if the curve
// were flat at the lowest of its pillars' bounds by then.
double largest_discount(const FactorModel&, CurveIndex, FactorIndex spread, double date_years,
                        const std::vector<int>& steps);

// The distinct factors among `used`, ascending, without `none`.
std::vector<FactorIndex> distinct(std::vector<FactorIndex> used);

}  // namespace tailcube
