// The catalogue of warnings: every one can be provoked, and the manual has the same list.
#include "src/input/warnings.h"

#include <set>

#include "tests/catch_any.h"
#include "tests/run_job.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

// One small job that deserves every warning there is.
Files doubtful_job() {
  return {
      {"job.toml",
       "[run]\nname = \"doubtful\"\nseed = 3\nscenarios = 1000\ncurrency = \"USD\"\n"
       "[time]\nstep = \"1Y\"\nsteps = 1\n"
       "[files]\nfactors = \"factors.csv\"\ncorrelation = \"correlation.csv\"\ncurves = \"curves.csv\"\n"
       "obligors = \"obligors.csv\"\npositions.bond = \"bonds.csv\"\npositions.vault = \"vaults.csv\"\n"
       "[market]\nrepair_correlation = true\nuncorrelated = [\"FREE\"]\n"
       "[[stress]]\nname = \"ruin\"\nshocks = [ { driver = \"SME\", set = -8.0 } ]\n"},
      {"factors.csv",
       "id,kind,initial,drift,volatility\nBTC,lognormal,0.5,0,0.8\nRATE,normal,0.03,0,0.01\nSME,driver,,,\nFREE,driver,,,"
       "\n"},
      {"correlation.csv", "id,BTC,RATE,SME\nBTC,1,0.9,-0.9\nRATE,0.9,1,0.9\nSME,-0.9,0.9,1\n"},
      {"curves.csv", "curve,tenor_years,factor\nUSD,1,RATE\n"},
      {"obligors.csv",
       "id,pd_1y,driver,asset_correlation,lgd,days_past_due\no1,0.02,SME,0.2,0.45,95\no2,0.02,SME,0.2,0.45,30\n"},
      {"bonds.csv", "id,obligor,notional,maturity_years,curve\nb1,o1,1,2,USD\nb2,o2,1,3,USD\n"},
      {"vaults.csv", "id,collateral_factor,collateral_quantity,debt,liquidation_threshold,bonus\nv1,BTC,4,1,0.98,0.1\n"}};
}

std::string name_of(const std::string& warning) {
  const std::size_t at = warning.rfind(" [");
  return at == std::string::npos || warning.back() != ']' ? "" : warning.substr(at + 2, warning.size() - at - 3);
}

}  // namespace

TEST_CASE("every warning of the catalogue can be provoked") {
  const Job job = load(doubtful_job());
  std::vector<std::string> all = job.warnings;
  for (const std::string& warning : compiled_warnings(job, compile(job, Detail::leaf))) all.push_back(warning);
  std::set<std::string> given, known;
  for (const std::string& warning : all) {
    INFO(warning);
    CHECK(warning.find(": ") != std::string::npos);  // a place
    given.insert(name_of(warning));
  }
  for (const WarningKind& kind : warning_catalogue()) known.insert(std::string(kind.name));
  CHECK(given == known);
}

TEST_CASE("docs/input.md has the catalogue of warnings") {
  std::ifstream file(std::string(TAILCUBE_SOURCE_DIR) + "/docs/input.md");
  std::vector<std::string> rows, expected;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("## ")) inside = line == "## Warnings";
    if (inside && line.starts_with("| `")) rows.push_back(line);
  }
  for (const WarningKind& kind : warning_catalogue())
    expected.push_back("| `" + std::string(kind.name) + "` | " + std::string(kind.when) + " | " + std::string(kind.advice) +
                       " |");
  CHECK(rows == expected);
}
