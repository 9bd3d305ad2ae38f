#include "src/engine/credit_model.h"

#include <algorithm>
#include <cmath>

#include "kernels/credit/recoveries.h"
#include "kernels/credit/thresholds.h"
#include "kernels/math/functions.h"
#include "tests/catch_any.h"
#include "tests/unit/engine/stress_job.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

struct Row {
  std::string id;
  double pd_1y;
  std::vector<Loading> loadings;
  double days_past_due = 0, recovery_delay_years = 0, lgd_sd = 0, lgd_correlation = 0;
};
Job make_job(std::vector<Row> rows, int steps = 4) {
  Job job;
  job.steps = steps;
  job.step_years = 0.25;
  job.factor_ids = {"CRE", "SME"};
  job.market.factors.resize(2);
  job.market.factors[0].process = job.market.factors[1].process = Process::driver;
  job.market.factors[0].innovation = stream("factor", "CRE");
  job.market.factors[1].innovation = stream("factor", "SME");
  job.market.correlation = {1, 0.5, 0.5, 1};
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.id < b.id; });
  for (const Row& r : rows) {
    job.obligors.id.push_back(r.id);
    job.obligors.pd_1y.push_back(r.pd_1y);
    job.obligors.loadings.push_back(r.loadings);
    job.obligors.loss_given_default.push_back(0.4);
    job.obligors.lgd_sd.push_back(r.lgd_sd);
    job.obligors.lgd_correlation.push_back(r.lgd_correlation);
    job.obligors.recovery_delay_years.push_back(r.recovery_delay_years);
    job.obligors.days_past_due.push_back(r.days_past_due);
  }
  return job;
}
const Loading cre{FactorIndex{0}, 0.4}, sme{FactorIndex{1}, 0.5};

std::vector<std::string> errors(const Job& job) {
  try {
    compile_credit(job);
  } catch (const InvalidJob& e) {
    return e.messages;
  }
  return {};
}

}  // namespace

TEST_CASE("obligors are grouped by law and ordered by id inside") {
  const Job job = make_job({{"d", 0.02, {sme}},
                            {"a", 0.01, {cre}},
                            {"c", 0.01, {cre}},
                            {"b", 0.01, {cre, sme}},
                            {"e", 0.01, {cre, {FactorIndex{1}, 0.0}}}});
  const CompiledCredit c = compile_credit(job);
  REQUIRE(c.model.buckets.size() == 3);
  REQUIRE(c.model.buckets[0].count == 3);  // a, c, e: a loading of zero is none
  REQUIRE(c.model.buckets[1].count == 1);  // b
  REQUIRE(c.model.buckets[2].count == 1);  // d
  REQUIRE(c.order ==
          std::vector<ObligorIndex>{ObligorIndex{0}, ObligorIndex{3}, ObligorIndex{1}, ObligorIndex{4}, ObligorIndex{2}});
  REQUIRE(c.model.obligors[1].stream == stream("default", "c"));
  REQUIRE(c.model.obligors[4].stream == stream("default", "d"));
  REQUIRE(c.model.obligors[0].loss_given_default == 0.4);
  REQUIRE(c.model.buckets[0].stream == stream("bucket", bucket_name(0.01, {}, {cre}, job.factor_ids)));
  REQUIRE(c.model.buckets[2].first == 4);
}

