#include "kernels/instruments/cash_flows.h"
#include "kernels/math/functions.h"
#include "tests/catch_any.h"
#include "tests/reference.h"
#include "tests/unit/instruments/claims.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

constexpr std::uint32_t obligors = 30;
Repayment reference_loan(const nlohmann::json& in) {
  return {in["P"], in["nominal_rate"], in["per_year"], in["n_payments"].get<double>() / in["per_year"].get<double>(),
          Amortisation::annuity};
}

}  // namespace

TEST_CASE("loans agree with the definition, on and off the grid of steps", "[loan]") {
  for (const bool on_grid : {true, false}) {
    World w = credit_world(12, 1.0 / 12, {1, 3, 12}, obligors, on_grid ? 3 : 4);
    const RandomClaims book = random_claims(w, "loan", 120, obligors, on_grid);
    const Errors errors = compare_claims(w, "loan", book, obligors);
    INFO(errors.where);
    CHECK(errors.reference < 2e-14);
    CHECK(errors.leaf < 1e-14);
    CHECK(errors.units <= 1);
  }
}

// Monthly loans share their dates, whatever their rates, prepayments and spreads: nearly all are in smooth chains.
TEST_CASE("loans that share their dates agree with the definition", "[loan]") {
  for (const bool waiting : {true, false}) {
    World w = credit_world(12, 1.0 / 12, {1, 3, 7, 9, 12}, obligors, 35);
    for (std::uint32_t o = 0; o < obligors && waiting; ++o) w.recovery_delay_years.push_back(0.2 * (o % 4));
    const RandomClaims book = random_claims(w, "loan", 160, obligors, true, 12);
    const Errors errors = compare_claims(w, "loan", book, obligors);
    INFO(errors.where);
    CHECK(errors.reference < 2e-14);
    CHECK(errors.leaf < 1e-14);
    CHECK(errors.units <= 1);
  }
}

// Spreads that are factors, recoveries at once: plain chains, whose later claims are corrected by what hangs on the step
// alone.
TEST_CASE("claims in plain chains agree with the definition, and bits do not depend on who listens", "[loan]") {
  using Steps = std::vector<int>;
  for (const Steps& valued : {Steps{12}, Steps{5, 9}, Steps{3, 6, 12}, Steps{1, 2, 7, 11}, Steps{1, 3, 4, 7, 12}}) {
    World w = credit_world(12, 1.0 / 12, valued, obligors, 51);
    RandomClaims book;
    for (int i = 0; i < 700; ++i) {
      const char kind = "bal"[w.random() % 3];
      const int frequency = w.random() % 2 ? 12 : 4, months = 1 + static_cast<int>(w.random() % 90);
      const double principal = w.uniform(1e3, 1e6), rate = w.random() % 8 == 0 ? 0 : w.uniform(0.01, 0.14);
      Line line;
      line.leaf = 1 + static_cast<std::uint32_t>(w.random() % 5);
      line.currency = w.random() % 2 ? FactorIndex{none} : w.factor("EURUSD");
      line.obligor = ObligorIndex{static_cast<std::uint32_t>(w.random() % obligors)};
      line.cells = {{"frequency", static_cast<double>(frequency)},
                    {"maturity_years", months / 12.0},
                    {"curve", CurveIndex{0}},
                    {"principal", principal},
                    {"rate", rate},
                    {"spread", w.factor("SPREAD")}};
      line.cells["amortisation"] = std::string(kind == 'b' ? "bullet" : kind == 'a' ? "annuity" : "linear");
      PlainClaim plain = plain_claim(kind, principal, rate, frequency, months / 12.0L);
      plain.curve = CurveIndex{0}, plain.spread_factor = w.factor("SPREAD");
      book.lines.push_back(std::move(line)), book.plain.push_back(std::move(plain));
    }
    const Errors errors = compare_claims(w, "loan", book, obligors);
    INFO(errors.where << ", " << valued.size() << " valued steps");
    CHECK(errors.reference < 2e-14);
    CHECK(errors.leaf < 1e-14);
    CHECK(errors.units <= 1);
  }
}

