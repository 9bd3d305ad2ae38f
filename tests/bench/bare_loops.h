#pragma once
// What instruments_bench values, by loops that know the answer: the same draws, functions and money over 12 monthly steps
// and three horizons, in vectors, but one set of terms, no currencies, names, faults, gauges, credit losses or cells.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "kernels/block.h"
#include "kernels/math/functions.h"
#include "kernels/random/gamma.h"

namespace tailcube::bare {

using Column = std::array<double, lanes>;
constexpr int steps = 12;
constexpr std::array<int, 3> valued{3, 6, 12};
constexpr double dt = 1.0 / 12;

// The block's market, and the row that all positions add to.
struct World {
  const Block& block;
  const double* price(int step) const { return block.factors(0, step).data(); }
  const double* discount(std::size_t date, std::size_t v) const { return block.discounts(date, static_cast<int>(v)).data(); }
  std::array<Column, 3> value{}, cash{};
  std::array<Column, steps + 1> index_log{};
};

inline void look_at_index(World& w) {
  for (int n = 1; n <= steps; ++n) {
    const auto to = static_cast<std::size_t>(n);
    std::copy_n(w.price(n), lanes, w.index_log[to].data());
    log(w.index_log[to], w.index_log[to]);
  }
}

// An appraisal 0.2 uncertain, 0.1 of volatility of its own, offered after 0.1 years, sold after another half on average.
inline void collectible(StreamId id, World& w) {
  alignas(64) std::array<double, lanes * steps> draws;
  alignas(64) Column own, sale, worth, proceeds{};
  normals(w.block.seed, id, w.block.numbers(), 0, own);
  for (double& x : own) x = 0.2 * x - 0.02;
  normal_draws(w.block.seed, id, w.block.numbers(), 1, draws);
  uniforms(w.block.seed, id, w.block.numbers(), 99, sale);
  log(sale, sale);
  for (double& x : sale) x = std::ceil((0.1 - 0.5 * x) / dt);
  const double deviation = 0.1 * std::sqrt(dt), drift = -deviation * deviation / 2;
  for (std::size_t n = 1, v = 0; n <= steps; ++n) {
    const double* z = draws.data() + (n - 1) * lanes;
    for (std::size_t k = 0; k < lanes; ++k) own[k] += deviation * z[k] + drift, worth[k] = own[k] + w.index_log[n][k];
    exp(worth, worth);
    const auto step = static_cast<double>(n);
    for (std::size_t k = 0; k < lanes; ++k) proceeds[k] = sale[k] == step ? 1e6 * worth[k] : proceeds[k];
    if (static_cast<int>(n) != valued[v]) continue;
    for (std::size_t k = 0; k < lanes; ++k)
      w.value[v][k] += sale[k] <= step ? 0 : 1e6 * worth[k], w.cash[v][k] += proceeds[k];
    ++v;
  }
}

// An index, 0.1 of volatility of its own, rent.
inline void property(StreamId id, World& w) {
  alignas(64) std::array<double, lanes * steps> draws;
  alignas(64) Column own{}, worth;
  normal_draws(w.block.seed, id, w.block.numbers(), 0, draws);
  const double deviation = 0.1 * std::sqrt(dt), drift = -deviation * deviation / 2;
  for (std::size_t n = 1, v = 0; n <= steps; ++n) {
    const double* z = draws.data() + (n - 1) * lanes;
    for (std::size_t k = 0; k < lanes; ++k) own[k] += deviation * z[k] + drift;
    if (static_cast<int>(n) != valued[v]) continue;
    for (std::size_t k = 0; k < lanes; ++k) worth[k] = own[k] + w.index_log[n][k];
    exp(worth, worth);
    for (std::size_t k = 0; k < lanes; ++k)
      w.value[v][k] += 1e6 * worth[k], w.cash[v][k] += 5e4 * dt * static_cast<double>(n);
    ++v;
  }
}

// Beta dilution, Gamma delay, a fraud; the debtor does not default.
inline void invoice(StreamId id, double a, double b, double shape, double scale, World& w) {
  alignas(64) Column diluted, paid, fraud;
  const StreamId other{static_cast<std::uint64_t>(id) + 1}, third{static_cast<std::uint64_t>(id) + 2};
  betas(w.block.seed, id, other, w.block.numbers(), a, b, diluted);
  gammas(w.block.seed, third, w.block.numbers(), shape, paid);
  uniforms(w.block.seed, id, w.block.numbers(), 77, fraud);
  log(fraud, fraud);
  for (std::size_t k = 0; k < lanes; ++k)
    paid[k] = std::ceil((45.0 / 365 + scale * paid[k]) / dt), fraud[k] = std::ceil(-fraud[k] / (0.01 * dt));
  for (std::size_t v = 0; v < valued.size(); ++v) {
    const double h = valued[v], waiting = 1e5 * 0.94;
    for (std::size_t k = 0; k < lanes; ++k) {
      const bool lost = fraud[k] <= std::min(paid[k], h);
      w.value[v][k] += lost || paid[k] <= h ? 0 : waiting;
      w.cash[v][k] += !lost && paid[k] <= h ? 1e5 * (1 - diluted[k]) : 0;
    }
  }
}

// E min(cap, X), X lognormal.
inline double capped(double cap, double mean, double deviation) {
  const double d = log(mean / cap) / deviation + deviation / 2;
  return mean * normal_cdf(-d) + cap * normal_cdf(d - deviation);
}

// A fifth of a million a year for five years, a million at most; one date of the curve a month.
inline void revenue(World& w) {
  constexpr double payment = 0.2e6 * dt, cap = 1e6;
  constexpr std::size_t last = 60;
  alignas(64) Column received{}, worth;
  for (std::size_t n = 1, v = 0; n <= steps; ++n) {
    const double* price = w.price(static_cast<int>(n));
    for (std::size_t k = 0; k < lanes; ++k) received[k] += std::min(payment * price[k], cap - received[k]);
    if (static_cast<int>(n) != valued[v]) continue;
    worth.fill(0);
    for (std::size_t m = n; m < last; ++m) {
      const double* discount = w.discount(m, v);
      for (std::size_t k = 0; k < lanes; ++k) worth[k] += payment * price[k] * discount[k];
    }
    for (std::size_t k = 0; k < lanes; ++k) {
      const double mean = payment * price[k] * static_cast<double>(last - n);
      w.value[v][k] += worth[k] * capped(cap - received[k], mean, 0.25) / mean;
      w.cash[v][k] += received[k];
    }
    ++v;
  }
}

// 100 000 units bought at 1 with 20 000 of margin, funding 0.1 a year.
inline void perp(World& w) {
  constexpr double size = 1e5, share = 0.01, fee = 0.005;
  alignas(64) Column paid{}, open, cash{}, equity, missing;
  open.fill(1);
  for (int n = 1, at = 0; n <= steps; ++n) {
    const double* price = w.price(n);
    double worst = -1;
    for (std::size_t k = 0; k < lanes; ++k) {
      paid[k] += 0.1 * dt * size * price[k];
      equity[k] = 2e4 - size + size * price[k] - paid[k];
      missing[k] = open[k] * ((share + fee) * size * price[k] - equity[k]);
    }
    for (const double x : missing) worst = std::max(worst, x);
    for (std::size_t k = 0; worst > 0 && k < lanes; ++k)
      if (missing[k] > 0) open[k] = 0, cash[k] = std::max(equity[k] - fee * size * price[k], 0.0);
    const auto v = static_cast<std::size_t>(at);
    if (n != valued[v]) continue;
    for (std::size_t k = 0; k < lanes; ++k) w.value[v][k] += open[k] * equity[k], w.cash[v][k] += cash[k];
    ++at;
  }
}

// 2 sqrt(k P) of 100 000, fees of 0.1 a year.
inline void lp(World& w) {
  alignas(64) Column fees{};
  for (int n = 1, at = 0; n <= steps; ++n) {
    const double* price = w.price(n);
    const auto v = static_cast<std::size_t>(at);
    const bool now = n == valued[v];
    for (std::size_t k = 0; k < lanes; ++k) {
      const double worth = 1e5 * std::sqrt(price[k]);
      fees[k] += 0.1 * dt * worth;
      if (now) w.value[v][k] += worth;
    }
    if (!now) continue;
    for (std::size_t k = 0; k < lanes; ++k) w.cash[v][k] += fees[k];
    ++at;
  }
}

// A call of two years at 1, volatility 0.2.
inline void call(World& w) {
  alignas(64) Column first, second;
  for (std::size_t v = 0; v < valued.size(); ++v) {
    const double deviation = 0.2 * std::sqrt(2 - dt * valued[v]);
    const double *price = w.price(valued[v]), *discount = w.discount(0, v);
    for (std::size_t k = 0; k < lanes; ++k) first[k] = price[k] / discount[k];
    log(first, first);
    for (std::size_t k = 0; k < lanes; ++k)
      first[k] = first[k] / deviation + deviation / 2, second[k] = first[k] - deviation;
    normal_cdf(first, first);
    normal_cdf(second, second);
    for (std::size_t k = 0; k < lanes; ++k) w.value[v][k] += 1e5 * (price[k] * first[k] - discount[k] * second[k]);
  }
}

// Five years, 20 premiums of 0.02 a year, a spread of 0.02: nobody defaults, and survival is a number per date.
inline void cds(World& w) {
  constexpr double hazard = 0.02 / 0.6;
  for (std::size_t v = 0; v < valued.size(); ++v) {
    alignas(64) Column worth{}, bond;
    bond.fill(1);
    double alive = 1;
    for (std::size_t i = static_cast<std::size_t>(valued[v] / 3); i < 20; ++i) {
      const double left = exp(-hazard * (0.25 * static_cast<double>(i + 1) - dt * valued[v])), failing = alive - left;
      const double* discount = w.discount(i, v);
      for (std::size_t k = 0; k < lanes; ++k) {
        worth[k] += std::sqrt(bond[k] * discount[k]) * failing * (0.6 - 0.0025) - discount[k] * left * 0.005;
        bond[k] = discount[k];
      }
      alive = left;
    }
    for (std::size_t k = 0; k < lanes; ++k)
      w.value[v][k] += 1e5 * worth[k], w.cash[v][k] -= 500 * std::floor(valued[v] / 3.0);
  }
}

inline void cash(World& w) {
  for (std::size_t v = 0; v < valued.size(); ++v) {
    const double grown = 1e5 * exp(0.03 * dt * valued[v]);
    for (std::size_t k = 0; k < lanes; ++k) w.value[v][k] += grown;
  }
}

// 100 000 for a year, paid three steps after the price is at or below `trigger`; a premium of 1 000 upfront.
inline void cover(double trigger, World& w) {
  alignas(64) Column due{}, ended, cash{};
  ended.fill(steps + 1);
  for (int n = 1, at = 0; n <= steps; ++n) {
    const double* price = w.price(n);
    for (std::size_t k = 0; trigger > 0 && k < lanes; ++k) {
      const bool now = ended[k] > steps && price[k] <= trigger;
      ended[k] = now ? n : ended[k];
      due[k] = now ? 1e5 * (1 - price[k]) : due[k];
      cash[k] = ended[k] + 3 == n ? due[k] : cash[k];
    }
    const auto v = static_cast<std::size_t>(at);
    if (n != valued[v]) continue;
    for (std::size_t k = 0; k < lanes; ++k) {
      w.value[v][k] += ended[k] <= n ? due[k] - cash[k] : 1e3 * (1 - dt * n);
      w.cash[v][k] += cash[k];
    }
    ++at;
  }
}

}  // namespace tailcube::bare
