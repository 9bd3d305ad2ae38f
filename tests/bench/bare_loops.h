#pragma once
// What assets_bench values, by loops that know the answer: the same draws, functions and money over 12 monthly steps and
// three horizons, in vectors, but one set of terms, no currencies, names, faults, gauges, credit losses or cells.
#include <algorithm>
#include <cmath>

#include "kernels/random/gamma.h"
#include "tests/bench/bare_world.h"

namespace tailcube::bare {

// An appraisal 0.2 uncertain, 0.1 of volatility of its own, offered after 0.1 years, sold after another half on average.
struct AssetStreams {
  StreamId path, appraisal, wait;
};
inline void collectible(const AssetStreams& id, World& w) {
  alignas(64) std::array<double, lanes * steps> draws;
  alignas(64) Column own, sale, worth, proceeds{};
  normals(w.block.seed, id.appraisal, w.block.numbers(), 0, own);
  for (double& x : own) x = 0.2 * x - 0.02;
  normal_draws(w.block.seed, id.path, w.block.numbers(), 0, draws);
  uniforms(w.block.seed, id.wait, w.block.numbers(), 0, sale);
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
inline void property(const AssetStreams& id, World& w) {
  alignas(64) std::array<double, lanes * steps> draws;
  alignas(64) Column own{}, worth;
  normal_draws(w.block.seed, id.path, w.block.numbers(), 0, draws);
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

// An asset that moves as such a property does and loses a tenth of its value a year by age, let for five years; sold a
// twentieth below its value then, or three months after a default. Rents are the same for all, and summed once.
struct Lets {
  static constexpr double rent = 2e5 * dt, age = 0.1, kept = 0.95;
  static constexpr int months = 60, wait = 3;
  std::array<Column, 3> to_come{};

  explicit Lets(const World& w) {
    for (std::size_t v = 0; v < valued.size(); ++v)
      for (int m = valued[v] + 1; m <= months; ++m) {
        const double amount = rent * exp(-0.02 * dt * (m - valued[v])),
                     *discount = w.discount(static_cast<std::size_t>(m), v);
        for (std::size_t k = 0; k < lanes; ++k) to_come[v][k] += amount * discount[k];
      }
  }
  void add(const AssetStreams& id, std::span<const Default> defaults, World& w) const {
    alignas(64) std::array<double, lanes * steps> draws;
    alignas(64) std::array<Column, steps + 1> own{};
    alignas(64) Column worth;
    normal_draws(w.block.seed, id.path, w.block.numbers(), 0, draws);
    const double deviation = 0.1 * std::sqrt(dt), drift = -deviation * deviation / 2;
    const double residual = kept * 1e6 * exp(-age * dt * months);
    for (std::size_t n = 1, v = 0; n <= steps; ++n) {
      const double* z = draws.data() + (n - 1) * lanes;
      for (std::size_t k = 0; k < lanes; ++k) own[n][k] = own[n - 1][k] + (deviation * z[k] + drift);
      if (static_cast<int>(n) != valued[v]) continue;
      for (std::size_t k = 0; k < lanes; ++k) worth[k] = own[n][k] + w.index_log[n][k];
      exp(worth, worth);
      for (std::size_t k = 0; k < lanes; ++k) {
        w.value[v][k] += to_come[v][k] + residual * worth[k];
        w.cash[v][k] += rent * static_cast<double>(n);
      }
      for (const Default& d : defaults)
        if (d.step <= static_cast<int>(n)) take_away(d, v, residual * worth[d.lane], own, w);
      ++v;
    }
  }

 private:
  void take_away(const Default& d, std::size_t v, double residual, const std::array<Column, steps + 1>& own,
                 World& w) const {
    const std::size_t k = d.lane;
    const int sale = d.step + wait, at = std::min(sale, valued[v]);
    const auto n = static_cast<std::size_t>(at);
    const double sold = kept * 1e6 * exp(-age * dt * sale) * exp(own[n][k] + w.index_log[n][k]);
    w.value[v][k] -= to_come[v][k] + residual;
    w.cash[v][k] -= rent * (valued[v] - d.step + 1) - (1 - d.loss_given_default) * rent;
    (sale <= valued[v] ? w.cash : w.value)[v][k] += sold;
  }
};

// Beta dilution, Gamma delay, a fraud; the debtor does not default. `waiting`: what an unpaid one is worth.
struct InvoiceNumbers {
  double a, b, shape, scale;
  std::array<double, 3> waiting;
};
struct InvoiceStreams {
  StreamId dilution, rest, delay, shock;
};
inline void invoice(const InvoiceStreams& id, const InvoiceNumbers& t, World& w) {
  alignas(64) Column diluted, paid, fraud;
  betas(w.block.seed, id.dilution, id.rest, w.block.numbers(), t.a, t.b, diluted);
  gammas(w.block.seed, id.delay, w.block.numbers(), t.shape, paid);
  uniforms(w.block.seed, id.shock, w.block.numbers(), 0, fraud);
  log(fraud, fraud);
  for (std::size_t k = 0; k < lanes; ++k)
    paid[k] = std::ceil((45.0 / 365 + t.scale * paid[k]) / dt), fraud[k] = std::ceil(-fraud[k] / (0.01 * dt));
  for (std::size_t v = 0; v < valued.size(); ++v) {
    const double h = valued[v];
    for (std::size_t k = 0; k < lanes; ++k) {
      const bool lost = fraud[k] <= std::min(paid[k], h);
      w.value[v][k] += lost || paid[k] <= h ? 0 : t.waiting[v];
      w.cash[v][k] += !lost && paid[k] <= h ? 1e5 * (1 - diluted[k]) : 0;
    }
  }
}

// E min(cap, X), X lognormal.
inline double capped(double cap, double mean, double deviation) {
  const double d = log(mean / cap) / deviation + deviation / 2;
  return mean * normal_cdf(-d) + cap * normal_cdf(d - deviation);
}

// A fifth of a million a year for five years, a million at most; one date of the curve a month. The deviation of what is to
// come is 0.25, where the kernel has that of the sum's own moments: the two are half a per cent apart.
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
      const double* discount = w.discount(m + 1, v);
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
    const double *price = w.price(valued[v]), *discount = w.discount(24, v);
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
      const double* discount = w.discount(3 * (i + 1), v);
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

// The same at a spread that moves.
inline void moving_cds(World& w) {
  for (std::size_t v = 0; v < valued.size(); ++v) {
    alignas(64) Column worth{}, bond, alive, left;
    const double* spread = w.row(spread_row, valued[v]);
    bond.fill(1), alive.fill(1);
    for (std::size_t i = static_cast<std::size_t>(valued[v] / 3); i < 20; ++i) {
      const double years = 0.25 * static_cast<double>(i + 1) - dt * valued[v];
      for (std::size_t k = 0; k < lanes; ++k) left[k] = -(years / 0.6) * spread[k];
      exp(left, left);
      const double* discount = w.discount(3 * (i + 1), v);
      for (std::size_t k = 0; k < lanes; ++k) {
        worth[k] += std::sqrt(bond[k] * discount[k]) * (alive[k] - left[k]) * (0.6 - 0.0025) - discount[k] * left[k] * 0.005;
        bond[k] = discount[k], alive[k] = left[k];
      }
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
