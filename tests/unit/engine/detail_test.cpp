// A book compressed to leaves is the book by position: rows agree within one rounding unit, in every cell and scenario.
#include <cmath>
#include <random>

#include "src/engine/engine.h"
#include "tests/catch_any.h"
#include "tests/unit/input/job_files.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

// Bonds and loans of every kind: fixed and floating, all repayments, prepaid, in two currencies, with spreads that are
// factors, numbers and solved, short and long, on and off the grid of steps; recoveries that come at once and later.
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
      "cpr\n";
  for (std::uint64_t i = 0; i < 250; ++i)
    files["bonds.csv"] += "B" + position(i, i % 2 == 0) + (pick(2) ? "yes," + number(0.01, 0.08) : "no,") + "\n";
  for (std::uint64_t i = 0; i < 500; ++i)
    files["loans.csv"] += "L" + position(i, i % 3 != 0) + one_of({"bullet", "annuity", "linear", "pik"}) + "," +
                          one_of({"", "", "0.08", "0.3"}) + "\n";
  return files;
}

}  // namespace

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
