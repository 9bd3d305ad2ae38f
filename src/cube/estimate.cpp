#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "src/cube/cube.h"
#include "src/cube/estimators.h"
#include "src/engine/concentration.h"
#include "src/model/no_number.h"

namespace tailcube {
namespace {

std::size_t size(const std::vector<std::string>& axis) { return axis.size(); }

void size_axes(Cube& cube, const Job& job) {
  cube.quantities = {"economic", "credit"};
  if (job.published_values) cube.quantities.insert(cube.quantities.end(), {"published", "gap"});
  for (const CellSpec& cell : job.cells) cube.cells.push_back(cell.name);
  for (const Node& node : job.nodes) cube.nodes.push_back(node.path);
  cube.gauges = gauge_names(job.ratios);
  cube.gauge_units = gauge_units(job);
  for (const int step : job.report_steps) cube.horizon_years.push_back(step * job.step_years);
  cube.confidence = job.confidence;
}

void size_values(Cube& cube) {
  const std::size_t places = size(cube.cells) * size(cube.nodes) * cube.horizon_years.size();
  for (auto* values : {&cube.expected_loss, &cube.expected_loss_se, &cube.loss_std, &cube.worst_loss,
                       &cube.probability_of_loss, &cube.probability_of_loss_se})
    values->assign(size(cube.quantities) * places, no_number);
  for (auto* values : {&cube.value_at_risk, &cube.value_at_risk_lower, &cube.value_at_risk_upper, &cube.expected_shortfall,
                       &cube.expected_shortfall_se, &cube.expected_shortfall_lower, &cube.expected_shortfall_upper})
    values->assign(size(cube.quantities) * places * cube.confidence.size(), no_number);
  cube.estimate_flag.assign(cube.value_at_risk.size(), 0);
  cube.gauge_mean.assign(size(cube.gauges) * places, no_number);
  cube.gauge_se = cube.gauge_mean;
  cube.contribution.assign(size(cube.cells) * size(cube.edges) * cube.horizon_years.size() * cube.confidence.size(),
                           no_number);
  cube.contribution_se = cube.contribution;
  cube.cell_conditional_pd.assign(size(cube.cells), no_number);
  cube.cell_effective_scenarios = cube.cell_conditional_pd;
  cube.fault_count.assign(size(cube.cells) * size(cube.nodes), 0);
  cube.fault_share.assign(cube.fault_count.size(), 0);
  const std::size_t ranks = places * static_cast<std::size_t>(cube.tail_ranks);
  cube.tail_scenario.assign(ranks, -1);
  cube.tail_loss.assign(ranks, no_number);
  cube.tail_weight.assign(ranks, no_number);
  cube.tail_valid.assign(ranks, 0);
}

}  // namespace

std::size_t Cube::at(int quantity, int cell, int node, int horizon) const {
  const auto next = [](std::size_t outer, std::size_t extent, int index) {
    return outer * extent + static_cast<std::size_t>(index);
  };
  return next(next(next(static_cast<std::size_t>(quantity), cells.size(), cell), nodes.size(), node), horizon_years.size(),
              horizon);
}

std::size_t Cube::at_edge(int cell, std::size_t edge, int horizon, int level) const {
  const std::size_t place = static_cast<std::size_t>(cell) * edges.size() + edge;
  return (place * horizon_years.size() + static_cast<std::size_t>(horizon)) * confidence.size() +
         static_cast<std::size_t>(level);
}

std::size_t Cube::at_part(int cell, std::size_t part, int horizon, int level) const {
  const std::size_t place = static_cast<std::size_t>(cell) * parts.size() + part;
  return (place * horizon_years.size() + static_cast<std::size_t>(horizon)) * confidence.size() +
         static_cast<std::size_t>(level);
}

std::size_t Cube::at(int quantity, int cell, int node, int horizon, int level) const {
  return at(quantity, cell, node, horizon) * confidence.size() + static_cast<std::size_t>(level);
}

Cube make_cube(const Job& job, const CompiledBook& book) {
  Cube cube;
  size_axes(cube, job);
  cube.scenarios = static_cast<std::int64_t>(job.scenarios);
  cube.unit = book.unit;
  cube.currency = job.currency;
  cube.base_value = book.base_value;
  cube.base_published_value = book.base_published_value;
  cube.gauge_today = book.base_gauge;
  cube.tail_ranks = job.tail_scenarios;
  for (const CellShocks& cell : book.cells) {
    cube.cell_distance.push_back(cell.distance);
    cube.cell_propagates.push_back(cell.propagate ? 1 : 0);
  }
  for (const ContributionEdges::Edge& edge : contribution_edges(job).edges) {
    cube.edge_parent.push_back(job.nodes[static_cast<std::size_t>(edge.parent)].path);
    cube.edge_child.push_back(job.nodes[static_cast<std::size_t>(edge.child)].path);
    cube.edges.push_back(cube.edge_child.back() + " in " + cube.edge_parent.back());
  }
  size_values(cube);
  return cube;
}

void add_concentration(Cube& cube, const Job& job) {
  for (Concentration& c : concentration(job)) {
    cube.exposure.push_back(c.exposure);
    cube.names.push_back(c.names);
    cube.herfindahl_index.push_back(c.herfindahl_index);
    cube.effective_names.push_back(c.effective_names);
    cube.largest_exposure.push_back(c.largest_exposure);
    cube.largest_share.push_back(c.largest_share);
    cube.largest_loss.push_back(c.largest_loss);
    cube.largest_name.push_back(c.names > 0 ? std::move(c.largest_name) : "none");
    cube.largest_loss_name.push_back(c.names > 0 ? std::move(c.largest_loss_name) : "none");
  }
}

void add_quarantine(Cube& cube, const Job& job, const Quarantine& quarantine, const std::vector<std::int64_t>& fault_count) {
  cube.fault_count = fault_count;
  for (std::size_t i = 0; i < cube.fault_share.size(); ++i) cube.fault_share[i] = quarantine.share(i % cube.nodes.size());
  for (const Quarantine::Position& p : quarantine.positions()) {
    cube.quarantined.push_back(p.id);
    cube.quarantined_instrument.emplace_back(p.instrument->name);
    cube.quarantined_path.push_back(job.nodes[static_cast<std::size_t>(p.leaf)].path);
    cube.quarantined_reason.emplace_back(words(p.first.reason));
    cube.quarantined_cell.push_back(job.cells[static_cast<std::size_t>(p.first.cell)].name);
    cube.quarantined_scenario.push_back(static_cast<std::int64_t>(p.first.scenario));
    cube.quarantined_share.push_back(quarantine.share(p));
  }
}

namespace {

// One tally, written to its place in the cube.
struct Place {
  Cube& cube;
  const std::vector<RankInterval>& ranks;
  int quantity, cell, node, horizon;

