#pragma once
// Which scenarios have been evaluated, or are to be.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernels/evaluate.h"

namespace tailcube {

// A sorted list of ranges that neither overlap nor touch.
class ScenarioSet {
 public:
  ScenarioSet() = default;
  explicit ScenarioSet(const std::vector<Tile>&);         // in any order; throws std::invalid_argument on an overlap
  void add(Tile);                                         // the same; an empty range adds nothing
  void add(const ScenarioSet&);                           // the same; unchanged when it throws
  std::optional<Tile> overlap(const ScenarioSet&) const;  // the first range in both
  std::vector<Tile> missing(std::uint64_t begin, std::uint64_t end) const;
  ScenarioSet without(const ScenarioSet&) const;
  bool contains(const ScenarioSet&) const;
  std::uint64_t size() const;  // scenarios
  bool empty() const { return ranges_.empty(); }
  const std::vector<Tile>& ranges() const { return ranges_; }
  // Cut at the multiples of `tile_scenarios`, in rising order.
  std::vector<Tile> tiles(std::uint64_t tile_scenarios) const;
  // The part-th (from 1) of `parts` nearly equal parts, cut at multiples of `lanes`: a function of the set alone. Empty
  // where there are fewer blocks than parts.
  ScenarioSet part(std::uint64_t part, std::uint64_t parts) const;
  std::string text() const;  // "0-4095, 8192-9999", last one included
  friend bool operator==(const ScenarioSet&, const ScenarioSet&) = default;

 private:
  std::vector<Tile> ranges_;
};

}  // namespace tailcube
