// Perps that share a margin, an insurance fund, or both.
#include <numeric>

#include "kernels/publishing.h"
#include "tests/catch_any.h"
#include "tests/unit/instruments/book.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

enum : std::size_t { liquidated, bad_debt, insurance_drawn, auto_deleveraged };
constexpr AccountRow fourth{account_rows};
using Real = long double;

AccountIndex add_account(World& w) {
  const AccountIndex out{static_cast<std::uint32_t>(w.market.rows())};
  w.market.published.resize(w.market.published.size() + price_rows);
  return out;
}
AccountIndex named(const Line& line, const char* column) {
  const auto at = line.cells.find(column);
  return at == line.cells.end() ? AccountIndex{none} : std::get<AccountIndex>(at->second);
}
// What the engine does of accounts: margins first, then venues, which read them.
void publish_accounts(World& w, const std::vector<Line>& book) {
  for (const char* column : {"account", "venue"}) {
    std::map<AccountIndex, std::vector<Line>> sharing;
    for (const Line& line : book)
      if (!is_none(named(line, column))) sharing[named(line, column)].push_back(line);
    for (const auto& [account, lines] : sharing) {
      const FactorIndex first{static_cast<std::uint32_t>(account)};
      Positions some = table(instrument("perp"), lines);
      some.published.assign(some.size(), first);
      Wiring wiring;
      wiring.market = &w.market;
      for (int n = 0; n <= w.market.steps; ++n) wiring.time_years.push_back(w.time(n));
      const auto path = instrument("perp").publish_account(some, wiring);
      const auto at = static_cast<std::size_t>(account) - w.market.factors.size();
      std::copy_n(path->rows.begin(), price_rows, w.market.published.begin() + static_cast<std::ptrdiff_t>(at));
      path->publish(w.block, first);
    }
  }
}

// A book of perps in one scenario, step by step, all of them at once.
struct Plain {
  struct Position {
    Real size, sign, entry, quantity, weight;
    bool open = true, venue, whole = true;
    int closes;
    Real paid = 0, cash = 0, otherwise = 0, closed = 0, bad = 0, drawn = 0, taken = 0, paid_for = 0;
    Real equity = 0, required = 0, fees = 0, counts = 0;  // of this step
  };
  const World& w;
  const std::vector<Line>& book;
  std::size_t lane;
  std::vector<Position> all = {};
  std::vector<std::vector<Outcome>> outcomes = {};      // [position][step]
  std::map<AccountIndex, std::vector<Real>> fund = {};  // of each venue, by step

  Real cell(const Line& line, const char* name, int step, double otherwise) const {
    const auto at = line.cells.find(name);
    if (at == line.cells.end()) return otherwise;
    if (const auto* f = std::get_if<FactorIndex>(&at->second)) return w.block.factors(*f, step)[lane];
    return std::get<double>(at->second);
  }
  static bool says(const Line& line, const char* name, const char* word) {
    const auto at = line.cells.find(name);
    return at != line.cells.end() && std::get<std::string>(at->second) == word;
  }
  Real fx(const Line& line, int n) const { return is_none(line.currency) ? 1 : w.block.factors(line.currency, n)[lane]; }

