#pragma once
// Claims as their contract's own accounting values them: whoever publishes that knows of a default once a payment is missed.
#include <map>
#include <utility>
#include <vector>

#include "kernels/instruments/cash_flows.h"
#include "kernels/instruments/rows.h"

namespace tailcube {

// The columns of Accounting, for tables that have them from some column on.
std::vector<Column> accounting_columns();
Accounting accounting(const Positions&, std::size_t position, std::size_t first_column);
std::optional<Complaint> check_accounting(const Accounting&);

// Of a claim that has been paid so far, years from today, money of the position's currency. Outstanding: principal and
// interest accrued since the last payment. Discounted: the sum over payments to come of
// amount (1 - expected_loss) exp(-discount_rate (date - now)).
double published_value(const Accounting&, const Claim&, double years);
// How long a payment of the obligor has been missing today.
double overdue_years(ObligorIndex, const Wiring&);

// Ledger::published_value of a batch of claims. One that is overdue today is carried at its principal, less what has been
// written down, until the next payment is made. From the first payment missed on, a defaulted claim is carried at what was
// owed on that date, principal and interest, less what has been written down; from its last cash on, at nothing. What was
// drawn at the default is part of the debt from then on.
class PublishedClaims {
 public:
  explicit PublishedClaims(const Wiring&);
  // Once for each position in their order; `overdue_years`: today; `wait`: steps from a default to its last cash. Adds to
  // the row's published value today and to the bound on its worth.
  void add(const Claim&, std::uint32_t row, FactorIndex currency, double overdue_years, int wait, double& published_today,
           double& gross);
  void finish(const std::vector<ObligorIndex>& of_position);
  bool empty() const { return lines_.empty(); }
  // The rows must be clear.
  void add_values(const RowSet&, const Block&, Ledger&) const;

 private:
  struct Line {
    WriteDown write_down;
    std::uint32_t row;
    FactorIndex currency;
    int wait;
    std::size_t first_due, end_due;
  };
  struct Due {                 // a payment within the simulated time, or the first after it
    double date_years;         // on which it is made
    double owed, since_years;  // if it is not: owed from then on
    double drawn;              // at the default
  };
  struct Total {  // of a row in a currency, if nobody defaults
    std::uint32_t row;
    FactorIndex currency;
    std::vector<double> amount;  // [valued]
  };
  void correct(std::size_t position, const Default&, const RowSet&, const Block&, Ledger&) const;

  std::vector<double> time_years_;
  std::vector<int> valued_;
  std::uint32_t obligors_;
  const FactorModel* market_;  // while it compiles
  std::vector<Line> lines_;
  std::vector<double> performing_;  // [position][valued]
  std::vector<Due> due_;
  std::map<std::pair<std::uint32_t, FactorIndex>, std::size_t> place_;
  std::vector<Total> totals_;
  ByObligor by_obligor_;
};

}  // namespace tailcube
