#include "kernels/instruments/invoice_law.h"
#include "kernels/random/gamma.h"
#include "tests/acceptance.h"
#include "tests/catch_any.h"
#include "tests/reference.h"
#include "tests/unit/instruments/book.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

constexpr std::uint32_t obligors = 12;

World world() {
  World w(6, 1.0 / 12, {1, 3, 6}, 41);
  w.add("EURUSD", Process::lognormal, 1.1, 0.1);
  w.draw_factors();
  w.draw_defaults(obligors, 4);
  w.block.seed = 79;
  for (std::uint32_t o = 0; o < obligors; ++o) {
    w.hazard.push_back(w.uniform(0, 0.4));
    w.recovery_delay_years.push_back(o % 3 == 0 ? 0.2 : 0);
  }
  return w;
}

double cell(const Line& line, const std::string& name, double otherwise = 0) {
  const auto at = line.cells.find(name);
  return at == line.cells.end() ? otherwise : std::get<double>(at->second);
}
ObligorIndex seller_of(const Line& line) {
  const auto at = line.cells.find("seller");
  return at == line.cells.end() ? ObligorIndex{none} : std::get<ObligorIndex>(at->second);
}
InvoiceTerms law_terms(const Line& l) {
  return {cell(l, "due_days") / 365, cell(l, "advance_rate", 1),  cell(l, "discount_rate"),       cell(l, "dilution"),
          cell(l, "dilution_sd"),    cell(l, "delay_days") / 365, cell(l, "delay_sd_days") / 365, cell(l, "recourse"),
          cell(l, "fraud_rate"),     cell(l, "fraud_share", 1)};
}

// One invoice in one scenario, told step by step.
struct Plain {
  World& w;
  const Line& line;
  std::string id;
  int lane;
  Outcome outcome(int h) const {
    const auto k = static_cast<std::size_t>(lane);
    const double dt = w.market.step_years, advance = cell(line, "advance_rate", 1), recourse = cell(line, "recourse");
    const double lgd = is_none(line.obligor) ? 0 : w.loss_given_default[static_cast<std::size_t>(line.obligor)];
    const InvoiceLaw law(law_terms(line), lgd);
    std::array<double, lanes> x;
    double share = 1 - cell(line, "dilution"), late = cell(line, "delay_days") / 365;
    if (cell(line, "dilution_sd") > 0) {
      betas(w.block.seed, stream("dilution", id), stream("dilution rest", id), 0, law.shapes().beta_a, law.shapes().beta_b,
            x);
      share = 1 - x[k];
    }
    if (cell(line, "delay_sd_days") > 0) {
      gammas(w.block.seed, stream("payment delay", id), 0, law.shapes().gamma_shape, x);
      late = x[k] * law.shapes().gamma_scale_years;
    }
    const auto step_of = [&](double years) { return std::max(1, static_cast<int>(std::ceil(years / dt - 1e-8))); };
    int shock = 1000, found = 1000;
    if (const double rate = cell(line, "fraud_rate"); rate > 0) {
      const StreamId pool = line.cells.contains("pool") ? stream("pool", std::get<std::string>(line.cells.at("pool")))
                                                        : stream("own pool", id);
      const auto s = static_cast<std::uint32_t>(lane);
      shock = step_of(-std::log(uniform(w.block.seed, pool, s, 0)) / rate);
      if (uniform(w.block.seed, stream("fraud", id), s, 0) < cell(line, "fraud_share", 1)) found = shock;
    }
    const auto fails = [&](ObligorIndex o) { return is_none(o) ? 1000 : w.default_step(o, lane); };
    const auto fx = [&](int n) { return is_none(line.currency) ? 1 : w.block.factors(line.currency, n)[k]; };
    const int paid = step_of(cell(line, "due_days") / 365 + late), failed = fails(line.obligor),
              gone = fails(seller_of(line));
    const double face = line.quantity * cell(line, "face"), owed = std::min(share, advance);
    const auto waiting = [&](bool seller_alive) {
      const InvoiceLaw::Wait wait = law.wait(w.time(h));
      const auto pd = [&](ObligorIndex o) {
        return is_none(o) ? 0 : 1 - std::exp(-w.hazard[static_cast<std::size_t>(o)] * wait.years);
      };
      return face * fx(h) * (shock <= h ? 1 : law.honest(wait)) *
             law.value(wait, pd(line.obligor), seller_alive ? pd(seller_of(line)) : 1);
    };
    const double clean = paid <= h ? face * fx(paid) * (owed + recourse * (advance - owed)) : waiting(true);
    Outcome out{0, 0, 0, {0, 0, 0, 0}};
    const int end = std::min({paid, failed, found});
    if (end > h) {
      out.value = waiting(gone > h);
    } else if (found == end) {
      out.gauges[3] = face * fx(end) * advance;
    } else if (failed == end) {
      const double got = std::min((1 - lgd) * share, advance), claim = face * fx(end);
      const int arrives = end + step_of(w.recovery_delay_years[static_cast<std::size_t>(line.obligor)] + dt) - 1;
      if (gone > end) out.cash += claim * recourse * (advance - got);
      if (arrives <= h)
        out.cash += face * fx(arrives) * got;
      else
        out.value = face * fx(h) * got * std::exp(-cell(line, "discount_rate") * dt * (arrives - h));
      out.gauges = {1, claim * owed, claim * (1 - share), 0};
    } else {
      out.cash = face * fx(end) * (owed + (gone > end ? recourse * (advance - owed) : 0));
      out.gauges[2] = face * fx(end) * (1 - share);
    }
    out.credit_loss = clean - out.value - out.cash;
    const bool recovering = failed == end && found > end && out.value != 0;
    if (end > h || recovering) {
      const double overdue = 365 * w.time(h) - cell(line, "due_days"), grace = cell(line, "published_grace_days");
      const double slow = cell(line, "published_write_down_days", 1e300);
      out.published = face * fx(h) * advance *
                      (overdue < 0                                   ? std::exp(cell(line, "discount_rate") * overdue / 365)
                       : line.cells.contains("published_write_offs") ? (overdue < 15   ? 1
                                                                        : overdue < 45 ? 0.75
                                                                                       : 0.25)
                                                                     : 1 - std::clamp((overdue - grace) / slow, 0.0, 1.0));
    }
    return out;
  }
};

}  // namespace