  Plain(const World& world, const std::vector<Line>& lines, std::size_t k) : w(world), book(lines), lane(k) {
    for (const Line& line : book) {
      const int closes =
          line.cells.contains("close_years")
              ? std::max(1, static_cast<int>(std::ceil(
                                static_cast<double>(cell(line, "close_years", 0, 0)) / w.market.step_years - 1e-8)))
              : w.market.steps + 1;
      all.push_back({.size = cell(line, "size", 0, 0),
                     .sign = says(line, "side", "short") ? -1.0L : 1.0L,
                     .entry = cell(line, "entry_price", 0, 0),
                     .quantity = line.quantity,
                     .weight = std::abs(line.quantity),
                     .venue = says(line, "holder", "venue"),
                     .closes = closes});
      if (const AccountIndex venue = named(line, "venue"); !is_none(venue))
        fund[venue] = {cell(line, "insurance_fund", 0, 0)};
    }
    outcomes.resize(book.size());
    for (int n = 0; n <= w.market.steps; ++n) {
      for (std::size_t p = 0; p < all.size(); ++p) look(p, n);
      for (const auto& group : groups()) weigh(group, n, n > 0 || w.block.monitor_today);
      for (auto& [venue, left] : fund) settle(venue, left, n);
      for (std::size_t p = 0; p < all.size(); ++p) note(p, n);
    }
  }
  // Those of each account, or one alone.
  std::vector<std::vector<std::size_t>> groups() const {
    std::map<std::pair<AccountIndex, std::size_t>, std::vector<std::size_t>> out;
    for (std::size_t p = 0; p < all.size(); ++p) {
      const AccountIndex account = named(book[p], "account");
      out[{account, is_none(account) ? p : 0}].push_back(p);
    }
    std::vector<std::vector<std::size_t>> lists;
    for (auto& [key, list] : out) lists.push_back(std::move(list));
    return lists;
  }
  void look(std::size_t p, int n) {
    const Line& line = book[p];
    Position& a = all[p];
    const Real price = cell(line, "factor", n, 0), value = a.size * price;
    if (n > 0) a.paid += cell(line, "funding_rate", n, 0) * w.market.step_years * a.sign * value;
    a.equity = cell(line, "collateral", n, 0) * cell(line, "collateral_factor", n, 1) - cell(line, "owed", n, 0) - a.paid +
               a.sign * a.size * (price - a.entry);
    const Real on = says(line, "maintenance_on", "entry") ? a.entry : price;
    a.fees = (cell(line, "taker_fee", n, 0) + cell(line, "liquidation_fee", n, 0)) * value;
    a.required = std::max(cell(line, "maintenance_margin", n, 0) * a.size * on - cell(line, "maintenance_deduction", n, 0),
                          cell(line, "maintenance_minimum", n, 0)) +
                 a.fees;
  }
  void weigh(const std::vector<std::size_t>& group, int n, bool monitored) {
    Real equity = 0, required = 0, fees = 0, gains = 0, losses = 0;
    for (const std::size_t p : group) {
      const Position& a = all[p];
      equity += a.weight * a.equity, required += a.weight * a.required, fees += a.weight * a.fees;
      (a.equity > 0 ? gains : losses) += a.weight * std::abs(a.equity);
    }
    const bool whole = equity >= 0;
    for (const std::size_t p : group) all[p].whole = whole;
    for (const std::size_t p : group) all[p].counts = all[p].equity * (whole || all[p].equity > 0 ? 1 : gains / losses);
    const Position& first = all[group.front()];
    const bool fresh = std::all_of(group.begin(), group.end(), [&](std::size_t p) { return all[p].open; });
    if (!monitored || !fresh || n > first.closes || !(equity < required)) return;
    const Real left = std::max(equity, 0.0L);
    const Real returned = says(book[group.front()], "remainder", "venue") ? 0 : std::max(equity - fees, 0.0L);
    for (const std::size_t p : group) {
      Position& a = all[p];
      const Real given = a.counts - (left > 0 ? (left - returned) * a.required / required : 0), x = fx(book[p], n);
      a.open = false;
      a.cash = (a.venue ? a.equity - given : given) * x;
      a.closed = a.size * cell(book[p], "factor", n, 0) * x;
      a.bad = (a.counts - a.equity) * x;
      a.drawn = -1;  // to be seen by the venue
    }
  }
  void settle(AccountIndex venue, std::vector<Real>& left, int n) {
    Real debt[2] = {0, 0}, gains[2] = {0, 0};
    std::vector<std::size_t> here;
    for (std::size_t p = 0; p < all.size(); ++p)
      if (named(book[p], "venue") == venue) here.push_back(p);
    for (const std::size_t p : here)
      if (all[p].drawn < 0) debt[all[p].sign > 0] += all[p].weight * all[p].bad;
    const Real due = debt[0] + debt[1], paid = std::min(due, left.back());
    for (const std::size_t p : here)
      if (all[p].drawn < 0) all[p].drawn = due > 0 ? all[p].bad * paid / due : 0;
    left.push_back(left.back() - paid);
    if (!(due > paid)) return;
    const auto gain = [&](std::size_t p) {
      const Position& a = all[p];
      return a.sign * a.size * (cell(book[p], "factor", n, 0) - a.entry) - a.paid_for;
    };
    const auto pays = [&](std::size_t p) {
      return all[p].open && n <= all[p].closes && gain(p) > 0 && debt[all[p].sign < 0] > 0;
    };
    for (const std::size_t p : here)
      if (pays(p)) gains[all[p].sign > 0] += all[p].weight * gain(p) * fx(book[p], n);
    for (const std::size_t p : here) {
      if (!pays(p)) continue;
      const Real unpaid = debt[all[p].sign < 0] * (due - paid) / due;
      const Real now = gain(p);
      all[p].taken += std::min(1.0L, unpaid / gains[all[p].sign > 0]) * now * fx(book[p], n);
      all[p].paid_for += now;
    }
  }
  void note(std::size_t p, int n) {
    Position& a = all[p];
    if (a.drawn < 0) a.drawn = 0;  // no venue
    const Real x = fx(book[p], n), fee = cell(book[p], "taker_fee", n, 0) * a.size * cell(book[p], "factor", n, 0);
    if (n == a.closes) {
      const bool alone = is_none(named(book[p], "account"));
      const Real left = alone ? std::max(a.equity - fee, 0.0L) : a.whole ? a.equity - fee : a.counts;
      a.otherwise = (a.venue ? fee : left) * x;
      if (a.open) a.cash = a.otherwise;
      a.open = false;
    }
    const Real value = a.open && !a.venue ? a.equity * x : 0, taken = a.venue ? -a.taken : a.taken;
    Real lost = taken;
    if (a.closed > 0) lost += (n >= a.closes ? a.otherwise : a.venue ? 0 : a.counts * x) - a.cash;
    const auto money = [&](Real m) { return static_cast<double>(a.quantity * m); };
    outcomes[p].push_back(
        {money(value), money(a.cash - taken), money(lost), {money(a.closed), money(a.bad), money(a.drawn), money(a.taken)}});
  }
};

