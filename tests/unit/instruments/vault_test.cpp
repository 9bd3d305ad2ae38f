#include "kernels/math/functions.h"
#include "kernels/random/stream.h"
#include "tests/acceptance.h"
#include "tests/catch_any.h"
#include "tests/reference.h"
#include "tests/unit/instruments/book.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

enum : std::size_t { liquidated, bad_debt };

struct Terms {
  double quantity, debt, rate, threshold, bonus, fee, close;
};
// One vault in one scenario, a step at a time, in long double.
struct PlainVault {
  long double collateral, debt, untouched, repaid = 0, taken = 0,
                                           lost = 0;  // taken: by liquidators, beyond what they repaid
  explicit PlainVault(const Terms& t) : collateral(t.quantity), debt(t.debt), untouched(t.debt) {}
  void grow(const Terms& t, long double years) {
    debt *= std::exp(t.rate * years);
    untouched *= std::exp(t.rate * years);
  }
  bool unhealthy(const Terms& t, long double price, long double debt_price) const {
    return collateral * price * t.threshold < debt * debt_price;
  }
  void monitor(const Terms& t, long double price, long double debt_price) {
    if (unhealthy(t, price, debt_price)) liquidate(t, t.close, price, debt_price);
  }
  // Until it is healthy or sold out.
  void watch(const Terms& t, long double price) {
    while (collateral > 0 && unhealthy(t, price, 1))
      liquidate(t, collateral * price * (1 - t.fee) <= debt * (1 + t.bonus) ? 1 : t.close, price, 1);
  }
  // Down to `low` without a gap: at each trigger price that is passed.
  void pass(const Terms& t, long double low) {
    while (collateral > 0 && unhealthy(t, low, 1)) {
      const bool heals = t.threshold * (1 + t.bonus) < 1 - t.fee;
      liquidate(t, heals ? t.close : 1, debt / (collateral * t.threshold), 1);
    }
  }
  void liquidate(const Terms& t, long double share, long double price, long double debt_price) {
    long double pays = share * debt * debt_price;
    long double seized = pays * (1 + t.bonus) / (1 - t.fee) / price;
    if (seized > collateral) {
      seized = collateral;
      pays = seized * price * (1 - t.fee) / (1 + t.bonus);
    }
    collateral -= seized;
    debt -= pays / debt_price;
    repaid += pays;
    lost += seized * price * t.fee;
    taken += seized * price * (1 - t.fee) - pays;
  }
};
Outcome plain_outcome(const Terms& t, const World& w, const Line& line, int h, int lane, PlainVault* state = nullptr) {
  const auto k = static_cast<std::size_t>(lane);
  const auto cell = line.cells.find("debt_factor");
  const auto price = [&](int n) -> long double {
    return w.block.factors(std::get<FactorIndex>(line.cells.at("collateral_factor")), n)[k];
  };
  const auto debt_price = [&](int n) -> long double {
    return cell == line.cells.end() ? 1 : w.block.factors(std::get<FactorIndex>(cell->second), n)[k];
  };
  PlainVault s(t);
  if (line.cells.contains("monitoring")) {
    const FactorIndex f = std::get<FactorIndex>(line.cells.at("collateral_factor"));
    s.watch(t, price(0));
    for (int n = 1; n <= h; ++n) {
      s.pass(t, w.block.lows(f, n)[k]);
      for (const Landing& l : w.block.landings[static_cast<std::size_t>(f)])
        if (l.lane == k && l.step == n) s.watch(t, l.value), s.pass(t, l.low);
      s.grow(t, w.market.step_years), s.watch(t, price(n));
    }
  } else {
    if (w.block.monitor_today) s.monitor(t, price(0), debt_price(0));
    for (int n = 1; n <= h; ++n) s.grow(t, w.market.step_years), s.monitor(t, price(n), debt_price(n));
  }
  const bool lender = std::get<std::string>(line.cells.at("side")) == "lender";
  const long double worth = s.collateral * price(h), owed = s.debt * debt_price(h), promised = s.untouched * debt_price(h);
  const long double value = lender ? std::min(owed, worth) : std::max<long double>(worth - owed, 0);
  const long double never = lender ? promised : std::max<long double>(t.quantity * price(h) - promised, 0);
  const long double cash = lender ? s.repaid : 0;
  if (state) *state = s;
  const auto money = [&](long double x) { return static_cast<double>(x * line.quantity); };
  return {money(value),
          money(cash),
          money(never - value - cash),
          {money(s.repaid), money(std::max<long double>(owed - worth, 0))}};
}

