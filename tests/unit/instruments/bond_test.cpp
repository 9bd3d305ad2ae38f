#include "kernels/instruments/cash_flows.h"
#include "tests/catch_any.h"
#include "tests/reference.h"
#include "tests/unit/instruments/claims.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

constexpr std::uint32_t obligors = 30;

World flat_world(double rate, int steps, double step_years, std::vector<int> valued) {
  World w(steps, step_years, std::move(valued), 1);
  w.add("R", Process::normal, rate, 0);
  w.add("EURUSD", Process::lognormal, 1.25, 0.2);
  w.market.curves = {{{1, w.factor("R")}}};
  w.draw_factors();
  return w;
}
Line bond_line(double notional, double coupon, double frequency, double maturity) {
  return {.cells = {{"notional", notional},
                    {"coupon", coupon},
                    {"frequency", frequency},
                    {"maturity_years", maturity},
                    {"curve", CurveIndex{0}}}};
}

}  // namespace

TEST_CASE("bonds agree with the definition, on and off the grid of steps", "[bond]") {
  for (const bool on_grid : {true, false}) {
    World w = credit_world(24, 1.0 / 12, {2, 7, 24}, obligors, on_grid ? 5 : 6);
    const RandomClaims book = random_claims(w, "bond", 100, obligors, on_grid);
    const Errors errors = compare_claims(w, "bond", book, obligors);
    INFO(errors.where);
    CHECK(errors.reference < 2e-14);
    CHECK(errors.leaf < 1e-14);
    CHECK(errors.units <= 1);
  }
}

TEST_CASE("a bond at a flat curve", "[bond]") {
  const auto json = reference("bonds_loans_cds");
  if (!json) return;
  const auto& in = (*json)["inputs"]["fixed"];
  const auto& expected = (*json)["expected"]["fixed_bond"];
  World w = flat_world(in["r_cc"], 1, 1, {1});
  Line line = bond_line(in["N"], in["coupon"], in["freq"], in["T"]);
  const auto today = [&] {
    return Compiled(instrument("bond"), table(instrument("bond"), {line}), w, Detail::leaf).batch->value_today[0];
  };
  line.cells["spread"] = 0.0;
  CHECK(today() == Approx(expected["riskfree_PV"].get<double>()).epsilon(1e-12));
  line.cells["spread"] = 0.01;
  CHECK(today() == Approx(expected["PV_shift_r_plus_100bp"].get<double>()).epsilon(1e-12));
  line.cells["spread"] = expected["equivalent_cc_z_spread"].get<double>();
  CHECK(today() == Approx(expected["risky_PV_recovery_of_par_at_default"].get<double>()).epsilon(1e-10));
}

TEST_CASE("a floating bond at a flat curve", "[bond]") {
  const auto json = reference("bonds_loans_cds");
  if (!json) return;
  const auto& in = (*json)["inputs"]["floating"];
  World w = flat_world(in["r_cc"], 1, 1, {1});
  Line line = bond_line(in["N"], in["margin"], in["freq"], in["T"]);
  line.cells["spread"] = 0.0;
  line.cells["floating"] = std::string("yes");
  // The case pays a whole quarter's coupon on the first date, here interest runs from today.
  const double running = in["current_coupon_rate"].get<double>() + in["margin"].get<double>();
  line.cells["reset_rate"] = running / in["freq"].get<double>() / in["time_to_next_coupon"].get<double>();
  const Compiled bond(instrument("bond"), table(instrument("bond"), {line}), w, Detail::leaf);
  const double expected = (*json)["expected"]["floating_bond"]["riskfree_PV"];
  CHECK(bond.batch->value_today[0] == Approx(expected).epsilon(1e-12));
}

