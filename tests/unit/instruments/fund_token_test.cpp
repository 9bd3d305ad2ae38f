#include "kernels/publishing.h"
#include "tests/catch_any.h"
#include "tests/unit/instruments/book.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

double cell(const Line& line, const std::string& name, double otherwise) {
  const auto at = line.cells.find(name);
  return at == line.cells.end() ? otherwise : std::get<double>(at->second);
}

}  // namespace

TEST_CASE("a fund's token is a levered share of its assets, redeemed through its gate", "[fund_token]") {
  constexpr int steps = 8;
  constexpr double step_years = 0.25;
  World w(steps, step_years, {1, 4, 8}, 31);
  w.published_values = w.ratios = true;
  w.add("BTC", Process::lognormal, 60000, 0.7);
  const PoolIndex pools[] = {w.add_pool(3e6), w.add_pool(500)};
  std::vector<Line> book;
  for (std::size_t i = 0; i < 240; ++i) {
    Line line{.leaf = 1 + static_cast<std::uint32_t>(w.random() % 3),
              .quantity = w.uniform(-1, 2),
              .cells = {{"assets", pools[i % 2]}, {"tokens", w.uniform(10, 1e4)}}};
    if (i % 3 != 0) line.cells["leverage"] = w.uniform(1, 3), line.cells["borrow_rate"] = w.uniform(0, 0.2);
    if (i % 4 != 0) line.cells["token_price"] = w.uniform(0.5, 100);
    if (i % 2 == 0) line.cells["publication_lag_years"] = w.uniform(0, 0.8);
    if (i % 5 != 0) line.cells["redeem_years"] = w.uniform(0, 1.5);
    if (i % 5 > 1) line.cells["redemption_period_years"] = i % 5 == 2 ? 0.5 : w.uniform(0.1, 0.9);
    if (i % 5 > 2) line.cells["gate"] = w.uniform(0.05, 1);
    if (i > 80 && i % 3 == 1) line.cells["management_fee"] = w.uniform(0, 0.3);
    if (i > 80 && i % 4 != 1) line.cells["performance_fee"] = w.uniform(0, 0.9);
    book.push_back(line);
  }
  const Instrument& type = instrument("fund_token");
  Positions positions = table(type, book);
  w.add_prices(positions);
  w.draw_factors();
  for (const PoolIndex pool : pools) w.fill_pool(pool);
  w.publish(type, positions);
  const auto expected = [&](std::size_t p, std::size_t v, int lane) {
    const Line& line = book[p];
    const auto pool = static_cast<std::size_t>(std::get<PoolIndex>(line.cells.at("assets")));
    const double today = w.market.published[pool - w.market.factors.size()].today;
    const double leverage = cell(line, "leverage", 1);
    // What a token has before fees at a step, of the fund as it is and of one without credit losses.
    const auto gross = [&](int n, bool spared) {
      const auto k = static_cast<std::size_t>(lane);
      const double assets =
          leverage * (w.block.factors(pool, n)[k] + (spared ? w.block.factors(pool + 1, n)[k] : 0)) / today;
      const double debt = (leverage - 1) * std::exp(cell(line, "borrow_rate", 0) * n * step_years);
      return cell(line, "token_price", 1) * std::max(0.0, assets - debt);
    };
    // The fund's books: its manager is paid in new tokens, of which there is one at first and 1 + `minted` then.
    const auto net = [&](int n, bool spared) {
      double minted = 0, mark = cell(line, "token_price", 1);
      const double fee = cell(line, "performance_fee", 0);
      for (int m = 1; m <= n; ++m) {
        minted = (1 + minted) * std::exp(cell(line, "management_fee", 0) * step_years) - 1;
        const double price = gross(m, spared) / (1 + minted);
        const double owed = fee * std::max(0.0, price - mark);
        if (m == n) return price - owed;
        if (m % 4 != 0 || price <= mark) continue;
        mark = price - owed;
        minted += owed * (1 + minted) / mark;  // worth what is owed on all tokens, at the price after it
      }
      return gross(n, spared);
    };
    const auto published = [&](int n, bool spared) {  // the latest step that is old enough
      int seen = n;
      while (seen > 0 && n * step_years - seen * step_years < cell(line, "publication_lag_years", 0) - 1e-12) --seen;
      return net(seen, spared);
    };
    double left = 1, cash = 0, spared_cash = 0;
    const double asked = cell(line, "redeem_years", 1e9), period = cell(line, "redemption_period_years", 0);
    const double asked_step = std::max(step_years, std::ceil(asked / step_years - 1e-9) * step_years);
    for (int n = 1; n <= w.market.valued[v]; ++n) {
      // Dates after the last step, up to this one, that are not before it is asked for; without a period each step is one.
      int dates = period == 0 && n * step_years > asked_step - 1e-9;
      for (int d = 1; period > 0 && d * period < n * step_years + 1e-9; ++d)
        dates += d * period > (n - 1) * step_years + 1e-9 && d * period > asked_step - 1e-9;
      for (; dates > 0 && left > 1e-12; --dates) {
        const double now = std::min(left, cell(line, "gate", 1));
        cash += now * published(n, false), spared_cash += now * published(n, true), left -= now;
      }
    }
    const int h = w.market.valued[v];
    const double units = line.quantity * cell(line, "tokens", 0);
    const double value = left * net(h, false);
    const double price = std::max(published(h, false), 1e-9 * cell(line, "token_price", 1));
    // What the fund has and owes before fees, of the tokens that are still held.
    const double held = left < 1e-9 ? 0 : units * left * cell(line, "token_price", 1);
    const double assets = held * leverage * w.block.factors(pool, h)[static_cast<std::size_t>(lane)] / today;
    const double debt = held * (leverage - 1) * std::exp(cell(line, "borrow_rate", 0) * h * step_years);
    const double gated = h * step_years > asked_step - 1e-9 ? std::abs(units) * left * published(h, false) : 0;
    return Outcome{units * value,
                   units * cash,
                   units * (left * net(h, true) + spared_cash - value - cash),
                   {gated, assets, debt, assets - debt},
                   units * left * price};
  };
  const Errors errors = compare(type, positions, w, 0, expected);
  INFO(errors.where);
  CHECK(errors.reference < 1e-12);
  CHECK(errors.leaf < 1e-13);
  CHECK(errors.units <= 1);
}

