// Prices weighted with survival (O'Kane 2008) against whole jobs: what a claim on an obligor that may default is worth is
// the expected cash, each payment converted at its date into a currency that discounts. The currency's price falls at the
// rate of interest without any noise, so the only error is that of the defaults.
#include <cmath>

#include "tests/statistical/whole_job.h"

using namespace tailcube;
using namespace tailcube::test;
using nlohmann::json;

namespace {

struct Claim {
  double rate, hazard, lgd;  // continuous; of the obligor
  std::string table, columns, cells;
  std::string ratings = {}, path = {};  // tables in place of the hazard and the rate
};

// Expected cash of the claim up to its maturity, and the expected claim at default, at today's prices, with their errors.
struct Price {
  double value, error, defaulted, defaulted_error;
};
Price expected_cash(const Claim& claim, const JobText& job) {
  Files files;
  files["factors.csv"] = "id,kind,initial,drift,volatility\nD,driver,,,\nRATE,normal," + number(claim.rate) +
                         ",0,0\nPAPER,lognormal,1," + number(-claim.rate) + ",0\n";
  files["correlation.csv"] = correlation_table({"D", "RATE", "PAPER"}, {});
  files["curves.csv"] = "curve,tenor_years,factor\nFLAT,1,RATE\n";
  std::string text = job.text();
  const bool rated = !claim.ratings.empty();
  files["obligors.csv"] = std::string("id,") + (rated ? "rating" : "hazard") + ",loadings,lgd\no," +
                          (rated ? "R" : number(claim.hazard)) + ",D:0.5," + number(claim.lgd) + "\n";
  files[claim.table + ".csv"] = "id,currency,obligor,curve," + claim.columns + "\nx,PAP,o,FLAT," + claim.cells + "\n";
  const std::string tables = "[files]\n";
  text.insert(text.find(tables) + tables.size(), std::string("curves = \"curves.csv\"\nobligors = \"obligors.csv\"\n") +
                                                     (rated ? "ratings = \"ratings.csv\"\n" : ""));
  text += "[currency]\nPAP = \"PAPER\"\n";
  if (rated) files["ratings.csv"] = claim.ratings;
  if (!claim.path.empty()) {
    files["path.csv"] = claim.path;
    text += "[[stress]]\nname = \"discounts\"\npath = \"path.csv\"\n";
  }
  files["job.toml"] = text;
  const Cube cube = run(files);
  const std::size_t i = cube.at(0, 0, 0, 0), exposed = 1;  // the second gauge of claims
  CHECK(cube.gauges[exposed] == "defaulted_exposure");
  return {cube.base_value[0] - cube.expected_loss[i], cube.expected_loss_se[i], cube.gauge_mean[exposed],
          cube.gauge_se[exposed]};
}

}  // namespace

