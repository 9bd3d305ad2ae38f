#include <numeric>

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
bool says(const Line& line, const std::string& name, const std::string& word) {
  const auto at = line.cells.find(name);
  return at != line.cells.end() && std::get<std::string>(at->second) == word;
}

// One scenario of a plain account of covers that share a provider: claims and what is granted of them, step by step.
struct Told {
  std::vector<double> claimed, granted;  // [step 0 .. n]
  int open = 0;                          // the last step of the cover
};

// The world's obligors but the last are insured; the last is a provider.
struct Accounts {
  World& w;
  const std::vector<Line>& book;

  double payout(const Line& line, double loss) const {
    const double beyond = std::max(0.0, loss - cell(line, "deductible", 0));
    return cell(line, "share", 1) * std::min(beyond, cell(line, "limit", 1e300));
  }
  static int steps(double years, double step) { return static_cast<int>(std::ceil(years / step - 1e-9)); }
  int end(const Line& line) const { return steps(cell(line, "term_years", 0), w.market.step_years); }
  int failed(const Line& line, int lane) const {
    const auto at = line.cells.find("provider_obligor");
    return at == line.cells.end() ? 1000 : failing(std::get<ObligorIndex>(at->second), lane);
  }
  int failing(ObligorIndex o, int lane) const {
    const int step = w.default_step(o, lane);
    return step > w.market.steps ? 1000 : step;
  }
  Told claims(const Line& line, int lane, bool undisturbed) const {
    const auto k = static_cast<std::size_t>(lane);
    Told out;
    out.claimed.assign(static_cast<std::size_t>(w.market.steps) + 1, 0.0);
    out.open = undisturbed ? end(line) : std::min(end(line), failed(line, lane));
    const bool all = says(line, "payout", "fixed");
    double largest = 0;
    for (int n = 1; n <= std::min(out.open, w.market.steps); ++n) {
      double& now = out.claimed[static_cast<std::size_t>(n)];
      if (says(line, "trigger", "default")) {
        if (undisturbed || failing(line.obligor, lane) != n) continue;
        now = payout(line,
                     cell(line, "insured", 0) * (all ? 1 : w.loss_given_default[static_cast<std::size_t>(line.obligor)]));
        out.open = n;
      } else if (says(line, "trigger", "price")) {
        const FactorIndex f = std::get<FactorIndex>(line.cells.at("factor"));
        const double price = w.block.factors(f, n)[k];
        if (price > cell(line, "trigger_price", 0)) continue;
        const double down = 1 - price / cell(line, "reference_price", w.block.factors(f, 0)[k]);
        now = payout(line, cell(line, "insured", 0) * (all ? 1 : std::max(0.0, down)));
        out.open = n;
      } else {
        const auto pool = static_cast<std::size_t>(std::get<PoolIndex>(line.cells.at("reference_pool")));
        const double today = w.market.published[pool - w.market.factors.size()].today;
        const double by_credit = w.block.factors(pool + 1, n)[k];
        const double loss = (says(line, "measure", "economic") ? today - w.block.factors(pool, n)[k] : by_credit) -
                            (undisturbed ? by_credit : 0);
        now = payout(line, std::max(loss, largest)) - payout(line, largest);
        largest = std::max(loss, largest);
        if (largest >= cell(line, "deductible", 0) + cell(line, "limit", 0)) out.open = n;
      }
    }
    out.granted = out.claimed;
    return out;
  }
  // What the account of a provider is left with, and all that was claimed and not met; sets what is granted of each.
  struct Capital {
    double left, unmet = 0;
  };
  std::vector<Capital> share_out(std::vector<Told>& covers, const std::vector<std::size_t>& sharing, int lane) const {
    const Line& first = book[sharing.front()];
    const auto held = first.cells.find("capital_factor");
    const auto price = [&](int n) {
      return held == first.cells.end()
                 ? 1
                 : w.block.factors(std::get<FactorIndex>(held->second), n)[static_cast<std::size_t>(lane)];
    };
    double units = cell(first, "capital", 0) / price(0);
    std::vector<Capital> out = {{cell(first, "capital", 0)}};
    for (int n = 1; n <= w.market.steps; ++n) {
      const auto i = static_cast<std::size_t>(n);
      double all = 0;
      for (const std::size_t p : sharing) all += std::abs(book[p].quantity) * covers[p].claimed[i];
      const double there = units * price(n), paid = std::min(there, all);
      for (const std::size_t p : sharing) covers[p].granted[i] = all > 0 ? covers[p].claimed[i] * paid / all : 0;
      units -= paid / price(n);
      out.push_back({std::max(units * price(n), 0.0), out.back().unmet + all - paid});
    }
    return out;
  }
  // Of one cover at a step: what it is worth and has paid.
  Outcome outcome(const Line& line, const Told& told, const Told& free, int now, int lane) const {
    const int delay = steps(cell(line, "claim_delay_years", 0), w.market.step_years), fails = failed(line, lane);
    const double recovery = fails > w.market.steps ? 1 : 1 - w.loss_given_default.back();
    double pending = 0, received = 0, unpaid = 0;
    for (int n = 1; n <= now; ++n) {
      const double granted = told.granted[static_cast<std::size_t>(n)];
      const bool is_paid = n + delay <= now, late = fails <= std::min(n + delay, now);
      (is_paid ? received : pending) += granted * (late ? recovery : 1);
      unpaid += told.claimed[static_cast<std::size_t>(n)] - granted * (late ? recovery : 1);
    }
    const auto premiums = [&](int open) {  // received, and still to be earned
      double paid = 0;
      for (int n = 1; n <= std::min(open, now); ++n)
        paid += std::min(w.time(n), cell(line, "term_years", 0)) - w.time(n - 1);
      const double to_come = now < open ? std::max(cell(line, "term_years", 0) - w.time(now), 0.0) : 0;
      const double rate = cell(line, "premium", 0);
      return says(line, "premium_payment", "upfront") ? rate * to_come : -rate * paid;
    };
    const double in_all = std::accumulate(free.claimed.begin(), free.claimed.begin() + now + 1, 0.0);
    const double mine = premiums(told.open);
    const bool upfront = says(line, "premium_payment", "upfront");
    const double q = line.quantity, undisturbed = in_all + premiums(free.open);
    return {q * (pending + (upfront ? mine : 0)),
            q * (received + (upfront ? 0 : mine)),
            q * (undisturbed - pending - received - mine),
            {std::abs(q) * received, std::abs(q) * unpaid}};
  }
};