World world(unsigned seed) {
  World w(6, 1.0 / 52, {1, 3, 6}, seed);
  w.add("ETH", Process::lognormal, 3000, 1.2);
  w.add("BTC", Process::lognormal, 60000, 0.9);
  w.add("STETH", Process::lognormal, 2900, 1.2);
  w.add("FUNDING", Process::normal, 0.2, 0.5);
  w.add("EURUSD", Process::lognormal, 1.1, 0.1);
  return w;
}
// Twelve accounts of three to five positions and others alone; two venues of traders and one of the other side, each with a
// fund that some scenarios use up.
std::vector<Line> random_book(World& w, std::size_t count) {
  std::vector<AccountIndex> accounts, venues;
  for (int i = 0; i < 12; ++i) accounts.push_back(add_account(w));
  for (int i = 0; i < 3; ++i) venues.push_back(add_account(w));
  w.draw_factors();
  std::vector<Line> book;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t a = i % 20;  // from 12 on alone
    const bool eth = w.random() % 2 == 0, opposite = a % 6 == 5;
    const double price = eth ? 3000 : 60000, size = w.uniform(1, 5) / price, leverage = w.uniform(3, 25);
    Line line{.leaf = 1 + static_cast<std::uint32_t>(i % 3),
              .currency = a % 5 == 0 ? w.factor("EURUSD") : FactorIndex{none},
              .quantity = i % 7 == 3 ? -1.5 : 1,
              .cells = {{"factor", w.factor(eth ? "ETH" : "BTC")},
                        {"side", std::string(w.random() % 2 ? "long" : "short")},
                        {"size", size},
                        {"entry_price", price * w.uniform(0.98, 1.02)},
                        {"collateral", size * price / leverage},
                        {"maintenance_margin", w.uniform(0, 0.03)}}};
    const auto sometimes = [&](const char* name, Cell value) {
      if (w.random() % 2) line.cells[name] = std::move(value);
    };
    if (i % 4 == 1) {
      line.cells["collateral_factor"] = w.factor("STETH");
      line.cells["collateral"] = size * price / leverage / 2900;
    }
    sometimes("owed", size * price * w.uniform(-0.01, 0.01));
    sometimes("funding_rate", i % 3 ? Cell(w.factor("FUNDING")) : Cell(w.uniform(-0.5, 1)));
    sometimes("maintenance_on", std::string("entry"));
    sometimes("maintenance_minimum", size * price * w.uniform(0, 0.01));
    sometimes("liquidation_fee", w.uniform(0, 0.01));
    sometimes("taker_fee", w.uniform(0, 0.002));
    if (a < accounts.size()) line.cells["account"] = accounts[a];
    if (a % 3 == 1) line.cells["remainder"] = std::string("venue");
    if (a % 4 == 2) line.cells["close_years"] = 0.07;
    if (opposite) line.cells["holder"] = std::string("venue");
    if (a % 7 != 6) {
      const std::size_t v = opposite ? 2 : i % 2;
      line.cells["venue"] = venues[v];
      line.cells["insurance_fund"] = 0.1 * static_cast<double>(v + 1);
    }
    book.push_back(std::move(line));
  }
  return book;
}

