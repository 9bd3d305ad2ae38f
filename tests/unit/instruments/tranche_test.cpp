#include "kernels/instruments/priced_units.h"
#include "kernels/publishing.h"
#include "tests/catch_any.h"
#include "tests/unit/instruments/book.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

// A plain account of one tranche in one scenario, step by step, of one unit.
struct Account {
  double left = 1, paid = 0;
};
struct Terms {
  double attachment, detachment, interest, trigger;
};
Account account(const Terms& t, const std::vector<double>& loss_by_step, double step_years) {
  Account a;
  for (const double loss : loss_by_step) {
    const double before_it = 1 - t.detachment, remains = 1 - loss;
    if (!(remains < t.trigger * before_it)) a.paid += t.interest * step_years * a.left;
    const double share = (loss - t.attachment) / (t.detachment - t.attachment);
    a.left = share <= 0 ? 1 : share >= 1 ? 0 : 1 - share;
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
  for (std::size_t i = 0; i < 80; ++i) {
    const double attachment = i % 5 == 0 ? 0 : w.uniform(0, 0.6);
    Line line{.leaf = 1 + static_cast<std::uint32_t>(w.random() % 3),
              .quantity = w.uniform(-1, 2),
              .cells = {{"reference_pool", pools[i % 2]},
                        {"notional", w.uniform(1e3, 1e6)},
                        {"attachment", attachment},
                        {"detachment", i % 7 == 0 ? 1 : attachment + w.uniform(0.01, 0.4)}}};
    if (i % 3 != 0) line.cells["interest"] = w.uniform(0, 0.2);
    if (i % 4 == 0) line.cells["coverage_trigger"] = w.uniform(0.8, 1.5);
    if (i % 2 == 0) line.cells["measure"] = "economic";
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
    const Terms t{cell(line, "attachment", 0), cell(line, "detachment", 0), cell(line, "interest", 0),
                  cell(line, "coverage_trigger", 0)};
    const double units = line.quantity * cell(line, "notional", 0);
    const Account a = account(t, loss, 0.25), b = account(t, without_credit, 0.25);
    return Outcome{units * a.left, units * a.paid, units * (b.left + b.paid - a.left - a.paid), {}};
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
  CHECK(batch.batch->reads.size() == 3);
}
