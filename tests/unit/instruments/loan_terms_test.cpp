// Loans with limits, with interest that is added to the principal for a time, with days of grace and recoveries in
// instalments.
#include "kernels/instruments/cash_flows.h"
#include "tests/catch_any.h"
#include "tests/unit/instruments/claims.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

constexpr std::uint32_t obligors = 30;

// Rates of 0; one euro costs 1, 1.1, 1.2, ... dollars at steps of a quarter; obligor 0 defaults in lane 7 at step 4.
struct OneLoan {
  World w;
  Line line;
  explicit OneLoan(std::map<std::string, Cell> cells) : w(8, 0.25, {1, 2, 3, 4, 5, 6, 7, 8}, 1) {
    w.add("R", Process::normal, 0, 0);
    w.add("EURUSD", Process::lognormal, 1, 0);
    w.market.curves = {{{1, w.factor("R")}}};
    w.draw_factors();
    for (int n = 0; n <= 8; ++n)
      for (int k = 0; k < lanes; ++k) w.at("EURUSD", n, k) = 1 + 0.1 * n, w.at("R", n, k) = 0;
    w.loss_given_default = {0.75};
    w.block.defaults = {{ObligorIndex{0}, 7, 4, 0.75}};
    line.obligor = ObligorIndex{0};
    line.cells = {{"principal", 1000.0},   {"rate", 0.08},           {"frequency", 4.0},
                  {"maturity_years", 2.0}, {"curve", CurveIndex{0}}, {"spread", 0.0}};
    for (const auto& [name, cell] : cells) line.cells[name] = cell;
  }
  Compiled operator()(Detail detail = Detail::leaf) {
    Compiled c(instrument("loan"), table(instrument("loan"), {line}), w, detail, 1);
    w.discount();
    c.evaluate(w.block);
    return c;
  }
};

std::string complaint(const std::map<std::string, Cell>& cells) {
  Line line{.cells = {{"principal", 100.0}, {"rate", 0.1}, {"maturity_years", 1.0}, {"curve", CurveIndex{0}}}};
  for (const auto& [name, cell] : cells) line.cells[name] = cell;
  const auto found = instrument("loan").check(table(instrument("loan"), {line}), 0);
  return found ? std::string(found->column) + ": " + found->text : "";
}

}  // namespace

TEST_CASE("loans on limits agree with the definition", "[loan]") {
  for (const int variant : {0, 1, 2, 3}) {
    const bool on_grid = variant != 0, monthly = variant > 1;
    World w = credit_world(12, 1.0 / 12, {1, 3, 7, 9, 12}, obligors, 40 + static_cast<unsigned>(variant));
    for (std::uint32_t o = 0; o < obligors && variant % 2 == 1; ++o) w.recovery_delay_years.push_back(0.2 * (o % 4));
    const RandomClaims book = random_claims(w, "loan", 200, obligors, on_grid, monthly ? 12 : 0, true);
    const Errors errors = compare_claims(w, "loan", book, obligors);
    INFO("variant " << variant << ", " << errors.where);
    CHECK(errors.reference < 3e-14);
    CHECK(errors.leaf < 2e-14);
    CHECK(errors.units <= 1);
  }
}

// EAD = drawn + CCF x undrawn (Basel Framework, CRE32): 1 020 and half of 600 are owed, a quarter of it is recovered; the
// 300 were paid out when they were drawn.
TEST_CASE("the exposure at default has a share of what is undrawn", "[loan]") {
  for (const bool waits : {false, true}) {
    OneLoan loan({{"limit", 1600.0}, {"credit_conversion", 0.5}});
    loan.line.currency = loan.w.factor("EURUSD");
    if (waits) loan.w.recovery_delay_years = {0.5};
    for (const Detail detail : {Detail::leaf, Detail::position}) {
      const Compiled c = loan(detail);
      const double paid = 20 * (1.1 + 1.2 + 1.3), fx = 1.4, then = waits ? 1.6 : 1.4;
      CHECK(c.gauge(0, 1, 2, 7) == 0);
      CHECK(c.gauge(0, 1, 3, 7) == Approx(1320 * fx).epsilon(1e-14));
      CHECK(c.cash(0, 2, 7) == Approx(paid).epsilon(1e-14));
      CHECK(c.cash(0, 3, 7) == Approx(paid - 300 * fx + (waits ? 0 : 330 * fx)).epsilon(1e-13));
      CHECK(c.value(0, 3, 7) == Approx(waits ? 330 * fx : 0).margin(1e-10));
      CHECK(c.cash(0, 7, 7) == Approx(paid - 300 * fx + 330 * then).epsilon(1e-13));
      // Lost are 75 % of what was owed anyway, with the payments after it, and of what was drawn.
      CHECK(c.credit(0, 3, 7) == Approx((1100 - 330 + 300) * fx).epsilon(1e-13));
      CHECK(c.credit(0, 3, 8) == 0);
      CHECK(c.cash(0, 7, 8) == Approx(20 * (1.1 + 1.2 + 1.3 + 1.4 + 1.5 + 1.6 + 1.7 + 1.8) + 1000 * 1.8).epsilon(1e-13));
      const auto& batch = dynamic_cast<const TellingBatch&>(*c.batch);
      CHECK(batch.drawn(0, loan.w.block.defaults[0], loan.w.block) == Approx(300 * fx).epsilon(1e-14));
      CHECK(batch.drawn(0, {ObligorIndex{0}, 7, 8, 0.75}, loan.w.block) == Approx(300 * 1.8).epsilon(1e-14));
    }
  }
}

