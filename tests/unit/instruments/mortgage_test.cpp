#include <cstring>

#include "kernels/instruments/collateral.h"
#include "kernels/instruments/telling.h"
#include "kernels/math/functions.h"
#include "tests/catch_any.h"
#include "tests/reference.h"
#include "tests/unit/instruments/claims.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

constexpr std::uint32_t obligors = 30;

long double cdf(long double x) { return std::erfc(-x / std::sqrt(2.0L)) / 2; }

// E[min(claim, X)] of a lognormal X by Boole's rule below the kink, in standard deviations of the logarithm.
long double quadrature(long double claim, long double mean, long double deviation) {
  if (deviation == 0) return std::min(claim, mean);
  const long double kink = std::log(claim / mean) / deviation + deviation / 2, low = std::min(kink, 0.0L) - 15;
  constexpr int intervals = 2000;
  const long double width = (kink - low) / intervals;
  long double sum = 0;
  for (int i = 0; i <= intervals; ++i) {
    const long double z = low + i * width;
    const long double density =
        std::exp(-z * z / 2 + deviation * z - deviation * deviation / 2) / std::sqrt(2 * std::acos(-1.0L));
    sum += (i == 0 || i == intervals ? 7 : i % 2 ? 32 : i % 4 ? 12 : 14) * density;
  }
  return claim * cdf(-kink) + mean * sum * width * 2 / 45;
}
// The same under a factor's own law, `years` after it had the price.
long double expected_proceeds(const Factor& f, long double years, long double claim, long double units, long double price) {
  if (f.process == Process::log_ou) {
    const long double decay = std::exp(-f.reversion * years);
    const long double variance = f.volatility * f.volatility * (1 - decay * decay) / (2 * f.reversion);
    const long double mean = std::exp(f.level + (std::log(price) - f.level) * decay + variance / 2);
    return quadrature(claim, units * mean, std::sqrt(variance));
  }
  if (f.process != Process::lognormal) return std::min(claim, units * price);
  const long double jumps = f.jump_rate * years, jump_variance = f.jump_volatility * f.jump_volatility;
  const long double mean_jump = std::exp(f.jump_mean + jump_variance / 2) - 1;
  long double sum = 0, probability = std::exp(-jumps);
  for (int k = 0; k < 40 && (k == 0 || probability > 0); ++k) {
    const long double variance = f.volatility * f.volatility * years + k * jump_variance;
    const long double mean =
        units * price * std::exp((f.drift - f.jump_rate * mean_jump) * years + k * std::log(1 + mean_jump));
    sum += probability * quadrature(claim, mean, std::sqrt(variance));
    probability *= jumps / (k + 1);
  }
  return sum;
}

Factor factor(Process process, double initial, double volatility, double drift = 0) {
  Factor f;
  f.process = process, f.initial = initial, f.volatility = volatility, f.drift = drift;
  return f;
}
Factor jumping(double rate, double mean, double deviation) {
  Factor f = factor(Process::lognormal, 100, 0.1, 0.02);
  f.jump_rate = rate, f.jump_mean = mean, f.jump_volatility = deviation;
  return f;
}
Factor reverting(Process process, double level) {
  Factor f = factor(process, 100, 0.2);
  f.reversion = 0.8, f.level = level;
  return f;
}

World mortgage_world(int steps, double step_years, std::vector<int> valued, unsigned seed) {
  World w = credit_world(steps, step_years, std::move(valued), obligors, seed);
  w.market.factors.push_back(factor(Process::lognormal, 180, 0.15, 0.02)), w.names.push_back("HOUSES");
  w.market.factors.push_back(jumping(1.5, -0.1, 0.1)), w.names.push_back("SHOPS");
  w.market.factors.push_back(reverting(Process::log_ou, 4.5)), w.names.push_back("SHIPS");
  w.market.factors.push_back(reverting(Process::ou, 90)), w.names.push_back("OFFICES");
  w.draw_factors();
  return w;
}

