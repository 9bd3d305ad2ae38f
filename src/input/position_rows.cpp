#include "src/input/position_rows.h"

#include <algorithm>
#include <utility>

#include "src/input/names.h"
#include "src/input/warnings.h"

namespace tailcube {
namespace {

template <class T>
std::vector<T> permuted(std::vector<T>& values, const std::vector<std::uint32_t>& places) {
  std::vector<T> out;
  if (!values.empty()) {
    out.reserve(places.size());
    for (const auto place : places) out.push_back(values[place]);
  }
  std::vector<T>().swap(values);
  return out;
}

}  // namespace

PositionRows::PositionRows(const Instrument& i, std::size_t label_columns)
    : instrument(&i),
      numbers(i.columns.size()),
      references(i.columns.size()),
      names(i.columns.size()),
      labels(label_columns) {}

void PositionRows::add(std::string_view id, std::uint32_t leaf, FactorIndex currency, double quantity, ObligorIndex obligor,
                       RowSource source, bool good) {
  id_.push_back(id);
  leaf_.push_back(leaf);
  currency_.push_back(currency);
  quantity_.push_back(quantity);
  obligor_.push_back(obligor);
  source_.push_back(source);
  good_.push_back(good);
}

std::uint32_t PositionRows::place(const ShareSchedule& schedule) {
  const auto at = std::find(schedules.begin(), schedules.end(), schedule);
  const auto out = static_cast<std::uint32_t>(at - schedules.begin());
  if (at == schedules.end()) schedules.push_back(schedule);
  return out;
}

Positions PositionRows::finish(const std::vector<NodeIndex>& leaf) {
  const auto places = sorted_places(id_);
  Positions out;
  out.id.reserve(places.size());
  out.leaf.reserve(places.size());
  for (const auto place : places) out.id.emplace_back(id_[place]);
  for (const auto place : places) out.leaf.push_back(leaf[leaf_[place]]);
  out.currency = permuted(currency_, places);
  out.quantity = permuted(quantity_, places);
  out.obligor = permuted(obligor_, places);
  for (auto& column : numbers) out.numbers.push_back(permuted(column, places));
  for (auto& column : references) out.references.push_back(permuted(column, places));
  for (auto& column : names) out.names.push_back(permuted(column, places));
  for (auto& column : labels) out.labels.push_back(permuted(column, places));
  out.schedules = std::move(schedules);
  out.published = permuted(published, places);
  leaf_ = permuted(leaf_, places);
  source_ = permuted(source_, places);
  good_ = permuted(good_, places);
  return out;
}

void PositionRows::check(const Positions& positions, const std::vector<Factor>& factors, const Files& files, Issues& issues,
                         std::vector<std::string>& warnings) const {
  constexpr std::size_t listed_warnings = 10;
  std::size_t warned = 0;
  for (std::size_t row = 0; row < positions.size(); ++row) {
    if (!good_[row]) continue;
    const SourceFile& file = files.all()[source_[row].file];
    const int line = static_cast<int>(source_[row].line);
    if (instrument->check)
      if (auto complaint = instrument->check(positions, row))
        issues.add({file.shown, line, 0, std::string(complaint->column), std::move(complaint->text)});
    if (instrument->check_factors)
      if (auto complaint = instrument->check_factors(positions, row, factors))
        issues.add({file.shown, line, 0, std::string(complaint->column), std::move(complaint->text)});
    if (!instrument->warn) continue;
    if (auto complaint = instrument->warn(positions, row); complaint && warned++ < listed_warnings)
      warnings.push_back(
          named(Warning::doubtful_position,
                to_string(Issue{file.written, line, 0, std::string(complaint->column), std::move(complaint->text)})));
  }
  if (warned > listed_warnings)
    warnings.push_back(named(Warning::doubtful_position, std::string(instrument->name) + ": " +
                                                             std::to_string(warned - listed_warnings) + " more of them"));
}

}  // namespace tailcube