// What the extra draw costs is what a further loan, made at the default, would cost.
TEST_CASE("a draw at default costs LGD x CCF x undrawn", "[loan]") {
  OneLoan drawn({}), committed({{"limit", 1600.0}, {"credit_conversion", 0.5}});
  const Compiled a = drawn(), b = committed();
  for (int v = 3; v < 8; ++v) CHECK(b.credit(0, v, 7) - a.credit(0, v, 7) == Approx(0.75 * 0.5 * 600).epsilon(1e-12));
  CHECK(b.batch->value_today[0] == a.batch->value_today[0]);
  CHECK(b.batch->gross[0] >= a.batch->gross[0] + 300);
  OneLoan idle({{"limit", 1600.0}});
  const Compiled c = idle();
  for (int v = 0; v < 8; ++v) CHECK(c.credit(0, v, 7) == a.credit(0, v, 7));
}

TEST_CASE("a fee is paid on what is undrawn, and owed at default", "[loan]") {
  OneLoan loan({{"limit", 1600.0}, {"undrawn_fee", 0.02}, {"amortisation", std::string("linear")}});
  const Compiled c = loan();
  // Principal falls by 125 a quarter: 600 are undrawn, then 725, 850, 975, ...
  CHECK(c.cash(0, 0, 8) == Approx(125 + 20 + 3).epsilon(1e-14));
  CHECK(c.cash(0, 1, 8) == Approx(148 + 125 + 17.5 + 3.625).epsilon(1e-14));
  CHECK(c.batch->value_today[0] == Approx(1000 + 0.02 * 4500 + 0.005 * (8 * 600 + 28 * 125)).epsilon(1e-13));
  CHECK(c.gauge(0, 1, 3, 7) == Approx(625 + 12.5 + 4.875).epsilon(1e-14));  // no conversion: nothing is drawn
  const std::vector<Flow> flows = repayments({1000, 0.08, 4, 1, Amortisation::bullet, 0.19, 1600, 0.02}, {0.0, 0.25});
  CHECK(flows[0].undrawn == Approx(600 * std::pow(0.81, 0.25)).epsilon(1e-14));  // what is prepaid takes its limit with it
  CHECK(flows[3].undrawn == 0);
  const std::vector<Flow> grown = repayments({1000, 0.8, 4, 1, Amortisation::pik, 0, 1300, 0.02}, {0.0, 0.25});
  CHECK(grown[0].amount == Approx(0.005 * 300).epsilon(1e-14));  // in cash
  CHECK(grown[0].undrawn == Approx(100).epsilon(1e-14));
  CHECK(grown[1].undrawn == 0);  // interest goes beyond the limit
}

TEST_CASE("interest is added to the principal for a time, then paid", "[loan]") {
  const std::vector<Flow> flows =
      repayments({1000, 0.08, 4, 2, Amortisation::pik, 0, 0, 0, 0.75}, {0.0, 0.25, 0.5, 0.75, 1.0});
  const double grown = 1000 * 1.02 * 1.02 * 1.02;
  REQUIRE(flows.size() == 8);
  for (std::size_t k = 0; k < 3; ++k) CHECK(flows[k].amount == Approx(0).margin(1e-12));
  for (std::size_t k = 2; k < 7; ++k) CHECK(flows[k].balance == Approx(grown).epsilon(1e-14));
  for (std::size_t k = 3; k < 7; ++k) CHECK(flows[k].amount == Approx(0.02 * grown).epsilon(1e-13));
  CHECK(flows[7].amount == Approx(1.02 * grown).epsilon(1e-14));
  // All the time and not at all are the two that there were.
  const auto alike = [](const Repayment& a, const Repayment& b) {
    const std::vector<Flow> x = repayments(a, {0.0, 0.25}), y = repayments(b, {0.0, 0.25});
    for (std::size_t k = 0; k < x.size(); ++k) CHECK(x[k].amount == Approx(y[k].amount).margin(1e-10));
  };
  alike({1000, 0.08, 4, 2, Amortisation::pik, 0, 0, 0, 2}, {1000, 0.08, 4, 2, Amortisation::pik});
  alike({1000, 0.08, 4, 2, Amortisation::pik, 0, 0, 0, 0}, {1000, 0.08, 4, 2, Amortisation::bullet});
  // At default: 1 000 grown for three quarters, and a quarter's interest on it.
  OneLoan loan({{"amortisation", std::string("pik")}, {"pik_years", 0.75}});
  CHECK(loan().gauge(0, 1, 3, 7) == Approx(1.02 * grown).epsilon(1e-13));
  loan.w.block.defaults = {{ObligorIndex{0}, 7, 6, 0.75}};
  const Compiled later = loan();
  CHECK(later.gauge(0, 1, 5, 7) == Approx(1.02 * grown).epsilon(1e-13));
  CHECK(later.cash(0, 4, 7) == Approx(2 * 0.02 * grown).epsilon(1e-13));
}

