#include "kernels/instruments/pik_toggle.h"

#include "tests/catch_any.h"
#include "tests/unit/instruments/claims.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

constexpr std::uint32_t obligors = 30;

// On a rate of which about half of all paths are above 0.02 at a time; beside credit_world's factors.
World toggled_world(std::vector<int> valued, unsigned seed) {
  World w = credit_world(12, 1.0 / 12, std::move(valued), obligors, seed);
  w.add("RATE", Process::normal, 0.019, 0.02);
  w.draw_factors();
  w.draw_defaults(obligors, 5);
  return w;
}

struct Book {
  RandomClaims claims;
  std::vector<double> margin;
  std::vector<bool> above;
};
// Loans without prepayment and limit, in all but the first `plain` of which a rate decides.
Book random_book(World& w, std::size_t count, bool on_grid, std::size_t plain = 0) {
  Book book{random_claims(w, "loan", count, obligors, on_grid, 0, true), {}, {}};
  for (std::size_t i = 0; i < count; ++i) {
    Line& l = book.claims.lines[i];
    PlainClaim& p = book.claims.plain[i];
    for (const char* gone : {"prepay_cpr", "limit", "undrawn_fee", "credit_conversion", "pik_years"}) l.cells.erase(gone);
    const std::string& kind = std::get<std::string>(l.cells["amortisation"]);
    const bool pik = kind == "pik";
    if (pik) l.cells["amortisation"] = std::string("bullet");
    const auto number = [&](const char* name) { return std::get<double>(l.cells[name]); };
    const PlainClaim before = p;
    p = plain_claim(pik ? 'b' : kind[0], before.principal, before.rate, static_cast<int>(number("frequency")),
                    number("maturity_years"));
    p.curve = before.curve, p.spread_factor = before.spread_factor;
    p.grace_years = before.grace_years, p.instalments = before.instalments;
    if (is_none(p.spread_factor)) l.cells["spread"] = w.uniform(0, 0.08), p.spread = number("spread");
    book.margin.push_back(w.random() % 3 ? w.uniform(0, 0.03) : 0);
    book.above.push_back(w.random() % 2);
    if (i < plain) continue;
    l.cells["pik_factor"] = w.factor("RATE"), l.cells["pik_level"] = 0.02, l.cells["pik_margin"] = book.margin.back();
    l.cells["pik_when"] = std::string(book.above.back() ? "above" : "below");
  }
  return book;
}

