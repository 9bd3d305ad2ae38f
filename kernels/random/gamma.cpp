#include "kernels/random/gamma.h"

#include <array>
#include <cmath>

#include "kernels/math/functions.h"

namespace tailcube {
namespace {

struct Trial {
  double d, c;  // of a shape of at least 1
  explicit Trial(double shape) : d(shape - 1.0 / 3), c(1 / std::sqrt(9 * d)) {}
  double cube(double z) const {
    const double root = 1 + c * z;
    return root * root * root;
  }
  // v > 0, log_v and log_u the logarithms of v and of the uniform.
  bool accepts(double z, double v, double log_v, double log_u) const { return log_u < z * z / 2 + d * (1 - v + log_v); }
};

}  // namespace

void gammas(std::uint64_t seed, StreamId stream, ScenarioLanes scenario, double shape, Lanes out) {
  const Trial trial(shape < 1 ? shape + 1 : shape);
  alignas(64) std::array<double, lanes> z, v, log_v, log_u;
  normals(seed, stream, scenario, 1, z);
  uniforms(seed, stream, scenario, 2, log_u);
  log(log_u, log_u);
  for (std::size_t k = 0; k < lanes; ++k) v[k] = trial.cube(z[k]);
  log(v, log_v);
  for (std::size_t k = 0; k < lanes; ++k) {
    bool good = v[k] > 0 && trial.accepts(z[k], v[k], log_v[k], log_u[k]);
    for (std::uint32_t j = 1; !good; ++j) {  // one in twenty or fewer
      z[k] = normal(seed, stream, scenario[k], 2 * j + 1);
      v[k] = trial.cube(z[k]);
      good = v[k] > 0 && trial.accepts(z[k], v[k], log(v[k]), log(uniform(seed, stream, scenario[k], 2 * j + 2)));
    }
  }
  for (std::size_t k = 0; k < lanes; ++k) out[k] = trial.d * v[k];
  if (!(shape < 1)) return;
  uniforms(seed, stream, scenario, 0, log_u);
  log(log_u, log_u);
  for (std::size_t k = 0; k < lanes; ++k) log_u[k] /= shape;
  exp(log_u, log_u);
  for (std::size_t k = 0; k < lanes; ++k) out[k] *= log_u[k];
}

void betas(std::uint64_t seed, StreamId of_a, StreamId of_b, ScenarioLanes scenario, double a, double b, Lanes out) {
  alignas(64) std::array<double, lanes> other;
  gammas(seed, of_a, scenario, a, out);
  gammas(seed, of_b, scenario, b, other);
  for (std::size_t k = 0; k < lanes; ++k) out[k] = out[k] / (out[k] + other[k]);
}

}  // namespace tailcube
