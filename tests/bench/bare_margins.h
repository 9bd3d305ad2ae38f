#pragma once
// Bare loops of perpetual futures: alone, ten to an account, all of a book with one insurance fund.
#include <algorithm>
#include <vector>

#include "tests/bench/bare_world.h"

namespace tailcube::bare {

constexpr double margin_share = 0.01, margin_fee = 0.005, funding = 0.1;

// 100 000 units bought at 1 with 20 000 of margin.
inline void perp(World& w) {
  constexpr double size = 1e5;
  alignas(64) Column paid{}, open, cash{}, equity, missing;
  open.fill(1);
  for (int n = 1, at = 0; n <= steps; ++n) {
    const double* price = w.price(n);
    double worst = -1;
    for (std::size_t k = 0; k < lanes; ++k) {
      paid[k] += funding * dt * size * price[k];
      equity[k] = 2e4 - size + size * price[k] - paid[k];
      missing[k] = open[k] * ((margin_share + margin_fee) * size * price[k] - equity[k]);
    }
    for (const double x : missing) worst = std::max(worst, x);
    for (std::size_t k = 0; worst > 0 && k < lanes; ++k)
      if (missing[k] > 0) open[k] = 0, cash[k] = std::max(equity[k] - margin_fee * size * price[k], 0.0);
    const auto v = static_cast<std::size_t>(at);
    if (n != valued[v]) continue;
    for (std::size_t k = 0; k < lanes; ++k) w.value[v][k] += open[k] * equity[k], w.cash[v][k] += cash[k];
    ++at;
  }
}

// Five long of 100 000 and five short of 60 000, at 1, each with 8 000, liquidated together.
constexpr std::size_t sharing = 10;
constexpr double long_size = 1e5, short_size = 6e4, shared_collateral = 8e3;
inline void account(World& w) {
  alignas(64) std::array<Column, sharing> paid{}, equity, cash{};
  alignas(64) Column open, sum, gained, missing;
  open.fill(1);
  constexpr double sizes = (long_size + short_size) * sharing / 2;
  for (int n = 1, at = 0; n <= steps; ++n) {
    const double* price = w.price(n);
    sum.fill(0), gained.fill(0);
    for (std::size_t m = 0; m < sharing; ++m) {
      const double units = m % 2 == 0 ? long_size : -short_size;
      double *p = paid[m].data(), *e = equity[m].data();
      for (std::size_t k = 0; k < lanes; ++k) {
        p[k] += funding * dt * units * price[k];
        e[k] = shared_collateral - units + units * price[k] - p[k];
        sum[k] += e[k], gained[k] += std::max(e[k], 0.0);
      }
    }
    double worst = -1;
    for (std::size_t k = 0; k < lanes; ++k) missing[k] = open[k] * ((margin_share + margin_fee) * sizes * price[k] - sum[k]);
    for (const double x : missing) worst = std::max(worst, x);
    for (std::size_t k = 0; worst > 0 && k < lanes; ++k) {
      if (!(missing[k] > 0)) continue;
      open[k] = 0;
      const double left = std::max(sum[k], 0.0), fees = margin_fee * sizes * price[k];
      const double required = (margin_share + margin_fee) * sizes * price[k];
      const double charge = (left - std::max(sum[k] - fees, 0.0)) / required;
      const double share = sum[k] < 0 ? gained[k] / (gained[k] - sum[k]) : 1;
      for (std::size_t m = 0; m < sharing; ++m) {
        const double size = m % 2 == 0 ? long_size : short_size, e = equity[m][k];
        cash[m][k] = (e < 0 ? e * share : e) - (margin_share + margin_fee) * size * price[k] * charge;
      }
    }
    const auto v = static_cast<std::size_t>(at);
    if (n != valued[v]) continue;
    for (std::size_t m = 0; m < sharing; ++m)
      for (std::size_t k = 0; k < lanes; ++k) w.value[v][k] += open[k] * equity[m][k], w.cash[v][k] += cash[m][k];
    ++at;
  }
}

// 100 000 long or short at 1 with 10 000 and more of margin each, and a fund of two million for all of them.
constexpr double venue_fund = 2e6;
inline double venue_collateral(std::uint32_t p) { return 1e4 + 30 * static_cast<double>(p / 2); }
inline void venue(std::uint32_t count, World& w) {
  constexpr double size = 1e5;
  std::array<std::array<Column, steps + 1>, 2> bad{}, gains{}, share{};  // of longs, of shorts
  std::vector<std::array<double, lanes>> gone(count);                    // step
  for (std::uint32_t p = 0; p < count; ++p) {
    alignas(64) Column paid{}, open, cash{}, equity, missing;
    open.fill(1), gone[p].fill(steps + 1);
    const double units = p % 2 == 0 ? size : -size, margin = venue_collateral(p);
    for (int n = 1, at = 0; n <= steps; ++n) {
      const double* price = w.price(n);
      double worst = -1;
      for (std::size_t k = 0; k < lanes; ++k) {
        paid[k] += funding * dt * units * price[k];
        equity[k] = margin - units + units * price[k] - paid[k];
        missing[k] = open[k] * ((margin_share + margin_fee) * size * price[k] - equity[k]);
      }
      for (const double x : missing) worst = std::max(worst, x);
      for (std::size_t k = 0; worst > 0 && k < lanes; ++k) {
        if (!(missing[k] > 0)) continue;
        open[k] = 0, gone[p][k] = n, cash[k] = std::max(equity[k] - margin_fee * size * price[k], 0.0);
        bad[p % 2][static_cast<std::size_t>(n)][k] += std::max(-equity[k], 0.0);
      }
      const auto v = static_cast<std::size_t>(at);
      if (n != valued[v]) continue;
      for (std::size_t k = 0; k < lanes; ++k) w.value[v][k] += open[k] * equity[k], w.cash[v][k] += cash[k];
      ++at;
    }
  }
  // What the fund does not pay is taken from those that gain against whom it was lost.
  Column debt{};
  std::array<Column, steps + 1> unpaid{};
  std::array<bool, steps + 1> any{};
  for (std::size_t n = 1; n <= steps; ++n)
    for (std::size_t k = 0; k < lanes; ++k) {
      const double now = bad[0][n][k] + bad[1][n][k];
      debt[k] += now;
      unpaid[n][k] = now > 0 ? std::min(std::max(debt[k] - venue_fund, 0.0), now) / now : 0;
      any[n] = any[n] || unpaid[n][k] > 0;
    }
  const auto each = [&](const auto& use) {
    for (std::uint32_t p = 0; p < count; ++p) {
      Column paid_for{}, taken{};
      const double units = p % 2 == 0 ? size : -size;
      std::size_t v = 0;
      for (std::size_t n = 1; n <= steps; ++n) {
        if (any[n]) use(p, n, w.price(static_cast<int>(n)), units, paid_for, taken);
        if (static_cast<int>(n) != valued[v]) continue;
        for (std::size_t k = 0; k < lanes; ++k) w.cash[v][k] -= taken[k];
        ++v;
      }
    }
  };
  each([&](std::uint32_t p, std::size_t n, const double* price, double units, Column& paid_for, Column&) {
    const Column &against = bad[1 - p % 2][n], &part = unpaid[n];
    Column& to = gains[p % 2][n];
    for (std::size_t k = 0; k < lanes; ++k) {
      const double fresh = units * (price[k] - 1) - paid_for[k];
      const double counts = gone[p][k] > static_cast<double>(n) && part[k] > 0 && against[k] > 0 && fresh > 0 ? fresh : 0;
      to[k] += counts, paid_for[k] += counts;
    }
  });
  for (std::size_t side = 0; side < 2; ++side)
    for (std::size_t n = 1; n <= steps; ++n)
      for (std::size_t k = 0; k < lanes; ++k) {
        const double lost = bad[1 - side][n][k] * unpaid[n][k];
        share[side][n][k] = lost > 0 && gains[side][n][k] > 0 ? std::min(lost / gains[side][n][k], 1.0) : 0;
      }
  each([&](std::uint32_t p, std::size_t n, const double* price, double units, Column& paid_for, Column& taken) {
    const Column& part = share[p % 2][n];
    for (std::size_t k = 0; k < lanes; ++k) {
      const double fresh = units * (price[k] - 1) - paid_for[k];
      const double counts = gone[p][k] > static_cast<double>(n) && part[k] > 0 && fresh > 0 ? fresh : 0;
      taken[k] += part[k] * counts, paid_for[k] += counts;
    }
  });
}

}  // namespace tailcube::bare
