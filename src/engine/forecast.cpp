#include "src/engine/forecast.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace tailcube {
namespace {

// Two-sided 95 % quantile of Student's t, from above beyond the table (Abramowitz and Stegun 1964, table 26.10).
double student_975(std::size_t freedom) {
  constexpr std::array<double, 10> table{12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228};
  if (freedom <= table.size()) return table[freedom - 1];
  return 1.96 + 2.7 / static_cast<double>(freedom);
}

Estimate certain(double value) { return {value, value, value}; }

// The worst scenarios: a loss and a number each.
double tail_bytes(const Job& job, const CompiledBook& book, std::uint64_t scenarios) {
  const Shape shape = tally_shape(job, book, {0, static_cast<int>(job.cells.size())});
  const auto n = static_cast<std::int64_t>(scenarios);
  const std::int64_t kept = std::min(n, tally_settings(job).keep(n));
  return static_cast<double>(shape.losses()) * static_cast<double>(kept) * (sizeof(Units) + sizeof(std::uint32_t));
}

double doublings(std::uint64_t from, std::uint64_t to) {
  return std::log2(static_cast<double>(to) / static_cast<double>(from));
}

std::uint64_t share(const Job& job, int ranks) {
  return std::max<std::uint64_t>(1, job.scenarios / static_cast<std::uint64_t>(ranks));
}

// How many times the calibration's tallies are the ones that ranks send: at first those of a rank's share of the scenarios,
// at last those of all of them.
struct Growth {
  double first, last;
  double middle() const { return (first + last) / 2; }
};
Growth growth(const Job& job, const CompiledBook& book, const Calibration& c, int ranks) {
  const double bytes = std::max(1.0, static_cast<double>(c.tally_bytes));
  return {tally_file_bytes(job, book, c, share(job, ranks)).value / bytes,
          tally_file_bytes(job, book, c, job.scenarios).value / bytes};
}

}  // namespace

Estimate mean_of(const std::vector<double>& measured) {
  const auto n = static_cast<double>(measured.size());
  double sum = 0, squares = 0;
  for (const double x : measured) sum += x;
  const double mean = sum / n;
  for (const double x : measured) squares += (x - mean) * (x - mean);
  if (measured.size() < 2) return {mean, 0, std::numeric_limits<double>::infinity()};
  const double half = student_975(measured.size() - 1) * std::sqrt(squares / (n - 1) / n);
  return {mean, std::max(0.0, mean - half), mean + half};
}

Estimate tally_file_bytes(const Job& job, const CompiledBook& book, const Calibration& c, std::uint64_t scenarios) {
  const double bytes = static_cast<double>(c.tally_bytes), tails = tail_bytes(job, book, c.scenarios);
  const double grown = bytes - static_cast<double>(c.half_tally_bytes);
  const double tails_grown = tails - tail_bytes(job, book, c.half_scenarios);
  const double longer = tail_bytes(job, book, scenarios) - tails;
  const bool halved = c.half_scenarios > 0 && c.half_scenarios < c.scenarios;
  if (halved && grown < tails_grown) {  // some lists have come to an end: a node without a loss in most scenarios
    const double share = std::max(0.0, grown / tails_grown);
    return {bytes + share * longer, bytes + 0.8 * share * longer, bytes + longer};
  }
  double more = 0;
  if (halved && scenarios > c.scenarios)
    more = (grown - tails_grown) / doublings(c.half_scenarios, c.scenarios) * doublings(c.scenarios, scenarios);
  return {bytes + longer + more, bytes + longer, bytes + longer + 2 * more};
}

double tally_file_bound(const Job& job, const CompiledBook& book) {
  const Shape one = tally_shape(job, book, {0, 1});
  const std::size_t tally = tally_bytes(tally_settings(job), static_cast<std::int64_t>(job.scenarios), book.largest_loss);
  return static_cast<double>(job.cells.size()) *
         (static_cast<double>(one.losses() * tally) + static_cast<double>((one.gauge_slots() + 1) * sizeof(Moments)) +
          static_cast<double>(job.nodes.size() * sizeof(std::int64_t)));
}

Estimate cube_file_bytes(const Job& job, const Calibration& c) {
  constexpr double entry = 11, least_entry = 8, most_entry = 14;  // scenario, loss, weight and flag of one, compressed
  constexpr double per_doubling = 0.02;                           // more bins, numbers with more digits
  const double bytes = static_cast<double>(c.cube_bytes);
  if (c.scenarios >= job.scenarios) return certain(bytes);
  const auto listed = static_cast<std::uint64_t>(job.tail_scenarios);
  const std::uint64_t missing = std::min(listed, job.scenarios) - std::min(listed, c.scenarios);
  const double entries =
      static_cast<double>(job.cells.size() * job.nodes.size() * job.report_steps.size()) * static_cast<double>(missing);
  const double growth = per_doubling * doublings(c.scenarios, job.scenarios);
  return {bytes * (1 + growth) + entry * entries, 0.97 * bytes + least_entry * entries,
          bytes * (1.03 + 2 * growth) + most_entry * entries};
}

