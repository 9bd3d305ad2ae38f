#include "kernels/instruments/revenue_law.h"
#include "tests/acceptance.h"
#include "tests/catch_any.h"
#include "tests/unit/instruments/book.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

World world() {
  World w(6, 1.0 / 12, {1, 3, 6}, 51);
  w.add("PLAYS", Process::log_ou, 2, 0.3);
  w.market.factors.back().reversion = 0.8, w.market.factors.back().level = std::log(2.5);
  w.add("RIDES", Process::lognormal, 10, 0.25, 0.05);
  w.market.factors.back().jump_rate = 0.5, w.market.factors.back().jump_mean = -0.2;
  w.market.factors.back().jump_volatility = 0.1;
  w.add("TOKEN", Process::lognormal, 3, 0.9);
  w.add("EURUSD", Process::lognormal, 1.1, 0.1);
  w.add("R1", Process::normal, 0.03, 0.01);
  w.add("R5", Process::normal, 0.04, 0.01);
  w.market.curves = {{{1, w.factor("R1")}, {5, w.factor("R5")}}};
  w.draw_factors();
  // draw_factors lets a log_ou walk as a normal; keep it positive.
  for (int n = 1; n <= 6; ++n)
    for (int lane = 0; lane < lanes; ++lane) w.at("PLAYS", n, lane) = std::abs(w.at("PLAYS", n, lane)) + 0.1;
  return w;
}

struct Plain {
  const World& w;
  const Line& line;
  int lane;
  double number(const std::string& name, double otherwise) const {
    const auto at = line.cells.find(name);
    return at == line.cells.end() ? otherwise : std::get<double>(at->second);
  }
  const Factor& factor() const { return w.market.factors[index()]; }
  std::size_t index() const { return static_cast<std::size_t>(std::get<FactorIndex>(line.cells.at("revenue_factor"))); }
  long double price(FactorIndex f, int step) const {
    return is_none(f) ? 1 : w.block.factors(f, step)[static_cast<std::size_t>(lane)];
  }
  int payments() const { return static_cast<int>(std::ceil(number("maturity_years", 0) / w.market.step_years - 1e-8)); }
  long double weight(int n) const {
    const double dt = w.market.step_years;
    const long double years =
        std::min<long double>(n * dt, number("maturity_years", 0)) - (n - 1) * static_cast<long double>(dt);
    return number("revenue", 0) * number("share", 0) * years / factor().initial;
  }
  long double expected(int months, long double now) const {
    const long double t = months * static_cast<long double>(w.market.step_years);
    if (factor().process == Process::lognormal) return now * std::exp(factor().drift * t);
    const long double k = factor().reversion, v = factor().volatility, decay = std::exp(-k * t);
    return std::exp(factor().level + (std::log(now) - factor().level) * decay + v * v * (1 - decay * decay) / (4 * k));
  }
  Outcome outcome(int h) const {
    const FactorIndex token =
        line.cells.contains("token_factor") ? std::get<FactorIndex>(line.cells.at("token_factor")) : FactorIndex{none};
    const long double cap = number("cap", 1e300), part = number("token_share", 0);
    long double received = 0, cash = 0, tokens = 0;
    for (int n = 1; n <= std::min(h, payments()); ++n) {
      const long double payment =
          std::min(weight(n) * price(FactorIndex{static_cast<std::uint32_t>(index())}, n), cap - received);
      const long double money = line.quantity * payment * price(line.currency, n);
      received += payment, cash += (1 - part) * money, tokens += part * money / price(token, n);
    }
    const long double now = price(FactorIndex{static_cast<std::uint32_t>(index())}, h);
    long double mean = 0, worth = 0;
    std::vector<double> weights;
    for (int n = h + 1; n <= payments(); ++n) {
      const long double e = weight(n) * expected(n - h, now), t = (n - h) * static_cast<long double>(w.market.step_years);
      mean += e;
      worth += e * std::exp(-(w.zero_rate(CurveIndex{0}, static_cast<double>(t), h, lane) + number("spread", 0)) * t);
      weights.push_back(static_cast<double>(weight(n) * factor().initial));
    }
    if (line.cells.contains("cap") && mean > 0) {
      const RevenueLaw law(factor(), w.market.step_years, weights.size() + static_cast<std::size_t>(h));
      const double deviation = law.deviation(weights, law.expected_log(static_cast<std::size_t>(h)));
      worth *= capped_mean(static_cast<double>(cap - received), static_cast<double>(mean), deviation) / mean;
    }
    return {static_cast<double>(line.quantity * worth * price(line.currency, h) + tokens * price(token, h) * (part > 0)),
            static_cast<double>(cash),
            0,
            {}};
  }
};

}  // namespace