World world(unsigned seed) {
  World w(20, 1.0 / 52, {1, 7, 20}, seed);
  w.add("ETH", Process::lognormal, 3000, 1.1);
  w.add("BTC", Process::lognormal, 60000, 0.8);
  w.add("DAI", Process::lognormal, 1, 0.1);
  w.draw_factors();
  return w;
}
struct Book {
  std::vector<Line> lines;
  std::vector<Terms> terms;
};
// Terms of their own for each vault, or one of `kinds` terms.
Book random_book(World& w, std::size_t count, std::size_t kinds = 0) {
  Book out;
  for (std::size_t i = 0; i < count; ++i) {
    const bool eth = w.random() % 2, token = w.random() % 3 == 0;
    Terms t{w.uniform(1, 50),
            0,
            w.uniform(-0.02, 0.4),
            w.uniform(0.6, 0.9),
            w.uniform(0, 0.15),
            i % 3 ? 0 : w.uniform(0, 0.05),
            i % 4 ? w.uniform(0.2, 0.8) : 1};
    if (kinds > 0 && i >= kinds) {
      const double quantity = t.quantity;
      t = out.terms[w.random() % kinds];
      t.quantity = quantity;
    }
    t.debt = t.quantity * (eth ? 3000 : 60000) * t.threshold * w.uniform(0.6, 1.02);
    Line line;
    line.leaf = 1 + static_cast<std::uint32_t>(w.random() % 3);
    line.quantity = w.random() % 5 == 0 ? -1 : w.uniform(0.5, 2);
    line.cells = {{"collateral_factor", w.factor(eth ? "ETH" : "BTC")},
                  {"collateral_quantity", t.quantity},
                  {"debt", t.debt},
                  {"borrow_rate", t.rate},
                  {"liquidation_threshold", t.threshold},
                  {"bonus", t.bonus},
                  {"fee", t.fee},
                  {"close_factor", t.close},
                  {"side", std::string(w.random() % 2 ? "lender" : "borrower")}};
    if (token) line.cells["debt_factor"] = w.factor("DAI");
    out.lines.push_back(std::move(line));
    out.terms.push_back(t);
  }
  return out;
}
// Something between the steps: a low below both ends, now and then one or two jumps.
void draw_inside(World& w) {
  w.block.lows = LaneTable(w.market.factors.size(), w.market.steps + 1);
  w.block.landings.assign(w.market.factors.size(), {});
  for (std::size_t f = 0; f < w.market.factors.size(); ++f)
    for (std::uint16_t k = 0; k < lanes; ++k)
      for (int n = 1; n <= w.market.steps; ++n) {
        const double from = w.block.factors(f, n - 1)[k], to = w.block.factors(f, n)[k];
        w.block.lows(f, n)[k] = std::min(from, to) * w.uniform(0.9, 1);
        for (auto jumps = w.random() % 12; jumps >= 10; --jumps) {
          const double value = from * w.uniform(0.5, 1.2);
          w.block.landings[f].push_back({k, static_cast<std::uint16_t>(n), value, value * w.uniform(0.9, 1)});
        }
      }
}
void always_monitored(Book& book) {
  for (Line& line : book.lines) line.cells["monitoring"] = std::string("bridge"), line.cells.erase("debt_factor");
}
Line simple(double quantity, double debt, const char* side) {
  return {.cells = {{"collateral_quantity", quantity}, {"debt", debt}, {"side", std::string(side)}}};
}

}  // namespace

namespace {
// Tables and single vaults against the definition. Errors are relative to what the vault is worth today, which for a
// borrower at the threshold is a fifth of what it holds.
void check_by_definition(World& w, const Book& book) {
  const Errors errors = compare(instrument("vault"), table(instrument("vault"), book.lines), w, 0,
                                [&](std::size_t p, std::size_t v, int lane) {
                                  return plain_outcome(book.terms[p], w, book.lines[p], w.market.valued[v], lane);
                                });
  INFO(errors.where);
  CHECK(errors.reference < 1e-12);
  CHECK(errors.leaf < 1e-14);
  CHECK(errors.units <= 1);
}
}  // namespace

TEST_CASE("vaults agree with the definition, monitored today or not", "[vault]") {
  for (const bool today : {false, true}) {
    World w = world(today ? 21 : 22);
    w.block.monitor_today = today;
    const Book book = random_book(w, 120);
    check_by_definition(w, book);
  }
}

