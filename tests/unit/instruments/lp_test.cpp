#include "kernels/instruments/liquidity_range.h"
#include "kernels/math/functions.h"
#include "tests/catch_any.h"
#include "tests/reference.h"
#include "tests/unit/instruments/book.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

enum : std::size_t { liquidated, bad_debt, rebalancing_loss, impermanent_loss, out_of_range };

// One share in one scenario, a step at a time, in long double.
struct Plain {
  const World& w;
  const Line& line;
  std::size_t lane;

  double cell(const std::string& name, double otherwise = 0) const {
    const auto at = line.cells.find(name);
    return at == line.cells.end() ? otherwise : std::get<double>(at->second);
  }
  // Of a factor, just after `step`, or today.
  long double value_of(const std::string& name, int step, double otherwise) const {
    const auto at = line.cells.find(name);
    if (at == line.cells.end()) return otherwise;
    if (const auto* f = std::get_if<FactorIndex>(&at->second))
      return step < 0 ? w.market.factors[static_cast<std::size_t>(*f)].initial : w.block.factors(*f, step)[lane];
    return std::get<double>(at->second);
  }
  long double fx(int step) const { return is_none(line.currency) ? 1 : w.block.factors(line.currency, step)[lane]; }
  long double base(int n) const { return value_of("base_factor", n, 1); }
  long double quote(int n) const { return value_of("quote_factor", n, 1); }
  long double bound(const char* price, const char* tick, long double otherwise) const {
    if (line.cells.contains(tick)) return powl(1.0001L, cell(tick)) * powl(10, cell("tick_decimals"));
    return line.cells.contains(price) ? cell(price) : otherwise;
  }
  // Tokens of one unit of liquidity.
  std::pair<long double, long double> unit(int n) const {
    const long double a = bound("lower_price", "lower_tick", 0), b = bound("upper_price", "upper_tick", 1e300L);
    const long double p = std::min(std::max(base(n) / quote(n), a), b);
    return {1 / sqrtl(p) - (b == 1e300L ? 0 : 1 / sqrtl(b)), sqrtl(p) - sqrtl(a)};
  }
  bool inside(int n) const {
    const long double p = base(n) / quote(n);
    return p >= bound("lower_price", "lower_tick", 0) && p < bound("upper_price", "upper_tick", 1e300L);
  }
  long double liquidity() const {
    if (line.cells.contains("liquidity")) return cell("liquidity");
    return cell("value") / (unit(-1).first * base(-1) + unit(-1).second * quote(-1));
  }
  // The tokens held at step n, at the prices of step m.
  long double worth(int n, int m) const { return liquidity() * (unit(n).first * base(m) + unit(n).second * quote(m)); }
  long double debt(int n) const {
    return cell("debt") * expl(static_cast<long double>(cell("borrow_rate")) * w.market.step_years * n) *
           value_of("debt_factor", n, 1);
  }
  bool due(int n) const { return cell("debt") > 0 && worth(n, n) * cell("liquidation_threshold") < debt(n); }
  long double earned(int last) const {
    long double sum = 0;
    for (int n = 1; n <= last; ++n)
      sum += w.market.step_years * fx(n) *
             ((inside(n) ? std::max(value_of("fee_rate", n, 0), 0.0L) * worth(n, n) : 0) +
              cell("emission") * value_of("emission_factor", n, 1));
    return sum;
  }
  Outcome outcome(int h) const {
    const bool lender = line.cells.contains("holder") && std::get<std::string>(line.cells.at("holder")) == "lender";
    const int first = w.block.monitor_today ? 0 : 1;
    int found = h + 1;
    for (int n = h; n >= first; --n)
      if (due(n)) found = n;
    const bool gone = found <= h;
    const int last = std::min(found, h);
    long double value = 0, cash = lender ? 0 : earned(last), otherwise = 0, repaid = 0, bad = 0, rebalanced = 0;
    if (gone) {
      repaid = std::min(debt(last), worth(last, last) / (1 + cell("bonus", 0.05)));
      bad = debt(last) - repaid;
      cash += (lender ? repaid : std::max(worth(last, last) - (1 + cell("bonus", 0.05)) * repaid, 0.0L)) * fx(last);
      otherwise = lender ? debt(h) * fx(h) : std::max(worth(h, h) - debt(h), 0.0L) * fx(h) + earned(h);
    } else {
      value = (lender ? std::min(debt(h), worth(h, h)) : std::max(worth(h, h) - debt(h), 0.0L)) * fx(h);
    }
    for (int n = first; n <= last; ++n) rebalanced += (worth(n == first ? -1 : n - 1, n) - worth(n, n)) * fx(n);
    const long double q = line.quantity, parted = (worth(-1, last) - worth(last, last)) * fx(last);
    Outcome out;
    out.value = static_cast<double>(q * value), out.cash = static_cast<double>(q * cash);
    out.credit_loss = gone ? static_cast<double>(q * (otherwise - cash)) : 0;
    out.gauges = {static_cast<double>(q * repaid * fx(last)), static_cast<double>(q * bad * fx(last)),
                  lender ? 0 : static_cast<double>(q * rebalanced), lender ? 0 : static_cast<double>(q * parted),
                  !lender && !gone && !inside(h) ? 1.0 : 0.0};
    return out;
  }
};

