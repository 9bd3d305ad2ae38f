#include <cstring>

#include "kernels/random/stream.h"
#include "tests/acceptance.h"
#include "tests/catch_any.h"
#include "tests/unit/instruments/book.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

constexpr std::uint32_t obligors = 12;

World world() {
  World w(6, 1.0 / 12, {2, 3, 6}, 61);
  w.add("AIRCRAFT", Process::lognormal, 100, 0.25);
  w.add("CHIPS", Process::lognormal, 30, 0.5);
  w.add("RATE_1Y", Process::normal, 0.04, 0.01);
  w.add("RATE_5Y", Process::normal, 0.03, 0.01);
  w.add("SPREAD", Process::normal, 0.02, 0.01);
  w.add("EURUSD", Process::lognormal, 1.1, 0.1);
  w.market.curves.push_back({{1, w.factor("RATE_1Y")}, {5, w.factor("RATE_5Y")}});
  w.market.curves.push_back({{1, w.factor("RATE_5Y")}});
  w.draw_factors();
  w.draw_defaults(obligors, 2);
  for (std::uint32_t o = 0; o < obligors; ++o) w.recovery_delay_years.push_back(std::array{0.0, 0.1, 0.25, 2.0}[o % 4]);
  w.block.seed = 79;
  return w;
}

