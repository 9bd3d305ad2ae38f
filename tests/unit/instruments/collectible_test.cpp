#include "kernels/random/stream.h"
#include "tests/acceptance.h"
#include "tests/catch_any.h"
#include "tests/unit/instruments/book.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

World world() {
  World w(6, 1.0 / 12, {1, 3, 6}, 21);
  w.add("ART", Process::lognormal, 100, 0.2);
  w.add("WINE", Process::lognormal, 350, 0.3);
  w.add("EURUSD", Process::lognormal, 1.1, 0.1);
  w.draw_factors();
  w.block.seed = 77;
  return w;
}

double cell(const Line& line, const std::string& name, double otherwise) {
  const auto at = line.cells.find(name);
  return at == line.cells.end() ? otherwise : std::get<double>(at->second);
}
// Of position p of a table, straight from the definition.
struct Plain {
  const World& w;
  const Line& line;
  std::string id;
  int lane;
  double normal_of(const char* purpose, std::uint32_t draw) const {
    return normal(w.block.seed, stream(purpose, id), static_cast<std::uint32_t>(lane), draw);
  }
  long double fx(int step) const {
    return is_none(line.currency) ? 1 : w.block.factors(line.currency, step)[static_cast<std::size_t>(lane)];
  }
  long double worth(int step) const {
    const FactorIndex index = std::get<FactorIndex>(line.cells.at("index_factor"));
    const long double sd = cell(line, "appraisal_sd", 0), v = cell(line, "idiosyncratic_volatility", 0), t = w.time(step);
    long double path = 0;
    for (int n = 0; n < step; ++n)
      path += std::sqrt(w.market.step_years) * normal_of("idiosyncratic value", static_cast<std::uint32_t>(n));
    const long double moved = w.block.factors(index, step)[static_cast<std::size_t>(lane)] /
                              w.market.factors[static_cast<std::size_t>(index)].initial;
    return line.quantity * cell(line, "appraisal", 0) * std::pow(moved, static_cast<long double>(cell(line, "beta", 1))) *
           std::exp(sd * normal_of("appraisal", 0) - sd * sd / 2 + v * path - v * v * t / 2) * fx(step);
  }
  int sale() const {  // a step
    if (!line.cells.contains("offered_years")) return w.market.steps + 1;
    const double u = uniform(w.block.seed, stream("wait for a buyer", id), static_cast<std::uint32_t>(lane), 0);
    const double date = cell(line, "offered_years", 0) - cell(line, "sale_delay_years", 0) * std::log(u);
    return std::max(1, static_cast<int>(std::ceil(date / w.market.step_years - 1e-8)));
  }
  Outcome outcome(int h) const {
    if (sale() > h) return {static_cast<double>(worth(h)), 0, 0, {}};
    return {0, static_cast<double>((1 - cell(line, "sale_cost", 0)) * worth(sale())), 0, {}};
  }
};

}  // namespace

TEST_CASE("collectibles follow their index, and themselves, until they are sold", "[collectible]") {
  World w = world();
  std::vector<Line> book;
  for (std::size_t i = 0; i < 40; ++i) {
    book.push_back({.leaf = 1 + static_cast<std::uint32_t>(i % 3),
                    .currency = i % 2 ? w.factor("EURUSD") : FactorIndex{none},
                    .quantity = i % 7 == 3 ? -1.5 : 1,
                    .cells = {{"appraisal", w.uniform(1e4, 1e6)},
                              {"appraisal_sd", w.uniform(0, 0.4)},
                              {"index_factor", i % 3 ? w.factor("ART") : w.factor("WINE")},
                              {"beta", w.uniform(0, 2)}}});
    if (i % 4) book.back().cells["idiosyncratic_volatility"] = w.uniform(0, 0.5);
    if (i % 5) book.back().cells["offered_years"] = i % 5 == 1 ? 0.0 : w.uniform(0, 0.6);
    if (i % 5 > 1) book.back().cells["sale_delay_years"] = w.uniform(0, 0.5);
    if (i % 5 > 2) book.back().cells["sale_cost"] = w.uniform(0, 0.3);
  }
  const Positions positions = table(instrument("collectible"), book);
  const auto expected = [&](std::size_t p, std::size_t v, int lane) {
    return Plain{w, book[p], positions.id[p], lane}.outcome(w.market.valued[v]);
  };
  const Errors errors = compare(instrument("collectible"), positions, w, 0, expected);
  INFO(errors.where);
  CHECK(errors.reference < 1e-13);
  CHECK(errors.leaf < 1e-14);
  CHECK(errors.units <= 1);
}

