#pragma once
// What defaults take away from a book that ladders value as if nobody defaulted.
#include "kernels/instruments/amounts.h"
#include "kernels/instruments/floating.h"
#include "kernels/instruments/ladder.h"
#include "kernels/instruments/smooth_amounts.h"
#include "kernels/instruments/telling.h"

namespace tailcube {

// At valued steps from the default on: the position's performing value and what it would have paid after the step before the
// default go, and so does the cash that is drawn at the default; what the Recovery says comes. The credit loss is that
// difference. Gauges 0 and 1: defaulted positions; principal, interest accrued and what is drawn at default.
//
// Claims whose dates are the first of one row of dates (a chain: one curve, spread and frequency) and whose amounts follow a
// rule are worth a few sums over those dates. The sums run once per block along the chain, in all scenarios side by side;
// every claim is corrected where its last date is reached, by a look-up for each term of its rule. Along smooth chains (one
// curve, spread factor and frequency) amounts follow polynomials, whatever their rates, prepayments and numeric spreads, and
// a claim is worth a product of its terms with what the sums made of each. Other claims are summed up by their own amounts.
class Corrections {
 public:
  enum Gauge : std::size_t { defaults, defaulted_exposure, gauge_count };

  // `rows`, `recovery` and `coupons` outlive it; takes the schedules.
  Corrections(CompiledClaims&, const RowSet& rows, const Recovery& recovery, const FloatingCoupons& coupons,
              const Positions&, const Wiring&);
  // Sets the rows, which must be clear, to what defaults change; the ladders come after. Leaves the coupons' forwards at the
  // beginning of memory(). Keeps, if asked to, what goes, but not what the Recovery says. The listener, if any, hears of
  // each default.
  void apply(const Block&, Ledger&, Kept*, DefaultListener*) const;
  // As TellingBatch::drawn.
  double drawn(std::uint32_t position, const Default&, const Block&) const noexcept;
  std::size_t bytes_kept() const;
  std::size_t bytes_per_thread() const;
  // Scratch memory from its first cache line on.
  static double* memory(Ledger& ledger) {
    return ledger.scratch.data() + (64 - reinterpret_cast<std::uintptr_t>(ledger.scratch.data()) % 64) % 64 / sizeof(double);
  }

 private:
  struct Own {  // of a claim outside chains or in a smooth one: numbers_[record] on
    std::uint32_t schedule;
    // From the record on: [valued] exp(spread time); what is due on the first k dates, k = 0, 1, ..., within the simulated
    // time; and from here on its amounts x exp(-spread date), or their terms.
    std::uint32_t amounts;
    std::size_t record;
    std::uint32_t commitment;   // of a revolver, from the record on: fee, conversion, what is undrawn when k dates are paid
    std::uint32_t capitalised;  // as Claim's
  };
  // What is read of a claim when its obligor defaults: one cache line.
  struct alignas(64) Line {
    std::uint32_t position, row;
    FactorIndex currency;
    std::uint16_t dates;
    // Recovery::at_once; Claim::capitalised is not 0; the balance never changes; what is undrawn matters.
    bool at_once : 1, capitalises : 1, level : 1, revolves : 1;
    double interest;
    union {
      AmountRule rule{};  // of a claim in a chain that is not smooth
      Own own;            // of others
    };
    std::size_t early;  // balances_[early + k]: outstanding when k dates are paid; of a level balance, k = 0
  };
  struct Floating {  // as Claim's
    double notional, running;
  };
  struct AtStep {
    // Dates before the step, `none` where no valued step comes any more; place of the first valued step from here on.
    std::uint32_t paid_before, place;
    double unpaid, seen;  // the same
    double since, time;   // interest accrues since the last of those dates
  };
  // Of a claim with dates after all valued steps, where one vector holds these: what depends on the step of default alone.
  struct alignas(32) Departure {
    // By valued step: dates missed since the one before, and the sum of their numbers; all bits where the default has been
    // seen, is seen first, where no date has been paid, where the first date is missed.
    double missed[4], numbers[4];
    std::uint64_t goes[4], comes[4], unpaid[4], first[4];
    std::uint32_t begin, end[4];       // those dates: from `begin` or the end before
    std::uint32_t paid_before, place;  // as AtStep's
    double years;                      // that interest accrues
  };
  struct Smooth {
    std::uint32_t schedule;           // the longest
    std::size_t begin, end;           // its lines
    std::vector<double> basis;        // [date][SmoothAmounts::terms]
    std::vector<AtStep> at_step;      // of default
    std::vector<std::uint32_t> paid;  // 0, then dates by valued step
  };
  struct Chain {             // of claims by an AmountRule whose recovery comes at once, or with floating coupons
    std::uint32_t schedule;  // the longest
    FactorIndex currency;
    double spread;                           // a number to fold in
    bool slopes, firsts;                     // whether any amounts rise or fall along the dates, any has more on the first
    std::size_t begin, end, folds, coupons;  // its lines, its places in folds_ and coupons_of_
    std::size_t later;                       // of its lines, the first with dates after all valued steps
    std::vector<std::uint32_t> periods;      // by date, of floating coupons; empty: none
    std::vector<AtStep> at_step;             // of default
    std::vector<Departure> departures;       // of default, if there is one vector of valued steps
  };
  // As many valued steps as a vector is wide; behind the last comes the last again, which is computed and not used.
  struct Horizons {
    static constexpr std::size_t width = 4;
    std::size_t begin, count;
    std::size_t at[width], step[width];  // their places in [valued][lane] and in [step][lane]
    double number[width];                // of each; -1 behind the last
  };
  static constexpr std::size_t cache_line = 8;  // in doubles
  static constexpr std::size_t asked = 64;      // defaults outside chains and in smooth ones that are corrected together
  struct Abroad;                                // exchange rates along a chain
  class Walk;                                   // along a chain
  struct AddToRow;                              // of what a default changes
  struct AddAnywhere;                           // and telling of it
  class Hits;                                   // lines whose obligors default
  struct Sums;                                  // along a chain up to a date
  struct Factors;                               // discount factors
  struct Gone;                                  // defaults and what they take away
  struct Batches;                               // of them, to be kept
  class Departures;                             // of a block
  class Telling;

