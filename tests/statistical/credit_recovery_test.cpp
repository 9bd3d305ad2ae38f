// Losses given default of whole credit models: their mean, deviation and dependence on the drivers.
#include <cmath>

#include "src/engine/credit_model.h"
#include "tests/catch_any.h"
#include "tests/statistical/whole_job.h"
#include "tests/unit/credit/plain_defaults.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

constexpr double mean = 0.45, deviation = 0.2, correlation = 0.6;

// By one year, by two: nobody defaults in the first.
const std::vector<DefaultBy> later = {{1, 0}, {2, 0.05}};

Job pool(int steps, double dof, Timing timing, const std::vector<DefaultBy>& term = {}) {
  Job job;
  job.steps = steps;
  job.step_years = (term.empty() ? 1.0 : term.back().years) / steps;
  if (!term.empty()) job.obligors.terms = {term}, job.obligors.term.assign(60, 0);
  job.factor_ids = {"A", "B"};
  job.market.factors.resize(2);
  job.market.correlation = {1, 0, 0, 1};
  job.credit.dof = dof;
  job.credit.timing = timing;
  for (int i = 0; i < 60; ++i) {
    job.obligors.id.push_back("o" + std::to_string(i));
    job.obligors.pd_1y.push_back(term.empty() ? 0.03 : term.front().probability);
    job.obligors.loadings.push_back({{FactorIndex{0}, 0.5}, {FactorIndex{1}, 0.2}});
    job.obligors.loss_given_default.push_back(mean);
    job.obligors.lgd_sd.push_back(deviation);
    job.obligors.lgd_correlation.push_back(correlation);
    job.obligors.recovery_delay_years.push_back(0);
    job.obligors.days_past_due.push_back(i < 58 ? 0 : 90);
  }
  return job;
}

// The mean over scenarios of a sum over defaults, in standard errors: defaults of one scenario depend on each other.
class Mean {
 public:
  void add(double x) { sum_ += x, square_ += x * x, ++count_; }
  double z() const { return sum_ / std::sqrt(square_ - sum_ * sum_ / count_); }

 private:
  double sum_ = 0, square_ = 0, count_ = 0;
};

void check(int steps, double dof, Timing timing, const std::vector<DefaultBy>& term = {}) {
  const CreditModel model = compile_credit(pool(steps, dof, timing, term)).model;
  const double length = std::sqrt(0.29);
  const std::size_t alive = 58;
  Block block;
  block.seed = 77;
  CreditScratch scratch;
  Mean level, square, own, slope, early, in_default;
  for (; block.first_scenario < 1 << 16; block.first_scenario += lanes) {
    draw_drivers(block, 2, steps);
    draw_defaults(model, scratch, block);
    std::array<double, lanes> l{}, s{}, e{}, x{}, f{}, d{};
    for (const Default& a : block.defaults) {
      const double loss = a.loss_given_default;
      if (static_cast<std::size_t>(a.obligor) >= alive) {
        d[a.lane] += loss - mean;
        continue;
      }
      const double score = (0.5 * block.factors(0u, a.step)[a.lane] + 0.2 * block.factors(1u, a.step)[a.lane]) / length;
      const RecoveryLaw& law = model.recovery_laws[model.recoveries[static_cast<std::size_t>(a.obligor)].law];
      const double spread = law.own / std::sqrt(1 - correlation * correlation);
      const double rest = (normal_quantile(loss) - law.centre) / spread + correlation * score;  // sqrt(1 - r^2) eta
      l[a.lane] += loss - mean;
      s[a.lane] += (loss - mean) * (loss - mean) - deviation * deviation;
      e[a.lane] += rest;
      x[a.lane] += rest * score;
      f[a.lane] += a.step == 1 ? loss - mean : 0;
    }
    for (std::size_t i = 0; i < lanes; ++i)
      level.add(l[i]), square.add(s[i]), own.add(e[i]), slope.add(x[i]), early.add(f[i]), in_default.add(d[i]);
  }
  CAPTURE(steps, dof, static_cast<int>(timing));
  CHECK(std::abs(level.z()) < kLargestZ);
  CHECK(std::abs(square.z()) < kLargestZ);
  CHECK(std::abs(own.z()) < kLargestZ);
  CHECK(std::abs(slope.z()) < kLargestZ);
  CHECK(std::abs(in_default.z()) < kLargestZ);
  // Mean and deviation hold over all defaults; those of the first step come in worse times than later ones.
  if (steps == 12) CHECK(early.z() > kLargestZ);
}

}  // namespace

TEST_CASE("losses given default have the mean, deviation and correlation asked for") {
  check(1, 0, Timing::adapted);
  check(1, 5, Timing::adapted);
  check(12, 0, Timing::adapted);
  check(6, 5, Timing::adapted);
  check(4, 0, Timing::terminal);
  check(8, 0, Timing::adapted, later);
  check(6, 5, Timing::adapted, later);
  check(4, 5, Timing::terminal, later);
}

TEST_CASE("expected losses are PD times the mean loss given default, and shocks to the drivers raise both") {
  Files files;
  files["factors.csv"] = "id,kind\nF,driver\n";
  files["exposures.csv"] = "id,obligor,ead,kind\n";
  files["obligors.csv"] = "id,pd_1y,driver,asset_correlation,lgd,lgd_sd,lgd_correlation\n";
  for (int i = 0; i < 100; ++i) {
    const std::string id = std::to_string(i), kind = i % 2 ? "random" : "constant";
    files["obligors.csv"] += "o" + id + ",0.04,F,0.2,0.4," + (i % 2 ? "0.25,0.8\n" : "0,\n");
    files["exposures.csv"] += "e" + id + ",o" + id + ",1000," + kind + "\n";
  }
  files["job.toml"] =
      "[run]\nname = \"recoveries\"\nseed = 21\nscenarios = 100_000\ncurrency = \"USD\"\n[time]\nstep = \"1Q\"\nsteps = 4\n"
      "[files]\nfactors = \"factors.csv\"\nobligors = \"obligors.csv\"\npositions.exposure = \"exposures.csv\"\n"
      "[market]\nuncorrelated = [\"F\"]\n[cube]\nlevels = [\"kind\"]\nconfidence = [0.99]\n"
      "[[stress]]\nname = \"base\"\n[[stress]]\nname = \"down\"\nshocks = [ { driver = \"F\", set = -2.0 } ]\n";
  const Cube cube = run(files);
  REQUIRE(cube.nodes.size() == 3);
  const auto at = [&](int cell, int node) { return cube.at(0, cell, node, 0); };
  for (const int node : {1, 2}) {
    const double z = (cube.expected_loss[at(0, node)] - 50 * 1000 * 0.04 * 0.4) / cube.expected_loss_se[at(0, node)];
    CAPTURE(node, z);
    CHECK(std::abs(z) < kLargestZ);
  }
  // constant, random: the same defaults in law, so the difference is the loss given default
  CHECK(cube.expected_loss[at(1, 2)] > 1.05 * cube.expected_loss[at(1, 1)]);
}