TEST_CASE("a share of revenue is paid until its date or its cap", "[revenue]") {
  World w = world();
  std::vector<Line> book;
  for (std::size_t i = 0; i < 40; ++i) {
    Line line{.leaf = 1 + static_cast<std::uint32_t>(i % 3),
              .currency = i % 2 ? w.factor("EURUSD") : FactorIndex{none},
              .quantity = i % 7 == 3 ? -1.0 : 1.0,
              .cells = {{"revenue", w.uniform(1e5, 1e6)},
                        {"revenue_factor", i % 3 ? w.factor("PLAYS") : w.factor("RIDES")},
                        {"share", w.uniform(0.05, 0.5)},
                        {"maturity_years", i % 5 == 0 ? 0.3 : w.uniform(0.5, 3)},
                        {"curve", CurveIndex{0}}}};
    if (i % 4 > 1)
      line.cells["cap"] =
          w.uniform(0.1, 1.2) * std::get<double>(line.cells["revenue"]) * std::get<double>(line.cells["share"]);
    if (i % 2) line.cells["spread"] = 0.05;
    if (i % 3 == 1) line.cells["token_share"] = 0.4, line.cells["token_factor"] = w.factor("TOKEN");
    book.push_back(line);
  }
  const auto expected = [&](std::size_t p, std::size_t v, int lane) {
    return Plain{w, book[p], lane}.outcome(w.market.valued[v]);
  };
  const Errors errors = compare(instrument("revenue"), table(instrument("revenue"), book), w, 0, expected);
  INFO(errors.where);
  CHECK(errors.reference < 1e-12);
  CHECK(errors.leaf < 1e-13);
  CHECK(errors.units <= 1);
}

TEST_CASE("what a share of constant revenue is worth", "[revenue]") {
  World w(4, 0.25, {1, 4}, 1);
  w.add("FLAT", Process::lognormal, 5, 0);
  w.add("ZERO", Process::normal, 0, 0);
  w.market.curves = {{{1, w.factor("ZERO")}}};
  w.draw_factors();
  std::vector<Line> book(2, Line{.cells = {{"revenue", 1000.0},
                                           {"revenue_factor", w.factor("FLAT")},
                                           {"share", 0.2},
                                           {"maturity_years", 3.1},
                                           {"curve", CurveIndex{0}}}});
  book[1].cells["cap"] = 120.0;
  Compiled batch(instrument("revenue"), table(instrument("revenue"), book), w, Detail::position);
  w.discount();
  batch.evaluate(w.block);
  CHECK(batch.batch->value_today[0] == Approx(620).epsilon(1e-13));
  CHECK(batch.batch->value_today[1] == Approx(120).epsilon(1e-13));
  CHECK(batch.cash(0, 0, 3) == Approx(50).epsilon(1e-13));
  CHECK(batch.value(0, 0, 3) == Approx(570).epsilon(1e-13));
  CHECK(batch.value(1, 0, 3) == Approx(70).epsilon(1e-13));
  CHECK(batch.cash(1, 1, 3) == Approx(120).epsilon(1e-13));
  CHECK(batch.value(1, 1, 3) == 0);
  CHECK(batch.batch->reads_curves == std::vector<CurveIndex>{CurveIndex{0}});
}

// The first two moments of the sum of a year's payments, by simulation.
TEST_CASE("the law of a sum of revenue", "[revenue]") {
  const World w = world();
  std::mt19937_64 random(4);
  std::normal_distribution<double> normal;
  for (const char* name : {"PLAYS", "RIDES"}) {
    const Factor& f = w.market.factors[static_cast<std::size_t>(w.factor(name))];
    const RevenueLaw law(f, 0.25, 8);
    const std::vector<double> weight = {1, 2, 1, 0.5};
    const Transition step = transition(f, 0.25);
    double sum = 0, square = 0, fourth = 0;
    constexpr int n = 200000;
    for (int i = 0; i < n; ++i) {
      double log_now = std::log(f.initial), x = 0;
      for (const double each : weight) {
        if (f.process == Process::log_ou) {
          log_now = f.level + (log_now - f.level) * step.decay + step.deviation * normal(random);
        } else {
          const int jumps = std::poisson_distribution<int>(f.jump_rate * 0.25)(random);
          log_now += step.shift + step.deviation * normal(random) + jumps * f.jump_mean +
                     std::sqrt(jumps) * f.jump_volatility * normal(random);
        }
        x += each * std::exp(log_now);
      }
      sum += x, square += x * x, fourth += x * x * x * x;
    }
    double mean = 0;
    for (std::size_t m = 1; m <= weight.size(); ++m)
      mean += weight[m - 1] * law.growth(m) * std::pow(f.initial, law.decay(m));
    INFO(name);
    CHECK(agrees(sum / n, std::sqrt((square / n - sum / n * (sum / n)) / n), mean));
    const double v = law.deviation(weight, std::log(f.initial));
    const double error = std::sqrt((fourth / n - square / n * (square / n)) / n);
    CHECK(agrees(square / n, error, mean * mean * std::exp(v * v)));
  }
  CHECK(capped_mean(0, 5, 0.3) == 0);
  CHECK(capped_mean(3, 5, 0) == 3);
  CHECK(capped_mean(1e6, 5, 0.3) == Approx(5).epsilon(1e-12));
}

TEST_CASE("a share of revenue whose index has no price has no value", "[revenue]") {
  World w = world();
  const std::vector<Line> book = {{.cells = {{"revenue", 1000.0},
                                             {"revenue_factor", w.factor("RIDES")},
                                             {"share", 0.2},
                                             {"maturity_years", 1.0},
                                             {"curve", CurveIndex{0}},
                                             {"token_share", 0.5},
                                             {"token_factor", w.factor("TOKEN")}}}};
  w.at("RIDES", 2, 9) = -1;
  w.at("TOKEN", 4, 11) = 0;
  Compiled batch(instrument("revenue"), table(instrument("revenue"), book), w, Detail::leaf);
  w.discount();
  batch.faults.reserve(10);
  batch.evaluate(w.block);
  REQUIRE(batch.faults.size() == 2);
  CHECK(batch.faults[0].lane == 9);
  CHECK(batch.faults[1].lane == 11);
  CHECK(batch.faults[1].reason == Reason::no_price);
}
