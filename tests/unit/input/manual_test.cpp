// The manual knows every column, and later features are refused by their name.
#include <fstream>
#include <sstream>

#include "tests/catch_any.h"
#include "tests/unit/input/job_files.h"

namespace tailcube::test {
namespace {

TEST_CASE("docs/input.md names every type, column and word") {
  std::ifstream file(std::string(TAILCUBE_SOURCE_DIR) + "/docs/input.md");
  std::stringstream text;
  text << file.rdbuf();
  const std::string manual = text.str();
  REQUIRE_FALSE(manual.empty());
  for (const auto* instrument : instruments()) {
    const std::size_t section = manual.find("**`" + std::string(instrument->name) + "`**");
    INFO(instrument->name);
    REQUIRE(section != std::string::npos);
    const std::string own = manual.substr(section, manual.find("\n**`", section + 1) - section);
    for (const auto& column : instrument->columns) {
      INFO(column.name);
      const std::size_t row = own.find("| `" + std::string(column.name) + "` |");
      CHECK(row != std::string::npos);
      const std::string line = own.substr(std::min(row, own.size()), own.find('\n', std::min(row, own.size())) - row);
      CHECK((line.find("required") != std::string::npos) == !column.otherwise.has_value());
    }
  }
}

Outcome with_table(const std::string& type, const std::string& table) {
  JobFiles files = valid_job();
  files["job.toml"] =
      replaced(files["job.toml"], "positions.exposure", "positions." + type + " = \"t.csv\"\npositions.exposure");
  files["t.csv"] = table;
  return outcome(files);
}

TEST_CASE("what published values need is read where a job asks for them") {
  const std::string table =
      "id,book,pool,principal,rate,maturity_years,curve,published_as,published_discount_rate,published_grace_days,"
      "published_write_down_days,published_write_down_steps\nL,b,p,100,0.05,5,USD,,0.1,,,\nM,b,p,100,0.05,5,USD,book,,-1,30,"
      "\n"
      "N,b,p,100,0.05,5,USD,discounted,0.1,45,,\nO,b,p,100,0.05,5,USD,,,45,75,2.5\n";
  const std::string lists =
      "id,book,pool,face,due_days,discount_rate,published_write_down_days,published_write_offs\n"
      "I,b,p,100,30,0.05,,30:0.25 60:0.5 90:1\nJ,b,p,100,30,0.05,75,30:0.25\nK,b,p,100,30,0.05,,30:0.25 60:0.2\n"
      "Q,b,p,100,30,0.05,,30:0\n";
  JobFiles files = valid_job();
  files["t.csv"] = table, files["u.csv"] = lists;
  std::string& job = files["job.toml"];
  job = replaced(job, "positions.exposure", "positions.loan = \"t.csv\"\npositions.invoice = \"u.csv\"\npositions.exposure");
  CHECK(outcome(files).exit_code == 0);
  job = replaced(job, "[cube]\n", "[cube]\npublished = true\n");
  CHECK(outcome(files).messages ==
        std::vector<std::string>{
            "t.csv:2: published_discount_rate: only a value published as discounted has one",
            "t.csv:3: published_as: \"book\" is not outstanding or discounted",
            "t.csv:3: published_grace_days: -1 is not between 0 and 3650",
            "t.csv:4: published_write_down_days: blank; days of grace and steps need the days until all is written down",
            "t.csv:5: published_write_down_steps: 2.500000 is not a whole number",
            "u.csv:3: published_write_offs: a list takes the place of days of grace, write-down days and steps; leave them "
            "blank",
            "u.csv:4: published_write_offs: \"60:0.2\": 0.2 is not above 0.25 before it",
            "u.csv:5: published_write_offs: 0 is not above 0 and at most 1"});
  job = replaced(job, "published = true", "published = \"yes\"\nratios = 1");
  CHECK(outcome(files).exit_code == 65);
}

TEST_CASE("limits, times of pik and schedules of loans are read and checked") {
  const std::string header =
      "id,book,pool,principal,rate,maturity_years,curve,amortisation,limit,undrawn_fee,credit_conversion,pik_years,"
      "grace_days,recovery_schedule\n";
  CHECK(with_table("loan", header + "L,b,p,100,0.05,5,USD,,150,0.01,0.75,,30,0.5:0.4 1:0.7 2:1\nM,b,p,100,0.05,5,USD,pik,"
                                    ",,,2.5,,\nN,b,p,100,0.05,5,USD,,100,,0.5,,,\"0:0.5  1:1 \"\n")
            .exit_code == 0);
  CHECK(with_table("loan", header + "L,b,p,100,0.05,5,USD,,80,0.01,1.5,,,\nM,b,p,100,0.05,5,USD,,80,,,,,\n"
                                    "N,b,p,100,0.05,5,USD,,,0.01,,,,\nO,b,p,100,0.05,5,USD,,,,0.5,,,\n"
                                    "P,b,p,100,0.05,5,USD,linear,,,,1,,\nQ,b,p,100,0.05,5,USD,,,,,,-1,0.5:0.4 0.5:1\n"
                                    "R,b,p,100,0.05,5,USD,,,,,,,0.5:0.4 1:0.4\nS,b,p,100,0.05,5,USD,,,,,,,0.5 1\n"
                                    "T,b,p,100,0.05,5,USD,,,,,,,0.5:0.4 x:1\nU,b,p,100,0.05,5,USD,,,,,,,0.5:0.4 1:1.1\n"
                                    "V,b,p,100,0.05,5,USD,,,,,,,0.5:0.4 1:0.9\nW,b,p,100,0.05,5,USD,,,,,,,-1:1\n")
            .messages ==
        std::vector<std::string>{"t.csv:2: credit_conversion: 1.5 is not between 0 and 1",
                                 "t.csv:3: limit: 80 is below the principal of 100, which is drawn",
                                 "t.csv:4: undrawn_fee: only a loan with a limit has one",
                                 "t.csv:5: credit_conversion: only a loan with a limit has one",
                                 "t.csv:6: pik_years: only a loan whose amortisation is pik has them",
                                 "t.csv:7: grace_days: -1 is not between 0 and 3650",
                                 "t.csv:7: recovery_schedule: \"0.5:1\": 0.5 is not above 0.5 before it",
                                 "t.csv:8: recovery_schedule: \"1:0.4\": 0.4 is not above 0.4 before it",
                                 "t.csv:9: recovery_schedule: \"0.5\" is not a time and a share, such as 30:0.25",
                                 "t.csv:10: recovery_schedule: \"x\" is not a number; allowed: between 0 and 100",
                                 "t.csv:11: recovery_schedule: 1.1 is not above 0 and at most 1",
                                 "t.csv:12: recovery_schedule: the last share is 0.9, not 1",
                                 "t.csv:13: recovery_schedule: -1 is not between 0 and 100"});
}

TEST_CASE("loans that pay in kind by a factor are read and checked") {
  const std::string header =
      "id,book,pool,principal,rate,maturity_years,curve,amortisation,prepay_cpr,limit,pik_factor,pik_when,pik_level,"
      "pik_margin\n";
  CHECK(with_table("loan", header + "L,b,p,100,0.05,5,USD,linear,,,UST,below,0.05,0.01\nM,b,p,100,0.05,5,USD,,,,,,,\n")
            .exit_code == 0);
  CHECK(with_table("loan", header + "L,b,p,100,0.05,5,USD,,,,SME,,0.05,\nM,b,p,100,0.05,5,USD,,,,UST,over,0.05,-1\n"
                                    "N,b,p,100,0.05,5,USD,,,,UST,,,\nO,b,p,100,0.05,5,USD,pik,,,UST,,0.05,\n"
                                    "P,b,p,100,0.05,5,USD,,0.1,,UST,,0.05,\nQ,b,p,100,0.05,5,USD,,,150,UST,,0.05,\n"
                                    "R,b,p,100,0.05,5,USD,,,,,,0.05,\n")
            .messages ==
        std::vector<std::string>{
            "t.csv:2: pik_factor: \"SME\" is a driver; a market factor is needed",
            "t.csv:3: pik_margin: -1 is not between 0 and 10", "t.csv:3: pik_when: \"over\" is not above or below",
            "t.csv:4: pik_level: blank; a pik_factor needs the level that decides",
            "t.csv:5: pik_factor: the interest of a loan whose amortisation is pik is added to the principal anyway",
            "t.csv:6: prepay_cpr: a loan with a pik_factor has none", "t.csv:7: limit: a loan with a pik_factor has none",
            "t.csv:8: pik_level: only a loan with a pik_factor has one"});
}

TEST_CASE("bonds, loans, vaults and holdings are read by their declared columns") {
  const std::string bonds = "id,book,pool,obligor,notional,coupon,maturity_years,curve,spread,floating\n";
  CHECK(with_table("bond",
                   bonds + "B1,b,p,O1,100,0.05,5,USD,SPREAD,no\nB2,b,p,,100,0.05,5,USD,0.02,\nB3,b,p,,100,0.05,5,USD,,\n")
            .exit_code == 0);
  CHECK(with_table("bond", bonds + "B1,b,p,O1,100,5,5,USB,SPRED,maybe\n").messages ==
        std::vector<std::string>{"t.csv:2: coupon: 5 is not between -1 and 1",
                                 "t.csv:2: curve: \"USB\" is not in files.curves; did you mean \"USD\"?",
                                 "t.csv:2: floating: \"maybe\" is not no, false, yes or true",
                                 "t.csv:2: spread: \"SPRED\" is not in files.factors; did you mean \"SPREAD\"?"});
  CHECK(with_table("bond", bonds + "B1,b,p,O1,100,0.05,5,USD,,yes\n").messages ==
        std::vector<std::string>{"t.csv:2: reset_rate: blank; a floating bond needs the coupon of its current period"});
  const std::string loans = "id,book,pool,principal,rate,maturity_years,curve,amortisation,spread,frequency,prepay_cpr\n";
  CHECK(with_table("loan", loans + "L,b,p,100,0.05,5,USD,pik,7,12,1.5\n").messages ==
        std::vector<std::string>{"t.csv:2: prepay_cpr: 1.5 is not between 0 and 1",
                                 "t.csv:2: spread: 7 is not between -1 and 5"});
  CHECK(with_table("loan", loans + "L,b,p,100,0.05,5,USD,anuity,,12,\n").messages ==
        std::vector<std::string>{
            "t.csv:2: amortisation: \"anuity\" is not bullet, annuity, linear or pik; did you mean \"annuity\"?"});
  CHECK(with_table("loan", loans + "L,b,p,100,0.05,5,USD,,,1.5,\n").exit_code == 65);
  CHECK(with_table("loan", loans + "L,b,p,100,0.05,5,USD,pik,,12,0.1\n").exit_code == 0);
  const std::string vaults =
      "id,book,pool,currency,collateral_factor,collateral_quantity,debt,liquidation_threshold,monitoring\n";
  CHECK(with_table("vault", vaults + "V,b,p,,BTC,1,50000,0.8,step\n").exit_code == 0);
  CHECK(with_table("vault", vaults + "V,b,p,EUR,SME,1,50000,0.8,bridge\n").messages ==
        std::vector<std::string>{"t.csv:2: collateral_factor: \"SME\" is a driver; a market factor is needed",
                                 "t.csv:2: currency: \"EUR\": this type must be in the job's currency"});
  const std::string watched =
      "id,book,pool,collateral_factor,collateral_quantity,debt,debt_factor,liquidation_threshold,close_factor,monitoring\n";
  CHECK(with_table("vault", watched + "V,b,p,BTC,1,50000,,0.8,0.5,bridge\n").exit_code == 0);
  CHECK(with_table("vault", watched + "V,b,p,SPREAD,1,50000,,0.8,0.5,bridge\nW,b,p,BTC,1,50000,BTC,0.8,0.5,bridge\n"
                                      "X,b,p,BTC,1,50000,,0.8,0.001,bridge\nY,b,p,BTC,1,50000,,0.8,0.5,bridges\n")
            .messages ==
        std::vector<std::string>{"t.csv:2: collateral_factor: monitoring = bridge needs a lognormal factor",
                                 "t.csv:3: debt_factor: monitoring = bridge needs debt in the job's currency: a blank cell",
                                 "t.csv:4: close_factor: monitoring = bridge needs at least 0.01",
                                 "t.csv:5: monitoring: \"bridges\" is not step or bridge; did you mean \"bridge\"?"});
  CHECK(
      with_table("holding", "id,book,pool,factor,obligor\nH,b,p,BTC,O1\n").messages ==
      std::vector<std::string>{"t.csv:1: obligor: unknown column; name it in cube.contribute_by to split expected shortfall "
                               "by it"});
}

TEST_CASE("mortgages are loans on a price that is positive today") {
  const std::string header =
      "id,book,pool,obligor,principal,rate,maturity_years,curve,collateral_factor,collateral_value,sale_cost,"
      "foreclosure_years\n";
  CHECK(with_table("mortgage", header + "M,b,p,O1,100,0.05,5,USD,OIL,120,0.1,0.5\n").exit_code == 0);
  CHECK(with_table("mortgage", header + "M,b,p,O1,100,11,5,USD,SME,-1,1.5,\n").messages ==
        std::vector<std::string>{"t.csv:2: collateral_factor: \"SME\" is a driver; a market factor is needed",
                                 "t.csv:2: collateral_value: -1 is not zero or more",
                                 "t.csv:2: foreclosure_years: blank; required, between 0 and 100",
                                 "t.csv:2: rate: 11 is not between -0.5 and 10",
                                 "t.csv:2: sale_cost: 1.5 is not between 0 and 1"});
  JobFiles files = valid_job();
  files["job.toml"] =
      replaced(files["job.toml"], "positions.exposure", "positions.mortgage = \"t.csv\"\npositions.exposure");
  files["factors.csv"] = replaced(files["factors.csv"], "SPREAD,normal,0.02", "SPREAD,normal,-0.02");
  files["t.csv"] = header + "M,b,p,O1,100,0.05,5,USD,SPREAD,120,0.1,0.5\n";
  CHECK(outcome(files).messages ==
        std::vector<std::string>{"t.csv:2: collateral_factor: \"SPREAD\" is -0.02 today, which is not positive"});
}

TEST_CASE("a collectible that costs something to sell is offered for sale") {
  const std::string header =
      "id,book,pool,appraisal,appraisal_sd,index_factor,beta,idiosyncratic_volatility,offered_years,sale_delay_years,"
      "sale_cost\n";
  CHECK(with_table("collectible", header + "C,b,p,100,0.2,OIL,1.2,0.1,0,0.5,0.1\nD,b,p,100,,OIL,,0.1,,,\n").exit_code == 0);
  CHECK(with_table("collectible", header + "C,b,p,-1,4,SME,6,-0.1,-1,-1,1.5\nD,b,p,100,,OIL,,0.1,,,0.1\n").messages ==
        std::vector<std::string>{
            "t.csv:2: appraisal: -1 is not zero or more", "t.csv:2: appraisal_sd: 4 is not between 0 and 3",
            "t.csv:2: beta: 6 is not between 0 and 5", "t.csv:2: idiosyncratic_volatility: -0.1 is not between 0 and 5",
            "t.csv:2: index_factor: \"SME\" is a driver; a market factor is needed",
            "t.csv:2: offered_years: -1 is not between 0 and 100", "t.csv:2: sale_cost: 1.5 is not between 0 and 1",
            "t.csv:2: sale_delay_years: -1 is not between 0 and 100",
            "t.csv:3: offered_years: blank; a sale's cost or delay needs the time when it is offered"});
}

TEST_CASE("a property is valued by an index or by its income") {
  const std::string header =
      "id,book,pool,value,index_factor,beta,cap_rate,idiosyncratic_volatility,rent,rent_factor,vacancy,cost\n";
  CHECK(with_table("property", header + "P,b,p,100,OIL,1.2,,0.1,5,,0.1,2\nQ,b,p,,,,0.06,,7,OIL,SPREAD,2\n"
                                        "R,b,p,,,,SPREAD,,7,,,\n")
            .exit_code == 0);
  CHECK(with_table("property", header + "P,b,p,100,SME,6,,-1,-1,SME,1.5,-2\nQ,b,p,,OIL,,,,7,,,\nR,b,p,9,,,0.06,,7,,,\n"
                                        "S,b,p,,,,,,7,,,\nT,b,p,9,OIL,,0.06,,7,,,\nU,b,p,,,,0.06,,7,,0.5,4\n")
            .messages ==
        std::vector<std::string>{
            "t.csv:2: beta: 6 is not between 0 and 5", "t.csv:2: cost: -2 is not zero or more",
            "t.csv:2: idiosyncratic_volatility: -1 is not between 0 and 5",
            "t.csv:2: index_factor: \"SME\" is a driver; a market factor is needed", "t.csv:2: rent: -1 is not zero or more",
            "t.csv:2: rent_factor: \"SME\" is a driver; a market factor is needed",
            "t.csv:2: vacancy: 1.5 is not between 0 and 1", "t.csv:3: value: blank; it is needed with index_factor",
            "t.csv:4: value: it follows from income and cap_rate; leave it blank",
            "t.csv:5: index_factor: blank, and so is cap_rate; a property is valued by one of the two",
            "t.csv:6: cap_rate: index_factor is there too; a property is valued by one of the two",
            "t.csv:7: rent: today's rent after vacancy and cost is not positive; cap_rate cannot value it"});
}

TEST_CASE("an invoice has a seller for its recourse, and laws that exist") {
  const std::string header =
      "id,book,pool,obligor,face,due_days,advance_rate,discount_rate,dilution,dilution_sd,delay_days,delay_sd_days,seller,"
      "recourse,fraud_rate,fraud_share\n";
  CHECK(with_table("invoice",
                   header + "I,b,p,O1,100,30,0.9,0.06,0.05,0.03,20,15,O2,0.8,0.1,0.5\nJ,b,p,,100,30,,0.06,,,,,,,,\n")
            .exit_code == 0);
  CHECK(with_table("invoice", header + "I,b,p,O9,0,-1,1.1,-0.1,2,0.6,-1,-1,O9,2,-1,2\nJ,b,p,,100,30,,0.06,,,,,,0.5,,\n"
                                       "K,b,p,,100,30,,0.06,0.1,0.4,,,,,,\nL,b,p,,100,30,,0.06,,,,5,,,,\n")
            .messages ==
        std::vector<std::string>{
            "t.csv:2: advance_rate: 1.1 is not positive and at most 1", "t.csv:2: delay_days: -1 is not between 0 and 3650",
            "t.csv:2: delay_sd_days: -1 is not between 0 and 3650", "t.csv:2: dilution: 2 is not between 0 and 1",
            "t.csv:2: dilution_sd: 0.6 is not between 0 and 0.5", "t.csv:2: discount_rate: -0.1 is not between 0 and 5",
            "t.csv:2: due_days: -1 is not between 0 and 3650", "t.csv:2: face: 0 is not positive",
            "t.csv:2: fraud_rate: -1 is not between 0 and 10", "t.csv:2: fraud_share: 2 is not between 0 and 1",
            "t.csv:2: obligor: \"O9\" is not in files.obligors; did you mean \"O1\"?",
            "t.csv:2: recourse: 2 is not between 0 and 1",
            "t.csv:2: seller: \"O9\" is not in files.obligors; did you mean \"O1\"?",
            "t.csv:3: seller: blank; recourse needs one",
            "t.csv:4: dilution_sd: not below the square root of dilution (1 - dilution)",
            "t.csv:5: delay_sd_days: not between 0.0032 and 10 times delay_days"});
}

TEST_CASE("a share of revenue needs an index whose path can be expected") {
  const std::string header =
      "id,book,pool,revenue,revenue_factor,share,cap,maturity_years,curve,spread,token_share,token_factor\n";
  CHECK(with_table("revenue", header + "R,b,p,100,OIL,0.2,50,5,USD,0.05,0.3,BTC\nS,b,p,100,BTC,0.2,,5,USD,,,\n").exit_code ==
        0);
  CHECK(with_table("revenue", header + "R,b,p,-1,SME,0,0,0,USB,7,2,SME\nS,b,p,100,SPREAD,0.2,,5,USD,,,\n"
                                       "T,b,p,100,BTC,0.2,,5,USD,,0.5,\n")
            .messages ==
        std::vector<std::string>{
            "t.csv:2: cap: 0 is not positive", "t.csv:2: curve: \"USB\" is not in files.curves; did you mean \"USD\"?",
            "t.csv:2: maturity_years: 0 is not positive and at most 100", "t.csv:2: revenue: -1 is not zero or more",
            "t.csv:2: revenue_factor: \"SME\" is a driver; a market factor is needed",
            "t.csv:2: share: 0 is not positive and at most 1", "t.csv:2: spread: 7 is not between -1 and 5",
            "t.csv:2: token_factor: \"SME\" is a driver; a market factor is needed",
            "t.csv:2: token_share: 2 is not between 0 and 1",
            "t.csv:3: revenue_factor: its expected path needs a lognormal or log_ou factor",
            "t.csv:4: token_factor: blank; token_share needs a price"});
}

TEST_CASE("a perp has a side, a size and a margin") {
  const std::string header =
      "id,book,pool,currency,factor,side,size,entry_price,collateral,collateral_factor,owed,funding_rate,maintenance_margin,"
      "maintenance_on,maintenance_deduction,maintenance_minimum,liquidation_fee,taker_fee,close_years,remainder,holder\n";
  CHECK(with_table("perp", header +
                               "P,b,p,EUR,BTC,long,2,60000,9000,,10,SPREAD,0.01,entry,5,6,0.005,0.001,0.5,venue,trader\n"
                               "Q,b,p,,BTC,short,2,60000,0.2,BTC,,-0.1,0.01,,,,,,,,venue\n")
            .exit_code == 0);
  CHECK(with_table("perp", header + "P,b,p,,SME,up,0,-1,-2,SME,x,11,1.5,last,-1,-1,2,-0.1,-1,nobody,bank\n").messages ==
        std::vector<std::string>{
            "t.csv:2: close_years: -1 is not between 0 and 100", "t.csv:2: collateral: -2 is not zero or more",
            "t.csv:2: collateral_factor: \"SME\" is a driver; a market factor is needed",
            "t.csv:2: entry_price: -1 is not positive", "t.csv:2: factor: \"SME\" is a driver; a market factor is needed",
            "t.csv:2: funding_rate: 11 is not between -10 and 10", "t.csv:2: holder: \"bank\" is not trader or venue",
            "t.csv:2: liquidation_fee: 2 is not between 0 and 1", "t.csv:2: maintenance_deduction: -1 is not zero or more",
            "t.csv:2: maintenance_margin: 1.5 is not between 0 and 1",
            "t.csv:2: maintenance_minimum: -1 is not zero or more", "t.csv:2: maintenance_on: \"last\" is not mark or entry",
            "t.csv:2: owed: \"x\" is not a number; allowed: finite", "t.csv:2: remainder: \"nobody\" is not trader or venue",
            "t.csv:2: side: \"up\" is not long or short", "t.csv:2: size: 0 is not positive",
            "t.csv:2: taker_fee: -0.1 is not between 0 and 1"});
}

TEST_CASE("a share of a pool has a size, a range and a threshold for its debt") {
  const std::string header =
      "id,book,pool,currency,base_factor,quote_factor,value,liquidity,lower_price,upper_price,lower_tick,upper_tick,"
      "tick_decimals,fee_rate,emission,emission_factor,debt,debt_factor,borrow_rate,liquidation_threshold,bonus,holder\n";
  CHECK(with_table("lp", header + "L,b,p,EUR,BTC,OIL,100,,,,,,,SPREAD,2,OIL,50,OIL,0.05,0.8,0.1,lender\n"
                                  "M,b,p,,BTC,,,5,40000,,,120000,2,0.1,,,,,,,,\n")
            .exit_code == 0);
  CHECK(with_table("lp", header + "L,b,p,,SME,SME,0,-1,0,-1,1e6,-1e6,31,-1,-1,SME,-1,SME,11,2,2,pool\n").messages ==
        std::vector<std::string>{
            "t.csv:2: base_factor: \"SME\" is a driver; a market factor is needed",
            "t.csv:2: bonus: 2 is not between 0 and 1", "t.csv:2: borrow_rate: 11 is not between -1 and 10",
            "t.csv:2: debt: -1 is not zero or more", "t.csv:2: debt_factor: \"SME\" is a driver; a market factor is needed",
            "t.csv:2: emission: -1 is not zero or more",
            "t.csv:2: emission_factor: \"SME\" is a driver; a market factor is needed",
            "t.csv:2: fee_rate: -1 is not between 0 and 100", "t.csv:2: holder: \"pool\" is not owner or lender",
            "t.csv:2: liquidation_threshold: 2 is not positive and at most 1", "t.csv:2: liquidity: -1 is not positive",
            "t.csv:2: lower_price: 0 is not positive", "t.csv:2: lower_tick: 1e6 is not between -887272 and 887272",
            "t.csv:2: quote_factor: \"SME\" is a driver; a market factor is needed",
            "t.csv:2: tick_decimals: 31 is not between -30 and 30", "t.csv:2: upper_price: -1 is not positive",
            "t.csv:2: upper_tick: -1e6 is not between -887272 and 887272", "t.csv:2: value: 0 is not positive"});
  const std::string few =
      "id,book,pool,base_factor,value,liquidity,lower_price,upper_price,lower_tick,upper_tick,emission,debt,holder\n";
  CHECK(with_table("lp", few + "A,b,p,BTC,1,1,,,,,,,\nB,b,p,BTC,,,,,,,,,\nC,b,p,BTC,1,,2,,2,,,,\nD,b,p,BTC,1,,,2,,2,,,\n"
                               "E,b,p,BTC,1,,,,1.5,,,,\nF,b,p,BTC,1,,3,2,,,,,\nG,b,p,BTC,1,,,,5,5,,,\nH,b,p,BTC,1,,,,,,1,,\n"
                               "I,b,p,BTC,1,,,,,,,1,\nJ,b,p,BTC,1,,,,,,,,lender\n")
            .messages ==
        std::vector<std::string>{
            "t.csv:2: liquidity: value is there too; one of the two says how much it is",
            "t.csv:3: value: blank, and so is liquidity; one of the two is needed",
            "t.csv:4: lower_tick: lower_price is there too", "t.csv:5: upper_tick: upper_price is there too",
            "t.csv:6: lower_tick: not a whole number", "t.csv:7: upper_price: its price is not above where the range begins",
            "t.csv:8: upper_tick: its price is not above where the range begins",
            "t.csv:9: emission_factor: blank; emission needs a price",
            "t.csv:10: liquidation_threshold: blank; debt needs one", "t.csv:11: debt: 0; a lender is owed something"});
}

TEST_CASE("a hedge is on a factor or on an obligor") {
  const std::string header =
      "id,book,pool,currency,obligor,kind,notional,maturity_years,curve,factor,strike,carry,volatility,premium,frequency,"
      "spread\n";
  CHECK(with_table("hedge", header +
                                "H,b,p,EUR,,call,2,1,USD,BTC,50000,0.02,0.6,,,\nI,b,p,,,forward,2,1,USD,SPREAD,-1,,,,,\n"
                                "J,b,p,,O1,cds,100,5,USD,,,,,0.01,4,SPREAD\n")
            .exit_code == 0);
  CHECK(with_table("hedge", header + "H,b,p,,,swap,0,101,USB,SME,x,6,-1,-1,1.5,11\n").messages ==
        std::vector<std::string>{
            "t.csv:2: carry: 6 is not between -1 and 5",
            "t.csv:2: curve: \"USB\" is not in files.curves; did you mean \"USD\"?",
            "t.csv:2: factor: \"SME\" is a driver; a market factor is needed",
            "t.csv:2: kind: \"swap\" is not forward, call, put or cds",
            "t.csv:2: maturity_years: 101 is not positive and at most 100", "t.csv:2: notional: 0 is not positive",
            "t.csv:2: premium: -1 is not between 0 and 10", "t.csv:2: spread: 11 is not between 0 and 10",
            "t.csv:2: strike: \"x\" is not a number; allowed: finite", "t.csv:2: volatility: -1 is not between 0 and 10"});
  CHECK(with_table("hedge",
                   header + "A,b,p,,,cds,1,1,USD,,,,,,,\nB,b,p,,O1,cds,1,1,USD,BTC,,,,,,\nC,b,p,,O1,cds,1,1,USD,,2,,,,,\n"
                            "D,b,p,,O1,cds,1,1,USD,,,,,,1.5,\nE,b,p,,O1,put,1,1,USD,BTC,2,,,,,\n"
                            "F,b,p,,,put,1,1,USD,,2,,,,,\nG,b,p,,,put,1,1,USD,BTC,,,,,,\nH,b,p,,,put,1,1,USD,BTC,-2,,,,,\n"
                            "I,b,p,,,put,1,1,USD,BTC,2,,,0.1,,\nJ,b,p,,,call,1,1,USD,SPREAD,2,,0.1,,,\n")
            .messages ==
        std::vector<std::string>{
            "t.csv:2: obligor: blank; a cds protects against the default of one", "t.csv:3: factor: a cds has none",
            "t.csv:4: strike: a cds has none", "t.csv:5: frequency: 1.500000 is not a whole number",
            "t.csv:6: obligor: only a cds has one", "t.csv:7: factor: blank; all but a cds need one",
            "t.csv:8: strike: blank; all but a cds need one", "t.csv:9: strike: not positive, as an option's must be",
            "t.csv:10: premium: only a cds pays one", "t.csv:11: factor: an option needs a lognormal or log_ou factor"});
}

TEST_CASE("cash has an amount and perhaps a rate") {
  const std::string header = "id,book,pool,currency,amount,rate\n";
  CHECK(with_table("cash", header + "C,b,p,EUR,100,SPREAD\nD,b,p,,-5,0.02\n").exit_code == 0);
  CHECK(with_table("cash", header + "C,b,p,,,11\nD,b,p,GBP,1,SME\n").messages ==
        std::vector<std::string>{"t.csv:2: amount: blank; required, finite", "t.csv:2: rate: 11 is not between -1 and 10",
                                 "t.csv:3: currency: \"GBP\" is neither the job's currency nor in [currency]",
                                 "t.csv:3: rate: \"SME\" is a driver; a market factor is needed"});
}

TEST_CASE("a cover has what its trigger needs") {
  const std::string header =
      "id,book,pool,currency,obligor,trigger,insured,factor,trigger_price,reference_price,payout,reference_pool,measure,"
      "deductible,limit,share,term_years,provider,capital,capital_factor,provider_obligor\n";
  CHECK(with_table("cover", header + "A,b,p,,O1,default,100,,,,fixed,,,10,50,0.5,1,N,1e6,BTC,O2\n"
                                     "B,b,p,,,price,100,BTC,60000,90000,,,,,,,1,N,1e6,BTC,O2\n"
                                     "C,b,p,,,losses,,,,,,credit/a,economic,10,50,,1,,,,O2\n")
            .exit_code == 0);
  CHECK(with_table("cover", header + "A,b,p,EUR,O9,defaults,0,SME,0,-1,some,crdit,all,-1,0,1.1,0,a b,0,SPRED,O9\n"
                                     "B,b,p,,,price,100,BTC,60000,,,crdit,,,,,1,,,SME,\n")
            .messages ==
        std::vector<std::string>{"t.csv:2: capital: 0 is not positive",
                                 "t.csv:2: capital_factor: \"SPRED\" is not in files.factors; did you mean \"SPREAD\"?",
                                 "t.csv:2: currency: \"EUR\": this type must be in the job's currency",
                                 "t.csv:2: deductible: -1 is not zero or more",
                                 "t.csv:2: factor: \"SME\" is a driver; a market factor is needed",
                                 "t.csv:2: insured: 0 is not positive",
                                 "t.csv:2: limit: 0 is not positive",
                                 "t.csv:2: measure: \"all\" is not credit or economic",
                                 "t.csv:2: obligor: \"O9\" is not in files.obligors; did you mean \"O1\"?",
                                 "t.csv:2: payout: \"some\" is not indemnity or fixed",
                                 "t.csv:2: provider: \"a b\" is not an id of the characters A-Z a-z 0-9 _ . : + -",
                                 "t.csv:2: provider_obligor: \"O9\" is not in files.obligors; did you mean \"O1\"?",
                                 "t.csv:2: reference_pool: \"crdit\" is no node of the book, written without \"total/\"",
                                 "t.csv:2: reference_price: -1 is not positive",
                                 "t.csv:2: share: 1.1 is not between 0 and 1",
                                 "t.csv:2: term_years: 0 is not positive and at most 100",
                                 "t.csv:2: trigger: \"defaults\" is not default, price or losses; did you mean \"default\"?",
                                 "t.csv:2: trigger_price: 0 is not positive",
                                 "t.csv:3: capital_factor: \"SME\" is a driver; a market factor is needed",
                                 "t.csv:3: reference_pool: \"crdit\" is no node of the book, written without \"total/\""});
  CHECK(with_table("cover", header + "A,b,p,,,default,100,,,,,,,,,,1,,,,\nB,b,p,,O1,price,100,BTC,6e4,,,,,,,,1,,,,\n"
                                     "C,b,p,,O1,default,,,,,,,,,,,1,,,,\nD,b,p,,O1,default,100,BTC,,,,,,,,,1,,,,\n"
                                     "E,b,p,,,price,100,,6e4,,,,,,,,1,,,,\nF,b,p,,,price,100,BTC,,,,,,,,,1,,,,\n"
                                     "G,b,p,,,losses,,,,2,,credit,,,50,,1,,,,\nH,b,p,,,losses,,,,,fixed,credit,,,50,,1,,,,\n"
                                     "I,b,p,,,losses,,,,,,,,,50,,1,,,,\nJ,b,p,,,price,100,BTC,6e4,,,,economic,,,,1,,,,\n"
                                     "K,b,p,,,losses,,,,,,credit,,,,,1,,,,\nL,b,p,,,price,100,BTC,6e4,,,,,,,,1,,1e6,,\n"
                                     "M,b,p,,,price,100,BTC,6e4,,,,,,,,1,,,BTC,\nN,b,p,,,price,100,BTC,6e4,,,,,,,,1,X,,,\n"
                                     "O,b,p,,,price,100,BTC,1e5,,,,,,,,1,,,,\n")
            .messages ==
        std::vector<std::string>{
            "t.csv:2: obligor: blank; the trigger \"default\" needs it", "t.csv:3: obligor: the trigger \"price\" has none",
            "t.csv:4: insured: blank; the trigger \"default\" needs it", "t.csv:5: factor: the trigger \"default\" has none",
            "t.csv:6: factor: blank; the trigger \"price\" needs it",
            "t.csv:7: trigger_price: blank; the trigger \"price\" needs it",
            "t.csv:8: reference_price: the trigger \"losses\" has none", "t.csv:9: payout: the trigger \"losses\" has none",
            "t.csv:10: reference_pool: blank; the trigger \"losses\" needs it",
            "t.csv:11: measure: the trigger \"price\" has none", "t.csv:12: limit: blank; the trigger \"losses\" needs it",
            "t.csv:13: provider: blank; capital is that of a provider",
            "t.csv:14: provider: blank; capital_factor is that of a provider's capital",
            "t.csv:15: capital: blank; a provider that is named has so much and no more",
            "t.csv:16: trigger_price: the price is there today"});
}

TEST_CASE("constant spreads and vaults are warned about") {
  JobFiles files = valid_job();
  files["job.toml"] = replaced(files["job.toml"], "positions.exposure",
                               "positions.bond = \"b.csv\"\npositions.vault = \"v.csv\"\npositions.exposure");
  files["b.csv"] =
      "id,book,pool,obligor,notional,maturity_years,curve,spread\nB1,b,p,O1,100,5,USD,0.01\nB2,b,p,O1,100,5,USD,SPREAD\n"
      "B3,b,p,,100,5,USD,0.01\n";
  files["v.csv"] =
      "id,book,pool,collateral_factor,collateral_quantity,debt,liquidation_threshold,bonus\nV,b,p,BTC,1,5,0.98,0.1\n";
  const Job job = read(files);
  REQUIRE(job.warnings.size() == 4);
  CHECK(job.warnings[0].starts_with("v.csv:2: liquidation_threshold: "));
  CHECK(job.warnings[1] ==
        "bond: 1 credit position has a constant spread; a factor there would let it widen in bad scenarios "
        "[constant_spread]");
}

}  // namespace
}  // namespace tailcube::test
