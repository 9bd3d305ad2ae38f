#include "kernels/instruments/rows.h"

#include <cmath>
#include <limits>
#include <tuple>

#include "kernels/instruments/positive_lanes.h"
#include "kernels/math/functions.h"

namespace tailcube {
namespace {

// What the book publishes of itself; null of a market factor.
const FactorModel::Published* published(const FactorModel& market, FactorIndex factor) {
  const auto i = static_cast<std::size_t>(factor);
  return i < market.factors.size() ? nullptr : &market.published[i - market.factors.size()];
}

}  // namespace

RowSet::RowSet(const Wiring& wiring, std::size_t gauges_per_row)
    : first(static_cast<std::uint32_t>(wiring.first_row)),
      count(wiring.row_count),
      first_gauge(wiring.first_gauge),
      gauges(gauges_per_row + wiring.ratio_gauges),
      valued(wiring.valued),
      detail(wiring.detail) {}

void RowSet::clear(Ledger& ledger) const {
  const std::size_t per_row = valued.size() * lanes;
  if (count == 0 || per_row == 0) return;
  for (LaneTable* table : {&ledger.value, &ledger.cash, &ledger.credit_loss})
    std::fill_n((*table)(first, 0).data(), count * per_row, 0.0);
  if (ledger.published_value.series() > 0) std::fill_n(ledger.published_value(first, 0).data(), count * per_row, 0.0);
  if (gauges > 0) std::fill_n(ledger.gauges(first_gauge, 0).data(), count * gauges * per_row, 0.0);
}

void merge(std::vector<Term>& terms) {
  merge(terms, [](const Term& t) { return std::tie(t.row, t.factor, t.currency); });
}

void add_today(const std::vector<Term>& terms, const FactorModel& market, std::vector<double>& value_today) {
  for (const Term& t : terms)
    value_today[t.row] += t.amount * (exchange_today(market, t.factor) * exchange_today(market, t.currency));
}

void add_values(const std::vector<Term>& terms, const RowSet& rows, const Block& block, Ledger& ledger) {
  for (const Term& t : terms)
    for (std::size_t v = 0; v < rows.valued.size(); ++v) {
      const double* price = exchange(block, t.factor, rows.valued[v]);
      const double* fx = exchange(block, t.currency, rows.valued[v]);
      double* value = ledger.value(rows.row(t.row), static_cast<int>(v)).data();
      for (std::size_t k = 0; k < lanes; ++k) value[k] += t.amount * (price[k] * fx[k]);
    }
}

ByObligor::ByObligor(const std::vector<ObligorIndex>& of_position, std::uint32_t obligors) : first_(obligors + 1) {
  for (const ObligorIndex o : of_position)
    if (!is_none(o)) ++first_[static_cast<std::size_t>(o) + 1];
  for (std::size_t i = 1; i < first_.size(); ++i) first_[i] += first_[i - 1];
  position_.resize(first_.back());
  std::vector<std::uint32_t> next(first_.begin(), first_.end() - 1);
  for (std::size_t p = 0; p < of_position.size(); ++p)
    if (!is_none(of_position[p]))
      position_[next[static_cast<std::size_t>(of_position[p])]++] = static_cast<std::uint32_t>(p);
}

std::span<const Default> defaults_of(const Block& block, ObligorIndex obligor) noexcept {
  if (const auto i = std::size_t{static_cast<std::uint32_t>(obligor)} + 1; i < block.first_default.size())
    return {block.defaults.data() + block.first_default[i - 1], block.defaults.data() + block.first_default[i]};
  const auto first = std::lower_bound(block.defaults.begin(), block.defaults.end(), obligor,
                                      [](const Default& d, ObligorIndex wanted) { return d.obligor < wanted; });
  auto last = first;
  while (last != block.defaults.end() && last->obligor == obligor) ++last;
  return {first, last};
}

void find_defaults(const Block& block, ObligorIndex obligor, std::array<double, lanes>& step,
                   std::array<double, lanes>& loss) noexcept {
  step.fill(std::numeric_limits<double>::infinity());
  loss.fill(0);
  for (const Default& d : defaults_of(block, obligor)) step[d.lane] = d.step, loss[d.lane] = d.loss_given_default;
}

const double* exchange(const Block& block, FactorIndex currency, int step) {
  alignas(64) static constexpr auto ones = [] {
    std::array<double, lanes> a{};
    for (double& x : a) x = 1;
    return a;
  }();
  return is_none(currency) ? ones.data() : block.factors(currency, step).data();
}

void Priced::look(ConstLanes price) noexcept {
  alignas(64) std::array<double, lanes> missing;
  for (std::size_t k = 0; k < lanes; ++k) {
    const double p = price[k];
    missing[k] = ((p > 0) & (p < 1e300)) ? 0 : 1;
  }
  if (positive_lanes(missing.data()) == 0) return;
  for (std::size_t k = 0; k < lanes; ++k) good_[k] &= static_cast<std::uint8_t>(price[k] > 0 && price[k] < 1e300);
}

bool Priced::everywhere() const noexcept {
  return std::all_of(good_.begin(), good_.end(), [](std::uint8_t g) { return g != 0; });
}

void Priced::report(RowIndex row, std::uint32_t position, const Block& block, Faults& faults) const noexcept {
  for (std::size_t k = 0; k < block.scenarios; ++k)
    if (good_[k] == 0 && faults.size() < faults.capacity())
      faults.push_back({row, position, static_cast<std::uint16_t>(k), Reason::no_price});
}

double exchange_today(const FactorModel& market, FactorIndex currency) {
  if (is_none(currency)) return 1;
  if (const auto* own = published(market, currency)) return own->today;
  return market.factors[static_cast<std::size_t>(currency)].initial;
}

namespace {

// The largest value of drift t + six standard deviations at t <= years, plus upward jumps. The drift of a volatile price is
// negative in the logarithm; without it a bound over many years would be so large that nothing could be rounded by it.
double largest_log_growth(const Factor& f, double years) {
  const double jumps_mean = f.jump_rate * years;
  const double jumps = jumps_mean > 0 ? std::ceil(jumps_mean + 6 * std::sqrt(jumps_mean) + 6) : 0;
  // The compensator of downward jumps drives the price up between them.
  const double mean_jump = expm1(f.jump_mean + f.jump_volatility * f.jump_volatility / 2);
  const double drift = f.drift - f.volatility * f.volatility / 2 + f.jump_rate * std::max(0.0, -mean_jump);
  const double variance = f.volatility * f.volatility * years + jumps * f.jump_volatility * f.jump_volatility;
  const double reach = years > 0 ? 6 * std::sqrt(variance / years) : 0;  // per square root of a year
  const double peak = drift < 0 ? std::min(std::sqrt(years), -reach / (2 * drift)) : std::sqrt(years);
  return drift * peak * peak + reach * peak + jumps * std::max(0.0, f.jump_mean);
}

}  // namespace

Bounds bounds(const FactorModel& market, FactorIndex factor, double years) {
  const Factor& f = market.factors[static_cast<std::size_t>(factor)];
  // Reverting factors spread as over this time; it stays below 1 / (2 reversion).
  const double spread_years = f.reversion > 0 ? -expm1(-2 * f.reversion * years) / (2 * f.reversion) : years;
  const double reach = 6 * f.volatility * std::sqrt(spread_years);
  switch (f.process) {
    case Process::lognormal:
      return {0, 2 * f.initial * exp(largest_log_growth(f, years))};
    case Process::log_ou: {
      const double upper = 2 * std::max(f.initial, exp(f.level)) * exp(reach);
      return {0, upper};
    }
    case Process::ou: {
      const double low = std::min(f.initial, f.level), high = std::max(f.initial, f.level);
      return {low - 2 * reach, high + 2 * reach};
    }
    case Process::normal: {
      const double width = std::abs(f.drift) * years + reach;
      return {f.initial - 2 * width, f.initial + 2 * width};
    }
    case Process::driver:
      return {-12, 12};
  }
  return {-1, 1};
}

double exchange_bound(const FactorModel& market, FactorIndex currency, double years) {
  if (is_none(currency)) return 1;
  if (const auto* own = published(market, currency)) return own->bound;
  const Bounds b = bounds(market, currency, years);
  return std::max(std::abs(b.lower), std::abs(b.upper));
}

double largest_discount(const FactorModel& market, CurveIndex curve, FactorIndex spread, double date_years,
                        const std::vector<int>& steps) {
  double exponent = 0;
  const auto look = [&](int step) {
    const double years = step * market.step_years;
    double rate = std::numeric_limits<double>::infinity();
    for (const Pillar& p : market.curves[static_cast<std::size_t>(curve)])
      rate = std::min(rate, bounds(market, p.zero_rate, years).lower);
    if (!is_none(spread)) rate += bounds(market, spread, years).lower;
    exponent = std::max(exponent, -rate * std::max(date_years - years, 0.0));
  };
  look(0);
  for (const int step : steps) look(step);
  return exp(std::min(exponent, 600.0));
}

std::vector<FactorIndex> distinct(std::vector<FactorIndex> used) {
  std::erase_if(used, [](FactorIndex f) { return is_none(f); });
  std::sort(used.begin(), used.end());
  used.erase(std::unique(used.begin(), used.end()), used.end());
  return used;
}

}  // namespace tailcube