// Hundreds of vaults in each of a few tables, in wild markets: liquidated again and again, in whole and in part, sold out,
// under water, without collateral, without debt, alike.
TEST_CASE("a table of vaults is the vaults one by one", "[vault]") {
  for (const bool today : {false, true}) {
    World w(20, 1.0 / 52, {1, 7, 20}, today ? 31 : 32);
    w.add("ETH", Process::lognormal, 3000, 2.5);
    w.add("BTC", Process::lognormal, 60000, 0.8);
    w.add("DAI", Process::lognormal, 1, 0.1);
    w.draw_factors();
    w.block.monitor_today = today;
    Book book = random_book(w, 1500, 4);
    for (std::size_t p = 0; p < book.lines.size(); p += 50) {
      book.lines[p + 1] = book.lines[p], book.terms[p + 1] = book.terms[p];
      book.lines[p + 2].cells["debt"] = book.terms[p + 2].debt = 0;
      book.lines[p + 3].cells["collateral_quantity"] = book.terms[p + 3].quantity = 0;
      book.lines[p + 3].cells["debt"] = book.terms[p + 3].debt =
          1e-3;  // errors are relative to a thousandth where the value today is 0
    }
    book.lines[4].cells["collateral_quantity"] = book.terms[4].quantity = 0;
    book.lines[4].cells["debt"] = book.terms[4].debt = 0;
    check_by_definition(w, book);
  }
}

TEST_CASE("vaults monitored always agree with the definition, in tables and one by one", "[vault]") {
  for (const std::size_t kinds : {0u, 5u}) {
    World w = world(kinds > 0 ? 33 : 34);
    draw_inside(w);
    Book book = random_book(w, 600, kinds);
    always_monitored(book);
    check_by_definition(w, book);
  }
}

// Trigger 700 / (10 x 0.875) = 80; half of the debt, 350, is repaid for 437.5 at 80, which is 5.46875 of collateral, and the
// next trigger is 350 / (4.53125 x 0.875) = 88.3: a bonus of 25 % does not heal, so all is sold at 80 for 800 / 1.25. With
// no bonus 4.375 are sold, and the next trigger is 350 / (5.625 x 0.875) = 71.1.
TEST_CASE("a trigger passed on the way, by hand", "[vault]") {
  World w(1, 1.0, {1}, 1);
  w.add("ETH", Process::lognormal, 100, 0);
  w.draw_factors();
  draw_inside(w);
  w.block.landings[0].clear();
  w.block.lows(0, 1)[0] = 80.5;
  w.block.lows(0, 1)[1] = 79;
  w.block.lows(0, 1)[2] = 70;
  w.block.landings[0].push_back({3, 1, 40, 40});
  w.block.lows(0, 1)[3] = 95;
  std::vector<Line> book = {simple(10, 700, "lender"), simple(10, 700, "lender")};
  for (Line& line : book) {
    line.cells["collateral_factor"] = w.factor("ETH");
    line.cells["liquidation_threshold"] = 0.875;
    line.cells["monitoring"] = std::string("bridge");
  }
  book[0].cells["bonus"] = 0.0, book[1].cells["bonus"] = 0.25;
  Compiled batch(instrument("vault"), table(instrument("vault"), book), w, Detail::position);
  CHECK(batch.batch->reads_lows == std::vector<FactorIndex>{w.factor("ETH")});
  batch.evaluate(w.block);
  const auto near = [](double x) { return Approx(x).epsilon(1e-14); };
  for (std::size_t v = 0; v < 2; ++v) CHECK(batch.cash(v, 0, 0) == 0);
  CHECK(batch.cash(0, 0, 1) == near(350));
  CHECK(batch.value(0, 0, 1) == near(350));
  CHECK(batch.cash(0, 0, 2) == near(350 + 175));
  CHECK(batch.cash(1, 0, 1) == near(640));
  CHECK(batch.gauge(1, bad_debt, 0, 1) == near(60));
  CHECK(batch.value(1, 0, 1) == 0);
  CHECK(batch.cash(0, 0, 3) == near(400));  // a jump below the debt: sold out at the price after it
  CHECK(batch.cash(1, 0, 3) == near(320));
  CHECK(batch.gauge(1, bad_debt, 0, 3) == near(380));
}