World world() {
  World w(6, 1.0 / 12, {1, 3, 6}, 41);
  w.add("ETH", Process::lognormal, 3000, 0.9);
  w.add("DAI", Process::lognormal, 1, 0.05);
  w.add("CRV", Process::lognormal, 0.5, 1.2);
  w.add("VOLUME", Process::normal, 0.2, 0.4);
  w.add("EURUSD", Process::lognormal, 1.1, 0.1);
  w.draw_factors();
  return w;
}
std::vector<Line> random_book(World& w, std::size_t count) {
  std::vector<Line> book;
  for (std::size_t i = 0; i < count; ++i) {
    Line line{.leaf = 1 + static_cast<std::uint32_t>(i % 3),
              .currency = i % 5 == 0 ? w.factor("EURUSD") : FactorIndex{none},
              .quantity = i % 7 == 3 ? -1.5 : 1,
              .cells = {{"base_factor", w.factor("ETH")}}};
    const double worth = w.uniform(1, 5);
    if (i % 2)
      line.cells["value"] = worth;
    else
      line.cells["liquidity"] = worth / 100;
    if (w.random() % 2) line.cells["quote_factor"] = w.factor("DAI");
    if (i % 3 == 1) line.cells["lower_price"] = w.uniform(1500, 3200);
    if (i % 3 && i % 4) line.cells["upper_price"] = w.uniform(3300, 6000);
    if (i % 3 == 2) line.cells["lower_tick"] = std::floor(w.uniform(-1000, 500)), line.cells["tick_decimals"] = 3.0;
    if (i % 4 == 0 && w.random() % 2) line.cells["upper_tick"] = std::floor(w.uniform(82000, 90000));
    if (line.cells.contains("upper_tick") && line.cells.contains("lower_tick"))
      line.cells["upper_tick"] = std::get<double>(line.cells["lower_tick"]) + 15000;
    if (w.random() % 2) line.cells["fee_rate"] = i % 4 ? Cell(w.factor("VOLUME")) : Cell(w.uniform(0, 0.5));
    if (w.random() % 3 == 0) {
      line.cells["emission"] = w.uniform(0, 1);
      line.cells["emission_factor"] = w.factor("CRV");
    }
    if (i % 2 && w.random() % 4) {
      line.cells["debt"] = worth * w.uniform(0.5, 0.8);
      line.cells["borrow_rate"] = w.uniform(0, 0.3);
      line.cells["liquidation_threshold"] = w.uniform(0.8, 0.95);
      line.cells["bonus"] = w.uniform(0, 0.1);
      if (w.random() % 2) line.cells["debt_factor"] = w.factor("DAI");
      if (w.random() % 2) line.cells["holder"] = std::string("lender");
    }
    book.push_back(std::move(line));
  }
  return book;
}

}  // namespace

TEST_CASE("shares of pools agree with a plain account of each scenario", "[lp]") {
  World w = world();
  const std::vector<Line> book = random_book(w, 120);
  const Positions positions = table(instrument("lp"), book);
  for (std::size_t p = 0; p < book.size(); ++p) REQUIRE_FALSE(instrument("lp").check(positions, p));
  int liquidations = 0, debts = 0, outside = 0;
  for (const bool today : {false, true}) {
    w.block.monitor_today = today;
    const auto expected = [&](std::size_t p, std::size_t v, int lane) {
      Outcome out = Plain{w, book[p], static_cast<std::size_t>(lane)}.outcome(w.market.valued[v]);
      liquidations += out.gauges[liquidated] != 0, debts += out.gauges[bad_debt] != 0,
          outside += out.gauges[out_of_range] != 0;
      return out;
    };
    const Errors errors = compare(instrument("lp"), positions, w, 0, expected);
    INFO(errors.where);
    CHECK(errors.reference < 1e-12);
    CHECK(errors.leaf < 1e-13);
    CHECK(errors.units <= 1);
  }
  CHECK(liquidations > 500);
  CHECK(debts > 50);
  CHECK(outside > 1000);
}

