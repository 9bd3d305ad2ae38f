#include "src/cube/reverse.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/math/functions.h"
#include "src/model/no_number.h"

namespace tailcube {
namespace {

template <class Value>
MeanOf mean_of(std::span<const std::uint32_t> scenarios, Value value) {
  const auto n = static_cast<double>(scenarios.size());
  double sum = 0, squares = 0;
  for (const std::uint32_t s : scenarios) sum += value(s);
  for (const std::uint32_t s : scenarios) squares += (value(s) - sum / n) * (value(s) - sum / n);
  const double deviation = scenarios.size() < 2 ? no_number : std::sqrt(squares / (n - 1));
  return {sum / n, deviation / std::sqrt(n), deviation};
}

// Moves of prices are skewed: far in their logarithm is far either way.
double state_of(const Factor& f, double value) { return is_relative(f) ? log(value) : value; }

class Describer {
 public:
  Describer(const Job& job, int node, const ScenarioSample& tail, const ScenarioSample& usual)
      : job_(job),
        node_(static_cast<std::size_t>(node)),
        tail_(tail),
        usual_(usual),
        whitening_(job.market.correlation, job.market.factors.size()),
        w_(whitening_(tail.innovation)),
        cloud_{w_, whitening_.dimension()} {
    std::vector<std::uint32_t> all(usual.size());
    std::iota(all.begin(), all.end(), 0U);
    for (std::size_t f = 0; f < job.market.factors.size(); ++f)
      unconditional_.push_back(
          mean_of(all, [&](std::uint32_t s) { return state_of(job_.market.factors[f], usual_.value_of(s, f)); }));
  }
  const Cloud& cloud() const { return cloud_; }

  TailPart part(std::vector<std::uint32_t> scenarios) const {
    TailPart out;
    out.share = proportion(static_cast<std::int64_t>(scenarios.size()), static_cast<std::int64_t>(tail_.size()));
    out.loss = mean_of(scenarios, [&](std::uint32_t s) { return static_cast<double>(tail_.loss_of(s, node_)); });
    out.centre = centre_of(cloud_, scenarios);
    for (std::uint32_t f = 0; f < job_.market.factors.size(); ++f) out.factors.push_back(factor(f, scenarios, out.centre));
    const auto far = [](const FactorInTail& f) { return std::isnan(f.distance.value) ? -1 : std::abs(f.distance.value); };
    std::stable_sort(out.factors.begin(), out.factors.end(),
                     [&](const FactorInTail& a, const FactorInTail& b) { return far(a) > far(b); });
    out.scenarios = std::move(scenarios);
    return out;
  }

 private:
  FactorInTail factor(std::uint32_t f, std::span<const std::uint32_t> scenarios, const Centre& centre) const {
    const Factor& what = job_.market.factors[f];
    FactorInTail out{f, {}, {}, {no_number, no_number}, move_of(what, tail_.value_of(centre.nearest, f))};
    out.move = mean_of(scenarios, [&](std::uint32_t s) { return move_of(what, tail_.value_of(s, f)); });
    out.innovation = mean_of(scenarios, [&](std::uint32_t s) { return tail_.innovation_of(s, f); });
    const MeanOf& usual = unconditional_[f];
    // What the cell pins does not move, but for rounding.
    if (!(usual.deviation > 1e-9 * std::max(1e-3, std::abs(usual.mean)))) return out;
    const MeanOf state = mean_of(scenarios, [&](std::uint32_t s) { return state_of(what, tail_.value_of(s, f)); });
    const double value = (state.mean - usual.mean) / usual.deviation;
    out.distance = {value, std::hypot(state.error, usual.error) / usual.deviation};
    return out;
  }

  const Job& job_;
  std::size_t node_;
  const ScenarioSample &tail_, &usual_;
  Whitening whitening_;
  std::vector<double> w_;
  Cloud cloud_;
  std::vector<MeanOf> unconditional_;  // [factor] of the state
};

// Of the positions under the node.
std::vector<std::uint32_t> obligors_of(const Job& job, int node) {
  std::vector<std::uint8_t> under(job.nodes.size(), 0), owes(job.obligors.size(), 0);
  for (std::size_t n = static_cast<std::size_t>(node); n < job.nodes.size(); ++n)
    under[n] = n == static_cast<std::size_t>(node) ||
               (!is_none(job.nodes[n].parent) && under[static_cast<std::size_t>(job.nodes[n].parent)] != 0);
  for (const PositionTable& table : job.tables)
    for (std::size_t p = 0; p < table.positions.size(); ++p) {
      const ObligorIndex who = table.positions.obligor[p];
      if (!is_none(who) && under[static_cast<std::size_t>(table.positions.leaf[p])] != 0)
        owes[static_cast<std::size_t>(who)] = 1;
    }
  std::vector<std::uint32_t> out;
  for (std::uint32_t o = 0; o < owes.size(); ++o)
    if (owes[o] != 0) out.push_back(o);
  return out;
}

void add_defaults(const Job& job, int node, int step, const ScenarioSample& tail, ReverseStress& out) {
  const std::vector<std::uint32_t> obligors = obligors_of(job, node);
  out.obligors = obligors.size();
  std::vector<std::int64_t> count(job.obligors.size(), 0);
  for (const auto& defaults : tail.defaults)
    for (const std::uint32_t o : defaults) ++count[o];
  const auto n = static_cast<std::int64_t>(tail.size());
  for (const std::uint32_t o : obligors) {
    if (count[o] == 0 || job.obligors.days_past_due[o] >= days_in_default) continue;
    const std::uint32_t term = job.obligors.term_of(o);
    const double pd = term == none ? default_curve(job.obligors.pd_1y[o], job.step_years, step).back()
                                   : default_curve(job.obligors.terms[term], job.step_years, step).back();
    const auto hits = static_cast<double>(count[o]);
    const double p = pd <= 0 ? 0 : pd >= 1 ? 1 : incomplete_beta(hits, static_cast<double>(n - count[o]) + 1, pd);
    if (p < ReverseStress::level / static_cast<double>(obligors.size()))
      out.defaults.push_back({o, count[o], proportion(count[o], n), pd, p});
  }
  std::stable_sort(out.defaults.begin(), out.defaults.end());
}

}  // namespace

bool is_relative(const Factor& f) { return f.process == Process::lognormal || f.process == Process::log_ou; }
double move_of(const Factor& f, double value) {
  if (f.process == Process::driver) return value;
  return is_relative(f) ? value / f.initial - 1 : value - f.initial;
}

ReverseStress reverse_stress(const Job& job, int node, int horizon, const ScenarioSample& tail, const ScenarioSample& usual,
                             std::size_t clusters) {
  const Describer describe(job, node, tail, usual);
  ReverseStress out;
  out.dimension = describe.cloud().dimension;
  std::vector<std::uint32_t> all(tail.size());
  std::iota(all.begin(), all.end(), 0U);
  out.all = describe.part(all);
  const Clustering found = find_clusters(describe.cloud(), clusters);
  out.log_criterion = found.log_criterion;
  for (std::uint32_t c = 0; c < found.count; ++c) {
    std::vector<std::uint32_t> own;
    for (std::uint32_t s = 0; s < tail.size(); ++s)
      if (found.of[s] == c) own.push_back(s);
    out.clusters.push_back(describe.part(std::move(own)));
  }
  add_defaults(job, node, job.report_steps[static_cast<std::size_t>(horizon)], tail, out);
  return out;
}

}  // namespace tailcube
