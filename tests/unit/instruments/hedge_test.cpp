#include "kernels/math/functions.h"
#include "tests/catch_any.h"
#include "tests/reference.h"
#include "tests/unit/instruments/book.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

World world() {
  World w(6, 1.0 / 12, {1, 3, 6}, 51);
  w.add("OIL", Process::lognormal, 80, 0.4);
  w.add("GAS", Process::log_ou, 3, 0.6);
  w.add("RATE_1Y", Process::normal, 0.04, 0.01);
  w.add("RATE_5Y", Process::normal, 0.03, 0.01);
  w.add("VIX", Process::normal, 0.3, 0.3);
  w.add("SPREAD", Process::normal, 0.01, 0.02);
  w.add("EURUSD", Process::lognormal, 1.1, 0.1);
  w.market.factors[0].jump_rate = 2, w.market.factors[0].jump_mean = -0.05, w.market.factors[0].jump_volatility = 0.1;
  w.market.curves.push_back({{1, w.factor("RATE_1Y")}, {5, w.factor("RATE_5Y")}});
  w.draw_factors();
  return w;
}
double cell(const Line& line, const std::string& name, double otherwise = 0) {
  const auto at = line.cells.find(name);
  return at == line.cells.end() ? otherwise : std::get<double>(at->second);
}
int step_of(const World& w, double years) {
  return std::max(1, static_cast<int>(std::ceil(years / w.market.step_years - 1e-8)));
}
long double phi(long double x) { return erfcl(-x / sqrtl(2)) / 2; }

// One position in one scenario at one step, straight from the definition.
struct Plain {
  const World& w;
  const Line& line;
  int lane;
  double at(const std::string& name, int step) const {
    return w.block.factors(std::get<FactorIndex>(line.cells.at(name)), step)[static_cast<std::size_t>(lane)];
  }
  long double fx(int step) const {
    return is_none(line.currency) ? 1 : w.block.factors(line.currency, step)[static_cast<std::size_t>(lane)];
  }
  long double discount(double date, int step) const {
    const double left = date - w.time(step);
    return expl(-w.zero_rate(CurveIndex{0}, left, step, lane) * static_cast<long double>(left));
  }
  bool of_factor(const char* name) const {
    return line.cells.contains(name) && std::holds_alternative<FactorIndex>(line.cells.at(name));
  }
  Outcome on_factor(int h) const {
    const double maturity = cell(line, "maturity_years");
    const std::string kind = std::get<std::string>(line.cells.at("kind"));
    const int end = step_of(w, maturity), n = std::min(h, end);
    const long double left = h >= end ? 0 : maturity - w.time(n);
    const long double asset = at("factor", n) * expl(-cell(line, "carry") * left);
    const long double bond = cell(line, "strike") * (h >= end ? 1 : discount(maturity, n)), sign = kind == "put" ? -1 : 1;
    long double worth = asset - bond;
    if (kind != "forward") {
      long double v = line.cells.contains("volatility")
                          ? of_factor("volatility") ? std::max(at("volatility", n), 0.0) : cell(line, "volatility")
                          : std::sqrt(0.4 * 0.4 + 2 * (0.05 * 0.05 + 0.1 * 0.1));
      v *= sqrtl(left);
      const long double d = v > 0 ? logl(asset / bond) / v + v / 2 : 0;
      worth = v > 0 ? sign * (asset * phi(sign * d) - bond * phi(sign * (d - v))) : std::max(sign * (asset - bond), 0.0L);
    }
    const double money = static_cast<double>(line.quantity * cell(line, "notional") * worth * fx(n));
    return h >= end ? Outcome{0, money, 0, {}} : Outcome{money, 0, 0, {}};
  }

  // Of a cds, dates and all, by one loop over its periods.
  Outcome cds(int h, const std::vector<double>& hazards) const {
    const double maturity = cell(line, "maturity_years"), f = cell(line, "frequency", 4), premium = cell(line, "premium");
    const auto o = static_cast<std::size_t>(line.obligor);
    const double loss = w.loss_given_default[o];
    const int end = step_of(w, maturity);
    int failed = w.default_step(line.obligor, lane);
    if (failed > end) failed = w.market.steps + 1;
    const double hazard = !line.cells.contains("spread") ? hazards[o]
                          : of_factor("spread")          ? std::max(at("spread", h), 0.0) / loss
                                                         : cell(line, "spread") / loss;
    const double now = w.time(h);
    long double cash = 0, undisturbed = 0, value = 0, alive = 1, bond = 1, paid_until = 0;
    std::vector<double> dates;
    for (int k = 0; maturity - k / f > 1e-9; ++k) dates.insert(dates.begin(), maturity - k / f);
    double from = 0;
    for (const double date : dates) {
      const int step = step_of(w, date);
      if (step <= h) {
        undisturbed -= premium * (date - from) * fx(step);
        if (step < failed) cash -= premium * (date - from) * fx(step), paid_until = date;
      } else {
        const long double left = expl(-hazard * static_cast<long double>(date - now)), next = discount(date, h);
        const double past = std::max(now - from, 0.0);
        value += sqrtl(bond * next) * (alive - left) * (loss - premium * (past + date - from) / 2) -
                 next * left * premium * (date - from);
        alive = left, bond = next;
      }
      from = date;
    }
    if (failed <= h)
      cash += (loss - premium * std::max<long double>(std::min(w.time(failed), maturity) - paid_until, 0)) * fx(failed);
    const long double q = line.quantity * cell(line, "notional"), undefaulted = value * fx(h) + undisturbed;
    if (failed <= h) value = 0;
    Outcome out{static_cast<double>(q * value * fx(h)), static_cast<double>(q * cash), 0, {}};
    if (failed <= h) out.credit_loss = static_cast<double>(q * (undefaulted - cash));
    return out;
  }
};

}  // namespace

