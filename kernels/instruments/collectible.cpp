// Art, wine, cars, cards: appraised, moving with an index and by themselves, sold once a buyer is found.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/instruments/asset_moves.h"
#include "kernels/math/functions.h"

namespace tailcube {
namespace {

struct Collectible {
  double appraisal, appraisal_sd;
  FactorIndex index_factor;
  double beta, idiosyncratic_volatility, offered_years, sale_delay_years, sale_cost;
};
constexpr double blank = std::numeric_limits<double>::quiet_NaN();
constexpr Field<Collectible> fields[] = {
    {.name = "appraisal",
     .member = &Collectible::appraisal,
     .allowed = not_negative,
     .meaning = "appraised value today, in the position's currency"},
    {.name = "appraisal_sd",
     .member = &Collectible::appraisal_sd,
     .allowed = {0, 3, "between 0 and 3"},
     .otherwise = 0.0,
     .meaning = "standard deviation of the logarithm of what it is worth, given its appraisal"},
    {.name = "index_factor",
     .member = &Collectible::index_factor,
     .allowed = positive,
     .meaning = "price index of things like it, in the position's currency"},
    {.name = "beta",
     .member = &Collectible::beta,
     .allowed = {0, 5, "between 0 and 5"},
     .otherwise = 1.0,
     .meaning = "elasticity of its value to the index"},
    {.name = "idiosyncratic_volatility",
     .member = &Collectible::idiosyncratic_volatility,
     .allowed = {0, 5, "between 0 and 5"},
     .otherwise = 0.0,
     .meaning = "volatility of its value beside the index, per square root of a year"},
    {.name = "offered_years",
     .member = &Collectible::offered_years,
     .allowed = {0, 100, "between 0 and 100"},
     .otherwise = blank,
     .meaning = "years until it is offered for sale; blank: it is kept"},
    {.name = "sale_delay_years",
     .member = &Collectible::sale_delay_years,
     .allowed = {0, 100, "between 0 and 100"},
     .otherwise = 0.0,
     .meaning = "mean time from the offer to the sale, exponentially distributed"},
    {.name = "sale_cost",
     .member = &Collectible::sale_cost,
     .allowed = fraction,
     .otherwise = 0.0,
     .meaning = "share of the proceeds of the sale"},
};

class Collectibles final : public Batch {
 public:
  Collectibles(const Positions& positions, const Wiring& wiring)
      : rows_(wiring, 0), moves_(wiring), last_(wiring.valued.back()), step_years_(wiring.time_years[1]) {
    value_today.assign(rows_.count, 0.0);
    gross.assign(rows_.count, 0.0);
    lines_.reserve(positions.size());
    for (std::size_t p = 0; p < positions.size(); ++p) {
      const Collectible c = terms(positions, fields, p);
      const auto row = static_cast<std::uint32_t>(rows_.of_position(wiring, p));
      const FactorIndex currency = positions.currency[p];
      const double amount = positions.quantity[p] * c.appraisal;
      const double largest =
          moves_.add({c.index_factor, c.beta, c.idiosyncratic_volatility, c.appraisal_sd}, positions.id[p], *wiring.market);
      lines_.push_back({row, currency, amount, c.offered_years, c.sale_delay_years, 1 - c.sale_cost,
                        stream("wait for a buyer", positions.id[p])});
      value_today[row] += amount * exchange_today(*wiring.market, currency);
      gross[row] += std::abs(amount) * largest * exchange_bound(*wiring.market, currency, wiring.time_years.back());
      reads.push_back(currency);
    }
    for (const FactorIndex f : moves_.reads()) reads.push_back(f);
    reads = distinct(std::move(reads));
    bytes_per_thread = scratch() * sizeof(double);
  }

