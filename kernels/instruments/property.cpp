// Buildings and land owned outright: rent comes in, costs go out, the value follows an index or the income.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/instruments/asset_moves.h"
#include "kernels/math/functions.h"

namespace tailcube {
namespace {

struct Property {
  double value;
  FactorIndex index_factor;
  double beta;
  Rate cap_rate;
  double idiosyncratic_volatility, rent;
  FactorIndex rent_factor;
  Rate vacancy;
  double cost, appraisal_weight, appraisal_years;
};
constexpr double blank = std::numeric_limits<double>::quiet_NaN();
constexpr Field<Property> fields[] = {
    {.name = "value",
     .member = &Property::value,
     .allowed = positive,
     .otherwise = blank,
     .meaning = "today, in the position's currency; blank where it follows from income and cap_rate"},
    {.name = "index_factor",
     .member = &Property::index_factor,
     .allowed = positive,
     .otherwise = 0.0,
     .meaning = "price index that its value moves with; blank where cap_rate values it"},
    {.name = "beta",
     .member = &Property::beta,
     .allowed = {0, 5, "between 0 and 5"},
     .otherwise = 1.0,
     .meaning = "elasticity of its value to the index"},
    {.name = "cap_rate",
     .member = &Property::cap_rate,
     .allowed = {1e-4, 1, "between 0.0001 and 1"},
     .otherwise = blank,
     .meaning = "net operating income of a year over the value: a factor or a number; blank where an index values it"},
    {.name = "idiosyncratic_volatility",
     .member = &Property::idiosyncratic_volatility,
     .allowed = {0, 5, "between 0 and 5"},
     .otherwise = 0.0,
     .meaning = "volatility of its value beside the index or the cap rate, per square root of a year"},
    {.name = "rent",
     .member = &Property::rent,
     .allowed = not_negative,
     .otherwise = 0.0,
     .meaning = "per year if all of it is let, at today's rents, in the position's currency"},
    {.name = "rent_factor",
     .member = &Property::rent_factor,
     .allowed = positive,
     .otherwise = 0.0,
     .meaning = "index that rents move with; blank: they stay"},
    {.name = "vacancy",
     .member = &Property::vacancy,
     .allowed = fraction,
     .otherwise = blank,
     .meaning = "share of the rent that is not received: a factor, taken between 0 and 1, or a number; blank: 0"},
    {.name = "cost",
     .member = &Property::cost,
     .allowed = not_negative,
     .otherwise = 0.0,
     .meaning = "of operating it, per year, let or not, in the position's currency"},
    {.name = "appraisal_weight",
     .member = &Property::appraisal_weight,
     .allowed = {1e-3, 1, "between 0.001 and 1"},
     .otherwise = 1.0,
     .meaning =
         "published value: share of its value in an appraisal, the rest is the last one; 1: it is appraised at its value",
     .of_published_value = true},
    {.name = "appraisal_years",
     .member = &Property::appraisal_years,
     .allowed = {0, 10, "between 0 and 10"},
     .otherwise = 0.0,
     .meaning = "years from one appraisal to the next, rounded up to steps; 0: at every step",
     .of_published_value = true},
};

bool capitalised(const Property& p) { return is_none(p.index_factor); }
double today(const Rate& r, const std::vector<Factor>& factors) {
  return is_none(r.factor) ? r.number : factors[static_cast<std::size_t>(r.factor)].initial;
}
double vacancy_today(const Property& p, const std::vector<Factor>& factors) {
  return p.vacancy.blank ? 0 : std::clamp(today(p.vacancy, factors), 0.0, 1.0);
}
double income_today(const Property& p, const std::vector<Factor>& factors) {
  return p.rent * (1 - vacancy_today(p, factors)) - p.cost;
}
// A yardstick for the rounding unit, as Bounds are.
double least(const Rate& r, const FactorModel& market, double years) {
  const double now = today(r, market.factors);
  if (is_none(r.factor)) return now;
  const Factor& f = market.factors[static_cast<std::size_t>(r.factor)];
  if (f.process == Process::lognormal || f.process == Process::log_ou)
    return now * exp(std::max(-6 * f.volatility * std::sqrt(years), -600.0)) / 4;
  return std::max(bounds(market, r.factor, years).lower, now / 10);
}

class Properties final : public Batch {
 public:
  Properties(const Positions& positions, const Wiring& wiring)
      : rows_(wiring, 0), moves_(wiring), last_(wiring.valued.back()), step_years_(wiring.time_years[1]) {
    value_today.assign(rows_.count, 0.0);
    gross.assign(rows_.count, 0.0);
    lines_.reserve(positions.size());
    for (std::size_t p = 0; p < positions.size(); ++p) add_line(positions, p, wiring);
    for (const FactorIndex f : moves_.reads()) reads.push_back(f);
    reads = distinct(std::move(reads));
    if (wiring.published_values) published_today = value_today;
    bytes_per_thread = scratch() * sizeof(double);
  }

