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

class NodeTree {
 public:
  // A provisional number of the leaf with these level names, top down.
  std::uint32_t leaf(std::span<const std::string_view> levels);
  // Nodes depth first, by id, [0] = "total", and the node of each provisional number.
  struct Finished {
    std::vector<Node> nodes;
    std::vector<NodeIndex> leaf;
  };
  Finished finish() const;

 private:
  NameIndex index_;
  std::deque<std::string> paths_;  // "credit/pool_a"; NameIndex points here
  std::string path_;
  std::uint32_t last_ = none;
};

}  // namespace tailcube
