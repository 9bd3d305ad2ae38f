// cube.contributions: whose expected shortfall is split up. Names nodes, hence read after the positions.
#include <algorithm>

#include "src/input/reading.h"

namespace tailcube {
namespace {

constexpr std::string_view choices = "none|total|first_level|all";
enum Word { no_node, total, first_level, every_node };

bool wanted(const std::vector<Node>& nodes, std::size_t node, int word) {
  switch (word) {
    case no_node:
      return false;
    case total:
      return node == 0;
    case first_level:
      return node == 0 || nodes[node].parent == NodeIndex{0};
    default:
      return true;
  }
}

}  // namespace

void read_contributions(Reading& reading, Section& cube) {
  const auto* node = cube.find("contributions");
  if (node == nullptr || node->is_string())
    reading.contributions_word = cube.word("contributions", choices, "", first_level);
  else if (node->is_array())
    reading.contributions = node->as_array();
  else
    cube.wrong(*node, "contributions", "a list of nodes, or " + listed(choices));
}

void find_contributions(Reading& reading) {
  std::vector<NodeIndex>& out = reading.job.contributions;
  const std::vector<Node>& nodes = reading.job.nodes;
  if (reading.contributions == nullptr) {
    for (std::size_t n = 0; n < nodes.size(); ++n)
      if (wanted(nodes, n, reading.contributions_word)) out.push_back(NodeIndex{static_cast<std::uint32_t>(n)});
    return;
  }
  if (reading.issues.total() > 0) return;  // not all nodes are known
  Section cube(reading.context(), "cube");
  for (const auto& element : *reading.contributions) {
    const auto* path = element.as_string();
    const auto at = std::find_if(nodes.begin(), nodes.end(), [&](const Node& n) { return path && n.path == path->get(); });
    if (path == nullptr)
      cube.wrong(element, "contributions", "the path of a node, for instance \"total\"");
    else if (at == nodes.end())
      cube.error(element, "contributions",
                 canonical(element) + " is not a node of the book; one is \"" + nodes.back().path + "\"");
    else
      out.push_back(NodeIndex{static_cast<std::uint32_t>(at - nodes.begin())});
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
}

}  // namespace tailcube