  void evaluate(const Block& block, Ledger& ledger, Faults& faults) const noexcept override {
    rows_.clear(ledger);
    ledger.scratch.resize(scratch());
    double* const memory = ledger.scratch.data();
    moves_.look(block, memory);
    for (std::size_t p = 0; p < lines_.size(); ++p) {
      moves_.priced(p, memory).report(rows_.row(lines_[p].row), static_cast<std::uint32_t>(p), block, faults);
      add(lines_[p], moves_.logs(p, block, memory), memory + moves_.scratch(), block, ledger);
    }
  }

 private:
  struct Line {
    std::uint32_t row;
    FactorIndex currency;
    double amount;  // signed, money of its currency
    double offered_years, delay_years, kept;
    StreamId wait;
  };
  std::size_t scratch() const { return moves_.scratch() + std::size_t{3} * lanes; }

  // The step of the sale, in each lane; beyond the last if it is not sold.
  void find_sales(const Line& line, const Block& block, double* sale) const noexcept {
    std::fill_n(sale, lanes, std::numeric_limits<double>::infinity());
    if (!(line.offered_years == line.offered_years)) return;
    std::fill_n(sale, lanes, line.offered_years);
    if (line.delay_years > 0) {
      uniforms(block.seed, line.wait, block.numbers(), 0, Lanes(sale, lanes));
      log(ConstLanes(sale, lanes), Lanes(sale, lanes));
      for (std::size_t k = 0; k < lanes; ++k) sale[k] = line.offered_years - line.delay_years * sale[k];
    }
    for (std::size_t k = 0; k < lanes; ++k) sale[k] = std::max(1.0, std::ceil((sale[k] - 1e-9) / step_years_));
  }

  void add(const Line& line, const double* logs, double* sale, const Block& block, Ledger& ledger) const noexcept {
    double *const worth = sale + lanes, *const proceeds = worth + lanes;
    find_sales(line, block, sale);
    std::fill_n(proceeds, lanes, 0.0);
    for (int n = 1, v = 0; n <= last_; ++n, logs += lanes) {
      const auto step = static_cast<double>(n);
      const bool valued = rows_.valued[static_cast<std::size_t>(v)] == n;
      if (!valued && std::none_of(sale, sale + lanes, [&](double s) { return s == step; })) continue;
      exp(ConstLanes(logs, lanes), Lanes(worth, lanes));
      const double* fx = exchange(block, line.currency, n);
      for (std::size_t k = 0; k < lanes; ++k) {
        worth[k] *= line.amount * fx[k];
        proceeds[k] = sale[k] == step ? line.kept * worth[k] : proceeds[k];
      }
      if (!valued) continue;
      double *value = ledger.value(rows_.row(line.row), v).data(), *cash = ledger.cash(rows_.row(line.row), v).data();
      for (std::size_t k = 0; k < lanes; ++k) {
        value[k] += sale[k] <= step ? 0 : worth[k];
        cash[k] += proceeds[k];
      }
      ++v;
    }
  }

  RowSet rows_;
  AssetMoves moves_;
  std::vector<Line> lines_;
  int last_;
  double step_years_;
};

std::optional<Complaint> check(const Positions& positions, std::size_t position) {
  const Collectible c = terms(positions, fields, position);
  if (c.offered_years == c.offered_years || (c.sale_delay_years == 0 && c.sale_cost == 0)) return {};
  return Complaint{"offered_years", "blank; a sale's cost or delay needs the time when it is offered"};
}

std::optional<Complaint> warn(const Positions& positions, std::size_t position) {
  const Collectible c = terms(positions, fields, position);
  if (c.appraisal_sd > 0 || c.idiosyncratic_volatility > 0) return {};
  return Complaint{"idiosyncratic_volatility", "nothing about it is its own: it moves as its index does"};
}

std::unique_ptr<Batch> compile(const Positions& positions, const Wiring& wiring) {
  return std::make_unique<Collectibles>(positions, wiring);
}

}  // namespace

extern const Instrument collectible;
const Instrument collectible{
    .name = "collectible", .columns = columns(fields), .check = check, .warn = warn, .compile = compile};

}  // namespace tailcube
