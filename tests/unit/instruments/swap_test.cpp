#include "tests/catch_any.h"
#include "tests/unit/instruments/book.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

World world() {
  World w(8, 1.0 / 12, {1, 4, 8}, 61);
  w.add("RATE_1Y", Process::normal, 0.04, 0.02);
  w.add("RATE_5Y", Process::normal, 0.03, 0.015);
  w.add("EUR_2Y", Process::normal, 0.02, 0.01);
  w.add("EURUSD", Process::lognormal, 1.1, 0.1);
  w.market.curves.push_back({{1, w.factor("RATE_1Y")}, {5, w.factor("RATE_5Y")}});
  w.market.curves.push_back({{2, w.factor("EUR_2Y")}});
  w.draw_factors();
  return w;
}
void flatten(World& w, double rate) {
  for (int n = 0; n <= w.market.steps; ++n)
    for (int lane = 0; lane < lanes; ++lane) w.at("RATE_1Y", n, lane) = w.at("RATE_5Y", n, lane) = rate;
  w.market.factors[0].initial = w.market.factors[1].initial = rate;
}
double cell(const Line& line, const std::string& name, double otherwise) {
  const auto at = line.cells.find(name);
  return at == line.cells.end() ? otherwise : std::get<double>(at->second);
}
int step_at(const World& w, double years) { return static_cast<int>(std::ceil(years / w.market.step_years - 1e-8)); }

// What a swap says, straight from the definition.
struct Deal {
  const World& w;
  const Line& line;
  struct Period {
    double start, end;
    int paid;
  };
  std::vector<Period> periods = {};
  long double current = 0, fixed_rate = 0;  // the first floating rate times its period, without margin

