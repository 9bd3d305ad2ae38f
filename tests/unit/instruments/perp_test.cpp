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

double cell(const Line& line, const std::string& name, double otherwise = 0) {
  const auto at = line.cells.find(name);
  return at == line.cells.end() ? otherwise : std::get<double>(at->second);
}
bool says(const Line& line, const std::string& name, const char* word) {
  const auto at = line.cells.find(name);
  return at != line.cells.end() && std::get<std::string>(at->second) == word;
}

// One perp in one scenario, a step at a time, in long double.
struct Plain {
  const World& w;
  const Line& line;
  std::size_t lane;

  long double value_of(const std::string& name, int step, double otherwise) const {
    const auto at = line.cells.find(name);
    if (at == line.cells.end()) return otherwise;
    if (const auto* f = std::get_if<FactorIndex>(&at->second)) return w.block.factors(*f, step)[lane];
    return std::get<double>(at->second);
  }
  long double fx(int step) const { return is_none(line.currency) ? 1 : w.block.factors(line.currency, step)[lane]; }
  long double price(int step) const { return value_of("factor", step, 0); }
  long double size() const { return cell(line, "size"); }
  long double sign() const { return says(line, "side", "short") ? -1 : 1; }
  long double paid(int last) const {
    long double sum = 0;
    for (int n = 1; n <= last; ++n) sum += value_of("funding_rate", n, 0) * w.market.step_years * sign() * size() * price(n);
    return sum;
  }
  long double equity(int n) const {
    return cell(line, "collateral") * value_of("collateral_factor", n, 1) - cell(line, "owed") - paid(n) +
           sign() * size() * (price(n) - cell(line, "entry_price"));
  }
  long double fee(int n, bool all) const {
    return (cell(line, "taker_fee") + (all ? cell(line, "liquidation_fee") : 0)) * size() * price(n);
  }
  bool due(int n) const {
    const long double on = says(line, "maintenance_on", "entry") ? cell(line, "entry_price") : price(n);
    const long double margin =
        std::max<long double>(cell(line, "maintenance_margin") * size() * on - cell(line, "maintenance_deduction"),
                              cell(line, "maintenance_minimum"));
    return equity(n) < margin + fee(n, true);
  }
  Outcome outcome(int h) const {
    const bool venue = says(line, "holder", "venue");
    int close = w.market.steps + 1, found = w.market.steps + 1;
    if (line.cells.contains("close_years"))
      close = std::max(1, static_cast<int>(std::ceil(cell(line, "close_years") / w.market.step_years - 1e-8)));
    for (int n = std::min(h, close); n >= (w.block.monitor_today ? 0 : 1); --n)
      if (due(n)) found = n;
    const long double q = line.quantity;
    const auto at_close = [&] {
      return (venue ? fee(close, false) : std::max(equity(close) - fee(close, false), 0.0L)) * fx(close);
    };
    Outcome out{0, 0, 0, {0, 0, 0, 0}};  // the last two need a venue
    if (found > h) {
      if (close <= h)
        out.cash = static_cast<double>(q * at_close());
      else if (!venue)
        out.value = static_cast<double>(q * equity(h) * fx(h));
      return out;
    }
    const long double e = equity(found);
    const long double returned = says(line, "remainder", "venue") ? 0 : std::max(e - fee(found, true), 0.0L);
    const long double cash = (venue ? e - returned : returned) * fx(found);
    const long double otherwise = close <= h ? at_close() : venue ? 0 : std::max(equity(h), 0.0L) * fx(h);
    out.cash = static_cast<double>(q * cash);
    out.credit_loss = static_cast<double>(q * (otherwise - cash));
    out.gauges = {static_cast<double>(q * size() * price(found) * fx(found)),
                  static_cast<double>(q * std::max(-e, 0.0L) * fx(found)), 0, 0};
    return out;
  }
};

