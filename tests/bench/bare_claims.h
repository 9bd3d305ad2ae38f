#pragma once
// Bare loops of what others owe: the promised value in 64 scenarios at once, then what each default takes away.
#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "kernels/instruments/cash_flows.h"
#include "tests/bench/bare_world.h"

namespace tailcube::bare {

// Sold half a year after a default, a tenth of the price lost.
struct Collateral {
  double units;
  static constexpr int wait = 6;
  double law(double claim, double price, int left) const {  // E min(claim, what the sale brings in `left` steps)
    const double mean = units * price, deviation = 0.2 * std::sqrt(dt * left);
    const double d = log(mean / claim) / deviation + deviation / 2;
    return mean * normal_cdf(-d) + claim * normal_cdf(d - deviation);
  }
};

// Numbers of a claim whose dates are months.
struct Debt {
  Debt(const Repayment& r, double spread) {
    std::vector<double> time_years;
    for (int n = 0; n <= steps; ++n) time_years.push_back(dt * n);
    double owed = r.principal, since = 0;
    for (const Flow& f : repayments(r, time_years)) {
      const int at = static_cast<int>(std::lround(f.date_years / dt));
      month.push_back(static_cast<std::size_t>(at));
      for (std::size_t v = 0; v < valued.size(); ++v) {
        amount[v].push_back(f.amount * exp(-spread * (f.date_years - dt * valued[v])));
        if (at <= valued[v]) paid[v] += f.amount;
      }
      for (int n = static_cast<int>(claim.size()); n <= std::min(at, steps); ++n) {
        claim.push_back(owed + owed * r.rate * (dt * n - since));
        due.push_back(n == at ? f.amount : 0);
      }
      owed = f.balance, since = f.date_years;
    }
  }
  std::vector<std::size_t> month;
  std::array<std::vector<double>, 3> amount;  // with the spread until then
  std::array<double, 3> paid{};
  std::vector<double> claim, due;  // by step

  void add(std::span<const Default> defaults, World& w, std::optional<Collateral> sold = {}) const {
    for (std::size_t v = 0; v < valued.size(); ++v) {
      alignas(64) Column worth{};
      std::size_t i = 0;
      const auto* a = amount[v].data();
      while (i < month.size() && month[i] <= static_cast<std::size_t>(valued[v])) ++i;
      for (; i + 4 <= month.size(); i += 4) {
        const double *d0 = w.discount(month[i], v), *d1 = w.discount(month[i + 1], v), *d2 = w.discount(month[i + 2], v),
                     *d3 = w.discount(month[i + 3], v);
        for (std::size_t k = 0; k < lanes; ++k)
          worth[k] += (a[i] * d0[k] + a[i + 1] * d1[k]) + (a[i + 2] * d2[k] + a[i + 3] * d3[k]);
      }
      for (; i < month.size(); ++i) {
        const double* d = w.discount(month[i], v);
        for (std::size_t k = 0; k < lanes; ++k) worth[k] += a[i] * d[k];
      }
      for (std::size_t k = 0; k < lanes; ++k) w.value[v][k] += worth[k], w.cash[v][k] += paid[v];
      for (const Default& d : defaults)
        if (d.step <= valued[v]) take_away(d, v, worth[d.lane], sold, w);
    }
  }