// What the engine does of an account: the covers that name it, its row of the factors' table.
void publish_account(World& w, const Positions& positions, const std::vector<std::size_t>& sharing, AccountIndex account,
                     std::uint32_t obligors) {
  const Instrument& type = instrument("cover");
  Positions some = positions;
  const auto keep = [&](auto& column) {
    auto all = column;
    column.clear();
    for (const std::size_t p : sharing)
      if (!all.empty()) column.push_back(all[p]);
  };
  keep(some.id), keep(some.leaf), keep(some.currency), keep(some.quantity), keep(some.obligor);
  for (auto& column : some.numbers) keep(column);
  for (auto& column : some.references) keep(column);
  Wiring wiring;
  wiring.market = &w.market;
  wiring.obligor_count = obligors;
  for (int n = 0; n <= w.market.steps; ++n) wiring.time_years.push_back(w.time(n));
  const auto path = type.publish_account(some, wiring);
  const auto at = static_cast<std::size_t>(account) - w.market.factors.size();
  std::copy_n(path->rows.begin(), account_rows, w.market.published.begin() + static_cast<std::ptrdiff_t>(at));
  path->publish(w.block, FactorIndex{static_cast<std::uint32_t>(account)});
}
AccountIndex add_account(World& w) {
  const AccountIndex out{static_cast<std::uint32_t>(w.market.rows())};
  w.market.published.resize(w.market.published.size() + account_rows);
  return out;
}

}  // namespace