// One position in one scenario, straight from the definition.
struct Plain {
  const World& w;
  const Line& line;
  std::string id;
  int lane;
  double number(const std::string& name, double otherwise = 0) const {
    const auto at = line.cells.find(name);
    return at == line.cells.end() ? otherwise : std::get<double>(at->second);
  }
  long double at(const std::string& name, int step) const {
    return w.block.factors(std::get<FactorIndex>(line.cells.at(name)), step)[static_cast<std::size_t>(lane)];
  }
  long double fx(int step) const {
    return is_none(line.currency) ? 1 : w.block.factors(line.currency, step)[static_cast<std::size_t>(lane)];
  }
  int step_of(double years) const { return std::max(1, static_cast<int>(std::ceil(years / w.market.step_years - 1e-8))); }
  int steps_of(double years) const { return static_cast<int>(std::ceil(years / w.market.step_years - 1e-8)); }
  long double moved(int n) const {
    const long double v = number("idiosyncratic_volatility"), dt = w.market.step_years;
    long double log = -v * v * dt * n / 2;
    for (int i = 0; i < n; ++i)
      log += v * sqrtl(dt) *
             normal(w.block.seed, stream("idiosyncratic value", id), static_cast<std::uint32_t>(lane),
                    static_cast<std::uint32_t>(i));
    if (!line.cells.contains("index_factor")) return expl(log);
    const auto index = static_cast<std::size_t>(std::get<FactorIndex>(line.cells.at("index_factor")));
    return expl(log) *
           powl(at("index_factor", n) / w.market.factors[index].initial, static_cast<long double>(number("beta", 1)));
  }
  long double asset(int n) const {
    return number("asset_value") * expl(-static_cast<long double>(number("depreciation")) * w.time(n)) * moved(n);
  }
  long double aged(long double years) const { return expl(-number("depreciation") * years); }
  struct Rent {
    double date;
    long double amount;
  };
  std::vector<Rent> rents() const {
    const double maturity = number("maturity_years"), frequency = number("frequency", 12);
    std::vector<Rent> out;
    for (int i = 0; maturity - i / frequency > 1e-9; ++i)
      out.insert(out.begin(), {maturity - i / frequency, number("rent") / static_cast<long double>(frequency)});
    out.front().amount = number("rent") * static_cast<long double>(out.front().date);
    return out;
  }
  long double discount(double date, int step, long double spread) const {
    const double left = date - w.time(step);
    const CurveIndex curve = std::get<CurveIndex>(line.cells.at("curve"));
    return expl(-(w.zero_rate(curve, left, step, lane) + spread) * static_cast<long double>(left));
  }
  long double spread(int step) const {
    const auto cell = line.cells.find("spread");
    if (cell == line.cells.end()) return 0;
    return std::holds_alternative<FactorIndex>(cell->second) ? at("spread", step) : std::get<double>(cell->second);
  }
  struct Money {
    long double value = 0, cash = 0;
  };
  // If the lessee pays at all steps before `stop`.
  Money rents_until(int h, int stop) const {
    Money m;
    for (const Rent& r : rents())
      if (step_of(r.date) <= h)
        m.cash += step_of(r.date) < stop ? r.amount * fx(step_of(r.date)) : 0;
      else if (stop > h)
        m.value += r.amount * discount(r.date, h, spread(h)) * fx(h);
    return m;
  }
  Money undisturbed(int h) const {
    Money m = rents_until(h, 1000);
    const double maturity = number("maturity_years");
    const int end = step_of(maturity), n = std::min(h, end);
    const long double residual =
        (1 - static_cast<long double>(number("sale_cost"))) * asset(n) * aged(maturity - w.time(n)) * fx(n);
    (h < end ? m.value : m.cash) += residual;
    return m;
  }
  Money after(const Default& d, int h) const {
    Money m = rents_until(h, d.step);
    const double maturity = number("maturity_years");
    double last = 0;
    for (const Rent& r : rents())
      if (r.date <= w.time(d.step - 1) + 1e-9) last = r.date;
    const long double owed =
        (1 - static_cast<long double>(d.loss_given_default)) * number("rent") * (std::min(w.time(d.step), maturity) - last);
    const int paid = d.step + steps_of(w.recovery_delay_years[static_cast<std::size_t>(d.obligor)]);
    if (h >= paid)
      m.cash += owed * fx(paid);
    else
      m.value += owed * discount(w.time(paid), h, 0) * fx(h);
    const int sale = d.step + steps_of(number("repossession_years"));
    const long double kept = 1 - static_cast<long double>(number("sale_cost"));
    if (h >= sale)
      m.cash += kept * asset(sale) * fx(sale);
    else
      m.value += kept * asset(h) * aged(w.time(sale) - w.time(h)) * fx(h);
    return m;
  }
  const Default* default_by(int h) const {
    for (const Default& d : w.block.defaults)
      if (d.obligor == line.obligor && d.lane == lane && d.step <= h && d.step <= step_of(number("maturity_years")))
        return &d;
    return nullptr;
  }
  Outcome outcome(int h) const {
    const Money without = undisturbed(h);
    const Default* const d = default_by(h);
    const Money m = d == nullptr ? without : after(*d, h);
    const long double q = line.quantity;
    return {static_cast<double>(q * m.value),
            static_cast<double>(q * m.cash),
            static_cast<double>(q * (without.value + without.cash - m.value - m.cash)),
            {d == nullptr ? 0.0 : 1.0, d == nullptr ? 0.0 : static_cast<double>(q * asset(d->step) * fx(d->step))}};
  }
};

