// A coin that is worth par until it loses its peg, by a jump or by a run on its reserve.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/instruments/priced_units.h"
#include "kernels/math/functions.h"
#include "kernels/publishing.h"
#include "kernels/random/gamma.h"

namespace tailcube {
namespace {

struct Stablecoin {
  double tokens, depeg_rate, price_beta_a, price_beta_b, return_years;
  PoolIndex reserve;
  double coverage, run_below, run_share, liquid_share, sale_cost;
};
constexpr double blank = std::numeric_limits<double>::quiet_NaN();
constexpr Range beta_shape{0.01, 1e5, "between 0.01 and 100000"};
constexpr Field<Stablecoin> fields[] = {
    {.name = "tokens", .member = &Stablecoin::tokens, .allowed = not_negative, .meaning = "coins held"},
    {.name = "depeg_rate",
     .member = &Stablecoin::depeg_rate,
     .allowed = {0, 100, "between 0 and 100"},
     .meaning = "rate at which it loses its peg, per year"},
    {.name = "price_beta_a",
     .member = &Stablecoin::price_beta_a,
     .allowed = beta_shape,
     .meaning = "its price without the peg is Beta(price_beta_a, price_beta_b), whose mean is a / (a + b)"},
    {.name = "price_beta_b", .member = &Stablecoin::price_beta_b, .allowed = beta_shape, .meaning = "see price_beta_a"},
    {.name = "return_years",
     .member = &Stablecoin::return_years,
     .allowed = {0, 100, "between 0 and 100"},
     .otherwise = blank,
     .meaning =
         "mean time from the loss of the peg to its return for good, exponentially distributed; blank: it stays lost"},
    {.name = "reserve",
     .member = &Stablecoin::reserve,
     .otherwise = 0.0,
     .meaning = "node that holds what the issuer keeps against its coins, without total/; blank: nobody looks at it"},
    {.name = "coverage",
     .member = &Stablecoin::coverage,
     .allowed = {1e-6, 1000, "positive and at most 1000"},
     .otherwise = 1.0,
     .meaning = "value of the reserve over the coins outstanding at par, today"},
    {.name = "run_below",
     .member = &Stablecoin::run_below,
     .allowed = {0, 1000, "between 0 and 1000"},
     .otherwise = 1.0,
     .meaning = "coverage below which holders run: from that step on a coin is worth no more than the reserve has for it"},
    {.name = "run_share",
     .member = &Stablecoin::run_share,
     .allowed = {0, 0.999, "between 0 and 0.999"},
     .otherwise = 0.0,
     .meaning = "share of the coins outstanding that is redeemed at par in the run, this position's not among them"},
    {.name = "liquid_share",
     .member = &Stablecoin::liquid_share,
     .allowed = fraction,
     .otherwise = 1.0,
     .meaning = "share of the reserve that is paid out at its value; what is needed beyond it is sold"},
    {.name = "sale_cost",
     .member = &Stablecoin::sale_cost,
     .allowed = {0, 0.999, "between 0 and 0.999"},
     .otherwise = 0.0,
     .meaning = "share of its value that what is sold in the run loses"},
};

// What the reserve has for a coin that is still there, in each scenario; 1 at most, and until there is a run.
class Reserve {
 public:
  Reserve(const Stablecoin& s, double today) : s_(s) { backing.fill(1), units_.fill(s.coverage / today); }
  void look(ConstLanes worth) noexcept {
    for (std::size_t k = 0; k < lanes; ++k) {
      double covered = units_[k] * std::max(worth[k], 0.0);
      if (!ran_[k] && covered < s_.run_below) {
        const double liquid = s_.liquid_share * covered, beyond = std::max(s_.run_share - liquid, 0.0);
        const double left = covered - std::min(s_.run_share, liquid) - beyond / (1 - s_.sale_cost);
        const double kept = std::max(left, 0.0) / (1 - s_.run_share);
        units_[k] = covered > 0 ? units_[k] * (kept / covered) : 0;
        covered = kept, ran_[k] = true;
      }
      backing[k] = ran_[k] || !(covered == covered) ? std::min(covered, 1.0) : 1;
    }
  }
  std::array<double, lanes> backing;

