#include <algorithm>

#include "kernels/math/functions.h"
#include "kernels/math/tails.h"
#include "kernels/random/gamma.h"
#include "tests/acceptance.h"
#include "tests/catch_any.h"
#include "tests/unit/instruments/book.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

constexpr int steps = 6;
constexpr double step_years = 0.5;

World world(Positions& positions, unsigned seed) {
  World w(steps, step_years, {1, 3, 6}, seed);
  w.add("BTC", Process::lognormal, 60000, 0.7);
  w.add_prices(positions);
  w.draw_factors();
  w.block.seed = seed;
  return w;
}

}  // namespace

TEST_CASE("a coin is worth par, and something else while its peg is lost", "[stablecoin]") {
  const Instrument& type = instrument("stablecoin");
  std::vector<Line> book;
  for (std::size_t i = 0; i < 40; ++i) {
    Line line{.leaf = 1 + static_cast<std::uint32_t>(i % 3),
              .quantity = i % 7 == 0 ? -1.0 : 1.5,
              .cells = {{"tokens", 100.0 + static_cast<double>(i)},
                        {"depeg_rate", i % 5 == 0 ? 0.0 : 0.5},
                        {"price_beta_a", 8.0},
                        {"price_beta_b", 2.0}}};
    if (i % 2 == 0) line.cells["return_years"] = 0.8;
    book.push_back(line);
  }
  Positions positions = table(type, book);
  World w = world(positions, 41);
  w.publish(type, positions);
  const auto expected = [&](std::size_t p, std::size_t v, int lane) {
    const Line& line = book[p];
    const std::string& id = positions.id[p];
    const auto k = static_cast<std::size_t>(lane);
    const auto first = [&](const char* purpose) {
      std::array<double, lanes> u;
      uniforms(w.block.seed, stream(purpose, id), w.block.numbers(), 0, u);
      return -std::log(u[k]);
    };
    std::array<double, lanes> price;
    betas(w.block.seed, stream("price without peg", id), stream("price without peg, rest", id), w.block.numbers(), 8, 2,
          price);
    const double rate = std::get<double>(line.cells.at("depeg_rate"));
    const double lost = rate > 0 ? first("depeg") / rate : 1e9;
    const double back = line.cells.contains("return_years") ? lost + 0.8 * first("return of the peg") : 1e9;
    const double time = step_years * w.market.valued[v];
    const double worth = lost <= time && !(back <= time) ? price[k] : 1;
    const double units = line.quantity * std::get<double>(line.cells.at("tokens"));
    return Outcome{units * worth, 0, units * (1 - worth), {worth < 1 ? std::abs(units) : 0}};
  };
  const Errors errors = compare(type, positions, w, 0, expected);
  INFO(errors.where);
  CHECK(errors.reference < 1e-12);
  CHECK(errors.leaf < 1e-13);
}

