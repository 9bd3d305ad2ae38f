#pragma once
// Stage 1: factor paths by exact transitions, stress overlays and pins, discount factors.
#include <cstdint>
#include <vector>

#include "kernels/random/stream.h"

namespace tailcube {

enum class Process : std::uint8_t { lognormal, normal, ou, log_ou, driver };

struct Factor {
  Process process = Process::lognormal;
  StreamId innovation{}, jump_count{}, jump_size{};
  StreamId bridge{}, bridge_path{}, jump_time{}, jump_part{};  // inside a step
  double initial = 0, drift = 0, volatility = 0;               // the factor's unit; per year; per sqrt(year)
  double reversion = 0, level = 0;                             // per year; the factor's unit (log_ou: of the log)
  double jump_rate = 0, jump_mean = 0, jump_volatility = 0;    // per year; of the log jump (Merton 1976)
};

// One step of a factor in closed form, in its state y: lognormal log(S / start), normal S - start, ou S - level,
// log_ou log S - level, driver the sum of its innovations. y_n = decay y_{n-1} + shift + deviation z_n + jumps.
struct Transition {
  double decay = 1;
  double shift = 0;  // jumps compensated
  double shift_without_jumps = 0;
  double deviation = 0;
  std::vector<double> jump_tail;  // [k - 1] P(at least k jumps in a step), down to 2^-56; empty: no jumps
};
Transition transition(const Factor&, double step_years);
// The innovation z* that moves a factor from one value to another in step n (>= 1) without jumps. Values of lognormal kinds
// must be positive. 0 for a factor without volatility.
double implied_innovation(const Factor&, double step_years, int step, double from, double to);

struct Pillar {
  double tenor_years;
  FactorIndex zero_rate;
};
struct Discount {  // exp(-(zero(date - t) + spread) (date - t)), seen from t
  CurveIndex curve;
  FactorIndex spread;  // `none`: no spread factor
  double date_years;
  friend auto operator<=>(const Discount&, const Discount&) = default;
};

// All that stage 1 needs, compiled once per job.
struct FactorModel {
  std::vector<Factor> factors;
  std::vector<double> correlation;          // [factor][factor], of one-step innovations
  std::vector<double> root;                 // lower triangular, root root' = correlation, [factor][factor]
  std::vector<std::vector<Pillar>> curves;  // by rising tenor
  std::vector<Discount> discounts;          // filled while instruments compile
  double step_years = 0;
  int steps = 0;
  std::vector<int> valued;           // reporting steps
  std::vector<FactorIndex> bridged;  // lognormal factors whose path inside the steps is asked for; ascending
  struct Published {
    double today = 0, bound = 0;  // in the job's currency; on the size of it in any ordinary scenario
  };
  std::vector<Published> published;  // rows of Block::factors after those of `factors`
  std::size_t rows() const { return factors.size() + published.size(); }
  // Set by `prepare` from what is above:
  std::vector<Transition> transitions;    // per factor
  std::vector<double> driver_scale;       // [step 0..n] 1 / sqrt(step), [0] = 0
  std::vector<std::uint32_t> root_first;  // first column of each row of `root` that is not zero
};
// Must have run before anything is drawn, and again when factors, root, step_years or steps change.
void prepare(FactorModel&);

enum class Operation : std::uint8_t { add, multiply, set };
struct Shock {  // an overlay on the simulated value at steps from <= n <= to, never fed back; from = 0: from just after
                // today
  FactorIndex factor;
  Operation operation;
  int from, to;
  double amount;
};
struct Pin {  // a factor held on a path: its innovations are implied, its jumps off
  FactorIndex factor;
  int last;                        // pinned at steps 1 .. last
  std::vector<double> value;       // [step 0 .. last]
  std::vector<double> innovation;  // z*, [step 0 .. last], [0] unused
};
struct DriverShock {  // set: D_N = amount; add: D_N shifts by amount. At most one per driver
  FactorIndex driver;
  bool set;
  double amount;
};
// Bits of CellShocks::touched.
enum Touch : std::uint8_t {
  touch_overlay = 1,      // its simulated value is overlaid
  touch_dynamics = 2,     // pinned, started elsewhere or moved
  touch_innovations = 4,  // its innovations move with a pin or a driver shock
};

// One stress cell, compiled (src/engine/stress.*).
struct CellShocks {
  std::vector<double> initial;  // starting value per factor (base, or shocked by on = "initial")
  std::vector<Pin> pins;
  // [step 1..n][factor x pin], C10 C00+ over the pins active at the step; identity rows for pins; empty: none propagate.
  std::vector<std::vector<double>> pin_beta;
  std::vector<DriverShock> driver_shocks;
  // [step 1..n][factor x driver shock]: what an innovation moves by when D_N of the shocked driver moves by sqrt(N). The
  // regression on all shocked drivers given the pins at the step with `propagate`, else 1 for the driver itself.
  std::vector<std::vector<double>> driver_beta;
  std::vector<Shock> value_shocks;    // in the order of the job
  std::vector<std::uint8_t> touched;  // per factor: 0, its path is that of the unshocked cell; else bits of Touch
  bool monitor_today = false;         // a shock acts just after today
  bool propagate = false;
  double distance = 0;  // sqrt(sum z*' C00+ z*) over what is pinned; NaN with overlays
  double distance_tail =
      1;  // P(chi-squared >= distance^2), degrees of freedom = independent numbers pinned; NaN with overlays
};

// Zero rate of a curve at step 0, today's unshocked factor values: linear between pillars, flat beyond.
double zero_rate_today(const FactorModel&, CurveIndex, double tenor_years);

// Correlated innovations of the block's seed and scenarios, [factor][step 0..n][lane], step 0 unused: shared by all cells.
// Step n of a factor uses the 53-bit normal number n - 1 of its stream `innovation`; jumps use the uniform and the normal
// number n - 1 of `jump_count` and `jump_size`.
void draw_innovations(const FactorModel&, const Block&, LaneTable& innovations);
// Factor values at steps 0 .. n of one cell, what bridged factors do between them, and Block::monitor_today. `base`, if
// given, is the same block of the unshocked cell: what the cell does not touch is copied from it. `scratch` has the shape of
// `innovations`. A factor of a lognormal kind that an added shock takes to zero or below becomes NaN there. `before`, if
// given: the cell whose paths of these scenarios the block has; what neither touches is there already.
void draw_paths(const FactorModel&, const CellShocks&, const LaneTable& innovations, const Block* base, LaneTable& scratch,
                Block&, const CellShocks* before = nullptr);
// Block::discounts at the valued steps. A date within 1e-9 years of a step counts as that step.
void discount(const FactorModel&, Block&);

}  // namespace tailcube