 private:
  void take_away(const Default& d, std::size_t v, double worth, const std::optional<Collateral>& sold, World& w) const {
    const std::size_t k = d.lane;
    double missed = 0;
    for (int n = d.step; n <= valued[v]; ++n) missed += due[static_cast<std::size_t>(n)];
    w.value[v][k] -= worth, w.cash[v][k] -= missed;
    const double owed = claim[d.step];
    if (!sold) {
      w.cash[v][k] += (1 - d.loss_given_default) * owed;
    } else if (const int sale = d.step + Collateral::wait; sale <= valued[v]) {
      w.cash[v][k] += std::min(owed, sold->units * w.price(sale)[k]);
    } else {
      w.value[v][k] +=
          sold->law(owed, w.price(valued[v])[k], sale - valued[v]) * w.discount(static_cast<std::size_t>(sale), v)[k];
    }
  }
};

// A loan of monthly payments whose interest is paid in kind, at a rate that is `margin` higher, while the price is below 1.
struct ToggledLoan {
  ToggledLoan(const Repayment& r, double spread, double margin) {
    std::vector<double> time_years{0};
    double before = r.principal;
    for (const Flow& f : repayments(r, time_years)) {
      const bool last = f.balance == 0;
      const double added = last ? 0 : before * (r.rate + margin) * dt;
      flows.push_back({f.amount, last ? f.amount : before - f.balance, last ? 1 : 1 + added / f.balance});
      before = f.balance;
    }
    for (std::size_t v = 0; v < valued.size(); ++v) {
      double grown = 1;
      for (std::size_t i = static_cast<std::size_t>(valued[v]); i < flows.size(); grown *= flows[i++].growth) {
        const double spread_until = exp(-spread * dt * static_cast<double>(i + 1 - static_cast<std::size_t>(valued[v])));
        in_cash[v].push_back(flows[i].amount * spread_until);
        in_kind[v].push_back(flows[i].principal * grown * spread_until);
      }
    }
  }
  struct Payment {
    double amount, principal, growth;
  };
  std::vector<Payment> flows;
  std::array<std::vector<double>, 3> in_cash, in_kind;  // of the dates from a horizon on

  void add(World& w) const {
    alignas(64) Column grown, paid{};
    grown.fill(1);
    for (std::size_t n = 1, v = 0; n <= steps; ++n) {
      const Payment f = flows[n - 1];
      const double* price = w.price(static_cast<int>(n));
      for (std::size_t k = 0; k < lanes; ++k) {
        const bool holds = price[k] < 1;
        paid[k] += grown[k] * (holds ? f.principal : f.amount);
        grown[k] *= holds ? f.growth : 1;
      }
      if (static_cast<int>(n) != valued[v]) continue;
      alignas(64) Column cash{}, kind{};
      for (std::size_t i = 0; i < in_cash[v].size(); ++i) {
        const double a = in_cash[v][i], b = in_kind[v][i], *d = w.discount(n + 1 + i, v);
        for (std::size_t k = 0; k < lanes; ++k) cash[k] += a * d[k], kind[k] += b * d[k];
      }
      for (std::size_t k = 0; k < lanes; ++k)
        w.value[v][k] += grown[k] * (price[k] < 1 ? kind[k] : cash[k]), w.cash[v][k] += paid[k];
      ++v;
    }
  }
};

// Pays 3 % on 100 000 for five years, quarterly, for the rate of a flat curve; on months that are multiples of three what it
// is worth needs no fixed rate. Those of the block are found once, in World::published.
struct Swap {
  static constexpr double notional = 1e5, due = 0.03 / 4, recovered = 0.4;
  static constexpr int maturity = 60, apart = 3;
  static double floats(int month, std::size_t k, const World& w) {  // what is paid then
    return month == apart ? due : w.published[static_cast<std::size_t>(month - apart)][k];
  }
  static void add(std::uint32_t position, std::span<const Default> defaults, World& w) {
    for (int month = apart; position == 0 && month < steps; month += apart) {
      Column& fixed = w.published[static_cast<std::size_t>(month)];
      for (std::size_t k = 0; k < lanes; ++k) fixed[k] = w.row(rate_row, month)[k] / 4;
      exp(fixed, fixed);
      for (double& x : fixed) x -= 1;
    }
    for (std::size_t v = 0; v < valued.size(); ++v) {
      alignas(64) Column annuity{}, paid{};
      int month = valued[v] + apart;
      for (; month + 3 * apart <= maturity; month += 4 * apart) {
        const auto at = [&](int more) { return w.discount(static_cast<std::size_t>(month + more * apart), v); };
        const double *d0 = at(0), *d1 = at(1), *d2 = at(2), *d3 = at(3);
        for (std::size_t k = 0; k < lanes; ++k) annuity[k] += (d0[k] + d1[k]) + (d2[k] + d3[k]);
      }
      for (; month <= maturity; month += apart) {
        const double* d = w.discount(static_cast<std::size_t>(month), v);
        for (std::size_t k = 0; k < lanes; ++k) annuity[k] += d[k];
      }
      const double* end = w.discount(maturity, v);
      for (std::size_t k = 0; k < lanes; ++k) annuity[k] = notional * (1 - end[k] - due * annuity[k]);
      for (month = 2 * apart; month <= valued[v]; month += apart) {
        const Column& fixed = w.published[static_cast<std::size_t>(month - apart)];
        for (std::size_t k = 0; k < lanes; ++k) paid[k] += notional * (fixed[k] - due);
      }
      for (std::size_t k = 0; k < lanes; ++k) w.value[v][k] += annuity[k], w.cash[v][k] += paid[k];
      for (const Default& d : defaults)
        if (d.step <= valued[v]) take_away(d, v, annuity[d.lane], w);
    }
  }