TEST_CASE("covers pay what a plain account of each scenario says") {
  constexpr std::uint32_t obligors = 7;
  World w(8, 0.25, {1, 3, 8}, 31);
  w.add("BTC", Process::lognormal, 60000, 0.7);
  w.add("ETH", Process::lognormal, 4000, 0.9);
  const PoolIndex pools[] = {w.add_pool(3e5), w.add_pool(5e4)};
  const AccountIndex accounts[] = {add_account(w), add_account(w), add_account(w)};
  const ObligorIndex provider{obligors - 1};
  std::vector<std::vector<std::size_t>> sharing(3);
  std::vector<Line> book;
  for (std::size_t i = 0; i < 180; ++i) {
    const double insured = w.uniform(1e3, 1e5);
    Line line{.leaf = 1 + static_cast<std::uint32_t>(w.random() % 3),
              .quantity = w.uniform(-1, 2),
              .cells = {{"term_years", w.uniform(0.1, 3)}, {"premium", w.uniform(0, 1e3)}, {"share", w.uniform(0.2, 1)}}};
    auto& cells = line.cells;
    const bool eth = w.random() % 2 == 0;
    if (i % 3 == 0) {
      cells["trigger"] = "default", cells["insured"] = insured;
      line.obligor = ObligorIndex{static_cast<std::uint32_t>(w.random() % (obligors - 1))};
    } else if (i % 3 == 1) {
      cells["trigger"] = "price", cells["insured"] = insured, cells["factor"] = w.factor(eth ? "ETH" : "BTC");
      cells["trigger_price"] = (eth ? 4000 : 60000) * w.uniform(0.4, 0.95);
      if (i % 2 == 0) cells["reference_price"] = (eth ? 4000 : 60000) * w.uniform(0.7, 1.2);
    } else {
      cells["trigger"] = "losses", cells["reference_pool"] = pools[i % 2];
      if (i % 4 < 2) cells["measure"] = "economic";
    }
    if (i % 3 < 2 && i % 4 == 0) cells["payout"] = "fixed";
    if (i % 3 == 2 || i % 5 == 0) cells["limit"] = w.uniform(1e3, 1e5);
    if (i % 4 != 3) cells["deductible"] = w.uniform(0, 2e4);
    if (i % 4 != 1) cells["claim_delay_years"] = w.uniform(0, 1);
    if (i % 5 < 2) cells["premium_payment"] = "upfront";
    if (const std::size_t a = i % 4; a < 3) {
      cells["provider"] = accounts[a], cells["capital"] = 4e5 * static_cast<double>(a + 1);
      if (a == 1) cells["capital_factor"] = w.factor("ETH");
      if (a == 2) cells["provider_obligor"] = provider;
      sharing[a].push_back(i);
    } else if (i % 8 == 3) {
      cells["provider_obligor"] = provider;
    }
    book.push_back(line);
  }
  const Instrument& type = instrument("cover");
  const Positions positions = table(type, book);
  w.draw_factors();
  for (const PoolIndex pool : pools) w.fill_pool(pool);
  w.draw_defaults(obligors, 3);
  const Accounts plain{w, book};
  std::vector<std::vector<Told>> told(lanes), undisturbed(lanes);  // [lane][cover]
  for (std::size_t a = 0; a < 3; ++a) publish_account(w, positions, sharing[a], accounts[a], obligors);
  double error = 0;
  int exhausted = 0;
  for (int lane = 0; lane < lanes; ++lane) {
    const auto k = static_cast<std::size_t>(lane);
    for (const Line& line : book) told[k].push_back(plain.claims(line, lane, false));
    for (const Line& line : book) undisturbed[k].push_back(plain.claims(line, lane, true));
    for (std::size_t a = 0; a < 3; ++a) {
      const auto capital = plain.share_out(told[k], sharing[a], lane);
      for (int n = 0; n <= 8; ++n) {
        const auto at = capital[static_cast<std::size_t>(n)];
        error = std::max(error, std::abs(w.block.factors(row_of(accounts[a], account_value), n)[k] - at.left));
        error = std::max(error, std::abs(w.block.factors(row_of(accounts[a], account_shortfall), n)[k] - at.unmet));
      }
      exhausted += capital.back().unmet > 0;
    }
  }
  CHECK(error < 1e-8);
  CHECK(exhausted > 20);
  const Errors errors = compare(type, positions, w, obligors, [&](std::size_t p, std::size_t v, int lane) {
    const auto k = static_cast<std::size_t>(lane);
    Outcome out = plain.outcome(book[p], told[k][p], undisturbed[k][p], w.market.valued[v], lane);
    for (double* x : {&out.value, &out.cash, &out.credit_loss, out.gauges.data(), out.gauges.data() + 1}) *x *= 1;
    return out;
  });
  INFO(errors.where);
  CHECK(errors.reference < 1e-6);  // covers with running premiums are worth nothing today
  CHECK(errors.leaf < 1e-12);
}