  void evaluate(const Block& block, Ledger& ledger, Faults& faults) const noexcept override {
    rows_.clear(ledger);
    ledger.scratch.resize(scratch());
    double* const memory = ledger.scratch.data();
    moves_.look(block, memory);
    for (std::size_t p = 0; p < lines_.size(); ++p) {
      report(p, block, memory, faults);
      add(lines_[p], moves_.logs(p, block, memory), memory + moves_.scratch(), block, ledger);
    }
  }

 private:
  struct Line {
    std::uint32_t row;
    FactorIndex currency;
    double quantity;
    Property terms;
    double rents_today;  // the rent factor's value, or 1
    double worth_today;
    int appraisal_steps;  // from one to the next; 0: no published value is asked for
  };
  std::size_t scratch() const { return moves_.scratch() + std::size_t{4} * lanes; }

  void add_line(const Positions& positions, std::size_t p, const Wiring& wiring) {
    const FactorModel& market = *wiring.market;
    const Property t = terms(positions, fields, p);
    const auto row = static_cast<std::uint32_t>(rows_.of_position(wiring, p));
    const FactorIndex currency = positions.currency[p];
    const double quantity = positions.quantity[p], years = wiring.time_years.back();
    const double worth = capitalised(t) ? income_today(t, market.factors) / today(t.cap_rate, market.factors) : t.value;
    const int apart = std::max(1, static_cast<int>(std::ceil(t.appraisal_years / step_years_ - 1e-9)));
    const bool published = wiring.published_values;
    lines_.push_back({row, currency, quantity, t, exchange_today(market, t.rent_factor), worth, published ? apart : 0});
    const double own = moves_.add({t.index_factor, t.beta, t.idiosyncratic_volatility, 0}, positions.id[p], market);
    const double income = t.rent * exchange_bound(market, t.rent_factor, years) / lines_.back().rents_today + t.cost;
    const double largest = capitalised(t) ? income / least(t.cap_rate, market, years) : t.value;
    value_today[row] += quantity * worth * exchange_today(market, currency);
    gross[row] += std::abs(quantity) * (largest * own * (published ? 2 : 1) + income * years) *
                  exchange_bound(market, currency, years);
    for (const FactorIndex f : {currency, t.rent_factor, t.vacancy.factor, t.cap_rate.factor}) reads.push_back(f);
  }

  void report(std::size_t p, const Block& block, const double* memory, Faults& faults) const noexcept {
    Priced good = moves_.priced(p, memory);
    if (const FactorIndex cap = lines_[p].terms.cap_rate.factor; !is_none(cap))
      for (const int step : rows_.valued) good.look(block.factors(cap, step));
    good.report(rows_.row(lines_[p].row), static_cast<std::uint32_t>(p), block, faults);
  }

  // Net operating income of a year at the rents and vacancies of a step.
  static void find_income(const Line& line, const Block& block, int step, double* income) noexcept {
    const Property& t = line.terms;
    const double* rents = exchange(block, t.rent_factor, step);
    for (std::size_t k = 0; k < lanes; ++k) income[k] = t.rent * (rents[k] / line.rents_today);
    if (!t.vacancy.blank && is_none(t.vacancy.factor))
      for (std::size_t k = 0; k < lanes; ++k) income[k] *= 1 - t.vacancy.number;
    if (!is_none(t.vacancy.factor)) {
      const ConstLanes vacancy = block.factors(t.vacancy.factor, step);
      for (std::size_t k = 0; k < lanes; ++k) income[k] *= 1 - std::clamp(vacancy[k], 0.0, 1.0);
    }
    for (std::size_t k = 0; k < lanes; ++k) income[k] -= t.cost;
  }