TEST_CASE("kappa scales the loadings and the drivers' correlation counts") {
  const Job job = make_job({{"a", 0.01, {cre, sme}}});
  const CompiledCredit c = compile_credit(job);
  const double square = 0.16 + 0.25 + 2 * 0.5 * 0.2;
  REQUIRE(squared_loading(job.market, {cre, sme}) == Approx(square).epsilon(1e-14));
  REQUIRE(c.reports.size() == 1);
  REQUIRE(c.reports[0].squared_loading == Approx(square).epsilon(1e-11));
  const Matched m = matched_passage(default_curve(0.01, 0.25, 4), square, 4);
  REQUIRE(c.reports[0].kappa == Approx(m.kappa).epsilon(1e-9));
  REQUIRE(m.kappa > 1.01);
  const Bucket& b = c.model.buckets[0];
  REQUIRE(b.loadings[1].loading == Approx(0.5 * m.kappa).epsilon(1e-9));
  REQUIRE(b.residual == Approx(std::sqrt(1 - m.kappa * m.kappa * square)).epsilon(1e-9));
  for (std::size_t n = 0; n < 4; ++n) REQUIRE(b.threshold[n] == Approx(m.passage.threshold[n]).epsilon(1e-9));
  const double pd = -tailcube::expm1(0.25 * tailcube::log1p(-0.01));
  REQUIRE(c.reports[0].first_step_joint_ratio ==
          Approx(copula_joint(pd, m.kappa * m.kappa * square) / copula_joint(pd, square)).epsilon(1e-8));
  REQUIRE(c.reports[0].first_step_joint_ratio > 1.01);

  Job raw = job;
  raw.credit.matched = false;
  const CompiledCredit r = compile_credit(raw);
  REQUIRE(r.reports[0].kappa == 1);
  REQUIRE(r.model.buckets[0].loadings[1].loading == 0.5);
  REQUIRE(r.model.buckets[0].stream == b.stream);
}

TEST_CASE("obligors with a term structure have a law of their own") {
  const std::vector<DefaultBy> slow = {{1, 0.01}, {3, 0.02}}, fast = {{1, 0.01}, {3, 0.2}};
  Job job = make_job({{"a", 0.01, {cre}}, {"b", 0.01, {cre}}, {"c", 0.01, {cre}}, {"d", 0.01, {cre}}}, 12);
  job.obligors.terms = {slow, fast};
  job.obligors.term = {1, none, 0, 1};
  const CompiledCredit c = compile_credit(job);
  REQUIRE(c.model.buckets.size() == 3);
  REQUIRE(c.reports.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    const std::vector<DefaultBy> term = i == 0 ? slow : i == 1 ? fast : std::vector<DefaultBy>{};
    const auto curve = i == 2 ? default_curve(0.01, 0.25, 12) : default_curve(term, 0.25, 12);
    const Matched m = matched_passage(curve, 0.16, 4);
    CAPTURE(i);
    CHECK(c.model.buckets[i].count == (i == 1 ? 2 : 1));
    for (std::size_t n = 0; n < 12; ++n)
      CHECK(c.model.buckets[i].threshold[n] == Approx(m.passage.threshold[n]).epsilon(1e-8));
    CHECK(c.model.buckets[i].stream == stream("bucket", bucket_name(0.01, term, {cre}, job.factor_ids)));
    CHECK(c.reports[i].kappa == Approx(m.kappa).epsilon(1e-8));
    CHECK(c.reports[i].term == (i == 2 ? none : i));
    CHECK(c.reports[i].pd_1y == 0.01);
    CHECK(c.reports[i].pd_at_end == curve.back());
  }
  CHECK(bucket_name(0.01, slow, {}, {}) == "pd 3f847ae147ae147b /3 3f947ae147ae147b");
  job.credit.timing = Timing::terminal;
  const CompiledCredit terminal = compile_credit(job);
  for (int n = 1; n <= 12; ++n)
    CHECK(terminal.model.buckets[1].threshold[static_cast<std::size_t>(n) - 1] ==
          normal_quantile(default_curve(fast, 0.25, 12)[static_cast<std::size_t>(n) - 1]));
}