TEST_CASE("a provider pays pro rata what it can, and then no more") {
  World w(3, 1, {1, 2, 3}, 32);
  w.add("P", Process::lognormal, 1, 0.1);
  const AccountIndex account = add_account(w);
  const auto line = [&](double insured, double level, double quantity, bool named) {
    Line out{.quantity = quantity,
             .cells = {{"trigger", "price"},
                       {"insured", insured},
                       {"factor", w.factor("P")},
                       {"trigger_price", level},
                       {"payout", "fixed"},
                       {"term_years", 3.0}}};
    if (named) out.cells["provider"] = account, out.cells["capital"] = 100.0;
    return out;
  };
  // 60 and 90 are claimed at the first step, of 100 there; 50 at the second, of nothing. A writer who can always pay.
  const Positions positions = table(instrument("cover"), {line(60, 0.9, 1, true), line(30, 0.9, 3, true),
                                                          line(50, 0.5, 1, true), line(60, 0.9, -1, false)});
  w.draw_factors();
  for (std::size_t k = 0; k < lanes; ++k)
    for (int n = 1; n <= 3; ++n) w.block.factors(0, n)[k] = k == 1 ? 0.6 : n == 1 ? 0.8 : 0.4;
  publish_account(w, positions, {0, 1, 2}, account, 0);
  Compiled each(instrument("cover"), positions, w, Detail::position);
  each.evaluate(w.block);
  CHECK(each.faults.empty());
  CHECK(each.cash(0, 0, 0) == Approx(40).epsilon(1e-14));
  CHECK(each.cash(1, 0, 0) == Approx(60).epsilon(1e-14));
  CHECK(each.cash(2, 2, 0) == 0);
  CHECK(each.gauge(1, 0, 0, 0) == Approx(60).epsilon(1e-14));
  CHECK(each.gauge(1, 1, 0, 0) == Approx(30).epsilon(1e-14));
  CHECK(each.gauge(2, 1, 2, 0) == 50);
  CHECK(each.credit(0, 2, 0) == Approx(20).epsilon(1e-13));
  CHECK(each.cash(0, 2, 0) + each.cash(3, 2, 0) == Approx(-each.gauge(0, 1, 2, 0)).epsilon(1e-13));
  CHECK(each.cash(2, 2, 1) == 0);
  CHECK(each.gauge(2, 1, 2, 1) == 0);
}

TEST_CASE("a cover on a price or a pool without a value is a fault") {
  World w(2, 1, {1, 2}, 33);
  w.add("P", Process::lognormal, 1, 0.1);
  const PoolIndex pool = w.add_pool(1000);
  const Positions positions =
      table(instrument("cover"),
            {{.cells = {{"trigger", "price"},
                        {"insured", 1.0},
                        {"factor", w.factor("P")},
                        {"trigger_price", 0.5},
                        {"term_years", 3.0}}},
             {.cells = {{"trigger", "losses"}, {"reference_pool", pool}, {"limit", 10.0}, {"term_years", 3.0}}}});
  w.draw_factors();
  w.fill_pool(pool);
  w.block.factors(0, 1)[3] = std::nan("");
  w.block.factors(static_cast<std::size_t>(pool) + 1, 2)[5] = std::nan("");
  Compiled each(instrument("cover"), positions, w, Detail::position);
  each.evaluate(w.block);
  REQUIRE(each.faults.size() == 0);  // no room for any
  each.faults.reserve(10);
  each.evaluate(w.block);
  REQUIRE(each.faults.size() == 2);
  CHECK((each.faults[0].position == 0 && each.faults[0].lane == 3));
  CHECK((each.faults[1].position == 1 && each.faults[1].lane == 5));
}