struct Lien {
  FactorIndex factor{};
  double value = 0, cost = 0, wait = 0, cpr = 0;
};
std::vector<Lien> add_liens(World& w, RandomClaims& book) {
  std::vector<Lien> liens;
  const char* names[] = {"HOUSES", "SHOPS", "SHIPS", "OFFICES"};
  const double waits[] = {0, 0.25, 0.4, 0.5, 1.7};
  for (Line& line : book.lines) {
    const double principal = std::get<double>(line.cells["principal"]);
    Lien lien{w.factor(names[w.random() % 4]), principal * w.uniform(0.5, 1.5), w.uniform(0, 0.2), waits[w.random() % 5]};
    if (line.cells.contains("prepay_cpr")) lien.cpr = std::get<double>(line.cells["prepay_cpr"]);
    line.cells["collateral_factor"] = lien.factor;
    line.cells["collateral_value"] = lien.value;
    line.cells["sale_cost"] = lien.cost;
    line.cells["foreclosure_years"] = lien.wait;
    liens.push_back(lien);
  }
  return liens;
}

// The definition: nothing recovered at default, then the sale.
Outcome plain_mortgage(const PlainClaim& c, const Lien& lien, const Line& line, const World& w, int h, int lane) {
  const auto k = static_cast<std::size_t>(lane);
  const int tau = is_none(line.obligor) ? w.market.steps + 1 : w.default_step(line.obligor, lane);
  Outcome out = plain_outcome(c, w, line.currency, tau, 1, h, lane);
  if (out.gauges[0] == 0) return out;
  const auto fx = [&](int n) -> long double { return is_none(line.currency) ? 1 : w.block.factors(line.currency, n)[k]; };
  const Factor& f = w.market.factors[static_cast<std::size_t>(lien.factor)];
  const long double wait = lien.wait + c.grace_years;
  const int sale = tau + static_cast<int>(std::ceil(wait / w.market.step_years - 1e-8L));
  const long double claim = std::abs(static_cast<long double>(out.gauges[1])) / fx(tau);
  long double share = 1;
  for (const auto& payment : c.payments)
    if (std::ceil(payment.date / w.market.step_years - 1e-8L) <= tau - 1) share = std::pow(1.0L - lien.cpr, payment.date);
  const long double units = share * (1.0L - lien.cost) * lien.value * std::abs(line.quantity) / f.initial;
  const long double sign = line.quantity < 0 ? -1 : 1;
  if (sale <= h) {
    const long double cash = sign * std::min<long double>(claim, units * w.block.factors(lien.factor, sale)[k]) * fx(sale);
    out.cash += static_cast<double>(cash), out.credit_loss -= static_cast<double>(cash);
    return out;
  }
  const long double left = (sale - h) * static_cast<long double>(w.market.step_years);
  const long double discount = std::exp(-w.zero_rate(c.curve, static_cast<double>(left), h, lane) * left);
  const long double price = w.block.factors(lien.factor, h)[k];
  out.value = static_cast<double>(sign * discount * fx(h) * expected_proceeds(f, left, claim, units, price));
  out.credit_loss -= out.value;
  return out;
}

// Until default and the last payment: what stands behind it, what is outstanding, and what is between them.
void add_pledge(const PlainClaim& c, const Lien& lien, const Line& line, const World& w, int h, int lane, Outcome& out) {
  const auto k = static_cast<std::size_t>(lane);
  long double balance = c.principal, share = 1;
  std::size_t paid = 0;
  for (; paid < c.payments.size() && plain_step(w, c.payments[paid].date) <= h; ++paid)
    balance -= c.payments[paid].principal, share = std::pow(1.0L - lien.cpr, c.payments[paid].date);
  const bool gone = paid == c.payments.size() || (!is_none(line.obligor) && w.default_step(line.obligor, lane) <= h);
  const long double fx = gone ? 0 : is_none(line.currency) ? 1 : w.block.factors(line.currency, h)[k];
  const long double price =
      w.block.factors(lien.factor, h)[k] / w.market.factors[static_cast<std::size_t>(lien.factor)].initial;
  const long double collateral = share * lien.value * line.quantity * price * fx, debt = balance * fx;
  for (const long double x : {collateral, debt, collateral - debt}) out.gauges.push_back(static_cast<double>(x));
}