Line position(const World& w, const char* factor, const char* side, double size, double entry, double collateral) {
  return {.cells = {{"factor", w.factor(factor)},
                    {"side", std::string(side)},
                    {"size", size},
                    {"entry_price", entry},
                    {"collateral", collateral},
                    {"maintenance_margin", 0.05}}};
}

}  // namespace

TEST_CASE("perps that share agree with a plain account of each scenario", "[perp]") {
  World w = world(5);
  const std::vector<Line> book = random_book(w, 60);
  const Positions positions = table(instrument("perp"), book);
  int shared = 0, drawn = 0, taken = 0, closed = 0, negative = 0;
  for (const bool today : {false, true}) {
    w.block.monitor_today = today;
    publish_accounts(w, book);
    std::vector<Plain> plain;
    for (std::size_t k = 0; k < lanes; ++k) plain.emplace_back(w, book, k);
    const auto expected = [&](std::size_t p, std::size_t v, int lane) {
      const auto n = static_cast<std::size_t>(w.market.valued[v]);
      const Outcome& out = plain[static_cast<std::size_t>(lane)].outcomes[p][n];
      shared += out.gauges[liquidated] != 0 && !is_none(named(book[p], "account"));
      drawn += out.gauges[insurance_drawn] != 0, taken += out.gauges[auto_deleveraged] != 0;
      closed += out.cash != 0 && out.gauges[liquidated] == 0, negative += out.value * book[p].quantity < 0;
      return out;
    };
    const Errors errors = compare(instrument("perp"), positions, w, 0, expected);
    INFO(errors.where);
    CHECK(errors.reference < 1e-10);
    CHECK(errors.leaf < 1e-13);
    CHECK(errors.units <= 1);
    for (std::size_t k = 0; k < lanes; ++k)
      for (const auto& [venue, left] : plain[k].fund)
        for (int n = 0; n <= w.market.steps; ++n)
          CHECK(w.block.factors(row_of(venue, account_value), n)[k] ==
                Approx(static_cast<double>(left[static_cast<std::size_t>(n) + 1])).margin(1e-12));
  }
  CHECK(shared > 300);
  CHECK(drawn > 100);
  CHECK(taken > 100);
  CHECK(closed > 100);
  CHECK(negative > 100);
}