  void add_line(std::uint32_t position, const CompiledClaims&, const Positions&);
  void add_record(std::uint32_t position, std::span<const double> amounts, const CompiledClaims&);
  void add_smooth(std::span<const std::uint32_t> positions, const CompiledClaims&, const Positions&,
                  std::vector<std::uint32_t>& rough);
  std::vector<AtStep> steps_along(const Schedule&) const;
  std::vector<Departure> departures_along(const Schedule&, const std::vector<AtStep>&) const;
  void add_chain(std::span<const std::uint32_t> positions, const CompiledClaims&, const Positions&);
  std::size_t chain_doubles() const;
  // Sums [lane][valued][term]; what a claim would have paid since the valued step before, and since today, [valued].
  std::size_t smooth_doubles() const {
    return smooth_.empty() ? 0 : rows_.valued.size() * (lanes * SmoothAmounts::terms + 2) + Horizons::width;
  }
  bool transposes(const Block&) const;
  std::size_t transposed_doubles() const { return lanes * rows_.valued.size() * slots_.size(); }
  void index_defaults(const Block&, Ledger&) const;
  void along(const Chain&, const Block&, Ledger&, Telling*) const;
  void one_by_one(const Block&, Ledger&, Kept*, Telling*) const;
  Factors factors(const Block&, Ledger&) const;
  void along(const Smooth&, const Block&, Ledger&, Departures&) const;
  void outside(const Block&, Ledger&, Departures&) const;
  void missed(const double* due, std::uint32_t dates, std::uint32_t unpaid, const std::uint32_t* paid, const Schedule&,
              const double* rate, double* out) const;
  void take_away(const Gone&, const Block&, Ledger&, Telling*) const;
  double balance(const Line& l, std::size_t paid) const { return balances_[l.early + (l.level ? 0 : paid)]; }
  template <bool slopes, bool abroad>
  void correct_plain(const Chain&, const Block&, Ledger&, Telling*) const;
  template <bool slopes, bool abroad, class Add>
  void correct_lines(std::size_t begin, std::size_t end, const Chain&, const Block&, Ledger&, Walk&, const Abroad&,
                     const Add&) const;
  template <bool slopes, bool abroad, std::size_t valued>
  void correct_later(const Chain&, const Block&, Ledger&, Walk&, const Abroad&) const;
  void correct_floating(const Chain&, const Block&, Ledger&, const AddAnywhere&) const;
  [[gnu::always_inline]] double claim_at_default(const Line&, const Schedule&, int step) const;
  struct Commitment {
    double fee, drawn;  // accrued and drawn when the default is seen
  };
  Commitment commitment(const Line&, int step) const;
  void draw(const Line&, const double* rate, std::size_t departure, Departures&) const;
  std::size_t padded() const { return Horizons::width * horizons_.size(); }  // number of valued steps
  void convert(const double* rate, double* promised) const;
  template <class Coupon>
  double floating_claim(const Line&, const Floating&, const Schedule&, int step, Coupon) const;
  void finish(Ledger&) const;

  const RowSet& rows_;
  const Recovery& recovery_;
  const FloatingCoupons& coupons_;
  std::uint32_t obligors_;
  std::vector<double> time_years_;
  std::vector<std::uint32_t> first_valued_;  // by step: the first valued step at or after it
  std::vector<Horizons> horizons_;           // all valued steps
  Schedules schedules_;
  // In smooth chains, outside chains, in the others; in a chain by rising number of dates.
  std::vector<Line> lines_;
  std::vector<std::uint32_t> obligor_of_;     // of each line
  std::size_t smooth_end_ = 0, own_end_ = 0;  // lines in smooth chains; those and the ones outside chains
  std::vector<Smooth> smooth_;
  std::vector<Chain> chains_;
  std::vector<double> folds_;  // [date][valued] exp(-spread (date - time)) of a chain
  std::vector<Floating> coupons_of_;
  std::vector<double> balances_;
  std::vector<double> numbers_;                                 // of Own
  std::size_t changes_at_ = 0, recovery_at_ = 0, work_at_ = 0;  // in scratch memory, after the forwards; at cache lines
  std::size_t most_rates_ = 0;                                  // dates of any chain abroad that are paid while simulated
  std::vector<std::uint32_t> slots_;                            // DiscountIndex of each slot
};

}  // namespace tailcube
