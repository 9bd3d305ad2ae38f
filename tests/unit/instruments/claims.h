#pragma once
// Bonds and loans straight from the definition, one position and one scenario at a time, in long double and std:: functions.
#include <cstring>
#include <limits>
#include <set>

#include "kernels/instruments/telling.h"
#include "tests/unit/instruments/book.h"

namespace tailcube::test {

struct PlainClaim {
  struct Payment {
    long double date, interest, principal, floating = 0;  // floating: a notional
    long double start = 0;                                // of its period
    long double undrawn = 0;                              // after it
  };
  std::vector<Payment> payments;
  long double principal = 0, rate = 0;
  CurveIndex curve{};
  FactorIndex spread_factor{none};
  long double spread = 0;
  long double pik_years = 0;  // interest is added to the principal on dates by then
  long double running = 0;
  long double undrawn = 0, fee = 0, conversion = 0;  // undrawn: today
  long double grace_years = 0;
  std::vector<std::pair<long double, long double>> instalments = {};  // years after the default, share
};

// A floating bullet: `rate` is the margin, `running` the coupon of the first period.
inline void make_floating(PlainClaim& c, long double running) {
  c.running = running;
  for (std::size_t k = 0; k < c.payments.size(); ++k) {
    PlainClaim::Payment& f = c.payments[k];
    f.start = k == 0 ? 0 : c.payments[k - 1].date;
    if (k == 0) f.interest = c.principal * running * f.date;
    if (k > 0) f.floating = c.principal;
  }
}
inline int plain_step(const World& w, long double date) {
  return static_cast<int>(std::ceil(date / w.market.step_years - 1e-8L));
}
// Interest and principal of a payment as known or projected at a step.
inline long double plain_amount(const PlainClaim& c, const PlainClaim::Payment& f, const World& w, int step, int lane) {
  long double coupon = 0;
  const auto growth = [&](long double years, int at) {
    return w.zero_rate(c.curve, static_cast<double>(years), at, lane) * years;
  };
  if (f.floating != 0) {
    const int fixing = plain_step(w, f.start);
    const long double left = f.date - w.time(step), wait = f.start - w.time(step);
    coupon = std::exp(fixing <= step ? growth(f.date - f.start, fixing) : growth(left, step) - growth(wait, step)) - 1;
  }
  return f.interest + f.principal + f.floating * coupon;
}

struct PlainTerms {  // what few loans have
  long double limit = 0, fee = 0, conversion = 0, pik_years = 1e9L;
};
// kind: 'b' bullet, 'a' annuity, 'l' linear, 'p' pik. The annuity by its closed form; prepayment by its single monthly rate.
inline PlainClaim plain_claim(char kind, long double principal, long double rate, int frequency, long double maturity,
                              long double cpr = 0, const PlainTerms& more = {}) {
  PlainClaim c;
  c.principal = principal, c.rate = rate, c.pik_years = kind == 'p' ? more.pik_years : 0;
  c.fee = more.fee, c.conversion = more.conversion;
  const auto undrawn = [&](long double drawn) {
    const long double left = std::max(0.0L, std::abs(more.limit) - std::abs(drawn));
    return principal < 0 ? -left : left;
  };
  c.undrawn = undrawn(principal);
  std::vector<long double> dates;
  for (int k = 0; maturity - static_cast<long double>(k) / frequency > 1e-9L; ++k)
    dates.insert(dates.begin(), maturity - static_cast<long double>(k) / frequency);
  const auto n = static_cast<long double>(dates.size());
  const long double i = rate / frequency, full = n - 1;
  const long double annuity = i == 0 ? full : (1 - std::pow(1 + i, -full)) / i;
  const long double level = principal * (1 + rate * dates[0]) / (1 + annuity);
  const long double monthly = 1 - std::pow(1 - cpr, 1 / 12.0L);
  long double balance = principal, last = 0, share = 1;
  for (std::size_t k = 0; k < dates.size(); ++k) {
    const long double interest = balance * rate * (dates[k] - last), fee = undrawn(balance) * more.fee * (dates[k] - last);
    long double repaid = kind == 'b' ? 0 : kind == 'l' ? principal / n : kind == 'a' ? level - interest : 0;
    if (kind == 'p' && dates[k] <= more.pik_years + 1e-9L) repaid = -interest;
    if (k + 1 == dates.size()) repaid = balance;
    balance -= repaid;
    const long double prepaid = share * (1 - std::pow(1 - monthly, 12 * (dates[k] - last)));
    c.payments.push_back({dates[k], share * (interest + fee), share * repaid + prepaid * balance});
    share -= prepaid;
    c.payments.back().undrawn = k + 1 == dates.size() ? 0 : share * undrawn(balance);
    last = dates[k];
  }
  return c;
}

inline long double plain_today(const PlainClaim& c, const World& w, long double spread) {
  long double sum = 0;
  for (const auto& f : c.payments) {
    long double z = w.zero_rate(c.curve, static_cast<double>(f.date), 0, 0) + spread;
    if (!is_none(c.spread_factor)) z += w.market.factors[static_cast<std::size_t>(c.spread_factor)].initial;
    sum += plain_amount(c, f, w, 0, 0) * std::exp(-z * f.date);
  }
  return sum;
}
// Bisection to the last bit; the world's factors at step 0 must be today's.
inline long double plain_par_spread(const PlainClaim& c, const World& w) {
  long double low = -1, high = 5;
  for (int i = 0; i < 80; ++i) {
    const long double mid = (low + high) / 2;
    (plain_today(c, w, mid) / c.principal > 1 ? low : high) = mid;
  }
  return low;
}

// tau: default step, beyond the last if none. Dates within 1e-9 of a step count as that step.
inline Outcome plain_outcome(const PlainClaim& c, const World& w, FactorIndex currency, int tau, double lgd, int h, int lane,
                             double delay_years = 0) {
  const auto fx = [&](int n) -> long double {
    return is_none(currency) ? 1 : w.block.factors(currency, n)[static_cast<std::size_t>(lane)];
  };
  const auto step_of = [&](long double date) { return plain_step(w, date); };
  long double performing_value = 0, performing_cash = 0;
  for (const auto& f : c.payments) {
    const long double amount = plain_amount(c, f, w, h, lane);
    if (step_of(f.date) <= h) {
      performing_cash += amount * fx(step_of(f.date));
      continue;
    }
    const long double left = f.date - w.time(h);
    long double z = w.zero_rate(c.curve, static_cast<double>(left), h, lane) + c.spread;
    if (!is_none(c.spread_factor)) z += w.block.factors(c.spread_factor, h)[static_cast<std::size_t>(lane)];
    performing_value += amount * std::exp(-z * left) * fx(h);
  }
  const auto out = [](long double value, long double cash, long double loss, double count, long double exposed) {
    return Outcome{static_cast<double>(value),
                   static_cast<double>(cash),
                   static_cast<double>(loss),
                   {count, static_cast<double>(exposed)}};
  };
  if (tau > h || step_of(c.payments.back().date) < tau) return out(performing_value, performing_cash, 0, 0, 0);
  // Paid up to the step before default, then the recovery of principal and interest accrued.
  long double cash = 0, balance = c.principal, last = 0, undrawn = c.undrawn;
  for (const auto& f : c.payments)
    if (step_of(f.date) <= tau - 1) {
      cash += plain_amount(c, f, w, h, lane) * fx(step_of(f.date)), balance -= f.principal, last = f.date;
      undrawn = f.undrawn;
    }
  const long double until = std::min<long double>(w.time(tau), c.payments.back().date);
  const long double drawn = c.conversion * undrawn, fee = undrawn * c.fee * (until - last);
  cash -= drawn * fx(tau);
  for (const auto& f : c.payments)
    if (f.date > last && f.date <= until && f.date <= c.pik_years + 1e-9L)
      balance *= 1 + c.rate * (f.date - last), last = f.date;
  long double claim = balance * (1 + c.rate * (until - last)) + fee + drawn;
  if (c.running != 0) {
    claim = balance;
    for (const auto& f : c.payments) {
      const long double begin = std::max(f.start, last), end = std::min(f.date, until);
      const long double interest = plain_amount(c, f, w, h, lane) - f.principal;
      if (begin < end) claim += interest * (end - begin) / (f.date - f.start);
    }
  }
  std::vector<std::pair<long double, long double>> instalments = c.instalments;
  if (instalments.empty()) instalments = {{delay_years, 1}};
  long double value = 0;
  for (const auto& [years, share] : instalments) {
    const long double recovered = (1 - static_cast<long double>(lgd)) * claim * share;
    const int arrives = tau + step_of(years + c.grace_years);
    if (arrives <= h) {
      cash += recovered * fx(arrives);
    } else {
      const long double left = w.time(arrives) - w.time(h);
      value += recovered * std::exp(-w.zero_rate(c.curve, static_cast<double>(left), h, lane) * left) * fx(h);
    }
  }
  return out(value, cash, performing_value + performing_cash - cash - value, 1, claim * fx(tau));
}

// Two curves, a spread factor and two currencies; rates move enough to matter.
inline World credit_world(int steps, double step_years, std::vector<int> valued, std::uint32_t obligors, unsigned seed) {
  World w(steps, step_years, std::move(valued), seed);
  w.add("R1", Process::normal, 0.02, 0.01);
  w.add("R5", Process::normal, 0.03, 0.01);
  w.add("R10", Process::normal, 0.035, 0.008);
  w.add("E3", Process::normal, -0.004, 0.007);
  w.add("SPREAD", Process::lognormal, 0.03, 0.5);
  w.add("EURUSD", Process::lognormal, 1.1, 0.1);
  const auto f = [&](const char* name) { return w.factor(name); };
  w.market.curves = {{{1, f("R1")}, {5, f("R5")}, {10, f("R10")}}, {{3, f("E3")}}};
  w.draw_factors();
  w.draw_defaults(obligors, 7);
  return w;
}

struct RandomClaims {
  std::vector<Line> lines;
  std::vector<PlainClaim> plain;
};
// Maturities on and off the grid, some before the last step; spreads that are factors, numbers and solved. Payments a year:
// 0: any.
// `special`: loans with limits, time-limited pik, days of grace and recoveries in instalments as well.
inline RandomClaims random_claims(World& w, const std::string& type, std::size_t count, std::uint32_t obligors, bool on_grid,
                                  int per_year = 0, bool special = false) {
  RandomClaims out;
  for (std::size_t i = 0; i < count; ++i) {
    const int frequencies[] = {1, 2, 4, 12};
    const int frequency = per_year == 0 ? frequencies[w.random() % 4] : per_year;
    const double maturity = on_grid ? static_cast<double>(1 + w.random() % 96) / 12 : w.uniform(0.02, 8);
    const double rate = w.random() % 8 == 0 ? 0 : w.uniform(0.01, 0.14), principal = w.uniform(1e3, 1e6);
    const char kind = type == "bond" ? 'b' : "balp"[w.random() % 4];
    const double cpr = type == "bond" || w.random() % 2 ? 0 : w.random() % 20 ? w.uniform(0, 0.3) : 1;
    Line line;
    line.leaf = 1 + static_cast<std::uint32_t>(w.random() % 5);
    line.currency = w.random() % 3 ? FactorIndex{none} : w.factor("EURUSD");
    line.quantity = w.random() % 6 == 0 ? -1.5 : w.uniform(0.5, 2);
    line.obligor = w.random() % 10 ? ObligorIndex{static_cast<std::uint32_t>(w.random() % obligors)} : ObligorIndex{none};
    const CurveIndex curve{static_cast<std::uint32_t>(w.random() % 2)};
    line.cells = {{"frequency", static_cast<double>(frequency)}, {"maturity_years", maturity}, {"curve", curve}};
    line.cells[type == "bond" ? "notional" : "principal"] = principal;
    line.cells[type == "bond" ? "coupon" : "rate"] = rate;
    if (type == "loan")
      line.cells["amortisation"] = std::string(kind == 'b'   ? "bullet"
                                               : kind == 'a' ? "annuity"
                                               : kind == 'l' ? "linear"
                                                             : "pik");
    if (cpr != 0) line.cells["prepay_cpr"] = cpr;
    const bool floating = type == "bond" && w.random() % 2;
    const long double money = static_cast<long double>(principal) * line.quantity;
    PlainTerms more;
    if (special && w.random() % 3 != 0) {
      const double limit = principal * (w.random() % 4 == 0 ? 1 : w.uniform(1, 1.6));
      line.cells["limit"] = limit, more.limit = limit * static_cast<long double>(line.quantity);
      if (w.random() % 4) line.cells["undrawn_fee"] = w.uniform(0.001, 0.02);
      if (w.random() % 4) line.cells["credit_conversion"] = w.random() % 3 ? w.uniform(0, 1) : 1.0;
      if (line.cells.contains("undrawn_fee")) more.fee = std::get<double>(line.cells["undrawn_fee"]);
      if (line.cells.contains("credit_conversion")) more.conversion = std::get<double>(line.cells["credit_conversion"]);
    }
    if (special && kind == 'p' && w.random() % 3) {
      const double until = w.random() % 2 ? static_cast<double>(w.random() % 24) / 12 : w.uniform(0, maturity);
      line.cells["pik_years"] = until, more.pik_years = until;
    }
    PlainClaim plain = plain_claim(kind, money, rate, frequency, maturity, cpr, more);
    plain.curve = curve;
    if (special && w.random() % 3 == 0) {
      line.cells["grace_days"] = static_cast<double>(w.random() % 200);
      plain.grace_years = std::get<double>(line.cells["grace_days"]) / 365;
    }
    if (special && type == "loan" && w.random() % 3 == 0) {
      const double first = w.random() % 2 ? 0 : w.uniform(0, 0.5), share = w.uniform(0.1, 0.6);
      line.cells["recovery_schedule"] = ShareSchedule{{first, share}, {first + 0.3, 0.75}, {first + 0.9, 1}};
      plain.instalments = {{first, share}, {first + 0.3L, 0.75L - share}, {first + 0.9L, 0.25L}};
    }
    if (floating) {
      line.cells["floating"] = std::string(w.random() % 2 ? "yes" : "true");
      line.cells["reset_rate"] = w.uniform(0.001, 0.1);
      make_floating(plain, std::get<double>(line.cells["reset_rate"]));
    }
    switch (w.random() % 3) {
      case 0:
        line.cells["spread"] = plain.spread_factor = w.factor("SPREAD");
        break;
      case 1:
        line.cells["spread"] = w.uniform(-0.01, 0.08);
        plain.spread = std::get<double>(line.cells["spread"]);
        break;
      default:
        plain.spread = plain_par_spread(plain, w);
    }
    out.lines.push_back(std::move(line));
    out.plain.push_back(std::move(plain));
  }
  return out;
}

// Of what a batch tells of defaults, by leaf and by position, against the credit losses of positions; relative to what they
// are worth today. Infinite if it tells twice of one, or if telling changes a bit of the ledger.
inline double compare_told(World& w, const Instrument& type, const Positions& positions, std::uint32_t obligors) {
  class Told final : public DefaultListener {
   public:
    Told(std::size_t positions, std::size_t valued) : valued_(valued), loss(positions * valued * lanes, 0.0) {}
    void hear(std::span<const Hit> hits, const double* of_hit) noexcept override {
      for (const Hit& hit : hits) {
        twice |= !known_.insert({hit.position, hit.lane}).second;
        for (std::size_t v = 0; v < valued_; ++v) loss[(hit.position * valued_ + v) * lanes + hit.lane] += *of_hit++;
      }
    }
    bool twice = false;

   private:
    std::size_t valued_;
    std::set<std::pair<std::uint32_t, std::uint32_t>> known_;

   public:
    std::vector<double> loss;  // [position][valued][lane]
  };
  const std::size_t valued = w.market.valued.size();
  Compiled each(type, positions, w, Detail::position, obligors);
  w.discount();
  each.evaluate(w.block);
  double furthest = 0;
  for (const Detail detail : {Detail::leaf, Detail::position}) {
    Compiled plain(type, positions, w, detail, obligors), telling(type, positions, w, detail, obligors);
    w.discount();
    plain.evaluate(w.block);
    Told told(positions.size(), valued);
    dynamic_cast<const TellingBatch&>(*telling.batch)
        .evaluate_telling(w.block, telling.ledger, telling.faults, nullptr, told);
    bool same = !told.twice;
    for (LaneTable Ledger::*t : {&Ledger::value, &Ledger::cash, &Ledger::credit_loss, &Ledger::gauges})
      same = same && std::memcmp((plain.ledger.*t).data(), (telling.ledger.*t).data(),
                                 (plain.ledger.*t).size() * sizeof(double)) == 0;
    if (!same) return std::numeric_limits<double>::infinity();
    for (std::size_t p = 0; p < positions.size(); ++p)
      for (std::size_t v = 0; v < valued; ++v)
        for (int lane = 0; lane < lanes; ++lane)
          furthest = std::max(furthest, std::abs(told.loss[(p * valued + v) * lanes + static_cast<std::size_t>(lane)] -
                                                 each.credit(p, static_cast<int>(v), lane)) /
                                            (std::abs(each.batch->value_today[p]) + 1e-3));
  }
  return furthest;
}

// [leaf][valued][lane]
inline std::vector<double> leaf_values(World& w, const std::string& type, const Positions& positions,
                                       std::uint32_t obligors) {
  Compiled leaves(instrument(type), positions, w, Detail::leaf, obligors);
  w.discount();
  leaves.evaluate(w.block);
  return std::vector<double>(leaves.ledger.value.data(), leaves.ledger.value.data() + leaves.ledger.value.size());
}

inline Errors compare_claims(World& w, const std::string& type, const RandomClaims& book, std::uint32_t obligors) {
  const Positions positions = table(instrument(type), book.lines);
  Errors errors = compare(instrument(type), positions, w, obligors, [&](std::size_t p, std::size_t v, int lane) {
    const Line& line = book.lines[p];
    const bool none_at_all = is_none(line.obligor);
    const int tau = none_at_all ? w.market.steps + 1 : w.default_step(line.obligor, lane);
    const double lgd = none_at_all ? 0 : w.loss_given_default[static_cast<std::size_t>(line.obligor)];
    const double delay =
        none_at_all || w.recovery_delay_years.empty() ? 0 : w.recovery_delay_years[static_cast<std::size_t>(line.obligor)];
    Outcome out = plain_outcome(book.plain[p], w, line.currency, tau, lgd, w.market.valued[v], lane, delay);
    out.gauges.resize(instrument(type).gauges.size());  // of a loan nothing is paid in kind by a factor
    return out;
  });
  errors.leaf = std::max(errors.leaf, compare_told(w, instrument(type), positions, obligors));
  return errors;
}

}  // namespace tailcube::test
