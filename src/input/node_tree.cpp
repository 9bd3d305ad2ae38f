#include "src/input/node_tree.h"

#include <algorithm>
#include <map>

namespace tailcube {

std::uint32_t NodeTree::leaf(std::span<const std::string_view> levels) {
  path_.clear();
  for (const auto level : levels) path_.append(path_.empty() ? "" : "/").append(level);
  if (last_ != none && paths_[last_] == path_) return last_;  // books are often ordered by pool
  last_ = index_.find(path_);
  if (last_ == none) last_ = index_.insert(paths_.emplace_back(path_)).first;
  return last_;
}

NodeTree::Finished NodeTree::finish(std::span<const std::string> outside) const {
  const auto is_outside = [&](std::string_view path) {
    return std::any_of(outside.begin(), outside.end(), [&](const std::string& node) { return is_below(path, node); });
  };
  // Sorted by their parts: "a/x" comes before "a-b/x", though '-' sorts before '/'.
  std::map<std::vector<std::string_view>, std::uint32_t> places;
  const auto parts_of = [](std::string_view path) {
    std::vector<std::string_view> parts;
    while (!path.empty()) {
      parts.push_back(path.substr(0, path.find('/')));
      path.remove_prefix(std::min(path.size(), parts.back().size() + 1));
    }
    return parts;
  };
  places[{}] = 0;
  for (const auto& path : paths_)
    if (!is_outside(path))
      for (auto parts = parts_of(path); !parts.empty() && places.emplace(parts, 0).second;) parts.pop_back();
  Finished out;
  for (auto& [parts, place] : places) {
    place = static_cast<std::uint32_t>(out.nodes.size());
    if (parts.empty()) {
      out.nodes.push_back({"total", NodeIndex{none}});
      continue;
    }
    const std::uint32_t parent = places.at({parts.begin(), parts.end() - 1});
    out.nodes.push_back({out.nodes[parent].path + "/" + std::string(parts.back()), NodeIndex{parent}});
  }
  for (const auto& path : paths_) out.leaf.push_back(NodeIndex{is_outside(path) ? none : places.at(parts_of(path))});
  return out;
}

}  // namespace tailcube