TEST_CASE("a margin is what is left of all that share it, and one alone shares it with nobody", "[perp]") {
  World w = world(6);
  std::vector<Line> book = random_book(w, 40);
  for (Line& line : book) line.cells.erase("venue"), line.cells.erase("insurance_fund");
  for (std::size_t i = 0; i < book.size(); ++i)
    if (i % 20 >= 12) book[i].cells.erase("account");
  publish_accounts(w, book);
  Compiled batch(instrument("perp"), table(instrument("perp"), book), w, Detail::position);
  batch.evaluate(w.block);
  std::map<AccountIndex, std::vector<std::size_t>> sharing;
  for (std::size_t p = 0; p < book.size(); ++p)
    if (!is_none(named(book[p], "account"))) sharing[named(book[p], "account")].push_back(p);
  REQUIRE(sharing.size() == 12);
  for (const auto& [account, members] : sharing) {
    if (Plain::says(book[members[0]], "holder", "venue")) continue;
    for (std::size_t v = 0; v < 3; ++v)
      for (int lane = 0; lane < lanes; ++lane) {
        const auto k = static_cast<std::size_t>(lane);
        double value = 0, lost = 0, bad = 0;
        for (const std::size_t p : members) {
          const double sign = book[p].quantity < 0 ? -1 : 1;
          value += sign * batch.value(p, static_cast<int>(v), lane),
              lost += sign * batch.credit(p, static_cast<int>(v), lane);
          bad += sign * batch.gauge(p, bad_debt, static_cast<int>(v), lane);
        }
        const int n = w.market.valued[v];
        CHECK(w.block.factors(row_of(account, account_value), n)[k] == Approx(value).margin(1e-12));
        CHECK(w.block.factors(row_of(account, account_shortfall), n)[k] == Approx(bad).margin(1e-12));
        CHECK((w.block.factors(row_of(account, fourth), n)[k] < 0 || value == 0));
      }
  }
  // An account of one is a margin of its own.
  for (Line& line : book) line.cells.erase("account"), line.cells.erase("close_years");
  World other = world(6);
  std::vector<Line> alone = book;
  for (Line& line : alone) line.cells["account"] = add_account(other);
  other.draw_factors();
  std::copy_n(w.block.factors.data(), w.market.factors.size() * 7 * lanes, other.block.factors.data());
  publish_accounts(other, alone);
  Compiled by_itself(instrument("perp"), table(instrument("perp"), book), w, Detail::position),
      named_alone(instrument("perp"), table(instrument("perp"), alone), other, Detail::position);
  by_itself.evaluate(w.block), named_alone.evaluate(other.block);
  CHECK(by_itself.batch->triggers_today == named_alone.batch->triggers_today);
  for (std::size_t p = 0; p < book.size(); ++p)
    for (int lane = 0; lane < lanes; ++lane) {
      CHECK(named_alone.batch->value_today[p] == by_itself.batch->value_today[p]);
      CHECK(named_alone.value(p, 2, lane) == by_itself.value(p, 2, lane));
      CHECK(named_alone.cash(p, 2, lane) == Approx(by_itself.cash(p, 2, lane)).margin(1e-14));
      CHECK(named_alone.credit(p, 2, lane) == Approx(by_itself.credit(p, 2, lane)).margin(1e-14));
      CHECK(named_alone.gauge(p, bad_debt, 2, lane) == by_itself.gauge(p, bad_debt, 2, lane));
    }
}