TEST_CASE("invoices are paid late, less, by the seller or not at all", "[invoice]") {
  World w = world();
  w.published_values = true;
  std::vector<Line> book;
  for (std::size_t i = 0; i < 60; ++i) {
    Line line{
        .leaf = 1 + static_cast<std::uint32_t>(i % 3),
        .currency = i % 2 ? w.factor("EURUSD") : FactorIndex{none},
        .quantity = i % 7 == 3 ? -1.0 : 1.0,
        .obligor = i % 9 == 0 ? ObligorIndex{none} : ObligorIndex{static_cast<std::uint32_t>(i) % obligors},
        .cells = {{"face", w.uniform(1e3, 1e5)}, {"due_days", w.uniform(0, 120)}, {"discount_rate", w.uniform(0, 0.2)}}};
    if (i % 3) line.cells["advance_rate"] = w.uniform(0.7, 1);
    if (i % 4) line.cells["dilution"] = 0.06, line.cells["dilution_sd"] = i % 4 == 1 ? 0.0 : 0.05;
    if (i % 5) line.cells["delay_days"] = 20.0, line.cells["delay_sd_days"] = i % 5 == 1 ? 0.0 : w.uniform(5, 40);
    if (i % 2)
      line.cells["seller"] = ObligorIndex{static_cast<std::uint32_t>(i * 5) % obligors}, line.cells["recourse"] = 0.8;
    if (i % 3 == 1) line.cells["fraud_rate"] = 2.0, line.cells["fraud_share"] = 0.5;
    if (i % 4 > 1) line.cells["published_grace_days"] = 10.0, line.cells["published_write_down_days"] = 30.0;
    if (i % 4 == 1) line.cells["published_write_offs"] = ShareSchedule{{15, 0.25}, {45, 0.75}};
    if (i % 6 == 1) line.cells["pool"] = std::string(i % 4 == 1 ? "P1" : "P2");
    book.push_back(line);
  }
  const Positions positions = table(instrument("invoice"), book);
  const auto expected = [&](std::size_t p, std::size_t v, int lane) {
    return Plain{w, book[p], positions.id[p], lane}.outcome(w.market.valued[v]);
  };
  const Errors errors = compare(instrument("invoice"), positions, w, obligors, expected);
  INFO(errors.where);
  CHECK(errors.reference < 1e-12);
  CHECK(errors.leaf < 1e-13);
  CHECK(errors.units <= 1);
}

