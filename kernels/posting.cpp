#include "kernels/posting.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace tailcube {
namespace {

constexpr double limit = 0x1p51;

// Round half to even by adding and taking away 1.5 2^52; valid below 2^51, which the caller has checked.
Units round_to_units(double units) {
  constexpr double shifter = 0x1.8p52;
  return std::bit_cast<std::int64_t>(units + shifter) - std::bit_cast<std::int64_t>(shifter);
}

bool in_range(const double* money, double scale, std::size_t count) {
  bool good = true;
  for (std::size_t lane = 0; lane < count; ++lane) good &= std::fabs(money[lane] * scale) < limit;
  return good;
}

// False if a scenario (one of the first `count` lanes) is not finite or too large; then nothing is added.
bool add_rounded(const double* money, double scale, std::size_t count, Units sign, Units constant, Units* to) {
  const std::size_t good = in_range(money, scale, lanes) ? lanes : in_range(money, scale, count) ? count : 0;
  for (std::size_t lane = 0; lane < good; ++lane) to[lane] += constant + sign * round_to_units(money[lane] * scale);
  return good != 0;
}

// The scenarios of one row that have no value, and why.
class RowFaults {
 public:
  RowFaults(std::size_t row, std::size_t count) : row_(static_cast<std::uint32_t>(row)), count_(count) {}
  void look(const double* money, double scale, double bound = limit) {
    for (std::size_t lane = 0; lane < count_; ++lane) {
      if (!std::isfinite(money[lane]))
        not_finite_ |= std::uint64_t{1} << lane;
      else if (!(std::fabs(money[lane] * scale) < bound))
        too_large_ |= std::uint64_t{1} << lane;
    }
  }
  void report(Faults& faults) const {
    for (std::uint64_t bad = not_finite_ | too_large_; bad != 0 && faults.size() < faults.capacity(); bad &= bad - 1) {
      const auto lane = static_cast<std::uint16_t>(std::countr_zero(bad));
      const Reason reason = (not_finite_ >> lane & 1) != 0 ? Reason::not_finite : Reason::out_of_domain;
      faults.push_back({RowIndex{row_}, none, lane, reason});
    }
  }

 private:
  static_assert(lanes <= 64);
  std::uint32_t row_;
  std::size_t count_;
  std::uint64_t not_finite_ = 0, too_large_ = 0;
};

void add_worth(const Ledger& ledger, std::size_t row, int h, double* worth) {
  const ConstLanes value = ledger.value(row, h), cash = ledger.cash(row, h);
  for (std::size_t lane = 0; lane < lanes; ++lane) worth[lane] = value[lane] + cash[lane];
}

void post_losses(const CompiledBook& book, const Valuation& valuation, int cell, std::size_t offset, std::size_t count,
                 LossSheet& sheet, Faults& faults) {
  const Shape& shape = sheet.shape();
  const double scale = 1 / book.unit;
  for (int quantity = 0; quantity < shape.quantities; ++quantity)
    for (int node = 0; node < shape.nodes; ++node)
      for (int h = 0; h < shape.horizons; ++h)
        std::fill_n(sheet.column(shape.loss(0, cell, quantity, node, h)) + offset, lanes, 0);
  for (std::size_t row = 0; row < book.leaf_of_row.size(); ++row) {
    const auto leaf = static_cast<int>(book.leaf_of_row[row]);
    const Ledger& ledger = *valuation.of_row[row];
    RowFaults found(row, count);
    for (int h = 0; h < shape.horizons; ++h) {
      alignas(64) double worth[lanes];
      add_worth(ledger, row, h, worth);
      const ConstLanes credit = ledger.credit_loss(row, h);
      if (!add_rounded(worth, scale, count, -1, book.today[row], sheet.column(shape.loss(0, cell, 0, leaf, h)) + offset))
        found.look(worth, scale);
      if (!add_rounded(credit.data(), scale, count, 1, 0, sheet.column(shape.loss(0, cell, 1, leaf, h)) + offset))
        found.look(credit.data(), scale);
    }
    found.report(faults);
  }
  for (int node = shape.nodes - 1; node > 0; --node) {
    const auto parent = static_cast<int>(book.parent[static_cast<std::size_t>(node)]);
    for (int quantity = 0; quantity < shape.quantities; ++quantity)
      for (int h = 0; h < shape.horizons; ++h) {
        const Units* from = sheet.column(shape.loss(0, cell, quantity, node, h)) + offset;
        Units* to = sheet.column(shape.loss(0, cell, quantity, parent, h)) + offset;
        for (int lane = 0; lane < lanes; ++lane) to[lane] += from[lane];
      }
  }
}

std::size_t ledger_row(const CompiledBook& book, std::size_t gauge_row) {
  for (const Stage& s : book.stages)
    if (gauge_row >= s.first_gauge && gauge_row - s.first_gauge < s.gauge_count)
      return static_cast<std::size_t>(s.first_row) + (gauge_row - s.first_gauge) / (s.gauge_count / s.row_count);
  return 0;
}

void post_gauges(const CompiledBook& book, const Valuation& valuation, const Shape& shape, int cell, std::size_t count,
                 SideSums& side, Faults& faults) {
  const auto column = [&](int gauge, int node, int h) {
    return side.buffer.data() + static_cast<std::size_t>((gauge * shape.nodes + node) * shape.horizons + h) * lanes;
  };
  std::fill(side.buffer.begin(), side.buffer.end(), 0);
  for (std::size_t row = 0; row < book.gauge_rows.size(); ++row) {
    const auto [leaf, gauge] = book.gauge_rows[row];
    const double scale = 1 / book.gauge_unit[static_cast<std::size_t>(gauge)];
    for (int h = 0; h < shape.horizons; ++h) {
      const double* amount = valuation.of_gauge_row[row]->gauges(row, h).data();
      if (add_rounded(amount, scale, count, 1, 0, column(gauge, static_cast<int>(leaf), h))) continue;
      RowFaults found(ledger_row(book, row), count);
      found.look(amount, scale);
      found.report(faults);
    }
  }
  for (int gauge = 0; gauge < shape.gauges; ++gauge)
    for (int node = shape.nodes - 1; node >= 0; --node)
      for (int h = 0; h < shape.horizons; ++h) {
        const Units* from = column(gauge, node, h);
        if (node > 0) {
          Units* to = column(gauge, static_cast<int>(book.parent[static_cast<std::size_t>(node)]), h);
          for (int lane = 0; lane < lanes; ++lane) to[lane] += from[lane];
        }
        side.gauges[shape.gauge(cell, gauge, node, h)].add({from, count}, {});
      }
}

}  // namespace