// Without margin and spread a floater is worth its face on every date that fixes it, whatever the path.
TEST_CASE("a floating bond is worth par when it is fixed, and what it was fixed at between", "[bond]") {
  World w = credit_world(6, 0.25, {1, 2, 3, 4, 5, 6}, 1, 23);
  Line line = bond_line(1000, 0, 2, 4);
  line.cells["spread"] = 0.0;
  line.cells["floating"] = std::string("true");
  line.cells["reset_rate"] = 0.05;
  Compiled bond(instrument("bond"), table(instrument("bond"), {line}), w, Detail::leaf, 1);
  w.discount();
  bond.evaluate(w.block);
  for (int lane = 0; lane < lanes; ++lane) {
    const auto growth = [&](int step) { return std::exp(0.5 * w.zero_rate(CurveIndex{0}, 0.5, step, lane)); };
    for (const int v : {1, 3, 5}) CHECK(bond.value(0, v, lane) == Approx(1000).epsilon(1e-13));
    CHECK(bond.cash(0, 0, lane) == 0);
    CHECK(bond.cash(0, 1, lane) == Approx(25).epsilon(1e-13));
    CHECK(bond.cash(0, 3, lane) == Approx(25 + 1000 * (growth(2) - 1)).epsilon(1e-13));
    CHECK(bond.cash(0, 5, lane) == Approx(25 + 1000 * (growth(2) + growth(4) - 2)).epsilon(1e-13));
    const double left = 0.25, z = w.zero_rate(CurveIndex{0}, left, 3, lane);
    CHECK(bond.value(0, 2, lane) == Approx(1000 * growth(2) * std::exp(-z * left)).epsilon(1e-13));
  }
}

TEST_CASE("coupons that were fixed several to a step", "[bond]") {
  World w = credit_world(3, 1.0, {1, 2, 3}, obligors, 29);
  for (std::uint32_t o = 0; o < obligors; ++o) w.recovery_delay_years.push_back(0.5 * (o % 4));
  const RandomClaims book = random_claims(w, "bond", 80, obligors, true);
  const Errors errors = compare_claims(w, "bond", book, obligors);
  INFO(errors.where);
  CHECK(errors.reference < 2e-14);
  CHECK(errors.leaf < 1e-14);
  CHECK(errors.units <= 1);
}

TEST_CASE("a blank spread makes the bond worth par today", "[bond]") {
  World w = credit_world(2, 0.5, {1, 2}, 1, 2);
  for (const double maturity : {0.1, 0.5, 1.0, 4.75, 30.0})
    for (const double coupon : {0.0, 0.02, 0.3}) {
      INFO("maturity " << maturity << ", coupon " << coupon);
      const Compiled batch(instrument("bond"), table(instrument("bond"), {bond_line(1e6, coupon, 2, maturity)}), w,
                           Detail::leaf);
      CHECK(batch.batch->value_today[0] == Approx(1e6).epsilon(1e-14));
    }
}

TEST_CASE("a spread that cannot be solved is a fault of its position, not a number", "[bond]") {
  World w = flat_world(0.03, 1, 1, {1});
  // A zero rate of -800 % would need a spread of more than 800 %.
  w.market.factors[0].initial = -8;
  Compiled batch(instrument("bond"), table(instrument("bond"), {bond_line(100, 0.05, 2, 2)}), w, Detail::leaf);
  w.draw_factors();
  w.discount();
  batch.faults.reserve(4);
  batch.batch->evaluate(w.block, batch.ledger, batch.faults);
  REQUIRE(batch.faults.size() == 1);
  CHECK(batch.faults[0].reason == Reason::no_convergence);
  CHECK(batch.faults[0].position == 0);
}

TEST_CASE("a bond through default at every step", "[bond]") {
  const double rate = 0.04, coupon = 0.08;
  World w = flat_world(rate, 4, 0.25, {1, 2, 3, 4});
  w.loss_given_default = {0.6};
  Line line = bond_line(1000, coupon, 2, 5);
  line.cells["spread"] = 0.0;
  line.obligor = ObligorIndex{0};
  for (int step = 1; step <= 4; ++step)
    w.block.defaults.push_back({ObligorIndex{0}, static_cast<std::uint16_t>(step), static_cast<std::uint16_t>(step), 0.6});
  Compiled batch(instrument("bond"), table(instrument("bond"), {line}), w, Detail::leaf, 1);
  w.discount();
  batch.evaluate(w.block);
  // Coupons of 40 at 0.5, 1.0, ...; recovery 40 % of 1000 and of the interest since the last coupon that was paid.
  const double recovery[] = {0, 0.4 * 1020, 0.4 * 1040, 40 + 0.4 * 1020, 40 + 0.4 * 1040};
  for (int step = 1; step <= 4; ++step)
    for (int v = 0; v < 4; ++v) {
      INFO("default at step " << step << ", valued at step " << v + 1);
      const double paid = v + 1 >= 4 ? 80 : v + 1 >= 2 ? 40 : 0;
      CHECK(batch.cash(0, v, 0) == Approx(paid).margin(1e-9));
      if (v + 1 < step) {
        CHECK(batch.value(0, v, step) == batch.value(0, v, 0));
        CHECK(batch.cash(0, v, step) == batch.cash(0, v, 0));
        CHECK(batch.credit(0, v, step) == 0);
      } else {
        CHECK(batch.value(0, v, step) == Approx(0).margin(1e-9));
        CHECK(batch.cash(0, v, step) == Approx(recovery[step]).epsilon(1e-13));
        CHECK(batch.credit(0, v, step) == Approx(batch.value(0, v, 0) + paid - recovery[step]).epsilon(1e-12));
        CHECK(batch.gauge(0, 0, v, step) == 1);
      }
    }
}