// From the definition, by what is owed and not by a multiplier: one position in one scenario.
Outcome toggled_outcome(const PlainClaim& c, long double margin, bool above, const World& w, FactorIndex currency, int tau,
                        double lgd, int h, int lane, double delay_years) {
  const auto holds = [&](int step) {
    const double rate = w.block.factors(w.factor("RATE"), step)[static_cast<std::size_t>(lane)];
    return above ? rate > 0.02 : rate < 0.02;
  };
  const auto fx = [&](int n) -> long double {
    return is_none(currency) ? 1 : w.block.factors(currency, n)[static_cast<std::size_t>(lane)];
  };
  const auto seen = [&](long double date) { return static_cast<int>(std::floor(date / w.market.step_years + 1e-8L)); };
  // What is owed after the payments by step `end`, as they were, and money received and added to principal on the way.
  struct Owed {
    long double principal, cash = 0, in_kind = 0, last = 0;
    std::size_t paid = 0;
  };
  // Principal of the schedule before each payment.
  std::vector<long double> scheduled{c.principal};
  for (const auto& f : c.payments) scheduled.push_back(scheduled.back() - f.principal);
  const auto pay = [&](Owed& o, bool kind, long double rate) {
    const PlainClaim::Payment& f = c.payments[o.paid];
    const bool last = o.paid + 1 == c.payments.size();
    const long double repaid = last ? o.principal : o.principal * f.principal / scheduled[o.paid];
    const long double years = f.date - o.last, interest = o.principal * c.rate * years;
    const long double more = o.principal * (c.rate + margin) * years;
    o.cash += (repaid + (kind && !last ? 0 : interest)) * rate;
    o.principal += (kind && !last ? more : 0) - repaid;
    o.in_kind += kind && !last ? more * rate : 0;
    o.last = f.date, ++o.paid;
  };
  const auto walk = [&](int end) {
    Owed o{c.principal};
    while (o.paid < c.payments.size() && plain_step(w, c.payments[o.paid].date) <= end)
      pay(o, holds(seen(c.payments[o.paid].date)), fx(plain_step(w, c.payments[o.paid].date)));
    return o;
  };
  Owed now = walk(h);
  long double value = 0;
  for (Owed o = now; o.paid < c.payments.size();) {
    const long double before = o.cash, left = c.payments[o.paid].date - w.time(h);
    pay(o, holds(h), 1);
    long double z = w.zero_rate(c.curve, static_cast<double>(left), h, lane) + c.spread;
    if (!is_none(c.spread_factor)) z += w.block.factors(c.spread_factor, h)[static_cast<std::size_t>(lane)];
    value += (o.cash - before) * std::exp(-z * left) * fx(h);
  }
  const auto out = [](long double worth, long double cash, long double loss, double count, long double exposed,
                      long double in_kind) {
    return Outcome{static_cast<double>(worth),
                   static_cast<double>(cash),
                   static_cast<double>(loss),
                   {count, static_cast<double>(exposed), static_cast<double>(in_kind)}};
  };
  if (tau > h || plain_step(w, c.payments.back().date) < tau) return out(value, now.cash, 0, 0, 0, now.in_kind);
  const Owed before = walk(tau - 1);
  const long double until = std::min<long double>(w.time(tau), c.payments.back().date);
  long double owed = before.principal, unpaid = 0, last = before.last, cash = before.cash, left = 0;
  for (std::size_t k = before.paid; k < c.payments.size() && c.payments[k].date <= until + 1e-9L; ++k) {
    const long double years = c.payments[k].date - last;
    if (holds(seen(c.payments[k].date)) && k + 1 < c.payments.size())
      owed *= 1 + (c.rate + margin) * years;
    else
      unpaid += owed * c.rate * years;
    last = c.payments[k].date;
  }
  const long double claim = owed + unpaid + owed * c.rate * (until - last);
  std::vector<std::pair<long double, long double>> instalments = c.instalments;
  if (instalments.empty()) instalments = {{delay_years, 1}};
  for (const auto& [years, share] : instalments) {
    const long double recovered = (1 - static_cast<long double>(lgd)) * claim * share;
    const int arrives = tau + plain_step(w, years + c.grace_years);
    const long double wait = w.time(arrives) - w.time(h);
    if (arrives <= h)
      cash += recovered * fx(arrives);
    else
      left += recovered * std::exp(-w.zero_rate(c.curve, static_cast<double>(wait), h, lane) * wait) * fx(h);
  }
  return out(left, cash, value + now.cash - cash - left, 1, claim * fx(tau), before.in_kind);
}

// The largest differences of two tables of the same loans, over all they set, relative to what each is worth today.
double largest_difference(World& w, const std::vector<Line>& a, const std::vector<Line>& b, std::size_t gauge_count = 3) {
  const Positions one = table(instrument("loan"), a), other = table(instrument("loan"), b);
  Compiled x(instrument("loan"), one, w, Detail::position, obligors),
      y(instrument("loan"), other, w, Detail::position, obligors);
  w.discount();
  x.evaluate(w.block), y.evaluate(w.block);
  double most = 0;
  for (std::size_t p = 0; p < a.size(); ++p) {
    const double scale = std::abs(y.batch->value_today[p]);
    const auto note = [&](double m, double n) { most = std::max(most, std::abs(m - n) / scale); };
    note(x.batch->value_today[p], y.batch->value_today[p]);
    for (int v = 0; v < static_cast<int>(w.market.valued.size()); ++v)
      for (int k = 0; k < lanes; ++k) {
        note(x.value(p, v, k), y.value(p, v, k));
        note(x.cash(p, v, k), y.cash(p, v, k));
        note(x.credit(p, v, k), y.credit(p, v, k));
        for (std::size_t g = 0; g < gauge_count; ++g) note(x.gauge(p, g, v, k), y.gauge(p, g, v, k));
        if (w.published_values) note(x.published(p, v, k), y.published(p, v, k));
      }
  }
  return most;
}

