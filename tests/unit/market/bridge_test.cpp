// What factors do inside the steps.
#include "kernels/math/functions.h"
#include "tests/acceptance.h"
#include "tests/catch_any.h"
#include "tests/unit/market/simulate.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

FactorModel bridged(FactorModel m) {
  m.bridged = {FactorIndex{0}};
  return m;
}
Factor price(double volatility, double drift, double jumps = 0) {
  Factor f = factor(Process::lognormal, "S");
  f.initial = 100, f.volatility = volatility, f.drift = drift;
  if (jumps > 0) f.jump_rate = jumps, f.jump_mean = -0.06, f.jump_volatility = 0.08;
  return f;
}
// How many of `count` scenarios are below `level` at any time, also right after a jump.
double hits(const FactorModel& m, double level, std::uint64_t seed, std::uint64_t count) {
  double sum = 0;
  simulate(m, unshocked(m), seed, count, [&](const Block& b) {
    std::array<double, lanes> low;
    low.fill(1e300);
    for (int n = 1; n <= m.steps; ++n)
      for (std::size_t k = 0; k < lanes; ++k) low[k] = std::min({low[k], b.lows(0, n)[k], b.factors(0, n)[k]});
    for (const Landing& l : b.landings[0]) low[l.lane] = std::min({low[l.lane], l.value, l.low});
    for (const double x : low) sum += x < level;
  });
  return sum;
}

}  // namespace

// P(min S <= B) of a geometric Brownian motion, by reflection.
TEST_CASE("lows have the law of a continuous minimum, in one step and in many") {
  const double volatility = 0.6, drift = 0.1, years = 0.5, level = 80, count = 200'000;
  const double m = drift - volatility * volatility / 2, b = std::log(100 / level), s = volatility * std::sqrt(years);
  const double p =
      normal_cdf((-b - m * years) / s) + std::exp(-2 * m * b / (volatility * volatility)) * normal_cdf((-b + m * years) / s);
  for (const int steps : {1, 2, 7}) {
    const FactorModel model = bridged(market({price(volatility, drift)}, years / steps, steps));
    const double found = hits(model, level, 11, static_cast<std::uint64_t>(count));
    INFO(steps << " steps: " << found / count << " of " << p);
    CHECK(std::abs(found - count * p) < 4 * std::sqrt(count * p * (1 - p)));
  }
}

TEST_CASE("with jumps the law of the minimum does not depend on the steps either") {
  const double years = 0.5, count = fewer_if_slow(200'000);
  for (const double level : {85.0, 70.0, 50.0}) {
    std::vector<double> found;
    for (const int steps : {1, 3, 40})
      found.push_back(hits(bridged(market({price(0.4, 0.05, 12)}, years / steps, steps)), level, 12 + found.size(),
                           static_cast<std::uint64_t>(count)) /
                      count);
    INFO(level << ": " << found[0] << ", " << found[1] << ", " << found[2]);
    for (const double p : found) CHECK(std::abs(p - found[2]) < 4 * std::sqrt(2 * p * (1 - p) / count));
  }
}

TEST_CASE("values at the steps do not know whether they are bridged") {
  const FactorModel plain = market({price(0.4, 0.05, 30)}, 1.0 / 12, 6), inside = bridged(plain);
  Simulation a(plain, 3), b(inside, 3);
  a.draw(plain, unshocked(plain), 640);
  b.draw(inside, unshocked(inside), 640);
  CHECK(same_bytes(a.block.factors, b.block.factors));
  CHECK(a.block.landings[0].empty());
  REQUIRE(b.block.landings[0].size() > 500);
  const auto& landings = b.block.landings[0];
  CHECK(std::is_sorted(landings.begin(), landings.end(), [](const Landing& x, const Landing& y) {
    return std::pair(x.lane, x.step) < std::pair(y.lane, y.step);
  }));
  for (const Landing& l : landings) CHECK((l.low > 0 && l.low <= l.value));
  for (int n = 1; n <= 6; ++n)
    for (std::size_t k = 0; k < lanes; ++k) CHECK((b.block.lows(0, n)[k] <= b.block.factors(0, n - 1)[k]));
}

TEST_CASE("shocks inside the steps are those of the step before, and end with it") {
  const FactorModel m = bridged(market({price(0.4, 0.05, 12)}, 1.0 / 12, 6));
  Simulation base(m, 3), moved(m, 3);
  base.draw(m, unshocked(m), 64);
  CellShocks cell = unshocked(m);
  cell.touched[0] = touch_overlay;
  cell.value_shocks = {{FactorIndex{0}, Operation::multiply, 2, 4, 0.5}};
  for (const bool copied : {true, false}) {
    moved.draw(m, cell, 64, copied ? &base.block : nullptr);
    for (int n = 1; n <= 6; ++n)
      for (std::size_t k = 0; k < lanes; ++k)
        CHECK(moved.block.lows(0, n)[k] == (n >= 3 && n <= 5 ? 0.5 : 1) * base.block.lows(0, n)[k]);
    REQUIRE(moved.block.landings[0].size() == base.block.landings[0].size());
    for (std::size_t i = 0; i < base.block.landings[0].size(); ++i) {
      const Landing &l = moved.block.landings[0][i], &o = base.block.landings[0][i];
      CHECK(l.value == (o.step >= 3 && o.step <= 5 ? 0.5 : 1) * o.value);
      CHECK(l.low == (o.step >= 3 && o.step <= 5 ? 0.5 : 1) * o.low);
    }
  }
  cell.value_shocks = {{FactorIndex{0}, Operation::add, 0, 6, -1000}};
  moved.draw(m, cell, 64, &base.block);
  for (std::size_t k = 0; k < lanes; ++k) CHECK(moved.block.lows(0, 1)[k] == 0);
  for (const Landing& l : moved.block.landings[0]) CHECK(std::isnan(l.value));
}

TEST_CASE("a pinned price does not jump, but moves between its pins") {
  const FactorModel m = bridged(market({price(0.4, 0.05, 60)}, 1.0 / 12, 6));
  CellShocks cell = unshocked(m);
  cell.touched[0] = touch_dynamics;
  cell.pins = {{FactorIndex{0}, 3, {100, 90, 95, 100}, {0, 0, 0, 0}}};
  Simulation s(m, 3);
  s.draw(m, cell, 0);
  for (const Landing& l : s.block.landings[0]) CHECK(l.step > 3);
  CHECK_FALSE(s.block.landings[0].empty());
  double below = 0;
  const int blocks = 500;
  for (int b = 0; b < blocks; ++b) {
    s.draw(m, cell, static_cast<std::uint64_t>(b) * lanes);
    for (const double low : s.block.lows(0, 2)) below += low < 85;
  }
  // exp(-2 log(90/85) log(95/85) / (0.16 / 12))
  const double p = std::exp(-2 * std::log(90 / 85.0) * std::log(95 / 85.0) / (0.16 / 12)), n = blocks * lanes;
  INFO(below / n << " of " << p);
  CHECK(std::abs(below - n * p) < 4 * std::sqrt(n * p * (1 - p)));
}