// Owner, lender and what the liquidator keeps are the share; rebalancing never gains.
TEST_CASE("owner, lender and liquidator have the share between them", "[lp]") {
  World w = world();
  std::vector<Line> book;
  for (Line line : random_book(w, 200)) {
    if (!line.cells.contains("debt")) continue;
    for (const char* fee : {"fee_rate", "emission"}) line.cells.erase(fee);
    for (const char* holder : {"owner", "lender"}) {
      line.cells["holder"] = std::string(holder);
      book.push_back(line);
    }
  }
  Compiled batch(instrument("lp"), table(instrument("lp"), book), w, Detail::position);
  batch.evaluate(w.block);
  int found = 0;
  for (std::size_t p = 0; p < book.size(); p += 2)
    for (int lane = 0; lane < lanes; ++lane) {
      const Plain plain{w, book[p], static_cast<std::size_t>(lane)};
      int n = 1;
      while (n < 6 && !plain.due(n)) ++n;
      const bool gone = plain.due(n);
      const double money = book[p].quantity * static_cast<double>(plain.worth(n, n) * plain.fx(n));
      const double kept = gone ? std::get<double>(book[p].cells.at("bonus")) * batch.gauge(p, liquidated, 2, lane) : 0;
      const auto worth = [&](std::size_t i) { return batch.value(i, 2, lane) + batch.cash(i, 2, lane); };
      CHECK(worth(p) + worth(p + 1) + kept == Approx(money));
      CHECK(batch.gauge(p, rebalancing_loss, 2, lane) * book[p].quantity >= -1e-12);
      CHECK(batch.gauge(p, impermanent_loss, 2, lane) * book[p].quantity >= -1e-12);
      if (!gone) continue;
      ++found;
      CHECK(batch.gauge(p, bad_debt, 2, lane) == batch.gauge(p + 1, bad_debt, 2, lane));
    }
  CHECK(found > 500);
}

TEST_CASE("a share of a pool by hand", "[lp]") {
  World w(2, 0.5, {1, 2}, 1);
  w.add("ETH", Process::lognormal, 100, 0.5);
  w.add("CRV", Process::lognormal, 2, 0.5);
  w.draw_factors();
  for (int lane = 0; lane < lanes; ++lane) {
    w.at("ETH", 0, lane) = 100, w.at("ETH", 1, lane) = 144, w.at("ETH", 2, lane) = 64;
    w.at("CRV", 1, lane) = 2, w.at("CRV", 2, lane) = 1;
  }
  // 10 base and 1 000 quote tokens; 2 000 today, 2 400 at 144, 1 600 at 64.
  Line line{.cells = {{"base_factor", w.factor("ETH")},
                      {"liquidity", 100.0},
                      {"fee_rate", 0.1},
                      {"emission", 4.0},
                      {"emission_factor", w.factor("CRV")},
                      {"debt", 1500.0},
                      {"liquidation_threshold", 0.9},
                      {"bonus", 0.1}}};
  Compiled batch(instrument("lp"), table(instrument("lp"), {line}), w, Detail::leaf);
  CHECK(batch.batch->value_today[0] == Approx(500));
  CHECK_FALSE(batch.batch->triggers_today);
  batch.evaluate(w.block);
  CHECK(batch.value(0, 0, 3) == Approx(900));
  CHECK(batch.cash(0, 0, 3) == Approx(120 + 4));
  CHECK(batch.gauge(0, impermanent_loss, 0, 3) == Approx(1440 + 1000 - 2400));
  CHECK(batch.gauge(0, rebalancing_loss, 0, 3) == Approx(40));
  // At 64: 1 440 are less than 1 500; 1 600 / 1.1 are repaid.
  const double repaid = 1600 / 1.1;
  CHECK(batch.value(0, 1, 3) == 0);
  CHECK(batch.cash(0, 1, 3) == Approx(120 + 4 + 80 + 2));
  CHECK(batch.gauge(0, liquidated, 1, 3) == Approx(repaid));
  CHECK(batch.gauge(0, bad_debt, 1, 3) == Approx(1500 - repaid));
  CHECK(batch.gauge(0, rebalancing_loss, 1, 3) == Approx(40 + 100 / 12.0 * 64 + 1200 - 1600));
  CHECK(batch.gauge(0, impermanent_loss, 1, 3) == Approx(640 + 1000 - 1600));
  CHECK(batch.credit(0, 1, 3) == Approx(100));
  line.cells["debt"] = 1900.0;
  CHECK(Compiled(instrument("lp"), table(instrument("lp"), {line}), w, Detail::leaf).batch->triggers_today);
}

