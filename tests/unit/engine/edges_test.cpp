// Jobs that are legal but unusual: few scenarios, large amounts.
#include "tests/catch_any.h"
#include "tests/run_job.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

Files job(const std::string& scenarios, const std::string& ead, const std::string& shocks) {
  return {{"job.toml", "[run]\nname = \"edges\"\nseed = 3\nscenarios = " + scenarios +
                           "\ncurrency = \"USD\"\n"
                           "[time]\nstep = \"1Q\"\nsteps = 4\n"
                           "[files]\nfactors = \"factors.csv\"\nobligors = \"obligors.csv\"\n"
                           "positions.exposure = \"exposures.csv\"\npositions.vault = \"vaults.csv\"\n"
                           "[market]\nuncorrelated = [\"ETH\", \"SME\"]\n"
                           "[cube]\nlevels = []\nconfidence = [0.9]\n"
                           "[[stress]]\nname = \"one\"\nshocks = [" +
                           shocks + "]\n"},
          {"factors.csv", "id,kind,initial,drift,volatility\nETH,lognormal,4000,0,0.8\nSME,driver,,,\n"},
          {"obligors.csv", "id,pd_1y,driver,asset_correlation,lgd\no1,0.2,SME,0.2,0.45\no2,0.2,SME,0.2,0.45\n"},
          {"exposures.csv", "id,obligor,ead\ne1,o1," + ead + "\ne2,o2," + ead + "\n"},
          {"vaults.csv", "id,collateral_factor,collateral_quantity,debt,liquidation_threshold\nv1,ETH,10,20000,0.8\n"}};
}

}  // namespace

TEST_CASE("a price lost in a scenario that the job does not have is no fault") {
  const std::string lowered = "{ factor = \"ETH\", add = -1500.0, from = 4 }";
  REQUIRE_THROWS_AS(run(job("64", "1000", lowered)), ValuationFault);
  std::uint64_t lost = 0;  // the first scenario that does lose its price
  while (lost < 64) try {
      run(job(std::to_string(lost + 1), "1000", lowered));
      ++lost;
    } catch (const ValuationFault& fault) {
      CHECK(std::string(fault.what()).rfind("scenario " + std::to_string(lost) + ",", 0) == 0);
      break;
    }
  CHECK(lost > 0);
  CHECK(lost < 64);
}

TEST_CASE("defaults are counted one by one, however large the amounts") {
  const Cube small = run(job("640", "1000", "")), large = run(job("640", "1e18", ""));
  REQUIRE(large.unit > 1);
  for (std::size_t g = 0; g < small.gauges.size(); ++g)
    if (small.gauge_units[g] == "1") {
      CHECK((small.gauges[g] != "defaults" || small.gauge_mean[g] > 0));
      CHECK(large.gauge_mean[g] == small.gauge_mean[g]);
      CHECK(large.gauge_se[g] == small.gauge_se[g]);
    }
}

namespace {

Files long_job(int years) {
  return {{"job.toml",
           "[run]\nname = \"long\"\nseed = 3\nscenarios = 640\ncurrency = \"USD\"\n"
           "[time]\nstep = \"1Y\"\nsteps = " +
               std::to_string(years) +
               "\n[files]\nfactors = \"factors.csv\"\ncurves = \"curves.csv\"\n"
               "positions.bond = \"bonds.csv\"\npositions.holding = \"holdings.csv\"\n"
               "[market]\nuncorrelated = [\"ETH\", \"RATE\", \"SPREAD\"]\n"
               "[cube]\nlevels = []\nconfidence = [0.9]\n"},
          {"factors.csv",
           "id,kind,initial,drift,volatility,jump_rate,jump_mean,jump_volatility\nETH,lognormal,4000,0,0.8,3,-0.1,0.15\n"
           "RATE,normal,0.04,0,0.015,,,\nSPREAD,normal,0.02,0,0.01,,,\n"},
          {"curves.csv", "curve,tenor_years,factor\nUSD,1,RATE\n"},
          {"bonds.csv", "id,notional,coupon,frequency,maturity_years,curve,spread\nb1,1000000,0.05,1,30,USD,SPREAD\n"},
          {"holdings.csv", "id,factor,quantity\nh1,ETH,250\n"}};
}

}  // namespace

TEST_CASE("decades of a volatile market leave a loss unit far below the book") {
  for (const int years : {1, 5, 10, 20}) {
    INFO("years " << years);
    const Cube cube = run(long_job(years));
    CHECK(cube.unit < 1e-4 * cube.base_value[0]);
    CHECK(cube.base_value[0] > 1e6);
  }
}

TEST_CASE("a fault is told by the names of the job") {
  Files files = long_job(1);
  files["bonds.csv"] += "b2,1000,-1,1,3,USD,\n";  // no spread makes it worth par
  const Job job = load(files);
  const CompiledBook book = compile(job, Detail::leaf);
  Tallies tallies(tally_shape(job, book, {0, 1}), tally_settings(job));
  Evaluator evaluate(book, {0, 1}, 1);
  try {
    evaluate({0, 64}, tallies, {});
    FAIL("no fault was reported");
  } catch (const ValuationFault& fault) {
    CHECK(
        describe(fault, job, book) ==
        "scenario 0 of cell \"base\": bond b2 in total: no spread in the allowed range makes it worth its principal today");
  }
}
