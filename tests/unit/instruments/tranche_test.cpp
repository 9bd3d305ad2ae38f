#include "kernels/instruments/priced_units.h"
#include "kernels/publishing.h"
#include "tests/catch_any.h"
#include "tests/unit/instruments/book.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

// A plain account of one tranche in one scenario, step by step, of one unit. Money is in shares of the pool today.
struct Account {
  double left = 1, paid = 0, written_down = 0;
};
struct Terms {
  double attachment, detachment, interest, trigger, reserve, buffer, senior_attachment;
  int redeem_step;  // 0: never
};
Account account(const Terms& t, const std::vector<double>& loss_by_step, double step_years) {
  Account a;
  bool redeemed = false;
  int n = 0;
  for (const double loss : loss_by_step) {
    ++n;
    const double from_reserve = loss <= 0 ? 0 : std::min(loss, t.reserve);
    const double reserve_left = t.reserve - from_reserve, borne = loss - from_reserve;  // by the tranches
    const double backing = 1 - borne + reserve_left;
    const double before_it = 1 - t.detachment, before_senior = 1 - t.senior_attachment;
    const bool thin = t.buffer > 0 && (backing - before_senior) / backing < t.buffer;
    const bool pays = !(backing < t.trigger * before_it) && !thin;
    if (pays) a.paid += t.interest * step_years * a.left;
    const double share = (borne - t.attachment) / (t.detachment - t.attachment);
    const double price = share <= 0 ? 1 : share >= 1 ? 0 : 1 - share;
    if (!redeemed) a.written_down = 1 - price;
    if (pays && !redeemed && t.redeem_step > 0 && n >= t.redeem_step) {
      a.paid += price;
      redeemed = true;
    }
    a.left = redeemed ? 0 : price;
  }
  return a;
}

double cell(const Line& line, const std::string& name, double otherwise) {
  const auto at = line.cells.find(name);
  return at == line.cells.end() ? otherwise : std::get<double>(at->second);
}

}  // namespace

TEST_CASE("a tranche bears its slice of a pool's losses", "[tranche]") {
  World w(6, 0.25, {1, 3, 6}, 21);
  w.add("BTC", Process::lognormal, 60000, 0.7);
  const PoolIndex pools[] = {w.add_pool(3e6), w.add_pool(500)};
  std::vector<Line> book;
  for (std::size_t i = 0; i < 240; ++i) {
    const double attachment = i % 5 == 0 ? 0 : w.uniform(0, 0.6);
    Line line{.leaf = 1 + static_cast<std::uint32_t>(w.random() % 3),
              .quantity = w.uniform(-1, 2),
              .cells = {{"reference_pool", pools[i % 2]},
                        {"notional", w.uniform(1e3, 1e6)},
                        {"attachment", attachment},
                        {"detachment", i % 7 == 0 ? 1 : attachment + w.uniform(0.01, 0.4)}}};
    if (i % 3 != 0) line.cells["interest"] = w.uniform(0, 0.2);
    if (i % 4 == 0) line.cells["coverage_trigger"] = w.uniform(0.8, 1.5);
    if (i % 2 == 0) line.cells["measure"] = std::string("economic");
    const double detachment = cell(line, "detachment", 0);
    if (i > 80 && i % 3 == 1) line.cells["reserve"] = w.uniform(0, 0.3);
    if (i > 80 && i % 4 > 1) line.cells["minimum_buffer"] = w.uniform(0.05, 0.9);
    if (i > 80 && i % 4 == 3) line.cells["senior_attachment"] = w.uniform(detachment, 1);
    if (i > 80 && i % 6 > 2) line.cells["redeem_years"] = w.uniform(0, 1.6);
    book.push_back(line);
  }
  const Instrument& type = instrument("tranche");
  Positions positions = table(type, book);
  w.add_prices(positions);
  w.draw_factors();
  for (const PoolIndex pool : pools) w.fill_pool(pool);
  w.publish(type, positions);
  const auto expected = [&](std::size_t p, std::size_t v, int lane) {
    const Line& line = book[p];
    const auto pool = static_cast<std::size_t>(std::get<PoolIndex>(line.cells.at("reference_pool")));
    const double today = w.market.published[pool - w.market.factors.size()].today;
    const bool economic = line.cells.contains("measure");
    std::vector<double> loss, without_credit;
    for (int n = 1; n <= w.market.valued[v]; ++n) {
      const auto k = static_cast<std::size_t>(lane);
      const double credit = w.block.factors(pool + 1, n)[k] / today;
      loss.push_back(economic ? 1 - w.block.factors(pool, n)[k] / today : credit);
      without_credit.push_back(loss.back() - credit);
    }
    const Terms t{cell(line, "attachment", 0),
                  cell(line, "detachment", 0),
                  cell(line, "interest", 0),
                  cell(line, "coverage_trigger", 0),
                  cell(line, "reserve", 0),
                  cell(line, "minimum_buffer", 0),
                  cell(line, "senior_attachment", cell(line, "detachment", 0)),
                  line.cells.contains("redeem_years")
                      ? std::max(1, static_cast<int>(std::ceil(cell(line, "redeem_years", 0) / 0.25)))
                      : 0};
    const double units = line.quantity * cell(line, "notional", 0);
    const Account a = account(t, loss, 0.25), b = account(t, without_credit, 0.25);
    return Outcome{
        units * a.left, units * a.paid, units * (b.left + b.paid - a.left - a.paid), {std::abs(units) * a.written_down}};
  };
  const Errors errors = compare(type, positions, w, 0, expected);
  INFO(errors.where);
  CHECK(errors.reference < 1e-12);
  CHECK(errors.leaf < 1e-14);
  CHECK(errors.units <= 1);
}

