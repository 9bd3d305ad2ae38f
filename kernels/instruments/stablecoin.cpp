// A coin that is worth par until it loses its peg.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/instruments/priced_units.h"
#include "kernels/math/functions.h"
#include "kernels/random/gamma.h"

namespace tailcube {
namespace {

struct Stablecoin {
  double tokens, depeg_rate, price_beta_a, price_beta_b, return_years;
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
    rows[credit_loss_row] = {0, 1};
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
    for (int n = 0; n <= steps_; ++n) {
      const auto row = [&](PriceRow r) { return block.factors(static_cast<std::uint32_t>(first) + r, n).data(); };
      double *price = row(price_row), *value = row(value_row), *loss = row(credit_loss_row);
      std::fill_n(row(cash_row), lanes, 0.0);
      for (std::size_t k = 0; k < lanes; ++k) {
        const bool off = n > 0 && n >= lost[k] && n < back[k];
        value[k] = off ? without[k] : 1;
        price[k] = std::max(value[k], least_price);
        loss[k] = 1 - value[k];
      }
    }
  }

 private:
  Stablecoin s_;
  int steps_;
  double step_years_;
  StreamId depeg_, price_, rest_, return_;
};

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
const Instrument stablecoin{
    .name = "stablecoin", .columns = columns(fields), .foreign_currency = false, .compile = compile, .publish = publish};

}  // namespace tailcube
