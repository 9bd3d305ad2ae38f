// References to the book itself: what they may name, and what is said of those that go wrong.
#include "tests/catch_any.h"
#include "tests/unit/input/job_files.h"

namespace tailcube::test {
namespace {

// Tables beside the exposures of the valid job, whose books are credit/a, credit/a-1, credit/b and bank/z.
Outcome with(const std::string& tranche_rows, const std::string& vault_rows = "", const std::string& outside = "") {
  JobFiles files = valid_job();
  std::string& job = files["job.toml"];
  job = replaced(job, "levels = [\"book\", \"pool\"]", "levels = [\"book\"]" + outside);
  files["exposures.csv"] = "id,book,currency,quantity,obligor,ead\nP2,credit,,,O3,200\nP1,bank,EUR,2,O1,100.5\n";
  files["more.csv"] = "id,ead,obligor,book\nP0,1e6,O2,bank\n";
  std::string types;
  if (!tranche_rows.empty()) types += "positions.tranche = \"t.csv\"\n";
  if (!vault_rows.empty()) types += "positions.vault = \"v.csv\"\n";
  job = replaced(job, "positions.exposure", types + "positions.exposure");
  files["t.csv"] = "id,book,reference_pool,notional,attachment,detachment\n" + tranche_rows;
  files["v.csv"] = "id,book,currency,collateral_factor,collateral_quantity,debt,liquidation_threshold\n" + vault_rows;
  return outcome(files);
}

using Messages = std::vector<std::string>;

TEST_CASE("prices of positions and pools are found wherever they are read") {
  const Outcome good = with("T,notes,credit,100,0,0.1\nU,notes,bank,100,0.2,1\n",
                            "V,v,,T,10,5,0.8\nW,v,,BTC,1,5,0.8\nX,v,,U,10,5,0.8\n", "\noutside = [\"credit\"]");
  CHECK(good.messages.empty());
}

TEST_CASE("references to the book that go wrong") {
  const std::string wrong_pool = "\"credits\" is no node of the book, written without \"total/\"";
  const std::string wrong_price = "\"TT\" is not in files.factors, nor a position with a price";
  CHECK(with("T,notes,credits,100,0,0.1\nBTC,notes,bank,100,0,0.1\nU,notes,,100,0.3,0.1\n",
             "V,v,,TT,10,5,0.8\nW,v,EUR,BTC,10,5,0.8\n")
            .messages == Messages{"t.csv:2: reference_pool: " + wrong_pool + "; did you mean \"credit\"?",
                                  "t.csv:3: id: \"BTC\" is the id of a factor; a position with a price needs its own",
                                  "t.csv:4: reference_pool: blank; required, the path of a node",
                                  "v.csv:2: collateral_factor: " + wrong_price + "; did you mean \"T\"?",
                                  "v.csv:3: currency: \"EUR\": this type must be in the job's currency"});
  CHECK(with("T,notes,credit,100,0.2,0.1\n").messages == Messages{"t.csv:2: detachment: it is not above attachment"});
}

TEST_CASE("a waterfall that makes no sense") {
  JobFiles files = valid_job();
  std::string& job = files["job.toml"];
  job = replaced(job, "levels = [\"book\", \"pool\"]", "levels = [\"book\"]");
  job = replaced(job, "positions.exposure", "positions.tranche = \"t.csv\"\npositions.exposure");
  files["exposures.csv"] = "id,book,currency,quantity,obligor,ead\nP2,credit,,,O3,200\nP1,bank,EUR,2,O1,100.5\n";
  files["more.csv"] = "id,ead,obligor,book\nP0,1e6,O2,bank\n";
  const std::string header =
      "id,book,reference_pool,notional,attachment,detachment,reserve,minimum_buffer,senior_attachment,redeem_years\n";
  files["t.csv"] = header +
                   "A,n,credit,100,0,0.1,1.5,,,\nB,n,credit,100,0,0.1,,-0.1,,\nC,n,credit,100,0,0.1,,0.2,1.1,\n"
                   "D,n,credit,100,0,0.1,,,,-1\nE,n,credit,100,0,0.3,,0.2,0.2,\nF,n,credit,100,0,0.1,,,0.2,\n";
  CHECK(outcome(files).messages ==
        Messages{"t.csv:2: reserve: 1.5 is not between 0 and 1", "t.csv:3: minimum_buffer: -0.1 is not between 0 and 1",
                 "t.csv:4: senior_attachment: 1.1 is not between 0 and 1",
                 "t.csv:5: redeem_years: -1 is not between 0 and 100", "t.csv:6: senior_attachment: it is below detachment",
                 "t.csv:7: minimum_buffer: 0; senior_attachment says where what it protects attaches"});
  files["t.csv"] = header +
                   "A,n,credit,100,0,0.1,0.05,0.1,,\nB,n,credit,100,0,0.1,0.05,0.2,0.2,\nC,n,credit,100,0,0.1,0.05,0.2,,\n"
                   "D,n,credit,100,0.1,1,0.02,,,\nE,n,bank,100,0,1,0.02,,,\n";
  const Job read_back = read(files);
  std::vector<std::string> of_tranches;
  for (const std::string& warning : read_back.warnings)
    if (warning.starts_with("t.csv")) of_tranches.push_back(warning);
  CHECK(of_tranches ==
        Messages{"t.csv:4: minimum_buffer: less than that ranks below what it protects today: interest is stopped from the "
                 "start [doubtful_position]",
                 "t.csv:5: reserve: not that of A, which is a tranche of the same pool [doubtful_position]"});
}

TEST_CASE("fees of a fund are shares") {
  JobFiles files = valid_job();
  files["job.toml"] =
      replaced(files["job.toml"], "positions.exposure", "positions.fund_token = \"f.csv\"\npositions.exposure");
  files["f.csv"] =
      "id,book,pool,assets,tokens,management_fee,performance_fee\nA,n,n,credit,1,0.02,0.2\nB,n,n,credit,1,1,1\n";
  CHECK(outcome(files).messages.empty());
  files["f.csv"] += "C,n,n,credit,1,2,20\nD,n,n,credit,1,-0.01,1%\n";
  CHECK(outcome(files).messages == Messages{"f.csv:4: management_fee: 2 is not between 0 and 1",
                                            "f.csv:4: performance_fee: 20 is not between 0 and 1",
                                            "f.csv:5: management_fee: -0.01 is not between 0 and 1",
                                            "f.csv:5: performance_fee: \"1%\" is not a number; allowed: between 0 and 1"});
}

TEST_CASE("a ring is refused, and its positions are named") {
  CHECK(with("T,notes,notes,100,0,0.1\n").messages ==
        Messages{"t.csv:2: id: it refers to itself: pool notes -> T -> pool notes"});
  CHECK(with("T,notes,desk,100,0,0.1\nU,desk,credit,100,0,0.1\n", "V,desk,,T,10,5,0.8\n").messages ==
        Messages{"t.csv:2: id: it refers to itself: pool desk -> V -> T -> pool desk"});
}

// Covers beside the exposures, in books of their own or among them.
Outcome with_covers(const std::string& rows, const std::string& outside = "") {
  JobFiles files = valid_job();
  std::string& job = files["job.toml"];
  job = replaced(job, "positions.exposure", "positions.cover = \"c.csv\"\npositions.exposure");
  job = replaced(job, "levels = [\"book\", \"pool\"]", "levels = [\"book\", \"pool\"]" + outside);
  files["c.csv"] =
      "id,book,pool,trigger,reference_pool,limit,term_years,provider,capital,capital_factor,provider_obligor\n" + rows;
  return outcome(files);
}

TEST_CASE("covers share a provider, of which they must say the same") {
  CHECK(with_covers("A,c,c,losses,credit,5,1,X,100,BTC,O1\nB,c,d,losses,bank,5,1,X,100,BTC,O1\n").messages.empty());
  CHECK(with_covers("A,c,c,losses,credit,5,1,X,100,BTC,O1\nB,c,d,losses,credit,5,1,X,101,BTC,O1\n"
                    "C,c,d,losses,credit,5,1,X,100,,O1\nD,c,d,losses,credit,5,1,X,100,BTC,\nE,c,d,losses,credit,5,1,Y,9,,\n")
            .messages == Messages{"c.csv:3: capital: not that of A, which has the same provider",
                                  "c.csv:4: capital_factor: not that of A, which has the same provider",
                                  "c.csv:5: provider_obligor: not that of A, which has the same provider"});
}

// Perps beside the exposures and a cover.
Outcome with_perps(const std::string& rows, const std::string& outside = "") {
  JobFiles files = valid_job();
  std::string& job = files["job.toml"];
  job = replaced(job, "positions.exposure", "positions.cover = \"c.csv\"\npositions.perp = \"p.csv\"\npositions.exposure");
  job = replaced(job, "levels = [\"book\", \"pool\"]", "levels = [\"book\", \"pool\"]" + outside);
  files["c.csv"] = "id,book,pool,trigger,reference_pool,limit,term_years,provider,capital\nC,c,c,losses,credit,5,1,X,100\n";
  files["p.csv"] =
      "id,book,pool,currency,factor,side,size,entry_price,collateral,maintenance_margin,close_years,remainder,holder,"
      "account,"
      "venue,insurance_fund\n" +
      rows;
  return outcome(files);
}

TEST_CASE("perps share a margin and a venue, of which they must say the same") {
  const std::string terms = ",BTC,long,1,60000,9000,0.01";
  // Names of one column are not those of another.
  CHECK(with_perps("A,p,a,EUR" + terms + ",,venue,,X,X,100\nB,p,b,EUR" + terms + ",,venue,,X,X,100\nC1,p,a," + terms +
                       ",0.5,,,,X,100\nD,others,a," + terms + ",,,,,X,100\n",
                   "\noutside = [\"others\"]")
            .messages.empty());
  CHECK(with_perps("A,p,a,EUR" + terms + ",1,venue,trader,X,,\nB,p,a," + terms + ",1,venue,trader,X,,\nD,p,a,EUR" + terms +
                   ",,venue,trader,X,,\nE,p,a,EUR" + terms + ",1,,trader,X,,\nF,p,b,EUR" + terms + ",1,venue,venue,X,,\n")
            .messages == Messages{"p.csv:3: currency: not that of A, which has the same account",
                                  "p.csv:4: close_years: not that of A, which has the same account",
                                  "p.csv:5: remainder: not that of A, which has the same account",
                                  "p.csv:6: holder: not that of A, which has the same account"});
  CHECK(with_perps("A,p,a," + terms + ",,,,,V,100\nB,p,a," + terms + ",,,,,V,101\nD,p,a," + terms +
                   ",,,venue,,V,100\nE,p,a," + terms + ",,,,,V,\nF,p,a," + terms + ",,,,,,5\nG,p,a," + terms +
                   ",,,,a b,V,-1\n")
            .messages == Messages{"p.csv:5: insurance_fund: blank; a venue that is named has so much and no more",
                                  "p.csv:6: venue: blank; insurance_fund is that of a venue",
                                  "p.csv:7: account: \"a b\" is not an id of the characters A-Z a-z 0-9 _ . : + -",
                                  "p.csv:7: insurance_fund: -1 is not zero or more"});
  CHECK(with_perps("A,p,a," + terms + ",,,,,V,100\nB,p,a," + terms + ",,,,,V,101\nD,p,a," + terms + ",,,venue,,V,100\n")
            .messages == Messages{"p.csv:3: insurance_fund: not that of A, which has the same venue",
                                  "p.csv:4: holder: not that of A, which has the same venue"});
  CHECK(with_perps("A,p,a," + terms + ",,,,,V,100\nD,others,a," + terms + ",,,,,W,100\n", "\noutside = [\"others\"]")
            .messages.size() == 1);
}

TEST_CASE("a cover of a pool that it is in itself is a ring") {
  CHECK(with_covers("A,credit,c,losses,credit,5,1,,,,\n").messages ==
        Messages{"c.csv:2: id: it refers to itself: pool credit -> A -> pool credit"});
  CHECK(with_covers("A,c,c,losses,bank,5,1,X,100,,\nC,bank,c,losses,credit,5,1,X,100,,\n").messages ==
        Messages{"c.csv:3: id: it refers to itself: pool bank -> C -> account X -> A -> pool bank"});
}

TEST_CASE("covers outside the total must share a provider with one inside") {
  const std::string inside = "A,c,c,losses,bank,5,1,X,100,,\n";
  CHECK(with_covers(inside + "B,others,d,losses,bank,5,1,X,100,,\n", "\noutside = [\"others\"]").messages.empty());
  CHECK(with_covers(inside + "B,others,d,losses,bank,5,1,Y,100,,\n", "\noutside = [\"others\"]").messages.size() == 1);
}

TEST_CASE("what lies outside the total is a pool that somebody refers to") {
  CHECK(with("T,notes,credit,100,0,0.1\n", "", "\noutside = [\"banks\"]").messages ==
        Messages{"job.toml:25:12: cube.outside: \"banks\" is no node of the book, written without \"total/\""});
  CHECK(
      with("T,notes,credit,100,0,0.1\n", "", "\noutside = [\"credit\", \"bank\"]").messages ==
      Messages{"job.toml:25:22: cube.outside: \"bank\" has positions in no pool that is referred to; nobody would see their "
               "losses"});
  CHECK(with("T,notes,credit,100,0,0.1\n", "", "\noutside = 3").messages ==
        Messages{"job.toml:25:11: cube.outside: 3 is not a list of nodes below the total, for instance [\"fund/loans\"]"});
}

}  // namespace
}  // namespace tailcube::test