 private:
  static void take_away(const Default& d, std::size_t v, double worth, World& w) {
    const std::size_t k = d.lane;
    const int first = (d.step + apart - 1) / apart * apart, next = d.step / apart * apart + apart;
    double missed = 0, annuity = 0, bond = 1;
    for (int month = first; month <= valued[v]; month += apart) missed += notional * (floats(month, k, w) - due);
    const double rate = w.row(rate_row, d.step)[k];
    const auto discount = [&](int month) { return exp(-rate * dt * (month - d.step)); };
    for (int month = next; month <= maturity; month += apart) annuity += bond = discount(month);
    double claim = notional * ((first == next ? 1 + floats(next, k, w) : 0) * discount(next) - bond - due * annuity);
    if (first != next) claim += notional * (1 + floats(first, k, w) - due);
    w.value[v][k] -= worth, w.cash[v][k] += (claim > 0 ? recovered * claim : claim) - missed;
  }
};

inline void exposure(std::span<const Default> defaults, World& w) {
  for (std::size_t v = 0; v < valued.size(); ++v) {
    for (std::size_t k = 0; k < lanes; ++k) w.value[v][k] += 1e5;
    for (const Default& d : defaults)
      if (d.step <= valued[v]) w.value[v][d.lane] -= 1e5 * d.loss_given_default;
  }
}

inline void holding(World& w) {
  for (std::size_t v = 0; v < valued.size(); ++v) {
    const double* price = w.price(valued[v]);
    for (std::size_t k = 0; k < lanes; ++k) w.value[v][k] += price[k];
  }
}

// A lender's: 100 000 of collateral, threshold 0.8, bonus 0.05, half of the debt at once.
inline void vault(double owed, double growth, World& w) {
  alignas(64) Column collateral, debt, repaid{};
  constexpr double kept = 1 / 1.05;
  collateral.fill(1e5), debt.fill(owed);
  for (std::size_t n = 1, v = 0; n <= steps; ++n) {
    const double* price = w.price(static_cast<int>(n));
    double worst = -1;
    alignas(64) Column lack;
    for (std::size_t k = 0; k < lanes; ++k) debt[k] *= growth, lack[k] = debt[k] - collateral[k] * price[k] * 0.8;
    for (const double x : lack) worst = std::max(worst, x);
    for (std::size_t k = 0; worst > 0 && k < lanes; ++k) {
      const double worth = collateral[k] * price[k];
      if (!(lack[k] > 0) || !(worth > 0)) continue;
      const double paid = std::min(0.5 * debt[k], worth * kept);
      collateral[k] = paid == worth * kept ? 0 : collateral[k] - paid / (kept * price[k]);
      debt[k] -= paid, repaid[k] += paid;
    }
    if (static_cast<int>(n) != valued[v]) continue;
    for (std::size_t k = 0; k < lanes; ++k)
      w.value[v][k] += std::min(debt[k], collateral[k] * price[k]), w.cash[v][k] += repaid[k];
    ++v;
  }
}

}  // namespace tailcube::bare
