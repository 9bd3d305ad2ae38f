// Static hedges, held to maturity and settled in cash: forwards and options on a factor, protection against a default.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "kernels/instruments/cash_flows.h"
#include "kernels/instruments/protection.h"
#include "kernels/instruments/rows.h"
#include "kernels/math/functions.h"

namespace tailcube {
namespace {

enum Kind : int { forward, call, put, cds };  // the order of the words
struct Hedge {
  int kind;
  double notional, maturity_years;
  CurveIndex curve;
  FactorIndex factor;
  double strike, carry;
  Rate volatility;
  double premium, frequency;
  Rate spread;
};
constexpr double blank = std::numeric_limits<double>::quiet_NaN();
constexpr Field<Hedge> fields[] = {
    {.name = "kind",
     .member = &Hedge::kind,
     .words = "forward|call|put|cds",
     .meaning = "what it is; cds: protection bought against the default of the obligor"},
    {.name = "notional",
     .member = &Hedge::notional,
     .allowed = positive,
     .meaning = "units of the factor; cds: money that is protected"},
    {.name = "maturity_years",
     .member = &Hedge::maturity_years,
     .allowed = maturity_range,
     .meaning = "years until it ends and is settled in cash"},
    {.name = "curve", .member = &Hedge::curve, .meaning = "zero curve that discounts it"},
    {.name = "factor",
     .member = &Hedge::factor,
     .otherwise = 0.0,
     .meaning = "price of one unit, in the position's currency; blank for a cds"},
    {.name = "strike",
     .member = &Hedge::strike,
     .otherwise = blank,
     .meaning = "price agreed for one unit, in the position's currency; blank for a cds"},
    {.name = "carry",
     .member = &Hedge::carry,
     .allowed = {-1, 5, "between -1 and 5"},
     .otherwise = 0.0,
     .meaning = "what holding the factor brings (dividends, staking), per year, continuous"},
    {.name = "volatility",
     .member = &Hedge::volatility,
     .allowed = {0, 10, "between 0 and 10"},
     .otherwise = blank,
     .meaning =
         "volatility that an option is valued at, per square root of a year: a factor, where negative 0, or a number; "
         "blank: the factor's own, jumps included"},
    {.name = "premium",
     .member = &Hedge::premium,
     .allowed = {0, 10, "between 0 and 10"},
     .otherwise = 0.0,
     .meaning = "cds: share of the notional paid per year until default or maturity"},
    {.name = "frequency",
     .member = &Hedge::frequency,
     .allowed = frequency_range,
     .otherwise = 4.0,
     .meaning = "cds: payments of the premium per year"},
    {.name = "spread",
     .member = &Hedge::spread,
     .allowed = {0, 10, "between 0 and 10"},
     .otherwise = blank,
     .meaning = "cds: what such protection costs per year, which values it: a factor, where negative 0, or a number; blank: "
                "the obligor's own default probabilities do"},
};

bool is_option(const Hedge& t) { return t.kind == call || t.kind == put; }
bool is_cds(const Hedge& t) { return t.kind == cds; }

// E max(w (S - K), 0) discounted, w = 1 or -1, of lognormal S (Black 1976): `bond` discounts K, `asset` is S discounted.
double option(double w, double asset, double bond, double deviation) {
  if (!(deviation > 0) || !(asset > 0) || !(bond > 0)) return std::max(w * (asset - bond), 0.0);
  const double d = log(asset / bond) / deviation + deviation / 2;
  return w * (asset * normal_cdf(w * d) - bond * normal_cdf(w * (d - deviation)));
}

class Hedges final : public Batch {
 public:
  Hedges(const Positions& positions, const Wiring& wiring)
      : rows_(wiring, 0), step_years_(wiring.time_years[1]), protections_(rows_) {
    value_today.assign(rows_.count, 0.0);
    gross.assign(rows_.count, 0.0);
    lines_.reserve(positions.size());
    for (std::size_t p = 0; p < positions.size(); ++p) add_line(positions, p, wiring);
    protections_.seal();
    reads = distinct(std::move(reads));
    std::sort(reads_curves.begin(), reads_curves.end());
    reads_curves.erase(std::unique(reads_curves.begin(), reads_curves.end()), reads_curves.end());
  }

