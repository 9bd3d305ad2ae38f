#include <cmath>

#include "kernels/market/market.h"
#include "kernels/math/functions.h"

namespace tailcube {
namespace {

// Standard deviation of the integral of e^{-kappa (dt - s)} sigma dW, accurate for small kappa dt.
double reverting_deviation(double reversion, double volatility, double dt) {
  const double twice = 2 * reversion * dt;
  const double variance_time = twice == 0 ? dt : -expm1(-twice) / (2 * reversion);
  return volatility * std::sqrt(variance_time);
}

}  // namespace

Transition transition(const Factor& f, double dt) {
  Transition out;
  switch (f.process) {
    case Process::lognormal: {
      out.deviation = f.volatility * std::sqrt(dt);
      out.shift_without_jumps = (f.drift - f.volatility * f.volatility / 2) * dt;
      out.shift = out.shift_without_jumps;
      if (f.jump_rate > 0) {
        const double mean_jump = expm1(f.jump_mean + f.jump_volatility * f.jump_volatility / 2);
        out.shift -= f.jump_rate * mean_jump * dt;
        out.jump_tail = poisson_tail(f.jump_rate * dt);
      }
      return out;
    }
    case Process::normal:
      out.deviation = f.volatility * std::sqrt(dt);
      out.shift = out.shift_without_jumps = f.drift * dt;
      return out;
    case Process::ou:
    case Process::log_ou:
      out.decay = exp(-f.reversion * dt);
      out.deviation = reverting_deviation(f.reversion, f.volatility, dt);
      return out;
    case Process::driver:
      out.deviation = 1;
      return out;
  }
  return out;
}

void prepare(FactorModel& model) {
  model.transitions.clear();
  for (const Factor& f : model.factors) model.transitions.push_back(transition(f, model.step_years));
  model.driver_scale.assign(static_cast<std::size_t>(model.steps) + 1, 0.0);
  for (std::size_t n = 1; n < model.driver_scale.size(); ++n) model.driver_scale[n] = 1 / std::sqrt(static_cast<double>(n));
  const std::size_t factors = model.factors.size();
  model.root_first.clear();
  for (std::size_t i = 0; i < factors; ++i) {
    std::uint32_t k = 0;
    while (k < i && model.root[i * factors + k] == 0) ++k;
    model.root_first.push_back(k);
  }
}

double implied_innovation(const Factor& f, double dt, int step, double from, double to) {
  const Transition t = transition(f, dt);
  if (t.deviation == 0) return 0;
  double moved = 0;
  switch (f.process) {
    case Process::lognormal:
      moved = log(to / from);
      break;
    case Process::normal:
      moved = to - from;
      break;
    case Process::ou:
      moved = (to - f.level) - t.decay * (from - f.level);
      break;
    case Process::log_ou:
      moved = (log(to) - f.level) - t.decay * (log(from) - f.level);
      break;
    case Process::driver:
      moved = std::sqrt(static_cast<double>(step)) * to - std::sqrt(static_cast<double>(step) - 1) * from;
      break;
  }
  return (moved - t.shift_without_jumps) / t.deviation;
}

}  // namespace tailcube
