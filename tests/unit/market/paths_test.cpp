// Factor paths against closed forms. Statistical checks allow four standard errors: 6.3e-5 false alarms per number and
// change of seed, about 1 % over this file.
#include <map>

#include "kernels/math/functions.h"
#include "tests/catch_any.h"
#include "tests/reference.h"
#include "tests/unit/market/simulate.h"

namespace {

using namespace tailcube;
using namespace tailcube::test;
constexpr std::uint64_t scenarios = 1 << 17;

struct Exact {
  std::string name;
  Factor factor;
  double years, mean, variance;
  std::map<double, double> quantiles;
};
Exact exact(const std::string& kind, const nlohmann::json& e) {
  Exact out{kind + " " + e.dump().substr(0, 70), {}, e["T"], 0, 0, {}};
  for (const auto& [p, q] : e["quantiles"].items()) out.quantiles[std::stod(p)] = q;
  out.mean = e["mean"];
  out.variance = e["var"];
  Factor& f = out.factor;
  if (kind == "gbm") {
    f = factor(Process::lognormal, out.name);
    f.initial = e["S0"], f.drift = e["mu"], f.volatility = e["sigma"];
  } else {
    f = factor(kind == "log_ou" ? Process::log_ou : Process::ou, out.name);
    f.initial = kind == "log_ou" ? e["S0"] : e["r0"];
    f.reversion = e["kappa"], f.volatility = e["sigma"];
    f.level = kind == "log_ou" ? e["alpha_log_mean"] : e["theta"];
  }
  return out;
}
std::vector<Exact> exact_cases(const nlohmann::json& file) {
  std::vector<Exact> out;
  for (const std::string kind : {"gbm", "vasicek_ou", "log_ou"})
    for (const auto& e : file["expected"][kind]) out.push_back(exact(kind, e));
  return out;
}
double worst_score(const Exact& e, const std::vector<double>& x) {
  double worst = std::max(std::abs(mean_score(x, e.mean, e.variance)), std::abs(variance_score(x, e.mean, e.variance)));
  for (const auto& [p, q] : e.quantiles) worst = std::max(worst, std::abs(quantile_score(x, p, q)));
  return worst;
}

TEST_CASE("transitions are exact at any number of steps") {
  const auto file = reference("sde_exact");
  if (!file) return;
  for (const Exact& e : exact_cases(*file))
    for (const int steps : {1, 12}) {
      INFO(e.name << " in " << steps << " steps");
      CHECK(worst_score(e, values(market({e.factor}, e.years / steps, steps), 0, steps, 1, scenarios)) <= 4);
    }
}

// The same draws through the Euler scheme in one step, which the checks above must refuse.
double euler(const Factor& f, double dt, double z) {
  const double dw = f.volatility * std::sqrt(dt) * z, s = f.initial;
  if (f.process == Process::lognormal) return s + s * (f.drift * dt + dw);
  if (f.process == Process::ou) return s + f.reversion * (f.level - s) * dt + dw;
  return s + s * ((f.reversion * (f.level - std::log(s)) + f.volatility * f.volatility / 2) * dt + dw);
}
TEST_CASE("the check of exact transitions refuses the Euler scheme") {
  const auto file = reference("sde_exact");
  if (!file) return;
  for (const Exact& e : exact_cases(*file)) {
    Factor draw = factor(Process::normal, e.name);
    draw.volatility = 1;
    std::vector<double> x = values(market({draw}, 1, 1), 0, 1, 1, scenarios);
    for (double& v : x) v = euler(e.factor, e.years, v);
    INFO(e.name);
    CHECK(worst_score(e, x) > 4);
  }
}

TEST_CASE("arithmetic factors and drivers have their moments at every step") {
  Factor rate = factor(Process::normal, "rate");
  rate.initial = 0.03, rate.drift = 0.01, rate.volatility = 0.02;
  const FactorModel m = market({rate, factor(Process::driver, "SME")}, 0.25, 8);
  for (const int n : {1, 3, 8}) {
    const double t = 0.25 * n;
    const auto x = values(m, 0, n, 2, scenarios), d = values(m, 1, n, 2, scenarios);
    INFO("step " << n);
    CHECK(std::abs(mean_score(x, 0.03 + 0.01 * t, 0.0004 * t)) <= 4);
    CHECK(std::abs(variance_score(x, 0.03 + 0.01 * t, 0.0004 * t)) <= 4);
    CHECK(std::abs(mean_score(d, 0, 1)) <= 4);
    CHECK(std::abs(variance_score(d, 0, 1)) <= 4);
    CHECK(std::abs(quantile_score(d, 0.001, normal_quantile(0.001))) <= 4);
  }
}

TEST_CASE("a driver's value is the sum of its innovations over the root of their number") {
  const FactorModel m = market({factor(Process::driver, "SME")}, 0.25, 5);
  Simulation s(m, 3);
  s.draw(m, unshocked(m), 128);
  for (std::size_t l = 0; l < lanes; ++l) {
    CHECK(s.block.factors(0, 0)[l] == 0);
    double sum = 0;
    for (int n = 1; n <= 5; ++n) {
      sum += s.innovations(0, n)[l];
      CHECK(s.block.factors(0, n)[l] == Approx(sum / std::sqrt(n)).epsilon(1e-14));
    }
  }
}

TEST_CASE("paths equal a plain loop over scenarios") {
  Factor s = factor(Process::lognormal, "S"), r = factor(Process::ou, "R"), v = factor(Process::log_ou, "V"),
         b = factor(Process::normal, "B"), j = factor(Process::lognormal, "J");
  s.initial = 100, s.drift = 0.03, s.volatility = 0.3;
  r.initial = 0.05, r.reversion = 0.7, r.level = 0.02, r.volatility = 0.01;
  v.initial = 50, v.reversion = 1.3, v.level = 4, v.volatility = 0.4;
  b.initial = 0.01, b.drift = -0.001, b.volatility = 0.005;
  j.initial = 2, j.volatility = 0.5, j.jump_rate = 9, j.jump_mean = -0.1, j.jump_volatility = 0.2;
  const int steps = 6;
  const double dt = 1.0 / 12;
  const FactorModel m = market({s, r, v, b, j}, dt, steps);
  Simulation x(m, 4);
  x.draw(m, unshocked(m), 6400);
  const auto near = [](double value) { return Approx(value).epsilon(1e-13); };
  int jumps = 0;
  for (std::uint32_t l = 0; l < lanes; ++l) {
    double S = 100, R = 0.05, V = 50, B = 0.01, J = 2;
    for (int n = 1; n <= steps; ++n) {
      const auto z = [&](std::size_t i) { return x.innovations(i, n)[l]; };
      S *= std::exp((0.03 - 0.045) * dt + 0.3 * std::sqrt(dt) * z(0));
      R = 0.02 + (R - 0.02) * std::exp(-0.7 * dt) + 0.01 * std::sqrt((1 - std::exp(-1.4 * dt)) / 1.4) * z(1);
      V = std::exp(4 + (std::log(V) - 4) * std::exp(-1.3 * dt) + 0.4 * std::sqrt((1 - std::exp(-2.6 * dt)) / 2.6) * z(2));
      B += -0.001 * dt + 0.005 * std::sqrt(dt) * z(3);
      const auto draw = static_cast<std::uint32_t>(n - 1);
      const double u = uniform(4, j.jump_count, 6400 + l, draw);
      int count = 0;  // u < P(N > count)
      for (double p = std::exp(-9 * dt), sum = p; u < 1 - sum; p *= 9 * dt / count, sum += p) ++count;
      jumps += count;
      const double size = count == 0 ? 0 : -0.1 * count + 0.2 * std::sqrt(count) * normal(4, j.jump_size, 6400 + l, draw);
      J *= std::exp((-0.125 - 9 * (std::exp(-0.1 + 0.02) - 1)) * dt + 0.5 * std::sqrt(dt) * z(4) + size);
      CHECK(x.block.factors(0, n)[l] == near(S));
      CHECK(x.block.factors(1, n)[l] == Approx(R).epsilon(1e-13).margin(1e-16));
      CHECK(x.block.factors(2, n)[l] == near(V));
      CHECK(x.block.factors(3, n)[l] == Approx(B).epsilon(1e-13).margin(1e-16));
      CHECK(x.block.factors(4, n)[l] == near(J));
    }
  }
  CHECK(jumps > lanes * steps / 2);
}

TEST_CASE("reversion of zero and volatility of zero are limits, not exceptions") {
  Factor still = factor(Process::ou, "still"), fixed = factor(Process::lognormal, "fixed"),
         slow = factor(Process::ou, "slow");
  still.initial = 0.04, still.volatility = 0.01;
  fixed.initial = 3;
  slow.initial = 0.04, slow.volatility = 0.01, slow.reversion = 1e-9;
  const FactorModel m = market({still, fixed, slow}, 0.5, 2);
  CHECK(m.transitions[0].deviation == Approx(0.01 * std::sqrt(0.5)).epsilon(1e-15));
  CHECK(m.transitions[2].deviation == Approx(0.01 * std::sqrt(0.5)).epsilon(1e-9));
  Simulation x(m, 5);
  x.draw(m, unshocked(m), 0);
  for (const double v : x.block.factors(1, 2)) CHECK(v == 3);
}

TEST_CASE("jump diffusions have Merton's law in one step and in many") {
  const auto file = reference("merton_jd");
  if (!file) return;
  for (const auto& e : (*file)["expected"]["results"]) {
    Factor f = factor(Process::lognormal, "merton " + e.dump().substr(0, 60));
    f.initial = 1, f.drift = e["mu"], f.volatility = e["sigma"];
    f.jump_rate = e["lam"], f.jump_mean = e["mean_jump"], f.jump_volatility = e["sd_jump"];
    for (const int steps : {1, 10}) {
      auto x = values(market({f}, e["T"].get<double>() / steps, steps), 0, steps, 6, 2 * scenarios);
      double price = 0, squares = 0, put = 0, put_squares = 0;
      for (double& v : x) {
        const double paid = std::max(0.8 - v, 0.0);
        price += v, squares += v * v, put += paid, put_squares += paid * paid;
        v = std::log(v);
      }
      const auto n = static_cast<double>(x.size());
      const auto score = [n](double sum, double sum_of_squares, double expected) {
        return (sum / n - expected) / std::sqrt((sum_of_squares / n - sum * sum / n / n) / n);
      };
      INFO(e.dump() << " in " << steps << " steps");
      CHECK(std::abs(score(price, squares, std::exp(e["mu"].get<double>() * e["T"].get<double>()))) <= 4);
      CHECK(std::abs(score(put, put_squares, e["E_put_K80"])) <= 4);
      CHECK(std::abs(mean_score(x, e["logret_mean"], e["logret_var"])) <= 4);
      CHECK(std::abs(variance_score(x, e["logret_mean"], e["logret_var"])) <= 4);
      for (const auto& [p, q] : e["quantiles_logreturn"].items()) CHECK(std::abs(quantile_score(x, std::stod(p), q)) <= 4);
    }
  }
}

TEST_CASE("the number of jumps in a step is Poisson, small tails included") {
  for (const double mean : {1e-6, 0.003, 0.75, 12.0, 180.0, 5000.0}) {
    Factor f = factor(Process::lognormal, "J");
    f.initial = 1, f.jump_rate = mean;
    const auto tail = transition(f, 1).jump_tail;
    INFO("mean " << mean);
    REQUIRE_FALSE(tail.empty());
    CHECK(tail.back() >= 0x1p-56);
    for (std::size_t k = 1; k <= tail.size(); ++k) {
      const double expected = incomplete_gamma(static_cast<double>(k), mean);  // P(N >= k) = P(k, mean)
      if (k == 1 || k == tail.size() || k % 7 == 0) CHECK(tail[k - 1] == Approx(expected).epsilon(1e-10));
    }
  }
}

TEST_CASE("two correlated assets make the basket's exact quantiles") {
  for (const std::string id : {"gbm_basket2_1y", "gbm_basket2_rhom06", "gbm_basket2_rhop06"}) {
    const auto file = reference(id);
    if (!file) return;
    const auto& in = (*file)["inputs"];
    std::vector<Factor> factors;
    for (std::size_t i = 0; i < 2; ++i) {
      factors.push_back(factor(Process::lognormal, id + std::to_string(i)));
      factors[i].initial = in["S0"][i], factors[i].drift = in["mu"][i], factors[i].volatility = in["sigma"][i];
    }
    const double rho = in["rho"];
    const FactorModel m = market(factors, in["T"].get<double>() / 4, 4, {1, rho, rho, 1});
    std::vector<double> value;
    simulate(m, unshocked(m), 7, 2 * scenarios, [&](const Block& b) {
      for (std::size_t l = 0; l < lanes; ++l)
        value.push_back(in["units"][0].get<double>() * b.factors(0, 4)[l] +
                        in["units"][1].get<double>() * b.factors(1, 4)[l]);
    });
    const auto& expected = (*file)["expected"];
    INFO(id);
    CHECK(std::abs(mean_score(value, expected["mean_VT"], expected["var_VT"])) <= 4);
    for (const auto& [alpha, risk] : expected["risk"].items())
      CHECK(std::abs(quantile_score(value, 1 - std::stod(alpha), risk["quantile_value"])) <= 4);
  }
}

}  // namespace