TEST_CASE("several steps under the t copula") {
  Job job = make_job({{"a", 0.01, {cre}}, {"b", 0.01, {}}});
  job.credit.dof = 4;
  const CompiledCredit c = compile_credit(job);
  const auto curve = default_curve(0.01, 0.25, 4);
  const Matched m = matched_passage(curve, 0.16, 4, 4);
  REQUIRE(c.model.dof == 4);
  REQUIRE(m.kappa < 0.99);
  const Bucket &free = c.model.buckets[0], &bound = c.model.buckets[1];
  REQUIRE(bound.threshold.size() == 4);
  for (std::size_t n = 0; n < 4; ++n) {
    REQUIRE(bound.threshold[n] == Approx(m.passage.threshold[n]).epsilon(1e-9));
    REQUIRE(free.threshold[n] == student_quantile(curve[n], 4));
  }
  REQUIRE(bound.loadings[0].loading == Approx(0.4 * m.kappa).epsilon(1e-9));
  REQUIRE(c.reports[1].first_step_joint_ratio ==
          Approx(copula_joint(curve[0], m.kappa * m.kappa * 0.16, 4) / copula_joint(curve[0], 0.16, 4)).epsilon(1e-8));
}

TEST_CASE("one step needs no kappa, and the t copula its own quantile") {
  Job job = make_job({{"a", 0.01, {cre}}}, 1);
  const double pd = -tailcube::expm1(0.25 * tailcube::log1p(-0.01));
  REQUIRE(compile_credit(job).model.buckets[0].threshold == std::vector<double>{normal_quantile(pd)});
  job.credit.dof = 4;
  const CompiledCredit c = compile_credit(job);
  REQUIRE(c.model.dof == 4);
  REQUIRE(c.model.buckets[0].threshold == std::vector<double>{student_quantile(pd, 4)});
  REQUIRE(c.reports[0].kappa == 1);
}

TEST_CASE("the matching step is the first at or after one year") {
  REQUIRE(matching_step(1.0 / 12, 12) == 12);
  REQUIRE(matching_step(1.0 / 12, 36) == 12);
  REQUIRE(matching_step(1.0 / 12, 6) == 6);
  REQUIRE(matching_step(7.0 / 365, 104) == 53);
  REQUIRE(matching_step(1.0 / 365, 400) == 365);
  REQUIRE(matching_step(3, 5) == 1);
}

TEST_CASE("an added obligor leaves other buckets as they are") {
  const std::vector<Row> rows = {{"a", 0.01, {cre}}, {"b", 0.02, {sme}}, {"c", 0.02, {sme}}};
  std::vector<Row> more = rows;
  more.push_back({"aa", 0.001, {cre}});
  const CompiledCredit before = compile_credit(make_job(rows)), after = compile_credit(make_job(more));
  REQUIRE(after.model.buckets.size() == 3);
  for (std::size_t b = 0; b < 2; ++b) {
    const Bucket &x = before.model.buckets[b], &y = after.model.buckets[b + 1];
    REQUIRE(x.stream == y.stream);
    REQUIRE(x.threshold == y.threshold);
    REQUIRE(x.loadings == y.loadings);
    REQUIRE(x.count == y.count);
  }
}