  void evaluate(const Block& block, Ledger& ledger, Faults& faults) const noexcept override {
    rows_.clear(ledger);
    protections_.evaluate(block, ledger);
    for (const Line& line : lines_) {
      report(line, block, faults);
      settle(line, block, ledger);
    }
  }

 private:
  using Column = std::array<double, lanes>;
  struct Line {
    std::uint32_t row, position;
    FactorIndex currency;
    double amount;  // signed notional
    Hedge terms;
    int maturity;            // step of the settlement
    DiscountIndex discount;  // of the maturity
    double volatility;       // a number's or the factor's own
  };

  int step_of(double years) const { return static_cast<int>(std::max(1.0, std::ceil((years - 1e-9) / step_years_))); }

  static double own_volatility(const Factor& f) {
    return std::sqrt(f.volatility * f.volatility +
                     f.jump_rate * (f.jump_mean * f.jump_mean + f.jump_volatility * f.jump_volatility));
  }
  static double today(const Rate& r, const FactorModel& market) {
    return is_none(r.factor) ? r.number : market.factors[static_cast<std::size_t>(r.factor)].initial;
  }

  void add_line(const Positions& positions, std::size_t p, const Wiring& wiring) {
    const FactorModel& market = *wiring.market;
    const Hedge t = terms(positions, fields, p);
    const auto row = static_cast<std::uint32_t>(rows_.of_position(wiring, p));
    const double amount = positions.quantity[p] * t.notional, years = wiring.time_years.back();
    const FactorIndex currency = positions.currency[p];
    double worth = 0, largest = 1;
    if (is_cds(t)) {
      worth = protections_.add(row, amount,
                               {positions.obligor[p], currency, t.maturity_years, t.premium, t.frequency, t.curve, t.spread},
                               wiring);
      reads_defaults = true;
      largest += t.premium * t.maturity_years;
    } else {
      const DiscountIndex discount = wiring.discount(t.curve, FactorIndex{none}, t.maturity_years);
      const double bond = exp(-zero_rate_today(market, t.curve, t.maturity_years) * t.maturity_years);
      const double price = exchange_today(market, t.factor) * exp(-t.carry * t.maturity_years);
      const double own =
          t.volatility.blank ? own_volatility(market.factors[static_cast<std::size_t>(t.factor)]) : t.volatility.number;
      const double volatility = t.volatility.blank ? own : today(t.volatility, market);
      worth = worth_of(t, price, t.strike * bond, std::max(volatility, 0.0) * std::sqrt(t.maturity_years));
      largest = (exchange_bound(market, t.factor, years) * exp(std::max(-t.carry, 0.0) * t.maturity_years)) +
                std::abs(t.strike) * std::max(1.0, 2 * bond);
      lines_.push_back({row, static_cast<std::uint32_t>(p), currency, amount, t, step_of(t.maturity_years), discount, own});
    }
    value_today[row] += amount * worth * exchange_today(market, currency);
    gross[row] += std::abs(amount) * largest * exchange_bound(market, currency, years);
    for (const FactorIndex f : {currency, t.factor, t.volatility.factor, t.spread.factor}) reads.push_back(f);
    reads_curves.push_back(t.curve);
  }
  static double worth_of(const Hedge& t, double asset, double bond, double deviation) {
    return t.kind == forward ? asset - bond : option(t.kind == call ? 1 : -1, asset, bond, deviation);
  }

  void report(const Line& line, const Block& block, Faults& faults) const noexcept {
    if (!is_option(line.terms)) return;
    Priced good;
    for (const int step : rows_.valued) good.look(block.factors(line.terms.factor, std::min(step, line.maturity)));
    good.report(rows_.row(line.row), line.position, block, faults);
  }