  void moments(const Moments& m) const {
    const MomentEstimate e = estimate_moments(m);
    const std::size_t at = cube.at(quantity, cell, node, horizon);
    cube.expected_loss[at] = e.mean * cube.unit;
    cube.expected_loss_se[at] = e.mean_se * cube.unit;
    cube.loss_std[at] = e.deviation * cube.unit;
    cube.probability_of_loss[at] = e.probability_positive;
    cube.probability_of_loss_se[at] = e.probability_positive_se;
  }

  void tail(const TailView& view) const {
    cube.worst_loss[cube.at(quantity, cell, node, horizon)] = static_cast<double>(view.worst().loss[0]) * cube.unit;
    for (std::size_t c = 0; c < cube.confidence.size(); ++c) {
      const TailEstimate e = estimate_tail(view, cube.confidence[c], ranks[c]);
      const std::size_t at = cube.at(quantity, cell, node, horizon, static_cast<int>(c));
      cube.value_at_risk[at] = e.value_at_risk * cube.unit;
      cube.value_at_risk_lower[at] = e.value_at_risk_lower * cube.unit;
      cube.value_at_risk_upper[at] = e.value_at_risk_upper * cube.unit;
      cube.expected_shortfall[at] = e.expected_shortfall * cube.unit;
      cube.expected_shortfall_se[at] = e.expected_shortfall_se * cube.unit;
      cube.expected_shortfall_lower[at] = e.expected_shortfall_lower * cube.unit;
      cube.expected_shortfall_upper[at] = e.expected_shortfall_upper * cube.unit;
      cube.estimate_flag[at] = e.flag;
    }
  }

