#include "kernels/instruments/protection.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/math/functions.h"

namespace tailcube {
namespace {

// P(no default by `date` | none by `now`).
double survival(const Wiring& wiring, ObligorIndex obligor, double now, double date) {
  const double by_now = wiring.default_probability(obligor, now);
  return by_now < 1 ? (1 - wiring.default_probability(obligor, date)) / (1 - by_now) : 0;
}

}  // namespace

Protection::Protection(const ProtectionTerms& terms, const Wiring& wiring)
    : terms_(terms),
      valued_(wiring.valued),
      step_years_(wiring.time_years[1]),
      loss_(wiring.loss_given_default[static_cast<std::size_t>(terms.obligor)]) {
  const auto step_of = [&](double years) {
    return static_cast<int>(std::max(1.0, std::ceil((years - 1e-9) / step_years_)));
  };
  maturity_ = step_of(terms.maturity_years);
  const auto periods = static_cast<std::size_t>(std::max(1.0, std::ceil(terms.maturity_years * terms.frequency - 1e-9)));
  payments_.reserve(periods);
  for (std::size_t left = periods; left-- > 0;) {
    const double date = terms.maturity_years - static_cast<double>(left) / terms.frequency;
    const double from = payments_.empty() ? 0 : payments_.back().date_years;
    payments_.push_back({date, from, step_of(date), wiring.discount(terms.curve, FactorIndex{none}, date)});
  }
  for (const int step : valued_)
    for (const Payment& payment : payments_) {
      const double now = wiring.time_years[static_cast<std::size_t>(step)];
      survival_.push_back(payment.date_years <= now      ? 1.0
                          : terms.spread.blank           ? survival(wiring, terms.obligor, now, payment.date_years)
                          : is_none(terms.spread.factor) ? exp(-hazard(terms.spread.number) * (payment.date_years - now))
                                                         : 0.0);
    }
  worth_today_ = find_worth_today(wiring);
}

double Protection::find_worth_today(const Wiring& wiring) const {
  const FactorModel& market = *wiring.market;
  const Rate& spread = terms_.spread;
  const double rate =
      is_none(spread.factor) ? spread.number : market.factors[static_cast<std::size_t>(spread.factor)].initial;
  double worth = 0, bond = 1, alive = 1;
  for (const Payment& payment : payments_) {
    const double date = payment.date_years, end = exp(-zero_rate_today(market, terms_.curve, date) * date);
    const double left = spread.blank ? survival(wiring, terms_.obligor, 0, date) : exp(-hazard(rate) * date);
    worth += period(payment, 0).worth(std::sqrt(bond * end), end, alive - left, left);
    bond = end, alive = left;
  }
  return worth;
}

// A default in it pays the loss less the premium until the middle, at the middle; else the premium comes at the end.
Protection::Period Protection::period(const Payment& payment, double now) const {
  const double years = payment.date_years - payment.from_years, past = std::max(now - payment.from_years, 0.0);
  return {loss_ - terms_.premium * (past + years) / 2, terms_.premium, years};
}

// Years of premium due at a default.
double Protection::accrued(int step) const noexcept {
  double paid = 0;
  for (const Payment& payment : payments_)
    if (payment.step < step) paid = payment.date_years;
  return std::max(std::min(step * step_years_, terms_.maturity_years) - paid, 0.0);
}

void Protection::add(double amount, RowIndex row, const Block& block, Ledger& ledger) const noexcept {
  alignas(64) Column failed, lost, worth, cash{}, undisturbed{};  // cash in the job's currency
  find_defaults(block, terms_.obligor, failed, lost);
  for (double& step : failed)
    if (step > maturity_) step = std::numeric_limits<double>::infinity();
  for (std::size_t v = 0, next = 0; v < valued_.size(); ++v) {
    const int now = valued_[v], before = v == 0 ? 0 : valued_[v - 1], at = static_cast<int>(v);
    for (; next < payments_.size() && payments_[next].step <= now; ++next) {
      const Payment& payment = payments_[next];
      const double* fx = exchange(block, terms_.currency, payment.step);
      const double due = terms_.premium * (payment.date_years - payment.from_years);
      for (std::size_t k = 0; k < lanes; ++k) {
        undisturbed[k] -= due * fx[k];
        cash[k] -= failed[k] > payment.step ? due * fx[k] : 0;
      }
    }
    for (std::size_t k = 0; k < lanes; ++k)
      if (failed[k] > before && failed[k] <= now) {
        const int step = static_cast<int>(failed[k]);
        cash[k] += (lost[k] - terms_.premium * accrued(step)) * exchange(block, terms_.currency, step)[k];
      }
    value(block, v, next, worth);
    const double* fx = exchange(block, terms_.currency, now);
    const Lanes to = ledger.value(row, at), received = ledger.cash(row, at), credit = ledger.credit_loss(row, at);
    for (std::size_t k = 0; k < lanes; ++k) {
      const bool gone = failed[k] <= now;
      to[k] += gone ? 0 : amount * worth[k] * fx[k];
      received[k] += amount * cash[k];
      credit[k] += gone ? amount * (worth[k] * fx[k] + undisturbed[k] - cash[k]) : 0;
    }
  }
}

// At valued step v where the obligor has not defaulted; `next`: the first payment to come.
void Protection::value(const Block& block, std::size_t v, std::size_t next, Column& worth) const noexcept {
  const int step = valued_[v];
  const double now = step * step_years_;
  const Rate& spread = terms_.spread;
  // Sums are local: a compiler knows that they share no memory with what is read.
  alignas(64) Column rate{}, sum{}, alive, bond, left;
  alive.fill(1), bond.fill(1);
  const bool moves = !is_none(spread.factor);
  if (moves) {
    const double* factor = block.factors(spread.factor, step).data();
    for (std::size_t k = 0; k < lanes; ++k) rate[k] = hazard(factor[k]);
  }
  for (; next < payments_.size(); ++next) {
    const Payment& payment = payments_[next];
    const double* discount = block.discounts(payment.discount, static_cast<int>(v)).data();
    left.fill(survival_[v * payments_.size() + next]);
    if (moves) {
      for (std::size_t k = 0; k < lanes; ++k) left[k] = -rate[k] * (payment.date_years - now);
      exp(left, left);
    }
    const Period period_left = period(payment, now);
    for (std::size_t k = 0; k < lanes; ++k) {
      sum[k] += period_left.worth(std::sqrt(bond[k] * discount[k]), discount[k], alive[k] - left[k], left[k]);
      bond[k] = discount[k], alive[k] = left[k];
    }
  }
  worth = sum;
}

std::size_t Protection::next_payment(int step) const noexcept {
  std::size_t next = 0;
  while (next < payments_.size() && payments_[next].step <= step) ++next;
  return next;
}

double Protections::add(std::uint32_t row, double amount, const ProtectionTerms& terms, const Wiring& wiring) {
  const bool moves = !is_none(terms.spread.factor);
  const Line& line = (moves ? moving_ : fixed_).emplace_back(Line{row, amount, Protection(terms, wiring)});
  const Protection& own = line.protection;
  const std::size_t count = own.payments_.size();
  for (std::uint32_t v = 0; !moves && v < rows_.valued.size(); ++v) {
    const int step = rows_.valued[v];
    const double now = step * own.step_years_;
    double alive = 1;
    DiscountIndex from{none};
    const std::size_t next = own.next_payment(step);
    for (std::size_t i = 0; i < count; ++i) {
      const Protection::Payment& payment = own.payments_[i];
      if (i < next) {
        const double due = terms.premium * (payment.date_years - payment.from_years);
        premiums_.push_back({row, v, terms.currency, is_none(terms.currency) ? 0 : payment.step, -amount * due});
        continue;
      }
      const double left = own.survival_[v * count + i];
      legs_.push_back({row, v, terms.currency, from, payment.discount,
                       amount * own.period(payment, now).worth(1, 0, alive - left, left),
                       amount * own.period(payment, now).worth(0, 1, alive - left, left)});
      from = payment.discount, alive = left;
    }
  }
  return own.worth_today();
}

void Protections::seal() {
  const auto add_up = [](auto& all, const auto& join) {
    std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.key() < b.key(); });
    std::size_t kept = 0;
    for (const auto& one : all)
      if (kept > 0 && all[kept - 1].key() == one.key())
        join(all[kept - 1], one);
      else
        all[kept++] = one;
    all.resize(kept);
    all.shrink_to_fit();
  };
  add_up(legs_, [](Leg& to, const Leg& one) { to.middle += one.middle, to.end += one.end; });
  add_up(premiums_, [](Premium& to, const Premium& one) { to.amount += one.amount; });
}