TEST_CASE("a scenario without an exchange rate leaves its neighbours alone", "[loan]") {
  for (const double months : {11.0, 40.0}) {
    World w = credit_world(12, 1.0 / 12, {12}, obligors, 52);
    std::vector<Line> lines;
    for (std::uint32_t i = 0; i < 3 * obligors; ++i) {
      Line line;
      line.leaf = 1 + i % 5, line.currency = w.factor("EURUSD"), line.obligor = ObligorIndex{i % obligors};
      line.cells = {{"frequency", 12.0}, {"maturity_years", months / 12}, {"curve", CurveIndex{0}}, {"principal", 1e5},
                    {"rate", 0.05},      {"spread", w.factor("SPREAD")}};
      line.cells["amortisation"] = std::string(i % 2 ? "annuity" : "linear");
      lines.push_back(line);
    }
    const Positions positions = table(instrument("loan"), lines);
    const auto values = [&] { return leaf_values(w, "loan", positions, obligors); };
    const std::vector<double> before = values();
    for (const int lane : {5, 63})
      for (int n = 1; n <= w.market.steps; ++n) w.at("EURUSD", n, lane) = std::nan("");
    const std::vector<double> after = values();
    for (std::size_t i = 0; i < after.size(); ++i)
      if (i % lanes != 5 && i % lanes != 63) CHECK(after[i] == before[i]);
  }
}

TEST_CASE("defaults behind the last valued step change nothing", "[loan]") {
  for (const int per_year : {0, 12}) {
    World w = credit_world(12, 1.0 / 12, {1, 3, 7}, obligors, 36);
    const RandomClaims book = random_claims(w, "loan", 160, obligors, true, per_year);
    const Errors errors = compare_claims(w, "loan", book, obligors);
    INFO(errors.where);
    CHECK(errors.reference < 2e-14);
    CHECK(errors.leaf < 1e-14);
    CHECK(errors.units <= 1);
  }
}

TEST_CASE("yearly steps miss all payments since the step before default", "[loan]") {
  World w = credit_world(3, 1.0, {1, 2, 3}, obligors, 8);
  const RandomClaims book = random_claims(w, "loan", 80, obligors, true);
  const Errors errors = compare_claims(w, "loan", book, obligors);
  INFO(errors.where);
  CHECK(errors.reference < 2e-14);
  CHECK(errors.leaf < 1e-14);
}

TEST_CASE("recoveries may wait, beyond the last step too", "[loan]") {
  for (const double step_years : {1.0 / 12, 1.0}) {
    World w = credit_world(12, step_years, {1, 3, 12}, obligors, 9);
    for (std::uint32_t o = 0; o < obligors; ++o) w.recovery_delay_years.push_back(0.25 * (o % 9) * (o % 2 ? 1 : 0.9));
    const RandomClaims book = random_claims(w, "loan", 120, obligors, true);
    const Errors errors = compare_claims(w, "loan", book, obligors);
    INFO(errors.where);
    CHECK(errors.reference < 2e-14);
    CHECK(errors.leaf < 1e-14);
    CHECK(errors.units <= 1);
  }
}

// One path by hand: a loan in euros, quarterly interest, default in the fourth quarter of five, cash two quarters later.
TEST_CASE("money is converted on the day it moves", "[loan]") {
  World w(6, 0.25, {1, 2, 3, 4, 5, 6}, 1);
  w.add("R", Process::normal, 0, 0);
  w.add("EURUSD", Process::lognormal, 1, 0);
  w.market.curves = {{{1, w.factor("R")}}};
  w.draw_factors();
  const double dollars[] = {1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6};
  for (int n = 0; n <= 6; ++n)
    for (int k = 0; k < lanes; ++k) w.at("EURUSD", n, k) = dollars[n], w.at("R", n, k) = 0;
  w.recovery_delay_years = {0.4};
  w.block.defaults = {{ObligorIndex{0}, 7, 4, 0.75}};
  const Line line{.currency = w.factor("EURUSD"),
                  .obligor = ObligorIndex{0},
                  .cells = {{"principal", 1000.0},
                            {"rate", 0.08},
                            {"frequency", 4.0},
                            {"maturity_years", 1.25},
                            {"curve", CurveIndex{0}},
                            {"spread", 0.0}}};
  Compiled loan(instrument("loan"), table(instrument("loan"), {line}), w, Detail::leaf, 1);
  w.discount();
  loan.evaluate(w.block);
  const double paid = 20 * (1.1 + 1.2 + 1.3);  // then a claim of 1020, of which a quarter comes at 1.6
  const double value[] = {1.1 * 1080, 1.2 * 1060, 1.3 * 1040, 1.4 * 255, 1.5 * 255, 0};
  const double cash[] = {22, 46, paid, paid, paid, paid + 1.6 * 255};
  const double other[] = {22, 46, paid, paid + 28, paid + 28 + 1530, paid + 28 + 1530};
  for (int v = 0; v < 6; ++v) {
    INFO("valued step " << v + 1);
    CHECK(loan.value(0, v, 7) == Approx(value[v]).margin(1e-9));
    CHECK(loan.cash(0, v, 7) == Approx(cash[v]).epsilon(1e-13));
    CHECK(loan.cash(0, v, 8) == Approx(other[v]).epsilon(1e-13));
    const double promised = loan.value(0, v, 8) + loan.cash(0, v, 8);
    CHECK(loan.credit(0, v, 7) == Approx(promised - value[v] - cash[v]).margin(1e-9));
    CHECK(loan.gauge(0, 1, v, 7) == Approx(v < 3 ? 0 : 1.4 * 1020).margin(1e-9));
  }
}

