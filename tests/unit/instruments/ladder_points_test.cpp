#include "kernels/instruments/ladder_points.h"

#include <cstring>

#include "tests/catch_any.h"
#include "tests/unit/instruments/claims.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

constexpr int last_month = 120;

// Monthly dates of ten years on pillars of 1, 5 and 10 years and a spread factor, seen after three months and a year.
struct Months {
  World w{12, 1.0 / 12, {3, 12}, 5};
  std::vector<double> date_years;
  std::vector<std::vector<std::uint32_t>> ladders;
  std::vector<std::vector<double>> amounts;

  Months() {
    for (const char* name : {"R1", "R5", "R10", "SPREAD"}) w.add(name, Process::normal, 0.02, 0.007);
    w.market.curves = {{{1, w.factor("R1")}, {5, w.factor("R5")}, {10, w.factor("R10")}}};
    w.draw_factors();
    for (int month = 1; month <= last_month; ++month) {
      w.market.discounts.push_back({CurveIndex{0}, w.factor("SPREAD"), month / 12.0});
      date_years.push_back(month / 12.0);
    }
    for (const int last : {120, 117, 90, 61, 40, 120, 119}) ladder([&](int month) { return month <= last; });
    ladder([&](int month) { return month % 3 == 0; });
  }
  template <class Pays>
  void ladder(const Pays& pays) {
    ladders.emplace_back(), amounts.emplace_back();
    for (int month = 1; month <= last_month; ++month)
      if (pays(month)) {
        ladders.back().push_back(static_cast<std::uint32_t>(month - 1));
        amounts.back().push_back(w.uniform(-0.2, 1));
      }
  }
  void set(const char* name, int lane, double rate) {
    for (const int step : w.market.valued) w.at(name, step, lane) = rate;
  }
  LadderPoints points(int step) const {
    std::vector<LadderPoints::Dates> dates(ladders.begin(), ladders.end());
    return {w.market.curves[0], w.factor("SPREAD"), step, w.time(step), dates, date_years};
  }
};

// Of what every ladder is worth at points in the lanes that hold, relative to the sum of the sizes.
double furthest(Months& m, int valued, std::size_t& held) {
  const int step = m.w.market.valued[static_cast<std::size_t>(valued)];
  const LadderPoints points = m.points(step);
  m.w.discount();
  alignas(64) std::array<double, lanes> holds;
  std::vector<double> room(points.size() * lanes + 8);
  double* const factor = room.data() + (64 - reinterpret_cast<std::uintptr_t>(room.data()) % 64) % 64 / sizeof(double);
  held = points.hold(m.w.block, holds);
  points.evaluate(m.w.block, valued, 0, points.size(), holds, factor);
  double worst = 0;
  for (std::size_t i = 0; i < m.ladders.size(); ++i) {
    const std::vector<double> weights = points.weights(m.ladders[i], m.amounts[i]);
    CHECK(!weights.empty());
    for (int lane = 0; lane < lanes; ++lane) {
      long double sum = 0, expected = 0, size = 0;
      for (std::size_t p = 0; p < weights.size(); ++p)
        sum += static_cast<long double>(weights[p]) * factor[p * lanes + static_cast<std::size_t>(lane)];
      for (std::size_t k = 0; k < m.ladders[i].size(); ++k) {
        const long double left = m.date_years[m.ladders[i][k]] - m.w.time(step);
        if (left <= 1e-9L) continue;
        const double z = m.w.zero_rate(CurveIndex{0}, static_cast<double>(left), step, lane) + m.w.at("SPREAD", step, lane);
        const long double worth = m.amounts[i][k] * std::exp(-static_cast<long double>(z) * left);
        expected += worth, size += std::abs(worth);
      }
      if (holds[static_cast<std::size_t>(lane)] == 0) expected = 0;
      worst = std::max(worst, static_cast<double>(std::abs(sum - expected) / size));
    }
  }
  return worst;
}

}  // namespace

TEST_CASE("a few points give what the dates do", "[ladder_points]") {
  Months m;
  for (const int step : m.w.market.valued) {
    const std::size_t size = m.points(step).size();
    CHECK(size > 2 * LadderPoints::nodes);
    CHECK(2 * size < 120);
  }
  std::size_t held = 0;
  for (int valued = 0; valued < 2; ++valued) {
    CHECK(furthest(m, valued, held) < 0x1p-49);
    CHECK(held == lanes);
  }
}

