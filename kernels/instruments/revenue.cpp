// A share of somebody's revenue until a date or a cap: royalties, networks of devices. A part may be paid in tokens.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>

#include "kernels/instruments/cash_flows.h"
#include "kernels/instruments/revenue_law.h"
#include "kernels/instruments/rows.h"
#include "kernels/math/functions.h"

namespace tailcube {
namespace {

struct Revenue {
  double revenue;
  FactorIndex revenue_factor;
  double share, cap, maturity_years;
  CurveIndex curve;
  double spread, token_share;
  FactorIndex token_factor;
};
constexpr double blank = std::numeric_limits<double>::quiet_NaN();
constexpr Field<Revenue> fields[] = {
    {.name = "revenue",
     .member = &Revenue::revenue,
     .allowed = not_negative,
     .meaning = "earned per year at today's rate, all of it, in the position's currency"},
    {.name = "revenue_factor",
     .member = &Revenue::revenue_factor,
     .allowed = positive,
     .meaning = "lognormal or log_ou index that the rate of revenue moves with"},
    {.name = "share",
     .member = &Revenue::share,
     .allowed = {1e-9, 1, "positive and at most 1"},
     .meaning = "of the revenue that the position receives, at every step"},
    {.name = "cap",
     .member = &Revenue::cap,
     .allowed = positive,
     .otherwise = blank,
     .meaning = "what is received from today on at most, in the position's currency; blank: no cap"},
    {.name = "maturity_years",
     .member = &Revenue::maturity_years,
     .allowed = maturity_range,
     .meaning = "years until the share ends"},
    {.name = "curve", .member = &Revenue::curve, .meaning = "zero curve that discounts it"},
    {.name = "spread",
     .member = &Revenue::spread,
     .allowed = spread_range,
     .otherwise = 0.0,
     .meaning = "continuous spread over the curve, per year"},
    {.name = "token_share",
     .member = &Revenue::token_share,
     .allowed = fraction,
     .otherwise = 0.0,
     .meaning = "share of each payment made in tokens, at their price of the step; they are kept"},
    {.name = "token_factor",
     .member = &Revenue::token_factor,
     .allowed = positive,
     .otherwise = 0.0,
     .meaning = "price of one token, in the job's currency"},
};

class Revenues final : public Batch {
 public:
  Revenues(const Positions& positions, const Wiring& wiring)
      : rows_(wiring, 0), last_(static_cast<std::size_t>(wiring.valued.back())), step_years_(wiring.time_years[1]) {
    value_today.assign(rows_.count, 0.0);
    gross.assign(rows_.count, 0.0);
    lines_.reserve(positions.size());
    make_laws(positions, wiring);
    for (std::size_t p = 0; p < positions.size(); ++p) add_line(positions, p, wiring);
    reads = distinct(std::move(reads));
    std::sort(reads_curves.begin(), reads_curves.end());
    reads_curves.erase(std::unique(reads_curves.begin(), reads_curves.end()), reads_curves.end());
  }

  void evaluate(const Block& block, Ledger& ledger, Faults& faults) const noexcept override {
    rows_.clear(ledger);
    for (std::size_t p = 0; p < lines_.size(); ++p) {
      report(p, block, faults);
      add(lines_[p], block, ledger);
    }
  }

 private:
  using Column = std::array<double, lanes>;
  struct Line {
    std::uint32_t row;
    FactorIndex currency;
    double quantity;
    Revenue terms;
    const RevenueLaw* law;
    double factor_today;
    std::size_t payments;
    const std::vector<DiscountIndex>* discounts;  // [payment - 1]
    std::vector<double> deviation;                // of what is to come, by valued step; empty: no cap
  };

  std::size_t payments(const Revenue& t) const {
    return static_cast<std::size_t>(std::max(1.0, std::ceil((t.maturity_years - 1e-9) / step_years_)));
  }
  // What payment n = 1, 2, ... is of the factor's value at its step over today's.
  double weight(const Revenue& t, std::size_t n) const {
    const double end = std::min(static_cast<double>(n) * step_years_, t.maturity_years);
    return t.share * t.revenue * (end - static_cast<double>(n - 1) * step_years_);
  }

