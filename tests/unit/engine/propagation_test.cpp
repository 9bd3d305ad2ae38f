// Pins and driver shocks against the conditional normal law, exactly: the moved innovations are linear in the drawn ones, so
// 64 lanes holding unit vectors give their whole law.
#include "tests/catch_any.h"
#include "tests/reference.h"
#include "tests/unit/engine/stress_job.h"

namespace {

using namespace tailcube;
using namespace tailcube::test;
using Matrix = std::vector<double>;
constexpr auto add = Operation::add, set = Operation::set;

const Matrix four_correlated{1, 0.5, -0.3, 0.1, 0.5, 1, 0.2, -0.2, -0.3, 0.2, 1.0, 0.4, 0.1, -0.2, 0.4, 1};
Job drivers(int steps, const Matrix& correlation) {
  std::vector<NamedFactor> factors;
  for (std::size_t i = 0; i * i < correlation.size(); ++i)
    factors.push_back({std::string(1, static_cast<char>('A' + i)), Process::driver});
  return stress_job(factors, 1, steps, correlation);
}

// moved = map drawn + shift, both over [step][factor]; exact up to rounding.
struct Affine {
  std::size_t size;
  Matrix map;
  std::vector<double> shift;
};
Affine moved_innovations(const Job& job, const CellShocks& cell) {
  const std::size_t factors = job.market.factors.size(), size = factors * static_cast<std::size_t>(job.steps);
  REQUIRE(size < lanes);
  Simulation s(job.market, 1);
  for (std::size_t v = 0; v < size; ++v) {
    const auto row = s.innovations(v % factors, static_cast<int>(v / factors) + 1);
    for (std::size_t l = 0; l < lanes; ++l) row[l] = l == v ? 1 : 0;
  }
  draw_paths(job.market, cell, s.innovations, nullptr, s.scratch, s.block);
  const auto moved = [&](std::size_t v, std::size_t lane) {  // from the drivers' values
    const int n = static_cast<int>(v / factors) + 1;
    return std::sqrt(n) * s.block.factors(v % factors, n)[lane] -
           std::sqrt(n - 1) * s.block.factors(v % factors, n - 1)[lane];
  };
  Affine out{size, Matrix(size * size), std::vector<double>(size)};
  for (std::size_t v = 0; v < size; ++v) {
    out.shift[v] = moved(v, size);
    for (std::size_t l = 0; l < size; ++l) out.map[v * size + l] = moved(v, l) - out.shift[v];
  }
  return out;
}
// Covariance of all drawn innovations: the same correlation in every step, none between.
Matrix drawn_covariance(const Job& job) {
  const std::size_t factors = job.market.factors.size(), size = factors * static_cast<std::size_t>(job.steps);
  Matrix out(size * size);
  for (std::size_t v = 0; v < size; ++v)
    for (std::size_t w = 0; w < size; ++w)
      if (v / factors == w / factors) out[v * size + w] = job.market.correlation[v % factors * factors + w % factors];
  return out;
}
Matrix covariance(const Affine& a, const Matrix& c) {
  Matrix out(a.size * a.size);
  for (std::size_t v = 0; v < a.size; ++v)
    for (std::size_t w = 0; w < a.size; ++w)
      for (std::size_t i = 0; i < a.size; ++i)
        for (std::size_t j = 0; j < a.size; ++j)
          out[v * a.size + w] += a.map[v * a.size + i] * c[i * a.size + j] * a.map[w * a.size + j];
  return out;
}

// A condition: weights' x = value, x over [step][factor].
struct Condition {
  std::vector<double> weights;
  double value;
};
// The normal law with mean 0 and covariance c, conditioned on one linear equation after the other (sequential regression).
struct Law {
  std::vector<double> mean;
  Matrix covariance;
  double squared_distance = 0;
  void condition(const Condition& on) {
    const std::size_t n = mean.size();
    std::vector<double> across(n);
    double variance = 0, gap = on.value;
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) across[i] += covariance[i * n + j] * on.weights[j];
    for (std::size_t i = 0; i < n; ++i) variance += on.weights[i] * across[i], gap -= on.weights[i] * mean[i];
    if (variance < 1e-9) return;  // already determined
    squared_distance += gap * gap / variance;
    for (std::size_t i = 0; i < n; ++i) {
      mean[i] += across[i] * gap / variance;
      for (std::size_t j = 0; j < n; ++j) covariance[i * n + j] -= across[i] * across[j] / variance;
    }
  }
};
Condition innovation_is(const Job& job, std::size_t factor, int step, double value) {
  const std::size_t factors = job.market.factors.size();
  Condition out{std::vector<double>(factors * static_cast<std::size_t>(job.steps)), value};
  out.weights[(static_cast<std::size_t>(step) - 1) * factors + factor] = 1;
  return out;
}
Condition end_is(const Job& job, std::size_t driver, double value) {
  Condition out = innovation_is(job, driver, 1, value);
  for (int n = 1; n <= job.steps; ++n)
    out.weights[(static_cast<std::size_t>(n) - 1) * job.market.factors.size() + driver] = 1 / std::sqrt(job.steps);
  return out;
}
void check_law(const Job& job, const CellShocks& cell, const std::vector<Condition>& conditions) {
  const Matrix drawn = drawn_covariance(job);
  const Affine moved = moved_innovations(job, cell);
  Law law{std::vector<double>(moved.size), drawn};
  for (const Condition& c : conditions) law.condition(c);
  const Matrix found = covariance(moved, drawn);
  for (std::size_t v = 0; v < moved.size; ++v) {
    INFO("innovation " << v);
    CHECK(moved.shift[v] == Approx(law.mean[v]).margin(1e-12));
    for (std::size_t w = 0; w < moved.size; ++w)
      CHECK(found[v * moved.size + w] == Approx(law.covariance[v * moved.size + w]).margin(1e-12));
  }
  CHECK(cell.distance == Approx(std::sqrt(law.squared_distance)).epsilon(1e-12));
}

