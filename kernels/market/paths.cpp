// A cell's paths: move the innovations, walk the dynamics, then lay the shocks over.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "kernels/market/bridge.h"
#include "kernels/market/jumps.h"
#include "kernels/market/lane_loops.h"
#include "kernels/market/market.h"
#include "kernels/math/functions.h"

namespace tailcube {
namespace {

std::size_t index(FactorIndex f) { return static_cast<std::size_t>(f); }

void fill(Lanes out, double value) { std::fill(out.begin(), out.end(), value); }

void copy_factor(const LaneTable& from, std::size_t factor, LaneTable& to) {
  const std::size_t row = static_cast<std::size_t>(from.steps()) * lanes;
  std::copy_n(from.data() + factor * row, row, to.data() + factor * row);
}

// z + C10 C00+ (z* - z0), step by step.
void move_with_pins(const FactorModel& model, const CellShocks& cell, const LaneTable& innovations, LaneTable& moved) {
  if (cell.pin_beta.empty()) return;
  LaneTable gaps(cell.pins.size(), 1);
  std::vector<double> scale;
  std::vector<const double*> gap;
  for (int n = 1; n <= model.steps; ++n) {
    for (std::size_t p = 0; p < cell.pins.size(); ++p)
      if (const Pin& pin = cell.pins[p]; n <= pin.last)
        market::subtract_from(pin.innovation[static_cast<std::size_t>(n)], innovations(pin.factor, n), gaps(p, 0));
    const double* beta = cell.pin_beta[static_cast<std::size_t>(n) - 1].data();
    for (std::size_t i = 0; i < model.factors.size(); ++i, beta += cell.pins.size()) {
      scale.clear(), gap.clear();
      for (std::size_t p = 0; p < cell.pins.size(); ++p)
        if (n <= cell.pins[p].last && beta[p] != 0) scale.push_back(beta[p]), gap.push_back(gaps(p, 0).data());
      if (!gap.empty()) market::add_scaled(scale, gap.data(), moved(i, n));
    }
  }
}

// All shocked drivers move together: first every distance to go, then the innovations. The distance, over sqrt(N), waits in
// the driver's unused row of step 0.
void move_with_drivers(const FactorModel& model, const CellShocks& cell, LaneTable& moved) {
  const double scale = model.driver_scale.back();
  for (const DriverShock& shock : cell.driver_shocks) {
    const Lanes gap = moved(shock.driver, 0);
    fill(gap, shock.amount);
    if (shock.set)
      for (int n = 1; n <= model.steps; ++n) market::add_scaled(-scale, moved(shock.driver, n), gap);
    for (double& g : gap) g *= scale;
  }
  for (int n = 1; n <= model.steps && !cell.driver_beta.empty(); ++n) {
    const double* beta = cell.driver_beta[static_cast<std::size_t>(n) - 1].data();
    for (std::size_t s = 0; s < cell.driver_shocks.size(); ++s)
      for (std::size_t i = 0; i < model.factors.size(); ++i) {
        const double b = beta[i * cell.driver_shocks.size() + s];
        if (b != 0) market::add_scaled(b, moved(cell.driver_shocks[s].driver, 0), moved(i, n));
      }
  }
}

// The walk of a factor that stands at `value` at `step`, and its state there.
market::Walk start_walk(const Factor& f, const Transition& t, int step, double value, Lanes y) {
  market::Walk walk;
  walk.decay = t.decay;
  walk.shift = t.shift;
  walk.deviation = t.deviation;
  double state = 0;
  switch (f.process) {
    case Process::lognormal:
      walk.value = market::Walk::Value::exponential;
      walk.scale = value;
      break;
    case Process::normal:
      walk.offset = value;
      break;
    case Process::ou:
      walk.offset = f.level;
      state = value - f.level;
      break;
    case Process::log_ou:
      walk.value = market::Walk::Value::exponential;
      walk.offset = f.level;
      state = log(value) - f.level;
      break;
    case Process::driver:
      walk.value = market::Walk::Value::scaled;
      state = value * std::sqrt(static_cast<double>(step));
      break;
  }
  fill(y, state);
  return walk;
}

void walk_factor(const FactorModel& model, std::size_t i, double initial, const Pin* pin, const LaneTable& innovations,
                 Block& block) {
  const Factor& f = model.factors[i];
  const Transition& t = model.transitions[i];
  const int last = pin ? pin->last : 0;
  const auto value_at = [&](int n) { return n == 0 ? initial : pin->value[static_cast<std::size_t>(n)]; };
  for (int n = 0; n <= last; ++n) fill(block.factors(i, n), value_at(n));
  if (last == model.steps) return;

  alignas(64) std::array<double, lanes> y;
  const market::Walk walk = start_walk(f, t, last, value_at(last), y);
  const double* scale = model.driver_scale.data();
  const bool jumps = !t.jump_tail.empty();
  const int stride = jumps ? 1 : model.steps - last;
  alignas(64) std::array<double, lanes> jump;
  for (int n = last + 1; n <= model.steps; n += stride) {
    const bool jumped = jumps && draw_jumps(f, t, block, n, jump);
    market::walk(walk, stride, innovations(i, n).data(), jumped ? jump.data() : nullptr, scale + n, y,
                 block.factors(i, n).data());
  }
}

void overlay(const Shock& shock, int steps, LaneTable& factors) {
  for (int n = shock.from; n <= std::min(shock.to, steps); ++n) {
    const Lanes x = factors(shock.factor, n);
    switch (shock.operation) {
      case Operation::add:
        for (double& v : x) v += shock.amount;
        break;
      case Operation::multiply:
        for (double& v : x) v *= shock.amount;
        break;
      case Operation::set:
        fill(x, shock.amount);
        break;
    }
  }
}

// Only adding can take a price below zero in one scenario and not in another: no price there, and the positions say so.
void refuse_lost_prices(const FactorModel& model, const CellShocks& cell, LaneTable& factors) {
  for (const Shock& shock : cell.value_shocks) {
    const Process process = model.factors[index(shock.factor)].process;
    if (shock.operation != Operation::add || (process != Process::lognormal && process != Process::log_ou)) continue;
    for (int n = shock.from; n <= std::min(shock.to, model.steps); ++n)
      for (double& v : factors(shock.factor, n)) v = v > 0 ? v : std::numeric_limits<double>::quiet_NaN();
  }
}

}  // namespace

void draw_paths(const FactorModel& model, const CellShocks& cell, const LaneTable& innovations, const Block* base,
                LaneTable& scratch, Block& block, const CellShocks* before) {
  const auto touched = [&](std::size_t i, int bits) { return (cell.touched[i] & bits) != 0; };
  for (std::size_t i = 0; i < model.factors.size(); ++i)
    if (touched(i, touch_innovations)) copy_factor(innovations, i, scratch);
  move_with_pins(model, cell, innovations, scratch);
  move_with_drivers(model, cell, scratch);

  const auto bridged = [&](FactorIndex f) { return std::binary_search(model.bridged.begin(), model.bridged.end(), f); };
  for (std::size_t i = 0; i < model.factors.size(); ++i) {
    const bool inside = bridged(FactorIndex{static_cast<std::uint32_t>(i)});
    if (base && !touched(i, touch_dynamics)) {
      if (before != nullptr && before->touched[i] == 0) continue;
      copy_factor(base->factors, i, block.factors);
      if (inside) copy_factor(base->lows, i, block.lows), block.landings[i] = base->landings[i];
      continue;
    }
    const auto pin = std::find_if(cell.pins.begin(), cell.pins.end(), [&](const Pin& p) { return index(p.factor) == i; });
    const bool pinned = pin != cell.pins.end();
    walk_factor(model, i, cell.initial[i], pinned ? &*pin : nullptr, touched(i, touch_innovations) ? scratch : innovations,
                block);
    if (inside) draw_lows(model, i, pinned ? pin->last : 0, block);
  }
  for (const Shock& shock : cell.value_shocks) {
    overlay(shock, model.steps, block.factors);
    if (bridged(shock.factor)) overlay_lows(shock, model.steps, block);
  }
  refuse_lost_prices(model, cell, block.factors);
  block.monitor_today = cell.monitor_today;
}

}  // namespace tailcube