TEST_CASE("a bond that matures is all cash, converted when it was paid", "[bond]") {
  World w = flat_world(0.03, 4, 0.25, {2, 4});
  Line line = bond_line(100, 0.06, 4, 0.5);
  line.currency = w.factor("EURUSD");
  line.quantity = -2;
  line.obligor = ObligorIndex{0};
  w.block.defaults = {{ObligorIndex{0}, 9, 3, 0.5}};  // after it has matured: no one's loss
  Compiled batch(instrument("bond"), table(instrument("bond"), {line}), w, Detail::leaf, 1);
  w.discount();
  batch.evaluate(w.block);
  for (int v = 0; v < 2; ++v)
    for (int lane = 0; lane < lanes; ++lane) {
      CHECK(batch.value(0, v, lane) == 0);
      CHECK(batch.cash(0, v, lane) ==
            Approx(-2 * (1.5 * w.at("EURUSD", 1, lane) + 101.5 * w.at("EURUSD", 2, lane))).epsilon(1e-14));
      CHECK(batch.credit(0, v, lane) == 0);
      CHECK(batch.gauge(0, 0, v, lane) == 0);
    }
  CHECK(batch.batch->reads == std::vector<FactorIndex>{w.factor("EURUSD")});
  CHECK(batch.batch->reads_curves == std::vector<CurveIndex>{CurveIndex{0}});
}

TEST_CASE("short is minus long and positions add up", "[bond]") {
  World w = credit_world(6, 0.25, {2, 6}, 1, 17);
  std::vector<Line> book(3, bond_line(1000, 0.05, 2, 3.3));
  for (Line& line : book) line.obligor = ObligorIndex{0}, line.cells["spread"] = w.factor("SPREAD");
  book[1].quantity = -1;
  book[2].quantity = 2;
  Compiled each(instrument("bond"), table(instrument("bond"), book), w, Detail::position, 1);
  Compiled all(instrument("bond"), table(instrument("bond"), book), w, Detail::leaf, 1);
  w.discount();
  each.evaluate(w.block);
  all.evaluate(w.block);
  for (int v = 0; v < 2; ++v)
    for (int lane = 0; lane < lanes; ++lane) {
      CHECK(each.value(1, v, lane) == -each.value(0, v, lane));
      CHECK(each.value(2, v, lane) == 2 * each.value(0, v, lane));
      CHECK(each.cash(1, v, lane) == -each.cash(0, v, lane));
      CHECK(each.credit(2, v, lane) == 2 * each.credit(0, v, lane));
      CHECK(all.value(0, v, lane) == Approx(each.value(2, v, lane)).margin(1e-9));
    }
}

TEST_CASE("what a bond refuses", "[bond]") {
  const Instrument& type = instrument("bond");
  Line bad = bond_line(1, 0, 2, 1);
  CHECK_FALSE(type.check(table(type, {bad}), 0));
  bad.cells["reset_rate"] = 0.03;
  REQUIRE(type.check(table(type, {bad}), 0));
  CHECK(type.check(table(type, {bad}), 0)->column == "reset_rate");
  bad.cells["floating"] = std::string("yes");
  CHECK_FALSE(type.check(table(type, {bad}), 0));
  bad.cells.erase("reset_rate");
  REQUIRE(type.check(table(type, {bad}), 0));
  CHECK(type.check(table(type, {bad}), 0)->column == "reset_rate");
}
