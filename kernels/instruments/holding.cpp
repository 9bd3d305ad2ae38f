// A quantity of something with a market price: tokens, fund units, an index, cash in another currency.
#include <cmath>

#include "kernels/instruments/rows.h"

namespace tailcube {
namespace {

struct Holding {
  FactorIndex factor;
};
constexpr Field<Holding> fields[] = {
    {.name = "factor",
     .member = &Holding::factor,
     .meaning = "factor that is the price of one unit, in the position's currency: value = quantity x factor",
     .or_published = true},
};

class Holdings final : public Batch {
 public:
  Holdings(const Positions& positions, const Wiring& wiring) : rows_(wiring, 0) {
    const FactorModel& market = *wiring.market;
    const double horizon = wiring.time_years.back();
    value_today.assign(rows_.count, 0.0);
    gross.assign(rows_.count, 0.0);
    std::vector<FactorIndex> used = positions.currency;
    for (std::size_t p = 0; p < positions.size(); ++p) {
      const FactorIndex factor = terms(positions, fields, p).factor, currency = positions.currency[p];
      const auto row = static_cast<std::uint32_t>(rows_.of_position(wiring, p));
      terms_.push_back({row, factor, currency, positions.quantity[p]});
      gross[row] += std::abs(positions.quantity[p]) * exchange_bound(market, factor, horizon) *
                    exchange_bound(market, currency, horizon);
      used.push_back(factor);
    }
    merge(terms_);
    add_today(terms_, market, value_today);
    reads = distinct(std::move(used));
  }

  void evaluate(const Block& block, Ledger& ledger, Faults&) const noexcept override {
    rows_.clear(ledger);
    add_values(terms_, rows_, block, ledger);
  }

 private:
  RowSet rows_;
  std::vector<Term> terms_;
};

std::unique_ptr<Batch> compile(const Positions& positions, const Wiring& wiring) {
  return std::make_unique<Holdings>(positions, wiring);
}

}  // namespace

extern const Instrument holding;
const Instrument holding{.name = "holding", .columns = columns(fields), .compile = compile};

}  // namespace tailcube
