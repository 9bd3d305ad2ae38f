// A book compressed to leaves is the book by position: rows agree within one rounding unit, in every cell and scenario.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <random>

#include "src/engine/engine.h"
#include "src/input/input.h"
#include "tests/catch_any.h"
#include "tests/unit/input/job_files.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

// Bonds and loans of every kind: fixed and floating, all repayments, prepaid, in two currencies, with spreads that are
// factors, numbers and solved, short and long, on and off the grid of steps; recoveries that come at once, later and in
// instalments; drawn on limits; with interest paid in kind while a spread is wide.
JobFiles job_of_claims() {
  std::mt19937_64 random(11);
  const auto pick = [&](std::uint64_t n) { return random() % n; };
  const auto number = [&](double a, double b) {
    return std::to_string(a + (b - a) * static_cast<double>(pick(10001)) / 1e4);
  };
  const auto one_of = [&](std::vector<std::string> words) { return words[pick(words.size())]; };
  JobFiles files = valid_job();
  files["job.toml"] = replaced(files["job.toml"], "positions.exposure = [\"exposures.csv\", \"more.csv\"]",
                               "positions.bond = \"bonds.csv\"\npositions.loan = \"loans.csv\"");
  files["obligors.csv"] = "id,pd_1y,driver,asset_correlation,lgd,recovery_delay_years\n";
  const auto obligor = [](std::uint64_t i) { return "O" + std::to_string(10 + i); };
  for (std::uint64_t i = 0; i < 60; ++i)
    files["obligors.csv"] += obligor(i) + "," + number(0.02, 0.3) + ",SME,0.3," + number(0, 1) + "," +
                             one_of({"0", "0", "0.1", "0.5", "2"}) + "\n";
  const auto position = [&](std::uint64_t i, bool grid) {
    return std::to_string(100 + i) + "," + one_of({"credit", "bank"}) + "," + one_of({"a", "b", "c"}) + "," +
           one_of({"", "EUR"}) + "," + one_of({"1", "1", "2.5", "-1"}) + "," + (pick(8) ? obligor(pick(60)) : "") + "," +
           number(1e3, 1e5) + "," + number(0, 0.12) + "," + one_of({"1", "2", "4", "12"}) + "," +
           (grid ? std::to_string(static_cast<double>(1 + pick(60)) / 12) : number(0.05, 8)) + "," + one_of({"USD", "AAA"}) +
           "," + one_of({"", "SPREAD", "0.01", "0.025"}) + ",";
  };
  files["bonds.csv"] =
      "id,book,pool,currency,quantity,obligor,notional,coupon,frequency,maturity_years,curve,spread,floating,reset_rate\n";
  files["loans.csv"] =
      "id,book,pool,currency,quantity,obligor,principal,rate,frequency,maturity_years,curve,spread,amortisation,prepay_"
      "cpr,limit,undrawn_fee,credit_conversion,grace_days,recovery_schedule,pik_factor,pik_level,pik_margin\n";
  for (std::uint64_t i = 0; i < 250; ++i)
    files["bonds.csv"] += "B" + position(i, i % 2 == 0) + (pick(2) ? "yes," + number(0.01, 0.08) : "no,") + "\n";
  for (std::uint64_t i = 0; i < 500; ++i) {
    const std::string kind = one_of({"bullet", "annuity", "linear", "pik"}), cpr = one_of({"", "", "0.08", "0.3"});
    const std::string limit = one_of({",0,0", ",0,0", "150000,0.01,0.4", "120000,0,1", "200000,0.02,0"});
    const bool toggled = kind != "pik" && cpr.empty() && limit == ",0,0" && pick(3);
    files["loans.csv"] += "L" + position(i, i % 3 != 0) + kind + "," + cpr + "," + limit + "," +
                          one_of({"", "", "30", "90"}) + "," + one_of({"", "", "0:0.1 0.5:1", "0.25:0.3 1:0.6 3:1"}) +
                          (toggled ? ",SPREAD,0.0225,0.02" : ",,,") + "\n";
  }
  return files;
}

}  // namespace

