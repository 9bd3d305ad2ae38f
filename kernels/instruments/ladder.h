#pragma once
// What survives of a book of claims when nobody defaults is linear in discount factors, so claims add up before the run:
// a ladder is the dated amounts of one row on one curve, spread factor and currency.
#include <cstdint>
#include <map>
#include <span>
#include <tuple>
#include <vector>

#include "kernels/instruments/amounts.h"
#include "kernels/instruments/cash_flows.h"
#include "kernels/instruments/ladder_points.h"
#include "kernels/instruments/rows.h"

namespace tailcube {

// Equal dates on one curve and spread factor, shared by the claims that have them.
struct Schedule {
  CurveIndex curve;
  FactorIndex spread;
  std::vector<double> date_years;
  std::vector<std::uint16_t> step;      // first step at or after the date; steps + 1 beyond the last
  std::vector<std::uint32_t> discount;  // DiscountIndex; `none` for what is paid by the first valued step
  std::vector<std::uint32_t> slot;      // place of the discount factor among those of the batch
  bool consecutive = false;             // slots rise by one
  std::vector<std::uint16_t> paid;      // by step: how many are paid at or before it, cash by then; the others are value
  std::vector<double> paid_valued;      // 0, then by valued step the same number, the last one four times more
  std::size_t paid_by(int at) const { return paid[static_cast<std::size_t>(at)]; }
};
class Schedules {
 public:
  std::uint32_t add(const Claim&, const Wiring&);
  const Schedule& operator[](std::uint32_t i) const { return all_[i]; }
  // The DiscountIndex of each slot, by (curve, spread factor, date), so that what one position needs lies close together.
  // Once all claims have been added; for the schedules that `need` them.
  std::vector<std::uint32_t> number_slots(const std::vector<bool>& need);
  std::size_t size() const { return all_.size(); }

 private:
  using Key = std::tuple<CurveIndex, FactorIndex, double, double, std::size_t>;
  std::vector<Schedule> all_;
  std::multimap<Key, std::uint32_t> known_;
};

// One position, compiled. Its amounts are per date of its schedule.
struct CashFlowLine {
  std::uint32_t row, schedule;
  FactorIndex currency;
  double spread;               // the number folded into `folded`; 0 where the spread is a factor
  double principal, interest;  // outstanding today; per year
  std::size_t folded, early;   // where its amounts begin
  std::uint32_t capitalised;
  double floating, running;  // as Claim's
  double undrawn, fee, conversion;
  std::optional<AmountRule> rule;
};
struct Early {
  double amount, balance, undrawn;  // a flow within the simulated time, and what is outstanding and undrawn after it
};
// All positions of a batch, while it compiles.
struct CompiledClaims {
  std::vector<CashFlowLine> lines;
  std::vector<double> folded;  // amount x exp(-spread date)
  std::vector<Early> early;
  Schedules schedules;
};
// A line that is not yet one of `lines`; what it is worth today, the bound on that and what it reads are added to the batch.
// A par spread that does not exist is NaN.
CashFlowLine compile_claim(Batch&, const Claim&, FactorIndex currency, std::uint32_t row, CompiledClaims&, const Wiring&);

// Ladders of all rows, by (curve, spread factor, currency, row).
class Ladders {
 public:
  Ladders() = default;
  // At points: where they are worth it, and add_values is given Block::discounts.
  enum class Summed { by_date, at_points };
  Ladders(const CompiledClaims&, const Wiring&, Summed);
  // Adds sum amount x factor x exchange to the value of each row at each valued step; factors by DiscountIndex,
  // [index][valued][lane].
  void add_values(const RowSet&, const Block&, const double* factors, Ledger&) const;

 private:
  struct Ladder {
    std::uint32_t row, count;
    std::uint32_t alike;  // its first dates are those of the ladder before
    FactorIndex currency;
    std::size_t discount, amount, start;  // offsets: [date]; [valued][date]; [valued] first date after the step
  };
  // Ladders of one curve and spread factor, seen from one valued step, that are summed up at points.
  struct AtPoints {
    LadderPoints points;
    struct Sum {
      std::uint32_t ladder, count;  // of points
      std::size_t weight;           // offset: [point]
    };
    std::vector<Sum> sums;
    std::vector<std::uint32_t> ladders;  // of the sums
  };
  struct Valued {
    std::vector<AtPoints> at_points;
    std::vector<std::uint32_t> by_dates;  // the other ladders
  };
  struct Target;  // where the values at one valued step go
  void add(std::span<const std::uint32_t> positions, const CompiledClaims&, const Wiring&);
  void choose_points(std::size_t first_ladder, const Schedule*, const Wiring&);
  void add_by_dates(std::span<const std::uint32_t> ladders, const double* factors, const double* lanes_taken,
                    const Target&) const;
  void add_at_points(const AtPoints&, const double* factors, const Target&) const;
  std::vector<Ladder> ladders_;
  std::vector<Valued> valued_;
  std::vector<std::uint32_t> discount_, start_;
  std::vector<double> amount_, weight_;
  std::vector<std::uint32_t> scratch_;  // place in the ladder of each DiscountIndex
  std::vector<double> date_years_;      // of each DiscountIndex, while it compiles
};

// Cash that is due whatever the market does, per row and currency, converted at the step of its date.
class CashTable {
 public:
  CashTable() = default;
  CashTable(const CompiledClaims&, const RowSet&);
  void add(const RowSet&, const Block&, Ledger&) const;

 private:
  struct Line {
    std::uint32_t row;
    FactorIndex currency;
    std::vector<double> amount;  // [step 0 .. last valued]
  };
  std::vector<Line> lines_;
};

// One ladder at one valued step: out[lane] += (sum amount[i] D[discount[i]][lane]) exchange[lane], in the order of i.
struct LadderProduct {
  const std::uint32_t* discount;
  const double* amount;
  std::size_t count;
  const double* exchange;
  double* out;
  std::size_t alike;  // so many of the first discounts are those of the product before
};
// D begins at `discounts`, consecutive DiscountIndices `stride` doubles apart. The same bits on every CPU.
void ladder_products(std::span<const LadderProduct>, const double* discounts, std::size_t stride);

}  // namespace tailcube
