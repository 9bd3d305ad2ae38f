#pragma once
// One scenario of one stress cell once more: the run's own losses of the nodes, and what the run never keeps, every position
// at every step.
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "src/engine/engine.h"

namespace tailcube {

// Money is in the job's currency. "By reporting step": in the order of Job::report_steps.
struct ReplayedPosition {
  std::uint32_t table, place;  // of Job::tables
  NodeIndex leaf;
  double value_today;
  // By reporting step, each rounded once to the loss unit.
  std::vector<double> loss, credit_loss;
};
struct ReplayedDefault {
  std::uint32_t obligor;      // of Job::obligors
  int step;                   // the first at or after the default
  double loss_given_default;  // as drawn
  // Over the obligor's positions. Exposure: the claim, with what was drawn on a limit at the default, at the price of its
  // currency at the default's step. Recovery: cash received from that step on (what was drawn then does not count against
  // it) and, at the last step, the value of what is still to come. Loss: the credit loss at the last step.
  double exposure = 0, recovery = 0, loss = 0;
  std::vector<std::uint32_t> positions;  // of Replay::positions
};
struct ReplayedLiquidation {
  std::uint32_t position;                                                // of Replay::positions
  int step;                                                              // at which it is seen; 0: just after today
  enum class How : std::uint8_t { seen, on_the_way, after_a_jump } how;  // at a date; at its trigger price; after a gap
  double price;                                                          // of a unit of collateral
  double repaid;                                                         // to the lender, in money
  double sold;                                                           // units of collateral
};

struct Replay {
  std::uint64_t scenario = 0;
  double unit = 0;
  std::vector<std::vector<double>> path;     // [factor][step 0 .. n]; step 0 is just after today
  struct Published {                         // by a link of Job::chain: a pool, or a unit of a position; [step 0 .. n]
    std::vector<double> value, credit_loss;  // pool: value and cash; position: its price
  };
  std::vector<Published> published;  // empty where nothing is referred to
  // Exactly what the run posts: [node][reporting step], in units; gauges [gauge][node][reporting step] in their unit.
  std::vector<Units> economic, credit;
  std::vector<Units> published_loss, gap;  // empty where the job asks for no published values
  std::vector<double> gauges;
  std::vector<ReplayedPosition> positions;        // in the order of the job's tables
  std::vector<ReplayedDefault> defaults;          // by step, then id
  std::vector<ReplayedLiquidation> liquidations;  // by step, then position
  std::vector<double> cash;                       // received in each step: [node][step 1 .. n]
  // The row of a leaf is rounded once, its positions each: the largest difference over rows, reporting steps and both
  // quantities, between the row and its positions, in units. Their sum before rounding: 1 at most. Rounded: about the root
  // of their number.
  double largest_difference = 0, largest_rounding = 0;
};

// Compiles a job for one of its cells: by leaf as for the run, by leaf with every step valued, and by position.
class Replayer {
 public:
  // `unit`: the loss unit of the run. Throws InvalidJob.
  Replayer(const Job&, int cell, double unit);
  ~Replayer();
  // Throws std::out_of_range.
  Replay operator()(std::uint64_t scenario);
  // Up to `together` at once, in any order: they share the lanes of a block, and cost little more than one.
  std::vector<Replay> operator()(std::span<const std::uint64_t> scenarios);
  std::size_t together() const;  // fewer for a large book: a replay has every position
  // Factor values of many scenarios of the cell, from the first: [factor][scenario] at the step. At most the job's.
  std::vector<std::vector<double>> sample(int step, std::size_t scenarios);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The job without these positions, as it was run after they had been left out (run.faults = "quarantine").
void leave_out(Job&, const std::vector<std::string>& ids);

}  // namespace tailcube