// Money in the job's currency, no interest on the curve, eight quarters; RATE is 0.05 from step 1 to 3, then 0.01, in lane
// 7, and 0.01 all the time elsewhere.
struct OneLoan {
  World w;
  Line line;
  explicit OneLoan(std::map<std::string, Cell> cells) : w(8, 0.25, {1, 2, 3, 4, 5, 6, 7, 8}, 1) {
    w.add("R", Process::normal, 0, 0);
    w.add("RATE", Process::normal, 0.01, 0);
    w.market.curves = {{{1, w.factor("R")}}};
    w.draw_factors();
    for (int n = 1; n <= 3; ++n) w.at("RATE", n, 7) = 0.05;
    w.loss_given_default = {0.6};
    line.obligor = ObligorIndex{0};
    line.cells = {{"principal", 1000.0},   {"rate", 0.08},           {"frequency", 4.0},
                  {"maturity_years", 2.0}, {"curve", CurveIndex{0}}, {"spread", 0.0},
                  {"pik_level", 0.03},     {"pik_margin", 0.04},     {"pik_factor", w.factor("RATE")}};
    for (const auto& [name, cell] : cells) line.cells[name] = cell;
  }
  Compiled operator()() {
    Compiled c(instrument("loan"), table(instrument("loan"), {line}), w, Detail::leaf, 1);
    w.discount();
    c.evaluate(w.block);
    return c;
  }
};

}  // namespace

TEST_CASE("loans that pay in kind by a factor agree with the definition", "[loan]") {
  for (const unsigned variant : {0U, 1U}) {
    World w = toggled_world({1, 3, 7, 9, 12}, 50 + variant);
    for (std::uint32_t o = 0; o < obligors && variant == 1; ++o) w.recovery_delay_years.push_back(0.2 * (o % 4));
    const Book book = random_book(w, 150, variant == 0);
    const Positions positions = table(instrument("loan"), book.claims.lines);
    const Errors errors = compare(instrument("loan"), positions, w, obligors, [&](std::size_t p, std::size_t v, int lane) {
      const Line& l = book.claims.lines[p];
      const bool alone = is_none(l.obligor);
      const auto o = static_cast<std::size_t>(l.obligor);
      return toggled_outcome(book.claims.plain[p], book.margin[p], book.above[p], w, l.currency,
                             alone ? w.market.steps + 1 : w.default_step(l.obligor, lane),
                             alone ? 0 : w.loss_given_default[o], w.market.valued[v], lane,
                             alone || w.recovery_delay_years.empty() ? 0 : w.recovery_delay_years[o]);
    });
    INFO("variant " << variant << ", " << errors.where);
    CHECK(errors.reference < 3e-14);
    CHECK(errors.leaf < 2e-14);
    CHECK(errors.units <= 1);
    CHECK(compare_told(w, instrument("loan"), positions, obligors) < 2e-14);
  }
}

