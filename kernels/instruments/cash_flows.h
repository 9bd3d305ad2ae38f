#pragma once
// Dated amounts: bonds and loans end here. A claim is what an instrument says about one position; a batch values many of
// them.
#include <functional>
#include <memory>
#include <vector>

#include "kernels/instruments/telling.h"
#include "kernels/instruments/write_down.h"

namespace tailcube {

// Within these no exponential of the batch leaves the domain of exp.
inline constexpr Range frequency_range{1, 365, "a whole number between 1 and 365"};
inline constexpr double same_date = 1e-9;  // years: dates that lie no farther apart are one
inline constexpr Range maturity_range{1e-6, 100, "positive and at most 100"};
inline constexpr Range spread_range{-1, 5, "between -1 and 5"};

struct Flow {
  double date_years;   // from today, > 0
  double amount;       // interest and principal due, money of the position's currency
  double balance;      // principal outstanding after it has been paid
  double undrawn = 0;  // committed and not drawn after it has been paid
};
// How a contract values a debt that it publishes (published_claims.h).
struct Accounting {
  enum Method : int { outstanding, discounted };  // the order of the words in the column
  int method;
  double discount_rate;  // continuous, per year
  double expected_loss;  // share taken off every payment
  WriteDown write_down = {};
};
struct Claim {
  std::vector<Flow> flows;  // undefaulted, by rising date, not empty
  CurveIndex curve{};
  Rate spread{};                // over the curve; blank: solved so that the claim is worth its principal today
  double principal = 0;         // outstanding today; negative = short
  double interest = 0;          // simple, per year, on the principal outstanding, from the last payment (first: from today)
  std::size_t capitalised = 0;  // on so many first dates interest is added to the principal
  double prepay_cpr = 0;        // its flows are those of the share that is still there
  // Of a bullet whose coupons float: flows are what is fixed; on top, each from the second on pays 1/D - 1 on this notional,
  // D the curve's discount factor over the period without spread, at the first step at or after its start. `interest` is
  // then the margin.
  double floating = 0;
  double running = 0;                         // interest of the first period
  std::optional<Accounting> accounting = {};  // none: its published value is its value; alike for all claims of a batch
  // Of a revolver; all 0 where neither fee nor default depends on what is undrawn.
  double undrawn = 0;      // committed and not drawn today, signed as the principal
  double fee = 0;          // on what is undrawn, simple, per year, paid with the interest
  double conversion = 0;   // share of what is undrawn that is drawn at default
  double grace_years = 0;  // from default until it is claimed: whatever it brings in comes so much later
};

enum class Amortisation : int { bullet, annuity, linear, pik };  // the order of the words in loan's column
struct Repayment {
  double principal, rate, frequency, maturity_years;  // rate per year, simple within a period; payments per year
  Amortisation amortisation;
  double prepay_cpr = 0;     // the share of principal that is repaid early, per year
  double limit = 0;          // committed, drawn or not, signed as the principal; 0: no more than what is drawn
  double undrawn_fee = 0;    // per year
  double pik_years = 1e300;  // pik: until then; after it interest is paid
};
// Payment dates counted back from maturity in steps of 1/frequency; the period left over is the first one, and interest
// accrues from today. Dates within 1e-9 years of a step are that step. Annuity: the level payment that leaves nothing,
// A = P (1 + r d) / (1 + a_m), with d the first period, m the number of full periods after it, a_m = sum v^k,
// v = 1/(1 + r/f); with a whole first period it is P i / (1 - (1 + i)^-n). Linear: principal in equal parts. Pik: interest
// is added to the principal on dates by pik_years and paid after it, the principal at maturity. Prepayment: what is due on a
// date is due on the share of the loan still there, (1 - cpr)^t after date t, and the share that leaves on a date brings its
// scheduled balance and takes its limit with it. Undrawn: what the balance leaves of the limit, nothing from the last date
// on; its fee is paid in cash on every date.
std::vector<Flow> repayments(const Repayment&, const std::vector<double>& time_years);

// The most that is drawn at a default, whenever that is.
double largest_draw(const Claim&);

// (1 - cpr)^years: the share of a loan that has not been prepaid.
double still_there(double cpr, double years);

// The complaint about a number of payments per year that is not whole.
std::optional<Complaint> check_frequency(double);

// A loan's columns, what they refuse, and what one position promises; for every table that begins with these columns.
std::vector<Column> loan_columns();
std::optional<Complaint> check_loan(const Positions&, std::size_t position);
Claim loan_claim(const Positions&, std::size_t position, const Wiring&);

// The number s in spread_range with sum amount exp(-s date) x discount = worth, by Newton's method inside a bracket; amounts
// and worth are taken as given with any common sign. NaN where there is none. Relative residual below 1e-14.
struct Discounted {
  double date_years, amount;  // amount times its discount factor without spread
};
double solve_spread(const std::vector<Discounted>&, double worth);

// Wiring::valued, and where they lie among all steps.
struct ValuedSteps {
  explicit ValuedSteps(const Wiring&);
  std::size_t size() const { return step.size(); }
  // Place of the first at or after a step; size() if there is none.
  struct Places {
    const std::uint32_t* place;
    std::size_t known, size;
    std::size_t from(int n) const { return static_cast<std::size_t>(n) < known ? place[n] : size; }
  };
  Places places() const { return {place.data(), place.size(), size()}; }
  std::vector<int> step;
  std::vector<std::uint32_t> place;  // by step, to the last valued one
};

// What a defaulted claim brings in, for an instrument to say. The rest of the position has been taken away.
class Recovery {
 public:
  virtual ~Recovery() = default;
  struct Claimed {
    Default when;
    double claim;  // principal and accrued interest at the default step, money of the position's currency, signed as it
    std::uint32_t position;
  };
  // Sets value[v] (of what is still to come) and cash[v] (received since the valued step before), in the job's currency, for
  // every valued step v (place in Wiring::valued); 0 before the default step. For several claims at once: [claim][v].
  virtual void recover(std::span<const Claimed>, const Block&, double* value, double* cash) const noexcept = 0;
  void recover(std::uint32_t position, const Default& d, double claim, const Block& block, double* value,
               double* cash) const noexcept {
    const Claimed one[] = {{d, claim, position}};
    recover(one, block, value, cash);
  }
  // True of a position that only ever brings (1 - LGD) of the claim in cash at the default step: `recover` need not be
  // asked.
  virtual bool at_once(std::uint32_t) const noexcept { return false; }
  // Steps from the default of a position to its last cash.
  virtual int wait(std::uint32_t) const noexcept { return 0; }
};
// (1 - LGD) of the claim, in cash at the default step plus the obligor's recovery delay; or, where there are instalments, by
// them.
struct Unsecured {
  CurveIndex curve;                // discounts what is still to come
  double grace_years = 0;          // on top of any delay
  ShareSchedule instalments = {};  // years after the default, share received by then, up to 1
};
std::unique_ptr<Recovery> unsecured_recovery(const Positions&, const std::vector<Unsecured>& of_position, const Wiring&);

// Money that arrives `steps` after a default: the factors that discount it without spread, by step of default; `none` where
// no step is valued while it waits.
std::vector<DiscountIndex> waiting_discounts(const Wiring&, CurveIndex, int steps);
// Whole steps of a wait, rounded up.
int waiting_steps(const Wiring&, double years);

// Value of a performing claim: sum over dates after h of amount x D(curve(h), date) exp(-(spread(h)) (date - h)).
// Detail::leaf merges claims with one (curve, spread factor, currency, leaf) into one ladder per valued step; a numeric
// spread is folded into its amounts. Detail::position merges nothing: the same code is then the oracle. Either way a
// position whose obligor defaults is corrected by its own flows. Gauges: defaults, defaulted_exposure; `further_gauges` of
// each row behind them stay 0.
// Each claim is asked for once, in the order of positions, and not kept: flows take more memory than what is made of them.
std::unique_ptr<TellingBatch> cash_flow_batch(const Positions&, const std::function<Claim(std::size_t position)>&,
                                              const Wiring&, std::unique_ptr<Recovery>, std::size_t further_gauges = 0);
std::vector<Gauge> cash_flow_gauges();

}  // namespace tailcube