// Powers of two: the trigger price is exact, and unhealthy is below, not at.
TEST_CASE("a vault at its trigger is healthy, in a table as alone", "[vault]") {
  World w(1, 1.0, {1}, 1);
  w.add("ETH", Process::lognormal, 128, 0);
  w.draw_factors();
  for (int lane = 0; lane < lanes; ++lane) w.at("ETH", 1, lane) = 64 + lane;
  std::vector<Line> book;
  for (int i = 0; i < 64; ++i) {
    Line line = simple(8, 4.0 * (64 + i), "lender");  // trigger 64 + i
    line.cells["collateral_factor"] = w.factor("ETH");
    line.cells["liquidation_threshold"] = 0.5;
    line.cells["bonus"] = 0.0;
    line.cells["close_factor"] = 1.0;
    book.push_back(line);
  }
  for (const Detail detail : {Detail::leaf, Detail::position}) {
    Compiled batch(instrument("vault"), table(instrument("vault"), book), w, detail);
    batch.evaluate(w.block);
    for (int lane = 0; lane < lanes; ++lane) {
      double repaid = 0, expected = 0;
      for (std::size_t row = 0; row < batch.wiring.row_count; ++row) repaid += batch.cash(row, 0, lane);
      for (int i = lane + 1; i < 64; ++i) expected += 4.0 * (64 + i);
      CHECK(repaid == expected);
    }
  }
}

TEST_CASE("what lender, borrower, liquidators and fees get is the collateral", "[vault]") {
  const bool always = GENERATE(false, true);
  World w = world(23);
  draw_inside(w);
  Book book = random_book(w, 40);
  if (always) always_monitored(book);
  int liquidations = 0, shortfalls = 0;
  for (std::size_t p = 0; p < book.lines.size(); ++p) {
    Line lender = book.lines[p], borrower = book.lines[p];
    lender.quantity = borrower.quantity = 1;
    lender.cells["side"] = std::string("lender"), borrower.cells["side"] = std::string("borrower");
    Compiled both(instrument("vault"), table(instrument("vault"), {lender, borrower}), w, Detail::position);
    both.evaluate(w.block);
    for (int lane = 0; lane < lanes; ++lane) {
      PlainVault s(book.terms[p]);
      plain_outcome(book.terms[p], w, lender, 20, lane, &s);
      const FactorIndex collateral = std::get<FactorIndex>(lender.cells["collateral_factor"]);
      const double price = w.block.factors(collateral, 20)[static_cast<std::size_t>(lane)];
      const double worth = static_cast<double>(s.collateral) * price, held = book.terms[p].quantity * price;
      CHECK(std::abs(both.value(0, 2, lane) + both.value(1, 2, lane) - worth) < 1e-14 * held);
      CHECK(both.cash(0, 2, lane) == Approx(static_cast<double>(s.repaid)).epsilon(1e-12));
      CHECK(both.cash(1, 2, lane) == 0);
      // Of each unit of money seized: fee to nobody, the rest in proportion 1 to bonus to lender and liquidator.
      const double seized = static_cast<double>(s.repaid + s.taken + s.lost);
      CHECK(static_cast<double>(s.taken) == Approx(book.terms[p].bonus * both.cash(0, 2, lane)).epsilon(1e-9).margin(1e-9));
      CHECK(static_cast<double>(s.lost) == Approx(book.terms[p].fee * seized).epsilon(1e-9).margin(1e-9));
      liquidations += s.repaid > 0, shortfalls += both.gauge(0, bad_debt, 2, lane) > 0;
    }
  }
  CHECK(liquidations > 100);
  CHECK(shortfalls > 20);
}