TEST_CASE("who is 90 days past due is in default at the first step of every scenario") {
  std::vector<Row> rows = {{"d", 0.02, {sme}}, {"b", 0.01, {cre}, 89}, {"a", 0.01, {cre}}};
  const CompiledCredit without = compile_credit(make_job(rows));
  rows.push_back({"c", 0.01, {cre}, 90}), rows.push_back({"aa", 0.02, {sme}, 1000});
  const CompiledCredit c = compile_credit(make_job(rows));
  REQUIRE(without.model.in_default == 0);
  REQUIRE(c.model.in_default == 2);
  REQUIRE(c.order ==
          std::vector<ObligorIndex>{ObligorIndex{0}, ObligorIndex{3}, ObligorIndex{1}, ObligorIndex{4}, ObligorIndex{2}});
  REQUIRE(c.reports.size() == 2);
  REQUIRE(c.reports[0].obligors == 2);
  for (const Sampler sampler : {Sampler::sparse, Sampler::per_obligor})
    for (const std::uint32_t everyone : {0u, 1u}) {
      CreditModel model = c.model, healthy = without.model;
      model.sampler = healthy.sampler = sampler;
      if (everyone) {
        model.buckets.clear(), healthy.buckets.clear(), healthy.obligors.clear();
        model.obligors.erase(model.obligors.begin(), model.obligors.begin() + 3);
      }
      Block block, other;
      block.seed = other.seed = 5;
      block.factors = LaneTable(2, 5), other.factors = LaneTable(2, 5);
      std::fill_n(block.factors.data(), block.factors.size(), -1.5);
      std::fill_n(other.factors.data(), other.factors.size(), -1.5);
      CreditScratch scratch;
      draw_defaults(model, scratch, block);
      draw_defaults(healthy, scratch, other);
      REQUIRE(block.defaults.size() == other.defaults.size() + 2 * lanes);
      REQUIRE(std::equal(other.defaults.begin(), other.defaults.end(), block.defaults.begin()));
      for (std::size_t i = 0; i < 2 * lanes; ++i)
        REQUIRE(block.defaults[other.defaults.size() + i] ==
                Default{ObligorIndex{static_cast<std::uint32_t>((everyone ? 0 : 3) + i / lanes)},
                        static_cast<std::uint16_t>(i % lanes), 1, 0.4});
      for (std::size_t l = 0; l < lanes; ++l)
        REQUIRE(block.mean_conditional_pd[l] ==
                Approx(everyone ? 1 : (3 * other.mean_conditional_pd[l] + 2) / 5).epsilon(1e-14));
    }
}

TEST_CASE("random losses given default get a law each, shared where it is the same") {
  std::vector<Row> rows = {{"a", 0.01, {cre, sme}, 0, 0, 0.2, 0.5},
                           {"b", 0.01, {cre, sme}, 0, 0, 0.2, 0.5},
                           {"c", 0.01, {cre, sme}},
                           {"d", 0.01, {}, 0, 0, 0.2, 0.5},
                           {"e", 0.02, {sme}, 0, 0, 0.1, 0},
                           {"f", 0.02, {sme}, 120, 0, 0.2, 0.5}};
  Job job = make_job(rows);
  const CompiledCredit credit = compile_credit(job);
  const CreditModel& m = credit.model;
  const auto recovery = [&](std::size_t i) { return m.recoveries.at(static_cast<std::size_t>(credit.order[i])); };
  const auto law = [&](std::size_t i) { return m.recovery_laws.at(recovery(i).law); };
  REQUIRE(m.recoveries.size() == 6);
  REQUIRE(m.recovery_laws.size() == 4);
  CHECK(recovery(0).law == recovery(1).law);
  CHECK(recovery(0).stream == stream("lgd", "a"));
  CHECK(recovery(2).law == none);
  const double square = squared_loading(job.market, {cre, sme}), kappa = credit.reports[1].kappa;
  REQUIRE(kappa > 1.01);
  const Matched matched = matched_passage(default_curve(0.01, 0.25, 4), square, 4);
  const ProbitNormal p = probit_normal(0.4, 0.2, 0.5, adapted_scores(matched.passage.threshold, kappa * kappa * square, 0));
  CHECK(law(0).centre == Approx(p.centre).epsilon(1e-6));
  CHECK(law(0).own == Approx(p.spread * std::sqrt(0.75)).epsilon(1e-6));
  REQUIRE(law(0).loadings.size() == 2);  // the score is standardised, so kappa is not in it
  CHECK(law(0).loadings[1].loading == Approx(-p.spread * 0.5 * 0.5 / std::sqrt(square)).epsilon(1e-6));
  const ProbitNormal alone = probit_normal(0.4, 0.2, 0, {});
  CHECK(law(3).own == Approx(alone.spread).epsilon(1e-9));  // nothing systematic to correlate with
  CHECK(law(3).loadings.empty());
  CHECK(law(4).loadings.empty());
  CHECK(law(5).centre == Approx(alone.centre).epsilon(1e-9));  // in default already: its score is standard normal
  CHECK(law(5).own == Approx(alone.spread * std::sqrt(0.75)).epsilon(1e-9));
  CHECK(law(5).loadings[0].loading == Approx(-alone.spread * 0.5).epsilon(1e-9));

  rows[0].lgd_sd = rows[1].lgd_sd = rows[3].lgd_sd = rows[4].lgd_sd = rows[5].lgd_sd = 0;
  CHECK(compile_credit(make_job(rows)).model.recoveries.empty());
}

