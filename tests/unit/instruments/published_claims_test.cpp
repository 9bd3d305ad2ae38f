#include "kernels/instruments/published_claims.h"

#include "tests/catch_any.h"
#include "tests/unit/instruments/claims.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

constexpr std::uint32_t obligors = 30;
const double blank = std::nan("");

World still_world(int steps, double step_years) {
  std::vector<int> valued;
  for (int n = 1; n <= steps; ++n) valued.push_back(n);
  World w(steps, step_years, valued, 1);
  w.add("R", Process::normal, 0.03, 0);
  w.market.curves = {{{1, w.factor("R")}}};
  w.draw_factors();
  w.published_values = true;
  return w;
}

// The share written down, from a table of days and shares.
double plain_written_down(const WriteDown& w, long double days_late) {
  for (std::size_t i = w.offs.size(); i > 0; --i)
    if (days_late >= w.offs[i - 1].after - 1e-9L) return w.offs[i - 1].share;
  const long double late = days_late - w.grace_days;
  if (std::isnan(w.days) || late < 1e-9L) return 0;
  double share = late >= w.days - 1e-9L ? 1 : static_cast<double>(late / w.days);
  if (w.steps > 0)
    for (int k = static_cast<int>(w.steps); k >= 0; --k)
      if (late >= w.days * k / w.steps - 1e-9L) return k / w.steps;
  return share;
}

long double overdue(const World& w, ObligorIndex o) { return is_none(o) ? 0 : w.days_past_due[static_cast<std::size_t>(o)]; }

}  // namespace

// Centrifuge, "Pool Valuation (NAV)", docs.centrifuge.io/learn/pool-valuation, sample calculation: 100 at a fee of 10 % for
// 180 days of 360, PD 4 %, LGD 50 %, discounted at 5 %, 90 days before the end; compounded every second. Its spreadsheet
// gives 105.13, an expected loss of 1.05, and 102.78.
TEST_CASE("the net asset value of a pool on chain, and its cliff", "[published]") {
  const double seconds = 360 * 86400, due = 100 * std::pow(1 + 0.1 / seconds, seconds / 2);
  const double expected_loss = 0.04 * 0.5 * 180 / 360;
  CHECK(due == Approx(105.127).margin(5e-4));
  CHECK(due * expected_loss == Approx(1.051).margin(5e-4));
  const double published = due * (1 - expected_loss) / std::pow(1 + 0.05 / seconds, seconds / 4);
  CHECK(published == Approx(102.783).margin(5e-4));

  World w = still_world(12, 0.125);
  w.loss_given_default = {0.5};
  w.recovery_delay_years = {1.0};  // of a default at step 3: at step 11
  w.block.defaults = {{ObligorIndex{0}, 7, 3, 0.5}};
  const Line line{.obligor = ObligorIndex{0},
                  .cells = {{"principal", 100.0},
                            {"rate", (due / 100 - 1) * 2},
                            {"frequency", 1.0},
                            {"maturity_years", 0.5},
                            {"curve", CurveIndex{0}},
                            {"published_as", std::string("discounted")},
                            {"published_discount_rate", 0.05},
                            {"published_expected_loss", expected_loss},
                            {"published_grace_days", 60.0},
                            {"published_write_down_days", 120.0},
                            {"published_write_down_steps", 4.0}}};
  Compiled loan(instrument("loan"), table(instrument("loan"), {line}), w, Detail::leaf, 1);
  w.discount();
  loan.evaluate(w.block);
  CHECK(loan.batch->published_today.at(0) == Approx(due * 0.99 * std::exp(-0.025)).epsilon(1e-14));
  CHECK(loan.published(0, 1, 7) == Approx(published).margin(1e-6));  // continuous, not every second
  // Nobody knows before the loan is due. Then it is carried at what is owed; days overdue at steps 4, 5, ... are 0, 45.6,
  // 91.25, 136.9, 182.5: no step of 30 days after 60, then one, two, and all four.
  const double carried[] = {due * 0.99 * std::exp(-0.05 * 0.125), due, due, due * 3 / 4, due / 2, 0, 0, 0, 0, 0};
  for (int v = 2; v < 12; ++v) {
    INFO("valued step " << v + 1);
    CHECK(loan.published(0, v, 7) == Approx(carried[v - 2]).epsilon(1e-13).margin(1e-12));
    CHECK(loan.published(0, v, 8) == Approx(v == 2 ? carried[0] : 0).epsilon(1e-13).margin(1e-12));
  }
}

