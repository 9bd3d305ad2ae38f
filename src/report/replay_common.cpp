#include "src/report/replay_common.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "src/report/replay_story.h"

namespace tailcube {
namespace {

template <class Parts>
void order(Parts& parts) {
  std::stable_sort(parts.begin(), parts.end(), [](const auto& a, const auto& b) { return a.loss.sum > b.loss.sum; });
}

}  // namespace

double MeanOfWorst::mean(std::size_t scenarios) const { return sum / static_cast<double>(scenarios); }
double MeanOfWorst::error(std::size_t scenarios) const {
  if (scenarios < 2) return std::numeric_limits<double>::quiet_NaN();
  const auto n = static_cast<double>(scenarios);
  return std::sqrt(std::max(0.0, squares / n - mean(scenarios) * mean(scenarios)) / (n - 1));
}

CommonTraits::CommonTraits(const Job& job, const Cube& cube, int cell, int node, int horizon, std::size_t most)
    : out_{job, cube, cell, node, horizon, most, {}, {}, {}, {}, {}, {}, {}, {}} {
  for (std::uint32_t f = 0; f < job.market.factors.size(); ++f) out_.factors.push_back({f, {}, 0, 0});
  out_.gauges.resize(cube.gauges.size());
  for (std::uint32_t n = static_cast<std::uint32_t>(node) + 1; n < job.nodes.size(); ++n)
    if (lies_under(job, NodeIndex{n}, node)) out_.nodes.push_back({n, {}});
  of_obligor_.assign(job.obligors.size(), none);
}

bool moves_relatively(const Factor& f) { return f.process == Process::lognormal || f.process == Process::log_ou; }

double factor_move(const Factor& f, double value) {
  if (f.process == Process::driver) return value;
  return moves_relatively(f) ? value / f.initial - 1 : value - f.initial;
}

void CommonTraits::add(const Replay& replay) {
  const Job& job = out_.job;
  const auto h = static_cast<std::size_t>(out_.horizon);
  const std::size_t horizons = job.report_steps.size();
  const int step = job.report_steps[h];
  const auto loss_of = [&](std::size_t node) {
    return static_cast<double>(replay.economic[node * horizons + h]) * replay.unit;
  };
  out_.scenarios.push_back(replay.scenario);
  out_.loss.add(loss_of(static_cast<std::size_t>(out_.node)));
  for (Common::Factor& f : out_.factors)
    f.move.add(factor_move(job.market.factors[f.factor], replay.path[f.factor][static_cast<std::size_t>(step)]));
  for (std::size_t g = 0; g < out_.gauges.size(); ++g)
    out_.gauges[g].add(replay.gauges[(g * job.nodes.size() + static_cast<std::size_t>(out_.node)) * horizons + h]);
  for (Common::Part& n : out_.nodes) {
    n.loss.add(loss_of(n.place));
    n.loss.count += loss_of(n.place) > 0;
  }

  if (of_position_.empty()) {
    of_position_.assign(replay.positions.size(), none);
    for (std::uint32_t p = 0; p < replay.positions.size(); ++p) {
      out_.position.emplace_back(replay.positions[p].table, replay.positions[p].place);
      if (!lies_under(job, replay.positions[p].leaf, out_.node)) continue;
      of_position_[p] = static_cast<std::uint32_t>(out_.positions.size());
      out_.positions.push_back({p, {}});
    }
  }
  std::vector<std::uint32_t> largest;
  for (Common::Part& p : out_.positions) {
    p.loss.add(replay.positions[p.place].loss[h]);
    if (replay.positions[p.place].loss[h] > 0) largest.push_back(p.place);
  }
  const std::size_t leading = std::min(Common::leading, largest.size());
  const auto before = [&](std::uint32_t a, std::uint32_t b) {
    const double x = replay.positions[a].loss[h], y = replay.positions[b].loss[h];
    return x != y ? x > y : a < b;
  };
  std::partial_sort(largest.begin(), largest.begin() + static_cast<std::ptrdiff_t>(leading), largest.end(), before);
  for (std::size_t i = 0; i < leading; ++i) ++out_.positions[of_position_[largest[i]]].loss.count;

  for (const ReplayedDefault& d : replay.defaults) {
    double lost = 0;
    bool here = false;
    for (const std::uint32_t p : d.positions)
      if (of_position_[p] != none) here = true, lost += replay.positions[p].loss[h];
    if (!here || d.step > step) continue;
    std::uint32_t& at = of_obligor_[d.obligor];
    if (at == none) at = static_cast<std::uint32_t>(out_.obligors.size()), out_.obligors.push_back({d.obligor, {}});
    out_.obligors[at].loss.add(lost);
    ++out_.obligors[at].loss.count;
  }
}

std::vector<Common::Factor> usual_moves(const Job& job, const std::vector<std::vector<double>>& sample) {
  std::vector<Common::Factor> all;
  all.reserve(sample.size());
  for (std::uint32_t i = 0; i < sample.size(); ++i) {
    const std::vector<double>& values = sample[i];
    const auto move = [&](double value) { return factor_move(job.market.factors[i], value); };
    double sum = 0, squares = 0;
    for (const double value : values) sum += move(value);
    const auto n = static_cast<double>(values.size());
    for (const double value : values) squares += std::pow(move(value) - sum / n, 2);
    Common::Factor f{i, {}, sum / n, std::sqrt(squares / (n - 1))};
    // What the cell pins does not move, but for rounding.
    if (f.usual_deviation < 1e-9 * std::max(1e-3, std::abs(f.usual_mean))) f.usual_deviation = 0;
    all.push_back(f);
  }
  return all;
}

Common CommonTraits::finish(const std::vector<std::vector<double>>& sample) {
  const std::vector<Common::Factor> usual = usual_moves(out_.job, sample);
  for (Common::Factor& f : out_.factors) {
    f.usual_mean = usual[f.factor].usual_mean;
    f.usual_deviation = usual[f.factor].usual_deviation;
  }
  const std::size_t n = out_.scenarios.size();
  const auto distance = [n](const Common::Factor& f) { return f.usual_deviation > 0 ? std::abs(f.distance(n)) : 0; };
  std::stable_sort(out_.factors.begin(), out_.factors.end(),
                   [&](const Common::Factor& a, const Common::Factor& b) { return distance(a) > distance(b); });
  order(out_.nodes);
  order(out_.obligors);
  order(out_.positions);
  return std::move(out_);
}

}  // namespace tailcube