  Deal(const World& world, const Line& of) : w(world), line(of) {
    const double maturity = cell(line, "maturity_years", 0), f = cell(line, "frequency", 4),
                 margin = cell(line, "margin", 0);
    for (int k = 0; maturity - k / f > 1e-9; ++k) {
      const double start = maturity - (k + 1) / f, end = maturity - k / f;
      periods.insert(periods.begin(), {start > 1e-9 ? start : 0, end, std::max(1, step_at(w, end))});
    }
    const Period& first = periods.front();
    current = line.cells.contains("reset_rate")
                  ? (cell(line, "reset_rate", 0) - margin) * static_cast<long double>(first.end - first.start)
                  : 1 / bond_today(first.end) - 1;
    long double floating = 0, annuity = 0;
    for (const Period& p : periods) {
      const long double rate = p.start == 0 ? current : bond_today(p.start) / bond_today(p.end) - 1;
      floating += (rate + margin * (p.end - p.start)) * bond_today(p.end);
      annuity += (p.end - p.start) * bond_today(p.end);
    }
    fixed_rate = line.cells.contains("fixed_rate") ? cell(line, "fixed_rate", 0) : floating / annuity;
  }
  CurveIndex curve() const { return std::get<CurveIndex>(line.cells.at("curve")); }
  long double bond_today(double date) const {
    const auto& pillars = w.market.curves[static_cast<std::size_t>(curve())];
    const auto rate = [&](std::size_t i) {
      return w.market.factors[static_cast<std::size_t>(pillars[i].zero_rate)].initial;
    };
    long double z = rate(0);
    if (pillars.size() > 1 && date > pillars[0].tenor_years)
      z += (rate(1) - rate(0)) *
           std::min((date - pillars[0].tenor_years) / (pillars[1].tenor_years - pillars[0].tenor_years), 1.0);
    return expl(-z * date);
  }
};
// In one scenario: all floating rates one by one, no sums that telescope.
struct Plain {
  using Period = Deal::Period;
  const Deal& deal;
  int lane;
  const World& w = deal.w;
  const Line& line = deal.line;
  long double bond(double date, int step) const {
    const double left = date - w.time(step);
    return expl(-w.zero_rate(deal.curve(), left, step, lane) * static_cast<long double>(left));
  }
  long double fx(int step) const {
    return is_none(line.currency) ? 1 : w.block.factors(line.currency, step)[static_cast<std::size_t>(lane)];
  }
  long double notional() const {
    const double sign = std::get<std::string>(line.cells.at("side")) == "payer" ? 1 : -1;
    return sign * line.quantity * static_cast<long double>(cell(line, "notional", 0));
  }
  // What a period pays, as seen at a step: fixed, or projected.
  long double pays(const Period& p, int step) const {
    const int fixed = step_at(w, p.start);
    long double rate = 0;
    if (p.start == 0)
      rate = deal.current;
    else if (fixed <= step)
      rate =
          1 / expl(-w.zero_rate(deal.curve(), p.end - p.start, fixed, lane) * static_cast<long double>(p.end - p.start)) - 1;
    else
      rate = bond(p.start, step) / bond(p.end, step) - 1;
    return notional() * (rate + (cell(line, "margin", 0) - deal.fixed_rate) * (p.end - p.start));
  }
  long double worth(int step) const {
    long double sum = 0;
    for (const Period& p : deal.periods)
      if (p.paid > step) sum += pays(p, step) * bond(p.end, step);
    return sum;
  }
  long double received(int after, int until) const {
    long double sum = 0;
    for (const Period& p : deal.periods)
      if (p.paid > after && p.paid <= until) sum += pays(p, p.paid) * fx(p.paid);
    return sum;
  }
  Outcome outcome(int h) const {
    int failed = is_none(line.obligor) ? w.market.steps + 1 : w.default_step(line.obligor, lane);
    if (failed > deal.periods.back().paid) failed = w.market.steps + 1;
    const long double value = worth(h) * fx(h), cash = received(0, h);
    if (failed > h) return {static_cast<double>(value), static_cast<double>(cash), 0, {0, 0}};
    long double claim = worth(failed), held = 0;
    for (const Period& p : deal.periods)
      if (p.paid == failed) claim += pays(p, failed);
    if (line.cells.contains("threshold")) {
      const long double before = worth(failed - 1), most = std::abs(line.quantity) * cell(line, "threshold", 0);
      held = before > most ? before - most : before < -most ? before + most : 0;
    }
    const auto o = static_cast<std::size_t>(line.obligor);
    const double delay = w.recovery_delay_years.empty() ? 0 : w.recovery_delay_years[o];
    const int arrives = failed + static_cast<int>(std::ceil(delay / w.market.step_years - 1e-8));
    const long double open = claim - held, late = open > 0 ? (1 - w.loss_given_default[o]) * open : 0;
    long double value_left = 0, cash_left = received(0, failed - 1) + (held + (open < 0 ? open : 0)) * fx(failed);
    if (h >= arrives)
      cash_left += late * fx(arrives);
    else
      value_left = late * fx(h) * bond(arrives * w.market.step_years, h);
    return {static_cast<double>(value_left),
            static_cast<double>(cash_left),
            static_cast<double>(value + cash - value_left - cash_left),
            {1, static_cast<double>(open > 0 ? open * fx(failed) : 0)}};
  }
};

Line swap_of(const std::string& side, const std::map<std::string, Cell>& cells) {
  Line line{.cells = {{"side", side}, {"notional", 1000.0}, {"maturity_years", 1.0}, {"curve", CurveIndex{0}}}};
  for (const auto& [name, value] : cells) line.cells[name] = value;
  return line;
}

}  // namespace