TEST_CASE("write-down after a grace period", "[published]") {
  const WriteDown linear{45, 75, 0}, never{0, blank, 0}, at_once{30, 0, 0},
      by_list{0, blank, 0, {{30, 0.25}, {60, 0.5}, {90, 1}}};
  const auto after = [](const WriteDown& w, double days) { return written_down(w, days / 365); };
  CHECK(after(linear, 45) == 0);
  CHECK(after(linear, 60) == Approx(0.2).epsilon(1e-12));
  CHECK(after(linear, 120) == 1);
  CHECK(after(linear, 1000) == 1);
  CHECK(after(never, 10000) == 0);
  CHECK(after(at_once, 30) == 0);
  CHECK(after(at_once, 31) == 1);
  const double days[] = {0, 29.9, 30, 59.9, 60, 89.9, 90, 4000}, share[] = {0, 0, 0.25, 0.25, 0.5, 0.5, 1, 1};
  for (std::size_t i = 0; i < std::size(days); ++i) CHECK(after(by_list, days[i]) == share[i]);
  // Equal steps are a list.
  const WriteDown steps{30, 60, 3}, list{0, blank, 0, {{50, 1 / 3.0}, {70, 2 / 3.0}, {90, 1}}};
  for (int day = 0; day < 120; ++day) CHECK(after(steps, day) == Approx(after(list, day)).epsilon(1e-15));
}

TEST_CASE("debt is published until a payment is missed, written down, and gone with its last cash", "[published]") {
  World w = credit_world(12, 1.0 / 12, {1, 3, 6, 7, 12}, obligors, 4);
  w.published_values = true;
  for (std::uint32_t o = 0; o < obligors; ++o) w.recovery_delay_years.push_back(0.2 * (o % 4));
  for (std::uint32_t o = 0; o < obligors; ++o) w.days_past_due.push_back(o % 5 == 3 ? 20.0 * o : 0.0);
  std::vector<Line> lines;
  const char* const forms[] = {"bullet", "annuity", "linear", "pik"};
  for (std::uint32_t p = 0; p < 80; ++p) {
    Line line{.leaf = 1 + p % 3,
              .currency = p % 5 == 0 ? w.factor("EURUSD") : FactorIndex{none},
              .quantity = p % 7 == 0 ? -2.0 : 1.0,
              .obligor = p % 6 == 0 ? ObligorIndex{none} : ObligorIndex{p % obligors}};
    line.cells = {{"principal", w.uniform(10, 2000)},
                  {"rate", 0.08},
                  {"frequency", p % 2 == 0 ? 4.0 : 12.0},
                  {"maturity_years", w.uniform(0.2, 3)},
                  {"amortisation", std::string(forms[p % 4])},
                  {"curve", CurveIndex{0}},
                  {"spread", 0.02},
                  {"published_grace_days", p % 8 == 1 ? 0.0 : 45.0},
                  {"published_write_down_days", p % 8 == 1 ? blank : 75.0},
                  {"published_write_down_steps", p % 8 == 2 ? 3.0 : 0.0}};
    if (p % 9 == 0) line.cells["prepay_cpr"] = 0.1;
    if (p % 10 == 3) {
      for (const char* regular : {"published_grace_days", "published_write_down_days", "published_write_down_steps"})
        line.cells.erase(regular);
      line.cells["published_write_offs"] = ShareSchedule{{0, 0.1}, {45, 0.3}, {200, 0.9}};
    }
    if (p % 4 == 1) line.cells["limit"] = 2500.0, line.cells["undrawn_fee"] = 0.01, line.cells["credit_conversion"] = 0.4;
    if (p % 3 == 0) line.cells["published_as"] = "discounted", line.cells["published_discount_rate"] = 0.06;
    if (p % 3 == 0) line.cells["published_expected_loss"] = 0.015;
    lines.push_back(line);
  }
  const Instrument& type = instrument("loan");
  const Positions positions = table(type, lines);
  Compiled each(type, positions, w, Detail::position, obligors), merged(type, positions, w, Detail::leaf, obligors);
  w.published_values = false;
  Compiled unasked(type, positions, w, Detail::leaf, obligors);
  w.discount();
  for (Compiled* book : {&each, &merged, &unasked}) book->evaluate(w.block);
  CHECK(unasked.batch->published_today.empty());
  CHECK(std::equal(merged.ledger.value.data(), merged.ledger.value.data() + merged.ledger.value.size(),
                   unasked.ledger.value.data()));
  for (int v = 0; v < 5; ++v)
    for (int lane = 0; lane < lanes; ++lane) {
      const int h = w.market.valued[static_cast<std::size_t>(v)];
      std::vector<double> sum(3, 0.0);
      for (std::size_t p = 0; p < positions.size(); ++p) {
        const Claim claim = loan_claim(positions, p, each.wiring);
        const Accounting& a = *claim.accounting;
        const WriteDown& written = a.write_down;
        const long double fee = lines[p].cells.contains("limit") ? 0.01L : 0, late = overdue(w, positions.obligor[p]);
        const ObligorIndex o = positions.obligor[p];
        const int failed = is_none(o) ? 99 : w.default_step(o, lane);
        const int settled =
            failed + (is_none(o) ? 0 : waiting_steps(each.wiring, w.recovery_delay_years[static_cast<std::size_t>(o)]));
        // Walk along the dates, in days.
        long double carried = 0, balance = claim.principal, last = 0, undrawn = claim.undrawn;
        const long double now = w.time(h);
        bool missed = false;
        for (const Flow& f : claim.flows) {
          const bool paid = failed > h || static_cast<long double>(f.date_years) <= w.time(failed - 1) + 1e-12L;
          const long double drawn = failed <= h && !paid ? claim.conversion * undrawn : 0;
          if (last == 0 && late > 0 && (f.date_years > now || !paid)) {  // overdue today, and still
            missed = true;
            carried = (claim.principal + drawn) * (1 - plain_written_down(written, now * 365 + late));
            break;
          }
          if (f.date_years > now) {
            carried = drawn;
            break;
          }
          if (!paid) {
            missed = true;
            carried = (balance * (1 + 0.08L * (f.date_years - last)) + fee * undrawn * (f.date_years - last) + drawn) *
                      (1 - plain_written_down(written, (now - f.date_years) * 365));
            break;
          }
          balance = f.balance, last = f.date_years, undrawn = f.undrawn;
        }
        if (!missed && a.method == Accounting::outstanding)
          carried += balance * (1 + 0.08L * (now - last)) + fee * undrawn * (now - last);
        if (!missed && a.method == Accounting::discounted)
          for (const Flow& f : claim.flows)
            if (f.date_years > now) carried += 0.985L * f.amount * std::exp(-0.06L * (f.date_years - now));
        if (h >= settled) carried = 0;
        if (!is_none(positions.currency[p])) carried *= w.at("EURUSD", h, lane);
        INFO(positions.id[p] << " at step " << h << ", lane " << lane << ", default at " << failed);
        REQUIRE(each.published(p, v, lane) ==
                Approx(static_cast<double>(carried)).epsilon(1e-12).margin(1e-12 * std::abs(claim.principal)));
        sum[lines[p].leaf - 1] += each.published(p, v, lane);
      }
      for (std::size_t r = 0; r < 3; ++r)
        REQUIRE(merged.published(r, v, lane) == Approx(sum[r]).epsilon(1e-11).margin(1e-9));
    }
}