TEST_CASE("one liquidation by hand", "[vault]") {
  World w(2, 1.0, {1, 2}, 1);
  w.add("ETH", Process::lognormal, 100, 0);
  w.draw_factors();
  for (int lane = 0; lane < lanes; ++lane) w.at("ETH", 1, lane) = w.at("ETH", 2, lane) = 80;
  for (int n = 1; n <= 2; ++n) w.at("ETH", n, 1) = 40;  // less than the debt
  for (int n = 1; n <= 2; ++n) w.at("ETH", n, 2) = 200;
  std::vector<Line> book = {simple(10, 700, "lender"), simple(10, 700, "borrower")};
  for (Line& line : book) {
    line.cells["collateral_factor"] = w.factor("ETH");
    line.cells["liquidation_threshold"] = 0.85;
    line.cells["bonus"] = 0.25;
  }
  Compiled batch(instrument("vault"), table(instrument("vault"), book), w, Detail::position);
  batch.evaluate(w.block);
  CHECK(batch.batch->value_today == std::vector<double>{700, 300});
  // At 80: worth 800 x 0.85 < 700, half of the debt is repaid for 437.5 of collateral; then 362.5 x 0.85 < 350 again.
  CHECK(batch.cash(0, 0, 0) == 350);
  CHECK(batch.value(0, 0, 0) == 350);
  CHECK(batch.value(1, 0, 0) == 12.5);
  CHECK(batch.credit(0, 0, 0) == 0);
  CHECK(batch.credit(1, 0, 0) == 100 - 12.5);
  CHECK(batch.cash(0, 1, 0) == 350 + 175);
  CHECK(batch.value(0, 1, 0) == 362.5 - 218.75);
  CHECK(batch.gauge(0, liquidated, 1, 0) == 525);
  CHECK(batch.gauge(0, bad_debt, 1, 0) == 175 - 143.75);
  CHECK(batch.credit(0, 1, 0) == 175 - 143.75);
  // At 40: all 400 of collateral repays 320, 380 stays owed.
  CHECK(batch.cash(0, 0, 1) == 320);
  CHECK(batch.value(0, 0, 1) == 0);
  CHECK(batch.gauge(0, bad_debt, 0, 1) == 380);
  CHECK(batch.cash(0, 1, 1) == 320);
  CHECK(batch.value(1, 0, 2) == 1300);
  CHECK(batch.credit(0, 1, 2) == 0);
}

TEST_CASE("a vault that stays healthy loses exactly nothing but the price", "[vault]") {
  World w = world(24);
  Line line = simple(1, 1000, "lender");
  line.cells["collateral_factor"] = w.factor("BTC");
  line.cells["liquidation_threshold"] = 0.8;
  line.cells["borrow_rate"] = 0.3;
  Compiled batch(instrument("vault"), table(instrument("vault"), {line}), w, Detail::leaf);
  CHECK(!batch.batch->triggers_today);
  batch.evaluate(w.block);
  for (int lane = 0; lane < lanes; ++lane) {
    CHECK(batch.value(0, 2, lane) == Approx(1000 * std::exp(0.3 * 20 / 52)).epsilon(1e-14));
    CHECK(batch.credit(0, 2, lane) == 0);
    CHECK(batch.cash(0, 2, lane) == 0);
  }
}

// Rows of the same terms share a table, and paths.
TEST_CASE("a row that stays healthy is worth what it is worth alone, to the bit", "[vault]") {
  for (const auto& [side, always] :
       {std::pair{"lender", false}, {"borrower", false}, {"lender", true}, {"borrower", true}}) {
    World w = world(26);
    draw_inside(w);
    std::vector<Line> lines;
    for (std::size_t i = 0; i < 12; ++i) {
      const double debt = i < 6 ? 1000 + 777.7 * static_cast<double>(i) : 45000 + 1111.1 * static_cast<double>(i - 6);
      lines.push_back(simple(i == 0 ? 0 : i < 6 ? 1.1 : 1, debt, side));
      if (always) lines.back().cells["monitoring"] = std::string("bridge");
      lines.back().leaf = i < 6 ? 1 : 2;
      lines.back().cells["collateral_factor"] = w.factor("BTC");
      lines.back().cells["liquidation_threshold"] = 0.8;
    }
    Compiled both(instrument("vault"), table(instrument("vault"), lines), w, Detail::leaf);
    lines.resize(6);
    Compiled alone(instrument("vault"), table(instrument("vault"), lines), w, Detail::leaf);
    both.evaluate(w.block), alone.evaluate(w.block);
    int liquidated_beside = 0;
    for (int lane = 0; lane < lanes; ++lane)
      for (int v = 0; v < 3; ++v) {
        CHECK(both.value(0, v, lane) == alone.value(0, v, lane));
        CHECK(both.credit(0, v, lane) == alone.credit(0, v, lane));
        CHECK(both.cash(0, v, lane) == 0);
        CHECK(both.gauge(0, bad_debt, v, lane) == alone.gauge(0, bad_debt, v, lane));
        liquidated_beside += both.gauge(1, liquidated, v, lane) > 0;
      }
    CHECK(liquidated_beside > lanes);
  }
}