TEST_CASE("a pool without a price is a fault", "[lp]") {
  World w = world();
  const std::vector<Line> book = {
      {.cells = {{"base_factor", w.factor("ETH")}, {"value", 1.0}}},
      {.cells = {{"base_factor", w.factor("CRV")}, {"quote_factor", w.factor("DAI")}, {"value", 1.0}}}};
  w.at("DAI", 2, 9) = 0;
  Compiled batch(instrument("lp"), table(instrument("lp"), book), w, Detail::position);
  batch.faults.reserve(10);
  batch.evaluate(w.block);
  REQUIRE(batch.faults.size() == 1);
  CHECK(batch.faults[0].lane == 9);
  CHECK(batch.faults[0].position == 1);
  CHECK(batch.faults[0].reason == Reason::no_price);
}

namespace {

// What a share is worth where the price has gone from `from` to `to`, and what its first tokens would be.
struct Moved {
  double today, value, held;
};
Moved moved(const std::map<std::string, Cell>& cells, double from, double to) {
  World w(1, 1, {1}, 1);
  w.add("P", Process::lognormal, from, 0.5);
  w.draw_factors();
  for (int lane = 0; lane < lanes; ++lane) w.at("P", 1, lane) = to;
  Line line{.cells = cells};
  line.cells["base_factor"] = w.factor("P");
  Compiled batch(instrument("lp"), table(instrument("lp"), {line}), w, Detail::leaf);
  batch.evaluate(w.block);
  return {batch.batch->value_today[0], batch.value(0, 0, 0), batch.value(0, 0, 0) + batch.gauge(0, impermanent_loss, 0, 0)};
}

}  // namespace

TEST_CASE("shares of pools of the reference", "[lp]") {
  const auto json = reference("amm_lp");
  if (!json) return;
  const auto& e = json->at("expected");
  const auto near = [](double x) { return Approx(x).epsilon(1e-10).margin(1e-9); };
  for (const auto& c : e.at("cp")) {
    INFO(c);
    const double x = c["x0"], y = c["y0"], from = c["P0"], to = c["P1"], liquidity = std::sqrt(x * y);
    const Moved m = moved({{"liquidity", liquidity}}, from, to);
    CHECK(m.value == near(c["LP_value"]));
    CHECK(m.held == near(c["hold_value"]));
    CHECK(m.value / m.held - 1 == Approx(c["impermanent_loss"].get<double>()).epsilon(1e-10).margin(1e-15));
    const LiquidityRange range{liquidity};
    CHECK(range.first(std::sqrt(to)) == near(c["x1"]));
    CHECK(range.second(std::sqrt(to)) == near(c["y1"]));
  }
  for (const auto& c : e.at("v3")) {
    INFO(c);
    const double liquidity = c["L"], lower = c["Pa"], upper = c["Pb"], p = c["P"];
    const Moved m = moved({{"liquidity", liquidity}, {"lower_price", lower}, {"upper_price", upper}}, p, p);
    CHECK(m.today == near(c["value"]));
    CHECK(m.value == near(c["value"]));
    const LiquidityRange range{liquidity, std::sqrt(lower), std::sqrt(upper)};
    CHECK(range.first(std::sqrt(p)) == near(c["x"]));
    CHECK(range.second(std::sqrt(p)) == near(c["y"]));
  }
  // Below its range a share of liquidity 1 from tick t on is 1 / sqrt(price of t) base tokens.
  for (const auto& c : e.at("ticks")) {
    INFO(c);
    const double tick = c["tick"], price = std::stod(c["price"].get<std::string>());
    const Moved m = moved({{"liquidity", 1.0}, {"lower_tick", tick}}, price / 4, price / 16);
    CHECK(m.value == Approx(price / 16 / std::sqrt(price)).epsilon(1e-10));
    CHECK(m.held == Approx(m.value).epsilon(1e-10));
  }
}