TEST_CASE("interest that is added to the principal", "[loan]") {
  const std::vector<Flow> flows = repayments({1000, 0.12, 4, 0.6, Amortisation::pik}, {0.0, 0.1, 0.2});
  REQUIRE(flows.size() == 3);
  CHECK(flows[0].amount == 0);
  CHECK(flows[1].amount == 0);
  CHECK(flows[0].balance == Approx(1012).epsilon(1e-14));
  CHECK(flows[1].balance == Approx(1012 * 1.03).epsilon(1e-14));
  CHECK(flows[2].amount == Approx(1012 * 1.03 * 1.03).epsilon(1e-14));
  CHECK(flows[2].balance == 0);
}

// With a discount rate equal to the loan's rate, early repayment at par changes no value; its life follows the rate.
TEST_CASE("prepayment at a constant rate", "[loan]") {
  const double cpr = 0.1, rate = 0.06, monthly = 1 - std::pow(1 - cpr, 1 / 12.0);
  for (const Amortisation form : {Amortisation::bullet, Amortisation::annuity, Amortisation::linear, Amortisation::pik}) {
    const std::vector<Flow> flows = repayments({1000, rate, 12, 10, form, cpr}, {0.0, 1.0 / 12});
    const std::vector<Flow> scheduled = repayments({1000, rate, 12, 10, form}, {0.0, 1.0 / 12});
    double worth = 0, discount = 1, balance = 1000;
    for (std::size_t k = 0; k < flows.size(); ++k) {
      discount /= 1 + rate / 12;
      worth += flows[k].amount * discount;
      CHECK(flows[k].balance ==
            Approx(std::pow(1 - monthly, static_cast<double>(k + 1)) * scheduled[k].balance).margin(1e-9));
      CHECK(balance * (1 + rate / 12) - flows[k].amount == Approx(flows[k].balance).margin(1e-9));
      balance = flows[k].balance;
    }
    CHECK(worth == Approx(1000).epsilon(1e-13));
  }
  const std::vector<Flow> at_once = repayments({1000, rate, 12, 10, Amortisation::annuity, 1}, {0.0, 1.0 / 12});
  CHECK(at_once[0].amount == Approx(1005).epsilon(1e-14));
  CHECK(at_once[1].amount == 0);
}

// Many defaults are corrected from transposed discount factors, few from the block's own: the same numbers.
TEST_CASE("a default costs the same bits alone and among many", "[loan]") {
  World w = credit_world(12, 1.0 / 12, {1, 3, 12}, obligors, 33);
  RandomClaims book = random_claims(w, "loan", 60, obligors, true);
  for (std::size_t i = 0; i < book.lines.size(); ++i) book.lines[i].obligor = ObligorIndex{static_cast<std::uint32_t>(i)};
  w.draw_defaults(60, 2);
  Compiled loans(instrument("loan"), table(instrument("loan"), book.lines), w, Detail::position, 60);
  w.discount();
  loans.evaluate(w.block);
  const std::size_t transposed = loans.ledger.scratch.size();
  const std::vector<Default> all = w.block.defaults;
  Compiled alone(instrument("loan"), table(instrument("loan"), book.lines), w, Detail::position, 60);
  for (std::size_t i = 0; i < all.size(); i += 7) {
    w.block.defaults = {all[i]};
    alone.evaluate(w.block);
    REQUIRE(alone.ledger.scratch.size() < transposed);
    const auto row = static_cast<std::size_t>(all[i].obligor);
    for (int v = 0; v < 3; ++v) {
      CHECK(alone.value(row, v, all[i].lane) == loans.value(row, v, all[i].lane));
      CHECK(alone.credit(row, v, all[i].lane) == loans.credit(row, v, all[i].lane));
    }
  }
}