TEST_CASE("the price of a bond is its expected cash") {
  const auto file = reference("bonds_loans_cds");
  if (!file) return;
  const json &in = file->at("inputs").at("fixed"), &e = file->at("expected").at("fixed_bond");
  const Price price =
      expected_cash({in["r_cc"], in["hazard"], 1, "bond", "notional,coupon,frequency,maturity_years,spread",
                     number(in["N"]) + "," + number(in["coupon"]) + "," + number(in["freq"]) + "," + number(in["T"]) + ",0"},
                    {.seed = 2501, .scenarios = 400'000, .step = "6M", .steps = 10, .tables = {"bond"}});
  Acceptance{"bonds_loans_cds, fixed bond"}.check(
      "coupons and principal", price.value, price.error,
      e["risky_PV_recovery_of_par_at_default"].get<double>() - e["recovery_leg"].get<double>());
}

TEST_CASE("what is recovered is paid at the step of default") {
  const auto file = reference("bonds_loans_cds");
  if (!file) return;
  const json &in = file->at("inputs").at("fixed"), &e = file->at("expected").at("fixed_bond");
  // A claim without interest is par all the time. The reference pays at the moment of default, the program at the end of its
  // month: r / 24 = 0.13 % less, a seventh of the standard error.
  const double n = in["N"], r = in["r_cc"], hazard = in["hazard"], years = in["T"];
  const Price price = expected_cash({r, hazard, 1 - in["recovery_of_par"].get<double>(), "bond",
                                     "notional,maturity_years,spread", number(n) + "," + number(years) + ",0"},
                                    {.seed = 2505, .scenarios = 200'000, .step = "1M", .steps = 60, .tables = {"bond"}});
  Acceptance{"bonds_loans_cds, fixed bond"}.check("recovery", price.value - n * std::exp(-(r + hazard) * years), price.error,
                                                  e["recovery_leg"]);
}

TEST_CASE("the premium leg of a credit default swap is what its payments are expected to bring") {
  const auto file = reference("bonds_loans_cds");
  if (!file) return;
  const json &in = file->at("inputs").at("cds"), &e = file->at("expected").at("cds");
  // An annuity of one a year, as a bond that pays a coupon of 1 on 1, less the repayment.
  const Price price = expected_cash({in["r"], in["hazard"], 1, "bond", "notional,coupon,frequency,maturity_years,spread",
                                     "1000,1," + number(in["freq"]) + "," + number(in["T"]) + ",0"},
                                    {.seed = 2502, .scenarios = 400'000, .step = "1Q", .steps = 20, .tables = {"bond"}});
  const double repaid = e["survival"].get<double>() * std::exp(-in["r"].get<double>() * in["T"].get<double>());
  Acceptance{"bonds_loans_cds, CDS"}.check("risky annuity", price.value / 1000 - repaid, price.error / 1000,
                                           e["risky_annuity_no_accrual"]);
}

TEST_CASE("the price of a level-payment loan is its expected cash") {
  const auto file = reference("bonds_loans_cds");
  if (!file) return;
  const json &in = file->at("inputs").at("loan"), &e = file->at("expected").at("amortising_loan");
  // The reference recovers a share of the balance at the start of the period, the program one of that and its interest.
  const double period = in["nominal_rate"].get<double>() / in["per_year"].get<double>();
  const double lgd = 1 - in["recovery"].get<double>() / (1 + period);
  const double years = in["n_payments"].get<double>() / in["per_year"].get<double>();
  const std::string columns = "principal,rate,frequency,maturity_years,amortisation,spread";
  const std::string terms =
      number(in["P"]) + "," + number(in["nominal_rate"]) + "," + number(in["per_year"]) + "," + number(years) + ",annuity,";
  const double rate = in["r_cc"].get<double>() + in["spread_cc"].get<double>();
  JobText job{.seed = 2503, .scenarios = 50'000, .step = "1M", .steps = 360, .tables = {"loan"}};
  const Acceptance accept{"bonds_loans_cds, loan"};
  const Price price = expected_cash({rate, in["hazard"], lgd, "loan", columns, terms + number(in["spread_cc"])}, job);
  accept.check("PV with default", price.value, price.error, e["PV_with_default"]);
  job.seed = 2504;
  const Price undiscounted = expected_cash({0, in["hazard"], lgd, "loan", columns, terms + "0"}, job);
  const double lost =
      (1 - in["recovery"].get<double>()) / (1 + period);  // of the claim; what is recovered left aside: principal
  accept.check("expected loss of principal", lost * undiscounted.defaulted, lost * undiscounted.defaulted_error,
               e["expected_undiscounted_loss"]);
}

TEST_CASE("the price of a bond whose hazards and rates change with time") {
  const auto file = reference("bonds_loans_cds");
  if (!file) return;
  const json &in = file->at("inputs").at("curve"), &e = file->at("expected").at("curve_bond");
  const double n = in["N"], years = in["T"];
  std::string names = "rating,pd_1y", pds = "R";
  double hazard = 0, survival = 1;
  for (std::size_t i = 0, from = 0; i < in["hazard"].size(); ++i) {
    const auto until = in["hazard_until"][i].get<std::size_t>();
    const double before = hazard;
    hazard += in["hazard"][i].get<double>() * static_cast<double>(until - from);
    if (static_cast<double>(from) < years)
      survival = std::exp(-before - in["hazard"][i].get<double>() *
                                        (std::min(years, static_cast<double>(until)) - static_cast<double>(from)));
    if (until > 1) names += ",pd_" + std::to_string(until) + "y";
    pds += "," + number(-std::expm1(-hazard));
    from = until;
  }
  const auto discount = [&](double t) {  // linear in the zero rate
    const auto times = in["zero_times"].get<std::vector<double>>(), rates = in["zero_cc"].get<std::vector<double>>();
    std::size_t i = 1;
    while (i + 1 < times.size() && times[i] < t) ++i;
    const double share = (t - times[i - 1]) / (times[i] - times[i - 1]);
    return std::exp(-(rates[i - 1] + share * (rates[i] - rates[i - 1])) * t);
  };
  const auto path = [&](int steps) {
    std::string text = "step,PAPER\n";
    for (int step = 1; step <= steps; ++step)
      text += std::to_string(step) + "," + number(discount(years * step / steps)) + "\n";
    return text;
  };
  const Acceptance accept{"bonds_loans_cds, bond on curves"};
  Claim claim{0,
              0,
              1,
              "bond",
              "notional,coupon,frequency,maturity_years,spread",
              number(n) + "," + number(in["coupon"]) + "," + number(in["freq"]) + "," + number(years) + ",0",
              names + "\n" + pds + "\n",
              path(14)};
  const Price promised =
      expected_cash(claim, {.seed = 2506, .scenarios = 400'000, .step = "6M", .steps = 14, .tables = {"bond"}});
  accept.check("coupons and principal", promised.value, promised.error, e["coupons_and_principal"]);
  // A claim without interest is par, and paid at the end of the month of default.
  claim.lgd = 1 - in["recovery_of_par_at_default"].get<double>();
  claim.columns = "notional,maturity_years,spread", claim.cells = number(n) + "," + number(years) + ",0";
  claim.path = path(84);
  const Price recovered =
      expected_cash(claim, {.seed = 2507, .scenarios = 200'000, .step = "1M", .steps = 84, .tables = {"bond"}});
  accept.check("recovery", recovered.value - n * discount(years) * survival, recovered.error, e["recovery_leg"]);
}