// Each position comes twice, once for the trader and once for the other side, with a fund of the same size for both.
TEST_CASE("traders, venue, fund and winners share what there is", "[perp]") {
  World w = world(8);
  std::vector<Line> book = random_book(w, 60);
  std::map<AccountIndex, AccountIndex> other;
  const std::size_t pairs = book.size();
  for (Line& line : book)
    for (const char* column : {"account", "venue"})
      if (const AccountIndex a = named(line, column); !is_none(a) && !other.contains(a)) other[a] = add_account(w);
  w.draw_factors();
  for (std::size_t i = 0; i < pairs; ++i) {
    book[i].cells["holder"] = std::string("trader");
    book.push_back(book[i]);
    book.back().cells["holder"] = std::string("venue");
    for (const char* column : {"account", "venue"})
      if (const AccountIndex a = named(book[i], column); !is_none(a)) book.back().cells[column] = other[a];
  }
  publish_accounts(w, book);
  Compiled batch(instrument("perp"), table(instrument("perp"), book), w, Detail::position);
  batch.evaluate(w.block);
  int used_up = 0;
  for (int lane = 0; lane < lanes; ++lane) {
    const auto k = static_cast<std::size_t>(lane);
    const Plain plain(w, book, k);
    std::map<AccountIndex, std::array<double, 3>> sums;  // of a venue: bad debt, drawn, taken
    for (std::size_t p = 0; p < pairs; ++p) {
      const Plain::Position& a = plain.all[p];
      // What there is of a position: its equity when it was liquidated or closed, else now.
      double there = 0;
      for (int n = 1; n <= w.market.steps; ++n) {
        const Outcome &now = plain.outcomes[p][static_cast<std::size_t>(n)],
                      &before = plain.outcomes[p][static_cast<std::size_t>(n) - 1];
        const bool ends = now.gauges[liquidated] != 0 && before.gauges[liquidated] == 0;
        if (!(ends || n == a.closes || n == w.market.steps)) continue;
        const Real price = plain.cell(book[p], "factor", n, 0);
        Real paid = 0;
        for (int m = 1; m <= n; ++m)
          paid += plain.cell(book[p], "funding_rate", m, 0) * w.market.step_years * a.sign * a.size *
                  plain.cell(book[p], "factor", m, 0);
        there =
            static_cast<double>(a.quantity * plain.fx(book[p], n) *
                                (plain.cell(book[p], "collateral", n, 0) * plain.cell(book[p], "collateral_factor", n, 1) -
                                 plain.cell(book[p], "owed", n, 0) - paid + a.sign * a.size * (price - a.entry)));
        break;
      }
      CHECK(batch.value(p, 2, lane) + batch.cash(p, 2, lane) + batch.value(pairs + p, 2, lane) +
                batch.cash(pairs + p, 2, lane) ==
            Approx(there).margin(1e-12));
      const AccountIndex venue = named(book[p], "venue");
      if (is_none(venue)) continue;
      const double sign = book[p].quantity < 0 ? -1 : 1;
      std::size_t i = 0;
      for (const std::size_t g : {bad_debt, insurance_drawn, auto_deleveraged}) {
        CHECK(batch.gauge(p, g, 2, lane) == Approx(batch.gauge(pairs + p, g, 2, lane)).margin(1e-14));
        sums[venue][i++] += sign * batch.gauge(p, g, 2, lane);
      }
    }
    for (const auto& [venue, s] : sums) {
      const Real fund = plain.fund.at(venue).front();
      CHECK(s[1] == Approx(static_cast<double>(fund - plain.fund.at(venue).back())).margin(1e-12));
      CHECK(s[1] + s[2] <= s[0] + 1e-12);
      CHECK((s[2] == 0 || plain.fund.at(venue).back() == 0));
      used_up += s[2] > 0;
    }
  }
  CHECK(used_up > 20);
}

