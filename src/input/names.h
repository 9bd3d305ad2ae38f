#pragma once
// Ids to numbers 0, 1, 2, ... in the order of insertion.
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/block.h"

namespace tailcube {

// Open addressing over 32-bit places; the texts must outlive it.
class NameIndex {
 public:
  std::uint32_t find(std::string_view name) const {  // `none` if absent
    return names_.empty() ? none : slots_[slot(name)];
  }
  std::pair<std::uint32_t, bool> insert(std::string_view name) {  // place; whether it is new
    if (names_.size() * 2 >= slots_.size()) grow();
    std::uint32_t& place = slots_[slot(name)];
    if (place != none) return {place, false};
    place = static_cast<std::uint32_t>(names_.size());
    names_.push_back(name);
    return {place, true};
  }
  const std::vector<std::string_view>& names() const { return names_; }
  std::size_t size() const { return names_.size(); }

 private:
  std::size_t slot(std::string_view name) const {
    std::size_t at = std::hash<std::string_view>{}(name) & (slots_.size() - 1);
    while (slots_[at] != none && names_[slots_[at]] != name) at = (at + 1) & (slots_.size() - 1);
    return at;
  }
  void grow() {
    slots_.assign(slots_.empty() ? 64 : 4 * slots_.size(), none);
    for (std::uint32_t i = 0; i < names_.size(); ++i) slots_[slot(names_[i])] = i;
  }
  std::vector<std::string_view> names_;
  std::vector<std::uint32_t> slots_;  // a power of two, at most half full
};

// Places sorted by name.
std::vector<std::uint32_t> sorted_places(const std::vector<std::string_view>& names);

}  // namespace tailcube
