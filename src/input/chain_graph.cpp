#include <algorithm>
#include <cstdint>

#include "src/input/chain.h"

namespace tailcube {
namespace {

enum class State : std::uint8_t { unseen, open, done };

struct Step {
  std::size_t node, edge;  // the next edge to follow
};

ChainGraph::Ring ring_of(const ChainGraph& graph, const std::vector<Step>& path, std::size_t back_to) {
  const auto begin = std::find_if(path.begin(), path.end(), [back_to](const Step& step) { return step.node == back_to; });
  std::string text, position;
  std::size_t blamed = back_to;
  for (auto at = begin; at != path.end(); ++at) {
    const ChainGraph::Node& node = graph.nodes[at->node];
    text += node.name + " -> ";
    const std::string& by = node.edges[at->edge - 1].by;
    if (!by.empty()) text += by + " -> ";
    if (position.empty()) position = by;
    if (blamed < graph.no_positions) blamed = at->node;
  }
  return {text + graph.nodes[back_to].name, blamed < graph.no_positions ? position : graph.nodes[blamed].name};
}

}  // namespace

void ChainGraph::sort() {
  std::vector<State> state(nodes.size(), State::unseen);
  for (std::size_t start = 0; start < nodes.size(); ++start) {
    if (state[start] != State::unseen) continue;
    std::vector<Step> path = {{start, 0}};
    state[start] = State::open;
    while (!path.empty()) {
      Step& here = path.back();
      const std::vector<Node::Edge>& edges = nodes[here.node].edges;
      if (here.edge == edges.size()) {
        state[here.node] = State::done;
        order.push_back(here.node);
        path.pop_back();
        continue;
      }
      const std::size_t to = edges[here.edge++].to;
      if (state[to] == State::open) rings.push_back(ring_of(*this, path, to));
      if (state[to] != State::unseen) continue;
      state[to] = State::open;
      path.push_back({to, 0});
    }
  }
}

}  // namespace tailcube