  void add(const Line& line, const double* logs, double* income, const Block& block, Ledger& ledger) const noexcept {
    double *const received = income + lanes, *const worth = received + lanes, *const appraised = worth + lanes;
    std::fill_n(received, lanes, 0.0);
    std::fill_n(appraised, lanes, line.worth_today);
    const bool publishes = line.appraisal_steps > 0 && ledger.published_value.series() > 0;
    for (int n = 1, v = 0; n <= last_; ++n, logs += lanes) {
      find_income(line, block, n, income);
      const double* fx = exchange(block, line.currency, n);
      for (std::size_t k = 0; k < lanes; ++k) received[k] += line.quantity * step_years_ * income[k] * fx[k];
      const bool appraises = publishes && n % line.appraisal_steps == 0;
      const bool valued = rows_.valued[static_cast<std::size_t>(v)] == n;
      if (!valued && !appraises) continue;
      exp(ConstLanes(logs, lanes), Lanes(worth, lanes));
      find_worth(line, block, n, income, worth);
      if (appraises) appraise(worth, line.terms.appraisal_weight, appraised);
      if (!valued) continue;
      if (publishes) {
        double* const published = ledger.published_value(rows_.row(line.row), v).data();
        for (std::size_t k = 0; k < lanes; ++k) published[k] += line.quantity * appraised[k] * fx[k];
      }
      double *value = ledger.value(rows_.row(line.row), v).data(), *cash = ledger.cash(rows_.row(line.row), v).data();
      for (std::size_t k = 0; k < lanes; ++k) {
        value[k] += line.quantity * worth[k] * fx[k];
        cash[k] += received[k];
      }
      ++v;
    }
  }
  // What has no value is not appraised.
  static void appraise(const double* worth, double weight, double* appraised) noexcept {
    for (std::size_t k = 0; k < lanes; ++k)
      if (worth[k] >= 0 && worth[k] < 1e300) appraised[k] = weight * worth[k] + (1 - weight) * appraised[k];
  }
  // `worth` comes as what the value has moved by.
  static void find_worth(const Line& line, const Block& block, int step, const double* income, double* worth) noexcept {
    const Property& t = line.terms;
    if (!capitalised(t)) {
      for (std::size_t k = 0; k < lanes; ++k) worth[k] *= t.value;
    } else if (is_none(t.cap_rate.factor)) {
      for (std::size_t k = 0; k < lanes; ++k) worth[k] *= std::max(income[k], 0.0) / t.cap_rate.number;
    } else {
      const ConstLanes rate = block.factors(t.cap_rate.factor, step);
      for (std::size_t k = 0; k < lanes; ++k) worth[k] *= std::max(income[k], 0.0) / rate[k];
    }
  }

  RowSet rows_;
  AssetMoves moves_;
  std::vector<Line> lines_;
  int last_;
  double step_years_;
};

std::optional<Complaint> check(const Positions& positions, std::size_t position) {
  const Property p = terms(positions, fields, position);
  const bool no_value = p.value != p.value;
  if (capitalised(p) && p.cap_rate.blank)
    return Complaint{"index_factor", "blank, and so is cap_rate; a property is valued by one of the two"};
  if (!capitalised(p) && !p.cap_rate.blank)
    return Complaint{"cap_rate", "index_factor is there too; a property is valued by one of the two"};
  if (!capitalised(p) && no_value) return Complaint{"value", "blank; it is needed with index_factor"};
  if (capitalised(p) && !no_value) return Complaint{"value", "it follows from income and cap_rate; leave it blank"};
  return {};
}

std::optional<Complaint> check_factors(const Positions& positions, std::size_t position,
                                       const std::vector<Factor>& factors) {
  const Property p = terms(positions, fields, position);
  if (!capitalised(p) || p.cap_rate.blank) return {};
  if (!(today(p.cap_rate, factors) > 0)) return Complaint{"cap_rate", "its factor is not positive today"};
  if (!(income_today(p, factors) > 0))
    return Complaint{"rent", "today's rent after vacancy and cost is not positive; cap_rate cannot value it"};
  return {};
}

std::optional<Complaint> warn(const Positions& positions, std::size_t position) {
  const Property p = terms(positions, fields, position);
  if (!capitalised(p) || p.idiosyncratic_volatility > 0 || !is_none(p.cap_rate.factor) || !is_none(p.rent_factor) ||
      !is_none(p.vacancy.factor))
    return {};
  return Complaint{"cap_rate", "neither income nor value ever moves: name a factor"};
}

std::unique_ptr<Batch> compile(const Positions& positions, const Wiring& wiring) {
  return std::make_unique<Properties>(positions, wiring);
}

}  // namespace

extern const Instrument property;
const Instrument property{.name = "property",
                          .columns = columns(fields),
                          .check = check,
                          .check_factors = check_factors,
                          .warn = warn,
                          .compile = compile};

}  // namespace tailcube