  void settle(const Line& line, const Block& block, Ledger& ledger) const noexcept {
    const Hedge& t = line.terms;
    alignas(64) Column asset, bond, worth;
    for (std::size_t v = 0; v < rows_.valued.size(); ++v) {
      const int at = static_cast<int>(v), step = std::min(rows_.valued[v], line.maturity);
      const bool settled = rows_.valued[v] >= line.maturity;
      const double years = settled ? 0 : t.maturity_years - step_years_ * step, carried = exp(-t.carry * years);
      const double *price = block.factors(t.factor, step).data(), *fx = exchange(block, line.currency, step);
      const double* discount =
          settled ? exchange(block, FactorIndex{none}, step) : block.discounts(line.discount, at).data();
      for (std::size_t k = 0; k < lanes; ++k) asset[k] = price[k] * carried, bond[k] = t.strike * discount[k];
      if (t.kind == forward)
        for (std::size_t k = 0; k < lanes; ++k) worth[k] = asset[k] - bond[k];
      else
        expect(line, block, step, std::sqrt(years), asset, bond, worth);
      const Lanes to = settled ? ledger.cash(rows_.row(line.row), at) : ledger.value(rows_.row(line.row), at);
      for (std::size_t k = 0; k < lanes; ++k) to[k] += line.amount * worth[k] * fx[k];
    }
  }
  static void expect(const Line& line, const Block& block, int step, double root, const Column& asset, const Column& bond,
                     Column& worth) noexcept {
    const Hedge& t = line.terms;
    const double w = t.kind == call ? 1 : -1;
    const double* volatility = is_none(t.volatility.factor) ? nullptr : block.factors(t.volatility.factor, step).data();
    alignas(64) Column first, second, deviation;
    for (std::size_t k = 0; k < lanes; ++k) {
      deviation[k] = root * (volatility == nullptr ? line.volatility : std::max(volatility[k], 0.0));
      first[k] = asset[k] / bond[k];
    }
    log(first, first);
    constexpr double certain = 40;  // standard deviations
    for (std::size_t k = 0; k < lanes; ++k) {
      const double d = deviation[k] > 0 ? first[k] / deviation[k] + deviation[k] / 2 : first[k] * 1e300;
      first[k] = w * std::clamp(d, -certain, certain);
      second[k] = w * std::clamp(d - deviation[k], -certain, certain);
    }
    normal_cdf(first, first);
    normal_cdf(second, second);
    for (std::size_t k = 0; k < lanes; ++k) worth[k] = w * (asset[k] * first[k] - bond[k] * second[k]);
  }

  RowSet rows_;
  double step_years_;
  std::vector<Line> lines_;  // all but a cds
  Protections protections_;
};

std::optional<Complaint> check(const Positions& positions, std::size_t position) {
  const Hedge t = terms(positions, fields, position);
  const bool named = !is_none(positions.obligor[position]);
  if (is_cds(t)) {
    if (!named) return Complaint{"obligor", "blank; a cds protects against the default of one"};
    if (!is_none(t.factor)) return Complaint{"factor", "a cds has none"};
    if (t.strike == t.strike) return Complaint{"strike", "a cds has none"};
    return check_frequency(t.frequency);
  }
  if (named) return Complaint{"obligor", "only a cds has one"};
  if (is_none(t.factor)) return Complaint{"factor", "blank; all but a cds need one"};
  if (t.strike != t.strike) return Complaint{"strike", "blank; all but a cds need one"};
  if (is_option(t) && !(t.strike > 0)) return Complaint{"strike", "not positive, as an option's must be"};
  if (t.premium > 0) return Complaint{"premium", "only a cds pays one"};
  return {};
}

std::optional<Complaint> check_factors(const Positions& positions, std::size_t position,
                                       const std::vector<Factor>& factors) {
  const Hedge t = terms(positions, fields, position);
  if (!is_option(t) || is_none(t.factor)) return {};
  const Process process = factors[static_cast<std::size_t>(t.factor)].process;
  if (process != Process::lognormal && process != Process::log_ou)
    return Complaint{"factor", "an option needs a lognormal or log_ou factor"};
  if (t.volatility.blank && process != Process::lognormal)
    return Complaint{"volatility", "blank; only a lognormal factor has one of its own"};
  return {};
}

std::unique_ptr<Batch> compile(const Positions& positions, const Wiring& wiring) {
  return std::make_unique<Hedges>(positions, wiring);
}

}  // namespace

extern const Instrument hedge;
const Instrument hedge{.name = "hedge",
                       .columns = columns(fields),
                       .obligor = Instrument::Credit::optional,
                       .reads_market_at_default = true,
                       .check = check,
                       .check_factors = check_factors,
                       .compile = compile};

}  // namespace tailcube
