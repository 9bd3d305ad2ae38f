#include "kernels/random/stream.h"
#include "tests/catch_any.h"
#include "tests/unit/instruments/book.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

World world() {
  World w(6, 1.0 / 12, {2, 3, 6}, 31);
  w.add("CRE", Process::lognormal, 100, 0.15);
  w.add("RENTS", Process::lognormal, 40, 0.1);
  w.add("CAP", Process::lognormal, 0.06, 0.2);
  w.add("EMPTY", Process::normal, 0.1, 0.3);  // often below 0
  w.add("EURUSD", Process::lognormal, 1.1, 0.1);
  w.draw_factors();
  w.block.seed = 78;
  return w;
}

struct Plain {
  const World& w;
  const Line& line;
  std::string id;
  int lane;
  double number(const std::string& name, double otherwise) const {
    const auto at = line.cells.find(name);
    return at == line.cells.end() ? otherwise : std::get<double>(at->second);
  }
  // What a cell says at a step: a factor's value or the number.
  long double said(const std::string& name, double otherwise, int step) const {
    const auto at = line.cells.find(name);
    if (at == line.cells.end()) return otherwise;
    if (const auto* f = std::get_if<FactorIndex>(&at->second))
      return w.block.factors(*f, step)[static_cast<std::size_t>(lane)];
    return std::get<double>(at->second);
  }
  long double moved(const std::string& name, int step) const {
    const auto at = line.cells.find(name);
    if (at == line.cells.end()) return 1;
    return said(name, 1, step) / w.market.factors[static_cast<std::size_t>(std::get<FactorIndex>(at->second))].initial;
  }
  long double income(int step) const {
    const long double vacancy = std::clamp(said("vacancy", 0, step), 0.0L, 1.0L);
    return number("rent", 0) * moved("rent_factor", step) * (1 - vacancy) - number("cost", 0);
  }
  long double fx(int step) const {
    return is_none(line.currency) ? 1 : w.block.factors(line.currency, step)[static_cast<std::size_t>(lane)];
  }
  Outcome outcome(int h) const {
    const long double v = number("idiosyncratic_volatility", 0);
    long double log = 0, cash = 0, worth = worth_today(), appraised = worth;
    const double weight = number("appraisal_weight", 1), apart = number("appraisal_years", 0);
    double last = 0;  // appraisal, years
    for (int n = 1; n <= h; ++n) {
      log += -v * v * w.market.step_years / 2;
      log += v * std::sqrt(w.market.step_years) *
             normal(w.block.seed, stream("idiosyncratic value", id), static_cast<std::uint32_t>(lane),
                    static_cast<std::uint32_t>(n - 1));
      cash += income(n) * w.market.step_years * fx(n);
      worth = std::exp(log);
      if (line.cells.contains("index_factor"))
        worth *= number("value", 0) * std::pow(moved("index_factor", n), static_cast<long double>(number("beta", 1)));
      else
        worth *= std::max(income(n), 0.0L) / said("cap_rate", 0, n);
      if (w.time(n) - last > apart - 1e-9) appraised += weight * (worth - appraised), last = w.time(n);
    }
    return {static_cast<double>(line.quantity * worth * fx(h)),
            static_cast<double>(line.quantity * cash),
            0,
            {},
            static_cast<double>(line.quantity * appraised * fx(h))};
  }
  long double worth_today() const {
    const auto initial = [&](const std::string& name) -> long double {
      const Cell& cell = line.cells.at(name);
      if (const auto* f = std::get_if<FactorIndex>(&cell)) return w.market.factors[static_cast<std::size_t>(*f)].initial;
      return std::get<double>(cell);
    };
    if (line.cells.contains("index_factor")) return number("value", 0);
    const long double vacancy = line.cells.contains("vacancy") ? initial("vacancy") : 0;
    return (number("rent", 0) * (1 - vacancy) - number("cost", 0)) / initial("cap_rate");
  }
};

