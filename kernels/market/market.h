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
  double initial = 0, drift = 0, volatility = 0;         // the factor's unit; per year; per sqrt(year)
  double reversion = 0, level = 0;                       // per year; the factor's unit (log_ou: of the log)
  double jump_rate = 0, jump_mean = 0, jump_volatility = 0;  // per year; of the log jump (Merton 1976)
};

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
  std::vector<double> correlation;  // [factor][factor], of one-step innovations
  std::vector<double> root;         // lower triangular, root root' = correlation, [factor][factor]
  std::vector<std::vector<Pillar>> curves;
  std::vector<Discount> discounts;  // filled while instruments compile
  double step_years = 0;
  int steps = 0;
  std::vector<int> valued;          // reporting steps
};

enum class Operation : std::uint8_t { add, multiply, set };
struct Shock {  // an overlay on the simulated value at steps from <= n <= to, never fed back; from = 0: from just after today
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
struct DriverShock {  // set: D_N = amount; add: D_N shifts by amount
  FactorIndex driver;
  bool set;
  double amount;
};

// One stress cell, compiled (src/engine/stress.*).
struct CellShocks {
  std::vector<double> initial;                 // starting value per factor (base, or shocked by on = "initial")
  std::vector<Pin> pins;
  std::vector<std::vector<double>> pin_beta;   // [step 1..n][factor x pin], C10 C00+ over the pins active at the step; identity rows for pins; empty: none propagate
  std::vector<DriverShock> driver_shocks;
  std::vector<double> driver_beta;             // [factor x driver shock]: beta of DESIGN/INPUT; 1 for itself
  std::vector<Shock> value_shocks;             // in the order of the job
  std::vector<std::uint8_t> touched;           // per factor: its path differs from the base cell's
  bool monitor_today = false;                  // a shock acts just after today
  bool propagate = false;
  double distance = 0;                         // sqrt(sum z*' C00+ z*) over what is pinned; NaN with overlays
};

// Zero rate of a curve at step 0, today's unshocked factor values: linear between pillars, flat beyond.
double zero_rate_today(const FactorModel&, CurveIndex, double tenor_years);

// Correlated innovations, [factor][step 0..n][lane], step 0 unused: shared by all cells. Draws: one per factor and step.
void draw_innovations(const FactorModel&, const Block&, LaneTable& innovations);
// Factor values at steps 0 .. n of one cell. Factors that the cell does not touch are written as well unless `base` is given,
// whose values are then copied.
void draw_paths(const FactorModel&, const CellShocks&, const LaneTable& innovations, const Block* base, LaneTable& scratch, Block&);
// Block::discounts at the valued steps.
void discount(const FactorModel&, Block&);

}  // namespace tailcube
