#pragma once
// Where bare loops stand: one block, 12 monthly steps, three horizons, and one row that all positions add to.
#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include "kernels/block.h"
#include "kernels/math/functions.h"

namespace tailcube::bare {

using Column = std::array<double, lanes>;
constexpr int steps = 12;
constexpr std::array<int, 3> valued{3, 6, 12};
constexpr double dt = 1.0 / 12;

// Rows of Block::factors.
enum Row : std::uint32_t { price_row, rate_row, spread_row, pool_row, pool_loss_row };
constexpr double pool_today = 1e8;

struct World {
  const Block& block;
  const std::array<std::uint32_t, 121>& discount_of;  // DiscountIndex of a month
  const double* row(Row r, int step) const { return block.factors(r, step).data(); }
  const double* price(int step) const { return row(price_row, step); }
  const double* discount(std::size_t month, std::size_t v) const {
    return block.discounts(discount_of[month], static_cast<int>(v)).data();
  }
  // Of the next obligor, in their order.
  std::span<const Default> defaults_of(std::uint32_t obligor) {
    const std::size_t first = next_default;
    while (next_default < block.defaults.size() && block.defaults[next_default].obligor == ObligorIndex{obligor})
      ++next_default;
    return {block.defaults.data() + first, next_default - first};
  }

  std::array<Column, 3> value{}, cash{};
  std::size_t next_default = 0;
  std::array<Column, steps + 1> index_log{};  // of the price
  std::array<Column, steps + 1> published{};  // what others read of a position
};

inline void look_at_index(World& w) {
  for (int n = 1; n <= steps; ++n) {
    const auto to = static_cast<std::size_t>(n);
    std::copy_n(w.price(n), lanes, w.index_log[to].data());
    log(w.index_log[to], w.index_log[to]);
  }
}

}  // namespace tailcube::bare
