// Money on an account, also in another currency, at a rate or at none.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <tuple>

#include "kernels/instruments/rows.h"
#include "kernels/math/functions.h"

namespace tailcube {
namespace {

struct Cash {
  double amount;
  Rate rate;
};
constexpr Field<Cash> fields[] = {
    {.name = "amount", .member = &Cash::amount, .meaning = "today, in the position's currency; negative: an overdraft"},
    {.name = "rate",
     .member = &Cash::rate,
     .allowed = {-1, 10, "between -1 and 10"},
     .otherwise = std::numeric_limits<double>::quiet_NaN(),
     .meaning =
         "interest added to it, per year, continuous: a number, or a factor that fixes it at the beginning of each step; "
         "blank: none"},
};

class Accounts final : public Batch {
 public:
  Accounts(const Positions& positions, const Wiring& wiring) : rows_(wiring, 0), step_years_(wiring.time_years[1]) {
    const FactorModel& market = *wiring.market;
    value_today.assign(rows_.count, 0.0);
    gross.assign(rows_.count, 0.0);
    lines_.reserve(positions.size());
    for (std::size_t p = 0; p < positions.size(); ++p) {
      const Cash t = terms(positions, fields, p);
      const auto row = static_cast<std::uint32_t>(rows_.of_position(wiring, p));
      const double amount = positions.quantity[p] * t.amount, years = wiring.time_years.back();
      const double rate = !is_none(t.rate.factor) ? bounds(market, t.rate.factor, years).upper
                          : t.rate.blank          ? 0
                                                  : t.rate.number;
      value_today[row] += amount * exchange_today(market, positions.currency[p]);
      gross[row] += std::abs(amount) * exp(std::clamp(rate * years, 0.0, 600.0)) *
                    exchange_bound(market, positions.currency[p], years);
      lines_.push_back({row, positions.currency[p], t.rate.factor, amount, t.rate.blank ? 0 : t.rate.number});
      reads.push_back(positions.currency[p]);
      reads.push_back(t.rate.factor);
    }
    merge(lines_, [](const Line& l) { return std::tie(l.row, l.currency, l.rate, l.number); });
    reads = distinct(std::move(reads));
  }

  void evaluate(const Block& block, Ledger& ledger, Faults&) const noexcept override {
    rows_.clear(ledger);
    for (const Line& line : lines_) add(line, block, ledger);
  }

 private:
  struct Line {
    std::uint32_t row;
    FactorIndex currency, rate;
    double amount;  // signed
    double number;  // the rate where it is no factor
  };

  void add(const Line& line, const Block& block, Ledger& ledger) const noexcept {
    alignas(64) std::array<double, lanes> interest{}, grown;
    grown.fill(1);
    for (int n = 0, v = 0; v < static_cast<int>(rows_.valued.size()); ++n) {
      if (n == rows_.valued[static_cast<std::size_t>(v)]) {
        if (!is_none(line.rate))
          exp(interest, grown);
        else
          grown.fill(exp(line.number * step_years_ * n));
        const Lanes value = ledger.value(rows_.row(line.row), v++);
        const double* fx = exchange(block, line.currency, n);
        for (std::size_t k = 0; k < lanes; ++k) value[k] += line.amount * grown[k] * fx[k];
      }
      if (is_none(line.rate)) continue;
      const double* rate = block.factors(line.rate, n).data();
      for (std::size_t k = 0; k < lanes; ++k) interest[k] += step_years_ * rate[k];
    }
  }

  RowSet rows_;
  double step_years_;
  std::vector<Line> lines_;
};

std::unique_ptr<Batch> compile(const Positions& positions, const Wiring& wiring) {
  return std::make_unique<Accounts>(positions, wiring);
}

}  // namespace

extern const Instrument cash;
const Instrument cash{.name = "cash", .columns = columns(fields), .compile = compile};

}  // namespace tailcube
