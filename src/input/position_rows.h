#pragma once
// Positions of one instrument as they are read, before they are sorted and checked.
#include <string_view>
#include <vector>

#include "kernels/instruments/instrument.h"
#include "src/input/files.h"

namespace tailcube {

struct RowSource {
  std::uint32_t file, line;  // place in Files::all()
};

class PositionRows {
 public:
  PositionRows(const Instrument&, std::size_t labels);
  void add(std::string_view id, std::uint32_t leaf, FactorIndex currency, double quantity, ObligorIndex obligor, RowSource,
           bool good);
  std::size_t size() const { return id_.size(); }
  std::uint32_t place(const ShareSchedule&);  // in `schedules`
  // Sorted by id. `leaf` turns provisional leaves into nodes. Leaves this empty but for what `check` and those after it
  // need.
  Positions finish(const std::vector<NodeIndex>& leaf);
  // The instrument's own rules on rows that are good so far; warnings: at most ten per instrument, then their number.
  void check(const Positions&, const std::vector<Factor>&, const Files&, Issues&, std::vector<std::string>& warnings) const;

  // In the order of rows, or of the finished positions.
  const RowSource& source(std::size_t row) const { return source_[row]; }
  std::uint32_t leaf(std::size_t row) const { return leaf_[row]; }  // provisional

  const Instrument* instrument;
  std::vector<std::vector<double>> numbers;  // as Positions: [column][row], one entry per row and column that has it
  std::vector<std::vector<std::uint32_t>> references;
  std::vector<std::vector<StreamId>> names;
  std::vector<std::vector<std::uint32_t>> labels;
  std::vector<ShareSchedule> schedules;
  std::vector<FactorIndex> published;  // set before `finish`

 private:
  std::vector<std::string_view> id_;
  std::vector<std::uint32_t> leaf_;
  std::vector<FactorIndex> currency_;
  std::vector<double> quantity_;
  std::vector<ObligorIndex> obligor_;
  std::vector<RowSource> source_;
  std::vector<std::uint8_t> good_;
};

}  // namespace tailcube