TEST_CASE("a sold collectible is worth nothing more and its cash stays", "[collectible]") {
  World w = world();
  const std::vector<Line> book = {{.cells = {{"appraisal", 1000.0},
                                             {"appraisal_sd", 0.2},
                                             {"index_factor", w.factor("ART")},
                                             {"offered_years", 0.25},
                                             {"sale_cost", 0.1}}}};
  Compiled batch(instrument("collectible"), table(instrument("collectible"), book), w, Detail::leaf);
  batch.evaluate(w.block);
  CHECK(batch.faults.empty());
  CHECK(batch.batch->value_today[0] == 1000);
  CHECK(batch.batch->reads == std::vector<FactorIndex>{w.factor("ART")});
  for (int lane = 0; lane < lanes; ++lane) {
    CHECK(batch.value(0, 0, lane) > 0);
    CHECK(batch.cash(0, 0, lane) == 0);
    CHECK(batch.value(0, 1, lane) == 0);
    CHECK(batch.cash(0, 1, lane) > 0);
    CHECK(batch.cash(0, 2, lane) == batch.cash(0, 1, lane));
    CHECK(batch.credit(0, 2, lane) == 0);
  }
}

// Value and cash together have the expectation of today; with a sale a share of it is lost as often as it is sold. 64 000
// scenarios on an index that does not move.
TEST_CASE("what an appraiser says is what a collectible is worth on average", "[collectible]") {
  World w = world();
  for (int n = 0; n <= 6; ++n)
    for (int lane = 0; lane < lanes; ++lane) w.at("ART", n, lane) = 100;
  std::vector<Line> book(2, Line{.cells = {{"appraisal", 1000.0},
                                           {"appraisal_sd", 0.3},
                                           {"index_factor", w.factor("ART")},
                                           {"idiosyncratic_volatility", 0.4}}});
  book[1].cells["offered_years"] = 1.0 / 12;
  book[1].cells["sale_delay_years"] = 0.5;
  book[1].cells["sale_cost"] = 0.2;
  Compiled batch(instrument("collectible"), table(instrument("collectible"), book), w, Detail::position);
  constexpr int blocks = 1000;
  double sum[2] = {}, squares[2] = {};
  std::uint64_t sold = 0;
  for (int b = 0; b < blocks; ++b) {
    w.block.first_scenario = static_cast<std::uint64_t>(b) * lanes;
    batch.evaluate(w.block);
    for (int lane = 0; lane < lanes; ++lane) {
      sold += batch.value(1, 2, lane) == 0;
      for (std::size_t p = 0; p < 2; ++p) {
        const double x = batch.value(p, 2, lane) + batch.cash(p, 2, lane);
        sum[p] += x, squares[p] += x * x;
      }
    }
  }
  const double n = blocks * lanes, p_sold = 1 - std::exp(-(5.0 / 12) / 0.5);
  CHECK(covers(sold, static_cast<std::uint64_t>(n), p_sold));
  const double expected[] = {1000, 1000 * (1 - 0.2 * p_sold)};
  for (std::size_t p = 0; p < 2; ++p) {
    const double mean = sum[p] / n, error = std::sqrt((squares[p] / n - mean * mean) / n);
    INFO(mean << " +- " << error << ", expected " << expected[p]);
    CHECK(agrees(mean, error, expected[p]));
  }
  const double variance = squares[0] / n - sum[0] / n * (sum[0] / n);
  CHECK(variance == Approx(1e6 * (std::exp(0.3 * 0.3 + 0.4 * 0.4 / 2) - 1)).epsilon(0.05));
}

TEST_CASE("a collectible without an index price has no value", "[collectible]") {
  World w = world();
  const std::vector<Line> book = {{.cells = {{"appraisal", 1000.0}, {"index_factor", w.factor("ART")}}}};
  w.at("ART", 2, 9) = 0;
  Compiled batch(instrument("collectible"), table(instrument("collectible"), book), w, Detail::leaf);
  batch.faults.reserve(10);
  batch.evaluate(w.block);
  REQUIRE(batch.faults.size() == 1);
  CHECK(batch.faults[0].lane == 9);
  CHECK(batch.faults[0].position == 0);
  CHECK(batch.faults[0].reason == Reason::no_price);
}
