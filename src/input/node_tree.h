#pragma once
// The node tree from the level columns of the positions.
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/input/names.h"
#include "src/model/model.h"

namespace tailcube {

// Whether a path is that of a node or of one below it.
inline bool is_below(std::string_view path, std::string_view node) {
  return path.starts_with(node) && (path.size() == node.size() || path[node.size()] == '/');
}

class NodeTree {
 public:
  // A provisional number of the leaf with these level names, top down.
  std::uint32_t leaf(std::span<const std::string_view> levels);
  // Nodes depth first, by id, [0] = "total", and the node of each provisional number.
  struct Finished {
    std::vector<Node> nodes;
    std::vector<NodeIndex> leaf;
  };
  // Leaves at or below one of `outside` get no node.
  Finished finish(std::span<const std::string> outside = {}) const;
  // "credit/pool_a" of each provisional number.
  const std::deque<std::string>& paths() const { return paths_; }

 private:
  NameIndex index_;
  std::deque<std::string> paths_;  // "credit/pool_a"; NameIndex points here
  std::string path_;
  std::uint32_t last_ = none;
};

}  // namespace tailcube