TEST_CASE("a fund's price is late, and its holder's value is not", "[fund_token]") {
  World w(3, 1.0 / 12, {1, 2, 3}, 32);
  w.add("BTC", Process::lognormal, 60000, 0.7);
  const PoolIndex pool = w.add_pool(1000);
  const Instrument& type = instrument("fund_token");
  Positions positions = table(type, {{.cells = {{"assets", pool},
                                                {"tokens", 100.0},
                                                {"token_price", 10.0},
                                                {"leverage", 2.0},
                                                {"publication_lag_years", 0.1}}}});
  w.add_prices(positions);
  w.draw_factors();
  w.fill_pool(pool);
  const auto value = static_cast<std::size_t>(pool);
  w.block.factors(value, 1)[0] = 900, w.block.factors(value, 2)[0] = 700, w.block.factors(value, 3)[0] = 400;
  w.publish(type, positions);
  const auto row = [&](PriceRow r, int step) {
    return w.block.factors(static_cast<std::size_t>(positions.published[0]) + r, step)[0];
  };
  CHECK(row(price_row, 1) == 10);
  CHECK(row(price_row, 2) == 10);
  CHECK(row(price_row, 3) == Approx(8).epsilon(1e-14));
  CHECK(row(value_row, 1) == Approx(8).epsilon(1e-14));
  CHECK(row(value_row, 2) == Approx(4).epsilon(1e-14));
  CHECK(row(value_row, 3) == 0);
  const Compiled batch(type, positions, w, Detail::leaf);
  CHECK(batch.batch->value_today[0] == 1000);
}

