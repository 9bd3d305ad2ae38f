#include "src/engine/forecast.h"

#include <cmath>

#include "src/input/input.h"
#include "tests/catch_any.h"

namespace tailcube {
namespace {

struct Tiny {
  Job job;
  CompiledBook book;
  Plan plan;
  explicit Tiny(std::uint64_t scenarios, const char* tail = "exact", int ranks = 1)
      : job(read_job(
            std::string(TAILCUBE_SOURCE_DIR) + "/tests/data/tiny/job.toml",
            std::vector<std::string>{"run.scenarios=" + std::to_string(scenarios), std::string("cube.tail=") + tail})),
        book(compile(job, Detail::leaf)),
        plan(make_plan(job, book, std::size_t{1} << 30, ranks, 1)) {}
};

// A quarter of a millisecond a scenario, give or take.
Calibration measured() {
  Calibration c;
  c.scenarios = 2'000, c.half_scenarios = 1000;
  c.seconds_per_scenario = {240e-6, 260e-6, 250e-6, 250e-6};
  c.start_seconds = 0.5, c.start_wall_seconds = 0.6;
  c.encode_seconds = 0.01, c.merge_seconds = 0.03, c.sort_seconds = 0.05, c.pass_seconds = 0.02;
  c.estimate_seconds = 0.02, c.build_seconds = 0.2;
  c.tally_bytes = 40'000'000, c.half_tally_bytes = 30'000'000;
  c.cube_bytes = 1'000'000;
  return c;
}

TEST_CASE("the interval of a mean is Student's") {
  const Estimate e = mean_of({1, 2, 3, 4});
  CHECK(e.value == 2.5);
  CHECK(e.high - e.value == Approx(3.182 * std::sqrt(5.0 / 3) / 2));
  CHECK(e.low == Approx(2.5 - (e.high - 2.5)));
  CHECK(mean_of({1, 100}).low == 0);  // a time is not negative
  const Estimate one = mean_of({7});
  CHECK(one.value == 7);
  CHECK(std::isinf(one.high));
}

TEST_CASE("evaluating costs as many scenarios as there are, on whatever cores") {
  const Tiny t(1'000'000);
  const Forecast one = forecast(t.job, t.book, t.plan, measured(), {1, 1, 1});
  CHECK(one.evaluate_seconds.value == Approx(250));
  CHECK(one.evaluate_seconds.low < 250);
  CHECK(one.evaluate_seconds.high > 250);
  CHECK(one.evaluate_wall.value == Approx(250));
  CHECK(one.merge_wall.value == 0);
  const Forecast many = forecast(t.job, t.book, t.plan, measured(), {8, 2, 4});
  CHECK(many.layout.nodes() == 2);
  CHECK(many.evaluate_seconds.value == Approx(250));
  const double tile = 250e-6 * static_cast<double>(t.plan.tile_scenarios) / 2;
  CHECK(many.evaluate_wall.value == Approx(250.0 / 16 + tile / 2));
  CHECK(many.start_wall.value == 0.6);
  CHECK(many.cpu_seconds.value > one.cpu_seconds.value + 7 * 0.5);
  CHECK(many.wall_seconds.value ==
        Approx(many.start_wall.value + many.evaluate_wall.value + many.merge_wall.value + many.finish_wall.value));
  CHECK(many.efficiency == Approx(250.0 / 16 / many.wall_seconds.value));
  CHECK(many.merge_wall.low <= many.merge_wall.value);
  CHECK(many.merge_wall.value <= many.merge_wall.high);
  // Seven eighths are passed on twice, at least as long as the calibration's tallies with fewer of the worst scenarios took.
  CHECK(many.merge_wall.low >= Approx(2 * 7.0 / 8 * (0.02 / 2 + 0.04)).epsilon(0.01));
  const Forecast most = forecast(t.job, t.book, t.plan, measured(), {1024, 2, 4});
  CHECK(most.merge_wall.value < 8.0 / 7 * many.merge_wall.value);  // however many ranks there are
  CHECK(one.finish_wall.value > many.finish_wall.value + 0.04);    // which sort together
}

TEST_CASE("tallies grow with the worst scenarios they keep and with their bins") {
  const Tiny exact(1'000'000);
  Calibration c = measured();
  const double losses = static_cast<double>(tally_shape(exact.job, exact.book, {0, 5}).losses());
  const auto keep = tally_settings(exact.job).keep;
  const double tails = losses * 12 * static_cast<double>(keep(1'000'000) - std::min<std::int64_t>(2000, keep(2000)));
  c.half_tally_bytes = c.tally_bytes - static_cast<std::size_t>(losses * 12) *
                                           static_cast<std::size_t>(std::min<std::int64_t>(2000, keep(2000)) -
                                                                    std::min<std::int64_t>(1000, keep(1000)));
  const Estimate same_bins = tally_file_bytes(exact.job, exact.book, c, 1'000'000);
  CHECK(same_bins.value == Approx(static_cast<double>(c.tally_bytes) + tails));
  CHECK(same_bins.low == same_bins.high);
  c.half_tally_bytes -= 1'000'000;  // a doubling adds a megabyte of bins
  const Estimate more_bins = tally_file_bytes(exact.job, exact.book, c, 1'000'000);
  CHECK(more_bins.low == same_bins.value);
  CHECK(more_bins.value == Approx(same_bins.value + 1e6 * std::log2(500.0)));
  CHECK(more_bins.high == Approx(same_bins.value + 2e6 * std::log2(500.0)));

  c.scenarios = 40'000, c.half_scenarios = 20'000;  // a hundredth of the lists grew
  c.half_tally_bytes =
      c.tally_bytes - static_cast<std::size_t>(losses * 12 * 0.01 * static_cast<double>(keep(40'000) - keep(20'000)));
  const Estimate ended = tally_file_bytes(exact.job, exact.book, c, 1'000'000);
  const double longer = losses * 12 * static_cast<double>(keep(1'000'000) - keep(40'000));
  CHECK(ended.value == Approx(static_cast<double>(c.tally_bytes) + 0.01 * longer).epsilon(1e-4));
  CHECK(ended.low < ended.value);
  CHECK(ended.high == Approx(static_cast<double>(c.tally_bytes) + longer));

  const Tiny binned(1'000'000, "binned");
  const double few = tally_file_bytes(binned.job, binned.book, measured(), 10'000).low;
  CHECK(tally_file_bytes(binned.job, binned.book, measured(), 1'000'000).low == few);
}

TEST_CASE("a cube grows a little with its scenarios, and where fewer of the worst were seen than it lists") {
  const Tiny t(64'000);
  Calibration c = measured();
  CHECK(cube_file_bytes(t.job, c).value == Approx(1e6 * (1 + 0.02 * 5)));
  CHECK(cube_file_bytes(t.job, c).low == Approx(0.97e6));
  c.scenarios = 4;
  const double places = static_cast<double>(t.job.cells.size() * t.job.nodes.size() * t.job.report_steps.size());
  const double missing = t.job.tail_scenarios - 4;
  CHECK(missing > 0);
  CHECK(cube_file_bytes(t.job, c).value == Approx(1e6 * (1 + 0.02 * std::log2(16'000)) + 11 * places * missing));
  c.scenarios = t.job.scenarios;  // all of them: nothing is left to guess
  CHECK(cube_file_bytes(t.job, c).value == 1e6);
  CHECK(cube_file_bytes(t.job, c).low == cube_file_bytes(t.job, c).high);
}

TEST_CASE("four times the scenarios halve the error of the answer") {
  const Tiny t(1'000'000);  // the highest confidence is 99 %
  Calibration c = measured();
  c.scenarios = 10'000;
  c.shortfall_error = 0.05;
  const Estimate e = shortfall_error(t.job, c);
  CHECK(e.value == Approx(0.005));
  CHECK(e.high / e.value - 1 == Approx(0.98 * std::sqrt(8.0 / 100)));
  CHECK(e.high - e.value == Approx(e.value - e.low));
  c.scenarios = 900;
  CHECK(shortfall_error(t.job, c).value == 0);  // 9 scenarios say nothing about a tail
  c.scenarios = 10'000, c.shortfall_error = 0;
  CHECK(shortfall_error(t.job, c).value == 0);
}

TEST_CASE("ranks are suggested as long as they are busy") {
  const Tiny t(1'000'000);
  const Calibration c = measured();
  const int ranks = suggested_ranks(t.job, t.book, t.plan, c, {1, 1, 4});
  CHECK(ranks > 1);
  CHECK(ranks % 4 == 0);
  CHECK(forecast(t.job, t.book, t.plan, c, {ranks, 1, 4}).efficiency >= 0.9);
  CHECK(forecast(t.job, t.book, t.plan, c, {2 * ranks, 1, 4}).efficiency < 0.9);
  CHECK(suggested_ranks(t.job, t.book, t.plan, c, {1, 1, 6}) % 6 == 0);  // whole nodes
  const Tiny small(64);
  CHECK(suggested_ranks(small.job, small.book, small.plan, c, {1, 1, 4}) == 1);
  Calibration costless = c;
  costless.start_seconds = costless.start_wall_seconds = costless.estimate_seconds = costless.build_seconds = 0;
  costless.sort_seconds = costless.pass_seconds = 0;
  costless.tally_bytes /= 2, costless.half_tally_bytes /= 2;
  CHECK(suggested_ranks(t.job, t.book, t.plan, costless, {1, 1, 4}) > ranks);
}

TEST_CASE("time limits have a margin, checkpoints cost a hundredth") {
  Forecast f;
  f.wall_seconds = {1000, 900, 1100};
  CHECK(suggested_wall_limit(f) == 2100);  // 1 950 s, in steps of five minutes
  f.wall_seconds.high = 1;
  CHECK(suggested_wall_limit(f) == 600);
  f.wall_seconds.high = 1e9;
  CHECK(suggested_wall_limit(f) == 86400);
  f.checkpoint_seconds = 11.5;
  CHECK(suggested_checkpoint_interval(f) == 1200);
  f.checkpoint_seconds = 1e-6;
  CHECK(suggested_checkpoint_interval(f) == 600);
  f.checkpoint_seconds = 1e6;
  CHECK(suggested_checkpoint_interval(f) == 3600);
}

}  // namespace
}  // namespace tailcube
