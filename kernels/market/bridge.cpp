#include "kernels/market/bridge.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "kernels/market/jumps.h"
#include "kernels/math/functions.h"

namespace tailcube {
namespace {

std::size_t index(FactorIndex f) { return static_cast<std::size_t>(f); }

// The lowest point of a Brownian bridge from 0 to `move` whose variance would be `variance` without an end, where a uniform
// is u: P(lowest < m) = exp(-2 m (m - move) / variance) for m <= min(0, move).
double lowest(double move, double variance, double log_u) {
  return 0.5 * (move - std::sqrt(move * move - 2 * variance * log_u));
}

class Step {
 public:
  Step(const FactorModel& model, std::size_t factor, Block& block)
      : f_(model.factors[factor]), t_(model.transitions[factor]), years_(model.step_years), factor_(factor), block_(block) {}

  // Every lane as if it did not jump.
  void diffuse(int n) {
    const ConstLanes from = block_.factors(factor_, n - 1), to = block_.factors(factor_, n);
    const Lanes low = block_.lows(factor_, n);
    alignas(64) std::array<double, lanes> move, log_u;
    uniforms(block_.seed, f_.bridge, block_.numbers(), draw(n, 1, 0), log_u);
    log(log_u, log_u);
    for (std::size_t k = 0; k < lanes; ++k) move[k] = to[k] / from[k];
    log(move, move);
    const double variance = t_.deviation * t_.deviation;
    for (std::size_t k = 0; k < lanes; ++k) move[k] = lowest(move[k], variance, log_u[k]);
    exp(move, low);
    for (std::size_t k = 0; k < lanes; ++k) low[k] = std::min(from[k] * low[k], std::min(from[k], to[k]));
  }
  // Lanes that jump, once more.
  void jump(int n) {
    alignas(64) std::array<double, lanes> count, sum;
    if (draw_jump_counts(f_, t_, block_, n, count) == 0) return;
    draw_jumps(f_, t_, block_, n, sum);
    for (std::size_t k = 0; k < lanes; ++k)
      if (count[k] > 0) jump(n, k, static_cast<std::size_t>(count[k]), sum[k]);
  }

 private:
  std::uint32_t draw(int n, std::size_t extra, std::size_t i) const {
    return static_cast<std::uint32_t>(static_cast<std::size_t>(n - 1) * (t_.jump_tail.size() + extra) + i);
  }

  void jump(int n, std::size_t lane, std::size_t count, double sum) {
    const std::uint32_t scenario = block_.numbers()[lane];
    std::vector<double> time(count), part(count);
    double mean = 0;
    for (std::size_t i = 0; i < count; ++i) {
      time[i] = uniform(block_.seed, f_.jump_time, scenario, draw(n, 0, i)) * years_;
      part[i] = count > 1 ? normal(block_.seed, f_.jump_part, scenario, draw(n, 0, i)) : 0;
      mean += part[i] / static_cast<double>(count);
    }
    std::sort(time.begin(), time.end());
    // Normals given their sum.
    for (double& p : part) p = sum / static_cast<double>(count) + f_.jump_volatility * (p - mean);

    const double start = block_.factors(factor_, n - 1)[lane], end = block_.factors(factor_, n)[lane];
    const double diffusion = log(end / start) - sum, per_year = f_.volatility * f_.volatility;
    double at = 0, moved = 0, jumped = 0;  // time, diffusion and jumps so far
    for (std::size_t piece = 0; piece <= count; ++piece) {
      const bool last = piece == count;
      const double left = years_ - at, next = last ? years_ : time[piece], span = next - at;
      double reached = diffusion;
      if (!last) {
        const double z = normal(block_.seed, f_.bridge_path, scenario, draw(n, 0, piece));
        reached = moved + (diffusion - moved) * (span / left) + std::sqrt(per_year * span * ((years_ - next) / left)) * z;
      }
      const double log_u = log(uniform(block_.seed, f_.bridge, scenario, draw(n, 1, piece)));
      const double from = piece == 0 ? start : start * exp(jumped + moved);
      const double low = from * exp(lowest(reached - moved, per_year * span, log_u));
      if (piece == 0)
        block_.lows(factor_, n)[lane] = std::min(low, start);
      else
        block_.landings[factor_].push_back({static_cast<std::uint16_t>(lane), static_cast<std::uint16_t>(n), from,
                                            std::min({low, from, last ? end : from})});
      at = next, moved = reached;
      if (!last) jumped += part[piece];
    }
  }

  const Factor& f_;
  const Transition& t_;
  double years_;
  std::size_t factor_;
  Block& block_;
};

void shock(const Shock& s, double& x) {
  x = s.operation == Operation::add ? x + s.amount : s.operation == Operation::multiply ? x * s.amount : s.amount;
}

}  // namespace

void draw_lows(const FactorModel& model, std::size_t factor, int jumps_after, Block& block) {
  std::vector<Landing>& landings = block.landings[factor];
  landings.clear();
  Step step(model, factor, block);
  for (int n = 1; n <= model.steps; ++n) {
    step.diffuse(n);
    if (n > jumps_after && !model.transitions[factor].jump_tail.empty()) step.jump(n);
  }
  std::stable_sort(landings.begin(), landings.end(), [](const Landing& a, const Landing& b) { return a.lane < b.lane; });
}

void overlay_lows(const Shock& s, int steps, Block& block) {
  const int from = s.from + 1, to = s.to < steps ? s.to + 1 : steps;
  for (int n = from; n <= to; ++n)
    for (double& low : block.lows(s.factor, n)) {
      shock(s, low);
      low = std::max(low, 0.0);  // on the way down it passes every price
    }
  for (Landing& l : block.landings[index(s.factor)])
    if (l.step >= from && l.step <= to) {
      shock(s, l.value), shock(s, l.low);
      l.low = std::max(l.low, 0.0);
      if (!(l.value > 0)) l.value = std::numeric_limits<double>::quiet_NaN();
    }
}

}  // namespace tailcube
