// Reverse stress of whole jobs: a linear book, whose most plausible loss is known, and a pool with one name that decides.
#include "src/cube/reverse.h"

#include <algorithm>
#include <cmath>

#include "src/engine/replay.h"
#include "tests/catch_any.h"
#include "tests/run_job.h"

using namespace tailcube;

namespace {

// Three rates-like factors with 4 steps in a year; loss = -sum q (S - S0), exactly linear in the accumulated innovations.
struct LinearBook {
  static constexpr double q[3] = {1000, -400, 700}, sigma[3] = {20, 30, 10};
  static constexpr double c[3][3] = {{1, 0.5, 0.2}, {0.5, 1, -0.3}, {0.2, -0.3, 1}};
  test::Files files;
  explicit LinearBook(const std::string& more = {}) {
    files["factors.csv"] = "id,kind,initial,drift,volatility\nA,normal,1000,0,20\nB,normal,1000,0,30\nC,normal,1000,0,10\n";
    files["correlation.csv"] = "id,A,B,C\nA,1,0.5,0.2\nB,0.5,1,-0.3\nC,0.2,-0.3,1\n";
    files["holding.csv"] = "id,book,factor,quantity\na,x,A,1000\nb,x,B,-400\nc,y,C,700\n";
    files["job.toml"] =
        "[run]\nname = \"linear\"\nseed = 3\nscenarios = 60_000\ncurrency = \"USD\"\n[time]\nstep = \"1Q\"\nsteps = 4\n"
        "[files]\nfactors = \"factors.csv\"\ncorrelation = \"correlation.csv\"\npositions.holding = \"holding.csv\"\n"
        "[cube]\nlevels = [\"book\"]\nconfidence = [0.99]\ntail_scenarios = 700\n" +
        more;
  }
  static double deviation() {
    double variance = 0;
    for (int i = 0; i < 3; ++i)
      for (int j = 0; j < 3; ++j) variance += q[i] * sigma[i] * c[i][j] * q[j] * sigma[j];
    return std::sqrt(variance);
  }
  // Of z given a loss of one deviation: -C b / |b|.
  static double direction(int i) {
    double sum = 0;
    for (int j = 0; j < 3; ++j) sum -= c[i][j] * q[j] * sigma[j];
    return sum / deviation();
  }
};

std::vector<std::uint32_t> tail_of(const Cube& cube, double limit, int cell = 0) {
  std::vector<std::uint32_t> out;
  const std::size_t first = cube.at(0, cell, 0, 0) * static_cast<std::size_t>(cube.tail_ranks);
  for (std::size_t r = first; r < first + static_cast<std::size_t>(cube.tail_ranks); ++r)
    if (cube.tail_valid[r] != 0 && cube.tail_loss[r] > limit)
      out.push_back(static_cast<std::uint32_t>(cube.tail_scenario[r]));
  return out;
}
std::vector<std::uint32_t> first_scenarios(std::uint32_t n) {
  std::vector<std::uint32_t> out;
  for (std::uint32_t s = 0; s < n; ++s) out.push_back(s);
  return out;
}

}  // namespace

