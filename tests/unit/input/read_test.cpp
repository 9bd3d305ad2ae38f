// A valid job arrives, field by field.
#include "tests/catch_any.h"
#include "tests/unit/input/job_files.h"

namespace tailcube::test {
namespace {

TEST_CASE("settings arrive") {
  const Job job = read(valid_job());
  CHECK(job.name == "demo");
  CHECK(job.currency == "USD");
  CHECK(job.as_of == "2026-11-22");
  CHECK(job.text == valid_job()["job.toml"]);
  CHECK(job.seed == 42);
  CHECK(job.scenarios == 1'000'000);
  CHECK(job.step_years == 1 / 12.0);
  CHECK(job.steps == 12);
  CHECK(job.report_steps == std::vector<int>{1, 3, 12});
  CHECK(job.confidence == std::vector<Confidence>{{95, 100}, {99, 100}, {999, 1000}});
  CHECK_FALSE(job.binned);
  CHECK(job.tail_scenarios == 1000);
  CHECK(job.levels == std::vector<std::string>{"book", "pool"});
  CHECK(job.credit.dof == 0);
  CHECK(job.credit.timing == Timing::adapted);
  CHECK(job.credit.matched);
  CHECK(job.credit.sampler == Sampler::sparse);
}

TEST_CASE("the market arrives") {
  const Job job = read(valid_job());
  CHECK(job.factor_ids == std::vector<std::string>{"BTC", "EURUSD", "OIL", "SME", "SPREAD", "TECH", "UST"});
  const auto& m = job.market;
  REQUIRE(m.factors.size() == 7);
  const Factor& btc = m.factors[0];
  CHECK(btc.process == Process::lognormal);
  CHECK(btc.initial == 100000);
  CHECK(btc.drift == 0.05);
  CHECK(btc.volatility == 0.6);
  CHECK(btc.jump_rate == 12);
  CHECK(btc.jump_mean == -0.02);
  CHECK(btc.jump_volatility == 0.05);
  CHECK(btc.innovation == stream("factor", "BTC"));
  CHECK(btc.jump_count == stream("jump count", "BTC"));
  CHECK(btc.jump_size == stream("jump size", "BTC"));
  CHECK(m.factors[2].process == Process::log_ou);
  CHECK(m.factors[2].level == 4.4);
  CHECK(m.factors[3].process == Process::driver);
  CHECK(m.factors[4].process == Process::normal);
  CHECK(m.factors[4].drift == 0.001);
  CHECK(m.factors[6].process == Process::ou);
  CHECK(m.factors[6].reversion == 0.3);
  CHECK(m.correlation[0 * 7 + 3] == 0.3);
  CHECK(m.correlation[4 * 7 + 3] == -0.4);
  CHECK(m.correlation[5 * 7 + 5] == 1);
  CHECK(m.correlation[5 * 7 + 3] == 0);
  REQUIRE(m.root.size() == 49);
  CHECK(m.root[1 * 7 + 0] == Approx(0.1));
  CHECK(job.curve_ids == std::vector<std::string>{"AAA", "USD"});
  REQUIRE(m.curves[1].size() == 2);
  CHECK(m.curves[1][0].tenor_years == 1);
  CHECK(m.curves[1][0].zero_rate == FactorIndex{6});
  CHECK(m.curves[1][1].zero_rate == FactorIndex{4});
  CHECK(m.step_years == job.step_years);
  CHECK(m.steps == 12);
  CHECK(m.valued == job.report_steps);
}

TEST_CASE("a t copula arrives") {
  const Job job = read(valid_job(), {"credit.copula=t", "credit.dof=8"});
  CHECK(job.credit.dof == 8);
  CHECK(job.steps == 12);
}

TEST_CASE("obligors arrive, sorted") {
  const ObligorTable o = read(valid_job()).obligors;
  CHECK(o.id == std::vector<std::string>{"O1", "O2", "O3"});
  CHECK(o.pd_1y[0] == 0.01);
  CHECK(o.pd_1y[1] == Approx(0.0198013266932447).epsilon(1e-14));  // 1 - exp(-0.02)
  CHECK(o.pd_1y[2] == 0.08);
  CHECK(o.loadings[0] == std::vector<Loading>{{FactorIndex{3}, 0.5}});
  CHECK(o.loadings[1].empty());
  CHECK(o.loadings[2] == std::vector<Loading>{{FactorIndex{3}, 0.3}, {FactorIndex{5}, -0.4}});
  CHECK(o.loss_given_default == std::vector<double>{0.6, 0.4, 0.45});
  CHECK(o.sector == std::vector<std::string>{"Retail", "", ""});
  CHECK(o.country == std::vector<std::string>{"DE", "FR", ""});
}

TEST_CASE("term structures of ratings arrive, equal ones once") {
  JobFiles files = valid_job();
  const std::string rows = "O3,,B-,,,,SME:0.3 TECH:-0.4,0.45,,,,,,\n";
  files["obligors.csv"] += replaced(replaced(rows, "O3", "O4"), "B-", "BBB") +
                           replaced(replaced(rows, "O3", "O5"), "B-", "b") +
                           replaced(replaced(rows, "O3", "O6"), "B-", "flat");
  files["ratings.csv"] =
      "pd_10y,rating,pd_1y,pd_3y\n,B-,0.08,0.2\n0.3,unused,0.1,0.2\n0.05,BBB,0.002,\n,flat,0.08,\n,b,0.08,0.2\n";
  const Job job = read(files);
  const ObligorTable& o = job.obligors;
  CHECK(o.pd_1y == std::vector<double>{0.01, o.pd_1y[1], 0.08, 0.002, 0.08, 0.08});
  REQUIRE(o.terms.size() == 2);
  CHECK(o.terms[0] == std::vector<DefaultBy>{{1, 0.002}, {10, 0.05}});
  CHECK(o.terms[1] == std::vector<DefaultBy>{{1, 0.08}, {3, 0.2}});
  CHECK(o.term == std::vector<std::uint32_t>{none, none, 1, 0, 1, none});
  const auto used = [&](const char* text) {
    return std::find(job.defaults_used.begin(), job.defaults_used.end(), text) != job.defaults_used.end();
  };
  CHECK(used("ratings.csv: pd_3y = none: the hazard does not change then (2 rows)"));
  CHECK(used("ratings.csv: pd_10y = none: the hazard does not change then (3 rows)"));
  CHECK(read(valid_job()).obligors.term.empty());
}

TEST_CASE("random losses given default arrive") {
  JobFiles files = valid_job();
  files["obligors.csv"] = replaced(files["obligors.csv"], "0.6,0,,,,", "0.6,0.2,0.3,,,");
  files["obligors.csv"] = replaced(files["obligors.csv"], "0.4,,,,,", "0.4,0.1,,,,");
  const Job job = read(files);
  CHECK(job.obligors.lgd_sd == std::vector<double>{0.2, 0.1, 0});
  CHECK(job.obligors.lgd_correlation == std::vector<double>{0.3, 0, 0});
  const auto& used = job.defaults_used;
  CHECK(std::count(used.begin(), used.end(), "obligors.csv: lgd_correlation = 0 (1 row)") == 1);
}

TEST_CASE("arrears and recovery delays arrive, and arrears are warned about") {
  JobFiles files = valid_job();
  files["obligors.csv"] = replaced(files["obligors.csv"], "0.6,0,,,,", "0.6,0,,1.5,90,");
  files["obligors.csv"] = replaced(files["obligors.csv"], "0.4,,,,,", "0.4,,,,89,");
  const Job job = read(files);
  CHECK(job.obligors.recovery_delay_years == std::vector<double>{1.5, 0, 0});
  CHECK(job.obligors.days_past_due == std::vector<double>{90, 89, 0});
  const auto warned = [&](const std::string& text) {
    return std::count(job.warnings.begin(), job.warnings.end(), text) == 1;
  };
  CHECK(
      warned("days_past_due: 1 obligor is 90 days past due or more: in default at the first step of every scenario "
             "[obligors_in_default]"));
  CHECK(
      warned("days_past_due: 1 obligor is past due by less than 90 days: that changes published values only, their pd_1y "
             "should know it "
             "[obligors_past_due]"));
}

TEST_CASE("positions and nodes arrive, sorted") {
  const Job job = read(valid_job());
  REQUIRE(job.tables.size() == 1);
  CHECK(job.tables[0].instrument->name == "exposure");
  const Positions& p = job.tables[0].positions;
  CHECK(p.id == std::vector<std::string>{"P0", "P1", "P2", "P3"});
  CHECK(p.numbers == std::vector<std::vector<double>>{{1e6, 100.5, 200, 300}});
  CHECK(p.quantity == std::vector<double>{1, -2, 1, 1});
  CHECK(p.currency == std::vector<FactorIndex>{FactorIndex{none}, FactorIndex{1}, FactorIndex{none}, FactorIndex{none}});
  CHECK(p.obligor == std::vector<ObligorIndex>{ObligorIndex{1}, ObligorIndex{0}, ObligorIndex{2}, ObligorIndex{0}});
  std::vector<std::string> paths;
  for (const auto& node : job.nodes) paths.push_back(node.path);
  CHECK(paths == std::vector<std::string>{"total", "total/bank", "total/bank/z", "total/credit", "total/credit/a",
                                          "total/credit/a-1", "total/credit/b"});
  CHECK(job.nodes[0].parent == NodeIndex{none});
  CHECK(job.nodes[5].parent == NodeIndex{3});
  CHECK(p.leaf == std::vector<NodeIndex>{NodeIndex{2}, NodeIndex{5}, NodeIndex{6}, NodeIndex{4}});
}

TEST_CASE("parents come before children whatever their names sort like") {
  JobFiles files = valid_job();
  files["more.csv"] = "id,ead,obligor,pool,book\nA,1,O2,x,a-b\nB,1,O2,x,a\nC,1,O2,x,a+\n";
  std::vector<std::string> paths;
  for (const auto& node : read(files).nodes) paths.push_back(node.path);
  paths.resize(7);
  CHECK(paths ==
        std::vector<std::string>{"total", "total/a", "total/a/x", "total/a+", "total/a+/x", "total/a-b", "total/a-b/x"});
}

TEST_CASE("stress cells arrive") {
  const Job job = read(valid_job());
  std::vector<std::string> names;
  for (const auto& cell : job.cells) names.push_back(cell.name);
  CHECK(names == std::vector<std::string>{"base", "severe", "btc=0,rates=0", "btc=0,rates=+2%", "btc=-50%,rates=0",
                                          "btc=-50%,rates=+2%"});
  CHECK(job.cells[0].shocks.empty());
  CHECK_FALSE(job.cells[0].propagate);
  const CellSpec& severe = job.cells[1];
  CHECK(severe.propagate);
  REQUIRE(severe.shocks.size() == 4);
  const auto check = [&](std::size_t i, ShockSpec expected) {
    const ShockSpec& s = severe.shocks[i];
    CHECK(s.factor == expected.factor);
    CHECK(s.operation == expected.operation);
    CHECK(s.amount == expected.amount);
    CHECK(s.from == expected.from);
    CHECK(s.to == expected.to);
    CHECK(s.initial == expected.initial);
  };
  constexpr int end = std::numeric_limits<int>::max();
  check(0, {FactorIndex{0}, Operation::multiply, 0.7, 0, end, false});
  check(1, {FactorIndex{6}, Operation::add, 0.02, 1, 4, false});
  check(2, {FactorIndex{3}, Operation::set, -2.5, 0, end, false});
  check(3, {FactorIndex{0}, Operation::set, 5e4, 0, end, true});
  REQUIRE(severe.path);
  CHECK(severe.path->step == std::vector<int>{0, 3, 12});
  CHECK(severe.path->factors == std::vector<FactorIndex>{FactorIndex{6}, FactorIndex{1}});
  CHECK(severe.path->value[2] == std::vector<double>{0.06, 0.9});
  CHECK(std::isnan(severe.path->value[1][1]));
  REQUIRE(job.cells[5].shocks.size() == 2);
  CHECK(job.cells[5].shocks[0].operation == Operation::multiply);
  CHECK(job.cells[5].shocks[1].operation == Operation::add);
}

TEST_CASE("defaults are listed") {
  CHECK(read(valid_job()).defaults_used ==
        std::vector<std::string>{"run.faults = fail",
                                 "cube.contribute_by = []",
                                 "cube.tail = exact",
                                 "cube.contributions = first_level",
                                 "cube.tail_scenarios = 1000",
                                 "credit.copula = gaussian",
                                 "credit.joint = matched",
                                 "credit.sampler = sparse",
                                 "sampling.method = plain",
                                 "factors.csv: drift = 0 (1 row)",
                                 "factors.csv: jump_rate = 0 (1 row)",
                                 "market.repair_correlation = false",
                                 "obligors.csv: loadings = none: independent of everything (1 row)",
                                 "obligors.csv: lgd_sd = 0 (2 rows)",
                                 "obligors.csv: recovery_delay_years = 0 (3 rows)",
                                 "obligors.csv: days_past_due = 0 (3 rows)",
                                 "exposures.csv: currency = USD (1 row)",
                                 "exposures.csv: quantity = 1 (1 row)",
                                 "more.csv: currency = USD (1 row)",
                                 "more.csv: quantity = 1 (1 row)",
                                 "stress[0].propagate = false"});
}

TEST_CASE("whose expected shortfall is split up") {
  const auto nodes = [](const std::string& setting) {
    const Job job = read(valid_job(), {"cube.contributions=" + setting});
    std::string paths;
    for (const NodeIndex node : job.contributions) paths += job.nodes[static_cast<std::size_t>(node)].path + " ";
    return paths;
  };
  CHECK(nodes("none").empty());
  CHECK(nodes("total") == "total ");
  CHECK(nodes("first_level") == "total total/bank total/credit ");
  CHECK(nodes("[\"total/credit\", \"total\", \"total\"]") == "total total/credit ");
  CHECK(read(valid_job(), {"cube.contributions=all"}).contributions.size() == read(valid_job()).nodes.size());
}

TEST_CASE("columns that expected shortfall is split up by") {
  JobFiles files = valid_job();
  files["exposures.csv"] =
      "id,book,pool,currency,quantity,obligor,ead,chain\n"
      "P2,credit,b,,,O3,200,solana\n"
      "P1,credit,a-1,EUR,-2,O1,100.5,\n"
      "P3,credit,a,USD,1,O1,300,ethereum\n";
  const Job job = read(files, {"cube.contribute_by=[\"chain\", \"position\", \"obligor\", \"sector\", \"currency\"]"});
  REQUIRE(job.contribute_by.size() == 5);
  CHECK(job.contribute_top == 50);
  CHECK(job.contribute_by[0].name == "chain");
  CHECK(job.contribute_by[0].values == std::vector<std::string>{"ethereum", "solana"});
  CHECK(job.contribute_by[2].values == std::vector<std::string>{"O1", "O2", "O3"});
  CHECK(job.contribute_by[4].values == std::vector<std::string>{"EUR", "USD"});
  const Positions& positions = job.tables[0].positions;
  REQUIRE(positions.labels.size() == 5);
  CHECK(positions.labels[0] == std::vector<std::uint32_t>{none, none, 1, 0});  // P0 is in the other table
  CHECK(positions.labels[1].empty());
  CHECK(positions.labels[2] == std::vector<std::uint32_t>{1, 0, 2, 0});
  CHECK(positions.labels[3] == std::vector<std::uint32_t>(4, none));
  CHECK(positions.labels[4] == std::vector<std::uint32_t>{1, 0, 1, 1});
  CHECK(read(valid_job(), {"cube.contribute_by=[\"book\"]", "cube.contribute_top=7"}).contribute_top == 7);
}

TEST_CASE("the smallest job") {
  const JobFiles files = {{"job.toml",
                           "run = { seed = 0, scenarios = 1, currency = \"EUR\" }\ntime = { step = \"3Y\", steps = 1 }\n"
                           "[files]\nfactors = \"f.csv\"\nobligors = \"o.csv\"\npositions.exposure = \"e.csv\"\n"},
                          {"f.csv", "id,kind\n"},
                          {"o.csv", "id,pd_1y,lgd\nO,0,0.5\n"},
                          {"e.csv", "id,obligor,ead\nE,O,5\n"}};
  const Outcome found = outcome(files);
  INFO((found.messages.empty() ? "" : found.messages[0]));
  REQUIRE(found.exit_code == 0);
  const Job job = read(files);
  CHECK(job.name == "job");
  CHECK(job.step_years == 3);
  CHECK(job.report_steps == std::vector<int>{1});
  CHECK(job.confidence == std::vector<Confidence>{{95, 100}, {99, 100}, {999, 1000}});
  CHECK(job.levels.empty());
  CHECK(job.nodes.size() == 1);
  CHECK(job.tables[0].positions.leaf == std::vector<NodeIndex>{NodeIndex{0}});
  REQUIRE(job.cells.size() == 1);
  CHECK(job.cells[0].name == "base");
}

TEST_CASE("steps in years") {
  const auto years = [](const std::string& step) {
    JobFiles files = valid_job();
    files["job.toml"] = replaced(files["job.toml"], "\"1M\"", "\"" + step + "\"");
    return read(files).step_years;
  };
  CHECK(years("1D") == 1 / 365.0);
  CHECK(years("2W") == 14 / 365.0);
  CHECK(years("6M") == 0.5);
  CHECK(years("1Q") == 0.25);
  CHECK(years("3Y") == 3);
}

TEST_CASE("confidences are the decimals that were written") {
  JobFiles files = valid_job();
  files["job.toml"] = replaced(files["job.toml"], "[0.95, 0.990, 0.999]", "[\n 0.999_900, 9.75e-1, # \xC3\xA9 0.3\n  +0.5]");
  CHECK(read(files).confidence == std::vector<Confidence>{{5, 10}, {975, 1000}, {9999, 10000}});
  CHECK(read(files, {"cube.confidence=[0.9, 0.123456789]"}).confidence ==
        std::vector<Confidence>{{123456789, 1000000000}, {9, 10}});
}

TEST_CASE("a matrix is repaired on request") {
  JobFiles files = valid_job();
  files["correlation.csv"] = replaced(files["correlation.csv"], "BTC,1,0.1,0.2", "BTC,1,0.9,0.9");
  files["correlation.csv"] = replaced(files["correlation.csv"], "EURUSD,0.1,1,0.1", "EURUSD,0.9,1,-0.9");
  files["correlation.csv"] = replaced(files["correlation.csv"], "OIL,0.2,0.1,1", "OIL,0.9,-0.9,1");
  CHECK(outcome(files).exit_code == 65);
  const Job job = read(files, {"market.repair_correlation=true"});
  CHECK(job.correlation_repair > 0.05);
  CHECK(job.market.correlation[0] == 1);
  CHECK(job.market.correlation[1] < 0.9);
  CHECK(job.market.correlation[1] == job.market.correlation[7]);
  REQUIRE_FALSE(job.warnings.empty());
  CHECK(job.warnings[0].starts_with("files.correlation: the matrix was replaced by the nearest one"));
}

}  // namespace
}  // namespace tailcube::test