std::size_t sheet_bytes(const Shape& shape, std::size_t scenarios) { return shape.losses() * scenarios * sizeof(Units); }

SideSums::SideSums(const Shape& shape)
    : gauges(shape.gauge_slots()),
      conditional_pd(static_cast<std::size_t>(shape.cells)),
      buffer(static_cast<std::size_t>(shape.gauges) * static_cast<std::size_t>(shape.nodes) *
             static_cast<std::size_t>(shape.horizons) * lanes) {}

void post(const CompiledBook& book, const Valuation& valuation, int cell, std::size_t offset, std::size_t count,
          LossSheet& sheet, SideSums& side, Faults& faults) {
  post_losses(book, valuation, cell, offset, count, sheet, faults);
  post_gauges(book, valuation, sheet.shape(), cell, count, side, faults);
  std::array<Units, lanes> pd;
  for (std::size_t lane = 0; lane < lanes; ++lane)
    pd[lane] = round_to_units((*valuation.mean_conditional_pd)[lane] * 0x1p40);
  side.conditional_pd[static_cast<std::size_t>(cell)].add({pd.data(), count}, {});
}

void find_faults(const CompiledBook& book, const Valuation& valuation, std::size_t count, const std::vector<double>& bound,
                 Faults& faults) {
  const double scale = 1 / book.unit;
  for (std::size_t row = 0; row < book.leaf_of_row.size(); ++row) {
    const Ledger& ledger = *valuation.of_row[row];
    RowFaults found(row, count);
    for (int h = 0; h < ledger.value.steps(); ++h) {
      alignas(64) double worth[lanes];
      add_worth(ledger, row, h, worth);
      found.look(worth, scale, bound.empty() ? limit : std::min(limit, bound[row]));
      found.look(ledger.credit_loss(row, h).data(), scale);
    }
    found.report(faults);
  }
  for (std::size_t row = 0; row < book.gauge_rows.size(); ++row) {
    const LaneTable& gauges = valuation.of_gauge_row[row]->gauges;
    RowFaults found(ledger_row(book, row), count);
    const double gauge_scale = 1 / book.gauge_unit[static_cast<std::size_t>(book.gauge_rows[row].gauge)];
    for (int h = 0; h < gauges.steps(); ++h) found.look(gauges(row, h).data(), gauge_scale);
    found.report(faults);
  }
}

}  // namespace tailcube