TEST_CASE("pins that propagate give the exact conditional mean and covariance, also where they end at different steps") {
  Job job = drivers(3, four_correlated);
  const CellShocks c = compiled(job, pinned({0, 2}, {1, 2, 3}, {{-1, 0.5}, {-1.5, 0.2}, {-2, NAN}}, true));
  std::vector<Condition> on;
  for (const Pin& p : c.pins)
    for (int n = 1; n <= p.last; ++n)
      on.push_back(innovation_is(job, static_cast<std::size_t>(p.factor), n, p.innovation[static_cast<std::size_t>(n)]));
  CHECK(on.size() == 5);
  check_law(job, c, on);
}

TEST_CASE("drivers set together give the exact conditional law of every step") {
  Job job = drivers(4, four_correlated);
  check_law(job, compiled(job, cell({shock(1, set, -2.5)}, true)), {end_is(job, 1, -2.5)});
  check_law(job, compiled(job, cell({shock(1, set, -2.5), shock(3, set, 1)}, true)),
            {end_is(job, 1, -2.5), end_is(job, 3, 1)});
  check_law(job, compiled(job, cell({shock(1, set, 9), shock(1, set, -2), shock(1, add, -0.5)}, true)),
            {end_is(job, 1, -2.5)});
}

TEST_CASE("pins and drivers set in one cell give the law conditional on both") {
  Job job = drivers(3, four_correlated);
  CellSpec spec = pinned({0}, {1, 2}, {{-1}, {-1.5}}, true);
  spec.shocks = {shock(1, set, -2), shock(2, set, 0.5)};
  const CellShocks c = compiled(job, spec);
  check_law(job, c,
            {innovation_is(job, 0, 1, c.pins[0].innovation[1]), innovation_is(job, 0, 2, c.pins[0].innovation[2]),
             end_is(job, 1, -2), end_is(job, 2, 0.5)});
}

