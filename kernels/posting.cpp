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

void add_worth(const LaneTable& values, const Ledger& ledger, std::size_t row, int h, double* worth) {
  const ConstLanes value = values(row, h), cash = ledger.cash(row, h);
  for (std::size_t lane = 0; lane < lanes; ++lane) worth[lane] = value[lane] + cash[lane];
}

void post_losses(const CompiledBook& book, const Valuation& valuation, const Columns& columns, int cell, std::size_t offset,
                 std::size_t count, LossSheet& sheet, SideSums& side, Faults& faults) {
  const Shape& shape = columns.shape();
  const double scale = 1 / book.unit;
  const std::size_t known = faults.size();
  for (int node = 0; node < shape.nodes; ++node)
    for (int quantity = 0; quantity < shape.quantities && columns.own(cell, node); ++quantity)
      for (int h = 0; h < shape.horizons; ++h)
        std::fill_n(sheet.column(shape.loss(0, cell, quantity, node, h)) + offset, lanes, 0);
  for (std::size_t row = 0; row < book.leaf_of_row.size(); ++row) {
    const auto leaf = static_cast<int>(book.leaf_of_row[row]);
    const bool own = columns.own(cell, leaf);
    if (!own && !side.faulty) continue;
    const Ledger& ledger = *valuation.of_row[row];
    RowFaults found(row, count);
    for (int h = 0; h < shape.horizons; ++h) {
      alignas(64) double worth[lanes];
      add_worth(ledger.value, ledger, row, h, worth);
      const double* credit = ledger.credit_loss(row, h).data();
      const auto column = [&](int quantity) { return sheet.column(shape.loss(0, cell, quantity, leaf, h)) + offset; };
      if (!own || !add_rounded(worth, scale, count, -1, book.today[row], column(economic_loss))) found.look(worth, scale);
      if (!own || !add_rounded(credit, scale, count, 1, 0, column(credit_loss))) found.look(credit, scale);
      if (!book.published_values) continue;
      alignas(64) double published[lanes];
      add_worth(ledger.published_value, ledger, row, h, published);
      if (!own || !add_rounded(published, scale, count, -1, book.published_today[row], column(published_loss)))
        found.look(published, scale);
      else if (in_range(worth, scale, count)) {
        add_rounded(published, scale, count, 1, 0, column(value_gap));
        add_rounded(worth, scale, count, -1, 0, column(value_gap));
      }
    }
    found.report(faults);
  }
  side.faulty |= faults.size() > known;
  for (int node = shape.nodes - 1; node > 0; --node) {
    const auto parent = static_cast<int>(book.parent[static_cast<std::size_t>(node)]);
    for (int quantity = 0; quantity < shape.quantities && columns.own(cell, parent); ++quantity)
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

void post_gauges(const CompiledBook& book, const Valuation& valuation, const Columns& columns, int cell, LaneRange range,
                 SideSums& side, Faults& faults) {
  const Shape& shape = columns.shape();
  const auto number = [&](int gauge, int node, int h) { return columns.gauge(shape.gauge(cell, gauge, node, h)); };
  const auto column = [&](std::uint32_t c) { return side.buffer.data() + std::size_t{c} * lanes; };
  const std::size_t known = faults.size();
  for (int gauge = 0; gauge < shape.gauges; ++gauge)
    for (int node = 0; node < shape.nodes; ++node)
      if (columns.own(cell, node) && number(gauge, node, 0) != none)
        std::fill_n(column(number(gauge, node, 0)), shape.horizons * lanes, 0);
  for (std::size_t row = 0; row < book.gauge_rows.size(); ++row) {
    const int leaf = static_cast<int>(book.gauge_rows[row].leaf), gauge = book.gauge_rows[row].gauge;
    const bool own = columns.own(cell, leaf);
    if (!own && !side.faulty) continue;
    const double scale = 1 / book.gauge_unit[static_cast<std::size_t>(gauge)];
    for (int h = 0; h < shape.horizons; ++h) {
      const double* amount = valuation.of_gauge_row[row]->gauges(row, h).data();
      if (own && add_rounded(amount, scale, range.end, 1, 0, column(number(gauge, leaf, h)))) continue;
      RowFaults found(ledger_row(book, row), range.end);
      found.look(amount, scale);
      found.report(faults);
    }
  }
  side.faulty |= faults.size() > known;
  for (int gauge = 0; gauge < shape.gauges; ++gauge)
    for (int node = shape.nodes - 1; node >= 0; --node) {
      if (number(gauge, node, 0) == none) continue;
      const auto parent = node > 0 ? static_cast<int>(book.parent[static_cast<std::size_t>(node)]) : 0;
      for (int h = 0; h < shape.horizons; ++h) {
        const std::uint32_t from = number(gauge, node, h);
        if (node > 0 && columns.own(cell, parent)) {
          Units* to = column(number(gauge, parent, h));
          for (int lane = 0; lane < lanes; ++lane) to[lane] += column(from)[lane];
        }
        if (columns.own(cell, node)) side.gauges[from].add({column(from) + range.begin, range.size()}, {});
      }
    }
}

// Columns that differ by a power of two would lie in the same sets of a cache: an odd number of blocks lies apart.
std::size_t stride(std::size_t scenarios) { return ((scenarios + lanes - 1) / lanes | 1) * lanes; }

}  // namespace

Columns::Columns(const CompiledBook& book, CellRange range, const Shape& shape)
    : shape_(shape), first_(first_alike(book, range)) {
  number_losses();
  number_gauges(book);
}

void Columns::number_losses() {
  holder_.resize(shape_.losses());
  loss_.resize(shape_.losses());
  for (int cell = 0; cell < shape_.cells; ++cell)
    for (int quantity = 0; quantity < shape_.quantities; ++quantity)
      for (int node = 0; node < shape_.nodes; ++node)
        for (int h = 0; h < shape_.horizons; ++h) {
          const std::size_t slot = shape_.loss(0, cell, quantity, node, h);
          const std::size_t first = shape_.loss(0, first_[place(cell, node)], quantity, node, h);
          holder_[slot] = static_cast<std::uint32_t>(first);
          loss_[slot] = first == slot ? static_cast<std::uint32_t>(holders_.size()) : loss_[first];
          if (first == slot) holders_.push_back(holder_[slot]);
        }
}

void Columns::number_gauges(const CompiledBook& book) {
  const auto nodes = static_cast<std::size_t>(shape_.nodes);
  const auto at = [&](int gauge, int node) {
    return static_cast<std::size_t>(gauge) * nodes + static_cast<std::size_t>(node);
  };
  std::vector<bool> present(at(shape_.gauges, 0));
  for (const CompiledBook::GaugeRow& row : book.gauge_rows) present[at(row.gauge, static_cast<int>(row.leaf))] = true;
  for (int gauge = 0; gauge < shape_.gauges; ++gauge)
    for (int node = shape_.nodes - 1; node > 0; --node)
      if (present[at(gauge, node)]) present[at(gauge, static_cast<int>(book.parent[static_cast<std::size_t>(node)]))] = true;
  gauge_.assign(shape_.gauge_slots(), none);
  for (int cell = 0; cell < shape_.cells; ++cell)
    for (int gauge = 0; gauge < shape_.gauges; ++gauge)
      for (int node = 0; node < shape_.nodes; ++node)
        for (int h = 0; h < shape_.horizons && present[at(gauge, node)]; ++h) {
          const int first = first_[place(cell, node)];
          gauge_[shape_.gauge(cell, gauge, node, h)] =
              first == cell ? gauge_count_++ : gauge_[shape_.gauge(first, gauge, node, h)];
        }
}

LossSheet::LossSheet(const Columns& columns, std::size_t scenarios)
    : columns_(columns),
      scenarios_(scenarios),
      stride_(tailcube::stride(scenarios)),
      units_(columns.holders().size() * stride_) {}

std::size_t sheet_bytes(const Shape& shape, std::size_t scenarios) {
  return shape.losses() * stride(scenarios) * sizeof(Units);
}

SideSums::SideSums(const Columns& columns)
    : gauges(columns.gauges()),
      conditional_pd(static_cast<std::size_t>(columns.shape().cells)),
      buffer(columns.gauges() * lanes) {}

void SideSums::move_to(Tallies& tallies, const Columns& columns) {
  for (std::size_t g = 0; g < tallies.gauges.size(); ++g)
    tallies.gauges[g].merge(columns.gauge(g) == none ? absent : gauges[columns.gauge(g)]);
  for (std::size_t c = 0; c < conditional_pd.size(); ++c) tallies.conditional_pd[c].merge(conditional_pd[c]);
  std::fill(gauges.begin(), gauges.end(), Moments{});
  std::fill(conditional_pd.begin(), conditional_pd.end(), Moments{});
  absent = {};
}

void post(const CompiledBook& book, const Valuation& valuation, const Columns& columns, int cell, std::size_t offset,
          LaneRange range, LossSheet& sheet, SideSums& side, Faults& faults) {
  post_losses(book, valuation, columns, cell, offset, range.end, sheet, side, faults);
  post_gauges(book, valuation, columns, cell, range, side, faults);
  std::array<Units, lanes> pd{};
  if (cell == 0) side.absent.add({pd.data(), range.size()}, {});
  for (std::size_t lane = 0; lane < lanes; ++lane)
    pd[lane] = round_to_units((*valuation.mean_conditional_pd)[lane] * 0x1p40);
  side.conditional_pd[static_cast<std::size_t>(cell)].add({pd.data() + range.begin, range.size()}, {});
}

void ledger_losses(const Ledger& ledger, std::size_t row, double unit, Units today, Units* losses) {
  const double scale = 1 / unit;
  for (int h = 0; h < ledger.value.steps(); ++h, losses += lanes) {
    alignas(64) double worth[lanes];
    add_worth(ledger.value, ledger, row, h, worth);
    for (std::size_t lane = 0; lane < lanes; ++lane) losses[lane] = today - round_to_units(worth[lane] * scale);
  }
}

void row_losses(const CompiledBook& book, const Valuation& valuation, Units* losses) {
  const std::size_t width = book.market.valued.size() * lanes;
  for (std::size_t row = 0; row < book.leaf_of_row.size(); ++row, losses += width)
    if (const Ledger* ledger = valuation.of_row[row]; ledger != nullptr)
      ledger_losses(*ledger, row, book.unit, book.today[row], losses);
    else
      std::fill_n(losses, width, Units{0});
}

void find_faults(const CompiledBook& book, const Valuation& valuation, std::size_t count, const std::vector<double>& bound,
                 Faults& faults) {
  const double scale = 1 / book.unit;
  for (std::size_t row = 0; row < book.leaf_of_row.size(); ++row) {
    const Ledger& ledger = *valuation.of_row[row];
    RowFaults found(row, count);
    for (int h = 0; h < ledger.value.steps(); ++h) {
      alignas(64) double worth[lanes];
      add_worth(ledger.value, ledger, row, h, worth);
      found.look(worth, scale, bound.empty() ? limit : std::min(limit, bound[row]));
      found.look(ledger.credit_loss(row, h).data(), scale);
      if (!book.published_values) continue;
      add_worth(ledger.published_value, ledger, row, h, worth);
      found.look(worth, scale);
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
