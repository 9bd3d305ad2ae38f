#pragma once
// /distribution: the histograms of all cells, nodes and horizons on one set of edges.
#include <cstdint>
#include <vector>

#include "kernels/tally/histogram.h"

namespace tailcube {

struct Cube;

class Distribution {
 public:
  static constexpr int bits = 3;  // 8 bins per octave
  explicit Distribution(std::size_t places) : bins_(places) {}
  // Folds finer bins into those of /distribution.
  void add(std::size_t place, const Histogram&);
  // bin_edge, bin_count, bin_weight of the cube. A loss x lies in bin i if edge[i] <= x < edge[i+1]. Keys that no place
  // occupies share one empty bin between their neighbours, so that the number of bins is bounded by what occurs.
  void write(Cube&) const;

 private:
  struct Bin {
    std::int64_t key, count;
    double weight;
  };
  std::vector<std::vector<Bin>> bins_;  // [cell][node][horizon], ascending
};

}  // namespace tailcube