World world() {
  World w(6, 1.0 / 52, {1, 3, 6}, 31);
  w.add("ETH", Process::lognormal, 3000, 1.2);
  w.add("BTC", Process::lognormal, 60000, 0.9);
  w.add("STETH", Process::lognormal, 2900, 1.2);
  w.add("FUNDING", Process::normal, 0.2, 0.5);
  w.add("EURUSD", Process::lognormal, 1.1, 0.1);
  w.draw_factors();
  return w;
}
std::vector<Line> random_book(World& w, std::size_t count) {
  std::vector<Line> book;
  for (std::size_t i = 0; i < count; ++i) {
    const bool eth = i % 2 == 0;
    const double price = eth ? 3000 : 60000, size = w.uniform(1, 5) / price, leverage = w.uniform(3, 25);
    Line line{.leaf = 1 + static_cast<std::uint32_t>(i % 3),
              .currency = i % 5 == 0 ? w.factor("EURUSD") : FactorIndex{none},
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
    sometimes("maintenance_deduction", size * price * w.uniform(0, 0.005));
    sometimes("maintenance_minimum", size * price * w.uniform(0, 0.01));
    sometimes("liquidation_fee", w.uniform(0, 0.01));
    sometimes("taker_fee", w.uniform(0, 0.002));
    sometimes("close_years", w.uniform(0, 0.15));
    sometimes("remainder", std::string("venue"));
    sometimes("holder", std::string("venue"));
    book.push_back(std::move(line));
  }
  return book;
}

}  // namespace

// Amounts are a few units of money, and so are the errors: a venue's position is worth nothing today.
TEST_CASE("perps agree with a plain account of each scenario", "[perp]") {
  World w = world();
  const std::vector<Line> book = random_book(w, 120);
  const Positions positions = table(instrument("perp"), book);
  int liquidations = 0, debts = 0, closed = 0;
  for (const bool today : {false, true}) {
    w.block.monitor_today = today;
    const auto expected = [&](std::size_t p, std::size_t v, int lane) {
      Outcome out = Plain{w, book[p], static_cast<std::size_t>(lane)}.outcome(w.market.valued[v]);
      liquidations += out.gauges[liquidated] != 0, debts += out.gauges[bad_debt] != 0,
          closed += out.cash != 0 && out.gauges[liquidated] == 0;
      return out;
    };
    const Errors errors = compare(instrument("perp"), positions, w, 0, expected);
    INFO(errors.where);
    CHECK(errors.reference < 1e-10);
    CHECK(errors.leaf < 1e-13);
    CHECK(errors.units <= 1);
  }
  CHECK(liquidations > 1000);
  CHECK(debts > 100);
  CHECK(closed > 1000);
}

// What a liquidation leaves is the equity at that step, whoever gets it, and a venue's loss is the bad debt.
TEST_CASE("trader and venue share what is left of the margin", "[perp]") {
  World w = world();
  std::vector<Line> book = random_book(w, 40);
  for (Line& line : book) line.cells.erase("close_years"), line.cells["holder"] = std::string("trader");
  const std::size_t pairs = book.size();
  for (std::size_t i = 0; i < pairs; ++i) {
    book.push_back(book[i]);
    book.back().cells["holder"] = std::string("venue");
  }
  Compiled batch(instrument("perp"), table(instrument("perp"), book), w, Detail::position);
  batch.evaluate(w.block);
  int found = 0;
  for (std::size_t p = 0; p < pairs; ++p)
    for (int lane = 0; lane < lanes; ++lane) {
      const Plain plain{w, book[p], static_cast<std::size_t>(lane)};
      int n = 1;
      while (n <= 6 && !plain.due(n)) ++n;
      const double money = book[p].quantity * static_cast<double>(n > 6 ? 0 : plain.equity(n) * plain.fx(n));
      CHECK(batch.cash(p, 2, lane) + batch.cash(pairs + p, 2, lane) == Approx(money).margin(1e-12));
      CHECK(batch.gauge(p, bad_debt, 2, lane) == batch.gauge(pairs + p, bad_debt, 2, lane));
      CHECK(batch.value(pairs + p, 2, lane) == 0);
      if (n > 6) continue;
      ++found;
      CHECK(batch.value(p, 2, lane) == 0);
      if (batch.gauge(p, bad_debt, 2, lane) == 0) continue;
      CHECK(batch.cash(p, 2, lane) == 0);
      CHECK(batch.cash(pairs + p, 2, lane) == -batch.gauge(p, bad_debt, 2, lane));
      CHECK(batch.credit(pairs + p, 2, lane) == batch.gauge(p, bad_debt, 2, lane));
    }
  CHECK(found > 100);
}

