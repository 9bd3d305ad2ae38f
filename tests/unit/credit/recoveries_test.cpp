#include "kernels/credit/recoveries.h"

#include <cmath>

#include "kernels/credit/thresholds.h"
#include "kernels/math/functions.h"
#include "tests/catch_any.h"
#include "tests/unit/credit/plain_defaults.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

template <class F>
double expectation(const ScoreLaw& law, F f) {
  double sum = 0;
  for (std::size_t i = 0; i < ScoreLaw::size; ++i) sum += law.mass[i] * f(ScoreLaw::score(i));
  return sum;
}
double first(double s) { return s; }
double second(double s) { return s * s; }

ScoreLaw one_step(double pd, double square, double dof = 0) {
  const double c[] = {marginal_threshold(pd, dof)};
  return terminal_scores(c, square, dof);
}

// E[LGD^power | default in one step], by the trapezoid rule over (S, eta) of the definition.
double moment(const ProbitNormal& p, double r, double pd, double square, int power) {
  constexpr double step = 0.02;
  const double c = normal_quantile(pd), own = std::sqrt(1 - r * r);
  double sum = 0;
  for (double s = -8; s < 8; s += step) {
    const double given = normal_pdf(s) * normal_cdf((c - std::sqrt(square) * s) / std::sqrt(1 - square)) / pd;
    if (given < 1e-14) continue;
    double inner = 0;
    for (double eta = -8; eta < 8; eta += step)
      inner += normal_pdf(eta) * std::pow(normal_cdf(p.centre + p.spread * (own * eta - r * s)), power);
    sum += given * inner * step * step;
  }
  return sum;
}

}  // namespace

TEST_CASE("a point mass is spread so that polynomials keep their value") {
  for (const double at : {-9.0, -8.93, -3.1, 0.0, 0.125, 4.2, 8.999, 9.0}) {
    ScoreLaw law;
    law.add(at, 0.7);
    double total = 0;
    for (const double m : law.mass) total += m;
    CHECK(total == Approx(0.7).epsilon(1e-13));
    for (const int power : {1, 4, 7})
      CHECK(expectation(law, [=](double s) { return std::pow(s - at + 0.3, power); }) ==
            Approx(0.7 * std::pow(0.3, power)).margin(1e-10));
  }
}

TEST_CASE("the score at a default in one step has known moments") {
  for (const double pd : {1e-5, 0.01, 0.3, 0.9})
    for (const double square : {1e-4, 0.2, 0.9}) {
      const double c = normal_quantile(pd), r = std::sqrt(square);
      const ScoreLaw law = one_step(pd, square);
      CAPTURE(pd, square);
      CHECK(expectation(law, first) == Approx(-r * normal_pdf(c) / pd).epsilon(1e-10));
      CHECK(expectation(law, second) == Approx(1 - square * c * normal_pdf(c) / pd).epsilon(1e-10));
      for (const double dof : {2.0, 5.0, 40.0}) {  // E exp(-c^2 W / (2 dof)) is the moment generating function of W
        const double t = student_quantile(pd, dof);
        CHECK(expectation(one_step(pd, square, dof), first) ==
              Approx(-r * std::exp(-dof / 2 * std::log1p(t * t / dof)) / std::sqrt(2 * 3.14159265358979323846) / pd)
                  .epsilon(1e-6));
      }
      const double threshold[] = {c};
      CHECK(expectation(adapted_scores(threshold, square, 0), first) == Approx(expectation(law, first)).epsilon(1e-13));
    }
}

TEST_CASE("scores at first passage") {
  // The score at the second of two steps, by the trapezoid rule over (D_1, z_2, eps) in the plain order of events.
  const double square = 0.3, r = std::sqrt(square), b = std::sqrt(1 - square);
  const std::vector<double> curve = {0.04, 0.09};
  const std::vector<double> c = adapted_passage(curve, square).threshold;
  constexpr double step = 0.02;
  double mass = 0, sum = 0;
  for (double d = -8; d < 8; d += step) {
    const double early = normal_cdf((c[0] - r * d) / b);
    mass += normal_pdf(d) * early * step, sum += d * normal_pdf(d) * early * step;
    for (double z = -8; z < 8; z += step) {
      const double now = (d + z) / std::sqrt(2.0), later = std::max(0.0, normal_cdf((c[1] - r * now) / b) - early);
      mass += normal_pdf(d) * normal_pdf(z) * later * step * step;
      sum += now * normal_pdf(d) * normal_pdf(z) * later * step * step;
    }
  }
  REQUIRE(mass == Approx(0.09).epsilon(1e-5));
  CHECK(expectation(adapted_scores(c, square, 0), first) == Approx(sum / mass).epsilon(1e-5));
  // nobody can default, or everybody does: the plain law
  for (const double sure : {never, -never}) {
    const std::vector<double> same(3, sure);
    CHECK(expectation(adapted_scores(same, 0.2, 0), second) == Approx(1).epsilon(1e-12));
    CHECK(expectation(terminal_scores(same, 0.2, 5), second) == Approx(1).epsilon(1e-6));
  }
}