// One house, one borrower who owes a million at 12 % a year, paid monthly, and defaults at step 2 of lane 0 (in March, the
// February payment having been missed).
struct OneHouse {
  World w;
  Line line;
  OneHouse(std::vector<int> valued, double foreclosure_years) : w(6, 1.0 / 12, std::move(valued), 1) {
    w.add("RATE", Process::normal, 0.06, 0);
    w.add("HOUSES", Process::lognormal, 50, 0);
    w.add("EURUSD", Process::lognormal, 1.25, 0);
    w.market.curves = {{{1, w.factor("RATE")}}};
    w.draw_factors();
    w.loss_given_default = {0.99};
    w.block.defaults = {{ObligorIndex{0}, 0, 2, 0.99}};
    line.obligor = ObligorIndex{0};
    line.cells = {{"principal", 1e6},        {"rate", 0.12},
                  {"frequency", 12.0},       {"maturity_years", 5.0},
                  {"curve", CurveIndex{0}},  {"spread", 0.06},
                  {"sale_cost", 0.1},        {"collateral_factor", w.factor("HOUSES")},
                  {"collateral_value", 1e6}, {"foreclosure_years", foreclosure_years}};
  }
  Compiled operator()() {
    Compiled c(instrument("mortgage"), table(instrument("mortgage"), {line}), w, Detail::leaf, 1);
    w.discount();
    c.evaluate(w.block);
    return c;
  }
};

}  // namespace

TEST_CASE("mortgages agree with the definition, on and off the grid of steps", "[mortgage]") {
  for (const bool on_grid : {true, false}) {
    World w = mortgage_world(12, 1.0 / 12, {1, 3, 8, 12}, on_grid ? 3 : 4);
    RandomClaims book = random_claims(w, "loan", 60, obligors, on_grid, 0, !on_grid);
    const std::vector<Lien> liens = add_liens(w, book);
    w.ratios = true;
    const Errors errors = compare(instrument("mortgage"), table(instrument("mortgage"), book.lines), w, obligors,
                                  [&](std::size_t p, std::size_t v, int lane) {
                                    Outcome out =
                                        plain_mortgage(book.plain[p], liens[p], book.lines[p], w, w.market.valued[v], lane);
                                    add_pledge(book.plain[p], liens[p], book.lines[p], w, w.market.valued[v], lane, out);
                                    return out;
                                  });
    CHECK(compare_told(w, instrument("mortgage"), table(instrument("mortgage"), book.lines), obligors) < 1e-14);
    INFO(errors.where);
    CHECK(errors.reference < 1e-13);
    CHECK(errors.leaf < 1e-14);
    CHECK(errors.units <= 1);
  }
}

TEST_CASE("what is kept of one level of prices gives the bits of another", "[mortgage]") {
  World w = mortgage_world(12, 1.0 / 12, {1, 3, 8, 12}, 5);
  RandomClaims book = random_claims(w, "loan", 60, obligors, true);
  for (Line& monthly : random_claims(w, "loan", 160, obligors, true, 12).lines) book.lines.push_back(std::move(monthly));
  add_liens(w, book);
  const Positions positions = table(instrument("mortgage"), book.lines);
  for (const Detail detail : {Detail::leaf, Detail::position}) {
    Compiled plain(instrument("mortgage"), positions, w, detail, obligors);
    Compiled keeping(instrument("mortgage"), positions, w, detail, obligors);
    const auto& keeper = dynamic_cast<const TellingBatch&>(*keeping.batch);
    Kept kept;
    struct Count final : DefaultListener {
      void hear(std::span<const Hit> hits, const double*) noexcept override { count += hits.size(); }
      std::size_t count = 0;
    };
    for (const int one_in : {2, 5}) {
      w.draw_defaults(obligors, one_in);
      w.discount();
      for (const double level : {1.0, 0.7, 0.6}) {
        for (const FactorIndex f : keeper.reads_apart)
          for (int n = 0; n <= w.market.steps; ++n)
            for (double& price : w.block.factors(f, n)) price *= level;
        plain.evaluate(w.block);
        kept.known = level != 1;
        Count fresh, told;
        keeper.evaluate_telling(w.block, plain.ledger, plain.faults, nullptr, fresh);
        if (level == 0.7)
          keeper.evaluate_telling(w.block, keeping.ledger, keeping.faults, &kept, told);
        else
          keeper.evaluate_keeping(w.block, keeping.ledger, keeping.faults, kept);
        CHECK(fresh.count > 100);
        CHECK(told.count == (level == 0.7 ? fresh.count : 0));
        for (LaneTable Ledger::*t : {&Ledger::value, &Ledger::cash, &Ledger::credit_loss, &Ledger::gauges})
          CHECK(std::memcmp((plain.ledger.*t).data(), (keeping.ledger.*t).data(),
                            (plain.ledger.*t).size() * sizeof(double)) == 0);
      }
    }
    CHECK(keeper.reads_apart.size() == 4);
  }
}