TEST_CASE("a fund's fees are taken off its price", "[fund_token]") {
  World w(4, 0.5, {1, 2, 3, 4}, 33);
  w.add("BTC", Process::lognormal, 60000, 0.7);
  const PoolIndex pool = w.add_pool(1000);
  const Instrument& type = instrument("fund_token");
  const Line managed{.cells = {{"assets", pool}, {"tokens", 1.0}, {"token_price", 10.0}, {"management_fee", 0.02}}};
  Line rewarded{.cells = {{"assets", pool}, {"tokens", 1.0}, {"token_price", 10.0}, {"performance_fee", 0.2}}};
  Line redeemed = rewarded, late = rewarded;
  redeemed.cells["redeem_years"] = 0.5;
  late.cells["publication_lag_years"] = 0.5;
  Positions positions = table(type, {managed, rewarded, redeemed, late});
  w.add_prices(positions);
  w.draw_factors();
  w.fill_pool(pool);
  const auto value = static_cast<std::size_t>(pool);
  const double worth[] = {1100, 1200, 900, 1500}, credit_loss[] = {0, 0, 300, 0};
  for (int n = 1; n <= 4; ++n)
    w.block.factors(value, n)[0] = worth[n - 1], w.block.factors(value + 1, n)[0] = credit_loss[n - 1];
  w.block.factors(value, 2)[1] = std::nan("");  // a pool that is not known
  w.publish(type, positions);
  const auto row = [&](std::size_t p, PriceRow r, int step) {
    return w.block.factors(static_cast<std::size_t>(positions.published[p]) + r, step)[0];
  };
  for (const std::size_t p : {std::size_t{0}, std::size_t{1}})
    for (const PriceRow r : {price_row, value_row})
      CHECK(std::isnan(w.block.factors(static_cast<std::size_t>(positions.published[p]) + r, 2)[1]));
  // Before fees 11, 12, 9 and 15. After the first year's end each token of 11.6 has cost 0.4, a share of 1/30: of 9 and 15
  // then 8.7 and 14.5 are left, and 14.5 is 2.9 above the mark of 11.6. Without credit losses the third is 12 again,
  // or 11.6.
  const double after[] = {10.8, 11.6, 8.7, 14.5 - 0.2 * 2.9};
  for (int n = 1; n <= 4; ++n) {
    INFO("step " << n);
    CHECK(row(0, value_row, n) == Approx(worth[n - 1] / 100 * std::exp(-0.01 * n)).epsilon(1e-14));
    CHECK(row(1, price_row, n) == Approx(after[n - 1]).epsilon(1e-14));
    CHECK(row(1, value_row, n) == row(1, price_row, n));
    CHECK(row(1, credit_loss_row, n) == Approx(n == 3 ? 11.6 - 8.7 : 0).margin(1e-13));
    CHECK(row(2, cash_row, n) == Approx(10.8).epsilon(1e-14));  // the fee that has accrued is paid by who leaves
    CHECK(row(2, value_row, n) == 0);
    CHECK(row(3, price_row, n) == (n == 1 ? 10 : row(1, price_row, n - 1)));
    CHECK(row(3, value_row, n) == row(1, value_row, n));
  }
}

TEST_CASE("a fund's assets and debt today", "[fund_token]") {
  World w(2, 0.5, {1, 2}, 5);
  w.ratios = true;
  w.add("BTC", Process::lognormal, 60000, 0.7);
  const PoolIndex pool = w.add_pool(1000);
  Positions positions =
      table(instrument("fund_token"),
            {{.quantity = 2, .cells = {{"assets", pool}, {"tokens", 50.0}, {"token_price", 2.0}, {"leverage", 1.5}}}});
  w.add_prices(positions);
  w.draw_factors();
  w.fill_pool(pool);
  w.publish(instrument("fund_token"), positions);
  const Compiled fund(instrument("fund_token"), positions, w, Detail::leaf);
  CHECK(fund.batch->gauges_today == std::vector<double>{0, 300, 100, 200});  // gated, then what ratios are made of
}