 private:
  const Stablecoin& s_;
  std::array<double, lanes> units_;  // of the reserve's value, for each coin
  std::array<bool, lanes> ran_{};
};

class StablecoinPath final : public PricePath {
 public:
  StablecoinPath(const Stablecoin& s, const std::string& id, const Wiring& wiring)
      : s_(s),
        steps_(wiring.market->steps),
        step_years_(wiring.market->step_years),
        depeg_(stream("depeg", id)),
        price_(stream("price without peg", id)),
        rest_(stream("price without peg, rest", id)),
        return_(stream("return of the peg", id)) {
    rows[price_row] = rows[value_row] = {1, 1};
    rows[cash_row] = {0, 0};
    rows[credit_loss_row] = rows[happening_row] = {0, 1};
    if (is_none(s.reserve)) return;
    reads = {row_of(s.reserve, pool_value)};
    reserve_today_ = exchange_today(*wiring.market, reads.front());
  }

  void publish(Block& block, FactorIndex first) const noexcept override {
    std::array<double, lanes> lost, back, without;
    const auto step_of = [&](double years) { return std::max(1.0, std::ceil(years / step_years_ - 1e-9)); };
    const auto waits = [&](StreamId of, std::array<double, lanes>& out) {
      uniforms(block.seed, of, block.numbers(), 0, out);
      log(out, out);
    };
    waits(depeg_, lost);
    waits(return_, back);
    betas(block.seed, price_, rest_, block.numbers(), s_.price_beta_a, s_.price_beta_b, without);
    for (std::size_t k = 0; k < lanes; ++k) {
      const double when = -lost[k] / s_.depeg_rate;  // infinite without a rate
      back[k] = s_.return_years == s_.return_years ? step_of(when - s_.return_years * back[k])
                                                   : std::numeric_limits<double>::infinity();
      lost[k] = step_of(when);
    }
    Reserve reserve(s_, reserve_today_);
    for (int n = 0; n <= steps_; ++n) {
      const auto row = [&](PriceRow r) { return block.factors(static_cast<std::uint32_t>(first) + r, n).data(); };
      double *price = row(price_row), *value = row(value_row), *loss = row(credit_loss_row), *off_peg = row(happening_row);
      if (n > 0 && !is_none(s_.reserve)) reserve.look(block.factors(reads.front(), n));
      std::fill_n(row(cash_row), lanes, 0.0);
      for (std::size_t k = 0; k < lanes; ++k) {
        const bool off = n > 0 && n >= lost[k] && n < back[k];
        value[k] = std::min(reserve.backing[k], off ? without[k] : 1);
        price[k] = std::max(value[k], least_price);
        loss[k] = 1 - value[k];
        off_peg[k] = value[k] < 1 ? 1 : 0;
      }
    }
  }

 private:
  Stablecoin s_;
  int steps_;
  double step_years_;
  double reserve_today_ = 1;
  StreamId depeg_, price_, rest_, return_;
};

std::optional<Complaint> check(const Positions& positions, std::size_t position) {
  const Stablecoin s = terms(positions, fields, position);
  if (!is_none(s.reserve)) {
    if (s.coverage < s.run_below) return Complaint{"run_below", "above coverage: the run would have been before today"};
    return {};
  }
  for (const auto& [column, value, usual] : {std::tuple{"coverage", s.coverage, 1.0},
                                             {"run_below", s.run_below, 1.0},
                                             {"run_share", s.run_share, 0.0},
                                             {"liquid_share", s.liquid_share, 1.0},
                                             {"sale_cost", s.sale_cost, 0.0}})
    if (value != usual) return Complaint{column, "only with a reserve"};
  return {};
}

std::unique_ptr<Batch> compile(const Positions& positions, const Wiring& wiring) {
  std::vector<double> units;
  units.reserve(positions.size());
  for (std::size_t p = 0; p < positions.size(); ++p)
    units.push_back(positions.quantity[p] * terms(positions, fields, p).tokens);
  return priced_units(positions, wiring, units);
}

std::unique_ptr<PricePath> publish(const Positions& positions, std::size_t position, const Wiring& wiring) {
  return std::make_unique<StablecoinPath>(terms(positions, fields, position), positions.id[position], wiring);
}

}  // namespace

extern const Instrument stablecoin;
const Instrument stablecoin{.name = "stablecoin",
                            .columns = columns(fields),
                            .gauges = {{"depegged", "money"}},
                            .foreign_currency = false,
                            .check = check,
                            .compile = compile,
                            .publish = publish};

}  // namespace tailcube