TEST_CASE("a perp by hand: funding, a gap and what it leaves", "[perp]") {
  World w(3, 0.25, {1, 2, 3}, 1);
  w.add("ETH", Process::lognormal, 1000, 0.5);
  w.draw_factors();
  for (int lane = 0; lane < lanes; ++lane) {
    w.at("ETH", 0, lane) = w.at("ETH", 1, lane) = 1000;
    w.at("ETH", 2, lane) = lane == 0 ? 900 : lane == 1 ? 850 : 1000;
    w.at("ETH", 3, lane) = 1100;
  }
  // 10 units with 1 200 of margin; 40 of funding a quarter at 1 000, 36 at 900, 34 at 850; 1 % of maintenance, 0.5 % of fee.
  const Line line{.cells = {{"factor", w.factor("ETH")},
                            {"side", std::string("long")},
                            {"size", 10.0},
                            {"entry_price", 1000.0},
                            {"collateral", 1200.0},
                            {"funding_rate", 0.016},
                            {"maintenance_margin", 0.01},
                            {"liquidation_fee", 0.005}}};
  Compiled batch(instrument("perp"), table(instrument("perp"), {line}), w, Detail::leaf);
  CHECK(batch.batch->value_today[0] == 1200);
  CHECK(batch.batch->checks_triggers);
  CHECK_FALSE(batch.batch->triggers_today);
  batch.evaluate(w.block);
  CHECK(batch.value(0, 0, 0) == Approx(1160));
  CHECK(batch.value(0, 1, 0) == 0);  // 1 200 - 76 - 1 000 = 124 are less than 90 + 45
  CHECK(batch.cash(0, 1, 0) == Approx(124 - 45));
  CHECK(batch.gauge(0, liquidated, 1, 0) == Approx(9000));
  CHECK(batch.gauge(0, bad_debt, 1, 0) == 0);
  CHECK(batch.credit(0, 1, 0) == Approx(45));
  CHECK(batch.credit(0, 2, 0) == Approx(1200 - 76 - 44 + 1000 - 79));  // had it been left alone
  CHECK(batch.cash(0, 2, 1) == 0);
  CHECK(batch.gauge(0, bad_debt, 2, 1) == Approx(1500 + 74 - 1200));
  CHECK(batch.value(0, 2, 2) == Approx(1200 - 80 - 44 + 1000));
  CHECK(batch.credit(0, 2, 2) == 0);
}

TEST_CASE("today's price is looked at only in cells that shock it, or where a perp is due today", "[perp]") {
  World w(1, 1.0 / 12, {1}, 1);
  w.add("ETH", Process::lognormal, 1000, 0);
  w.draw_factors();
  Line line{.cells = {{"factor", w.factor("ETH")},
                      {"side", std::string("short")},
                      {"size", 1.0},
                      {"entry_price", 1000.0},
                      {"collateral", 50.0},
                      {"maintenance_margin", 0.02}}};
  CHECK_FALSE(instrument("perp").warn(table(instrument("perp"), {line}), 0));
  Compiled batch(instrument("perp"), table(instrument("perp"), {line}), w, Detail::leaf);
  for (int lane = 0; lane < lanes; ++lane) w.at("ETH", 0, lane) = 1040;
  batch.evaluate(w.block);
  CHECK(batch.value(0, 0, 5) == 50);
  w.block.monitor_today = true;
  batch.evaluate(w.block);
  CHECK(batch.value(0, 0, 5) == 0);
  CHECK(batch.cash(0, 0, 5) == 10);
  line.cells["collateral"] = 19.0;
  CHECK(Compiled(instrument("perp"), table(instrument("perp"), {line}), w, Detail::leaf).batch->triggers_today);
  CHECK(instrument("perp").warn(table(instrument("perp"), {line}), 0)->column == "collateral");
}