TEST_CASE("forwards and options agree with their closed forms", "[hedge]") {
  World w = world();
  std::vector<Line> book;
  const char* kinds[] = {"forward", "call", "put"};
  for (std::size_t i = 0; i < 120; ++i) {
    const bool oil = i % 4 != 1;
    Line line{.leaf = 1 + static_cast<std::uint32_t>(i % 3),
              .currency = i % 5 == 0 ? w.factor("EURUSD") : FactorIndex{none},
              .quantity = i % 7 == 3 ? -1.5 : 1,
              .cells = {{"kind", std::string(kinds[i % 3])},
                        {"notional", w.uniform(1, 10)},
                        {"maturity_years", i % 6 == 0 ? 0.25 : w.uniform(0.02, 2)},
                        {"curve", CurveIndex{0}},
                        {"factor", w.factor(oil ? "OIL" : "GAS")},
                        {"strike", (oil ? 80 : 3) * w.uniform(0.7, 1.3)}}};
    if (w.random() % 2) line.cells["carry"] = w.uniform(-0.05, 0.1);
    if (!oil || w.random() % 2) line.cells["volatility"] = i % 2 ? Cell(w.factor("VIX")) : Cell(w.uniform(0.1, 0.8));
    book.push_back(std::move(line));
  }
  const Positions positions = table(instrument("hedge"), book);
  const auto expected = [&](std::size_t p, std::size_t v, int lane) {
    return Plain{w, book[p], lane}.on_factor(w.market.valued[v]);
  };
  const Errors errors = compare(instrument("hedge"), positions, w, 0, expected);
  INFO(errors.where);
  CHECK(errors.reference < 1e-10);  // of the value today, which is small for some
  CHECK(errors.leaf < 1e-12);
  CHECK(errors.units <= 1);
}

// Hull, Options, Futures and Other Derivatives (2018), example 15.6; and a call less a put is a forward.
TEST_CASE("an option of the textbook and the parity of puts and calls", "[hedge]") {
  World w(1, 0.25, {1}, 1);
  w.add("STOCK", Process::lognormal, 42, 0.2);
  w.add("RATE", Process::normal, 0.1, 0);
  w.market.curves.push_back({{1, w.factor("RATE")}});
  w.draw_factors();
  std::vector<Line> book;
  for (const char* kind : {"call", "put", "forward"})
    book.push_back({.cells = {{"kind", std::string(kind)},
                              {"notional", 1.0},
                              {"maturity_years", 0.5},
                              {"curve", CurveIndex{0}},
                              {"factor", w.factor("STOCK")},
                              {"strike", 40.0}}});
  Compiled batch(instrument("hedge"), table(instrument("hedge"), book), w, Detail::position);
  w.discount();
  batch.evaluate(w.block);
  CHECK(batch.batch->value_today[0] == Approx(4.76).margin(0.005));
  CHECK(batch.batch->value_today[1] == Approx(0.81).margin(0.005));
  for (int lane = 0; lane < lanes; ++lane)
    CHECK(batch.value(0, 0, lane) - batch.value(1, 0, lane) == Approx(batch.value(2, 0, lane)).margin(1e-12));
}