  void worst(const Tail::Worst& worst) const {
    const auto ranks_listed = static_cast<std::size_t>(cube.tail_ranks);
    const std::size_t n = std::min(ranks_listed, static_cast<std::size_t>(cube.scenarios));
    if (worst.size() < n) throw std::runtime_error("fewer of the worst scenarios were kept than /tail lists");
    const std::size_t first = cube.at(0, cell, node, horizon) * ranks_listed;
    for (std::size_t i = 0; i < n; ++i) {
      cube.tail_scenario[first + i] = worst.scenario[i];
      cube.tail_loss[first + i] = static_cast<double>(worst.loss[i]) * cube.unit;
      cube.tail_weight[first + i] = worst.weight.empty() ? 1 : static_cast<double>(worst.weight[i]) * 0x1p-56;
      cube.tail_valid[first + i] = 1;
    }
  }
};

}  // namespace

Estimator::Estimator(const Job& job, const CompiledBook& book)
    : job_(job),
      cube_(make_cube(job, book)),
      gauge_unit_(book.gauge_unit),
      any_obligors_(!book.credit.obligors.empty()),
      distribution_(cube_.at(1, 0, 0, 0)),
      contributions_(job) {
  for (const Confidence& confidence : job.confidence) ranks_.push_back(order_statistic_ranks(cube_.scenarios, confidence));
}

void Estimator::add_losses(Tally& tally, int quantity, int cell, int node, int horizon) {
  if (tally.moments.count != cube_.scenarios)
    throw std::runtime_error(std::to_string(tally.moments.count) + " of " + std::to_string(cube_.scenarios) +
                             " scenarios were evaluated");
  const Place place{cube_, ranks_, quantity, cell, node, horizon};
  place.moments(tally.moments);
  const Tail::Worst worst = tally.tail.worst();
  if (tally.histogram.with_sums())
    place.tail({cube_.scenarios, worst, tally.histogram.occupied(), tally.histogram.bits()});
  else
    place.tail({cube_.scenarios, worst});
  if (quantity != 0) return;
  place.worst(worst);
  distribution_.add(cube_.at(0, cell, node, horizon), tally.histogram);
  contributions_.add(cell, node, horizon, worst, tally.tail.keep().at_least);
}

void Estimator::add_cell(const Tallies& tallies, int cell, int local) {
  const Shape& shape = tallies.shape;
  for (int gauge = 0; gauge < shape.gauges; ++gauge) {
    const double unit = gauge_unit_[static_cast<std::size_t>(gauge)];
    for (int node = 0; node < shape.nodes; ++node)
      for (int h = 0; h < shape.horizons; ++h) {
        const MomentEstimate e = estimate_moments(tallies.gauges[shape.gauge(local, gauge, node, h)]);
        const std::size_t at = cube_.at(gauge, cell, node, h);
        cube_.gauge_mean[at] = e.mean * unit;
        cube_.gauge_se[at] = e.mean_se * unit;
      }
  }
  const auto c = static_cast<std::size_t>(cell), from = static_cast<std::size_t>(local);
  if (any_obligors_) cube_.cell_conditional_pd[c] = estimate_moments(tallies.conditional_pd[from]).mean * 0x1p-40;
  const Moments& weights = tallies.loss(shape.loss(0, local, 0, 0, 0)).moments;
  const double sum = static_cast<double>(weights.weight) * 0x1p-56;
  cube_.cell_effective_scenarios[c] = sum * sum / (static_cast<double>(weights.weight_squared) * 0x1p-56);
}

void Estimator::add(CellRange range, Tallies&& given) {
  Tallies tallies = std::move(given);
  const Shape& shape = tallies.shape;
  if (shape.replicates != 1) throw std::runtime_error("an estimate takes one replicate");
  for (int cell = range.begin; cell < range.end; ++cell) {
    const int local = cell - range.begin;
    for (int quantity = 0; quantity < shape.quantities; ++quantity)
      for (int node = 0; node < shape.nodes; ++node)
        for (int h = 0; h < shape.horizons; ++h) try {
            add_losses(tallies.loss(shape.loss(0, local, quantity, node, h)), quantity, cell, node, h);
          } catch (const std::runtime_error& error) {
            throw std::runtime_error("cell \"" + cube_.cells[static_cast<std::size_t>(cell)] + "\", node " +
                                     cube_.nodes[static_cast<std::size_t>(node)] + ", step " +
                                     std::to_string(job_.report_steps[static_cast<std::size_t>(h)]) + ": " + error.what());
          }
    add_cell(tallies, cell, local);
  }
}

void Estimator::set_parts(const std::vector<Part>& parts) {
  first_part_.assign(job_.contributions.size(), 0);
  for (std::size_t p = 0; p < first_part_.size(); ++p)
    first_part_[p] = static_cast<std::size_t>(
        std::find_if(parts.begin(), parts.end(), [p](const Part& part) { return part.parent >= p; }) - parts.begin());
  for (const Part& part : parts) {
    const auto parent = static_cast<std::size_t>(job_.contributions[part.parent]);
    cube_.part_parent.push_back(job_.nodes[parent].path);
    cube_.part_column.push_back(job_.contribute_by[part.column].name);
    cube_.part_value.push_back(part.value);
    std::string& name = cube_.parts.emplace_back(cube_.part_column.back());
    name.append("=").append(part.value).append(" in ").append(cube_.part_parent.back());
  }
  const std::size_t estimates = cube_.horizon_years.size() * cube_.confidence.size();
  cube_.contribution_by.assign(cube_.cells.size() * parts.size() * estimates, no_number);
  cube_.contribution_by_se = cube_.contribution_by;
}

void Estimator::set_contributions(int cell, const ContributionEdges& edges, const ContributionSums& sums) {
  const std::size_t horizons = cube_.horizon_years.size(), nodes = cube_.nodes.size();
  for (const ContributionEdges::Parent& parent : edges.parents) {
    const std::span lists = std::span(contributions_.tails(cell).lists).subspan(parent.number * horizons, horizons);
    std::size_t in_tree = contributions_.edges().parents[parent.number].first;
    std::size_t in_parts = first_part_.empty() ? 0 : first_part_[parent.number];
    std::vector<std::vector<std::int64_t>> ends;
    ends.reserve(horizons);
    for (const CellTails::List& list : lists) ends.push_back(segment_ends(list.cut));
    for (std::size_t e = parent.first; e < parent.last; ++e) {
      const bool is_part = static_cast<std::size_t>(edges.edges[e].child) >= nodes;
      const std::size_t place = is_part ? in_parts++ : in_tree++;
      for (std::size_t h = 0; h < horizons; ++h)
        for (std::size_t k = 0; k < cube_.confidence.size(); ++k) {
          const TailCut& cut = lists[h].cut[k];
          const ContributionEstimate found =
              estimate_contribution(edge_sums(sums.at(e, h), ends[h], cut), cut, cube_.scenarios, cube_.confidence[k]);
          const int horizon = static_cast<int>(h), level = static_cast<int>(k);
          const std::size_t at =
              is_part ? cube_.at_part(cell, place, horizon, level) : cube_.at_edge(cell, place, horizon, level);
          (is_part ? cube_.contribution_by : cube_.contribution)[at] = found.value * cube_.unit;
          (is_part ? cube_.contribution_by_se : cube_.contribution_se)[at] = found.standard_error * cube_.unit;
        }
    }
  }
}

Cube Estimator::finish() {
  distribution_.write(cube_);
  add_concentration(cube_, job_);
  return std::move(cube_);
}

}  // namespace tailcube
