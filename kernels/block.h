#pragma once
// The working set of one thread: `lanes` consecutive scenarios of one stress cell, and what instruments write for them.
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <vector>

namespace tailcube {

// Scenarios side by side. One lane is one scenario; nothing is summed across lanes in a kernel.
// A constant of the program, never of the CPU.
inline constexpr int lanes = 64;
using Lanes = std::span<double, lanes>;
using ConstLanes = std::span<const double, lanes>;

enum class FactorIndex : std::uint32_t {};   // factors and drivers, in the order of their ids
enum class ObligorIndex : std::uint32_t {};  // by bucket, then id
enum class CurveIndex : std::uint32_t {};
enum class DiscountIndex : std::uint32_t {};  // one (curve, spread factor, payment date)
enum class NodeIndex : std::uint32_t {};      // depth first, parents before children, 0 = "total"
enum class RowIndex : std::uint32_t {};       // one (batch, leaf node), or one position when replaying
enum class PoolIndex : std::uint32_t {};      // a node that is referred to: its first row of Block::factors

// "No factor", "no obligor", ...: FactorIndex{none}.
inline constexpr std::uint32_t none = ~0u;
template <class Index>
constexpr bool is_none(Index index) {
  return index == Index{none};
}

// Doubles as [series][step][lane], 64-byte aligned; a run of 512 bytes per (series, step). Contents start undefined.
class LaneTable {
 public:
  LaneTable() = default;
  LaneTable(std::size_t series, int steps)
      : series_(series),
        steps_(steps),
        values_(new (std::align_val_t{64}) double[series * static_cast<std::size_t>(steps) * lanes]) {}

  template <class Index>
  Lanes operator()(Index series, int step) {
    return Lanes(at(static_cast<std::size_t>(series), step), lanes);
  }
  template <class Index>
  ConstLanes operator()(Index series, int step) const {
    return ConstLanes(at(static_cast<std::size_t>(series), step), lanes);
  }
  std::size_t series() const { return series_; }
  int steps() const { return steps_; }
  std::size_t size() const { return series_ * static_cast<std::size_t>(steps_) * lanes; }  // doubles
  double* data() { return values_.get(); }
  const double* data() const { return values_.get(); }

 private:
  struct Free {
    void operator()(double* p) const { ::operator delete[](p, std::align_val_t{64}); }
  };
  double* at(std::size_t series, int step) const {
    return values_.get() + (series * static_cast<std::size_t>(steps_) + static_cast<std::size_t>(step)) * lanes;
  }
  std::size_t series_ = 0;
  int steps_ = 0;
  std::unique_ptr<double[], Free> values_;
};

// One obligor's default in one scenario.
struct Default {
  Default() {}  // NOLINT: sets nothing, so that room for many costs nothing
  Default(ObligorIndex whose, std::uint16_t in_lane, std::uint16_t at_step, double loss)
      : obligor(whose), lane(in_lane), step(at_step), loss_given_default(loss) {}
  ObligorIndex obligor;
  std::uint16_t lane;
  std::uint16_t step;  // the first step at or after the default, 1 .. n
  double loss_given_default;
  friend bool operator==(const Default&, const Default&) = default;
};

// A jump of a factor inside a step.
struct Landing {
  std::uint16_t lane, step;
  double value;  // just after it
  double low;    // lowest value from there to the next jump or the end of the step
};

// The scenario of each lane: consecutive from a multiple of `lanes`, or any (`lanes` of them, who outlive this).
struct ScenarioLanes {
  std::uint32_t first = 0;
  const std::uint32_t* gathered = nullptr;                                // null: consecutive
  ScenarioLanes(std::uint32_t first_scenario) : first(first_scenario) {}  // NOLINT: the common case reads as its number
  explicit ScenarioLanes(std::span<const std::uint32_t, lanes> any) : gathered(any.data()) {}
  std::uint32_t operator[](std::size_t lane) const {
    return gathered == nullptr ? first + static_cast<std::uint32_t>(lane) : gathered[lane];
  }
};

// Market and credit write it, instruments read it.
struct Block {
  std::uint64_t seed = 0;
  std::uint64_t first_scenario = 0;         // a multiple of `lanes`
  const std::uint32_t* gathered = nullptr;  // `lanes` scenario numbers instead, in any order
  ScenarioLanes numbers() const {
    ScenarioLanes out(static_cast<std::uint32_t>(first_scenario));
    out.gathered = gathered;
    return out;
  }
  std::size_t scenarios = lanes;  // the first lanes; those beyond are not of the job, and what they hold is no fault
  // True in cells with a shock that acts just after today: triggers are then checked at step 0 as well.
  bool monitor_today = false;
  // Value in the factor's unit at steps 0 .. n. Step 0 is *just after today*: today's value, shocked where a cell shocks it.
  // A driver's row holds its standardised value D_n (D_0 = 0). After the factors come what the book publishes of itself
  // (publishing.h): the value of pools, the prices of tokens; their step 0 is today, never shocked.
  LaneTable factors;
  // Of factors in FactorModel::bridged, the path inside the steps: lowest value from step n - 1 to step n, or to the first
  // jump between them; n >= 1. What a cell adds to the path there is what it adds at step n - 1. May be 0, never negative.
  LaneTable lows;
  std::vector<std::vector<Landing>> landings;  // [factor], sorted by (lane, step, time)
  // Discount factor of DiscountIndex seen from each *valued* step (position in the list, not step number); 0 once the date
  // has passed.
  LaneTable discounts;
  std::vector<Default> defaults;                    // sorted by (obligor, lane)
  std::vector<std::uint32_t> first_default;         // of each obligor, then the end; who changes defaults empties it
  std::array<double, lanes> mean_conditional_pd{};  // mean over obligors of P(default by the last step | drivers)
  std::array<std::int64_t, lanes> weight{};         // importance weight, 2^-56; 2^56 when plain
};

// What the positions are worth, in the job's currency, [row][valued step][lane]. A row is set by the one batch that owns it.
struct Ledger {
  LaneTable value;        // at the valued step
  LaneTable cash;         // received since today, cumulative
  LaneTable credit_loss;  // (value + cash had no position defaulted or been liquidated) - (value + cash)
  // Value by the contract's own accounting; empty where no job asks for it, and batches then leave it alone.
  LaneTable published_value;
  LaneTable gauges;  // [gauge row][valued step][lane]; additive over positions by definition
  // Memory for a batch while it evaluates; says nothing before and after. Counted in Batch::bytes_per_thread.
  std::vector<double> scratch;
  std::vector<std::uint32_t> scratch_indices;
};

enum class Reason : std::uint8_t { not_finite, no_price, no_convergence, out_of_domain };
struct Fault {
  RowIndex row;
  std::uint32_t position;  // `none`: the whole row
  std::uint16_t lane;
  Reason reason;
};
using Faults = std::vector<Fault>;

}  // namespace tailcube