TEST_CASE("a run on the reserve leaves those who stay with what is left of it", "[stablecoin]") {
  const Instrument& type = instrument("stablecoin");
  std::vector<Line> book;
  World w(steps, step_years, {1, 3, 6}, 43);
  w.add("BTC", Process::lognormal, 60000, 0.7);
  const PoolIndex pool = w.add_pool(5e6);
  for (std::size_t i = 0; i < 60; ++i) {
    const double coverage = w.uniform(0.5, 1.5);
    Line line{.leaf = 1 + static_cast<std::uint32_t>(i % 3),
              .cells = {{"tokens", w.uniform(10, 1e3)},
                        {"depeg_rate", 0.0},
                        {"price_beta_a", 1.0},
                        {"price_beta_b", 1.0},
                        {"reserve", pool},
                        {"coverage", coverage},
                        {"run_below", coverage * w.uniform(0.2, 1)}}};
    if (i % 4 != 0) line.cells["run_share"] = w.uniform(0, 0.99);
    if (i % 3 != 0) line.cells["liquid_share"] = w.uniform(0, 1), line.cells["sale_cost"] = w.uniform(0, 0.5);
    book.push_back(line);
  }
  Positions positions = table(type, book);
  w.add_prices(positions);
  w.draw_factors();
  w.fill_pool(pool);
  w.publish(type, positions);
  int runs = 0, empty = 0;
  // The issuer's books: money in the reserve against coins, of which there were a million.
  const auto expected = [&](std::size_t p, std::size_t v, int lane) {
    const auto cell = [&](const char* name, double otherwise) {
      const auto at = book[p].cells.find(name);
      return at == book[p].cells.end() ? otherwise : std::get<double>(at->second);
    };
    double coins = 1e6, price = 1, money = cell("coverage", 1) * coins;
    bool ran = false;
    for (int n = 1; n <= w.market.valued[v]; ++n) {
      const auto worth = [&](int step) {
        return w.block.factors(static_cast<std::size_t>(pool), step)[static_cast<std::size_t>(lane)];
      };
      money *= worth(n) / worth(n - 1);
      if (!ran && money < cell("run_below", 1) * coins) {
        ran = true;
        const double asked = cell("run_share", 0) * coins, liquid = cell("liquid_share", 1) * money;
        money -= asked <= liquid ? asked : liquid + (asked - liquid) / (1 - cell("sale_cost", 0));
        money = std::max(money, 0.0), coins -= asked;
        empty += money == 0;
      }
      price = ran ? std::min(1.0, money / coins) : 1;
    }
    runs += ran;
    const double units = book[p].quantity * cell("tokens", 0);
    return Outcome{units * price, 0, units * (1 - price), {price < 1 ? units : 0}};
  };
  const Errors errors = compare(type, positions, w, 0, expected);
  INFO(errors.where);
  CHECK(errors.reference < 1e-12);
  CHECK(errors.leaf < 1e-13);
  CHECK(runs > 1000);
  CHECK(empty > 100);
}

// A reserve of 90 for 100 coins, 18 of it liquid: 50 run, 32 are raised by selling 35.56 at a cost of a tenth, and 36.44 are
// left for the other 50.
TEST_CASE("a run by hand", "[stablecoin]") {
  const Instrument& type = instrument("stablecoin");
  World w(1, 1, {1}, 44);
  w.add("BTC", Process::lognormal, 60000, 0.7);
  const PoolIndex pool = w.add_pool(100);
  Positions positions = table(type, {Line{.cells = {{"tokens", 100.0},
                                                    {"depeg_rate", 0.0},
                                                    {"price_beta_a", 1.0},
                                                    {"price_beta_b", 1.0},
                                                    {"reserve", pool},
                                                    {"run_share", 0.5},
                                                    {"liquid_share", 0.2},
                                                    {"sale_cost", 0.1}}}});
  w.add_prices(positions);
  w.draw_factors();
  w.fill_pool(pool);
  for (double& worth : w.block.factors(static_cast<std::size_t>(pool), 1)) worth = 90;
  w.block.factors(static_cast<std::size_t>(pool), 1)[1] = 100;
  w.publish(type, positions);
  Compiled coin(type, positions, w, Detail::leaf);
  coin.evaluate(w.block);
  CHECK(coin.value(0, 0, 0) == Approx(100 * (90 - 18 - 32 / 0.9) / 50));
  CHECK(coin.gauge(0, 0, 0, 0) == 100);
  CHECK(coin.value(0, 0, 1) == 100);
  CHECK(coin.gauge(0, 0, 0, 1) == 0);
}

TEST_CASE("coins lose their pegs at their rate, one by one", "[stablecoin]") {
  const Instrument& type = instrument("stablecoin");
  std::vector<Line> book(
      200, Line{.cells = {{"tokens", 1.0}, {"depeg_rate", 0.3}, {"price_beta_a", 3.0}, {"price_beta_b", 3.0}}});
  Positions positions = table(type, book);
  World w = world(positions, 42);
  std::uint64_t lost = 0, trials = 0;
  for (std::uint64_t block = 0; block < 20; ++block) {
    w.block.first_scenario = block * lanes;
    w.publish(type, positions);
    for (const FactorIndex first : positions.published)
      for (std::size_t k = 0; k < lanes; ++k, ++trials) lost += w.block.factors(first, 3)[k] != 1;
  }
  INFO(lost << " of " << trials);
  CHECK(covers(lost, trials, 1 - std::exp(-0.3 * 1.5)));
}