TEST_CASE("what a sale is expected to bring", "[mortgage]") {
  const Factor laws[] = {factor(Process::lognormal, 100, 0.2, 0.03),
                         factor(Process::lognormal, 100, 0, -0.05),
                         jumping(2, -0.2, 0.15),
                         jumping(0.3, 0.1, 0),
                         reverting(Process::log_ou, 4),
                         reverting(Process::ou, 80),
                         factor(Process::normal, 100, 12, 1)};
  for (const Factor& f : laws)
    for (const double years : {0.0, 1.0 / 12, 0.5, 3.0})
      for (const double price : {1.0, 70.0, 99.0, 130.0, 5000.0}) {
        const double found = SaleLaw(f, years)(250, 2.5, price);
        const auto expected = static_cast<double>(expected_proceeds(f, years, 250, 2.5, price));
        INFO("process " << static_cast<int>(f.process) << ", " << years << " years, price " << price);
        CHECK(found == Approx(expected).epsilon(1e-13));
      }
}

TEST_CASE("sales side by side have the bits of sales one by one", "[mortgage]") {
  const std::vector<SaleLaw> laws = {{factor(Process::lognormal, 100, 0.2, 0.03), 1},
                                     {jumping(2, -0.2, 0.15), 0.5},
                                     {reverting(Process::log_ou, 4), 2},
                                     {factor(Process::normal, 100, 12), 1},
                                     {jumping(900, 10, 10), 1},
                                     {factor(Process::lognormal, 100, 0), 1}};
  const double prices[] = {1, 70, 99, 130, 5000, 1e299, 0, -1, std::nan("")}, claims[] = {250, 0, 1e-300, 1e12};
  Sales sales;
  for (const std::size_t mixed : {1u, 2u, 3u})
    for (std::size_t i = 0; i < 200; ++i) {
      std::array<double, 130> alone, found;
      const std::size_t count = i % (found.size() + 1);
      for (std::size_t k = 0; k < count; ++k) {
        const SaleLaw& law = laws[mixed == 1 ? i % laws.size() : (i / 7 + k * mixed) % laws.size()];
        const double claim = claims[(i + k) % 7 % 4], price = prices[(3 * i + k) % 9], units = i % 11 == k ? 0 : 2.5;
        const double scale = k % 3 == 0 ? -0.75 : 1.5;
        alone[k] = law(claim, units, price) * scale;
        sales.add(law, claim, units, price, scale, &found[k]);
      }
      sales.finish();
      for (std::size_t k = 0; k < count; ++k) {
        INFO("sale " << k << " of " << count << ", " << mixed);
        CHECK((found[k] == alone[k] || (std::isnan(found[k]) && std::isnan(alone[k]))));
      }
    }
}