std::vector<Line> lines(World& w) {
  std::vector<Line> out;
  for (std::uint32_t i = 0; i < 160; ++i) {
    Line line{.leaf = 1 + i % 3,
              .currency = i % 2 ? w.factor("EURUSD") : FactorIndex{none},
              .quantity = i % 7 == 3 ? -0.5 : 2,
              .obligor = i % 9 == 4 ? ObligorIndex{none} : ObligorIndex{i * 5 % obligors},
              .cells = {{"asset_value", w.uniform(1e5, 3e6)}, {"rent", i % 11 == 5 ? 0 : w.uniform(2e4, 5e5)}}};
    line.cells["curve"] = CurveIndex{i % 5 < 2};
    line.cells["maturity_years"] = i % 4 == 0   ? (1 + i % 8) / 12.0
                                   : i % 4 == 1 ? w.uniform(0.02, 0.6)
                                   : i % 4 == 2 ? 5.0
                                                : w.uniform(0.5, 8);
    if (i % 3) line.cells["index_factor"] = w.factor(i % 3 == 1 ? "AIRCRAFT" : "CHIPS");
    if (i % 5 == 1) line.cells["beta"] = w.uniform(0, 2);
    if (i % 4) line.cells["idiosyncratic_volatility"] = w.uniform(0, 0.4);
    if (i % 6) line.cells["depreciation"] = w.uniform(0, 0.5);
    if (i % 3 == 2) line.cells["frequency"] = std::array{1.0, 4.0, 7.0, 52.0}[i / 3 % 4];
    if (i % 4 > 1) line.cells["spread"] = i % 8 < 4 ? Cell(w.uniform(-0.02, 0.1)) : Cell(w.factor("SPREAD"));
    if (i % 2) line.cells["sale_cost"] = w.uniform(0, 0.2);
    if (i % 5 > 1) line.cells["repossession_years"] = std::array{0.01, 1.0 / 6, 3.0}[i % 5 - 2];
    out.push_back(line);
  }
  return out;
}

}  // namespace

TEST_CASE("a lease is worth its rents and what its asset will bring, also after a default", "[lease]") {
  World w = world();
  const std::vector<Line> book = lines(w);
  const Positions positions = table(instrument("lease"), book);
  const auto expected = [&](std::size_t p, std::size_t v, int lane) {
    return Plain{w, book[p], positions.id[p], lane}.outcome(w.market.valued[v]);
  };
  const Errors errors = compare(instrument("lease"), positions, w, obligors, expected);
  INFO(errors.where << ": " << errors.reference << ", leaf " << errors.leaf);
  CHECK(errors.reference < 1e-13);
  CHECK(errors.leaf < 1e-14);
  CHECK(errors.units <= 1);
}

TEST_CASE("what a lease is worth, has paid and has lost is what it would be without defaults", "[lease]") {
  World w = world();
  const std::vector<Line> book = lines(w);
  Compiled with(instrument("lease"), table(instrument("lease"), book), w, Detail::position, obligors),
      without(instrument("lease"), table(instrument("lease"), book), w, Detail::position, obligors);
  w.discount();
  with.evaluate(w.block);
  w.block.defaults.clear();
  without.evaluate(w.block);
  double largest = 0;
  int losses = 0;
  for (std::size_t p = 0; p < book.size(); ++p)
    for (int v = 0; v < 3; ++v)
      for (int lane = 0; lane < lanes; ++lane) {
        const double kept = with.value(p, v, lane) + with.cash(p, v, lane), lost = with.credit(p, v, lane);
        const double whole = without.value(p, v, lane) + without.cash(p, v, lane);
        largest = std::max(largest, std::abs(kept + lost - whole) / std::abs(with.batch->value_today[p]));
        losses += lost != 0;
        if (without.credit(p, v, lane) != 0 || without.gauge(p, 0, v, lane) != 0) FAIL("a loss without a default");
      }
  CHECK(losses > 1000);
  CHECK(largest < 1e-14);
}

TEST_CASE("a lease has the same bits alone as in a book", "[lease]") {
  World w = world();
  const std::vector<Line> book = lines(w);
  const Instrument& type = instrument("lease");
  const Positions positions = table(type, book);
  Compiled all(type, positions, w, Detail::position, obligors);
  w.discount();
  all.evaluate(w.block);
  for (std::size_t p = 0; p < book.size(); p += 13) {
    Positions alone = table(type, {book[p]});
    alone.id[0] = positions.id[p];
    Compiled one(type, alone, w, Detail::position, obligors);
    w.discount();
    one.evaluate(w.block);
    const auto same = [&](const LaneTable& a, const LaneTable& b, std::size_t row, std::size_t rows) {
      return std::memcmp(a(row * rows, 0).data(), b(0, 0).data(), rows * 3 * lanes * sizeof(double)) == 0;
    };
    CHECK(same(all.ledger.value, one.ledger.value, p, 1));
    CHECK(same(all.ledger.cash, one.ledger.cash, p, 1));
    CHECK(same(all.ledger.credit_loss, one.ledger.credit_loss, p, 1));
    CHECK(same(all.ledger.gauges, one.ledger.gauges, p, 2));
  }
}