TEST_CASE("a mark or collateral price that is no price is a fault", "[perp]") {
  World w = world();
  std::vector<Line> book = random_book(w, 4);
  for (Line& line : book) line.cells["factor"] = w.factor("ETH");
  w.at("BTC", 1, 3) = 0;
  w.at("ETH", 2, 9) = -1;
  w.at("STETH", 2, 11) = std::nan("");
  Compiled batch(instrument("perp"), table(instrument("perp"), book), w, Detail::position);
  batch.faults.reserve(10);
  batch.evaluate(w.block);
  REQUIRE(batch.faults.size() == 5);
  for (std::uint32_t p = 0; p < 4; ++p) {
    CHECK(batch.faults[p].lane == 9);
    CHECK(batch.faults[p].position == p);
  }
  CHECK(batch.faults[4].lane == 11);
  CHECK(batch.faults[4].position == 1);
  CHECK(batch.faults[4].reason == Reason::no_price);
}

namespace {

Line position(World& w, const nlohmann::json& in, const char* size, const char* collateral, const char* maintenance) {
  return {.cells = {{"factor", w.factor("X")},
                    {"side", in["side"].get<std::string>()},
                    {"size", in[size].get<double>()},
                    {"entry_price", in.value("entry", 1.0)},
                    {"collateral", in[collateral].get<double>()},
                    {"maintenance_margin", in[maintenance].get<double>()}}};
}
// At 1e-10 of the reference's price before it there is no liquidation, at 1e-10 beyond there is one; bad debt begins at the
// bankruptcy price.
void check_trigger(World& w, const Line& line, double liquidation, double bankruptcy) {
  const double s = says(line, "side", "short") ? 1 : -1, unit = std::get<double>(line.cells.at("size"));
  const double entry = std::get<double>(line.cells.at("entry_price"));
  const double beyond = bankruptcy > 0 ? bankruptcy * (1 + 0.1 * s) : 0;
  const double prices[] = {liquidation * (1 - s * 1e-10), liquidation * (1 + s * 1e-10), beyond};
  for (int lane = 0; lane < lanes; ++lane) w.at("X", 1, lane) = prices[lane % 3] > 0 ? prices[lane % 3] : 1e-6 * entry;
  Compiled batch(instrument("perp"), table(instrument("perp"), {line}), w, Detail::leaf);
  batch.evaluate(w.block);
  CHECK(batch.gauge(0, liquidated, 0, 0) == 0);
  CHECK((batch.gauge(0, liquidated, 0, 1) > 0) == (liquidation > 0));
  if (bankruptcy > 0) CHECK(batch.gauge(0, bad_debt, 0, 2) == Approx(0.1 * bankruptcy * unit).epsilon(1e-10));
}

}  // namespace

TEST_CASE("liquidation prices of the reference", "[perp]") {
  const auto json = reference("perp_liquidation");
  if (!json) return;
  World w(1, 1.0 / 365, {1}, 1);
  w.add("X", Process::lognormal, 1000, 0.5);
  w.draw_factors();
  const auto& e = json->at("expected");
  for (const auto& in : e.at("isolated")) {
    INFO(in);
    Line line = position(w, in, "qty", "margin", "mmr");
    line.cells["liquidation_fee"] = in["liq_fee"].get<double>();
    line.cells["owed"] = in["funding_paid"].get<double>();
    check_trigger(w, line, in["liq_price"], in["bankruptcy_price"]);
    CHECK(instrument("perp").warn(table(instrument("perp"), {line}), 0).has_value() == in["liquidatable_at_entry"]);
  }
  for (const auto& in : e.at("gmx_style")) {
    INFO(in);
    Line line = position(w, in, "size_usd", "collateral_usd", "min_collateral_factor");
    line.cells["size"] = in["size_usd"].get<double>() / in["entry"].get<double>();
    line.cells["maintenance_on"] = std::string("entry");
    line.cells["owed"] = in["fees_usd"].get<double>();
    check_trigger(w, line, in["liq_price"], 0);
  }
  for (const auto& in : e.at("binance_style")) {
    INFO(in);
    Line line = position(w, in, "qty", "wallet_balance", "mmr");
    line.cells["maintenance_deduction"] = in["maint_amount"].get<double>();
    check_trigger(w, line, in["liq_price"], 0);
  }
  for (const auto& in : e.at("gmx_v2_coin_margined")) {
    INFO(in);
    Line line = position(w, in, "size_in_tokens", "collateral_tokens_same_as_index", "min_collateral_factor");
    line.cells["entry_price"] = in["size_usd"].get<double>() / in["size_in_tokens"].get<double>();
    line.cells["maintenance_on"] = std::string("entry");
    line.cells["collateral_factor"] = w.factor("X");
    line.cells["owed"] = in["fees_usd"].get<double>();
    check_trigger(w, line, in["liq_price"], 0);
  }
}

