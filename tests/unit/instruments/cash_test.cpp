#include "tests/catch_any.h"
#include "tests/unit/instruments/book.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

World world() {
  World w(6, 1.0 / 12, {1, 3, 6}, 61);
  w.add("EURUSD", Process::lognormal, 1.1, 0.1);
  w.add("ESTR", Process::normal, 0.02, 0.03);
  w.draw_factors();
  return w;
}

}  // namespace

TEST_CASE("cash grows by the rates fixed at the beginning of each step", "[cash]") {
  World w = world();
  std::vector<Line> book;
  for (std::size_t i = 0; i < 40; ++i) {
    book.push_back({.leaf = 1 + static_cast<std::uint32_t>(i % 3),
                    .currency = i % 2 ? w.factor("EURUSD") : FactorIndex{none},
                    .quantity = i % 7 == 3 ? -1.5 : 1,
                    .cells = {{"amount", w.uniform(-100, 1000)}}});
    if (i % 3) book.back().cells["rate"] = i % 3 == 1 ? Cell(w.factor("ESTR")) : Cell(w.uniform(-0.1, 0.3));
  }
  for (int lane = 0; lane < lanes; ++lane) w.at("ESTR", 0, lane) = 0.05;  // a shock just after today counts from today
  const auto expected = [&](std::size_t p, std::size_t v, int lane) {
    const Line& line = book[p];
    const int h = w.market.valued[v];
    long double interest = 0;
    if (const auto at = line.cells.find("rate"); at != line.cells.end())
      for (int n = 0; n < h; ++n)
        interest += w.market.step_years *
                    (std::holds_alternative<double>(at->second) ? std::get<double>(at->second) : w.at("ESTR", n, lane));
    const long double fx = is_none(line.currency) ? 1 : w.at("EURUSD", h, lane);
    return Outcome{
        static_cast<double>(line.quantity * std::get<double>(line.cells.at("amount")) * expl(interest) * fx), 0, 0, {}};
  };
  const Errors errors = compare(instrument("cash"), table(instrument("cash"), book), w, 0, expected);
  INFO(errors.where);
  CHECK(errors.reference < 1e-13);
  CHECK(errors.leaf < 1e-14);
  CHECK(errors.units <= 1);
}

// Without interest it is as many units of its currency.
TEST_CASE("cash in another currency is a holding of it", "[cash]") {
  World w = world();
  const std::vector<Line> cash = {{.currency = w.factor("EURUSD"), .cells = {{"amount", 250.0}}}};
  const std::vector<Line> holding = {{.quantity = 250, .cells = {{"factor", w.factor("EURUSD")}}}};
  Compiled a(instrument("cash"), table(instrument("cash"), cash), w, Detail::leaf);
  Compiled b(instrument("holding"), table(instrument("holding"), holding), w, Detail::leaf);
  a.evaluate(w.block);
  b.evaluate(w.block);
  CHECK(a.batch->value_today == b.batch->value_today);
  CHECK(a.batch->reads == b.batch->reads);
  for (int lane = 0; lane < lanes; ++lane) {
    CHECK(a.value(0, 2, lane) == b.value(0, 2, lane));
    CHECK(a.cash(0, 2, lane) == 0);
    CHECK(a.credit(0, 2, lane) == 0);
  }
}

TEST_CASE("accounts of one row, currency and rate add up to one", "[cash]") {
  World w = world();
  std::vector<Line> book;
  for (std::size_t i = 0; i < 1000; ++i)
    book.push_back({.currency = i % 2 ? w.factor("EURUSD") : FactorIndex{none},
                    .cells = {{"amount", 1.0 + static_cast<double>(i)}, {"rate", i % 4 < 2 ? 0.03 : 0.05}}});
  std::vector<Line> sums(4);
  for (std::size_t i = 0; i < 4; ++i) {
    sums[i] = book[i];
    sums[i].cells["amount"] = 250.0 * (1 + static_cast<double>(i)) + 4.0 * 249 * 250 / 2;
  }
  Compiled many(instrument("cash"), table(instrument("cash"), book), w, Detail::leaf);
  Compiled few(instrument("cash"), table(instrument("cash"), sums), w, Detail::leaf);
  many.evaluate(w.block);
  few.evaluate(w.block);
  for (int v = 0; v < 3; ++v)
    for (int lane = 0; lane < lanes; ++lane) REQUIRE(many.value(0, v, lane) == few.value(0, v, lane));
}