TEST_CASE("the most plausible large loss of a linear book is the known one", "[reverse]") {
  const Job job = test::load(LinearBook().files);
  const Cube cube = test::run(job);
  const ScenarioSampler sampler(job, 0, 0, cube.unit);
  const double deviation = LinearBook::deviation(), far = 2.4, limit = far * deviation;
  const ScenarioSample tail = sampler(tail_of(cube, limit), 2);
  const auto n = static_cast<double>(tail.size());
  REQUIRE(n > 350);
  REQUIRE(n < 650);
  const ReverseStress stress = reverse_stress(job, 0, 0, tail, sampler(first_scenarios(4000), 1));
  CHECK(stress.dimension == 3);
  REQUIRE(stress.clusters.size() == 1);
  CHECK(stress.clusters[0].scenarios == stress.all.scenarios);
  const Centre& centre = stress.all.centre;
  CAPTURE(centre.distance.value, centre.distance.error, centre.edge.value, centre.edge.error, centre.nearest_distance);
  // The distance of E[z | L > x] is the mean loss of the tail, in deviations; that of the most plausible point is x.
  const double in_deviations = cube.unit / deviation;
  CHECK(std::abs(centre.distance.value - stress.all.loss.mean * in_deviations) < 0.02);
  CHECK(centre.distance.error == Approx(stress.all.loss.error * in_deviations).epsilon(0.05));
  CHECK(centre.edge.value > far - 0.02);
  CHECK(centre.edge.value < far + 0.07);
  CHECK(centre.nearest_distance > far - 1e-6);
  CHECK(centre.nearest_distance < far + 0.15);
  const double mean = stress.all.loss.mean * in_deviations;
  for (const FactorInTail& f : stress.all.factors) {
    const auto i = static_cast<int>(f.factor);
    CAPTURE(i, f.innovation.mean, f.innovation.error, f.distance.value, f.distance.error);
    CHECK(std::abs(f.innovation.mean - mean * LinearBook::direction(i)) < 4 * f.innovation.error);
    // z is all there is to a normal factor.
    CHECK(f.move.mean == Approx(LinearBook::sigma[i] * f.innovation.mean).epsilon(1e-9));
    CHECK(f.move.error == Approx(LinearBook::sigma[i] * f.innovation.error).epsilon(1e-9));
    CHECK(std::abs(f.distance.value - f.innovation.mean) < 4 * std::hypot(f.distance.error, 0.02));
    const double z = tail.innovation_of(centre.nearest, f.factor);
    CHECK(f.in_nearest == Approx(LinearBook::sigma[i] * z).epsilon(1e-9));
  }
  const auto far_of = [&](std::size_t k) { return std::abs(stress.all.factors[k].distance.value); };
  CHECK(far_of(0) >= far_of(1));
  CHECK(far_of(1) >= far_of(2));
}

TEST_CASE("a tail of two kinds falls into two clusters", "[reverse]") {
  LinearBook book(
      "[[stress]]\nname = \"base\"\n[[stress]]\nname = \"down\"\nshocks = [ { factor = \"A\", multiply = 0.5 } ]\n");
  const Job job = test::load(book.files);
  const Cube cube = test::run(job);
  // Innovations are those before a cell moves any: the same in both.
  const ScenarioSampler base(job, 0, 0, cube.unit), down(job, 1, 0, cube.unit);
  const auto scenarios = tail_of(cube, 2.5 * LinearBook::deviation());
  const ScenarioSample a = base(scenarios, 1), b = down(scenarios, 3);
  CHECK(a.innovation == b.innovation);
  CHECK(a.value != b.value);
  // Mirror every other scenario of the tail: losses far on either side.
  ScenarioSample both = a;
  for (std::size_t i = 0; i < both.size(); i += 2)
    for (std::size_t f = 0; f < 3; ++f) both.innovation[i * 3 + f] = -both.innovation[i * 3 + f];
  const ReverseStress stress = reverse_stress(job, 0, 0, both, a);
  REQUIRE(stress.clusters.size() == 2);
  for (const TailPart& part : stress.clusters) {
    CHECK(part.share.value == Approx(0.5).margin(0.01));
    CHECK(part.centre.distance.value > 2.5);
    CHECK(std::find(part.scenarios.begin(), part.scenarios.end(), part.centre.nearest) != part.scenarios.end());
  }
  CHECK(stress.all.centre.distance.value < 0.6);
  CHECK(reverse_stress(job, 0, 0, both, a, 1).clusters.size() == 1);
}

