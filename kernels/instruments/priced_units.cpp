#include "kernels/instruments/priced_units.h"

#include <algorithm>
#include <cmath>

namespace tailcube {
namespace {

FactorIndex row_of(FactorIndex first, PriceRow row) { return FactorIndex{static_cast<std::uint32_t>(first) + row}; }

class PricedUnits final : public Batch {
 public:
  PricedUnits(const Positions& positions, const Wiring& wiring, const std::vector<double>& units, std::vector<double> kept)
      : rows_(wiring, 1), kept_(std::move(kept)) {
    const bool published = wiring.published_values && !kept_.empty();
    if (!published) kept_.clear();
    const FactorModel& market = *wiring.market;
    const double years = wiring.time_years.back();
    value_today.assign(rows_.count, 0.0);
    gross.assign(rows_.count, 0.0);
    lines_.reserve(positions.size());
    for (std::size_t p = 0; p < positions.size(); ++p) {
      const FactorIndex first = positions.published[p];
      const auto row = static_cast<std::uint32_t>(rows_.of_position(wiring, p));
      lines_.push_back({row, first, units[p]});
      value_today[row] += units[p] * exchange_today(market, row_of(first, value_row));
      gross[row] += std::abs(units[p]) * (exchange_bound(market, row_of(first, value_row), years) +
                                          exchange_bound(market, row_of(first, cash_row), years));
      if (published) {
        published_today.resize(rows_.count, 0.0);
        published_today[row] += units[p] * exchange_today(market, row_of(first, price_row));
        gross[row] += std::abs(units[p]) * exchange_bound(market, row_of(first, price_row), years);
        reads.push_back(row_of(first, price_row));
      }
      for (const PriceRow read : {value_row, cash_row, credit_loss_row, happening_row}) reads.push_back(row_of(first, read));
    }
    reads = distinct(std::move(reads));
  }

  void evaluate(const Block& block, Ledger& ledger, Faults&) const noexcept override {
    rows_.clear(ledger);
    const bool published = !kept_.empty() && ledger.published_value.series() > 0;
    for (std::size_t p = 0; p < lines_.size(); ++p)
      for (std::size_t v = 0; v < rows_.valued.size(); ++v) {
        const Line& line = lines_[p];
        const auto add = [&](PriceRow from, Lanes to, double units) {
          const double* each = block.factors(row_of(line.first, from), rows_.valued[v]).data();
          double* sum = to.data();
          for (std::size_t k = 0; k < lanes; ++k) sum[k] += units * each[k];
        };
        const RowIndex row = rows_.row(line.row);
        const int at = static_cast<int>(v);
        add(value_row, ledger.value(row, at), line.units);
        add(cash_row, ledger.cash(row, at), line.units);
        add(credit_loss_row, ledger.credit_loss(row, at), line.units);
        add(happening_row, ledger.gauges(rows_.gauge(line.row, 0), at), std::abs(line.units));
        if (published) add(price_row, ledger.published_value(row, at), line.units * kept_[p * rows_.valued.size() + v]);
      }
  }

 private:
  struct Line {
    std::uint32_t row;
    FactorIndex first;
    double units;
  };
  RowSet rows_;
  std::vector<Line> lines_;
  std::vector<double> kept_;
};

}  // namespace

double redemption_step(double redeem_years, double step_years) {
  return redeem_years == redeem_years ? std::max(1.0, std::ceil(redeem_years / step_years - date_rounding)) : redeem_years;
}

std::unique_ptr<Batch> priced_units(const Positions& positions, const Wiring& wiring, const std::vector<double>& units,
                                    std::vector<double> kept) {
  return std::make_unique<PricedUnits>(positions, wiring, units, std::move(kept));
}

}  // namespace tailcube