TEST_CASE("a sale at its limits", "[mortgage]") {
  const SaleLaw law(factor(Process::lognormal, 100, 0.2), 1);
  CHECK(law(0, 1, 100) == 0);
  CHECK(law(100, 0, 100) == 0);
  CHECK(law(1e-300, 1, 100) == Approx(1e-300).epsilon(1e-13));
  CHECK(law(1e12, 1, 100) == Approx(100).epsilon(1e-13));
  CHECK(law(1e-300, 1, 1e299) == Approx(1e-300).epsilon(1e-13));
  CHECK(SaleLaw(factor(Process::lognormal, 100, 1e-310), 1)(100, 1, 100) == 100);
  for (const double price : {0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    CHECK(std::isnan(law(100, 1, price)));
    CHECK(std::isnan(SaleLaw(factor(Process::normal, 100, 1), 1)(100, 1, price)));
  }
  Factor wild = jumping(900, 10, 10);  // growth without bound, and a number of jumps around 900
  CHECK(SaleLaw(wild, 1)(100, 1, 100) >= 0);
  CHECK(SaleLaw(wild, 1)(100, 1, 100) <= 100 * (1 + 1e-12));
}

TEST_CASE("the shortfall of a secured loan has its closed form", "[mortgage]") {
  const auto json = reference("rwa_instruments");
  if (!json) return;
  for (const auto& e : (*json)["expected"]["ltv_loan"]) {
    const double debt = e["D"], value = e["V0"], cost = e["sale_cost"];
    const SaleLaw law(factor(Process::lognormal, value, e["sigma"], e["mu"]), e["T"]);
    CHECK(debt - law(debt, 1 - cost, value) == Approx(e["E_shortfall"].get<double>()).epsilon(1e-9));
  }
}

TEST_CASE("a house is sold at its price after the foreclosure", "[mortgage]") {
  OneHouse house({1, 2, 4, 5, 6}, 0.25);
  house.w.at("HOUSES", 2, 0) = 30, house.w.at("HOUSES", 4, 0) = 35, house.w.at("HOUSES", 5, 0) = 40,
                          house.w.at("HOUSES", 6, 0) = 10;
  const Compiled c = house();
  CHECK(c.batch->value_today[0] == Approx(1e6).epsilon(1e-2));
  // Default at 2: the payment of step 1 was made, the claim is a million and a month's interest.
  CHECK(c.cash(0, 0, 0) == Approx(1e4).epsilon(1e-13));
  CHECK(c.cash(0, 1, 0) == Approx(1e4).epsilon(1e-13));
  CHECK(c.gauge(0, 0, 1, 0) == 1);
  CHECK(c.gauge(0, 1, 1, 0) == Approx(1.01e6).epsilon(1e-13));
  // The index has no volatility: the house is worth what it will fetch, at 6 % for the months left.
  CHECK(c.value(0, 1, 0) == Approx(0.9e6 * 30 / 50 * std::exp(-0.06 * 3 / 12)).epsilon(1e-13));
  CHECK(c.value(0, 2, 0) == Approx(0.9e6 * 35 / 50 * std::exp(-0.06 * 1 / 12)).epsilon(1e-13));
  CHECK(std::abs(c.value(0, 3, 0)) < 1e-9);
  CHECK(c.cash(0, 3, 0) == Approx(1e4 + 0.9e6 * 40 / 50).epsilon(1e-13));
  CHECK(c.cash(0, 4, 0) == c.cash(0, 3, 0));
  CHECK(c.credit(0, 4, 0) == Approx(c.value(0, 4, 1) + c.cash(0, 4, 1) - c.cash(0, 4, 0)).epsilon(1e-13));
  CHECK(c.cash(0, 4, 1) == Approx(6e4).epsilon(1e-13));  // who pays does not depend on the house
  CHECK(c.credit(0, 4, 1) == 0);
}

TEST_CASE("a house worth more than the debt repays all of it", "[mortgage]") {
  OneHouse house({4}, 0);
  house.w.at("HOUSES", 2, 0) = 80, house.w.at("HOUSES", 4, 0) = 1;
  const Compiled c = house();  // sold at the default step
  CHECK(c.cash(0, 0, 0) == Approx(1e4 + 1.01e6).epsilon(1e-13));
  CHECK(std::abs(c.value(0, 0, 0)) < 1e-9);
}

TEST_CASE("a sale between two steps waits for the later one, also beyond the last", "[mortgage]") {
  OneHouse between({5, 6}, 0.26);  // three months and a few days: step 6
  between.w.at("HOUSES", 6, 0) = 20;
  const Compiled c = between();
  CHECK(c.value(0, 0, 0) == Approx(0.9e6 * std::exp(-0.06 / 12)).epsilon(1e-13));
  CHECK(c.cash(0, 1, 0) == Approx(1e4 + 0.9e6 * 20 / 50).epsilon(1e-13));
  OneHouse late({5, 6}, 2);
  late.w.at("HOUSES", 6, 0) = 20;
  const Compiled waiting = late();
  CHECK(waiting.value(0, 1, 0) == Approx(0.9e6 * 20 / 50 * std::exp(-0.06 * (2 - 4.0 / 12))).epsilon(1e-13));
  CHECK(waiting.cash(0, 1, 0) == Approx(1e4).epsilon(1e-13));
}

TEST_CASE("claim and collateral are money of the position's currency", "[mortgage]") {
  OneHouse house({2, 4, 6}, 0.25);
  house.line.currency = house.w.factor("EURUSD");
  house.line.quantity = -2;
  house.w.at("HOUSES", 2, 0) = 30, house.w.at("HOUSES", 5, 0) = 40;
  house.w.at("EURUSD", 1, 0) = 1.5, house.w.at("EURUSD", 2, 0) = 2, house.w.at("EURUSD", 5, 0) = 3;
  const Compiled c = house();
  CHECK(c.value(0, 0, 0) == Approx(-2 * 2 * 0.9e6 * 30 / 50 * std::exp(-0.06 * 3 / 12)).epsilon(1e-13));
  CHECK(c.gauge(0, 1, 0, 0) == Approx(-2 * 2 * 1.01e6).epsilon(1e-13));
  CHECK(c.cash(0, 2, 0) == Approx(-2 * (1.5 * 1e4 + 3 * 0.9e6 * 40 / 50)).epsilon(1e-13));
}

TEST_CASE("prepaid houses are gone when the others are sold", "[mortgage]") {
  OneHouse house({6}, 0.25);
  house.line.cells["prepay_cpr"] = 0.36;
  house.w.at("HOUSES", 5, 0) = 20;
  const Compiled c = house();
  const double left = std::pow(0.64, 1.0 / 12);
  CHECK(c.cash(0, 0, 0) == Approx(1e4 + (1 - left) * 1e6 + left * 0.9e6 * 20 / 50).epsilon(1e-13));
}

TEST_CASE("two mortgages of one borrower sell two houses", "[mortgage]") {
  OneHouse house({6}, 0.25);
  Line second = house.line;
  second.cells["collateral_value"] = 3e6;
  second.leaf = 2;
  const Positions both = table(instrument("mortgage"), {house.line, second});
  Compiled c(instrument("mortgage"), both, house.w, Detail::leaf, 1);
  house.w.discount();
  c.evaluate(house.w.block);
  CHECK(c.cash(0, 0, 0) == Approx(1e4 + 0.9e6).epsilon(1e-13));
  CHECK(c.cash(1, 0, 0) == Approx(1e4 + 1.01e6).epsilon(1e-13));  // what is left over is not the other lender's
}

TEST_CASE("a house without a price has no value", "[mortgage]") {
  OneHouse house({4, 6}, 0.25);
  house.w.at("HOUSES", 4, 0) = std::nan(""), house.w.at("HOUSES", 4, 1) = std::nan("");
  const Compiled c = house();
  CHECK(std::isnan(c.value(0, 0, 0)));
  CHECK(std::isfinite(c.value(0, 0, 1)));  // nobody asks
  CHECK(std::isfinite(c.cash(0, 1, 0)));
}

TEST_CASE("a mortgage says what it reads and reaches", "[mortgage]") {
  OneHouse house({6}, 0.25);
  house.line.currency = house.w.factor("EURUSD");
  const Compiled c = house();
  CHECK(c.batch->reads == std::vector<FactorIndex>{house.w.factor("HOUSES"), house.w.factor("EURUSD")});
  CHECK(c.batch->reads_curves == std::vector<CurveIndex>{CurveIndex{0}});
  CHECK(c.batch->reads_defaults);
  CHECK(instrument("mortgage").sells_at_default);
  // Rates far below zero: waiting ten years multiplies the claim.
  OneHouse negative({6}, 10);
  negative.w.market.factors[0].initial = -0.3;
  for (int n = 0; n <= 6; ++n) negative.w.at("RATE", n, 0) = -0.3;
  negative.line.cells["maturity_years"] = 1.0;
  negative.line.cells["collateral_value"] = 1e9;
  const Compiled high = negative();
  CHECK(high.value(0, 0, 0) > 1.5e7);
  CHECK(high.batch->gross[0] > high.value(0, 0, 0) + high.cash(0, 0, 0));
}

TEST_CASE("columns of a mortgage follow those of a loan but the last five", "[mortgage]") {
  const Instrument &mortgage = instrument("mortgage"), &loan = instrument("loan");
  REQUIRE(mortgage.columns.size() == loan.columns.size() - 5 + 4);
  for (std::size_t c = 0; c + 5 < loan.columns.size(); ++c) CHECK(mortgage.columns[c].name == loan.columns[c].name);
  OneHouse house({6}, 0.25);
  house.line.cells["frequency"] = 2.5;
  REQUIRE(mortgage.check(table(mortgage, {house.line}), 0));
  CHECK(mortgage.check(table(mortgage, {house.line}), 0)->column == "frequency");
}
