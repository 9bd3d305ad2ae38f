#include "tests/catch_any.h"
#include "tests/unit/instruments/book.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

World world(std::uint32_t obligors) {
  World w(6, 1.0 / 12, {1, 3, 6}, 11);
  w.add("EURUSD", Process::lognormal, 1.1, 0.1);
  w.add("JPYUSD", Process::lognormal, 0.0067, 0.12);
  w.draw_factors();
  w.draw_defaults(obligors, 9);
  return w;
}
std::vector<Line> lines(World& w, std::size_t count, std::uint32_t obligors) {
  const FactorIndex currencies[] = {FactorIndex{none}, w.factor("EURUSD"), w.factor("JPYUSD")};
  std::vector<Line> out;
  for (std::size_t i = 0; i < count; ++i)
    out.push_back({.leaf = 1 + static_cast<std::uint32_t>(w.random() % 4),
                   .currency = currencies[w.random() % 3],
                   .quantity = i % 5 == 0 ? -w.uniform(0.5, 2) : w.uniform(0.5, 2),
                   .obligor = ObligorIndex{static_cast<std::uint32_t>(w.random() % obligors)},
                   .cells = {{"ead", w.uniform(1e3, 1e6)}}});
  return out;
}

}  // namespace

TEST_CASE("an exposure is worth its EAD until default and the recovery after", "[exposure]") {
  constexpr std::uint32_t obligors = 40;
  World w = world(obligors);
  const std::vector<Line> book = lines(w, 100, obligors);
  const auto expected = [&](std::size_t p, std::size_t v, int lane) {
    const Line& line = book[p];
    const int h = w.market.valued[v];
    const double fx = is_none(line.currency) ? 1 : w.block.factors(line.currency, h)[static_cast<std::size_t>(lane)];
    const double ead = line.quantity * std::get<double>(line.cells.at("ead")) * fx;
    const double lgd = w.loss_given_default[static_cast<std::size_t>(line.obligor)];
    if (w.default_step(line.obligor, lane) > h) return Outcome{ead, 0, 0, {0, 0}};
    return Outcome{ead * (1 - lgd), 0, ead * lgd, {1, ead}};
  };
  const Errors errors = compare(instrument("exposure"), table(instrument("exposure"), book), w, obligors, expected);
  INFO(errors.where);
  CHECK(errors.reference < 1e-15);
  CHECK(errors.leaf < 1e-14);
  CHECK(errors.units <= 1);
}

TEST_CASE("without defaults and foreign money an exposure loses exactly nothing", "[exposure]") {
  World w = world(3);
  w.block.defaults.clear();
  std::vector<Line> book = lines(w, 30, 3);
  for (Line& line : book) line.currency = FactorIndex{none};
  Compiled batch(instrument("exposure"), table(instrument("exposure"), book), w, Detail::leaf, 3);
  batch.evaluate(w.block);
  for (std::size_t r = 0; r < batch.wiring.row_count; ++r)
    for (int v = 0; v < 3; ++v)
      for (int lane = 0; lane < lanes; ++lane) {
        CHECK(batch.value(r, v, lane) == batch.batch->value_today[r]);
        CHECK(batch.cash(r, v, lane) == 0);
        CHECK(batch.credit(r, v, lane) == 0);
        CHECK(batch.gauge(r, 0, v, lane) == 0);
      }
}

TEST_CASE("long and short exposures cancel, quantity is linear", "[exposure]") {
  World w = world(5);
  std::vector<Line> book(3, Line{.quantity = 1, .obligor = ObligorIndex{2}, .cells = {{"ead", 1000.0}}});
  book[1].quantity = -1;
  book[2].quantity = 4;
  Compiled batch(instrument("exposure"), table(instrument("exposure"), book), w, Detail::position, 5);
  batch.evaluate(w.block);
  for (int v = 0; v < 3; ++v)
    for (int lane = 0; lane < lanes; ++lane) {
      CHECK(batch.value(1, v, lane) == -batch.value(0, v, lane));
      CHECK(batch.value(2, v, lane) == 4 * batch.value(0, v, lane));
      CHECK(batch.credit(2, v, lane) == 4 * batch.credit(0, v, lane));
    }
}

TEST_CASE("an exposure says what it reads and what it can be worth", "[exposure]") {
  World w = world(2);
  const std::vector<Line> book = {{.currency = w.factor("EURUSD"), .quantity = -3, .cells = {{"ead", 100.0}}}};
  const Compiled batch(instrument("exposure"), table(instrument("exposure"), book), w, Detail::leaf, 2);
  CHECK(batch.batch->reads == std::vector<FactorIndex>{w.factor("EURUSD")});
  CHECK(batch.batch->reads_defaults);
  CHECK(batch.batch->value_today[0] == Approx(-330).epsilon(1e-15));
  CHECK(batch.batch->gross[0] > 330);
  CHECK(instrument("exposure").obligor == Instrument::Credit::required);
}
