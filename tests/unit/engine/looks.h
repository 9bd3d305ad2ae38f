#pragma once
// What must hold of every job whose positions share something: in each cell, by node and by position, in every kind of look.
#include <algorithm>
#include <string>

#include "src/engine/replay.h"
#include "tests/catch_any.h"
#include "tests/run_job.h"

namespace tailcube::test {

// The job with one of its cells alone.
inline Job of_cell(const Job& job, std::size_t cell) {
  Job out = job;
  out.cells = {job.cells[cell]};
  return out;
}

// Mean of a gauge at the second report of a node.
inline double gauge(const Cube& of, const std::string& name, int cell, int node = 0) {
  const auto g = std::find(of.gauges.begin(), of.gauges.end(), name) - of.gauges.begin();
  return of.gauge_mean[of.at(static_cast<int>(g), cell, node, 1)];
}

// The losses of a cell are those of that cell alone, to the bit.
inline void check_same(const Cube& all, int cell, const Cube& alone) {
  REQUIRE(all.nodes == alone.nodes);
  for (int q = 0; q < quantities(false); ++q)
    for (int node = 0; node < static_cast<int>(all.nodes.size()); ++node)
      for (int h = 0; h < 2; ++h) {
        INFO(all.cells[static_cast<std::size_t>(cell)] << ", " << all.nodes[static_cast<std::size_t>(node)]);
        CHECK(all.expected_loss[all.at(q, cell, node, h)] == alone.expected_loss[alone.at(q, 0, node, h)]);
        CHECK(all.loss_std[all.at(q, cell, node, h)] == alone.loss_std[alone.at(q, 0, node, h)]);
        CHECK(all.worst_loss[all.at(q, cell, node, h)] == alone.worst_loss[alone.at(q, 0, node, h)]);
      }
}

// What the nodes below the total contribute to its expected shortfall adds up to that.
inline void check_parts(const Cube& cube, int cell) {
  REQUIRE_FALSE(cube.edges.empty());
  for (int h = 0; h < 2; ++h) {
    double sum = 0;
    for (std::size_t e = 0; e < cube.edges.size(); ++e)
      if (cube.edge_parent[e] == "total" && std::count(cube.edge_child[e].begin(), cube.edge_child[e].end(), '/') == 1)
        sum += cube.contribution[cube.at_edge(cell, e, h, 1)];
    CHECK(sum == Approx(cube.expected_shortfall[cube.at(0, cell, 0, h, 1)]).epsilon(1e-9));
  }
}

// Scenarios told alone: what their positions lose is what the total does.
inline void check_told(const Job& job, std::size_t cell) {
  Replayer replay(of_cell(job, cell), 0, compile(job, Detail::leaf).unit);
  std::vector<std::uint64_t> scenarios = {3, 17, 1999};
  for (const Replay& told : replay(scenarios)) {
    double by_position = 0;
    for (const ReplayedPosition& p : told.positions) by_position += p.loss[1];
    CHECK(by_position == Approx(static_cast<double>(told.economic[1]) * told.unit).margin(1e-2));
  }
}

}  // namespace tailcube::test
