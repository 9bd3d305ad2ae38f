// Whole jobs of things that are not traded, against closed forms.
#include "kernels/math/functions.h"
#include "tests/statistical/whole_job.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}
int node(const Cube& cube, const std::string& name) {
  for (std::size_t i = 0; i < cube.nodes.size(); ++i)
    if (cube.nodes[i] == name) return static_cast<int>(i);
  FAIL("no node " << name);
  return 0;
}
void check_mean(const Acceptance& accept, const Cube& cube, const std::string& leaf, double expected, Pool& pool) {
  const std::size_t i = cube.at(0, 0, node(cube, "total/" + leaf), 0);
  pool.add(cube.expected_loss[i], cube.expected_loss_se[i], expected);
  accept.check("EL of " + leaf, cube.expected_loss[i], cube.expected_loss_se[i], expected);
}

}  // namespace

// An index with drift m and volatility s; (S_t / S)^b grows by exp(b (m - s^2 / 2) + b^2 s^2 / 2) a year.
TEST_CASE("collectibles, kept and sold") {
  const double m = 0.03, s = 0.2, b = 1.5, sd = 0.25, own = 0.15, delay = 0.7, cost = 0.12, worth = 1e6;
  const double step = 1.0 / 12, growth = tailcube::exp((b * (m - s * s / 2) + b * b * s * s / 2) * step);
  Files files;
  files["factors.csv"] = "id,kind,initial,drift,volatility\nART,lognormal,100,0.03,0.2\n";
  files["correlation.csv"] = "id,ART\nART,1\n";
  files["collectible.csv"] =
      "id,side,appraisal,appraisal_sd,index_factor,beta,idiosyncratic_volatility,offered_years,sale_delay_years,sale_cost\n"
      "k,kept,1000000,0.25,ART,1.5,0.15,,,\nf,sold,1000000,0.25,ART,1.5,0.15,0,0.7,0.12\n";
  Pool pool;
  for (int seed = 5100; seed < 5103; ++seed) {
    JobText job{.seed = seed, .scenarios = 50'000, .step = "1M", .steps = 12, .tables = {"collectible"}};
    job.cube = "levels = [\"side\"]";
    files["job.toml"] = job.text();
    const Cube cube = run(files);
    const Acceptance accept{"collectibles, seed " + std::to_string(seed)};
    double sold = 0, still = 1, grown = 1;
    for (int n = 1; n <= 12; ++n) {
      const double left = tailcube::exp(-n * step / delay);
      grown *= growth;
      sold += (still - left) * grown, still = left;
    }
    check_mean(accept, cube, "kept", worth * (1 - grown), pool);
    check_mean(accept, cube, "sold", worth * (1 - (1 - cost) * sold - still * grown), pool);
    const double deviation = std::sqrt(sd * sd + own * own + b * b * s * s);
    const double centre = b * (m - s * s / 2) - (sd * sd + own * own) / 2;
    for (std::size_t c = 0; c < cube.confidence.size(); ++c) {
      const double z = normal_quantile(1 - cube.confidence[c].value());
      accept.check_var(cube, cube.at(0, 0, node(cube, "total/kept"), 0, static_cast<int>(c)), key(cube.confidence[c]),
                       worth * (1 - tailcube::exp(centre + deviation * z)));
    }
  }
  INFO(pool.summary());
  CHECK(pool.plausible());
}

// Rents that grow by m a year over a cap rate of log-volatility k, uncorrelated: E N_t / c_t = N_0 / c_0
// exp((m + k^2 - d) t) with drift d of the cap rate; paid at the end of every quarter.
TEST_CASE("property by index and by income") {
  const double m = 0.02, d = 0.01, k = 0.15, own = 0.12, rent = 80'000, vacancy = 0.05, cap = 0.05, worth = 2e6;
  const double income = rent * (1 - vacancy);
  Files files;
  files["factors.csv"] =
      "id,kind,initial,drift,volatility\nCRE,lognormal,100,0.03,0.18\nRENTS,lognormal,50,0.02,0.1\n"
      "CAP,lognormal,0.05,0.01,0.15\n";
  files["correlation.csv"] = "id,CRE,RENTS,CAP\nCRE,1,0,0\nRENTS,0,1,0\nCAP,0,0,1\n";
  files["property.csv"] =
      "id,side,value,index_factor,cap_rate,idiosyncratic_volatility,rent,rent_factor,vacancy,cost\n"
      "i,index,2000000,CRE,,0.12,80000,,0.05,30000\nc,income,,,CAP,0.12,80000,RENTS,0.05,0\n";
  Pool pool;
  for (int seed = 5200; seed < 5203; ++seed) {
    JobText job{.seed = seed, .scenarios = 50'000, .step = "1Q", .steps = 8, .tables = {"property"}};
    job.cube = "levels = [\"side\"]";
    files["job.toml"] = job.text();
    const Cube cube = run(files);
    const Acceptance accept{"property, seed " + std::to_string(seed)};
    check_mean(accept, cube, "index", worth * (1 - tailcube::exp(0.03 * 2)) - 2 * (income - 30'000), pool);
    double received = 0;
    for (int n = 1; n <= 8; ++n) received += income / 4 * tailcube::exp(m * n / 4);
    check_mean(accept, cube, "income", income / cap * (1 - tailcube::exp((m + k * k - d) * 2)) - received, pool);
    const double deviation = std::sqrt(2 * (0.18 * 0.18 + own * own)), centre = 0.06 - deviation * deviation / 2;
    for (std::size_t c = 0; c < cube.confidence.size(); ++c) {
      const double z = normal_quantile(1 - cube.confidence[c].value());
      accept.check_var(cube, cube.at(0, 0, node(cube, "total/index"), 0, static_cast<int>(c)), key(cube.confidence[c]),
                       worth * (1 - tailcube::exp(centre + deviation * z)) - 2 * (income - 30'000));
    }
  }
  INFO(pool.summary());
  CHECK(pool.plausible());
}

// The loss of the case is counted from the face, the cube's from what it is worth today.
TEST_CASE("an invoice that is diluted late or lost") {
  const auto file = reference("rwa_instruments");
  if (!file) return;
  const auto &in = file->at("inputs").at("invoice"), &e = file->at("expected").at("invoice");
  const double a = in["dilution_beta_a"], b = in["dilution_beta_b"], k = in["delay_gamma_k"];
  const double scale = in["delay_gamma_theta_years"], face = in["F"];
  Files files;
  files["factors.csv"] = "id,kind,initial,volatility\nX,lognormal,1,0.1\n";
  files["correlation.csv"] = "id,X\nX,1\n";
  files["obligors.csv"] = "id,pd_1y,lgd\no," + number(in["PD"]) + "," + number(in["LGD"]) + "\n";
  files["invoice.csv"] = "id,obligor,face,due_days,discount_rate,dilution,dilution_sd,delay_days,delay_sd_days\ni,o," +
                         number(face) + "," + number(365 * in["T"].get<double>()) + "," + number(in["r"]) + "," +
                         number(a / (a + b)) + "," + number(std::sqrt(a * b / (a + b + 1)) / (a + b)) + "," +
                         number(365 * k * scale) + "," + number(365 * std::sqrt(k) * scale) + "\n";
  Pool pool;
  for (int seed = 5300; seed < 5303; ++seed) {
    JobText job{.seed = seed, .scenarios = 200'000, .tables = {"invoice"}, .confidence = "[0.9, 0.95, 0.99, 0.999]"};
    files["job.toml"] = job.text();
    const Cube cube = run(files);
    const Acceptance accept{"rwa_instruments, invoice, seed " + std::to_string(seed)};
    const std::size_t at = cube.at(0, 0, 0, 0);
    const double discount = face - cube.base_value[0];
    pool.add(cube.expected_loss[at], cube.expected_loss_se[at], e["expected_loss_undiscounted"].get<double>() - discount);
    accept.check("EL", cube.expected_loss[at] + discount, cube.expected_loss_se[at], e["expected_loss_undiscounted"]);
    CHECK(cube.loss_std[at] == Approx(e["std_loss"].get<double>()).epsilon(0.03));
    for (std::size_t c = 0; c < cube.confidence.size(); ++c) {
      const std::size_t i = cube.at(0, 0, 0, 0, static_cast<int>(c));
      const std::string alpha = key(cube.confidence[c]);
      accept.check_var(cube, i, alpha, e["VaR_loss"][alpha].get<double>() - discount);
      accept.check_es(cube, i, alpha, e["ES_loss"][alpha].get<double>() - discount);
    }
  }
  INFO(pool.summary());
  CHECK(pool.plausible());
}

// Without interest what was received and what is to come have the expectation of today: exactly without a cap, and by the
// lognormal law taken for the sum that is left with one.
TEST_CASE("shares of revenue, with tokens and with a cap") {
  Files files;
  files["factors.csv"] =
      "id,kind,initial,drift,volatility,reversion,level\nPLAYS,log_ou,2,,0.4,0.8,0.9\nRIDES,lognormal,10,0.05,0.3,,\n"
      "TOKEN,lognormal,3,0,0.9,,\nZERO,normal,0,0,0,,\n";
  files["correlation.csv"] = "id,PLAYS,RIDES,TOKEN,ZERO\nPLAYS,1,0,0,0\nRIDES,0,1,0,0\nTOKEN,0,0,1,0\nZERO,0,0,0,1\n";
  files["curves.csv"] = "curve,tenor_years,factor\nFLAT,1,ZERO\n";
  files["revenue.csv"] =
      "id,side,revenue,revenue_factor,share,cap,maturity_years,curve,token_share,token_factor\n"
      "a,free,1000000,PLAYS,0.2,,5,FLAT,,\nb,token,1000000,RIDES,0.2,,5,FLAT,0.5,TOKEN\n"
      "c,capped_plays,1000000,PLAYS,0.2,1000000,5,FLAT,,\nd,capped_rides,1000000,RIDES,0.2,1000000,5,FLAT,,\n";
  Pool pool;
  for (int seed = 5400; seed < 5402; ++seed) {
    JobText job{.seed = seed, .scenarios = 50'000, .step = "1Q", .steps = 8, .tables = {"revenue"}};
    job.cube = "levels = [\"side\"]";
    files["job.toml"] = replaced(job.text(), "[files]\n", "[files]\ncurves = \"curves.csv\"\n");
    const Cube cube = run(files);
    const Acceptance accept{"revenue, seed " + std::to_string(seed)};
    check_mean(accept, cube, "free", 0, pool);
    check_mean(accept, cube, "token", 0, pool);
    for (const std::string side : {"total/capped_plays", "total/capped_rides"}) {
      const std::size_t i = cube.at(0, 0, node(cube, side), 0);
      INFO(side << ": " << cube.expected_loss[i] << " +- " << cube.expected_loss_se[i]);
      CHECK(std::abs(cube.expected_loss[i]) < 0.01 * 1e6 + 4 * cube.expected_loss_se[i]);
      CHECK(cube.base_value[static_cast<std::size_t>(node(cube, side))] < 0.99e6);
    }
  }
  INFO(pool.summary());
  CHECK(pool.plausible());
}

// Of the coin that is likely to lose its peg; the other one's figures lie beyond what so many scenarios see, but for its
// mean.
TEST_CASE("a coin loses its peg") {
  const auto file = reference("rwa_instruments");
  if (!file) return;
  int seed = 5500;
  for (const auto& e : file->at("expected").at("stablecoin_depeg")) {
    const double years = e["T"];
    Files files;
    files["factors.csv"] = "id,kind,initial,volatility\nX,lognormal,1,0.1\n";
    files["correlation.csv"] = "id,X\nX,1\n";
    files["stablecoin.csv"] = "id,tokens,depeg_rate,price_beta_a,price_beta_b\nc," + number(e["N"]) + "," +
                              number(e["hazard"]) + "," + number(e["recovery_beta"][0]) + "," +
                              number(e["recovery_beta"][1]) + "\n";
    JobText job{.seed = ++seed, .scenarios = 400'000, .step = years == 1 ? "1Y" : "1Q", .tables = {"stablecoin"}};
    job.tail_scenarios = 20'000;
    files["job.toml"] = job.text();
    const Cube cube = run(files);
    const Acceptance accept{"rwa_instruments, coin, hazard " + number(e["hazard"])};
    const std::size_t at = cube.at(0, 0, 0, 0);
    accept.check("EL", cube.expected_loss[at], cube.expected_loss_se[at], e["EL"]);
    accept.check_probability("P(depeg)", static_cast<std::uint64_t>(std::llround(cube.probability_of_loss[at] * 400'000)),
                             400'000, e["P_depeg"]);
    for (std::size_t c = 0; c < cube.confidence.size(); ++c) {
      const std::size_t i = cube.at(0, 0, 0, 0, static_cast<int>(c));
      const auto& risk = e["risk"][key(cube.confidence[c])];
      if (risk["VaR"] == 0.0)
        CHECK(cube.value_at_risk[i] == 0);
      else
        accept.check_var(cube, i, key(cube.confidence[c]), risk["VaR"]);
      accept.check_es(cube, i, key(cube.confidence[c]), risk["ES"]);
    }
  }
}
