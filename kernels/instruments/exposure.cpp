// An amount at risk: worth its EAD until the obligor defaults, EAD (1 - LGD) after; no cash, no interest.
#include <algorithm>
#include <cmath>
#include <tuple>

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
      performing_.push_back({static_cast<std::uint32_t>(rows_.of_position(wiring, p)), FactorIndex{none}, currency, amount});
      const Term& term = performing_.back();
      gross[term.row] += std::abs(amount) * exchange_bound(*wiring.market, currency, wiring.time_years.back());
    }
    const std::vector<Term> each = performing_;
    merge(performing_);
    for (const Term& t : each) {
      const auto key = [](const Term& term) { return std::tie(term.row, term.currency); };
      const auto at = std::lower_bound(performing_.begin(), performing_.end(), t,
                                       [&](const Term& a, const Term& b) { return key(a) < key(b); });
      lines_.push_back({t.amount, static_cast<std::size_t>(at - performing_.begin())});
    }
    // The first valued step that sees a default of step n; those after the last valued step are seen by nobody.
    for (std::size_t n = 0, v = 0; n < wiring.time_years.size(); ++n) {
      while (v < rows_.valued.size() && rows_.valued[v] < static_cast<int>(n)) ++v;
      seen_from_.push_back(v);
    }
    add_today(performing_, *wiring.market, value_today);
    reads = distinct(positions.currency);
    reads_defaults = true;
    bytes_per_thread = sums() * sizeof(double);
  }

  void evaluate(const Block& block, Ledger& ledger, Faults&) const noexcept override {
    rows_.clear(ledger);
    ledger.scratch.assign(sums(), 0.0);
    double* const sum = ledger.scratch.data();
    const std::size_t valued = rows_.valued.size();
    for (const Default& d : block.defaults) {
      const std::size_t from = seen_from_[d.step];
      for (const std::uint32_t p : by_obligor_[d.obligor]) {
        const Line& line = lines_[p];
        double* const to = sum + ((line.term * (valued + 1) + from) * lanes + d.lane) * width;
        to[0] += line.amount;
        to[1] += line.amount * d.loss_given_default;
        to[2] += 1;
      }
    }
    for (std::size_t t = 0; t < performing_.size(); ++t)
      post(performing_[t], sum + t * (valued + 1) * lanes * width, block, ledger);
  }

 private:
  struct Line {
    double amount;
    std::size_t term;  // among performing_
  };
  // What defaults between one valued step and the next, in the line's currency: [term][valued step, or never seen][lane]
  // {exposed, lost, count}.
  static constexpr std::size_t width = 3;
  std::size_t sums() const { return performing_.size() * (rows_.valued.size() + 1) * lanes * width; }

  void post(const Term& term, double* sum, const Block& block, Ledger& ledger) const {
    for (std::size_t v = 0; v < rows_.valued.size(); ++v, sum += lanes * width) {
      const int step = static_cast<int>(v);
      const double* fx = exchange(block, term.currency, rows_.valued[v]);
      double* value = ledger.value(rows_.row(term.row), step).data();
      double* credit = ledger.credit_loss(rows_.row(term.row), step).data();
      double* gone = ledger.gauges(rows_.gauge(term.row, defaults), step).data();
      double* exposed = ledger.gauges(rows_.gauge(term.row, defaulted_exposure), step).data();
      for (std::size_t k = 0; k < lanes; ++k) {
        const double* s = sum + k * width;
        exposed[k] += s[0] * fx[k];
        value[k] += (term.amount - s[1]) * fx[k];
        credit[k] += s[1] * fx[k];
        gone[k] += s[2];
      }
      for (std::size_t i = 0; i < lanes * width; ++i) sum[lanes * width + i] += sum[i];  // gone now, gone from now on
    }
  }

  RowSet rows_;
  ByObligor by_obligor_;
  std::vector<Line> lines_;             // per position
  std::vector<Term> performing_;        // merged
  std::vector<std::size_t> seen_from_;  // [step]
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