TEST_CASE("perfectly correlated factors are pinned and set without dividing by zero") {
  const Matrix twins{1, 1, 0.5, 1, 1, 0.5, 0.5, 0.5, 1};
  Job job = drivers(2, twins);
  const CellShocks c = compiled(job, pinned({0, 1}, {1, 2}, {{-1, -1}, {-2, -2}}, true));
  check_law(job, c, {innovation_is(job, 0, 1, c.pins[0].innovation[1]), innovation_is(job, 0, 2, c.pins[0].innovation[2])});
  check_law(job, compiled(job, cell({shock(0, set, -2), shock(1, set, -2)}, true)), {end_is(job, 0, -2)});
  CHECK(complaints(job, {cell({shock(0, set, -2), shock(1, set, -1)}, true)}).size() == 2);
  CHECK(complaints(job, {cell({shock(0, set, -2), shock(1, set, -1)}, false)}).empty());
  CellSpec both = pinned({0}, {2}, {{-1}}, true);
  both.shocks = {shock(1, set, -3)};
  CHECK(complaints(job, {both}) ==
        std::vector<std::string>{
            "cell \"severe\": driver B cannot be shocked by -3: its correlation with what else the cell pins "
            "or shocks leaves it no choice"});
}

TEST_CASE("an added driver shock moves the law and keeps its covariance") {
  Job job = drivers(4, four_correlated);
  const CellShocks c = compiled(job, cell({shock(0, add, -1), shock(2, add, 0.5)}, true));
  CHECK(std::isnan(c.distance));
  const Matrix drawn = drawn_covariance(job);
  const Affine moved = moved_innovations(job, c);
  Law law{std::vector<double>(moved.size), drawn};
  law.condition(end_is(job, 0, -1));
  law.condition(end_is(job, 2, 0.5));
  for (std::size_t v = 0; v < moved.size; ++v) {
    CHECK(moved.shift[v] == Approx(law.mean[v]).margin(1e-13));
    for (std::size_t w = 0; w < moved.size; ++w)
      CHECK(moved.map[v * moved.size + w] == Approx(v == w ? 1 : 0).margin(1e-13));
  }
}

TEST_CASE("without propagation only what is pinned or set moves") {
  Job job = drivers(3, four_correlated);
  CellSpec spec = pinned({0}, {2}, {{-1}}, false);
  spec.shocks = {shock(2, set, -2.5), shock(3, add, 1)};
  const CellShocks c = compiled(job, spec);
  Simulation base(job.market, 2), shocked(job.market, 2);
  base.draw(job.market, unshocked_cell(job), 64);
  shocked.draw(job.market, c, 64);
  for (std::size_t l = 0; l < lanes; ++l) {
    CHECK(shocked.block.factors(0, 2)[l] == -1);
    CHECK(shocked.block.factors(2, 3)[l] == Approx(-2.5).epsilon(1e-14));
    // Every step moves alike: (f - D_N) / sqrt(N).
    const double gap = (-2.5 - base.block.factors(2, 3)[l]) / std::sqrt(3);
    CHECK(shocked.block.factors(2, 1)[l] == Approx(base.block.factors(2, 1)[l] + gap).epsilon(1e-13));
    CHECK(shocked.block.factors(3, 3)[l] == Approx(base.block.factors(3, 3)[l] + 1).epsilon(1e-13));
    CHECK(shocked.block.factors(3, 1)[l] == Approx(base.block.factors(3, 1)[l] + 1 / std::sqrt(3)).epsilon(1e-13));
  }
  for (int n = 0; n <= 3; ++n) CHECK(same_bytes(base.block.factors(1, n), shocked.block.factors(1, n)));
}

