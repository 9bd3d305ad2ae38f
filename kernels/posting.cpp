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

// False if a lane is not finite or too large; then nothing is added.
bool add_rounded(const double* money, double scale, Units sign, Units constant, Units* to) {
  bool good = true;
  for (int lane = 0; lane < lanes; ++lane) good &= std::fabs(money[lane] * scale) < limit;
  if (!good) return false;
  for (int lane = 0; lane < lanes; ++lane) to[lane] += constant + sign * round_to_units(money[lane] * scale);
  return true;
}

void fault(const double* money, double scale, std::size_t row, Faults& faults) {
  if (faults.size() == faults.capacity()) return;
  for (int lane = 0; lane < lanes; ++lane)
    if (!(std::fabs(money[lane] * scale) < limit)) {
      const Reason reason = std::isfinite(money[lane]) ? Reason::out_of_domain : Reason::not_finite;
      faults.push_back({RowIndex{static_cast<std::uint32_t>(row)}, none, static_cast<std::uint16_t>(lane), reason});
      return;
    }
}

void post_losses(const CompiledBook& book, const Ledger& ledger, int cell, std::size_t offset, LossSheet& sheet,
                 Faults& faults) {
  const Shape& shape = sheet.shape();
  const double scale = 1 / book.unit;
  for (int quantity = 0; quantity < shape.quantities; ++quantity)
    for (int node = 0; node < shape.nodes; ++node)
      for (int h = 0; h < shape.horizons; ++h)
        std::fill_n(sheet.column(shape.loss(0, cell, quantity, node, h)) + offset, lanes, 0);
  for (std::size_t row = 0; row < book.leaf_of_row.size(); ++row) {
    const auto leaf = static_cast<int>(book.leaf_of_row[row]);
    for (int h = 0; h < shape.horizons; ++h) {
      alignas(64) double worth[lanes];
      const ConstLanes value = ledger.value(row, h), cash = ledger.cash(row, h), credit = ledger.credit_loss(row, h);
      for (int lane = 0; lane < lanes; ++lane)
        worth[lane] = value[static_cast<std::size_t>(lane)] + cash[static_cast<std::size_t>(lane)];
      if (!add_rounded(worth, scale, -1, book.today[row], sheet.column(shape.loss(0, cell, 0, leaf, h)) + offset))
        fault(worth, scale, row, faults);
      if (!add_rounded(credit.data(), scale, 1, 0, sheet.column(shape.loss(0, cell, 1, leaf, h)) + offset))
        fault(credit.data(), scale, row, faults);
    }
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

void post_gauges(const CompiledBook& book, const Ledger& ledger, const Shape& shape, int cell, std::size_t count,
                 SideSums& side, Faults& faults) {
  const double scale = 1 / book.unit;
  const auto column = [&](int gauge, int node, int h) {
    return side.buffer.data() + static_cast<std::size_t>((gauge * shape.nodes + node) * shape.horizons + h) * lanes;
  };
  std::fill(side.buffer.begin(), side.buffer.end(), 0);
  for (std::size_t row = 0; row < book.gauge_rows.size(); ++row)
    for (int h = 0; h < shape.horizons; ++h) {
      const ConstLanes amount = ledger.gauges(row, h);
      const auto [leaf, gauge] = book.gauge_rows[row];
      if (!add_rounded(amount.data(), scale, 1, 0, column(gauge, static_cast<int>(leaf), h)))
        fault(amount.data(), scale, row, faults);
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
  post_losses(book, valuation.ledger, cell, offset, sheet, faults);
  post_gauges(book, valuation.ledger, sheet.shape(), cell, count, side, faults);
  std::array<Units, lanes> pd;
  for (std::size_t lane = 0; lane < lanes; ++lane)
    pd[lane] = round_to_units(valuation.block.mean_conditional_pd[lane] * 0x1p40);
  side.conditional_pd[static_cast<std::size_t>(cell)].add({pd.data(), count}, {});
}

}  // namespace tailcube
