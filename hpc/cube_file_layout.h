#pragma once
// The one list of what a cube file holds: the writer and the reader both walk it.
#include <array>
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "src/cube/cube.h"

namespace tailcube::layout {

enum class Unit { none, one, year, money };

using Doubles = CubeValues<double> Cube::*;
using Counts = CubeValues<std::int64_t> Cube::*;
using Flags = CubeValues<std::int8_t> Cube::*;
using Strings = CubeValues<std::string> Cube::*;
using Names = std::vector<std::string> Cube::*;
using Places = std::vector<double> Cube::*;
struct Index {  // 0 or 1, 2, 3, ...: its length is that of the axis
  std::int64_t first;
};
struct Levels {};  // Cube::confidence

// An axis is a dataset of its own name, an HDF5 dimension scale, in every group that uses it.
enum class AxisName { quantity, cell, node, horizon, confidence, gauge, rank, bin, bin_edge, position, edge, part };
struct Axis {
  const char* name;
  std::variant<Names, Places, Levels, Index> values;
  Unit unit;
  const char* long_name;
};
const Axis& axis(AxisName);
std::size_t extent(const Cube&, AxisName);

// Bits (`flag_masks`) or values (`flag_values`) of an int8 dataset.
struct FlagMeanings {
  bool masks;
  std::vector<std::int8_t> values;
  const char* meanings;
};
struct Field {
  const char* name;
  std::vector<AxisName> axes;
  std::variant<Doubles, Counts, Flags, Strings> values;
  Unit unit;
  const char* long_name;
};
bool empty(const Cube&, const Field&);  // it has no values, and is not written
struct Group {
  const char* name;
  std::vector<AxisName> axes;
  std::vector<Field> fields;
};
const std::vector<Group>& groups();
const FlagMeanings* flag_meanings(const std::string& field);  // null: no flags

}  // namespace tailcube::layout