namespace {

// The share of scenarios of a lognormal price in which the line is liquidated, and their number.
std::pair<double, double> share_liquidated(World& w, const Line& line, double sigma, double mu, const char* name) {
  const int steps = w.market.steps, blocks = 4000000 / (lanes * steps);
  const double years = w.market.step_years;
  Compiled batch(instrument("perp"), table(instrument("perp"), {line}), w, Detail::leaf);
  double hits = 0;
  for (int b = 0; b < blocks; ++b) {
    alignas(64) std::array<double, lanes> z{}, x{};
    for (int n = 1; n <= steps; ++n) {
      normals(11, stream("factor", name), static_cast<std::uint32_t>(b * lanes), static_cast<std::uint32_t>(n - 1), z);
      for (std::size_t k = 0; k < lanes; ++k) x[k] += (mu - sigma * sigma / 2) * years + sigma * std::sqrt(years) * z[k];
      tailcube::exp(x, w.block.factors(std::size_t{0}, n));
    }
    batch.evaluate(w.block);
    for (int k = 0; k < lanes; ++k) hits += batch.gauge(0, liquidated, 0, k) > 0;
  }
  const double n = static_cast<double>(blocks) * lanes;
  return {hits / n, n};
}

}  // namespace

// Found at the dates of the reference, and at 128 dates with the trigger moved as Broadie, Glasserman and Kou (1997) have it
// for continuous monitoring. False alarm rate of the eight comparisons together: 8 x 6e-5.
TEST_CASE("liquidation probabilities of perps of the reference", "[perp]") {
  const auto json = reference("perp_liquidation");
  if (!json) return;
  for (const auto& in : json->at("expected").at("first_passage"))
    for (const bool always : {false, true}) {
      const double sigma = in["sigma"], mmr = in["mmr"], s = in["side"] == "long" ? 1 : -1;
      const int steps = always ? 128 : in["n_monitoring"].get<int>();
      const double years = in["T"].get<double>() / steps;
      World w(steps, years, {steps}, 1);
      w.add("X", Process::lognormal, 1, sigma, in["mu"]);
      w.draw_factors();
      const double moved = always ? std::exp(s * 0.5826 * sigma * std::sqrt(years)) : 1;
      const double trigger = in["liq_price_over_entry"].get<double>() * moved;
      const Line line{
          .cells = {{"factor", w.factor("X")},
                    {"side", in["side"].get<std::string>()},
                    {"size", 1.0},
                    {"entry_price", 1.0},
                    {"collateral", always ? s * (1 - trigger * (1 - s * mmr)) : 1 / in["leverage"].get<double>()},
                    {"maintenance_margin", mmr}}};
      const auto [share, n] = share_liquidated(w, line, sigma, in["mu"], "X");
      const double p = in[always ? "P_liq_continuous" : "P_liq_discrete"];
      INFO(in << "\n" << share << " for " << p);
      CHECK(std::abs(share - p) < 4 * std::sqrt(p * (1 - p) / n));
    }
}