Estimate shortfall_error(const Job& job, const Calibration& c) {
  const double beyond = (1 - job.confidence.back().value()) * static_cast<double>(c.scenarios);
  if (beyond < 10 || !(c.shortfall_error > 0)) return {};
  const double error = c.shortfall_error * std::sqrt(static_cast<double>(c.scenarios) / static_cast<double>(job.scenarios));
  // The variance of an estimated variance is (kurtosis - 1) / n, and an exponential law has kurtosis 9.
  const double half = 1.96 * std::sqrt(8 / beyond) / 2;
  return {error, std::max(0.0, 1 - half) * error, (1 + half) * error};
}

Forecast forecast(const Job& job, const CompiledBook& book, const Plan& plan, const Calibration& c, const Layout& layout) {
  Forecast f;
  f.layout = layout;
  const double ranks = layout.ranks, cores = ranks * layout.threads, scenarios = static_cast<double>(job.scenarios);
  const Estimate each = mean_of(c.seconds_per_scenario);
  f.evaluate_seconds = each * scenarios;
  f.tally_bytes = tally_file_bytes(job, book, c, job.scenarios);
  f.tally_bytes_bound = tally_file_bound(job, book);
  f.cube_bytes = cube_file_bytes(job, c);

  const double second_look = c.second_look_seconds * scenarios / static_cast<double>(c.scenarios);
  f.second_look_seconds = {second_look, 0.75 * second_look, 1.25 * second_look};

  const Growth g = growth(job, book, c, layout.ranks);
  const double sort = c.sort_seconds * g.last, finish = c.estimate_seconds * g.last + c.build_seconds;
  const double passed = c.pass_seconds * ((ranks - 1) * g.first + (1 - 1 / ranks) * g.last);
  f.cpu_seconds = f.evaluate_seconds + f.second_look_seconds + certain(ranks * c.start_seconds + passed + sort + finish);

  const double tile = each.value * static_cast<double>(std::min(plan.tile_scenarios, job.scenarios)) / layout.threads;
  // Every rank passes all but its slice on and gets as much; then rank 0 gets all slices but its own.
  const double pass =
      (1 - 1 / ranks) * (c.pass_seconds / layout.threads + static_cast<double>(c.tally_bytes) / network_bytes_per_second);
  f.start_wall = certain(c.start_wall_seconds);
  f.evaluate_wall = f.evaluate_seconds * (1 / cores);
  if (layout.ranks > 1) f.evaluate_wall = f.evaluate_wall + Estimate{tile / 2, 0, tile};
  f.merge_wall = {pass * (g.middle() + g.last), pass * (g.first + g.last), pass * 2 * g.last};
  f.finish_wall =
      f.second_look_seconds * (1 / cores) + certain(sort / cores + finish + f.cube_bytes.value / storage_bytes_per_second);
  f.wall_seconds = f.start_wall + f.evaluate_wall + f.merge_wall + f.finish_wall;
  f.efficiency = (f.evaluate_seconds + f.second_look_seconds).value / cores / f.wall_seconds.value;
  f.checkpoint_seconds =
      f.merge_wall.high + sort / cores + c.encode_seconds * g.last + f.tally_bytes.value / storage_bytes_per_second;
  return f;
}

int suggested_ranks(const Job& job, const CompiledBook& book, const Plan& plan, const Calibration& c, Layout layout,
                    double efficiency) {
  constexpr std::uint64_t tiles_each = 8;
  const std::uint64_t block = static_cast<std::uint64_t>(lanes) * static_cast<std::uint64_t>(layout.threads);
  const int node = layout.ranks_per_node;
  int best = 1;
  for (int ranks = 1; ranks <= 1 << 20; ranks *= 2) {
    layout.ranks = ranks <= node ? ranks : ranks / node * node;
    if (job.scenarios < tiles_each * block * static_cast<std::uint64_t>(layout.ranks)) break;
    if (layout.ranks > 1 && forecast(job, book, plan, c, layout).efficiency < efficiency) break;
    best = layout.ranks;
  }
  return best;
}

double suggested_wall_limit(const Forecast& f) {
  constexpr double step = 300, day = 86400;
  return std::clamp(std::ceil((1.5 * f.wall_seconds.high + step) / step) * step, 2 * step, day);
}

double suggested_checkpoint_interval(const Forecast& f) {
  constexpr double minute = 60;
  return std::clamp(std::ceil(100 * f.checkpoint_seconds / minute), 10.0, 60.0) * minute;
}

}  // namespace tailcube