TEST_CASE("at the bounds of the rates points are as good, beyond them they are nothing", "[ladder_points]") {
  Months m;
  const auto level = [&](int lane, double rate, double steepness) {
    m.set("R1", lane, rate - 4 * steepness), m.set("R5", lane, rate), m.set("R10", lane, rate + 5 * steepness);
    m.set("SPREAD", lane, 0);
  };
  std::size_t held = 0;
  for (const double up : {1.0, -1.0}) {
    // The last piece has nearly 2.5 years on each side of its middle, at 7.5: a = 2.5 (rate + 10 steepness), b = 6.25
    // steepness.
    for (int lane = 0; lane < lanes; ++lane) {
      const double steepness = up * (lane % 2 == 0 ? 0.007 : 0.0001 * lane);
      level(lane, up * 0.0035 * lane - 10 * steepness, steepness);
    }
    CHECK(furthest(m, 0, held) < 0x1p-49);
    CHECK(held > lanes / 2);
    CHECK(held < lanes);
  }
  for (int lane = 0; lane < lanes; ++lane) level(lane, lane % 2 == 0 ? 0.3 : 0, lane % 2 == 0 ? 0 : 0.02);
  CHECK(furthest(m, 1, held) == 0);
  CHECK(held == 0);
}

TEST_CASE("a spread counts as much as a rate", "[ladder_points]") {
  Months m;
  m.set("SPREAD", 9, 0.3);
  std::size_t held = 0;
  CHECK(furthest(m, 0, held) < 0x1p-49);
  CHECK(held == lanes - 1);
}

TEST_CASE("rates that are no numbers are left to the dates", "[ladder_points]") {
  Months m;
  m.set("R10", 3, std::nan("")), m.set("SPREAD", 4, std::numeric_limits<double>::infinity()), m.set("R1", 5, std::nan(""));
  alignas(64) std::array<double, lanes> holds;
  const LadderPoints points = m.points(3);
  CHECK(points.hold(m.w.block, holds) == lanes - 3);
  for (std::size_t k = 0; k < lanes; ++k) CHECK(holds[k] == (3 <= k && k <= 5 ? 0 : 1));
}

TEST_CASE("a ladder is only summed up at points whose pillars its own dates read", "[ladder_points]") {
  Months m;
  const LadderPoints points = m.points(3);
  const double one[] = {1, 1};
  const std::uint32_t near[] = {5, 30}, far[] = {5, 100};
  CHECK(!points.weights(near, one).empty());
  CHECK(points.weights(near, one).size() < points.size());
  CHECK(points.weights(far, one).empty());
}

TEST_CASE("few dates, or few ladders, need no points", "[ladder_points]") {
  Months m;
  m.ladders.resize(2);
  CHECK(m.points(3).size() == 0);
  m.ladders.clear();
  for (int i = 0; i < 40; ++i) m.ladder([](int month) { return month % 6 == 0; });
  CHECK(m.points(3).size() == 0);
}

TEST_CASE("decades beyond the last pillar are cut into pieces", "[ladder_points]") {
  World w(1, 1.0, {1}, 7);
  w.add("R", Process::normal, 0.15, 0);
  w.draw_factors();
  std::vector<double> date_years;
  std::vector<std::uint32_t> all;
  for (std::uint32_t month = 1; month <= 360; ++month) date_years.push_back(month / 12.0), all.push_back(month - 1);
  const std::vector<LadderPoints::Dates> ladders(6, all);
  const LadderPoints points({{0.01, FactorIndex{0}}}, FactorIndex{none}, 1, 1.0, ladders, date_years);
  CHECK(points.size() == 6 * LadderPoints::nodes);
  alignas(64) std::array<double, lanes> holds;
  CHECK(points.hold(w.block, holds) == lanes);
}

