// Concentration of names: worked by hand.
#include "src/engine/concentration.h"
#include "src/engine/engine.h"
#include "tests/catch_any.h"
#include "tests/unit/input/job_files.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

Concentration of(const Job& job, const std::string& path) {
  const std::vector<Concentration> all = concentration(job);
  REQUIRE(all.size() == job.nodes.size());
  for (std::size_t n = 0; n < job.nodes.size(); ++n)
    if (job.nodes[n].path == path) return all[n];
  FAIL("no node " << path);
  return {};
}

}  // namespace

TEST_CASE("concentration worked by hand") {
  // Exposures: O1 300 and 2 x 100.5 euros short at 1.1, O2 a million, O3 200; losses given default 0.6, 0.4, 0.45.
  const Job job = read(valid_job());
  const double o1 = 300 - 201 * 1.1, o2 = 1e6, o3 = 200;
  const Concentration total = of(job, "total"), credit = of(job, "total/credit"), bank = of(job, "total/bank");
  const double sum = o1 + o2 + o3;
  CHECK(total.exposure == Approx(sum));
  CHECK(total.names == 3);
  CHECK(total.herfindahl_index == Approx((o1 * o1 + o2 * o2 + o3 * o3) / (sum * sum)));
  CHECK(total.effective_names == Approx(sum * sum / (o1 * o1 + o2 * o2 + o3 * o3)));
  CHECK(total.largest_name == "O2");
  CHECK(total.largest_exposure == Approx(o2));
  CHECK(total.largest_share == Approx(o2 / sum));
  CHECK(total.largest_loss_name == "O2");
  CHECK(total.largest_loss == Approx(0.4 * o2));

  CHECK(credit.names == 2);
  CHECK(credit.herfindahl_index == Approx((o1 * o1 + o3 * o3) / ((o1 + o3) * (o1 + o3))));
  CHECK(credit.largest_name == "O3");
  CHECK(credit.largest_share == Approx(o3 / (o1 + o3)));
  CHECK(credit.largest_loss == Approx(0.45 * o3));
  CHECK(bank.herfindahl_index == Approx(1));
  CHECK(bank.effective_names == Approx(1));

  // What is short has no exposure.
  const Concentration is_short = of(job, "total/credit/a-1");
  CHECK(is_short.names == 0);
  CHECK(std::isnan(is_short.exposure));
  CHECK(std::isnan(is_short.herfindahl_index));
  CHECK(std::isnan(is_short.largest_loss));
  CHECK(is_short.largest_name.empty());
}

TEST_CASE("equal names are as many as they are") {
  JobFiles files = valid_job();
  files["exposures.csv"] =
      "id,book,pool,obligor,ead\nP1,b,p,O1,50\nP2,b,p,O2,40\nP3,b,p,O3,40\nP4,b,p,O2,10\nP5,b,p,O3,10\n";
  files["more.csv"] = "id,book,pool,obligor,ead,quantity\nP6,b,q,O1,1,0\n";
  const Concentration total = of(read(files), "total");
  CHECK(total.effective_names == Approx(3));
  CHECK(total.largest_name == "O1");  // the first
  CHECK(total.largest_loss_name == "O1");
  CHECK(total.largest_loss == Approx(30));
}

TEST_CASE("a provider meets the claims of a name alone") {
  JobFiles files = valid_job();
  files["job.toml"] = replaced(files["job.toml"], "positions.exposure", "positions.cover = \"c.csv\"\npositions.exposure");
  files["exposures.csv"] = "id,book,pool,obligor,ead\nP1,b,p,O1,1000\n";
  files["more.csv"] = "id,book,pool,obligor,ead\nP2,b,p,O2,900\n";
  files["c.csv"] =
      "id,book,pool,obligor,trigger,insured,term_years,premium,premium_payment,provider,capital\n"
      "C1,b,covers,O1,default,500,1,10,upfront,MUTUAL,5000\nC2,b,covers,O2,default,100,1,1,upfront,MUTUAL,5000\n";
  // Losses given default 0.6 and 0.4. A default brings what is insured of it, and the premium that is not earned is gone.
  const Concentration total = of(read(files), "total");
  CHECK(total.largest_name == "O1");
  CHECK(total.largest_loss_name == "O2");
  CHECK(total.largest_loss == Approx(0.4 * 900 - 0.4 * 100).epsilon(0.01));
}

TEST_CASE("who owes nothing today can still cost something") {
  JobFiles files = valid_job();
  files["job.toml"] =
      replaced(files["job.toml"], "positions.exposure = [\"exposures.csv\", \"more.csv\"]", "positions.swap = \"s.csv\"");
  files["s.csv"] = "id,book,pool,obligor,side,notional,maturity_years,curve\nS,b,p,O2,payer,1000000,5,USD\n";
  const Concentration total = of(read(files), "total");
  CHECK(total.names == 0);
  CHECK(std::isnan(total.exposure));
  CHECK(total.largest_loss_name == "O2");
  CHECK(total.largest_loss > 0);
  CHECK(total.largest_loss < 1000);
}

TEST_CASE("what a name alone can lose is what its instruments lose") {
  // A mortgage loses what its house does not cover, whatever the obligor's loss given default; value and claim are those of
  // the first reporting step.
  const auto mortgage = [](const std::string& house) {
    JobFiles files = valid_job();
    files["job.toml"] = replaced(files["job.toml"], "positions.exposure = [\"exposures.csv\", \"more.csv\"]",
                                 "positions.mortgage = \"m.csv\"");
    files["m.csv"] =
        "id,book,pool,obligor,principal,rate,frequency,maturity_years,curve,collateral_factor,collateral_value,sale_cost,"
        "foreclosure_years\nM,b,p,O1,1000,0.06,1,5,USD,OIL," +
        house + ",0.1,0\n";
    return of(read(files), "total");
  };
  const Concentration bare = mortgage("0"), half = mortgage("500"), safe = mortgage("5000");
  CHECK(bare.exposure == Approx(1000));  // its spread makes it worth its principal
  CHECK(bare.largest_loss == Approx(1000).epsilon(0.02));
  CHECK(bare.largest_loss - half.largest_loss == Approx(0.9 * 500));
  CHECK(std::fabs(safe.largest_loss) < 20);
}