namespace {

// Quarters of a year at rates of 0; the asset halves in each.
World halving() {
  World w(5, 0.25, {1, 2, 3, 4, 5}, 62);
  w.add("RATE", Process::normal, 0, 0);
  w.market.curves.push_back({{1, w.factor("RATE")}});
  w.draw_factors();
  w.loss_given_default = {0.4};
  w.recovery_delay_years = {0.5};
  return w;
}
Line halving_lease() {
  return {.obligor = ObligorIndex{0},
          .cells = {{"asset_value", 1000.0},
                    {"depreciation", std::log(16.0)},
                    {"rent", 120.0},
                    {"maturity_years", 1.0},
                    {"curve", CurveIndex{0}},
                    {"sale_cost", 0.1},
                    {"repossession_years", 0.25}}};
}

}  // namespace

// Rents of 10 a month. The default at half a year leaves those of the second quarter unpaid: 60 % of 30 half a year later;
// the asset is taken back at 250 and sold at 125 less a tenth. Without it there would be 120 in rents and 0.9 x 62.5.
TEST_CASE("the default of a lessee, by hand", "[lease]") {
  World w = halving();
  w.block.defaults = {{ObligorIndex{0}, 7, 2, 0.4}};
  Compiled batch(instrument("lease"), table(instrument("lease"), {halving_lease()}), w, Detail::leaf, 1);
  w.discount();
  batch.evaluate(w.block);
  CHECK(batch.batch->value_today[0] == Approx(120 + 56.25).epsilon(1e-13));
  CHECK(batch.batch->gross[0] > 1120);
  CHECK((batch.batch->reads_defaults && batch.batch->reads.empty()));
  CHECK(batch.batch->reads_curves == std::vector<CurveIndex>{CurveIndex{0}});
  const double value[] = {146.25, 112.5 + 18, 18, 0, 0}, cash[] = {30, 30, 142.5, 160.5, 160.5};
  const double unharmed[] = {146.25, 116.25, 86.25, 0, 0}, paid[] = {30, 60, 90, 176.25, 176.25};
  for (int v = 0; v < 5; ++v) {
    INFO(v);
    CHECK(batch.value(0, v, 7) == Approx(value[v]).epsilon(1e-13).margin(1e-11));
    CHECK(batch.cash(0, v, 7) == Approx(cash[v]).epsilon(1e-13));
    CHECK(batch.credit(0, v, 7) == Approx(v == 0 ? 0 : 15.75).epsilon(1e-12).margin(1e-15));
    CHECK(batch.gauge(0, 0, v, 7) == (v == 0 ? 0 : 1));
    CHECK(batch.gauge(0, 1, v, 7) == Approx(v == 0 ? 0 : 250).epsilon(1e-14));
    CHECK(batch.value(0, v, 8) == Approx(unharmed[v]).epsilon(1e-13).margin(1e-15));
    CHECK(batch.cash(0, v, 8) == Approx(paid[v]).epsilon(1e-13));
    CHECK(batch.credit(0, v, 8) == 0);
  }
}