TEST_CASE("a toggle that never comes leaves a loan as it is, one that always holds is payment in kind", "[loan]") {
  for (const bool published : {false, true}) {
    World w = toggled_world({2, 6, 12}, 60);
    w.published_values = published;
    for (std::uint32_t o = 0; o < obligors; ++o) w.recovery_delay_years.push_back(0.15 * (o % 3));
    for (std::uint32_t o = 0; o < obligors; ++o) w.days_past_due.push_back(o % 4 == 0 ? 20.0 : 0);
    std::vector<Line> plain = random_book(w, 120, true, 120).claims.lines;
    for (std::size_t p = 0; p < plain.size(); p += 2) plain[p].cells.erase("spread");  // solved
    for (std::size_t p = 0; published && p < plain.size(); p += 3) {
      plain[p].cells["published_grace_days"] = 30.0, plain[p].cells["published_write_down_days"] = 120.0;
      if (p % 2 == 0) continue;
      plain[p].cells["published_as"] = std::string("discounted"), plain[p].cells["published_discount_rate"] = 0.07;
    }
    std::vector<Line> never = plain, always;
    for (Line& l : never) l.cells["pik_factor"] = w.factor("RATE"), l.cells["pik_level"] = 9.0, l.cells["pik_margin"] = 0.1;
    CHECK(largest_difference(w, never, plain) < 1e-14);
    for (const Line& l : plain)
      if (l.cells.at("amortisation") == Cell("bullet") && !l.cells.contains("published_as")) always.push_back(l);
    REQUIRE(always.size() > 20);
    std::vector<Line> pik = always;
    for (Line& l : pik) l.cells["amortisation"] = std::string("pik");
    for (Line& l : always) l.cells["pik_factor"] = w.factor("RATE"), l.cells["pik_level"] = -9.0;
    CHECK(largest_difference(w, always, pik, 2) < 2e-14);  // whose gauge has no interest paid in kind
  }
}

// Interest of 12 % is added three times: 1 000 x 1.03^3 is owed from the third quarter on, and pays 8 % a year.
TEST_CASE("a bullet pays in kind at a higher rate for a while", "[loan]") {
  OneLoan loan({});
  const Compiled c = loan();
  const double owed = 1000 * 1.03 * 1.03 * 1.03;
  for (int v = 0; v < 3; ++v) CHECK(c.cash(0, v, 7) == 0);
  CHECK(c.gauge(0, 2, 0, 7) == Approx(30).epsilon(1e-14));
  CHECK(c.gauge(0, 2, 1, 7) == Approx(30 + 30.9).epsilon(1e-14));
  for (int v = 2; v < 8; ++v) CHECK(c.gauge(0, 2, v, 7) == Approx(owed - 1000).epsilon(1e-13));
  for (int v = 3; v < 7; ++v) CHECK(c.cash(0, v, 7) == Approx((v - 2) * 0.02 * owed).epsilon(1e-13));
  CHECK(c.cash(0, 7, 7) == Approx(5 * 0.02 * owed + owed).epsilon(1e-13));
  CHECK(c.value(0, 3, 7) == Approx(owed + 4 * 0.02 * owed).epsilon(1e-13));
  // While it is stressed it is seen as paying in kind to the end, but for the last quarter, which is paid at 8 %.
  CHECK(c.value(0, 2, 7) == Approx(owed * std::pow(1.03, 4) * 1.02).epsilon(1e-13));
  CHECK(c.batch->value_today[0] == Approx(1160).epsilon(1e-14));
  CHECK(c.cash(0, 7, 8) == Approx(1160).epsilon(1e-14));
  CHECK(c.gauge(0, 2, 7, 8) == 0);
  CHECK(c.batch->gross[0] >= 1000 * std::pow(1.03, 7) * 1.02);
}

// Principal is paid as scheduled: 125 of 1 000 at first. What is then left has grown by 30 of 875.
TEST_CASE("a loan that is paid back pays principal and adds interest", "[loan]") {
  OneLoan loan({{"amortisation", std::string("linear")}});
  const Compiled c = loan();
  double owed = 1000, scheduled = 1000, cash = 0, added = 0, paid = 0;
  for (int v = 0; v < 8; ++v) {
    const bool kind = v < 3;
    const double repaid = owed * 125 / scheduled, interest = owed * (kind ? 0.03 : 0.02);
    cash += repaid + (kind ? 0 : interest), (kind ? added : paid) += interest;
    owed += (kind ? interest : 0) - repaid, scheduled -= 125;
    CHECK(c.cash(0, v, 7) == Approx(cash).epsilon(1e-13));
    CHECK(c.gauge(0, 2, v, 7) == Approx(added).epsilon(1e-13));
  }
  CHECK(c.cash(0, 1, 7) == Approx(125 + 905.0 / 7).epsilon(1e-14));
  CHECK(c.cash(0, 7, 7) == Approx(1000 + added + paid).epsilon(1e-13));  // all that was added comes back
}