TEST_CASE("today's price is monitored only in cells that shock it", "[vault]") {
  World w = world(25);
  for (int n = 0; n <= 20; ++n)
    for (int lane = 0; lane < lanes; ++lane) w.at("BTC", n, lane) = n == 0 ? 30000 : 600000;
  Line line = simple(1, 40000, "lender");
  line.cells["collateral_factor"] = w.factor("BTC");
  line.cells["liquidation_threshold"] = 0.8;
  Compiled batch(instrument("vault"), table(instrument("vault"), {line}), w, Detail::leaf);
  CHECK(batch.batch->checks_triggers);
  CHECK(!batch.batch->triggers_today);
  line.cells["debt"] = 1e6;
  CHECK(Compiled(instrument("vault"), table(instrument("vault"), {line}), w, Detail::leaf).batch->triggers_today);
  batch.evaluate(w.block);
  CHECK(batch.cash(0, 0, 5) == 0);
  w.block.monitor_today = true;
  batch.evaluate(w.block);
  CHECK(batch.cash(0, 0, 5) == 20000);
}

TEST_CASE("a price that is no price is a fault", "[vault]") {
  World w = world(26);
  Line line = simple(1, 40000, "borrower");
  line.cells["collateral_factor"] = w.factor("BTC");
  line.cells["liquidation_threshold"] = 0.8;
  w.at("BTC", 4, 17) = std::nan("");
  Compiled batch(instrument("vault"), table(instrument("vault"), {line}), w, Detail::leaf);
  batch.faults.reserve(4);
  batch.batch->evaluate(w.block, batch.ledger, batch.faults);
  REQUIRE(batch.faults.size() == 1);
  CHECK(batch.faults[0].lane == 17);
  CHECK(batch.faults[0].reason == Reason::no_price);
}

TEST_CASE("a threshold that liquidation cannot heal is a warning", "[vault]") {
  Line line = simple(1, 1, "lender");
  line.cells["liquidation_threshold"] = 0.96;
  CHECK(instrument("vault").warn(table(instrument("vault"), {line}), 0));
  line.cells["bonus"] = 0.04;
  CHECK_FALSE(instrument("vault").warn(table(instrument("vault"), {line}), 0));
}

// Discretely monitored first passage and the overshoot: reference barrier_liquidation. Full liquidation, no bonus, the
// penalty as fee. False alarm rate of the eight comparisons together: 8 x 6e-5.
TEST_CASE("hit probability and bad debt of a vault under discrete monitoring", "[vault]") {
  const auto json = reference("barrier_liquidation");
  if (!json) return;
  const auto& inputs = (*json)["inputs"]["cases"];
  const auto& results = (*json)["expected"]["results"];
  for (std::size_t c = 0; c < inputs.size(); ++c) {
    const auto& in = inputs[c];
    const int steps = in["n_monitoring"];
    const double years = in["T"].get<double>() / steps, sigma = in["sigma"], mu = in["mu"];
    World w(steps, years, {steps}, 1);
    w.add("S", Process::lognormal, in["S0"], sigma, mu);
    w.draw_factors();
    Line line = simple(1, in["debt"], "lender");
    line.cells["collateral_factor"] = w.factor("S");
    line.cells["liquidation_threshold"] = in["debt"].get<double>() / in["B"].get<double>();
    line.cells["bonus"] = 0.0;
    line.cells["fee"] = in["penalty"].get<double>();
    line.cells["close_factor"] = 1.0;
    Compiled batch(instrument("vault"), table(instrument("vault"), {line}), w, Detail::leaf);
    const int blocks = fewer_if_slow(6'000'000) / (64 * steps);
    double hits = 0, sum = 0, squares = 0;
    for (int b = 0; b < blocks; ++b) {
      alignas(64) std::array<double, lanes> z{}, x{};
      for (int n = 1; n <= steps; ++n) {
        normals(7, stream("factor", "S"), static_cast<std::uint32_t>(b * lanes), static_cast<std::uint32_t>(n - 1), z);
        for (std::size_t k = 0; k < lanes; ++k) x[k] += (mu - sigma * sigma / 2) * years + sigma * std::sqrt(years) * z[k];
        tailcube::exp(x, w.block.factors(std::size_t{0}, n));
        for (double& s : w.block.factors(std::size_t{0}, n)) s *= in["S0"].get<double>();
      }
      batch.evaluate(w.block);
      for (int k = 0; k < lanes; ++k) {
        const double bad = batch.gauge(0, bad_debt, 0, k);
        hits += batch.gauge(0, liquidated, 0, k) > 0;
        sum += bad, squares += bad * bad;
      }
    }
    const double n = static_cast<double>(blocks) * lanes, p = results[c]["P_hit_discrete_exact"];
    INFO("case " << c << ": " << hits / n << " for " << p << ", bad debt " << sum / n);
    CHECK(std::abs(hits / n - p) < 4 * std::sqrt(p * (1 - p) / n));
    const double expected = results[c]["E_bad_debt_at_first_discrete_hit"];
    CHECK(std::abs(sum / n - expected) < 4 * std::sqrt((squares / n - sum / n * sum / n) / n));
  }
}

