#pragma once
// Bare loops of what refers to a pool and has a price that others may refer to, at every step: a tranche, a fund's token, a
// stablecoin.
#include <algorithm>
#include <cmath>

#include "kernels/random/gamma.h"
#include "tests/bench/bare_world.h"

namespace tailcube::bare {

// 100 000 of 3 to 6 %, 8 % a year while what is left is 1.02 times what ranks before it.
inline void tranche(World& w) {
  alignas(64) Column left, cash{};
  left.fill(1);
  for (int n = 1, at = 0; n <= steps; ++n) {
    const double* lost = w.row(pool_loss_row, n);
    for (std::size_t k = 0; k < lanes; ++k) {
      const double loss = lost[k] / pool_today;
      cash[k] += 1 - loss < 1.02 * (1 - 0.06) ? 0 : 0.08 * dt * left[k];
      left[k] = 1 - std::min(std::max((loss - 0.03) / (0.06 - 0.03), 0.0), 1.0);
      w.published[static_cast<std::size_t>(n)][k] = left[k];
    }
    const auto v = static_cast<std::size_t>(at);
    if (n != valued[v]) continue;
    for (std::size_t k = 0; k < lanes; ++k) w.value[v][k] += 1e5 * left[k], w.cash[v][k] += 1e5 * cash[k];
    ++at;
  }
}

// 100 000 tokens of 1, levered twice at 5 %, 1 % a year and a tenth of what is gained in one.
inline void fund_token(World& w) {
  for (int n = 1, at = 0; n <= steps; ++n) {
    const double debt = exp(0.05 * dt * n), managed = exp(-0.01 * dt * n), *worth = w.row(pool_row, n);
    Column& net = w.published[static_cast<std::size_t>(n)];
    for (std::size_t k = 0; k < lanes; ++k) {
      const double before = std::max(2 * (worth[k] / pool_today) - debt, 0.0) * managed;
      net[k] = before > 1 ? before - 0.1 * (before - 1) : before;
    }
    const auto v = static_cast<std::size_t>(at);
    if (n != valued[v]) continue;
    for (std::size_t k = 0; k < lanes; ++k) w.value[v][k] += 1e5 * net[k];
    ++at;
  }
}

// 100 000 coins that lose their peg twice in a hundred years, for half a year, to Beta(8, 2); or that may be run on.
struct CoinStreams {
  StreamId depeg, price, rest, back;
};
inline void stablecoin(const CoinStreams& s, bool reserved, World& w) {
  alignas(64) Column lost, back, without, units, ran{}, backing;
  const auto step_of = [](double years) { return std::max(1.0, std::ceil(years / dt - 1e-9)); };
  uniforms(w.block.seed, s.depeg, w.block.numbers(), 0, lost);
  uniforms(w.block.seed, s.back, w.block.numbers(), 0, back);
  log(lost, lost), log(back, back);
  betas(w.block.seed, s.price, s.rest, w.block.numbers(), 8, 2, without);
  for (std::size_t k = 0; k < lanes; ++k) {
    const double when = -lost[k] / 0.02;
    back[k] = step_of(when - 0.5 * back[k]), lost[k] = step_of(when);
  }
  units.fill(1.05 / pool_today), backing.fill(1);
  for (int n = 1, at = 0; n <= steps; ++n) {
    const double* worth = w.row(pool_row, n);
    for (std::size_t k = 0; reserved && k < lanes; ++k) {
      const double covered = units[k] * worth[k];
      const bool runs = ran[k] == 0 && covered < 1;
      const double liquid = 0.2 * covered;
      const double left = covered - std::min(0.3, liquid) - std::max(0.3 - liquid, 0.0) / 0.9;
      const double kept = runs ? std::max(left, 0.0) / 0.7 : covered;
      units[k] = runs ? kept / worth[k] : units[k];
      ran[k] = runs ? 1 : ran[k];
      backing[k] = ran[k] > 0 ? std::min(kept, 1.0) : 1;
    }
    Column& coin = w.published[static_cast<std::size_t>(n)];
    for (std::size_t k = 0; k < lanes; ++k) {
      const bool off = n >= lost[k] && n < back[k];
      coin[k] = std::min(backing[k], off ? without[k] : 1);
    }
    const auto v = static_cast<std::size_t>(at);
    if (n != valued[v]) continue;
    for (std::size_t k = 0; k < lanes; ++k) w.value[v][k] += 1e5 * coin[k];
    ++at;
  }
}

}  // namespace tailcube::bare