TEST_CASE("two legs of an account by hand", "[perp]") {
  World w(2, 0.25, {1, 2}, 1);
  w.add("ETH", Process::lognormal, 1000, 0.5);
  const AccountIndex account = add_account(w);
  w.draw_factors();
  const double prices[] = {1000, 700, 1400};
  for (int n = 0; n <= 2; ++n)
    for (int lane = 0; lane < lanes; ++lane) w.at("ETH", n, lane) = prices[n];
  // 10 long and 9 short with 1 000 each behind them, 5 % of maintenance.
  std::vector<Line> book = {position(w, "ETH", "long", 10, 1000, 1000), position(w, "ETH", "short", 9, 1000, 1000)};
  const auto evaluated = [&] {
    publish_accounts(w, book);
    Compiled batch(instrument("perp"), table(instrument("perp"), book), w, Detail::position);
    batch.evaluate(w.block);
    return batch;
  };
  SECTION("alone both are liquidated") {
    const Compiled batch = evaluated();
    CHECK(batch.gauge(0, bad_debt, 0, 0) == Approx(2000));
    CHECK(batch.gauge(1, bad_debt, 1, 0) == Approx(2600));
  }
  for (Line& line : book) line.cells["account"] = account;
  SECTION("together both are kept") {
    const Compiled batch = evaluated();
    CHECK_FALSE(batch.batch->triggers_today);
    CHECK(batch.value(0, 0, 0) == Approx(1000 - 3000));
    CHECK(batch.value(1, 0, 0) == Approx(1000 + 2700));
    CHECK(batch.value(0, 1, 0) + batch.value(1, 1, 0) == Approx(2000 + 400));
    CHECK(batch.gauge(0, liquidated, 1, 0) + batch.credit(0, 1, 0) + batch.cash(0, 1, 0) == 0);
    CHECK(w.block.factors(row_of(account, account_value), 1)[0] == Approx(1700));
  }
  SECTION("fees are paid from what is left, by what each must keep") {
    for (Line& line : book) line.cells["collateral"] = 600.0, line.cells["liquidation_fee"] = 0.01;
    const Compiled batch = evaluated();  // 1 200 - 300 = 900 at 700, more than 6 % of 13 300; then all is above
    CHECK(batch.gauge(0, liquidated, 1, 0) == 0);
    for (Line& line : book) line.cells["collateral"] = 500.0;  // 700 are less than 798; fees are 133
    const Compiled next = evaluated();
    CHECK(next.cash(0, 0, 0) == Approx(500 - 3000 - 70));
    CHECK(next.cash(1, 0, 0) == Approx(500 + 2700 - 63));
    CHECK(next.gauge(0, liquidated, 0, 0) == Approx(7000));
    CHECK(next.credit(0, 0, 0) + next.credit(1, 0, 0) == Approx(133));
    CHECK(next.credit(0, 1, 0) + next.credit(1, 1, 0) == Approx(1000 + 400 - 567));
  }
  SECTION("a venue that keeps the remainder takes it all") {
    for (Line& line : book) line.cells["collateral"] = 450.0, line.cells["remainder"] = std::string("venue");
    const Compiled batch = evaluated();  // 600 are less than 665
    CHECK(batch.gauge(0, liquidated, 0, 0) == Approx(7000));
    CHECK(batch.cash(0, 0, 0) + batch.cash(1, 0, 0) == Approx(0).margin(1e-9));
    CHECK(batch.cash(0, 0, 0) == Approx(450 - 3000 - 600 * 350.0 / 665));
  }
  SECTION("what is missing is bad debt of the leg that lost") {
    for (Line& line : book) line.cells["collateral"] = 100.0;  // 200 - 300
    const Compiled batch = evaluated();
    CHECK(batch.gauge(0, bad_debt, 0, 0) == Approx(100));
    CHECK(batch.gauge(1, bad_debt, 0, 0) == 0);
    CHECK(batch.cash(0, 0, 0) == Approx(-2800));
    CHECK(batch.cash(1, 0, 0) == Approx(2800));
    CHECK(batch.credit(0, 0, 0) == 0);
  }
}

TEST_CASE("a fund is used up and winners pay, by hand", "[perp]") {
  World w(3, 0.25, {1, 2, 3}, 1);
  w.add("ETH", Process::lognormal, 1000, 0.5);
  const AccountIndex venue = add_account(w);
  w.draw_factors();
  const double prices[] = {1000, 800, 700, 600};
  for (int n = 0; n <= 3; ++n)
    for (int lane = 0; lane < lanes; ++lane) w.at("ETH", n, lane) = prices[n];
  // Longs of 10 that lack 500 at 800 and 1 000 at 700, one of 1 that is never liquidated, shorts of 10 and 5 entered at 1
  // 000 and 760.
  std::vector<Line> book = {position(w, "ETH", "long", 10, 1000, 1500), position(w, "ETH", "long", 10, 1000, 2000),
                            position(w, "ETH", "long", 1, 1000, 5000), position(w, "ETH", "short", 10, 1000, 9000),
                            position(w, "ETH", "short", 5, 760, 9000)};
  for (Line& line : book) line.cells["venue"] = venue, line.cells["insurance_fund"] = 800.0;
  book[1].cells["maintenance_margin"] = 0.0;
  publish_accounts(w, book);
  Compiled batch(instrument("perp"), table(instrument("perp"), book), w, Detail::position);
  batch.evaluate(w.block);
  const auto all = [&](std::size_t p, int v) { return batch.value(p, v, 7) + batch.cash(p, v, 7); };
  CHECK(batch.gauge(0, bad_debt, 0, 7) == Approx(500));
  CHECK(batch.gauge(0, insurance_drawn, 0, 7) == Approx(500));
  CHECK(all(3, 0) == Approx(9000 + 2000));
  CHECK(w.block.factors(row_of(venue, account_value), 1)[7] == Approx(300));
  // At 700 the second lacks 1 000: 300 are there, 700 are taken from gains of 3 000 and 300.
  CHECK(batch.gauge(1, bad_debt, 1, 7) == Approx(1000));
  CHECK(batch.gauge(1, insurance_drawn, 1, 7) == Approx(300));
  CHECK(batch.gauge(3, auto_deleveraged, 1, 7) == Approx(700 * 3000.0 / 3300));
  CHECK(batch.gauge(4, auto_deleveraged, 2, 7) == Approx(700 * 300.0 / 3300));
  CHECK(all(3, 1) == Approx(9000 + 3000 - 700 * 3000.0 / 3300));
  CHECK(batch.credit(3, 2, 7) == Approx(700 * 3000.0 / 3300));
  CHECK(all(2, 2) == Approx(5000 - 400));
  CHECK(w.block.factors(row_of(venue, account_value), 2)[7] == 0);
  CHECK(w.block.factors(row_of(venue, account_shortfall), 3)[7] == Approx(700));
}