std::vector<Line> lines(World& w) {
  std::vector<Line> out;
  for (std::size_t i = 0; i < 40; ++i) {
    Line line{.leaf = 1 + static_cast<std::uint32_t>(i % 3),
              .currency = i % 2 ? w.factor("EURUSD") : FactorIndex{none},
              .quantity = i % 7 == 3 ? -0.5 : 2,
              .cells = {{"rent", w.uniform(5e4, 2e5)}, {"cost", w.uniform(0, 3e4)}}};
    if (i % 4 == 0)
      line.cells["index_factor"] = w.factor("CRE"), line.cells["value"] = w.uniform(1e6, 3e6), line.cells["beta"] = 1.3;
    else
      line.cells["cap_rate"] = i % 4 == 1 ? Cell(0.07) : Cell(w.factor("CAP"));
    if (i % 3) line.cells["idiosyncratic_volatility"] = w.uniform(0, 0.3);
    if (i % 5) line.cells["vacancy"] = i % 5 == 1 ? Cell(0.08) : Cell(w.factor("EMPTY"));
    if (i % 2) line.cells["rent_factor"] = w.factor("RENTS");
    if (i % 3 == 1) line.cells["appraisal_weight"] = 0.4;
    if (i % 6 > 2) line.cells["appraisal_years"] = i % 2 ? 0.25 : 0.1;
    out.push_back(line);
  }
  return out;
}

}  // namespace

TEST_CASE("a property is worth what its index or its income says, and pays its rent", "[property]") {
  World w = world();
  w.published_values = true;
  const std::vector<Line> book = lines(w);
  const Positions positions = table(instrument("property"), book);
  const auto expected = [&](std::size_t p, std::size_t v, int lane) {
    return Plain{w, book[p], positions.id[p], lane}.outcome(w.market.valued[v]);
  };
  const Errors errors = compare(instrument("property"), positions, w, 0, expected);
  INFO(errors.where);
  CHECK(errors.reference < 1e-13);
  CHECK(errors.leaf < 1e-14);
  CHECK(errors.units <= 1);
}

TEST_CASE("a property is worth its net income over the cap rate today", "[property]") {
  World w = world();
  const std::vector<Line> book = {
      {.currency = w.factor("EURUSD"),
       .quantity = 2,
       .cells = {{"rent", 100.0}, {"vacancy", w.factor("EMPTY")}, {"cost", 30.0}, {"cap_rate", w.factor("CAP")}}}};
  const Compiled batch(instrument("property"), table(instrument("property"), book), w, Detail::leaf);
  CHECK(batch.batch->value_today[0] == Approx(2 * (90 - 30) / 0.06 * 1.1).epsilon(1e-15));
  CHECK(batch.batch->gross[0] > batch.batch->value_today[0]);
  CHECK(batch.batch->reads == std::vector<FactorIndex>{w.factor("CAP"), w.factor("EMPTY"), w.factor("EURUSD")});
}

// Over a horizon of h years, with nothing that moves: value today and h years of income.
TEST_CASE("where nothing moves a property gains its income", "[property]") {
  World w = world();
  const std::vector<Line> book = {{.cells = {{"rent", 90000.0}, {"vacancy", 0.1}, {"cost", 21000.0}, {"cap_rate", 0.06}}}};
  Compiled batch(instrument("property"), table(instrument("property"), book), w, Detail::leaf);
  batch.evaluate(w.block);
  for (int v = 0; v < 3; ++v) {
    CHECK(batch.value(0, v, 5) == Approx(1e6).epsilon(1e-14));
    CHECK(batch.cash(0, v, 5) == Approx(60000 * w.time(w.market.valued[static_cast<std::size_t>(v)])).epsilon(1e-14));
  }
}

TEST_CASE("a property whose cap rate is not positive has no value", "[property]") {
  World w = world();
  const std::vector<Line> book = {{.cells = {{"rent", 90000.0}, {"cap_rate", w.factor("CAP")}}}};
  w.at("CAP", 1, 3) = -0.01;  // not asked for at this step
  w.at("CAP", 3, 8) = -0.01;
  Compiled batch(instrument("property"), table(instrument("property"), book), w, Detail::leaf);
  batch.faults.reserve(10);
  batch.evaluate(w.block);
  REQUIRE(batch.faults.size() == 1);
  CHECK(batch.faults[0].lane == 8);
  CHECK(batch.faults[0].reason == Reason::no_price);
}