TEST_CASE("a scenario among any others is the scenario among its neighbours") {
  const std::filesystem::path demo = std::filesystem::path(TAILCUBE_SOURCE_DIR) / "jobs" / "demo" / "job.toml";
  std::vector<std::uint32_t> scenarios;  // of blocks far apart, with the last block not full
  for (std::uint32_t i = 0; i < 150; ++i)
    scenarios.push_back(i % 3 == 0 ? 7 * i : i % 3 == 1 ? 7 * i + 1 : 130'000 + 11 * i);
  std::sort(scenarios.begin(), scenarios.end());
  const std::vector<std::vector<std::string>> variants = {{},
                                                          {"credit.sampler=per_obligor", "credit.copula=t", "credit.dof=4"}};
  for (const auto& settings : variants) {
    const Job job = read_job(demo, settings);
    const CompiledBook book = compile(job, Detail::leaf);
    const CellRange cells{0, static_cast<int>(book.cells.size())};
    Workspace gathered(book, cells), in_blocks(book, cells);
    const auto same = [&](const LaneTable& a, const LaneTable& b, std::size_t row, std::size_t lane,
                          std::uint32_t scenario) {
      for (int h = 0; h < a.steps(); ++h)
        if (a(row, h)[lane] != b(row, h)[scenario % lanes]) return false;
      return true;
    };
    for (std::size_t first = 0; first < scenarios.size(); first += lanes) {
      const std::size_t count = std::min<std::size_t>(lanes, scenarios.size() - first);
      gathered.start(std::span(scenarios).subspan(first, count));
      for (std::size_t lane = 0; lane < count; lane += 5) {
        const std::uint32_t scenario = scenarios[first + lane];
        in_blocks.start(scenario / lanes * lanes);
        for (const int cell : {0, 1, 6}) {
          INFO("scenario " << scenario << ", cell " << cell);
          const Valuation &g = gathered.cell(cell), &b = in_blocks.cell(cell);
          CHECK(g.mean_conditional_pd == nullptr);
          std::size_t wrong = 0;
          for (std::size_t row = 0; row < g.of_row.size(); ++row)
            wrong += !same(g.of_row[row]->value, b.of_row[row]->value, row, lane, scenario) +
                     !same(g.of_row[row]->cash, b.of_row[row]->cash, row, lane, scenario) +
                     !same(g.of_row[row]->credit_loss, b.of_row[row]->credit_loss, row, lane, scenario);
          for (std::size_t row = 0; row < g.of_gauge_row.size(); ++row)
            wrong += !same(g.of_gauge_row[row]->gauges, b.of_gauge_row[row]->gauges, row, lane, scenario);
          CHECK(wrong == 0);
        }
      }
    }
  }
}

TEST_CASE("leaves agree with their positions within one rounding unit", "[detail]") {
  const Job job = read(job_of_claims());
  const CompiledCredit credit = compile_credit(job);
  const CompiledBook leaves = compile(job, Detail::leaf, credit);
  const CompiledBook positions = compile(job, Detail::position, credit, leaves.unit);
  REQUIRE(leaves.unit > 0);
  REQUIRE(positions.unit == leaves.unit);
  const CellRange cells{0, static_cast<int>(leaves.cells.size())};
  Workspace merged(leaves, cells), each(positions, cells);
  double largest = 0, credit_losses = 0;
  for (std::uint64_t first = 0; first < 3 * lanes; first += lanes) {
    merged.start(first);
    each.start(first);
    for (int cell = cells.begin; cell < cells.end; ++cell) {
      const Valuation& m = merged.cell(cell);
      const Valuation& e = each.cell(cell);
      REQUIRE(merged.faults.empty());
      for (std::size_t s = 0; s < leaves.stages.size(); ++s)
        for (std::size_t r = 0; r < leaves.stages[s].row_count; ++r) {
          const std::size_t row = static_cast<std::size_t>(leaves.stages[s].first_row) + r;
          for (int v = 0; v < 3; ++v)
            for (std::size_t lane = 0; lane < lanes; ++lane) {
              double worth = 0, loss = 0;
              for (std::size_t i = 0; i < positions.stages[s].row_count; ++i) {
                const std::size_t p = static_cast<std::size_t>(positions.stages[s].first_row) + i;
                if (positions.leaf_of_row[p] != leaves.leaf_of_row[row]) continue;
                worth += e.of_row[p]->value(p, v)[lane] + e.of_row[p]->cash(p, v)[lane];
                loss += e.of_row[p]->credit_loss(p, v)[lane];
              }
              const auto units = [&](double money) { return std::nearbyint(money / leaves.unit); };
              const double leaf = m.of_row[row]->value(row, v)[lane] + m.of_row[row]->cash(row, v)[lane];
              largest = std::max(largest, std::abs(units(leaf) - units(worth)));
              largest = std::max(largest, std::abs(units(m.of_row[row]->credit_loss(row, v)[lane]) - units(loss)));
              credit_losses += std::abs(loss);
            }
        }
    }
  }
  CHECK(largest <= 1);
  CHECK(credit_losses > 1e6);
}