TEST_CASE("winners give up no more than they have gained", "[perp]") {
  World w(2, 0.25, {1, 2}, 1);
  w.add("ETH", Process::lognormal, 1000, 0.5);
  const AccountIndex venue = add_account(w);
  w.draw_factors();
  const double prices[] = {1000, 900, 800};
  for (int n = 0; n <= 2; ++n)
    for (int lane = 0; lane < lanes; ++lane) w.at("ETH", n, lane) = prices[n];
  std::vector<Line> book = {position(w, "ETH", "long", 10, 1000, 600), position(w, "ETH", "long", 100, 1000, 12000),
                            position(w, "ETH", "short", 6, 1000, 9000)};
  for (Line& line : book) line.cells["venue"] = venue, line.cells["insurance_fund"] = 0.0;
  book[1].cells["maintenance_margin"] = 0.0;
  publish_accounts(w, book);
  Compiled batch(instrument("perp"), table(instrument("perp"), book), w, Detail::position);
  batch.evaluate(w.block);
  CHECK(batch.gauge(2, auto_deleveraged, 0, 0) == Approx(400));  // of 600
  // 8 000 are missing; what has been gained since is 600, and of the 600 before nothing more is taken.
  CHECK(batch.gauge(2, auto_deleveraged, 1, 0) == Approx(400 + 600));
  CHECK(batch.value(2, 1, 0) == Approx(9000 + 1200));
  CHECK(batch.cash(2, 1, 0) == Approx(-1000));
  CHECK(batch.gauge(0, insurance_drawn, 1, 0) == 0);
}

TEST_CASE("where a price is missing, all that share a margin or a fund have no value", "[perp]") {
  World w = world(9);
  const AccountIndex account = add_account(w), venue = add_account(w);
  w.draw_factors();
  std::vector<Line> book = {position(w, "ETH", "long", 1, 3000, 900), position(w, "BTC", "short", 0.1, 60000, 900),
                            position(w, "ETH", "long", 1, 3000, 900), position(w, "ETH", "short", 1, 3000, 900)};
  book[0].cells["account"] = book[1].cells["account"] = account;
  for (const std::size_t p : {0u, 2u}) book[p].cells["venue"] = venue, book[p].cells["insurance_fund"] = 5.0;
  w.at("BTC", 2, 11) = -1;
  publish_accounts(w, book);
  Compiled batch(instrument("perp"), table(instrument("perp"), book), w, Detail::position);
  batch.faults.reserve(10);
  batch.evaluate(w.block);
  REQUIRE(batch.faults.size() == 3);
  for (std::uint32_t p = 0; p < 3; ++p) {
    CHECK(batch.faults[p].position == p);
    CHECK(batch.faults[p].lane == 11);
    CHECK(batch.faults[p].reason == Reason::no_price);
  }
}
