#include "src/report/replay_story.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "src/report/money.h"

namespace tailcube {
namespace {

bool in_node(const Story& story, std::uint32_t position) {
  return lies_under(story.job, story.replay.positions[position].leaf, story.node);
}

}  // namespace

TailCheck check_against_tail(const Cube& cube, int cell, const Replay& replay) {
  TailCheck out;
  const int nodes = static_cast<int>(cube.nodes.size()), horizons = static_cast<int>(cube.horizon_years.size());
  const auto ranks = static_cast<std::size_t>(cube.tail_ranks);
  for (int node = 0; node < nodes; ++node)
    for (int h = 0; h < horizons; ++h) {
      const std::size_t first = cube.at(0, cell, node, h) * ranks;
      const std::size_t at =
          static_cast<std::size_t>(node) * static_cast<std::size_t>(horizons) + static_cast<std::size_t>(h);
      const double loss = static_cast<double>(replay.economic[at]) * replay.unit;
      const auto scenario = static_cast<std::int64_t>(replay.scenario);
      const auto begin = cube.tail_scenario.begin() + static_cast<std::ptrdiff_t>(first);
      const auto found = std::find(begin, begin + static_cast<std::ptrdiff_t>(ranks), scenario);
      const auto rank = static_cast<std::size_t>(found - begin);
      if (rank < ranks && cube.tail_valid[first + rank] != 0) {
        out.rank.push_back(static_cast<int>(rank) + 1);
        ++out.listed;
        if (cube.tail_loss[first + rank] != loss) out.differences.push_back({node, h, cube.tail_loss[first + rank], loss});
        continue;
      }
      out.rank.push_back(0);
      ++out.beyond;
      if (ranks == 0) continue;
      const std::size_t last = first + ranks - 1;
      const bool full = cube.tail_valid[last] != 0;
      const bool ahead =
          loss > cube.tail_loss[last] || (loss == cube.tail_loss[last] && scenario < cube.tail_scenario[last]);
      if (!full || ahead) out.differences.push_back({node, h, cube.tail_loss[last], loss});
    }
  return out;
}

std::string difference_text(const Cube& cube, int cell, const Replay& replay, const TailCheck& check) {
  const TailCheck::Difference& d = check.differences.front();
  const auto name = [](const std::vector<std::string>& names, int i) { return names[static_cast<std::size_t>(i)]; };
  return "scenario " + std::to_string(replay.scenario) + " of cell \"" + name(cube.cells, cell) +
         "\" is not the run's: " + name(cube.nodes, d.node) + " loses " + shortest(d.replayed) + " after " +
         horizon_text(cube.horizon_years[static_cast<std::size_t>(d.horizon)]) + ", the cube has " + shortest(d.cube) +
         "; so it is at " + std::to_string(check.differences.size()) + " places";
}

std::vector<ToldGauge> told_gauges(const Story& story, int node) {
  const std::size_t horizons = story.job.report_steps.size(), nodes = story.job.nodes.size();
  std::vector<ToldGauge> out;
  for (std::size_t g = 0; g < story.cube.gauges.size(); ++g) {
    const auto first =
        story.replay.gauges.begin() + static_cast<std::ptrdiff_t>((g * nodes + static_cast<std::size_t>(node)) * horizons);
    const std::vector<double> value(first, first + static_cast<std::ptrdiff_t>(horizons));
    if (std::any_of(value.begin(), value.end(), [](double v) { return v != 0; }))
      out.push_back({story.cube.gauges[g], story.cube.gauge_units[g], value});
  }
  return out;
}

bool lies_under(const Job& job, NodeIndex node, int ancestor) {
  while (!is_none(node) && static_cast<int>(node) > ancestor) node = job.nodes[static_cast<std::size_t>(node)].parent;
  return !is_none(node) && static_cast<int>(node) == ancestor;
}

std::vector<std::uint32_t> largest_positions(const Story& story) {
  std::vector<std::uint32_t> out;
  for (std::uint32_t p = 0; p < story.replay.positions.size(); ++p)
    if (in_node(story, p)) out.push_back(p);
  const auto loss = [&](std::uint32_t p) { return story.replay.positions[p].loss[static_cast<std::size_t>(story.horizon)]; };
  std::stable_sort(out.begin(), out.end(), [&](std::uint32_t a, std::uint32_t b) { return loss(a) > loss(b); });
  return out;
}

std::vector<std::uint32_t> largest_defaults(const Story& story) {
  std::vector<std::uint32_t> out;
  const auto& defaults = story.replay.defaults;
  for (std::uint32_t d = 0; d < defaults.size(); ++d) {
    const auto& positions = defaults[d].positions;
    if (story.node == 0 || std::any_of(positions.begin(), positions.end(), [&](auto p) { return in_node(story, p); }))
      out.push_back(d);
  }
  std::stable_sort(out.begin(), out.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return defaults[a].loss > defaults[b].loss; });
  return out;
}

std::vector<std::uint32_t> largest_liquidations(const Story& story) {
  std::vector<std::uint32_t> out;
  for (std::uint32_t l = 0; l < story.replay.liquidations.size(); ++l)
    if (in_node(story, story.replay.liquidations[l].position)) out.push_back(l);
  const auto repaid = [&](std::uint32_t l) { return std::abs(story.replay.liquidations[l].repaid); };
  std::stable_sort(out.begin(), out.end(), [&](std::uint32_t a, std::uint32_t b) { return repaid(a) > repaid(b); });
  return out;
}

std::vector<int> largest_nodes(const Story& story) {
  std::vector<int> out;
  for (int n = story.node; n < static_cast<int>(story.job.nodes.size()); ++n)
    if (lies_under(story.job, NodeIndex{static_cast<std::uint32_t>(n)}, story.node)) out.push_back(n);
  const auto loss = [&](int n) {
    return story.replay
        .economic[static_cast<std::size_t>(n) * story.job.report_steps.size() + static_cast<std::size_t>(story.horizon)];
  };
  std::stable_sort(out.begin() + 1, out.end(), [&](int a, int b) { return loss(a) > loss(b); });
  return out;
}

std::string word(ReplayedLiquidation::How how) {
  switch (how) {
    case ReplayedLiquidation::How::seen:
      return "seen";
    case ReplayedLiquidation::How::on_the_way:
      return "on the way";
    case ReplayedLiquidation::How::after_a_jump:
      return "after a jump";
  }
  return {};
}

}  // namespace tailcube
