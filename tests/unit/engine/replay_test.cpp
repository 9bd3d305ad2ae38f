// Replayed scenarios are those of the run, to the bit, and their stories add up.
#include "src/engine/replay.h"

#include <cmath>
#include <fstream>
#include <set>
#include <span>
#include <sstream>

#include "src/input/job_text.h"
#include "src/report/replay_story.h"
#include "tests/catch_any.h"
#include "tests/run_job.h"

using namespace tailcube;
using tailcube::test::Files;

namespace {

std::string text_of(const std::filesystem::path& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

// The job of the system tests has every instrument and kind of factor, a random LGD, cells that propagate; here every other
// vault is watched all the time as well.
Files tiny_job() {
  const std::filesystem::path folder = std::filesystem::path(TAILCUBE_SOURCE_DIR) / "tests/data/tiny";
  Files files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    files[entry.path().filename().string()] = text_of(entry.path());
  for (const char* vault : {"vault1,", "vault3,", "vault5,", "vault7,", "vault9,"}) {
    std::string& table = files["vaults.csv"];
    const std::size_t at = table.find(vault), end = table.find("step\n", at);
    REQUIRE(end != std::string::npos);
    table.replace(end, 4, "bridge");
  }
  return files;
}

struct Run {
  Job job;
  Cube cube;
};
Run run(const std::vector<std::string>& settings) {
  Job job = test::load(tiny_job(), settings);
  Cube cube = test::run(job);
  return {std::move(job), std::move(cube)};
}

std::set<std::uint64_t> listed(const Cube& cube, int cell) {
  std::set<std::uint64_t> out;
  const std::size_t first = cube.at(0, cell, 0, 0) * static_cast<std::size_t>(cube.tail_ranks);
  const std::size_t count = cube.nodes.size() * cube.horizon_years.size() * static_cast<std::size_t>(cube.tail_ranks);
  for (std::size_t i = first; i < first + count; ++i)
    if (cube.tail_valid[i] != 0) out.insert(static_cast<std::uint64_t>(cube.tail_scenario[i]));
  return out;
}

}  // namespace

TEST_CASE("a thousand tail scenarios are replayed to the bit", "[replay]") {
  std::size_t replayed = 0, compared = 0, liquidations = 0, on_the_way = 0, defaults = 0;
  double largest_difference = 0;
  for (const std::vector<std::string>& settings :
       {std::vector<std::string>{"credit.sampler=sparse"},
        std::vector<std::string>{"credit.sampler=per_obligor", "credit.copula=t", "credit.dof=4"}}) {
    const Run r = run(settings);
    for (int cell = 0; cell < static_cast<int>(r.cube.cells.size()); ++cell) {
      Replayer replayer(r.job, cell, r.cube.unit);
      const std::set<std::uint64_t> all = listed(r.cube, cell);
      const std::vector<std::uint64_t> scenarios(all.begin(), all.end());
      REQUIRE(replayer.together() == lanes);  // a small book
      for (std::size_t at = 0; at < scenarios.size(); at += lanes) {
        const auto some = std::span(scenarios).subspan(at, std::min<std::size_t>(lanes, scenarios.size() - at));
        for (const Replay& replay : replayer(some)) {
          const TailCheck check = check_against_tail(r.cube, cell, replay);
          INFO("cell " << r.cube.cells[static_cast<std::size_t>(cell)] << ", scenario " << replay.scenario << ", "
                       << settings.back());
          REQUIRE(check.differences.empty());
          ++replayed, compared += check.listed, defaults += replay.defaults.size();
          largest_difference = std::max(largest_difference, replay.largest_difference);
          for (const ReplayedLiquidation& l : replay.liquidations)
            ++liquidations, on_the_way += l.how == ReplayedLiquidation::How::on_the_way;
        }
      }
    }
  }
  CAPTURE(replayed, compared, defaults, liquidations, on_the_way);
  CHECK(replayed >= 1000);
  CHECK(compared >= 2000);
  CHECK(defaults > 1000);
  CHECK(liquidations > 1000);
  CHECK(on_the_way > 100);
  CHECK(largest_difference <= 1);
}

TEST_CASE("scenarios replayed together are those replayed alone", "[replay]") {
  const Run r = run({"run.scenarios=640"});
  const std::vector<std::uint64_t> scenarios{633, 7, 64, 63, 8, 400, 401, 0, 639};
  for (const int cell : {0, 2}) {
    Replayer replayer(r.job, cell, r.cube.unit);
    const std::vector<Replay> together = replayer(scenarios);
    REQUIRE(together.size() == scenarios.size());
    std::size_t defaults = 0, liquidations = 0;
    for (std::size_t i = 0; i < scenarios.size(); ++i) {
      const Replay alone = replayer(scenarios[i]);
      const Replay& other = together[i];
      INFO("cell " << cell << ", scenario " << scenarios[i]);
      CHECK(other.scenario == scenarios[i]);
      CHECK(alone.scenario == scenarios[i]);
      CHECK(other.path == alone.path);
      CHECK(other.economic == alone.economic);
      CHECK(other.credit == alone.credit);
      CHECK(other.gauges == alone.gauges);
      CHECK(other.cash == alone.cash);
      CHECK(other.largest_difference == alone.largest_difference);
      CHECK(other.largest_rounding == alone.largest_rounding);
      REQUIRE(other.positions.size() == alone.positions.size());
      for (std::size_t p = 0; p < alone.positions.size(); ++p) {
        CHECK(other.positions[p].loss == alone.positions[p].loss);
        CHECK(other.positions[p].credit_loss == alone.positions[p].credit_loss);
      }
      REQUIRE(other.defaults.size() == alone.defaults.size());
      for (std::size_t d = 0; d < alone.defaults.size(); ++d, ++defaults) {
        const ReplayedDefault &x = other.defaults[d], &y = alone.defaults[d];
        CHECK((x.obligor == y.obligor && x.step == y.step && x.positions == y.positions));
        // Amounts by position depend in their last bits on who else is valued.
        CHECK(x.exposure == Approx(y.exposure).epsilon(1e-12));
        CHECK(x.recovery == Approx(y.recovery).epsilon(1e-12));
        CHECK(x.loss == Approx(y.loss).epsilon(1e-12));
      }
      REQUIRE(other.liquidations.size() == alone.liquidations.size());
      for (std::size_t l = 0; l < alone.liquidations.size(); ++l, ++liquidations)
        CHECK((other.liquidations[l].position == alone.liquidations[l].position &&
               other.liquidations[l].price == alone.liquidations[l].price));
    }
    CHECK(defaults > 0);
    CHECK(liquidations > 0);
    CHECK_THROWS_AS(replayer(std::vector<std::uint64_t>(lanes + 1)), std::out_of_range);
  }
}

TEST_CASE("a loss that is not the run's is noticed", "[replay]") {
  Run r = run({"run.scenarios=200"});
  Replayer replayer(r.job, 0, r.cube.unit);
  const auto scenario = static_cast<std::uint64_t>(r.cube.tail_scenario[0]);
  const Replay replay = replayer(scenario);
  REQUIRE(check_against_tail(r.cube, 0, replay).differences.empty());
  r.cube.tail_loss[0] += r.cube.unit;
  const TailCheck check = check_against_tail(r.cube, 0, replay);
  REQUIRE(check.differences.size() == 1);
  CHECK(check.differences[0].node == 0);
  CHECK(check.differences[0].cube == check.differences[0].replayed + r.cube.unit);
  // A scenario that the node should list.
  r.cube.tail_loss[0] -= r.cube.unit;
  r.cube.tail_scenario[0] = 1'000'000;
  CHECK(check_against_tail(r.cube, 0, replay).differences.size() == 1);
  CHECK_THROWS_AS(replayer(200), std::out_of_range);
}

TEST_CASE("the story adds up to the run's gauges", "[replay]") {
  const Run r = run({"run.scenarios=640"});
  const std::size_t horizons = r.job.report_steps.size();
  const auto gauge = [&](const Replay& replay, const std::string& name, std::size_t node) {
    const auto g =
        static_cast<std::size_t>(std::find(r.cube.gauges.begin(), r.cube.gauges.end(), name) - r.cube.gauges.begin());
    REQUIRE(g < r.cube.gauges.size());
    return replay.gauges[(g * r.job.nodes.size() + node) * horizons + horizons - 1];
  };
  // Of the leaves with vaults: others are liquidated as well, and replays tell of vaults only.
  std::set<std::size_t> leaves;
  for (const PositionTable& table : r.job.tables)
    if (table.instrument->name == "vault")
      for (const NodeIndex leaf : table.positions.leaf) leaves.insert(static_cast<std::size_t>(leaf));
  const auto liquidated_vaults = [&](const Replay& replay) {
    double sum = 0;
    for (const std::size_t leaf : leaves) sum += gauge(replay, "liquidated", leaf);
    return sum;
  };
  for (const int cell : {0, 1, 4}) {
    Replayer replayer(r.job, cell, r.cube.unit);
    double repaid = 0, liquidated = 0;
    for (std::uint64_t scenario = 0; scenario < 640; scenario += 7) {
      const Replay replay = replayer(scenario);
      double sum = 0;
      for (const ReplayedLiquidation& l : replay.liquidations) sum += l.repaid;
      INFO("cell " << cell << ", scenario " << scenario);
      REQUIRE(sum == Approx(liquidated_vaults(replay)).margin(0.1));
      repaid += sum, liquidated += liquidated_vaults(replay);
      // Every default is of somebody who owes, as long as the claims live.
      std::size_t claims = 0;
      for (const ReplayedDefault& d : replay.defaults) {
        claims += d.positions.size();
        CHECK(d.step >= 1);
        CHECK(d.step <= r.job.steps);
        CHECK(d.exposure >= 0);
        // Who owes on a swap pays when the other side defaults.
        const std::string& name = r.job.obligors.id[d.obligor];
        if (name != "a5" && name != "b6") CHECK(d.recovery >= 0);
      }
      REQUIRE(gauge(replay, "defaults", 0) <= static_cast<double>(claims));
      // Positions, rounded each, add up to their node but for the rounding.
      double losses = 0;
      for (const ReplayedPosition& p : replay.positions) losses += p.loss.back();
      const double total = static_cast<double>(replay.economic[horizons - 1]) * replay.unit;
      REQUIRE(std::abs(losses - total) <= static_cast<double>(replay.positions.size()) * replay.unit);
    }
    CHECK(liquidated > 0);
    CHECK(repaid == Approx(liquidated));
  }
}

// Every figure of a vault's first liquidation from its own row of the table.
TEST_CASE("a vault is liquidated at its own price", "[replay]") {
  const Run r = run({"run.scenarios=640"});
  const auto eth = static_cast<std::size_t>(std::find(r.job.factor_ids.begin(), r.job.factor_ids.end(), "ETH") -
                                            r.job.factor_ids.begin());
  const auto table =
      static_cast<std::uint32_t>(std::find_if(r.job.tables.begin(), r.job.tables.end(),
                                              [](const PositionTable& t) { return t.instrument->name == "vault"; }) -
                                 r.job.tables.begin());
  std::size_t seen = 0, on_the_way = 0, after_jumps = 0;
  Replayer replayer(r.job, 0, r.cube.unit);
  for (std::uint64_t scenario = 0; scenario < 640; scenario += 5) {
    const Replay replay = replayer(scenario);
    std::set<std::uint32_t> known;
    for (const ReplayedLiquidation& l : replay.liquidations) {
      if (!known.insert(l.position).second) continue;
      const ReplayedPosition& p = replay.positions[l.position];
      REQUIRE(p.table == table);
      const std::string& id = r.job.tables[table].positions.id[p.place];
      if (!id.starts_with("vault")) continue;
      const int k = std::stoi(id.substr(5));  // vaultK: 10 + K ETH, a debt of 14 000 + 1500 K
      const bool always = k % 2 == 1 && k < 10;
      const double quantity = 10 + k, debt = 14000 + 1500 * k, threshold = 0.83, kept = 0.995 / 1.05;
      const double owed =
          debt * std::exp(0.05 * 0.25 * (always && l.how != ReplayedLiquidation::How::seen ? l.step - 1 : l.step));
      INFO(id << " in scenario " << scenario << " at step " << l.step << ", price " << l.price);
      if (l.how == ReplayedLiquidation::How::on_the_way) {
        ++on_the_way;
        CHECK(l.price == Approx(owed / (quantity * threshold)).epsilon(1e-8));
      } else {
        CHECK(quantity * l.price * threshold < owed * (1 + 1e-9));
        l.how == ReplayedLiquidation::How::seen ? ++seen : ++after_jumps;
        if (l.how == ReplayedLiquidation::How::seen) CHECK(l.price == replay.path[eth][static_cast<std::size_t>(l.step)]);
      }
      CHECK(l.sold * l.price * kept == Approx(l.repaid));
      CHECK(l.sold <= quantity * (1 + 1e-9));
      // Nothing happened to it before.
      for (int step = 1; step < l.step; ++step)
        CHECK(quantity * replay.path[eth][static_cast<std::size_t>(step)] * threshold >=
              debt * std::exp(0.05 * 0.25 * step) * (1 - 1e-9));
    }
  }
  CAPTURE(seen, on_the_way, after_jumps);
  CHECK(seen > 20);
  CHECK(on_the_way > 20);
  CHECK(after_jumps > 20);
}

// A borrower that is in default already draws half of what it may: the story has the whole exposure, what came of it, and
// what was lost of what was drawn.
TEST_CASE("the story of a default tells what was drawn on a limit", "[replay]") {
  Files files;
  files["job.toml"] =
      "[run]\nseed = 3\nscenarios = 64\ncurrency = \"USD\"\n[time]\nstep = \"1Q\"\nsteps = 4\n[files]\nfactors = "
      "\"f.csv\"\ncorrelation = \"c.csv\"\ncurves = \"k.csv\"\nobligors = \"o.csv\"\npositions.loan = \"l.csv\"\n";
  files["f.csv"] = "id,kind,initial,volatility,drift\nRATE,normal,0,0,0\nEURUSD,lognormal,1.1,0.1,0\n";
  files["c.csv"] = "id,RATE,EURUSD\nRATE,1,0\nEURUSD,0,1\n";
  files["k.csv"] = "curve,tenor_years,factor\nUSD,1,RATE\n";
  files["o.csv"] = "id,pd_1y,lgd,recovery_delay_years,days_past_due\nO,0.02,0.6,0,95\nP,0.02,0.6,0.5,95\n";
  files["l.csv"] =
      "id,obligor,principal,rate,frequency,maturity_years,curve,spread,limit,credit_conversion\n"
      "L,O,1000,0,4,2,USD,0,1600,0.5\nM,P,1000,0,4,2,USD,0,1600,0.5\nN,P,1000,0,4,2,USD,0,,\n";
  const Job job = test::load(files);
  const Replay replay = Replayer(job, 0, 1.0 / 1024)(5);
  REQUIRE(replay.defaults.size() == 2);
  for (const ReplayedDefault& d : replay.defaults) {
    const double exposure = job.obligors.id[d.obligor] == "O" ? 1300 : 2300;
    CHECK(d.exposure == Approx(exposure).epsilon(1e-12));
    CHECK(d.recovery == Approx(0.4 * exposure).epsilon(1e-12));
    CHECK(d.loss == Approx(0.6 * exposure).epsilon(1e-12));
  }
  CHECK(replay.largest_difference <= 1);
  CHECK(replay.cash.at(0) == Approx(-300 + 520 - 300).epsilon(1e-12));  // in the first quarter
  CHECK(static_cast<double>(replay.economic.at(0)) / 1024 == Approx(0.6 * 3600).epsilon(1e-9));
}

TEST_CASE("a job is read again from its text", "[replay]") {
  const test::Folder folder;
  for (const auto& [name, text] : tiny_job()) folder.write(name, text);
  const Job job = read_job(folder / "job.toml", std::vector<std::string>{"run.scenarios=640", "cube.tail_scenarios=7"});
  std::filesystem::remove(folder / "job.toml");
  const Job again = read_job_text(folder / "job.toml", job.text);
  CHECK(again.scenarios == 640);
  CHECK(again.tail_scenarios == 7);
  CHECK(again.tally_digest == job.tally_digest);
  CHECK(again.inputs.size() == job.inputs.size());
  CHECK(again.inputs.front().path == "job.toml");
  try {
    read_job_text(folder / "job.toml", "[run]\nseed = true\n");
    FAIL("read");
  } catch (const InvalidInput& invalid) {
    CHECK(to_string(invalid).find((folder / "job.toml").string() + ":2:8: run.seed") != std::string::npos);
  }
}

TEST_CASE("positions that were left out stay out", "[replay]") {
  Job job = test::load(tiny_job());
  const std::size_t tables = job.tables.size();
  const std::string id = job.tables[0].positions.id[1];
  const std::size_t before = job.tables[0].positions.size();
  leave_out(job, {id});
  CHECK(job.tables.size() == tables);
  CHECK(job.tables[0].positions.size() == before - 1);
  for (const std::string& other : job.tables[0].positions.id) CHECK(other != id);
  leave_out(job, std::vector<std::string>(job.tables[0].positions.id));
  CHECK(job.tables.size() == tables - 1);
}