TEST_CASE("a tranche's price is what is left of a unit, and nothing where its pool has no value", "[tranche]") {
  World w(2, 1, {1, 2}, 22);
  w.add("BTC", Process::lognormal, 60000, 0.7);
  const PoolIndex pool = w.add_pool(1000);
  const Instrument& type = instrument("tranche");
  Positions positions =
      table(type, {{.cells = {{"reference_pool", pool}, {"notional", 50.0}, {"attachment", 0.1}, {"detachment", 0.3}}}});
  w.add_prices(positions);
  w.draw_factors();
  w.fill_pool(pool);
  const std::size_t lost = static_cast<std::size_t>(pool) + 1;
  w.block.factors(lost, 1)[0] = 150, w.block.factors(lost, 2)[0] = 1000;
  w.block.factors(lost, 1)[1] = 100, w.block.factors(lost, 2)[1] = std::nan("");
  w.publish(type, positions);
  const auto price = [&](int step, std::size_t lane) { return w.block.factors(positions.published[0], step)[lane]; };
  CHECK(price(0, 0) == 1);
  CHECK(price(1, 0) == Approx(0.75).epsilon(1e-14));
  CHECK(price(2, 0) == least_price);
  CHECK(w.block.factors(static_cast<std::size_t>(positions.published[0]) + value_row, 2)[0] == 0);
  CHECK(price(1, 1) == 1);
  CHECK(std::isnan(price(2, 1)));
  const Compiled batch(type, positions, w, Detail::leaf);
  CHECK(batch.batch->value_today[0] == 50);
  CHECK(batch.batch->gross[0] == 50);
  CHECK_FALSE(batch.batch->reads_defaults);
  CHECK(batch.batch->reads.size() == 4);
}

TEST_CASE("a junior tranche waits until what ranks before it has its buffer again", "[tranche]") {
  World w(5, 1, {1, 2, 3, 4, 5}, 23);
  w.add("BTC", Process::lognormal, 60000, 0.7);
  const PoolIndex pool = w.add_pool(1000);
  const Instrument& type = instrument("tranche");
  Positions positions = table(type, {{.cells = {{"reference_pool", pool},
                                                {"notional", 50.0},
                                                {"attachment", 0.0},
                                                {"detachment", 0.2},
                                                {"interest", 0.1},
                                                {"reserve", 0.05},
                                                {"minimum_buffer", 0.2},
                                                {"redeem_years", 2.0}}}});
  w.add_prices(positions);
  w.draw_factors();
  w.fill_pool(pool);
  // Losses of the pool by step, and by hand: what the reserve leaves of them to the tranches is 0, 100, 10, 0 and 850. Below
  // the other 800 rank 210 of 1010, 100 of 900, 190 of 990, 200 of 1000 (just enough) and nothing.
  const double lost[] = {40, 150, 60, 50, 900};
  for (int n = 1; n <= 5; ++n) w.block.factors(static_cast<std::size_t>(pool) + 1, n)[0] = lost[n - 1];
  w.publish(type, positions);
  const auto row = [&](PriceRow r, int step) {
    return w.block.factors(static_cast<std::size_t>(positions.published[0]) + r, step)[0];
  };
  const double price[] = {1, 0.5, 0.95, 1, least_price}, value[] = {1, 0.5, 0.95, 0, 0};
  const double cash[] = {0.1, 0.1, 0.1, 0.1 + 0.095 + 1, 1.195};
  for (int n = 1; n <= 5; ++n) {
    INFO("step " << n);
    CHECK(row(price_row, n) == Approx(price[n - 1]).epsilon(1e-13));
    CHECK(row(value_row, n) == Approx(value[n - 1]).epsilon(1e-13));
    CHECK(row(cash_row, n) == Approx(cash[n - 1]).epsilon(1e-13));
    // Without credit losses it has its interest of the first two steps and is redeemed at the second.
    CHECK(row(credit_loss_row, n) == Approx(n == 1 ? 0 : 1.2 - value[n - 1] - cash[n - 1]).margin(1e-13));
  }
}

TEST_CASE("tranches and the reserve have what is left of the pool", "[tranche]") {
  World w(4, 0.25, {1, 2, 3, 4}, 24);
  w.add("BTC", Process::lognormal, 60000, 0.7);
  const PoolIndex pool = w.add_pool(1000);
  const Instrument& type = instrument("tranche");
  const double points[] = {0, 0.08, 0.25, 0.6, 1}, reserve = 0.06;
  std::vector<Line> book;
  book.reserve(4);
  for (int i = 0; i < 4; ++i)
    book.push_back({.cells = {{"reference_pool", pool},
                              {"notional", 1000 * (points[i + 1] - points[i])},
                              {"attachment", points[i]},
                              {"detachment", points[i + 1]},
                              {"reserve", reserve}}});
  Positions positions = table(type, book);
  w.add_prices(positions);
  w.draw_factors();
  w.fill_pool(pool);
  w.publish(type, positions);
  Compiled batch(type, positions, w, Detail::position);
  batch.evaluate(w.block);
  int by_reserve = 0;
  for (int v = 0; v < 4; ++v)
    for (int k = 0; k < lanes; ++k) {
      const double lost = w.block.factors(static_cast<std::size_t>(pool) + 1, v + 1)[static_cast<std::size_t>(k)];
      const double left_of_reserve = std::max(1000 * reserve - lost, 0.0);
      double sum = left_of_reserve;
      for (std::size_t p = 0; p < 4; ++p) sum += batch.value(p, v, k) + batch.cash(p, v, k);
      CHECK(sum == Approx(1000 + 1000 * reserve - lost).epsilon(1e-13));
      by_reserve += left_of_reserve > 0;
    }
  CHECK(by_reserve > 5);
}