  // One law a factor and one list of discount factors a curve, as long as the longest needs.
  void make_laws(const Positions& positions, const Wiring& wiring) {
    std::map<FactorIndex, std::size_t> longest;
    std::map<CurveIndex, std::size_t> last_date;
    for (std::size_t p = 0; p < positions.size(); ++p) {
      const Revenue t = terms(positions, fields, p);
      longest[t.revenue_factor] = std::max(longest[t.revenue_factor], payments(t));
      last_date[t.curve] = std::max(last_date[t.curve], payments(t));
    }
    for (const auto& [factor, steps] : longest)
      laws_.try_emplace(factor, wiring.market->factors[static_cast<std::size_t>(factor)], step_years_,
                        std::max(steps, last_));
    for (const auto& [curve, dates] : last_date)
      for (std::size_t n = 1; n <= dates; ++n)
        discounts_[curve].push_back(wiring.discount(curve, FactorIndex{none}, static_cast<double>(n) * step_years_));
  }

  void add_line(const Positions& positions, std::size_t p, const Wiring& wiring) {
    const FactorModel& market = *wiring.market;
    const Revenue t = terms(positions, fields, p);
    const auto row = static_cast<std::uint32_t>(rows_.of_position(wiring, p));
    Line line{row,         positions.currency[p],       positions.quantity[p],
              t,           &laws_.at(t.revenue_factor), exchange_today(market, t.revenue_factor),
              payments(t), &discounts_.at(t.curve),     {}};
    std::vector<double> weights;
    for (std::size_t n = 1; n <= line.payments; ++n) weights.push_back(weight(t, n));
    const auto deviation = [&](std::size_t step) {
      if (step >= weights.size()) return 0.0;
      return line.law->deviation({weights.begin() + static_cast<std::ptrdiff_t>(step), weights.end()},
                                 line.law->expected_log(step));
    };
    const bool capped = t.cap == t.cap;
    for (const int step : rows_.valued)
      if (capped) line.deviation.push_back(deviation(static_cast<std::size_t>(step)));
    double mean = 0, worth = 0, all = 0, lowest = 0;
    for (std::size_t n = 1; n <= line.payments; ++n) {
      const double years = static_cast<double>(n) * step_years_;
      const double expected = weights[n - 1] * line.law->growth(n) * exp((line.law->decay(n) - 1) * log(line.factor_today));
      mean += expected, all += weights[n - 1];
      worth += expected * exp(-(zero_rate_today(market, t.curve, years) + t.spread) * years);
    }
    if (capped && mean > 0) worth *= capped_mean(t.cap, mean, deviation(0)) / mean;
    const double years = wiring.time_years.back(), fx = exchange_bound(market, line.currency, years);
    for (const Pillar& pillar : market.curves[static_cast<std::size_t>(t.curve)])
      lowest = std::min(lowest, bounds(market, pillar.zero_rate, years).lower + std::min(t.spread, 0.0));
    all *= exchange_bound(market, t.revenue_factor, years) / line.factor_today;
    if (capped) all = std::min(all, t.cap);
    double paid_in = 1 - t.token_share;
    if (t.token_share > 0)
      paid_in += t.token_share * exchange_bound(market, t.token_factor, years) / exchange_today(market, t.token_factor);
    value_today[row] += line.quantity * worth * exchange_today(market, line.currency);
    gross[row] +=
        std::abs(line.quantity) * all * fx * std::max(1.0, paid_in) * exp(std::min(-lowest * t.maturity_years, 600.0));
    for (const FactorIndex f : {line.currency, t.revenue_factor, t.token_factor}) reads.push_back(f);
    reads_curves.push_back(t.curve);
    lines_.push_back(std::move(line));
  }

  void report(std::size_t p, const Block& block, Faults& faults) const noexcept {
    Priced good;
    for (const FactorIndex f : {lines_[p].terms.revenue_factor, lines_[p].terms.token_factor})
      for (std::size_t n = 1; n <= last_ && !is_none(f); ++n) good.look(block.factors(f, static_cast<int>(n)));
    good.report(rows_.row(lines_[p].row), static_cast<std::uint32_t>(p), block, faults);
  }