void Protections::evaluate(const Block& block, Ledger& ledger) const noexcept {
  alignas(64) std::array<double, lanes> worth;
  for (std::size_t i = 0; i < legs_.size();) {
    const Leg& first = legs_[i];
    const int at = static_cast<int>(first.valued);
    worth.fill(0);
    for (; i < legs_.size() && legs_[i].place() == first.place(); ++i) {
      const Leg& leg = legs_[i];
      const double* from = is_none(leg.from) ? exchange(block, FactorIndex{none}, 0) : block.discounts(leg.from, at).data();
      const double* to = block.discounts(leg.to, at).data();
      for (std::size_t k = 0; k < lanes; ++k) worth[k] += leg.middle * std::sqrt(from[k] * to[k]) + leg.end * to[k];
    }
    const double* fx = exchange(block, first.currency, rows_.valued[first.valued]);
    double* value = ledger.value(rows_.row(first.row), at).data();
    for (std::size_t k = 0; k < lanes; ++k) value[k] += worth[k] * fx[k];
  }
  for (const Premium& p : premiums_) {
    const double* fx = exchange(block, p.currency, p.step);
    double* cash = ledger.cash(rows_.row(p.row), static_cast<int>(p.valued)).data();
    for (std::size_t k = 0; k < lanes; ++k) cash[k] += p.amount * fx[k];
  }
  for (const Line& line : fixed_) {
    const Protection& own = line.protection;
    for (const Default& d : defaults_of(block, own.terms_.obligor))
      if (d.step <= own.maturity_) take_away(line, d, block, ledger);
  }
  for (const Line& line : moving_) line.protection.add(line.amount, rows_.row(line.row), block, ledger);
}