TEST_CASE("what an invoice is worth today", "[invoice]") {
  const auto file = reference("rwa_instruments");
  if (!file) return;
  const auto &in = file->at("inputs").at("invoice"), &e = file->at("expected").at("invoice");
  const double a = in["dilution_beta_a"], b = in["dilution_beta_b"], k = in["delay_gamma_k"];
  const double scale = in["delay_gamma_theta_years"], due = in["T"], pd = in["PD"], face = in["F"];
  const double mean_date = due + k * scale;
  CHECK(k * scale == Approx(e["mean_delay"].get<double>()).epsilon(1e-12));
  World w(7, 15.0 / 365, {7}, 3);
  w.block.factors = LaneTable(1, 8);
  w.hazard = {-std::log1p(-pd) / mean_date};
  w.loss_given_default = {in["LGD"].get<double>()};
  const std::vector<Line> book = {{.obligor = ObligorIndex{0},
                                   .cells = {{"face", face},
                                             {"due_days", due * 365},
                                             {"discount_rate", in["r"].get<double>()},
                                             {"dilution", a / (a + b)},
                                             {"dilution_sd", std::sqrt(a * b / (a + b + 1)) / (a + b)},
                                             {"delay_days", 365 * k * scale},
                                             {"delay_sd_days", 365 * std::sqrt(k) * scale}}}};
  Compiled batch(instrument("invoice"), table(instrument("invoice"), book), w, Detail::leaf, 1);
  CHECK(batch.batch->value_today[0] == Approx(e["PV"].get<double>()).epsilon(1e-9));
  std::uint64_t late = 0;
  constexpr std::uint64_t blocks = 500;
  for (std::uint64_t i = 0; i < blocks; ++i) {
    w.block.first_scenario = i * lanes;
    batch.evaluate(w.block);
    for (int lane = 0; lane < lanes; ++lane) late += batch.value(0, 0, lane) > 0;
  }
  CHECK(covers(late, blocks * lanes, e["P_late_more_than_60d"]));
}

// By quadrature over the law of dilution and of the delay.
TEST_CASE("the law of an unpaid invoice", "[invoice]") {
  const InvoiceTerms terms{0.1, 0.9, 0.3, 0.12, 0.08, 0.15, 0.2, 0.5, 1.5, 0.4};
  const InvoiceLaw law(terms, 0.6);
  const auto [a, b, shape, scale] = law.shapes();
  CHECK(a / (a + b) == Approx(0.12).epsilon(1e-13));
  CHECK(a * b / ((a + b) * (a + b) * (a + b + 1)) == Approx(0.0064).epsilon(1e-12));
  const auto beta = [&, a = a, b = b](double d) {
    return std::exp((a - 1) * std::log(d) + (b - 1) * std::log1p(-d) + std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b));
  };
  constexpr int n = 200000;
  for (const double loss : {0.0, 0.05, 0.6}) {
    double share = 0;
    for (int i = 0; i < n; ++i) {
      const double d = (i + 0.5) / n;
      share += std::min((1 - loss) * (1 - d), 0.9) * beta(d) / n;
    }
    INFO(loss);
    CHECK(law.expected_share(loss) == Approx(share).epsilon(1e-8));
  }
  for (const double now : {0.0, 0.1, 0.2, 0.9}) {  // t^4 for t: the density of a shape below 1 has a pole
    double mass = 0, years = 0, discount = 0;
    const double overdue = std::max(0.0, now - 0.1);
    for (int i = 0; i < n; ++i) {
      const double t = 2.2 * (i + 0.5) / n, x = t * t * t * t;
      if (x < overdue) continue;
      const double p = std::exp((shape - 1) * std::log(x / scale) - x / scale) * 4 * t * t * t, left = 0.1 + x - now;
      mass += p, years += p * left, discount += p * std::exp(-0.3 * left);
    }
    const InvoiceLaw::Wait wait = law.wait(now);
    INFO(now);
    CHECK(wait.years == Approx(years / mass).epsilon(1e-3));
    CHECK(wait.discount == Approx(discount / mass).epsilon(1e-4));
  }
  CHECK(law.wait(500).years == Approx(scale).epsilon(1e-14));
  CHECK(law.honest({2, 1}) == Approx(1 - 0.4 * (1 - std::exp(-3.0))).epsilon(1e-14));
  CHECK(law.value({1, 0.5}, 0, 1) == Approx(0.5 * law.expected_share(0)).epsilon(1e-14));
  CHECK(law.value({1, 1}, 1, 0) == Approx(0.5 * (0.9 + law.expected_share(0.6))).epsilon(1e-14));
}

TEST_CASE("invoices of one pool fall together", "[invoice]") {
  World w = world();
  w.block.defaults.clear();
  std::vector<Line> book(3, Line{.cells = {{"face", 100.0},
                                           {"due_days", 365.0},
                                           {"discount_rate", 0.0},
                                           {"fraud_rate", 1.5},
                                           {"pool", std::string("P")}}});
  book[2].cells.erase("pool");
  Compiled batch(instrument("invoice"), table(instrument("invoice"), book), w, Detail::position, obligors);
  batch.evaluate(w.block);
  int found = 0, apart = 0;
  for (int lane = 0; lane < lanes; ++lane) {
    CHECK(batch.value(0, 2, lane) == batch.value(1, 2, lane));
    CHECK(batch.gauge(0, 3, 2, lane) == (batch.value(0, 2, lane) == 0 ? 100 : 0));
    found += batch.value(0, 2, lane) == 0;
    apart += batch.value(0, 2, lane) != batch.value(2, 2, lane);
  }
  CHECK(found > 10);
  CHECK(apart > 10);
}