TEST_CASE("each date of a piece has its factor, at the worst bounds as well", "[ladder_points]") {
  Months m;
  m.ladders.clear(), m.amounts.clear();
  for (int i = 0; i < 20; ++i) m.ladder([](int month) { return month >= 63; });
  const LadderPoints points = m.points(3);
  REQUIRE(points.size() == LadderPoints::nodes);
  // The corners, a hundred thousandth inside, and between.
  const double half = 57 / 24.0, middle = (60 + 117) / 24.0;
  for (int lane = 0; lane < lanes; ++lane) {
    const double b = (lane % 2 ? 1 : -1) * 0.99999 * LadderPoints::most_b * (lane < 8 ? 1 : m.w.uniform(0, 1));
    const double a = (lane % 4 < 2 ? 1 : -1) * 0.99999 * LadderPoints::most_a * (lane < 8 ? 1 : m.w.uniform(0, 1));
    const double rise = b / half / half, at_middle = a / half - middle * rise;
    m.set("SPREAD", lane, 0);
    m.set("R5", lane, at_middle - (middle - 5) * rise), m.set("R10", lane, at_middle + (10 - middle) * rise);
  }
  m.w.discount();
  alignas(64) std::array<double, lanes> holds;
  CHECK(points.hold(m.w.block, holds) == lanes);
  alignas(64) std::array<double, LadderPoints::nodes * lanes> factor;
  points.evaluate(m.w.block, 0, 0, points.size(), holds, factor.data());
  double worst = 0;
  for (std::uint32_t month = 63; month <= last_month; ++month) {
    std::vector<double> alone(m.ladders.front().size(), 0.0);
    alone[month - 63] = 1;
    const std::vector<double> weights = points.weights(m.ladders.front(), alone);
    REQUIRE(weights.size() == points.size());
    for (int lane = 0; lane < lanes; ++lane) {
      long double sum = 0;
      for (std::size_t p = 0; p < weights.size(); ++p)
        sum += static_cast<long double>(weights[p]) * factor[p * lanes + static_cast<std::size_t>(lane)];
      const long double left = m.date_years[month - 1] - m.w.time(3);
      const long double z = m.w.zero_rate(CurveIndex{0}, static_cast<double>(left), 3, lane);
      worst = std::max(worst, static_cast<double>(std::abs(sum / std::exp(-z * left) - 1)));
    }
  }
  CHECK(worst < 0x1p-48);  // with rounding of rates, factors and weights
}

// The same two factors in two intervals without a date between, and at both ends.
TEST_CASE("pieces end at pillars, whatever factors these have", "[ladder_points]") {
  Months m;
  m.w.market.curves = {{{0.1, m.w.factor("R1")}, {1, m.w.factor("R10")}, {1.2, m.w.factor("R1")}, {6, m.w.factor("R10")}}};
  for (int lane = 0; lane < lanes; ++lane) m.set("R10", lane, 0.06);
  m.ladders.clear(), m.amounts.clear();
  for (int i = 0; i < 30; ++i) m.ladder([](int month) { return month < 15 || month > 17; });
  std::size_t held = 0;
  REQUIRE(m.points(3).size() > 0);
  CHECK(furthest(m, 0, held) < 0x1p-49);
  CHECK(held > 0);
}

TEST_CASE("where every ladder has dates of its own there are no points", "[ladder_points]") {
  Months m;
  m.ladders.clear(), m.date_years.clear();
  for (int i = 0; i < 200; ++i) {
    m.ladders.emplace_back();
    for (int month = 0; month < last_month; ++month) {
      m.ladders.back().push_back(static_cast<std::uint32_t>(m.date_years.size()));
      m.date_years.push_back((month + (i + 1) / 201.0) / 12);
    }
  }
  CHECK(m.points(3).size() == 0);
  // On a grid of weeks they have as many points in the first year as there are weeks.
  m.ladders.clear(), m.date_years.clear();
  for (int week = 1; week <= 520; ++week) m.date_years.push_back(week / 52.0);
  for (std::uint32_t i = 0; i < 200; ++i) {
    m.ladders.emplace_back();
    for (std::uint32_t week = i % 13; week < 520; week += 13) m.ladders.back().push_back(week);
  }
  CHECK(m.points(3).size() == 0);
  // On one of months, quarterly: as many points as dates.
  Months quarterly;
  quarterly.ladders.clear(), quarterly.amounts.clear();
  for (int i = 0; i < 200; ++i) quarterly.ladder([&](int month) { return month % 3 == i % 3; });
  CHECK(quarterly.points(3).size() == 0);
}

TEST_CASE("a date on a point counts there alone", "[ladder_points]") {
  const double on_last = 1.25 - 0.993712209893242583533;  // cos(pi / 28); a difference without rounding
  std::vector<double> date_years{0.25, on_last};
  for (int k = 1; k <= 40; ++k) date_years.push_back(0.25 + 0.05 * k);
  std::vector<std::uint32_t> all;
  for (std::uint32_t k = 0; k < date_years.size(); ++k) all.push_back(k);
  const std::vector<LadderPoints::Dates> ladders(10, all);
  const LadderPoints points({{0.01, FactorIndex{0}}}, FactorIndex{none}, 0, 0.0, ladders, date_years);
  REQUIRE(points.size() == LadderPoints::nodes);
  const std::uint32_t date[] = {1};
  const double amount[] = {3};
  const std::vector<double> weights = points.weights(date, amount);
  REQUIRE(weights.size() == LadderPoints::nodes);
  for (std::size_t j = 0; j < weights.size(); ++j) CHECK(weights[j] == (j + 1 == weights.size() ? 3 : 0));
}