namespace {
std::vector<double> delays_seen;
struct NoBatch : Batch {
  void evaluate(const Block&, Ledger&, Faults&) const noexcept override {}
};
}  // namespace

TEST_CASE("instruments get the recovery delays in the order of their obligors") {
  Instrument loan;
  loan.name = "loan";
  loan.compile = [](const Positions&, const Wiring& wiring) -> std::unique_ptr<Batch> {
    delays_seen = wiring.recovery_delay_years;
    auto batch = std::make_unique<NoBatch>();
    batch->value_today = batch->gross = {1};
    return batch;
  };
  const auto compiled_with = [&](std::vector<Row> rows) {
    Job job = stress_job({{"CRE", Process::driver}, {"SME", Process::driver}}, 0.25, 4, {1, 0.5, 0.5, 1});
    job.obligors = make_job(std::move(rows)).obligors;
    job.nodes = {{"total", NodeIndex{none}}};
    job.scenarios = 64;
    job.confidence = {{9, 10}};
    job.cells = {{"base", std::nullopt, {}, false}};
    PositionTable table{&loan, {}};
    table.positions.id = {"p"};
    table.positions.leaf = {NodeIndex{0}};
    table.positions.quantity = {1};
    table.positions.currency = {FactorIndex{none}};
    table.positions.obligor = {ObligorIndex{0}};
    job.tables = {table};
    compile(job, Detail::leaf);
    return delays_seen;
  };
  REQUIRE(compiled_with({{"a", 0.02, {sme}}, {"b", 0.01, {cre}}}).empty());
  REQUIRE(compiled_with({{"a", 0.02, {sme}, 0, 1.5}, {"b", 0.01, {cre}}, {"c", 0.01, {}, 0, 0.25}}) ==
          std::vector<double>{0.25, 0, 1.5});
}

TEST_CASE("what cannot be is refused with its name") {
  Job job = make_job({{"a", 0.01, {cre}}, {"b", 0.01, {{FactorIndex{0}, 0.9}, {FactorIndex{1}, 0.9}}}});
  const auto found = errors(job);
  REQUIRE(found.size() == 1);
  REQUIRE(found[0] == "obligor b: squared loading a'Ca = 2.430000 is not below 1");
}

TEST_CASE("terminal timing is refused where default would know the future") {
  Job job = make_job({{"a", 0.01, {cre}}});
  job.credit.timing = Timing::terminal;
  Instrument loan;
  loan.name = "loan";
  loan.reads_market_at_default = true;
  PositionTable table{&loan, {}};
  table.positions.id = {"p"};
  table.positions.obligor = {ObligorIndex{0}};
  table.positions.currency = {FactorIndex{none}};
  job.tables = {table};
  const CompiledCredit c = compile_credit(job);
  REQUIRE(c.model.timing == Timing::terminal);
  REQUIRE(c.model.buckets[0].threshold[3] == Approx(normal_quantile(0.01)).epsilon(1e-12));
  REQUIRE(c.reports[0].kappa == 1);
  job.tables[0].positions.currency = {FactorIndex{0}};
  const auto found = errors(job);
  REQUIRE(found.size() == 1);
  REQUIRE(found[0].find("credit.timing = terminal with several steps: loan p turns into foreign cash") == 0);
  Instrument mortgage;
  mortgage.name = "mortgage";
  mortgage.sells_at_default = true;
  job.tables[0].instrument = &mortgage;
  job.tables[0].positions.currency = {FactorIndex{none}};
  REQUIRE(errors(job).at(0).find(
              "credit.timing = terminal with several steps: mortgage p turns into cash at the market of a default") == 0);
  job.steps = 1;
  REQUIRE(errors(job).empty());
}

