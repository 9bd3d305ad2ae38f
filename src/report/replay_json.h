#pragma once
// Numbers of a replay in JSON: the shortest decimal that reads back as the same double.
#include <cmath>
#include <string>
#include <vector>

#include "src/report/json.h"
#include "src/report/money.h"

namespace tailcube {

struct Exact {
  double value;
};
inline std::string json_value(Exact number) { return std::isfinite(number.value) ? shortest(number.value) : "null"; }
inline std::vector<Exact> exact(const std::vector<double>& values) {
  std::vector<Exact> out;
  out.reserve(values.size());
  for (const double value : values) out.push_back({value});
  return out;
}

}  // namespace tailcube
