// What a stress does to paths: shocks, pins, order, errors; which bytes it leaves alone.
#include <limits>

#include "tests/catch_any.h"
#include "tests/unit/engine/stress_job.h"

namespace {

using namespace tailcube;
using namespace tailcube::test;
constexpr double blank = std::numeric_limits<double>::quiet_NaN();
constexpr auto add = Operation::add, multiply = Operation::multiply, set = Operation::set;

// BTC (lognormal), HPI (log_ou), RATE (ou), SME (driver), UST (normal), by id, all correlated.
Job five() {
  const std::vector<double> c{1,   0.3, -0.2, 0.4, 0.1, 0.3, 1,   0.2, 0.3,  -0.1, -0.2, 0.2, 1,
                              0.1, 0.6, 0.4,  0.3, 0.1, 1,   0.0, 0.1, -0.1, 0.6,  0.0,  1};
  return stress_job({{"BTC", Process::lognormal, 60000, 0.05, 0.7},
                     {"HPI", Process::log_ou, 100, 0, 0.08, 0.2, 4.7},
                     {"RATE", Process::ou, 0.04, 0, 0.01, 0.3, 0.03},
                     {"SME", Process::driver},
                     {"UST", Process::normal, 0.042, 0, 0.009}},
                    0.25, 8, c);
}
struct Paths {
  Paths(const Job& job, const CellShocks& shocks, std::uint64_t first = 0) : shocked(job.market, 5), base(job.market, 5) {
    base.draw(job.market, unshocked_cell(job), first);
    shocked.draw(job.market, shocks, first, &base.block);
  }
  double value(std::size_t f, int n, std::size_t lane = 7) const { return shocked.block.factors(f, n)[lane]; }
  double before(std::size_t f, int n, std::size_t lane = 7) const { return base.block.factors(f, n)[lane]; }
  bool same(std::size_t f) const {
    for (int n = 0; n < base.block.factors.steps(); ++n)
      if (!same_bytes(base.block.factors(f, n), shocked.block.factors(f, n))) return false;
    return true;
  }
  Simulation shocked, base;
};

TEST_CASE("overlays act on the simulated value at their steps, in the order written") {
  Job job = five();
  const CellShocks c = compiled(job, cell({shock(0, multiply, 0.5), shock(0, add, 100, 2, 3), shock(0, multiply, 2, 3),
                                           shock(4, add, -0.02, 1, 4), shock(2, set, 0.1, 5, 5)}));
  const Paths p(job, c);
  CHECK(c.touched == std::vector<std::uint8_t>{touch_overlay, 0, touch_overlay, 0, touch_overlay});
  CHECK(c.monitor_today);
  CHECK(std::isnan(c.distance));
  CHECK(p.shocked.block.monitor_today);
  CHECK_FALSE(p.base.block.monitor_today);
  CHECK(p.value(0, 0) == 30000);
  CHECK(p.value(0, 1) == 0.5 * p.before(0, 1));
  CHECK(p.value(0, 2) == 0.5 * p.before(0, 2) + 100);
  CHECK(p.value(0, 3) == (0.5 * p.before(0, 3) + 100) * 2);
  CHECK(p.value(0, 8) == 0.5 * p.before(0, 8) * 2);
  CHECK(p.value(4, 0) == 0.042);
  CHECK(p.value(4, 4) == p.before(4, 4) - 0.02);
  CHECK(p.value(4, 5) == p.before(4, 5));
  CHECK(p.value(2, 5) == 0.1);
  CHECK(p.value(2, 6) == p.before(2, 6));
  CHECK(p.same(1));
  CHECK(p.same(3));
  CHECK_FALSE(compiled(job, cell({shock(4, add, -0.02, 1)})).monitor_today);
}

TEST_CASE("an added shock that takes a price below zero leaves no price in that scenario") {
  Job job = five();
  const Paths p(job, compiled(job, cell({shock(0, add, -50000, 8)})));
  int lost = 0;
  for (std::size_t l = 0; l < lanes; ++l) {
    CHECK(p.value(0, 7, l) == p.before(0, 7, l));
    if (p.before(0, 8, l) > 50000)
      CHECK(p.value(0, 8, l) == p.before(0, 8, l) - 50000);
    else
      lost += std::isnan(p.value(0, 8, l));
  }
  CHECK(lost > 0);
}

TEST_CASE("on initial moves the start of the dynamics") {
  Job job = five();
  CellSpec spec = cell({shock(0, multiply, 0.5), shock(2, add, 0.01)});
  for (ShockSpec& s : spec.shocks) s.initial = true;
  const CellShocks c = compiled(job, spec);
  CHECK(c.touched == std::vector<std::uint8_t>{touch_dynamics, 0, touch_dynamics, 0, 0});
  CHECK(c.monitor_today);
  CHECK(std::isnan(c.distance));
  const Paths p(job, c);
  for (int n = 0; n <= 8; ++n) {
    CHECK(p.value(0, n) == Approx(0.5 * p.before(0, n)).epsilon(1e-14));
    CHECK(p.value(2, n) == Approx(p.before(2, n) + 0.01 * std::exp(-0.3 * 0.25 * n)).epsilon(1e-13));
  }
}

TEST_CASE("a path holds factors on its rows, geometrically between for prices, linearly else") {
  Job job = five();
  const CellShocks c =
      compiled(job, pinned({0, 4, 3}, {0, 2, 6}, {{60000, blank, blank}, {30000, 0.03, blank}, {40000, 0.01, -2}}, false));
  const Paths p(job, c);
  for (std::size_t l = 0; l < lanes; ++l) {
    CHECK(p.value(0, 0, l) == 60000);
    CHECK(p.value(0, 1, l) == Approx(std::sqrt(60000.0 * 30000)).epsilon(1e-15));
    CHECK(p.value(0, 2, l) == 30000);
    CHECK(p.value(0, 5, l) == Approx(30000 * std::pow(4.0 / 3, 0.75)).epsilon(1e-15));
    CHECK(p.value(0, 6, l) == 40000);
    CHECK(p.value(4, 1, l) == Approx(0.036).epsilon(1e-15));
    CHECK(p.value(4, 4, l) == Approx(0.02).epsilon(1e-15));
    CHECK(p.value(3, 3, l) == Approx(-1).epsilon(1e-15));
    // Free afterwards, with the draws of the base cell.
    CHECK(p.value(0, 8, l) == Approx(40000 * p.before(0, 8, l) / p.before(0, 6, l)).epsilon(1e-13));
    CHECK(p.value(4, 8, l) == Approx(0.01 + p.before(4, 8, l) - p.before(4, 6, l)).epsilon(1e-12));
    const double free = p.base.innovations(3, 7)[l] + p.base.innovations(3, 8)[l];
    CHECK(p.value(3, 8, l) == Approx((-2 * std::sqrt(6) + free) / std::sqrt(8)).epsilon(1e-13));
  }
  CHECK(p.same(1));
  CHECK(p.same(2));
  CHECK_FALSE(c.monitor_today);
}

TEST_CASE("a path may go beyond the last step") {
  Job job = five();
  const CellShocks c = compiled(job, pinned({4}, {4, 12}, {{0.04}, {0.08}}, false));
  CHECK(c.pins.at(0).last == 8);
  CHECK(Paths(job, c).value(4, 8) == Approx(0.06).epsilon(1e-15));
}

TEST_CASE("replaying the implied innovations through the dynamics gives the path") {
  Job job = five();
  const std::vector<std::size_t> factors{0, 1, 2, 3, 4};
  const CellShocks c =
      compiled(job, pinned(factors, {3, 8}, {{20000, 80, 0.08, -2, 0.01}, {50000, 120, 0.02, 1, 0.06}}, false));
  Simulation s(job.market, 5);
  for (const Pin& pin : c.pins)
    for (int n = 1; n <= 8; ++n)
      for (double& z : s.innovations(pin.factor, n)) z = pin.innovation[static_cast<std::size_t>(n)];
  draw_paths(job.market, unshocked_cell(job), s.innovations, nullptr, s.scratch, s.block);
  for (const Pin& pin : c.pins)
    for (int n = 0; n <= 8; ++n)
      CHECK(s.block.factors(pin.factor, n)[0] ==
            Approx(pin.value[static_cast<std::size_t>(n)]).epsilon(1e-12).margin(1e-15));
}

TEST_CASE("pinning switches jumps off and leaves their compensator out of the implied innovation") {
  Job job = stress_job({{"BTC", Process::lognormal, 100, 0.05, 0.5}, {"FREE", Process::lognormal, 100, 0.05, 0.5}}, 0.25, 4);
  for (Factor& f : job.market.factors) f.jump_rate = 8, f.jump_mean = -0.2, f.jump_volatility = 0.1;
  prepare(job.market);
  const CellShocks c = compiled(job, pinned({0}, {1, 2}, {{110}, {90}}, false));
  CHECK(c.pins[0].innovation[1] == Approx((std::log(1.1) - (0.05 - 0.125) * 0.25) / 0.25).epsilon(1e-13));
  const Paths p(job, c);
  for (std::size_t l = 0; l < lanes; ++l) {
    CHECK(p.value(0, 2, l) == 90);
    CHECK(p.value(0, 4, l) / 90 == Approx(p.before(0, 4, l) / p.before(0, 2, l)).epsilon(1e-13));  // jumps again
  }
  CHECK(p.same(1));
}

TEST_CASE("untouched factors keep their bytes, and cells do not depend on each other") {
  Job job = five();
  const std::vector<CellSpec> specs{cell({}, false, "base"), cell({shock(0, multiply, 0.6)}, false, "btc"),
                                    cell({shock(3, set, -2.5)}, true, "sme"), cell({shock(3, add, -1)}, false, "sme alone"),
                                    pinned({0, 4}, {2, 5}, {{30000, 0.03}, {40000, 0.01}}, true)};
  job.cells = specs;
  const std::vector<CellShocks> together = compile_cells(job);
  CHECK(together[0].touched == std::vector<std::uint8_t>(5, 0));
  CHECK(together[0].distance == 0);
  CHECK(together[2].touched[4] == 0);  // correlation 0 with SME
  CHECK(together[3].touched == std::vector<std::uint8_t>{0, 0, 0, touch_innovations | touch_dynamics, 0});
  for (std::size_t k = 0; k < specs.size(); ++k) {
    job.cells = {specs[k]};
    const CellShocks alone = compile_cells(job).front();
    for (const std::uint64_t first : {std::uint64_t{0}, std::uint64_t{64}, std::uint64_t{1} << 31}) {
      Simulation whole(job.market, 5);
      whole.draw(job.market, alone, first);
      const Paths after(job, together[k], first);  // what is untouched is copied
      INFO("cell " << specs[k].name << ", first scenario " << first);
      CHECK(same_bytes(whole.block.factors, after.shocked.block.factors));
      for (std::size_t f = 0; f < 5; ++f) CHECK((together[k].touched[f] != 0 || after.same(f)));
    }
  }
}

TEST_CASE("prices that cannot stay positive are refused, each with its cell and factor") {
  Job job = five();
  CellSpec start = cell({shock(1, add, -100)}, false, "start");
  start.shocks[0].initial = true;
  CHECK(complaints(job, {cell({shock(0, multiply, 0)}), cell({shock(1, set, -1, 3), shock(1, multiply, 2, 3)}, false, "b"),
                         start, cell({shock(4, set, -1), shock(2, multiply, 0)}, false, "rates may")}) ==
        std::vector<std::string>{"cell \"severe\": BTC: multiply = 0 makes it 0 at step 0; a price must stay positive",
                                 "cell \"b\": HPI: set = -1 makes it -1 at step 3; a price must stay positive",
                                 "cell \"start\": HPI: add = -100 makes it 0 at step 0; a price must stay positive"});
  CellSpec falling = pinned({0}, {4}, {{1000}}, false);
  falling.shocks = {shock(0, add, -2000)};
  CHECK(complaints(job, {falling}) ==
        std::vector<std::string>{"cell \"severe\": BTC: add = -2000 makes it -1000 at step 4; a price must stay positive"});
  CHECK(complaints(job, {pinned({0, 4}, {0, 2}, {{61000, 0.042}, {-5, -0.01}}, false)}) ==
        std::vector<std::string>{
            "cell \"severe\": BTC: path step 0: 61000 is not today's value 60000, where a path starts; leave "
            "the row out or correct one of them",
            "cell \"severe\": BTC: path step 2: -5 is not positive"});
}

TEST_CASE("drivers take set and add over all steps only") {
  Job job = five();
  CellSpec on_path = pinned({3}, {8}, {{-2}}, false);
  on_path.shocks = {shock(3, add, 1)};
  CellSpec start = cell({shock(3, add, 1)});
  start.shocks[0].initial = true;
  const std::string refused =
      "cell \"severe\": SME: a driver takes set or add over all steps, not multiply, from, to or on = \"initial\"";
  CHECK(complaints(job, {cell({shock(3, multiply, 2)})}) == std::vector<std::string>{refused});
  CHECK(complaints(job, {cell({shock(3, set, 2, 1)})}) == std::vector<std::string>{refused});
  CHECK(complaints(job, {cell({shock(3, set, 2, 0, 5)})}) == std::vector<std::string>{refused});
  CHECK(complaints(job, {start}) == std::vector<std::string>{refused});
  CHECK(complaints(job, {on_path}) ==
        std::vector<std::string>{"cell \"severe\": SME: a driver can be on the path or shocked, not both"});
  CHECK(complaints(job, {cell({shock(0, multiply, 2, 9)})}) ==
        std::vector<std::string>{"cell \"severe\": BTC: from = 9 is after the last step 8"});
}

}  // namespace