TEST_CASE("equal streams are found") {
  Job job = make_job({{"a", 0.01, {cre}}});
  job.market.factors[0].jump_count = stream("default", "a");
  const auto found = errors(job);
  REQUIRE(found.size() == 1);
  REQUIRE(found[0].find("obligor a") != std::string::npos);
}

TEST_CASE("many distinct laws come from the grid") {
  std::vector<Row> rows;
  for (int i = 0; i < 30000; ++i)
    rows.push_back({"o" + std::to_string(100000 + i), 0.001 + 1e-6 * i, {{FactorIndex{0}, 0.3 + 1e-5 * (i % 1000)}}});
  for (const std::size_t i : {0u, 12345u, 29999u}) rows[i].lgd_sd = 0.2, rows[i].lgd_correlation = 0.5;
  const CompiledCredit c = compile_credit(make_job(rows));
  REQUIRE(c.model.buckets.size() == 30000);
  REQUIRE(c.reports.size() == 30000);
  for (const std::size_t b : {0u, 12345u, 29999u}) {
    const Matched m = matched_passage(default_curve(rows[b].pd_1y, 0.25, 4), std::pow(rows[b].loadings[0].loading, 2), 4);
    for (std::size_t n = 0; n < 4; ++n)
      REQUIRE(c.model.buckets[b].threshold[n] == Approx(m.passage.threshold[n]).margin(5e-5));
    const double square = m.kappa * m.kappa * std::pow(rows[b].loadings[0].loading, 2);
    const ProbitNormal p = probit_normal(0.4, 0.2, 0.5, adapted_scores(m.passage.threshold, square, 0));
    const RecoveryLaw& law = c.model.recovery_laws.at(c.model.recoveries.at(b).law);
    REQUIRE(law.centre == Approx(p.centre).margin(2e-5));
    REQUIRE(law.own == Approx(p.spread * std::sqrt(0.75)).margin(2e-5));
  }
}

TEST_CASE("many laws of few term structures come from a grid for each") {
  std::vector<Row> rows;
  for (int i = 0; i < 1300; ++i) rows.push_back({"o" + std::to_string(10000 + i), 0.01, {{FactorIndex{0}, 0.3 + 1e-4 * i}}});
  for (const std::size_t i : {0u, 700u}) rows[i].lgd_sd = 0.2, rows[i].lgd_correlation = 0.5;
  Job job = make_job(rows);
  job.obligors.terms = {{{1, 0.01}, {2, 0.04}}, {{1, 0.01}, {2, 0.05}}};
  job.obligors.term.assign(rows.size(), 0);
  job.obligors.term[5] = 1;  // alone: solved
  job.steps = 8;
  const CompiledCredit c = compile_credit(job);
  REQUIRE(c.model.buckets.size() == 1300);
  for (const std::size_t b : {0u, 700u, 1299u}) {
    const double square = std::pow(c.model.buckets[b].loadings[0].loading / c.reports[b].kappa, 2);
    const auto curve = default_curve(job.obligors.terms[b == 1299 ? 1 : 0], 0.25, 8);
    const Matched m = matched_passage(curve, square, 4);
    CAPTURE(b, square);
    CHECK(c.reports[b].kappa == Approx(m.kappa).epsilon(b == 1299 ? 1e-8 : 2e-5));
    for (std::size_t n = 0; n < 8; ++n)
      CHECK(c.model.buckets[b].threshold[n] == Approx(m.passage.threshold[n]).epsilon(b == 1299 ? 1e-8 : 2e-5));
  }
}
