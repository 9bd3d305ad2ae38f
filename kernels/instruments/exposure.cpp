// An amount at risk: worth its EAD until the obligor defaults, EAD (1 - LGD) after; no cash, no interest.
#include <cmath>

#include "kernels/instruments/rows.h"

namespace tailcube {
namespace {

struct Exposure {
  double ead;
};
constexpr Field<Exposure> fields[] = {
    {.name = "ead",
     .member = &Exposure::ead,
     .allowed = not_negative,
     .meaning = "exposure at default, in the position's currency: its value until default, ead x (1 - LGD) after"},
};
enum : std::size_t { defaults, defaulted_exposure, gauge_count };

class Exposures final : public Batch {
 public:
  Exposures(const Positions& positions, const Wiring& wiring)
      : rows_(wiring, gauge_count), by_obligor_(positions.obligor, wiring.obligor_count) {
    value_today.assign(rows_.count, 0.0);
    gross.assign(rows_.count, 0.0);
    for (std::size_t p = 0; p < positions.size(); ++p) {
      const double amount = positions.quantity[p] * terms(positions, fields, p).ead;
      const FactorIndex currency = positions.currency[p];
      lines_.push_back({static_cast<std::uint32_t>(rows_.of_position(wiring, p)), FactorIndex{none}, currency, amount});
      gross[lines_.back().row] += std::abs(amount) * exchange_bound(*wiring.market, currency, wiring.time_years.back());
    }
    performing_ = lines_;
    merge(performing_);
    add_today(performing_, *wiring.market, value_today);
    reads = distinct(positions.currency);
    reads_defaults = true;
  }

  void evaluate(const Block& block, Ledger& ledger, Faults&) const noexcept override {
    rows_.clear(ledger);
    add_values(performing_, rows_, block, ledger);
    for (const Default& d : block.defaults)
      for (const std::uint32_t p : by_obligor_[d.obligor]) write_down(lines_[p], d, block, ledger);
  }

 private:
  void write_down(const Term& line, const Default& d, const Block& block, Ledger& ledger) const {
    for (std::size_t v = 0; v < rows_.valued.size(); ++v) {
      if (rows_.valued[v] < d.step) continue;
      const int step = static_cast<int>(v);
      const double exposed = line.amount * exchange(block, line.currency, rows_.valued[v])[d.lane];
      const double lost = exposed * d.loss_given_default;
      ledger.value(rows_.row(line.row), step)[d.lane] -= lost;
      ledger.credit_loss(rows_.row(line.row), step)[d.lane] += lost;
      ledger.gauges(rows_.gauge(line.row, defaults), step)[d.lane] += 1;
      ledger.gauges(rows_.gauge(line.row, defaulted_exposure), step)[d.lane] += exposed;
    }
  }

  RowSet rows_;
  ByObligor by_obligor_;
  std::vector<Term> lines_, performing_;  // per position; merged
};

std::unique_ptr<Batch> compile(const Positions& positions, const Wiring& wiring) {
  return std::make_unique<Exposures>(positions, wiring);
}

}  // namespace

extern const Instrument exposure;
const Instrument exposure{.name = "exposure",
                          .columns = columns(fields),
                          .gauges = {{"defaults", "1"}, {"defaulted_exposure", "money"}},
                          .obligor = Instrument::Credit::required,
                          .compile = compile};

}  // namespace tailcube