TEST_CASE("swaps are worth their legs, date by date, and are closed out at a default", "[swap]") {
  World w = world();
  constexpr std::uint32_t obligors = 25;
  w.draw_defaults(obligors, 5);
  for (std::uint32_t o = 0; o < obligors; ++o) w.recovery_delay_years.push_back(o % 3 ? 0.05 * (o % 7) : 0);
  std::vector<Line> book;
  for (std::size_t i = 0; i < 150; ++i) {
    const bool euros = i % 5 == 2;
    Line line{.leaf = 1 + static_cast<std::uint32_t>(i % 3),
              .currency = euros ? w.factor("EURUSD") : FactorIndex{none},
              .quantity = i % 7 == 3 ? -1.5 : 1,
              .obligor = i % 6 ? ObligorIndex{static_cast<std::uint32_t>(w.random() % obligors)} : ObligorIndex{none},
              .cells = {{"side", std::string(i % 2 ? "payer" : "receiver")},
                        {"notional", w.uniform(100, 10000)},
                        {"maturity_years", i % 4 == 0 ? 2.0 : w.uniform(0.02, i % 4 == 1 ? 0.6 : 8)},
                        {"curve", CurveIndex{euros ? 1u : 0u}}}};
    if (w.random() % 3) line.cells["fixed_rate"] = w.uniform(-0.01, 0.08);
    if (w.random() % 2) line.cells["frequency"] = std::array{1.0, 2.0, 12.0, 52.0}[w.random() % 4];
    if (w.random() % 2) line.cells["margin"] = w.uniform(-0.01, 0.02);
    if (w.random() % 2) line.cells["reset_rate"] = w.uniform(0, 0.06);
    if (!is_none(line.obligor) && w.random() % 2) line.cells["threshold"] = w.random() % 3 ? w.uniform(0, 50) : 0;
    book.push_back(std::move(line));
  }
  const Positions positions = table(instrument("swap"), book);
  std::vector<Deal> deals;
  for (const Line& line : book) deals.emplace_back(w, line);
  const auto expected = [&](std::size_t p, std::size_t v, int lane) {
    return Plain{deals[p], lane}.outcome(w.market.valued[v]);
  };
  // Relative to the notional: a swap at par is worth nothing today.
  Compiled each(instrument("swap"), positions, w, Detail::position, obligors);
  Compiled merged(instrument("swap"), positions, w, Detail::leaf, obligors);
  w.discount();
  each.evaluate(w.block), merged.evaluate(w.block);
  double worst = 0, apart = 0;
  int defaulted = 0, secured = 0;
  for (std::size_t v = 0; v < 3; ++v)
    for (int lane = 0; lane < lanes; ++lane) {
      const int h = static_cast<int>(v);
      std::array<std::array<double, 5>, 3> sum{};
      for (std::size_t p = 0; p < book.size(); ++p) {
        const Outcome e = expected(p, v, lane);
        const double got[] = {each.value(p, h, lane), each.cash(p, h, lane), each.credit(p, h, lane),
                              each.gauge(p, 0, h, lane), each.gauge(p, 1, h, lane)};
        const double wanted[] = {e.value, e.cash, e.credit_loss, e.gauges[0], e.gauges[1]};
        const double scale = cell(book[p], "notional", 0);
        for (std::size_t q = 0; q < 5; ++q) {
          worst = std::max(worst, std::abs(got[q] - wanted[q]) / scale);
          sum[book[p].leaf - 1][q] += got[q];
        }
        defaulted += e.gauges[0] > 0, secured += e.gauges[0] > 0 && book[p].cells.contains("threshold");
      }
      for (std::size_t r = 0; r < 3; ++r) {
        const double leaf[] = {merged.value(r, h, lane), merged.cash(r, h, lane), merged.credit(r, h, lane),
                               merged.gauge(r, 0, h, lane), merged.gauge(r, 1, h, lane)};
        for (std::size_t q = 0; q < 5; ++q) apart = std::max(apart, std::abs(leaf[q] - sum[r][q]) / 250'000);
      }
    }
  CHECK(worst < 1e-13);
  CHECK(apart < 1e-14);
  CHECK(defaulted > 1000);
  CHECK(secured > 300);
  for (std::size_t p = 0; p < book.size(); ++p) {
    CHECK(each.batch->gross[p] < 1000 * cell(book[p], "notional", 0));
    for (int lane = 0; lane < lanes; ++lane)
      CHECK(std::abs(each.value(p, 2, lane)) + std::abs(each.cash(p, 2, lane)) <= each.batch->gross[p]);
  }
}

TEST_CASE("the par rate of a flat curve is that of its compounding", "[swap]") {
  World w = world();
  flatten(w, 0.05);
  const double par = 4 * std::expm1(0.05 / 4);  // (1 - D(1)) / sum D(k / 4) / 4
  const std::vector<Line> book = {swap_of("payer", {}), swap_of("payer", {{"fixed_rate", par}}),
                                  swap_of("receiver", {{"fixed_rate", 0.04}}),
                                  swap_of("payer", {{"margin", 0.01}, {"fixed_rate", par + 0.01}})};
  const Compiled batch(instrument("swap"), table(instrument("swap"), book), w, Detail::position);
  double annuity = 0;
  for (int k = 1; k <= 4; ++k) annuity += std::exp(-0.05 * k / 4) / 4;
  CHECK(batch.batch->value_today[0] == 0);
  CHECK(std::abs(batch.batch->value_today[1]) < 1e-12);
  CHECK(batch.batch->value_today[2] == Approx(1000 * (0.04 - par) * annuity).epsilon(1e-12));
  CHECK(std::abs(batch.batch->value_today[3]) < 1e-12);
}

TEST_CASE("a swap is a floating bond less a fixed one", "[swap]") {
  World w = world();
  const double maturity = 3.4, fixed = 0.035, margin = 0.004, reset = 0.047;
  const std::vector<Line> swaps = {
      swap_of("payer", {{"maturity_years", maturity}, {"fixed_rate", fixed}, {"margin", margin}, {"reset_rate", reset}})};
  std::vector<Line> bonds(2, Line{.cells = {{"notional", 1000.0},
                                            {"maturity_years", maturity},
                                            {"frequency", 4.0},
                                            {"curve", CurveIndex{0}},
                                            {"spread", 0.0}}});
  bonds[0].cells["coupon"] = margin, bonds[0].cells["floating"] = std::string("yes"), bonds[0].cells["reset_rate"] = reset;
  bonds[1].cells["coupon"] = fixed;
  Compiled one(instrument("swap"), table(instrument("swap"), swaps), w, Detail::position);
  Compiled two(instrument("bond"), table(instrument("bond"), bonds), w, Detail::position);
  w.discount();
  one.evaluate(w.block), two.evaluate(w.block);
  CHECK(one.batch->value_today[0] == Approx(two.batch->value_today[0] - two.batch->value_today[1]).margin(1e-10));
  for (int v = 0; v < 3; ++v)
    for (int lane = 0; lane < lanes; ++lane) {
      CHECK(one.value(0, v, lane) == Approx(two.value(0, v, lane) - two.value(1, v, lane)).margin(1e-10));
      CHECK(one.cash(0, v, lane) == Approx(two.cash(0, v, lane) - two.cash(1, v, lane)).margin(1e-10));
    }
}

// A flat curve at 5 % that jumps to 7 % at step 3, when the counterparty of a payer at 5 % fails; LGD 60 %.
TEST_CASE("who is owed loses the rest beyond collateral, who owes pays", "[swap]") {
  World w = world();
  flatten(w, 0.05);
  for (int n = 3; n <= w.market.steps; ++n)
    for (int lane = 0; lane < lanes; ++lane) w.at("RATE_1Y", n, lane) = w.at("RATE_5Y", n, lane) = 0.07;
  w.loss_given_default = {0.6};
  w.block.defaults = {{ObligorIndex{0}, 0, 3, 0.6}};
  const auto with = [](const std::string& side, double quantity, double threshold) {
    Line line = swap_of(side, {{"fixed_rate", 0.05}});
    line.obligor = ObligorIndex{0}, line.quantity = quantity;
    if (threshold >= 0) line.cells["threshold"] = threshold;
    return line;
  };
  const std::vector<Line> book = {with("payer", 1, -1), with("receiver", 1, -1), with("receiver", -1, -1),
                                  with("payer", 1, 0),  with("payer", 1, 0.1),   with("receiver", 1, 0)};
  Compiled batch(instrument("swap"), table(instrument("swap"), book), w, Detail::position, 1);
  w.discount();
  batch.evaluate(w.block);
  // Step 3 is the first payment: at the rate of before, 4 expm1(0.0125). What is left: D(0) - D(0.75) less 0.05 an year.
  const double first = 1000 * (std::expm1(0.05 / 4) - 0.05 / 4);
  double annuity = 0;
  for (int k = 1; k <= 3; ++k) annuity += std::exp(-0.07 * k / 4) / 4;
  const double claim = first + 1000 * (1 - std::exp(-0.07 * 0.75) - 0.05 * annuity);
  const auto before = [&] {  // at step 2, at 5 %
    double sum = 0;
    for (int k = 0; k <= 3; ++k) sum += first * std::exp(-0.05 * (1.0 / 12 + 0.25 * k));
    return sum;
  }();
  const double paid[] = {0.4 * claim,
                         -claim,
                         0.4 * claim,
                         before + 0.4 * (claim - before),
                         before - 0.1 + 0.4 * (claim - before + 0.1),
                         -before - (claim - before)};
  REQUIRE(before > 0.1);
  for (std::size_t p = 0; p < book.size(); ++p) {
    INFO(p);
    CHECK(batch.value(p, 1, 0) == Approx(0).margin(1e-10));
    CHECK(batch.cash(p, 1, 0) == Approx(paid[p]).margin(1e-10));
    CHECK(batch.cash(p, 2, 0) == Approx(paid[p]).margin(1e-10));
    CHECK(batch.credit(p, 0, 0) == 0);
    CHECK(batch.gauge(p, 0, 2, 0) == 1);
    // In the next scenario nobody fails.
    const double undisturbed = batch.value(p, 2, 1) + batch.cash(p, 2, 1);
    CHECK(batch.value(p, 2, 0) + batch.cash(p, 2, 0) + batch.credit(p, 2, 0) == Approx(undisturbed).margin(1e-10));
  }
  const double exposed[] = {claim, 0, claim, claim - before, claim - before + 0.1, 0};
  for (std::size_t p = 0; p < book.size(); ++p) CHECK(batch.gauge(p, 1, 1, 0) == Approx(exposed[p]).margin(1e-10));
  CHECK(batch.batch->reads_defaults);
}

// What secures a swap at step 0 is what it was worth before a shock of that step.
TEST_CASE("collateral does not know of a shock just after today", "[swap]") {
  World w = world();
  flatten(w, 0.05);
  for (int n = 0; n <= w.market.steps; ++n)
    for (int lane = 0; lane < lanes; ++lane) w.at("RATE_1Y", n, lane) = w.at("RATE_5Y", n, lane) = 0.08;
  w.loss_given_default = {0.6};
  w.block.defaults = {{ObligorIndex{0}, 0, 1, 0.6}};
  Line line = swap_of("payer", {{"maturity_years", 5.0}, {"threshold", 0.0}});
  line.obligor = ObligorIndex{0};
  Compiled batch(instrument("swap"), table(instrument("swap"), {line}), w, Detail::position, 1);
  w.discount();
  batch.evaluate(w.block);
  const double claim = batch.value(0, 0, 1);  // of the next scenario, where nobody fails
  REQUIRE(claim > 80);
  CHECK(batch.cash(0, 0, 0) == Approx(0.4 * claim));
  CHECK(batch.credit(0, 0, 0) == Approx(0.6 * claim));
}

TEST_CASE("a threshold without a counterparty and half a payment are refused", "[swap]") {
  Line alone = swap_of("payer", {{"threshold", 10.0}});
  Line odd = swap_of("payer", {{"frequency", 2.5}});
  const Positions positions = table(instrument("swap"), {alone, odd, swap_of("payer", {})});
  const auto first = instrument("swap").check(positions, 0), second = instrument("swap").check(positions, 1);
  REQUIRE((first && second));
  CHECK(first->column == "threshold");
  CHECK(first->text == "only a swap with an obligor has one");
  CHECK(second->column == "frequency");
  CHECK(second->text == "2.500000 is not a whole number");
  CHECK_FALSE(instrument("swap").check(positions, 2));
}
