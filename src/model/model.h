#pragma once
// A validated job in memory: indices for names, decimals for rates, years for times. Nothing here can be invalid.
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/credit/defaults.h"
#include "kernels/credit/thresholds.h"
#include "kernels/instruments/instrument.h"
#include "kernels/market/market.h"

namespace tailcube {

struct Node {
  std::string path;  // "total/credit/pool_a"
  NodeIndex parent;  // `none` for the root
};
struct Confidence {  // read as a decimal: 0.999 is {999, 1000}
  std::int64_t numerator, denominator;
  double value() const { return static_cast<double>(numerator) / static_cast<double>(denominator); }
  friend bool operator==(const Confidence&, const Confidence&) = default;
};

// Past due for this long is default (Basel Framework, CRE36: default begins after 90 days).
inline constexpr double days_in_default = 90;

struct ObligorTable {  // by column, sorted by id
  std::vector<std::string> id;
  std::vector<double> pd_1y;                   // annual; a hazard is converted
  std::vector<std::uint32_t> term;             // place in `terms`, or `none`: PD(t) = 1 - (1 - pd_1y)^t; empty: none has one
  std::vector<std::vector<DefaultBy>> terms;   // term structures, from one year on; distinct, sorted
  std::vector<std::vector<Loading>> loadings;  // as given (not scaled by kappa), by driver
  std::vector<double> loss_given_default;      // mean, given default in the base cell
  std::vector<double> lgd_sd, lgd_correlation;  // standard deviation given default, 0: constant; r >= 0
  std::vector<double> recovery_delay_years;     // from default to the cash of an unsecured claim
  std::vector<double> days_past_due;            // from days_in_default on: in default at the first step
  std::vector<std::string> sector, country;
  std::size_t size() const { return id.size(); }
  std::uint32_t term_of(std::size_t i) const { return term.empty() ? none : term[i]; }
};

struct CreditSettings {
  double dof = 0;  // 0: Gaussian copula
  Timing timing = Timing::adapted;
  bool matched = true;  // credit.joint
  Sampler sampler = Sampler::sparse;
};

struct ShockSpec {
  FactorIndex factor;
  Operation operation;
  double amount;
  int from = 0;  // 0: from just after today
  int to = std::numeric_limits<int>::max();
  bool initial = false;  // on = "initial"
};
struct PathSpec {
  std::vector<int> step;  // ascending, may start at 0
  std::vector<FactorIndex> factors;
  std::vector<std::vector<double>> value;  // [row][factor]; NaN = blank: interpolated
};
struct CellSpec {
  std::string name;
  std::optional<PathSpec> path;
  std::vector<ShockSpec> shocks;
  bool propagate = false;
};

struct PositionTable {
  const Instrument* instrument;
  Positions positions;
};

// What is referred to in the book itself: a pool, a position with a price, or an account. Publishes rows of Block::factors.
struct ChainLink {
  enum class Kind : std::uint8_t { pool, price, account };
  std::string name;  // path of the pool below the root, id of the position, or name of the account
  Kind kind = Kind::price;
  FactorIndex first{};                // its first row: pool_value, price_row or account_value
  std::vector<PositionTable> tables;  // of a pool; or one with the position alone; or one with those who share the account
};
struct Chain {
  std::vector<ChainLink> links;  // each refers to earlier ones only
  std::uint32_t rows = 0;        // that they publish
};

// What expected shortfall is split up by beside the tree; what stands for no value, and for those not told apart.
inline constexpr std::string_view no_value = "(none)", other_values = "(others)";
struct ContributionColumn {
  std::string name;  // a column of the positions; or "position", "obligor", "sector", "country"
  // Of a column of the positions, sorted: what Positions::labels counts.
  std::vector<std::string> values;
};

struct InputFile {
  std::string path, sha256;  // as written in the job
};

struct Job {
  std::string name, currency, as_of;
  std::string text;          // the job file, after --set
  std::string digest;        // sha256 over every input byte, every setting and default
  std::string tally_digest;  // the same without the number of scenarios
  std::uint64_t seed = 0, scenarios = 0;
  bool quarantine = false;  // run.faults
  double step_years = 0;
  int steps = 0;
  std::vector<int> report_steps;       // ascending
  std::vector<Confidence> confidence;  // ascending
  bool binned = false;
  bool published_values = false;  // cube.published
  bool ratios = false;            // cube.ratios
  int tail_scenarios = 1000;
  std::vector<NodeIndex> contributions;  // whose expected shortfall is split up over the nodes below; ascending
  std::vector<ContributionColumn> contribute_by;
  int contribute_top = 50;  // values that are told apart, of each column and node
  std::vector<std::string> levels;

  std::vector<std::string> factor_ids;  // sorted; drivers among them
  FactorModel market;                   // factors, correlation, root, curves, steps, valued; no discounts yet
  std::vector<std::string> curve_ids;
  double correlation_repair = 0;  // largest change of an entry; 0 without repair

  CreditSettings credit;
  ObligorTable obligors;
  // ObligorIndex in positions counts obligors in the order of ObligorTable (by id); compile maps it to bucket order.
  std::vector<Node> nodes;             // depth first, by id; [0] = "total"
  std::vector<PositionTable> tables;   // in the order of instruments(); tables without positions are absent
  std::shared_ptr<const Chain> chain;  // null: nothing is referred to. Holds the positions outside the total as well
  std::vector<CellSpec> cells;         // the file's order; "base" if there is none

  std::vector<std::string> defaults_used;  // "cube.tail = exact", "loans.csv: currency = USD (3 000 rows)"
  std::vector<std::string> warnings;
  std::vector<InputFile> inputs;
};

}  // namespace tailcube