TEST_CASE("every instruction set gives the same bits", "[loan]") {
  World w = credit_world(12, 1.0 / 12, {1, 3, 12}, obligors, 34);
  RandomClaims book = random_claims(w, "loan", 200, obligors, false);
  for (Line& monthly : random_claims(w, "loan", 200, obligors, true, 12).lines) book.lines.push_back(std::move(monthly));
  Compiled wide(instrument("loan"), table(instrument("loan"), book.lines), w, Detail::leaf, obligors);
  Compiled narrow(instrument("loan"), table(instrument("loan"), book.lines), w, Detail::leaf, obligors);
  w.discount();
  wide.evaluate(w.block);
  REQUIRE(limit_simd("avx2"));
  narrow.evaluate(w.block);
  limit_simd("avx512");
  for (std::size_t r = 0; r < wide.wiring.row_count; ++r)
    for (int v = 0; v < 3; ++v)
      for (int lane = 0; lane < lanes; ++lane) CHECK(wide.value(r, v, lane) == narrow.value(r, v, lane));
}

TEST_CASE("a level payment and its balances", "[loan]") {
  const auto json = reference("bonds_loans_cds");
  if (!json) return;
  const auto& expected = (*json)["expected"]["amortising_loan"];
  const std::vector<Flow> flows = repayments(reference_loan((*json)["inputs"]["loan"]), {0.0, 1.0});
  REQUIRE(flows.size() == 360);
  double total = 0;
  for (const Flow& f : flows) total += f.amount;
  CHECK(flows[0].amount == Approx(expected["payment"].get<double>()).epsilon(1e-12));
  CHECK(flows[358].amount == Approx(expected["payment"].get<double>()).epsilon(1e-12));
  CHECK(flows[359].amount == Approx(expected["payment"].get<double>()).epsilon(1e-10));
  for (const auto& [k, balance] : expected["balance_after"].items())
    if (k != "0") {
      INFO("balance after payment " << k);
      CHECK(std::abs(flows[std::stoul(k) - 1].balance - balance.get<double>()) < 1e-10 * 250000);
    }
  CHECK(total - 250000 == Approx(expected["total_interest"].get<double>()).epsilon(1e-10));
}

TEST_CASE("a level-payment loan at a flat curve and spread", "[loan]") {
  const auto json = reference("bonds_loans_cds");
  if (!json) return;
  const auto& in = (*json)["inputs"]["loan"];
  World w(1, 1.0, {1}, 1);
  w.add("R", Process::normal, in["r_cc"], 0);
  w.market.curves = {{{1, w.factor("R")}}};
  w.draw_factors();
  const Line line{.cells = {{"principal", in["P"].get<double>()},
                            {"rate", in["nominal_rate"].get<double>()},
                            {"frequency", 12.0},
                            {"maturity_years", 30.0},
                            {"amortisation", std::string("annuity")},
                            {"curve", CurveIndex{0}},
                            {"spread", in["spread_cc"].get<double>()}}};
  const Compiled batch(instrument("loan"), table(instrument("loan"), {line}), w, Detail::leaf);
  const double expected = (*json)["expected"]["amortising_loan"]["PV_no_default"];
  CHECK(batch.batch->value_today[0] == Approx(expected).epsilon(1e-12));
}

TEST_CASE("equal parts of principal", "[loan]") {
  const std::vector<Flow> flows = repayments({1200, 0.12, 12, 1, Amortisation::linear}, {0.0, 1.0});
  REQUIRE(flows.size() == 12);
  for (std::size_t k = 0; k < 12; ++k) {
    CHECK(flows[k].balance == Approx(1200 - 100 * static_cast<double>(k + 1)).margin(1e-10));
    CHECK(flows[k].amount == Approx(100 + 0.01 * (1200 - 100 * static_cast<double>(k))).epsilon(1e-13));
  }
}

TEST_CASE("the first period is what is left over", "[loan]") {
  const std::vector<Flow> flows = repayments({1000, 0.12, 4, 0.6, Amortisation::annuity}, {0.0, 0.1, 0.2});
  REQUIRE(flows.size() == 3);
  CHECK(flows[0].date_years == 0.1);  // snapped: 0.6 - 2/4 is not quite 0.1
  CHECK(flows[0].amount == Approx(flows[2].amount).epsilon(1e-13));
  const double owed = (1000 * 1.012 - flows[0].amount) * 1.03 - flows[1].amount;
  CHECK(owed * 1.03 == Approx(flows[2].amount).epsilon(1e-13));
}

TEST_CASE("what a loan refuses", "[loan]") {
  const Instrument& type = instrument("loan");
  World w = credit_world(1, 1, {1}, 1, 1);
  const Line good{.cells = {{"principal", 1.0}, {"rate", 0.1}, {"maturity_years", 1.0}, {"curve", CurveIndex{0}}}};
  CHECK_FALSE(type.check(table(type, {good}), 0));
  Line bad = good;
  bad.cells["frequency"] = 2.5;
  REQUIRE(type.check(table(type, {bad}), 0));
  CHECK(type.check(table(type, {bad}), 0)->column == "frequency");
}