// Without costs, delays and a loss on what is owed, the lessor loses rents to come and is spared what age would have taken:
// rent (T - t) - V (e^(-a t) - e^(-a T)) with a default at t. After the end a default changes nothing.
TEST_CASE("a lessee that pays what it owes costs the rents to come less the use of the asset", "[lease]") {
  World w = halving();
  w.recovery_delay_years = {};
  for (std::uint16_t d = 1; d <= 5; ++d) w.block.defaults.push_back({ObligorIndex{0}, d, d, 0});
  Line line = halving_lease();
  line.cells["sale_cost"] = 0.0, line.cells["repossession_years"] = 0.0;
  Compiled batch(instrument("lease"), table(instrument("lease"), {line}), w, Detail::leaf, 1);
  w.discount();
  batch.evaluate(w.block);
  for (int v = 0; v < 5; ++v)
    for (int lane = 1; lane <= 5; ++lane) {
      const double t = 0.25 * lane, lost = 120 * (1 - t) - 1000 * (std::pow(16, -t) - std::pow(16, -1));
      INFO(v << ", default at " << lane);
      CHECK(batch.credit(0, v, lane) == Approx(lane > v + 1 || lane == 5 ? 0 : lost).epsilon(1e-12).margin(1e-11));
      if (lane <= std::min(v + 1, 4)) CHECK(batch.value(0, v, lane) == Approx(0).margin(1e-11));
      CHECK(batch.gauge(0, 0, v, lane) == (lane <= std::min(v + 1, 4) ? 1 : 0));
    }
}

// A date between two steps: the rent of the last, broken period and the sale are cash at the step after it, and the asset
// has aged until the date. Rents are due after 0.1, 0.35 and 0.6 years.
TEST_CASE("a lease that ends between two steps", "[lease]") {
  World w = halving();
  w.block.defaults = {{ObligorIndex{0}, 3, 3, 0.5}, {ObligorIndex{0}, 4, 4, 0.5}};
  w.recovery_delay_years = {0};
  Line line = halving_lease();
  line.cells["maturity_years"] = 0.6, line.cells["frequency"] = 4.0, line.cells["repossession_years"] = 0.0;
  Compiled batch(instrument("lease"), table(instrument("lease"), {line}), w, Detail::leaf, 1);
  w.discount();
  batch.evaluate(w.block);
  const double residual = 900 * std::pow(16, -0.6), cash[] = {12, 42, 72 + residual, 72 + residual, 72 + residual};
  for (int v = 0; v < 5; ++v) {
    CHECK(batch.cash(0, v, 0) == Approx(cash[v]).epsilon(1e-12));
    CHECK(batch.value(0, v, 0) == Approx(72 + residual - cash[v]).epsilon(1e-12).margin(1e-11));
    CHECK(batch.cash(0, v, 4) == batch.cash(0, v, 0));  // it ended before
  }
  // Owed from 0.35 until 0.6: half of 30; sold at 0.75.
  CHECK(batch.cash(0, 2, 3) == Approx(42 + 15 + 900 * 0.125).epsilon(1e-12));
}

// At an index that does not move, what the asset brings is expected to be what it is worth today less what age takes, at
// the end and before it. 64 000 scenarios.
TEST_CASE("what its asset is expected to bring is what a lease is worth today", "[lease]") {
  World w = halving();
  Line line = halving_lease();
  line.cells["idiosyncratic_volatility"] = 0.4, line.cells["rent"] = 0.0;
  Compiled batch(instrument("lease"), table(instrument("lease"), {line}), w, Detail::leaf, 1);
  w.discount();
  CHECK(batch.batch->value_today[0] == Approx(900.0 / 16).epsilon(1e-14));
  constexpr int blocks = 1000;
  double sum[2] = {}, squares[2] = {};
  for (int b = 0; b < blocks; ++b) {
    w.block.first_scenario = static_cast<std::uint64_t>(b) * lanes;
    batch.evaluate(w.block);
    for (int lane = 0; lane < lanes; ++lane)
      for (int at = 0; at < 2; ++at) {
        const double x = at == 0 ? batch.value(0, 1, lane) : batch.cash(0, 4, lane);
        sum[at] += x, squares[at] += x * x;
      }
  }
  for (int at = 0; at < 2; ++at) {
    const double n = blocks * lanes, mean = sum[at] / n, variance = squares[at] / n - mean * mean, years = 0.5 + 0.5 * at;
    INFO(mean << " +- " << std::sqrt(variance / n));
    CHECK(agrees(mean, std::sqrt(variance / n), 900.0 / 16));
    CHECK(variance == Approx(900.0 / 16 * 900.0 / 16 * std::expm1(0.16 * years)).epsilon(0.05));
  }
}