// A table of vaults against the vaults one by one, and one vault by hand. 1000 of collateral against 700 of debt at a
// threshold of 0.8 has a health factor of 1.14.
TEST_CASE("collateral, debt and health of vaults", "[vault]") {
  World w(3, 0.25, {1, 2, 3}, 6);
  w.add("ETH", Process::lognormal, 100, 0.9);
  w.draw_factors();
  w.ratios = true;
  const Instrument& type = instrument("vault");
  const auto vault = [&](double collateral, double debt, double quantity) {
    Line line{.quantity = quantity};
    line.cells = {{"collateral_factor", w.factor("ETH")},
                  {"collateral_quantity", collateral},
                  {"debt", debt},
                  {"borrow_rate", 0.1},
                  {"liquidation_threshold", 0.8},
                  {"side", "borrower"}};
    return line;
  };
  Compiled one(type, table(type, {vault(10, 700, 1)}), w, Detail::leaf);
  REQUIRE(one.gauges == 11);
  REQUIRE(one.batch->gauges_today.size() == 11);
  const double today[] = {0, 0, 1000, 700, 300, 0, 0, 1, 0, 0, 0};
  for (std::size_t g = 0; g < 11; ++g) CHECK(one.batch->gauges_today[g] == Approx(today[g]));
  for (int n = 1; n <= 3; ++n)
    for (std::size_t k = 0; k < 64; ++k) w.block.factors(w.factor("ETH"), n)[k] = 100 + static_cast<double>(k) * (4 - n);
  one.evaluate(w.block);
  const double debt = 700 * std::exp(0.05);  // at the second valued step
  CHECK(one.gauge(0, 2, 1, 63) == Approx(10 * 226));
  CHECK(one.gauge(0, 3, 1, 63) == Approx(debt));
  CHECK(one.gauge(0, 4, 1, 63) == Approx(10 * 226 - debt));
  for (std::size_t band = 0; band < 6; ++band) CHECK(one.gauge(0, 5 + band, 1, 63) == (band == 5 ? 1 : 0));  // 2.46
  CHECK(one.gauge(0, 6, 1, 0) == 1);                                                                         // 1.087

  w.draw_factors();
  std::vector<Line> lines;
  for (int i = 0; i < 200; ++i) lines.push_back(vault(i % 40 == 0 ? 0 : w.uniform(8, 20), i % 33 == 0 ? 0 : 700, 1 + i % 3));
  Compiled each(type, table(type, lines), w, Detail::position), merged(type, table(type, lines), w, Detail::leaf);
  for (Compiled* book : {&each, &merged}) book->evaluate(w.block);
  bool liquidated = false;
  for (int v = 0; v < 3; ++v)
    for (int k = 0; k < lanes; ++k) {
      std::vector<double> sum(11, 0.0);
      for (std::size_t p = 0; p < lines.size(); ++p)
        for (std::size_t g = 0; g < 11; ++g) sum[g] += each.gauge(p, g, v, k);
      liquidated |= sum[0] > 0;
      for (std::size_t g = 0; g < 11; ++g) REQUIRE(merged.gauge(0, g, v, k) == Approx(sum[g]).epsilon(1e-10).margin(1e-6));
      // To the borrower equity is what vaults above water are worth, less what those under water lack.
      REQUIRE(sum[4] == Approx(merged.value(0, v, k) - sum[1]).epsilon(1e-10).margin(1e-6));
    }
  CHECK(liquidated);
  for (std::size_t g = 0; g < 11; ++g) {
    double sum = 0;
    for (std::size_t p = 0; p < lines.size(); ++p) sum += each.batch->gauges_today[p * 11 + g];
    CHECK(merged.batch->gauges_today[g] == Approx(sum));
  }
}
