#include <algorithm>
#include <array>

#include "kernels/market/spot.h"
#include "tests/catch_any.h"
#include "tests/unit/market/simulate.h"

namespace {

using namespace tailcube;
using namespace tailcube::test;

// A curve with pillars at 1 and 3 years, a spread, monthly steps; all move.
FactorModel curve_market() {
  std::vector<Factor> factors;
  for (const std::string id : {"R1", "R3", "SPREAD"}) {
    factors.push_back(factor(Process::normal, id));
    factors.back().volatility = 0.01;
  }
  factors[0].initial = 0.02, factors[1].initial = 0.04, factors[2].initial = 0.015;
  FactorModel m = market(factors, 1.0 / 12, 12);
  m.curves = {{{1, FactorIndex{0}}, {3, FactorIndex{1}}}};
  m.valued = {1, 6, 12};
  return m;
}

TEST_CASE("today's zero rate is linear between pillars and flat beyond") {
  const FactorModel m = curve_market();
  const auto rate = [&](double tenor) { return zero_rate_today(m, CurveIndex{0}, tenor); };
  CHECK(rate(0) == 0.02);
  CHECK(rate(1) == 0.02);
  CHECK(rate(2) == Approx(0.03).epsilon(1e-15));
  CHECK(rate(2.5) == Approx(0.035).epsilon(1e-15));
  CHECK(rate(3) == 0.04);
  CHECK(rate(30) == 0.04);
}

TEST_CASE("discount factors use the rates and the spread of the step they are seen from") {
  FactorModel m = curve_market();
  m.discounts = {{CurveIndex{0}, FactorIndex{2}, 2.25},
                 {CurveIndex{0}, FactorIndex{none}, 2.25},
                 {CurveIndex{0}, FactorIndex{none}, 9},
                 {CurveIndex{0}, FactorIndex{none}, 0.75}};
  Simulation s(m, 21);
  s.draw(m, unshocked(m), 0);
  discount(m, s.block);
  for (int v = 0; v < 3; ++v)
    for (std::size_t l = 0; l < lanes; ++l) {
      const int n = m.valued[static_cast<std::size_t>(v)];
      const double r1 = s.block.factors(0, n)[l], r3 = s.block.factors(1, n)[l], spread = s.block.factors(2, n)[l];
      const double t = n / 12.0, tenor = 2.25 - t, zero = r1 + (tenor - 1) / 2 * (r3 - r1);
      CHECK(s.block.discounts(0, v)[l] == Approx(std::exp(-(zero + spread) * tenor)).epsilon(1e-14));
      CHECK(s.block.discounts(1, v)[l] == Approx(std::exp(-zero * tenor)).epsilon(1e-14));
      CHECK(s.block.discounts(2, v)[l] == Approx(std::exp(-r3 * (9 - t))).epsilon(1e-14));
      CHECK(s.block.discounts(3, v)[l] == Approx(t > 0.75 ? 0 : std::exp(-r1 * (0.75 - t))).epsilon(1e-14));
    }
}

TEST_CASE("discount factors over a tenor are seen from any step, in all lanes and in one") {
  FactorModel m = curve_market();
  Simulation s(m, 22);
  s.draw(m, unshocked(m), 0);
  for (const double years : {0.5, 1.75, 7.0}) {
    alignas(64) std::array<double, lanes> all;
    spot_discounts(m.curves[0], years, 5, s.block, all);
    for (std::size_t l = 0; l < lanes; ++l) {
      const double r1 = s.block.factors(0, 5)[l], r3 = s.block.factors(1, 5)[l];
      const double zero = r1 + std::clamp((years - 1) / 2, 0.0, 1.0) * (r3 - r1);
      CHECK(all[l] == Approx(std::exp(-zero * years)).epsilon(1e-14));
      CHECK(spot_discount(m.curves[0], years, 5, s.block, l) == all[l]);
    }
  }
}

TEST_CASE("a date counts as the step that it is within a billionth of a year of") {
  FactorModel m = curve_market();
  const double date = 0.5;
  m.discounts = {{CurveIndex{0}, FactorIndex{none}, date},
                 {CurveIndex{0}, FactorIndex{none}, date + 5e-10},
                 {CurveIndex{0}, FactorIndex{none}, date + 1e-8},
                 {CurveIndex{0}, FactorIndex{none}, date - 1e-8}};
  Simulation s(m, 22);
  s.draw(m, unshocked(m), 0);
  discount(m, s.block);
  CHECK(s.block.discounts(0, 1)[0] == 0);
  CHECK(s.block.discounts(1, 1)[0] == 0);
  CHECK(s.block.discounts(2, 1)[0] == Approx(1).epsilon(1e-8));
  CHECK(s.block.discounts(3, 1)[0] == 0);
  CHECK(s.block.discounts(0, 0)[0] > 0.9);
}

}  // namespace