TEST_CASE("what has been added to the principal is claimed", "[loan]") {
  OneLoan loan({});
  loan.w.block.defaults = {{ObligorIndex{0}, 7, 3, 0.6}};  // the third quarter's interest is due in kind when it fails
  Compiled c = loan();
  const double claim = 1000 * 1.03 * 1.03 * 1.03;
  CHECK(c.gauge(0, 0, 2, 7) == 1);
  CHECK(c.gauge(0, 1, 1, 7) == 0);
  CHECK(c.gauge(0, 1, 2, 7) == Approx(claim).epsilon(1e-13));
  CHECK(c.gauge(0, 2, 7, 7) == Approx(60.9).epsilon(1e-13));
  CHECK(c.cash(0, 2, 7) == Approx(0.4 * claim).epsilon(1e-13));
  CHECK(c.value(0, 2, 7) == 0);
  CHECK(c.credit(0, 2, 7) == Approx(claim * std::pow(1.03, 4) * 1.02 - 0.4 * claim).epsilon(1e-13));
  loan.w.block.defaults = {{ObligorIndex{0}, 7, 5, 0.6}};
  c = loan();
  CHECK(c.gauge(0, 1, 4, 7) == Approx(claim * 1.02).epsilon(1e-13));
  CHECK(c.cash(0, 4, 7) == Approx(0.02 * claim + 0.4 * 1.02 * claim).epsilon(1e-13));
  CHECK(c.gauge(0, 2, 4, 7) == Approx(claim - 1000).epsilon(1e-13));
}

// Two periods of half a year on an index of median 100 and volatility 0.4 that starts at 105: the first interest is paid in
// kind where it has fallen below 95.
TEST_CASE("two periods on a lognormal index", "[loan]") {
  const double d = std::log(95 / 105.0) / (0.4 * std::sqrt(0.5)), p = 0.5 * std::erfc(-d / std::sqrt(2.0));
  const double in_cash = 50 + 1050, in_kind = 1000 * 1.06 * 1.05;
  const double mean_cash = in_cash + p * (in_kind - in_cash), mean_added = p * 60;
  double cash = 0, added = 0, blocks = 300, seen_both = 0;
  World w(2, 0.5, {1, 2}, 3);
  w.add("R", Process::normal, 0, 0);
  w.add("INDEX", Process::lognormal, 105, 0.4);
  w.market.curves = {{{1, w.factor("R")}}};
  Line line;
  line.cells = {{"principal", 1000.0},
                {"rate", 0.1},
                {"frequency", 2.0},
                {"maturity_years", 1.0},
                {"curve", CurveIndex{0}},
                {"spread", 0.0},
                {"pik_factor", w.factor("INDEX")},
                {"pik_level", 95.0},
                {"pik_when", std::string("below")},
                {"pik_margin", 0.02}};
  w.draw_factors();
  Compiled c(instrument("loan"), table(instrument("loan"), {line}), w, Detail::leaf);
  for (int b = 0; b < blocks; ++b) {
    w.draw_factors();
    w.discount();
    c.evaluate(w.block);
    for (int k = 0; k < lanes; ++k) {
      const bool stressed = w.at("INDEX", 1, k) < 95;
      seen_both += stressed;
      const double expected = stressed ? in_kind : in_cash;
      if (std::abs(c.cash(0, 1, k) - expected) > 1e-12 * expected) FAIL("a scenario by hand");
      cash += c.cash(0, 1, k), added += c.gauge(0, 2, 0, k);
    }
  }
  const double n = blocks * lanes, error = std::sqrt(p * (1 - p) / n);
  CHECK(seen_both > 0.2 * n);
  CHECK(std::abs(cash / n - mean_cash) < 4 * error * (in_kind - in_cash));
  CHECK(std::abs(added / n - mean_added) < 4 * error * 60);
}

