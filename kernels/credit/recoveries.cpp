#include "kernels/credit/recoveries.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/math/functions.h"

namespace tailcube {
namespace {

void add_those_in_default(const CreditModel& model, Block& block) {
  const std::size_t count = model.obligors.size();
  for (std::size_t i = count - model.in_default; i < count; ++i) {
    for (std::uint16_t lane = 0; lane < lanes; ++lane)
      block.defaults.push_back({ObligorIndex{static_cast<std::uint32_t>(i)}, lane, 1, model.obligors[i].loss_given_default});
    block.first_default[i + 1] = static_cast<std::uint32_t>(block.defaults.size());
  }
  for (double& mean : block.mean_conditional_pd) mean += model.in_default / static_cast<double>(count);
}

// As many defaults as a block has lanes, to evaluate side by side.
class Batch64 {
 public:
  explicit Batch64(std::uint64_t seed) : seed_(seed) {}
  void add(Default& whose, StreamId stream, std::uint32_t scenario, double own, double rest) {
    who_[count_] = &whose, stream_[count_] = stream, scenario_[count_] = scenario;
    own_[count_] = own, rest_[count_] = rest;
    if (++count_ == who_.size()) finish();
  }
  void finish() {
    uniforms(seed_, stream_, scenario_, 0, eta_);
    normal_quantile(eta_, eta_);
    for (std::size_t i = 0; i < count_; ++i) rest_[i] += own_[i] * eta_[i];
    normal_cdf(rest_, rest_);
    for (std::size_t i = 0; i < count_; ++i) who_[i]->loss_given_default = rest_[i];
    count_ = 0;
  }

 private:
  std::uint64_t seed_;
  std::size_t count_ = 0;
  std::array<Default*, lanes> who_;
  std::array<StreamId, lanes> stream_{};
  std::array<std::uint32_t, lanes> scenario_{};
  alignas(64) std::array<double, lanes> eta_{}, own_{}, rest_{};
};

// The moments of LGD for one spread s. With q^2 = 1 + s^2 (1 - r^2): E[LGD | S] = Phi(u), E[LGD^2 | S] = Phi_2(u, u; 1 -
// 1/q^2), u = (centre - s r S) / q.
class Moments {
 public:
  Moments(double mean, double correlation, const ScoreLaw& law)
      : mean_(mean), quantile_(normal_quantile(mean)), correlation_(correlation) {
    if (correlation == 0) {
      points_ = {{0, 1}};
      return;
    }
    for (std::size_t i = 0; i < ScoreLaw::size; ++i)
      if (std::abs(law.mass[i]) > 1e-14) points_.push_back({ScoreLaw::score(i), law.mass[i]});
  }

  // The centre that gives the mean: Newton on its probit, which is nearly linear.
  double centre(double spread) {
    const auto [q, slope] = scales(spread);
    double u = quantile_ * std::sqrt(1 + slope * slope);
    for (int i = 0; i < 40; ++i) {
      double mean = 0, density = 0;
      for (const Point& p : points_)
        mean += p.mass * normal_cdf(u - slope * p.score), density += p.mass * normal_pdf(u - slope * p.score);
      const double at = normal_quantile(std::clamp(mean, 1e-300, 1 - 0x1p-53));
      const double step = std::clamp((quantile_ - at) * normal_pdf(at) / std::max(density, 1e-300), -2.0, 2.0);
      u += step;
      if (std::abs(step) < 1e-14 * std::max(1.0, std::abs(u))) break;
    }
    return u * q;
  }
  double variance(double spread, double centre) const {
    const auto [q, slope] = scales(spread);
    double square = 0;
    for (const Point& p : points_) {
      const double u = centre / q - slope * p.score;
      square += p.mass * bivariate_normal_cdf(u, u, 1 - 1 / (q * q));
    }
    return square - mean_ * mean_;
  }

 private:
  struct Point {
    double score, mass;
  };
  struct Scales {
    double q, slope;  // of u in S: s r / q
  };
  Scales scales(double spread) const {
    const double q = std::sqrt(1 + spread * spread * (1 - correlation_ * correlation_));
    return {q, spread * correlation_ / q};
  }
  double mean_, quantile_, correlation_;
  std::vector<Point> points_;
};

}  // namespace

void draw_recoveries(const CreditModel& model, Block& block) {
  if (model.in_default > 0) add_those_in_default(model, block);
  if (model.recoveries.empty()) return;
  const ScenarioLanes scenario = block.numbers();
  Batch64 batch(block.seed);
  for (Default& d : block.defaults) {
    const RecoveryDraw& recovery = model.recoveries[static_cast<std::size_t>(d.obligor)];
    if (recovery.law == none) continue;
    const RecoveryLaw& law = model.recovery_laws[recovery.law];
    double rest = law.centre;
    for (const Loading& l : law.loadings) rest += l.loading * block.factors(l.driver, d.step)[d.lane];
    batch.add(d, recovery.stream, scenario[d.lane], law.own, rest);
  }
  batch.finish();
}

// Secant on the logarithm of the deviation against that of the spread, kept inside a bracket: for small spreads the
// deviation is phi(Phi^-1(mean)) times it.
ProbitNormal probit_normal(double mean, double deviation, double correlation, const ScoreLaw& law) {
  Moments moments(mean, correlation, law);
  double centre = 0;
  const auto error = [&](double x) {
    const double spread = exp(x);
    centre = moments.centre(spread);
    return 0.5 * log(std::max(moments.variance(spread, centre), 1e-40)) - log(deviation);
  };
  double low = -20, high = 14 * 0.69314718055994530942;
  double before = std::clamp(log(deviation / normal_pdf(normal_quantile(mean))), low + 1, high - 1), now = before + 0.1;
  double error_before = error(before), error_now = error(now);
  for (int i = 0; i < 60 && std::abs(error_now) > 1e-12; ++i) {
    (error_now > 0 ? high : low) = now;
    double next = now - error_now * (now - before) / (error_now - error_before);
    if (!(next > low && next < high)) next = 0.5 * (low + high);
    if (std::abs(next - now) < 1e-14) break;
    before = now, error_before = error_now;
    now = next, error_now = error(now);
  }
  return {centre, exp(now)};
}

}  // namespace tailcube