void Protections::take_away(const Line& line, const Default& d, const Block& block, Ledger& ledger) const noexcept {
  const Protection& own = line.protection;
  const ProtectionTerms& t = own.terms_;
  const std::size_t k = d.lane, count = own.payments_.size();
  const double settled = (d.loss_given_default - t.premium * own.accrued(d.step)) * exchange(block, t.currency, d.step)[k];
  for (std::size_t v = 0; v < rows_.valued.size(); ++v) {
    const int step = rows_.valued[v], at = static_cast<int>(v);
    if (d.step > step) continue;
    const std::size_t next = own.next_payment(step);
    double unpaid = 0;  // premiums due since the default
    for (std::size_t i = 0; i < next; ++i) {
      const Protection::Payment& payment = own.payments_[i];
      if (payment.step < d.step) continue;
      unpaid += t.premium * (payment.date_years - payment.from_years) * exchange(block, t.currency, payment.step)[k];
    }
    double worth = 0, alive = 1, bond = 1;
    for (std::size_t i = next; i < count; ++i) {
      const double end = block.discounts(own.payments_[i].discount, at)[k], left = own.survival_[v * count + i];
      worth += own.period(own.payments_[i], step * own.step_years_).worth(std::sqrt(bond * end), end, alive - left, left);
      bond = end, alive = left;
    }
    worth *= exchange(block, t.currency, step)[k];
    const RowIndex row = rows_.row(line.row);
    ledger.value(row, at)[k] -= line.amount * worth;
    ledger.cash(row, at)[k] += line.amount * (settled + unpaid);
    ledger.credit_loss(row, at)[k] += line.amount * (worth - settled - unpaid);
  }
}

}  // namespace tailcube