TEST_CASE("other loans keep every bit beside one that pays in kind", "[loan]") {
  World w = toggled_world({3, 6, 12}, 70);
  const std::vector<Line> mixed = random_book(w, 80, true, 40).claims.lines;
  const std::vector<Line> plain(mixed.begin(), mixed.begin() + 40);
  Compiled x(instrument("loan"), table(instrument("loan"), mixed), w, Detail::position, obligors),
      y(instrument("loan"), table(instrument("loan"), plain), w, Detail::position, obligors);
  w.discount();
  x.evaluate(w.block), y.evaluate(w.block);
  bool same = true;
  for (std::size_t p = 0; p < 40; ++p)
    for (int v = 0; v < 3; ++v)
      for (int k = 0; k < lanes; ++k)
        same = same && x.value(p, v, k) == y.value(p, v, k) && x.cash(p, v, k) == y.cash(p, v, k) &&
               x.credit(p, v, k) == y.credit(p, v, k) && x.gauge(p, 1, v, k) == y.gauge(p, 1, v, k);
  CHECK(same);
  const auto& read = x.batch->reads;
  CHECK(std::binary_search(read.begin(), read.end(), w.factor("RATE")));
  CHECK(!std::binary_search(y.batch->reads.begin(), y.batch->reads.end(), w.factor("RATE")));

  w.at("RATE", 5, 9) = std::nan("");
  Line unsolved = mixed[60];
  unsolved.cells["principal"] = 1e-3, unsolved.cells["rate"] = 10.0, unsolved.cells.erase("spread");
  unsolved.cells["maturity_years"] = 50.0, unsolved.cells["frequency"] = 12.0;
  std::vector<Line> bad = mixed;
  bad[60] = unsolved;
  Compiled z(instrument("loan"), table(instrument("loan"), bad), w, Detail::leaf, obligors);
  w.discount();
  z.faults.reserve(500);
  z.evaluate(w.block);
  std::size_t not_finite = 0, no_spread = 0;
  for (const Fault& f : z.faults) {
    CHECK(f.position >= 40);
    CHECK(static_cast<std::uint32_t>(f.row) == mixed[f.position].leaf - 1);
    not_finite += f.reason == Reason::not_finite && f.lane == 9;
    no_spread += f.reason == Reason::no_convergence && f.position == 60;
  }
  CHECK(not_finite == 40);
  CHECK(no_spread == 1);
}

TEST_CASE("a scenario depends on nothing but itself where interest is paid in kind", "[loan]") {
  World w = toggled_world({3, 6, 12}, 80);
  Compiled c(instrument("loan"), table(instrument("loan"), random_book(w, 40, false).claims.lines), w, Detail::leaf,
             obligors);
  const auto all = [&] {
    w.discount();
    c.evaluate(w.block);
    std::vector<double> out;
    for (const LaneTable* t : {&c.ledger.value, &c.ledger.cash, &c.ledger.credit_loss, &c.ledger.gauges})
      out.insert(out.end(), t->data(), t->data() + t->size());
    return out;
  };
  const std::vector<double> once = all();
  for (std::size_t run = 0; run < w.block.factors.size(); run += lanes)
    std::reverse(w.block.factors.data() + run, w.block.factors.data() + run + lanes);
  for (Default& d : w.block.defaults) d.lane = static_cast<std::uint16_t>(lanes - 1 - d.lane);
  std::sort(w.block.defaults.begin(), w.block.defaults.end(),
            [](const Default& a, const Default& b) { return std::tie(a.obligor, a.lane) < std::tie(b.obligor, b.lane); });
  std::vector<double> again = all();
  for (auto run = again.begin(); run != again.end(); run += lanes) std::reverse(run, run + lanes);
  CHECK(again == once);
}
