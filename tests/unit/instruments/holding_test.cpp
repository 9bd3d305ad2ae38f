#include "tests/catch_any.h"
#include "tests/unit/instruments/book.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

World world() {
  World w(4, 0.25, {1, 2, 4}, 5);
  w.add("BTC", Process::lognormal, 60000, 0.7);
  w.add("EURUSD", Process::lognormal, 1.1, 0.1);
  w.add("GOLD", Process::lognormal, 2400, 0.15);
  w.draw_factors();
  return w;
}

}  // namespace

TEST_CASE("a holding is worth quantity times price, in the job's currency", "[holding]") {
  World w = world();
  std::vector<Line> book;
  for (std::size_t i = 0; i < 60; ++i)
    book.push_back({.leaf = 1 + static_cast<std::uint32_t>(w.random() % 3),
                    .currency = w.random() % 2 ? w.factor("EURUSD") : FactorIndex{none},
                    .quantity = w.uniform(-1, 3),
                    .cells = {{"factor", w.random() % 2 ? w.factor("BTC") : w.factor("GOLD")}}});
  const auto expected = [&](std::size_t p, std::size_t v, int lane) {
    const int h = w.market.valued[v];
    const auto k = static_cast<std::size_t>(lane);
    const double fx = is_none(book[p].currency) ? 1 : w.block.factors(book[p].currency, h)[k];
    return Outcome{
        book[p].quantity * w.block.factors(std::get<FactorIndex>(book[p].cells.at("factor")), h)[k] * fx, 0, 0, {}};
  };
  const Errors errors = compare(instrument("holding"), table(instrument("holding"), book), w, 0, expected);
  INFO(errors.where);
  CHECK(errors.reference < 1e-14);
  CHECK(errors.leaf < 1e-14);
  CHECK(errors.units <= 1);
}

TEST_CASE("a holding needs no obligor and reads its price and its currency", "[holding]") {
  World w = world();
  const std::vector<Line> book = {{.currency = w.factor("EURUSD"), .quantity = 2, .cells = {{"factor", w.factor("BTC")}}}};
  const Compiled batch(instrument("holding"), table(instrument("holding"), book), w, Detail::leaf);
  CHECK(batch.batch->reads == std::vector<FactorIndex>{w.factor("BTC"), w.factor("EURUSD")});
  CHECK_FALSE(batch.batch->reads_defaults);
  CHECK(batch.batch->value_today[0] == Approx(132000).epsilon(1e-15));
  CHECK(batch.batch->gross[0] > 10 * 132000);
  CHECK(instrument("holding").obligor == Instrument::Credit::no);
}

TEST_CASE("the value today ignores a shock that acts just after today", "[holding]") {
  World w = world();
  const std::vector<Line> book = {{.quantity = 1, .cells = {{"factor", w.factor("BTC")}}}};
  for (int n = 0; n <= 4; ++n)
    for (int lane = 0; lane < lanes; ++lane) w.at("BTC", n, lane) = 30000;
  Compiled batch(instrument("holding"), table(instrument("holding"), book), w, Detail::leaf);
  batch.evaluate(w.block);
  CHECK(batch.batch->value_today[0] == 60000);
  CHECK(batch.value(0, 0, 7) == 30000);
}