TEST_CASE("protection agrees with a plain account of each scenario", "[hedge]") {
  World w = world();
  w.draw_defaults(20, 6);
  for (std::size_t o = 0; o < 20; ++o) w.hazard.push_back(w.uniform(0, 0.3));
  std::vector<Line> book;
  for (std::size_t i = 0; i < 80; ++i) {
    Line line{.leaf = 1 + static_cast<std::uint32_t>(i % 3),
              .currency = i % 5 == 0 ? w.factor("EURUSD") : FactorIndex{none},
              .quantity = i % 7 == 3 ? -1.5 : 1,
              .obligor = ObligorIndex{static_cast<std::uint32_t>(i % 20)},
              .cells = {{"kind", std::string("cds")},
                        {"notional", w.uniform(1, 10)},
                        {"maturity_years", i % 6 == 0 ? 0.25 : w.uniform(0.02, 2)},
                        {"curve", CurveIndex{0}},
                        {"premium", w.uniform(0, 0.1)}}};
    if (w.random() % 2) line.cells["frequency"] = 1.0 + static_cast<double>(w.random() % 12);
    if (i % 3 == 1) line.cells["spread"] = w.uniform(0, 0.1);
    if (i % 3 == 2) line.cells["spread"] = w.factor("SPREAD");
    book.push_back(std::move(line));
  }
  const Positions positions = table(instrument("hedge"), book);
  int paid = 0;
  const auto expected = [&](std::size_t p, std::size_t v, int lane) {
    Outcome out = Plain{w, book[p], lane}.cds(w.market.valued[v], w.hazard);
    paid += out.credit_loss != 0;
    return out;
  };
  const Errors errors = compare(instrument("hedge"), positions, w, 20, expected);
  INFO(errors.where);
  CHECK(errors.reference < 1e-9);  // of the value today, nearly zero where the premium is fair
  CHECK(errors.units <= 1);
  CHECK(paid > 300);
}

// What an exposure loses its protection brings, in every scenario.
TEST_CASE("protection makes good what an exposure loses", "[hedge]") {
  World w = world();
  w.draw_defaults(5, 3);
  w.hazard.assign(5, 0.0);
  std::vector<Line> exposures, hedges;
  for (std::uint32_t o = 0; o < 5; ++o) {
    exposures.push_back({.obligor = ObligorIndex{o}, .cells = {{"ead", 100.0}}});
    hedges.push_back(
        {.obligor = ObligorIndex{o},
         .cells = {{"kind", std::string("cds")}, {"notional", 100.0}, {"maturity_years", 3.0}, {"curve", CurveIndex{0}}}});
  }
  Compiled claims(instrument("exposure"), table(instrument("exposure"), exposures), w, Detail::leaf, 5);
  Compiled protection(instrument("hedge"), table(instrument("hedge"), hedges), w, Detail::leaf, 5);
  w.discount();
  claims.evaluate(w.block);
  protection.evaluate(w.block);
  bool somebody = false;
  for (int lane = 0; lane < lanes; ++lane) {
    CHECK(claims.value(0, 2, lane) + claims.cash(0, 2, lane) + protection.value(0, 2, lane) + protection.cash(0, 2, lane) ==
          Approx(500));
    CHECK(claims.credit(0, 2, lane) == Approx(-protection.credit(0, 2, lane)).margin(1e-12));
    somebody |= protection.cash(0, 2, lane) > 0;
  }
  CHECK(somebody);
}

TEST_CASE("protection of the reference", "[hedge]") {
  const auto json = reference("bonds_loans_cds");
  if (!json) return;
  const auto &in = json->at("inputs").at("cds"), &e = json->at("expected").at("cds");
  World w(1, 0.25, {1}, 1);
  w.add("RATE", Process::normal, in["r"], 0);
  w.market.curves.push_back({{1, w.factor("RATE")}});
  w.draw_factors();
  w.loss_given_default = {1 - in["R"].get<double>()};
  w.hazard = {in["hazard"]};
  const double notional = in["N"], par = e["par_spread_with_accrual"], leg = e["protection_leg"];
  for (const bool by_spread : {false, true}) {
    const auto worth = [&](double premium) {
      Line line{.obligor = ObligorIndex{0},
                .cells = {{"kind", std::string("cds")},
                          {"notional", notional},
                          {"maturity_years", in["T"].get<double>()},
                          {"curve", CurveIndex{0}},
                          {"frequency", in["freq"].get<double>()},
                          {"premium", premium}}};
      if (by_spread) line.cells["spread"] = e["par_spread_continuous"].get<double>();
      return Compiled(instrument("hedge"), table(instrument("hedge"), {line}), w, Detail::leaf, 1).batch->value_today[0];
    };
    CHECK(worth(0) == Approx(leg).epsilon(1e-5));
    CHECK(std::abs(worth(par)) < 2e-5 * leg);
    const double annuity = (worth(0) - worth(0.01)) / (0.01 * notional);
    CHECK(annuity == Approx(e["risky_annuity_no_accrual"].get<double>() + e["accrual"].get<double>()).epsilon(1e-5));
  }
}

TEST_CASE("an option on what has no price is a fault", "[hedge]") {
  World w = world();
  std::vector<Line> book;
  for (const char* kind : {"forward", "put"})
    book.push_back({.cells = {{"kind", std::string(kind)},
                              {"notional", 1.0},
                              {"maturity_years", 1.0},
                              {"curve", CurveIndex{0}},
                              {"factor", w.factor("OIL")},
                              {"strike", 40.0}}});
  w.at("OIL", 3, 9) = 0;
  Compiled batch(instrument("hedge"), table(instrument("hedge"), book), w, Detail::position);
  w.discount();
  batch.faults.reserve(10);
  batch.evaluate(w.block);
  REQUIRE(batch.faults.size() == 1);
  CHECK(batch.faults[0].lane == 9);
  CHECK(batch.faults[0].position == 1);
}