// Leaves 1, 3, 5 and 7 pay nothing between a year and a half and two; the first starts by the quarter, the others by the
// month.
TEST_CASE("ladders by date among ladders at points", "[ladder_points]") {
  World w = credit_world(12, 1.0 / 12, {1, 3}, 1, 45);
  w.market.curves[0] = {{1, FactorIndex{0}}, {1.5, FactorIndex{1}}, {2, FactorIndex{2}}, {5, FactorIndex{0}}};
  w.block.defaults.clear();
  RandomClaims book;
  const auto add = [&](std::uint32_t leaf, int frequency, double maturity) {
    Line line;
    line.leaf = leaf;
    line.cells = {{"frequency", static_cast<double>(frequency)},
                  {"maturity_years", maturity},
                  {"curve", CurveIndex{0}},
                  {"principal", 1000.0 * leaf},
                  {"rate", 0.05},
                  {"spread", w.factor("SPREAD")}};
    line.cells["amortisation"] = std::string("bullet");
    book.lines.push_back(line);
    book.plain.push_back(plain_claim('b', 1000.0L * leaf, 0.05, frequency, maturity));
    book.plain.back().curve = CurveIndex{0}, book.plain.back().spread_factor = w.factor("SPREAD");
  };
  for (std::uint32_t leaf = 1; leaf <= 20; ++leaf) {
    if (leaf > 7 || leaf % 2 == 0) {
      add(leaf, 12, 8);
      continue;
    }
    add(leaf, leaf == 1 ? 4 : 12, 1);
    add(leaf, 1, 7.25);
  }
  const Errors errors = compare_claims(w, "loan", book, 1);
  INFO(errors.where);
  CHECK(errors.reference < 2e-14);
  CHECK(errors.leaf < 1e-14);
}

TEST_CASE("ladders of decades have more points than are taken at a time", "[ladder_points]") {
  World w = credit_world(12, 1.0 / 12, {1, 12}, 1, 46);
  w.block.defaults.clear();
  RandomClaims book;
  for (std::uint32_t leaf = 1; leaf <= 20; ++leaf) {
    const double maturity = 30 - (leaf % 5) * 6, principal = w.uniform(1e3, 1e6);
    Line line;
    line.leaf = leaf;
    line.cells = {{"frequency", 12.0},      {"maturity_years", maturity},
                  {"curve", CurveIndex{0}}, {"principal", principal},
                  {"rate", 0.05},           {"spread", 0.01}};
    line.cells["amortisation"] = std::string("annuity");
    book.lines.push_back(line);
    book.plain.push_back(plain_claim('a', principal, 0.05, 12, maturity));
    book.plain.back().curve = CurveIndex{0}, book.plain.back().spread = 0.01;
  }
  const Errors errors = compare_claims(w, "loan", book, 1);
  INFO(errors.where);
  CHECK(errors.reference < 2e-14);
  CHECK(errors.leaf < 1e-14);
}

TEST_CASE("rates beyond the bounds in some scenarios are nothing to the others", "[ladder_points]") {
  constexpr std::uint32_t obligors = 30;
  World w = credit_world(12, 1.0 / 12, {1, 3, 12}, obligors, 44);
  const RandomClaims book = random_claims(w, "loan", 400, obligors, true, 12);
  const Positions positions = table(instrument("loan"), book.lines);
  const auto raise = [&](int lane) {
    for (int n = 1; n <= w.market.steps; ++n)
      for (const char* name : {"R1", "R5", "R10", "E3"}) w.at(name, n, lane) += 0.4;
  };
  const auto values = [&] { return leaf_values(w, "loan", positions, obligors); };
  const std::vector<double> before = values();
  for (const int lane : {0, 17, 63}) raise(lane);
  const std::vector<double> some = values();
  const Errors errors = compare_claims(w, "loan", book, obligors);
  INFO(errors.where);
  CHECK(errors.reference < 2e-14);
  CHECK(errors.leaf < 1e-14);
  for (int lane = 0; lane < lanes; ++lane)
    if (lane != 0 && lane != 17 && lane != 63) raise(lane);
  const std::vector<double> all = values();
  std::size_t moved = 0;
  for (std::size_t i = 0; i < some.size(); ++i) {
    const std::size_t lane = i % lanes;
    const bool raised = lane == 0 || lane == 17 || lane == 63;
    CHECK(some[i] == (raised ? all : before)[i]);
    moved += some[i] != before[i];
  }
  CHECK(moved > some.size() / lanes);
}