// Closed form: mean -1.25, deviation 0.866. Four standard errors; leaving the other factor unconditional must fail.
TEST_CASE("a pinned sector moves the other by its conditional law") {
  const auto file = reference("stress_pinned_factor");
  if (!file) return;
  const double rho = (*file)["inputs"]["sector_factor_correlation"][0][1];
  for (const auto& e : (*file)["expected"]["stressed"])
    for (const int steps : {1, 12}) {
      const std::size_t k = static_cast<std::size_t>(&e - &(*file)["expected"]["stressed"][0]);
      const double f0 = (*file)["inputs"]["stress"][k]["F0"], mean = e["mean_F1"], sd = e["sd_F1"];
      Job job = drivers(steps, {1, rho, rho, 1});
      const auto end_values = [&](bool propagate) {
        std::vector<double> f1;
        simulate(job.market, compiled(job, cell({shock(0, set, f0)}, propagate)), 3, 1 << 16, [&](const Block& b) {
          for (std::size_t l = 0; l < lanes; ++l) {
            CHECK(std::abs(b.factors(0, steps)[l] - f0) < 1e-14);
            f1.push_back(b.factors(1, steps)[l]);
          }
        });
        return f1;
      };
      INFO("F0 = " << f0 << " in " << steps << " steps");
      const auto f1 = end_values(true), unconditional = end_values(false);
      CHECK(std::abs(mean_score(f1, mean, sd * sd)) <= 4);
      CHECK(std::abs(variance_score(f1, mean, sd * sd)) <= 4);
      CHECK(std::abs(variance_score(unconditional, mean, sd * sd)) > 4);
    }
}

TEST_CASE("distances measure what is pinned in standard deviations") {
  Job job = stress_job(
      {{"BTC", Process::lognormal, 100, 0, 0.6}, {"ETH", Process::lognormal, 10, 0, 0.8}, {"FIX", Process::normal, 1}}, 0.25,
      4, {1, 0.8, 0, 0.8, 1, 0, 0, 0, 1});
  const auto z = [](double from, double to, double volatility) {
    return (std::log(to / from) + volatility * volatility / 2 * 0.25) / (volatility * 0.5);
  };
  const double a = z(100, 50, 0.6), b = z(10, 4, 0.8);
  CHECK(compiled(job, pinned({0}, {1}, {{50}}, false)).distance == Approx(std::abs(a)).epsilon(1e-13));
  CHECK(compiled(job, pinned({0, 1}, {1}, {{50, 4}}, true)).distance ==
        Approx(std::sqrt((a * a - 1.6 * a * b + b * b) / 0.36)).epsilon(1e-12));
  CHECK(compiled(job, pinned({0}, {1, 2}, {{50}, {50}}, false)).distance ==
        Approx(std::hypot(a, z(50, 50, 0.6))).epsilon(1e-13));
  CHECK(compiled(job, cell({})).distance == 0);
  CHECK(compiled(job, cell({})).distance_tail == 1);
  // Two and three degrees of freedom in closed form; twins count once.
  CHECK(compiled(job, pinned({0, 1}, {1}, {{50, 4}}, true)).distance_tail ==
        Approx(std::exp(-(a * a - 1.6 * a * b + b * b) / 0.72)).epsilon(1e-11));
  Job twins = drivers(3, {1, 1, 1, 1});
  const double f = 5;
  CHECK(compiled(twins, cell({shock(0, set, f), shock(1, set, f)}, true)).distance_tail ==
        Approx(std::erfc(f / std::sqrt(2))).epsilon(1e-11));
  const CellShocks three = compiled(twins, pinned({0, 1}, {3}, {{-4, -4}}, true));
  const double d = three.distance;
  CHECK(three.distance_tail ==
        Approx(std::erfc(d / std::sqrt(2)) + std::sqrt(2 / std::acos(-1.0)) * d * std::exp(-d * d / 2)).epsilon(1e-11));
  CHECK(std::isnan(compiled(job, pinned({0, 2}, {1}, {{50, 2}}, true)).distance));  // FIX cannot move
  CellSpec mixed = pinned({0}, {1}, {{50}}, false);
  mixed.shocks = {shock(1, Operation::multiply, 0.5)};
  CHECK(std::isnan(compiled(job, mixed).distance));
  CHECK(std::isnan(compiled(job, mixed).distance_tail));
}

}  // namespace