  void add(const Line& line, const Block& block, Ledger& ledger) const noexcept {
    const Revenue& t = line.terms;
    alignas(64) Column received{}, cash{}, tokens{}, worth;
    const double cap = t.cap == t.cap ? t.cap : std::numeric_limits<double>::infinity();
    for (std::size_t n = 1, v = 0; n <= last_; ++n) {
      const int step = static_cast<int>(n);
      const double *fx = exchange(block, line.currency, step), *price = exchange(block, t.token_factor, step);
      if (n <= line.payments) {
        const ConstLanes factor = block.factors(t.revenue_factor, step);
        const double scale = weight(t, n) / line.factor_today;
        for (std::size_t k = 0; k < lanes; ++k) {
          const double payment = std::min(scale * factor[k], cap - received[k]), money = line.quantity * payment * fx[k];
          received[k] += payment;
          cash[k] += (1 - t.token_share) * money;
          tokens[k] += t.token_share * money / price[k];
        }
      }
      if (rows_.valued[v] != step) continue;
      expect(line, block, n, v, received, worth);
      const int at = static_cast<int>(v++);
      const Lanes value = ledger.value(rows_.row(line.row), at), all_cash = ledger.cash(rows_.row(line.row), at);
      for (std::size_t k = 0; k < lanes; ++k) {
        value[k] += line.quantity * worth[k] * fx[k] + (t.token_share > 0 ? tokens[k] * price[k] : 0);
        all_cash[k] += cash[k];
      }
    }
  }

  // What is still to come, seen from valued step v, step n: money of the position's currency.
  void expect(const Line& line, const Block& block, std::size_t n, std::size_t v, const Column& received,
              Column& worth) const noexcept {
    const Revenue& t = line.terms;
    alignas(64) Column now, logs, expected, mean{};
    worth.fill(0);
    if (n >= line.payments) return;
    const ConstLanes factor = block.factors(t.revenue_factor, static_cast<int>(n));
    std::copy_n(factor.data(), lanes, now.data());
    if (line.law->reverts()) log(now, logs);
    for (std::size_t m = 1; n + m <= line.payments; ++m) {
      const double scale = weight(t, n + m) * line.law->growth(m) / line.factor_today;
      if (line.law->reverts()) {
        const double decay = line.law->decay(m);
        for (std::size_t k = 0; k < lanes; ++k) expected[k] = decay * logs[k];
        exp(expected, expected);
      } else {
        expected = now;
      }
      const double spread = exp(-t.spread * static_cast<double>(m) * step_years_);
      const ConstLanes discount = block.discounts((*line.discounts)[n + m - 1], static_cast<int>(v));
      for (std::size_t k = 0; k < lanes; ++k) {
        mean[k] += scale * expected[k];
        worth[k] += scale * expected[k] * (spread * discount[k]);
      }
    }
    if (line.deviation.empty()) return;
    for (std::size_t k = 0; k < lanes; ++k)
      if (mean[k] > 0) worth[k] *= capped_mean(t.cap - received[k], mean[k], line.deviation[v]) / mean[k];
  }

  RowSet rows_;
  std::size_t last_;
  double step_years_;
  std::map<FactorIndex, RevenueLaw> laws_;
  std::map<CurveIndex, std::vector<DiscountIndex>> discounts_;
  std::vector<Line> lines_;
};

std::optional<Complaint> check(const Positions& positions, std::size_t position) {
  const Revenue t = terms(positions, fields, position);
  if (t.token_share > 0 && is_none(t.token_factor)) return Complaint{"token_factor", "blank; token_share needs a price"};
  return {};
}

std::optional<Complaint> check_factors(const Positions& positions, std::size_t position,
                                       const std::vector<Factor>& factors) {
  const FactorIndex factor = terms(positions, fields, position).revenue_factor;
  if (is_none(factor)) return {};
  const Process process = factors[static_cast<std::size_t>(factor)].process;
  if (process == Process::lognormal || process == Process::log_ou) return {};
  return Complaint{"revenue_factor", "its expected path needs a lognormal or log_ou factor"};
}

std::unique_ptr<Batch> compile(const Positions& positions, const Wiring& wiring) {
  return std::make_unique<Revenues>(positions, wiring);
}

}  // namespace

extern const Instrument revenue;
const Instrument revenue{
    .name = "revenue", .columns = columns(fields), .check = check, .check_factors = check_factors, .compile = compile};

}  // namespace tailcube
