#include "hpc/calibration.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "hpc/contribute.h"
#include "hpc/cube_file.h"
#include "hpc/machine.h"
#include "kernels/tally/slices.h"
#include "src/cube/precision.h"

namespace tailcube {
namespace {

template <class Action>
double timed(const Action& action) {
  const double before = cpu_seconds();
  action();
  return cpu_seconds() - before;
}

// Seconds for a block of all cells, memory and tables already touched once.
double block_seconds(const Job& job, const CompiledBook& book, const Plan& plan, const Poll& check, FaultLog& faults) {
  const Tile block{0, std::min<std::uint64_t>(lanes, job.scenarios)};
  double seconds = 0;
  for (const CellRange group : plan.groups) {
    Evaluator evaluate(book, group, 1);
    Tallies tallies(tally_shape(job, book, group), tally_settings(job));
    evaluate(block, tallies, faults, check);
    seconds += timed([&] { evaluate(block, tallies, faults, check); });
  }
  return seconds;
}

// A sixteenth of what the time allows each, evenly over the range.
std::vector<Tile> choose_tiles(const Job& job, const Plan& plan, double blocks) {
  constexpr std::uint64_t wanted = 16, least = 3;
  const std::uint64_t affordable = static_cast<std::uint64_t>(std::clamp(blocks, 1.0, 1e12));
  const std::uint64_t size =
      std::clamp<std::uint64_t>(affordable / wanted, 1, (plan.tile_scenarios + lanes - 1) / lanes) * lanes;
  const std::uint64_t all = (job.scenarios + size - 1) / size;
  const std::uint64_t count = std::clamp<std::uint64_t>(affordable * lanes / size, std::min(least, all), all);
  std::vector<Tile> tiles;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t begin = (count == 1 ? 0 : i * (all - 1) / (count - 1)) * size;
    tiles.push_back({begin, std::min(begin + size, job.scenarios)});
  }
  return tiles;
}

std::uint64_t scenarios_of(const std::vector<Tile>& tiles, std::size_t count) {
  std::uint64_t n = 0;
  for (std::size_t i = 0; i < count; ++i) n += tiles[i].end - tiles[i].begin;
  return n;
}

// A cell of a group: what is copied stays small however many cells there are.
Tallies one_cell(const Tallies& all, int cell) {
  Shape shape = all.shape;
  shape.cells = 1;
  Tallies one(shape, all.settings);
  const auto cut = [&](const auto& from, auto& to) {
    const auto each = static_cast<std::ptrdiff_t>(from.size()) / all.shape.cells;
    to.assign(from.begin() + cell * each, from.begin() + (cell + 1) * each);
  };
  for (std::size_t slot = 0; slot < one.losses.size(); ++slot)
    one.losses[slot] = all.loss(static_cast<std::size_t>(cell) * one.losses.size() + slot);
  cut(all.gauges, one.gauges);
  cut(all.conditional_pd, one.conditional_pd);
  cut(all.faults, one.faults);
  return one;
}

class Calibrator {
 public:
  Calibrator(const Job& job, const CompiledBook& book, const std::vector<Tile>& tiles)
      : job_(job), book_(book), tiles_(tiles), sample_(job) {
    c_.scenarios = scenarios_of(tiles, tiles.size());
    c_.half_scenarios = scenarios_of(tiles, half());
    c_.seconds_per_scenario.assign(tiles.size(), 0.0);
    sample_.scenarios = c_.scenarios;
    estimator_ = std::make_unique<Estimator>(sample_, book);
  }

  void group(CellRange group, const Poll& check, FaultLog& faults) {
    const Tallies empty(tally_shape(job_, book_, group), tally_settings(job_));
    Tallies tallies = empty;
    Evaluator evaluate(book_, group, 1);
    evaluate(tiles_[0], tallies, faults, check);  // memory and tables are touched for the first time
    tallies = empty;
    for (std::size_t i = 0; i < tiles_.size() && faults.empty(); ++i) {
      if (i == half()) halfway(tallies);
      const double used = timed([&] { evaluate(tiles_[i], tallies, faults, check); });
      c_.seconds_per_scenario[i] += used / static_cast<double>(tiles_[i].end - tiles_[i].begin);
    }
    for (int cell = group.begin; cell < group.end && faults.empty(); ++cell)
      merge(cell, one_cell(tallies, cell - group.begin));
  }

  Calibration finish() {
    c_.second_look_seconds = timed([&] { look_again(); });
    Cube cube;
    c_.estimate_seconds += timed([&] { cube = estimator_->finish(); });
    c_.shortfall_error = shortfall_error(cube).relative;
    c_.build_seconds = timed([&] { c_.cube_bytes = cube_bytes(sample_, cube); });
    return c_;
  }

 private:
  void look_again() {
    WorkSettings alone;
    int stop = 0;
    contribute(book_, sample_, alone, *estimator_, stop);
  }
  std::size_t half() const { return tiles_.size() / 2; }
  void halfway(const Tallies& tallies) {
    for (int cell = 0; cell < tallies.shape.cells; ++cell) {
      Tallies one = one_cell(tallies, cell);
      c_.half_tally_bytes += to_bytes(one).size();
    }
  }
  void merge(int cell, Tallies&& one) {
    std::vector<std::byte> bytes;
    std::optional<Tallies> other(one), sum(one);
    c_.pass_seconds += timed([&] { add_slice(sum, take_slice(*other, {}, 1), 1); });
    other.reset(), sum.reset();
    c_.sort_seconds += timed([&] { sort_tails(one, {}, 1); });
    c_.encode_seconds += timed([&] { bytes = to_bytes(one); });
    c_.tally_bytes += bytes.size();
    c_.merge_seconds += timed([&] { tallies_from_bytes(bytes).merge(one); });
    c_.estimate_seconds += timed([&] { estimator_->add({cell, cell + 1}, std::move(one)); });
  }

  const Job& job_;
  const CompiledBook& book_;
  const std::vector<Tile>& tiles_;
  Job sample_;  // the same book with as many scenarios as are evaluated
  std::unique_ptr<Estimator> estimator_;
  Calibration c_;
};

}  // namespace

Calibration calibrate(const Job& job, const CompiledBook& book, const Plan& plan, double seconds, const Poll& check,
                      FaultLog& faults) {
  const double block = block_seconds(job, book, plan, check, faults);
  if (!faults.empty()) return {};
  const std::vector<Tile> tiles = choose_tiles(job, plan, seconds / std::max(block, 1e-9));
  Calibrator calibrator(job, book, tiles);
  for (const CellRange group : plan.groups) {
    calibrator.group(group, check, faults);
    if (!faults.empty()) return {};
  }
  return calibrator.finish();
}

}  // namespace tailcube