TEST_CASE("evaluated again, scenarios have the losses, values and defaults of their replay", "[reverse]") {
  test::Files files;
  const std::filesystem::path tiny = std::filesystem::path(TAILCUBE_SOURCE_DIR) / "tests/data/tiny";
  for (const auto& entry : std::filesystem::directory_iterator(tiny)) {
    std::ostringstream text;
    text << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    files[entry.path().filename().string()] = text.str();
  }
  const Job job = test::load(files, {"run.scenarios=500"});
  const Cube cube = test::run(job);
  const std::vector<std::uint32_t> scenarios = {499, 3, 3, 17, 256, 64, 65, 400};
  std::size_t defaults = 0;
  for (int cell = 0; cell < static_cast<int>(cube.cells.size()); ++cell)
    for (int h = 0; h < 2; ++h) {
      const ScenarioSample sample = ScenarioSampler(job, cell, h, cube.unit)(scenarios, 2);
      Replayer replayer(job, cell, cube.unit);
      for (std::size_t i = 0; i < scenarios.size(); ++i) {
        const Replay replay = replayer(scenarios[i]);
        const int step = job.report_steps[static_cast<std::size_t>(h)];
        CAPTURE(cell, h, scenarios[i]);
        for (std::size_t node = 0; node < job.nodes.size(); ++node)
          REQUIRE(sample.loss_of(i, node) == replay.economic[node * 2 + static_cast<std::size_t>(h)]);
        for (std::size_t f = 0; f < job.factor_ids.size(); ++f)
          REQUIRE(sample.value_of(i, f) == replay.path[f][static_cast<std::size_t>(step)]);
        std::vector<std::uint32_t> expected;
        for (const ReplayedDefault& d : replay.defaults)
          if (d.step <= step) expected.push_back(d.obligor);
        std::sort(expected.begin(), expected.end());
        REQUIRE(sample.defaults[i] == expected);
        defaults += expected.size();
        // A driver's value is its accumulated innovation, unless the cell moves it.
        const auto driver = static_cast<std::size_t>(std::find(job.factor_ids.begin(), job.factor_ids.end(), "DRV_A") -
                                                     job.factor_ids.begin());
        if (cell == 0) REQUIRE(sample.innovation_of(i, driver) == Approx(sample.value_of(i, driver)).epsilon(1e-12));
      }
    }
  CHECK(defaults > 100);
}

TEST_CASE("the name that decides is named, and chance is not", "[reverse]") {
  test::Files files;
  files["factors.csv"] = "id,kind\nD,driver\n";
  files["correlation.csv"] = "id,D\nD,1\n";
  files["obligors.csv"] = "id,pd_1y,driver,asset_correlation,lgd\n";
  files["exposure.csv"] = "id,book,obligor,ead\n";
  for (int i = 0; i < 60; ++i) {
    const std::string id = "o" + std::to_string(i);
    files["obligors.csv"] += id + ",0.02,D,0.001,1\n";
    files["exposure.csv"] +=
        "p" + std::to_string(i) + "," + (i < 40 ? "x" : "y") + "," + id + "," + (i == 7 ? "1000000" : "1000") + "\n";
  }
  files["job.toml"] =
      "[run]\nname = \"names\"\nseed = 5\nscenarios = 20_000\ncurrency = \"USD\"\n[time]\nstep = \"1Y\"\nsteps = "
      "1\n[files]\n"
      "factors = \"factors.csv\"\ncorrelation = \"correlation.csv\"\nobligors = \"obligors.csv\"\n"
      "positions.exposure = \"exposure.csv\"\n[cube]\nlevels = [\"book\"]\nconfidence = [0.99]\n";
  const Job job = test::load(files);
  const Cube cube = test::run(job);
  const ScenarioSampler sampler(job, 0, 0, cube.unit);
  const ScenarioSample tail = sampler(tail_of(cube, 999'999), 1), usual = sampler(first_scenarios(1000), 1);
  REQUIRE(tail.size() > 300);
  const ReverseStress stress = reverse_stress(job, 0, 0, tail, usual);
  CHECK(stress.obligors == 60);
  REQUIRE(stress.defaults.size() == 1);
  const FrequentDefault& d = stress.defaults[0];
  CHECK(job.obligors.id[d.obligor] == "o7");
  CHECK(d.frequency.value == 1);
  CHECK(d.frequency.lower > 0.98);
  CHECK(d.pd == Approx(0.02));
  CHECK(d.p_value < 1e-100);
  // Its PD is that of its term structure where it has one.
  Job rated = job;
  rated.obligors.terms = {{{0.5, 0.3}, {1, 0.5}}};
  rated.obligors.term.assign(60, none);
  rated.obligors.term[d.obligor] = 0;
  CHECK(reverse_stress(rated, 0, 0, tail, usual).defaults.at(0).pd == Approx(0.5));
  // Of another part of the book, none.
  int other = 0;
  while (cube.nodes[static_cast<std::size_t>(other)] != "total/y") ++other;
  const ReverseStress elsewhere = reverse_stress(job, other, 0, tail, usual);
  CHECK(elsewhere.obligors == 20);
  CHECK(elsewhere.defaults.empty());
}