TEST_CASE("days of grace come before the recovery's delay", "[loan]") {
  OneLoan loan({{"grace_days", 91.25}});
  loan.w.recovery_delay_years = {0.25};
  const Compiled c = loan();
  CHECK(c.gauge(0, 1, 3, 7) == Approx(1020).epsilon(1e-14));  // nothing accrues in them
  CHECK(c.value(0, 4, 7) == Approx(255).epsilon(1e-13));
  CHECK(c.cash(0, 4, 7) == Approx(60).epsilon(1e-13));
  CHECK(c.cash(0, 5, 7) == Approx(60 + 255).epsilon(1e-13));
}

TEST_CASE("a recovery comes in instalments", "[loan]") {
  OneLoan loan({{"recovery_schedule", ShareSchedule{{0, 0.2}, {0.25, 0.5}, {1, 1}}}});
  loan.line.currency = loan.w.factor("EURUSD");
  loan.w.recovery_delay_years = {5};  // has no say
  const Compiled c = loan();
  const double paid = 20 * (1.1 + 1.2 + 1.3), first = 51 * 1.4, second = 76.5 * 1.5;
  CHECK(c.cash(0, 3, 7) == Approx(paid + first).epsilon(1e-13));
  CHECK(c.value(0, 3, 7) == Approx((76.5 + 127.5) * 1.4).epsilon(1e-13));
  CHECK(c.cash(0, 6, 7) == Approx(paid + first + second).epsilon(1e-13));
  CHECK(c.value(0, 6, 7) == Approx(127.5 * 1.7).epsilon(1e-13));
  CHECK(c.cash(0, 7, 7) == Approx(paid + first + second + 127.5 * 1.8).epsilon(1e-13));
  CHECK(c.value(0, 7, 7) == Approx(0).margin(1e-10));
}

TEST_CASE("what the terms of a loan refuse", "[loan]") {
  CHECK(complaint({{"limit", 100.0}, {"undrawn_fee", 0.01}, {"credit_conversion", 1.0}}).empty());
  CHECK(complaint({{"limit", 80.5}}) == "limit: 80.5 is below the principal of 100, which is drawn");
  CHECK(complaint({{"undrawn_fee", 0.01}}) == "undrawn_fee: only a loan with a limit has one");
  CHECK(complaint({{"credit_conversion", 0.5}}) == "credit_conversion: only a loan with a limit has one");
  CHECK(complaint({{"pik_years", 0.5}}) == "pik_years: only a loan whose amortisation is pik has them");
  CHECK(complaint({{"recovery_schedule", ShareSchedule{{0.5, 0.4}, {1, 0.9}}}}) ==
        "recovery_schedule: the last share is 0.9, not 1");
}

TEST_CASE("what a loan that pays in kind by a factor refuses", "[loan]") {
  const Cell factor = FactorIndex{0};
  CHECK(complaint({{"pik_factor", factor}, {"pik_level", 0.05}, {"pik_when", std::string("below")}, {"pik_margin", 0.01}})
            .empty());
  CHECK(complaint({{"pik_factor", factor}}) == "pik_level: blank; a pik_factor needs the level that decides");
  CHECK(complaint({{"pik_level", 0.05}}) == "pik_level: only a loan with a pik_factor has one");
  CHECK(complaint({{"pik_when", std::string("below")}}) == "pik_when: only a loan with a pik_factor has one");
  CHECK(complaint({{"pik_margin", 0.01}}) == "pik_margin: only a loan with a pik_factor has one");
  const auto toggled = [&](const char* column, const Cell& cell) {
    return complaint({{"pik_factor", factor}, {"pik_level", 0.05}, {column, cell}});
  };
  CHECK(toggled("amortisation", std::string("pik")) ==
        "pik_factor: the interest of a loan whose amortisation is pik is added to the principal anyway");
  CHECK(toggled("prepay_cpr", 0.1) == "prepay_cpr: a loan with a pik_factor has none");
  CHECK(toggled("limit", 200.0) == "limit: a loan with a pik_factor has none");
  CHECK(toggled("rate", -0.01) == "pik_margin: with a rate of -0.01 the interest paid in kind would be negative");
}