// 60 days past due today, and 100: in default.
TEST_CASE("days past due today count", "[published]") {
  World w = still_world(4, 0.25);
  w.loss_given_default = {0.5, 0.5};
  w.recovery_delay_years = {2, 2};
  w.days_past_due = {60, 100};
  w.block.defaults = {{ObligorIndex{0}, 7, 1, 0.5}, {ObligorIndex{1}, 7, 1, 0.5}};
  std::vector<Line> lines;
  for (const std::uint32_t o : {0u, 1u, none}) {
    Line& line = lines.emplace_back(Line{.leaf = 1 + o % 3, .obligor = ObligorIndex{o}});
    line.cells = {{"principal", 100.0},
                  {"rate", 0.08},
                  {"frequency", 2.0},
                  {"maturity_years", 1.0},
                  {"curve", CurveIndex{0}},
                  {"published_as", std::string("discounted")},
                  {"published_write_offs", ShareSchedule{{30, 0.25}, {90, 0.5}, {180, 0.75}, {300, 1}}}};
  }
  Compiled c(instrument("loan"), table(instrument("loan"), lines), w, Detail::position, 2);
  w.discount();
  c.evaluate(w.block);
  CHECK(c.batch->published_today.at(0) == Approx(75).epsilon(1e-14));
  CHECK(c.batch->published_today.at(1) == Approx(50).epsilon(1e-14));
  CHECK(c.batch->published_today.at(2) == Approx(108).epsilon(1e-14));
  // 60 + 91.25 days later, and so on; in other scenarios the first one pays at step 2 and is up to date.
  const double defaulted[] = {50, 25, 0, 0}, paying[] = {50, 104, 104, 0}, in_default[] = {25, 25, 0, 0};
  for (int v = 0; v < 4; ++v) {
    INFO("valued step " << v + 1);
    CHECK(c.published(0, v, 7) == Approx(defaulted[v]).margin(1e-12));
    CHECK(c.published(0, v, 8) == Approx(paying[v]).margin(1e-12));
    CHECK(c.published(1, v, 7) == Approx(in_default[v]).margin(1e-12));
    CHECK(c.published(2, v, 7) == Approx(v == 0 ? 108.0 : v < 3 ? 104.0 : 0.0).margin(1e-12));
  }
}
