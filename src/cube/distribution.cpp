#include "src/cube/distribution.h"

#include <algorithm>

#include "src/cube/cube.h"

namespace tailcube {

void Distribution::add(std::size_t place, const Histogram& histogram) {
  std::vector<Bin> coarse;
  std::vector<Wide> weight;
  for (const Histogram::Bin& bin : histogram.occupied()) {
    const std::int64_t key = Histogram::coarser(bin.key, histogram.bits(), bits);
    if (coarse.empty() || coarse.back().key != key) coarse.push_back({key, 0, 0}), weight.push_back(0);
    coarse.back().count += bin.count;
    weight.back() += bin.weight;
  }
  for (std::size_t i = 0; i < coarse.size(); ++i) coarse[i].weight = static_cast<double>(weight[i]) * 0x1p-56;
  bins_[place] = std::move(coarse);
}

void Distribution::write(Cube& cube) const {
  std::vector<std::int64_t> keys;
  for (const auto& place : bins_)
    for (const Bin& bin : place) keys.push_back(bin.key);
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  // A key begins a bin if it is occupied or follows one that is.
  std::vector<std::int64_t> begins;
  for (const std::int64_t key : keys) {
    if (begins.empty() || begins.back() != key) begins.push_back(key);
    begins.push_back(key + 1);
  }
  cube.bin_edge.clear();
  for (const std::int64_t key : begins)
    cube.bin_edge.push_back(static_cast<double>(Histogram::lowest(key, bits)) * cube.unit);
  const std::size_t bins = begins.empty() ? 0 : begins.size() - 1;
  cube.bin_count.assign(bins_.size() * bins, 0);
  cube.bin_weight.assign(bins_.size() * bins, 0);
  for (std::size_t place = 0; place < bins_.size(); ++place)
    for (const Bin& bin : bins_[place]) {
      const auto at = static_cast<std::size_t>(std::lower_bound(begins.begin(), begins.end(), bin.key) - begins.begin());
      cube.bin_count[place * bins + at] = bin.count;
      cube.bin_weight[place * bins + at] = bin.weight;
    }
}

}  // namespace tailcube