TEST_CASE("a loss given default without correlation has closed forms") {
  const ScoreLaw any = one_step(0.02, 0.2);
  const ProbitNormal uniform_law = probit_normal(0.5, std::sqrt(1.0 / 12), 0, any);  // Phi of a standard normal
  CHECK(uniform_law.centre == Approx(0).margin(1e-10));
  CHECK(uniform_law.spread == Approx(1).epsilon(1e-9));
  for (const double mean : {0.01, 0.45, 0.9})
    for (const double share : {1e-3, 0.2, 0.6, 0.97}) {
      const double deviation = share * std::sqrt(mean * (1 - mean));
      const ProbitNormal p = probit_normal(mean, deviation, 0, any);
      const double q = std::sqrt(1 + p.spread * p.spread), u = p.centre / q;
      CAPTURE(mean, share);
      CHECK(normal_cdf(u) == Approx(mean).epsilon(1e-12));
      CHECK(std::sqrt(bivariate_normal_cdf(u, u, 1 - 1 / (q * q)) - mean * mean) == Approx(deviation).epsilon(1e-6));
    }
}

TEST_CASE("mean and deviation given default are what was asked for") {
  for (const double r : {0.0, 0.3, 0.7, 1.0})
    for (const double deviation : {0.1, 0.25}) {
      const double pd = 0.02, square = 0.25;
      const ProbitNormal p = probit_normal(0.45, deviation, r, one_step(pd, square));
      const double mean = moment(p, r, pd, square, 1);
      CAPTURE(r, deviation);
      CHECK(mean == Approx(0.45).epsilon(1e-7));
      CHECK(std::sqrt(moment(p, r, pd, square, 2) - mean * mean) == Approx(deviation).epsilon(1e-6));
      // times are bad when it defaults: at average times less is lost
      if (r > 0) CHECK(normal_cdf(p.centre / std::sqrt(1 + p.spread * p.spread * (1 - r * r))) < 0.45);
    }
}

TEST_CASE("losses given default are drawn by their definition") {
  const std::vector<BucketSpec> specs = {{0.2, {{FactorIndex{0}, 0.5}}, 20}, {0.3, {{FactorIndex{1}, 0.6}}, 30}};
  CreditModel model = make_model(specs, 3, Sampler::sparse);
  const CreditModel constant = model;
  model.recovery_laws = {{0.2, 0.8, {{FactorIndex{0}, -0.3}}}, {-1, 0.5, {}}};
  model.recoveries.resize(model.obligors.size());
  for (std::uint32_t i = 0; i < 50; i += 2) model.recoveries[i] = {stream("lgd", std::to_string(i)), i / 2 % 2};
  Block block = make_block(9, 128, 2, 3), plain = make_block(9, 128, 2, 3);
  CreditScratch scratch;
  draw_defaults(constant, scratch, plain);
  for (const double shift : {0.0, -0.4}) {
    Block shifted = make_block(9, 128, 2, 3);
    for (std::uint32_t f = 0; f < 2; ++f)
      for (int n = 1; n <= 3; ++n)
        for (double& d : shifted.factors(f, n)) d += shift;
    draw_defaults(model, scratch, shifted);
    REQUIRE(shifted.defaults.size() > 300);
    if (shift == 0) REQUIRE(shifted.defaults.size() == plain.defaults.size());
    for (const Default& d : shifted.defaults) {
      const auto i = static_cast<std::size_t>(d.obligor);
      const RecoveryDraw& recovery = model.recoveries[i];
      if (recovery.law == none) {
        REQUIRE(d.loss_given_default == model.obligors[i].loss_given_default);
        continue;
      }
      const RecoveryLaw& law = model.recovery_laws[recovery.law];
      double x = law.centre;
      for (const Loading& l : law.loadings) x += l.loading * shifted.factors(l.driver, d.step)[d.lane];
      x += law.own * normal(9, recovery.stream, 128u + d.lane, 0);
      REQUIRE(d.loss_given_default == normal_cdf(x));
    }
  }
}