// Rents of forty years at -9 %, four standard deviations away.
TEST_CASE("rents are bounded where rates are far below zero", "[lease]") {
  World w(10, 1, {10}, 63);
  w.add("RATE", Process::normal, 0.035, 0.01);
  w.market.curves.push_back({{1, w.factor("RATE")}});
  w.draw_factors();
  for (int lane = 0; lane < lanes; ++lane) w.at("RATE", 10, lane) = -0.09;
  const Line line{.cells = {{"asset_value", 1.0}, {"rent", 100.0}, {"maturity_years", 50.0}, {"curve", CurveIndex{0}}}};
  Compiled batch(instrument("lease"), table(instrument("lease"), {line}), w, Detail::leaf);
  w.discount();
  batch.evaluate(w.block);
  CHECK(batch.value(0, 0, 0) > 30'000);
  CHECK(batch.value(0, 0, 0) + batch.cash(0, 0, 0) < batch.batch->gross[0]);
}

TEST_CASE("a lease whose asset has no index price has no value", "[lease]") {
  World w = world();
  Line line = halving_lease();
  line.cells["index_factor"] = w.factor("CHIPS");
  w.at("CHIPS", 1, 9) = 0;
  Compiled batch(instrument("lease"), table(instrument("lease"), {line}), w, Detail::leaf, obligors);
  w.discount();
  batch.faults.reserve(10);
  batch.evaluate(w.block);
  REQUIRE(batch.faults.size() == 1);
  CHECK(batch.faults[0].lane == 9);
  CHECK(batch.faults[0].position == 0);
  CHECK(batch.faults[0].reason == Reason::no_price);
}

TEST_CASE("what a lease refuses, and what it warns of", "[lease]") {
  const Instrument& type = instrument("lease");
  CHECK(type.sells_at_default);
  CHECK(type.obligor == Instrument::Credit::optional);
  Line line = halving_lease();
  CHECK_FALSE(type.check(table(type, {line}), 0));
  line.cells["frequency"] = 1.5;
  const auto complaint = type.check(table(type, {line}), 0);
  REQUIRE(complaint);
  CHECK((complaint->column == "frequency" && complaint->text == "1.500000 is not a whole number"));
  const auto warning = type.warn(table(type, {line}), 0);
  REQUIRE(warning);
  CHECK(warning->text == "blank, and so is idiosyncratic_volatility: what the asset is sold for never moves");
  line.cells["idiosyncratic_volatility"] = 0.1;
  CHECK_FALSE(type.warn(table(type, {line}), 0));
  line.cells["idiosyncratic_volatility"] = 0.0, line.cells["index_factor"] = FactorIndex{0};
  CHECK_FALSE(type.warn(table(type, {line}), 0));
  std::string allowed, required;
  for (const Column& column : type.columns) {
    if (column.kind != CellKind::curve) allowed += std::string(column.name) + " " + std::string(column.allowed.words) + "\n";
    if (!column.otherwise) required += std::string(column.name) + " ";
  }
  CHECK(required == "asset_value rent maturity_years curve ");
  CHECK(allowed ==
        "asset_value positive\nindex_factor positive\nbeta between 0 and 5\nidiosyncratic_volatility between 0 and 5\n"
        "depreciation between 0 and 10\nrent zero or more\nfrequency a whole number between 1 and 365\n"
        "maturity_years positive and at most 100\nspread between -1 and 5\nsale_cost between 0 and 1\n"
        "repossession_years between 0 and 100\n");
}
