// Conditioning: what pinned factors and shocked drivers imply for the innovations of the others (Kupiec 1998).
#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

#include "kernels/market/correlation.h"
#include "kernels/math/tails.h"
#include "src/engine/stress.h"

namespace tailcube {
namespace {

using Matrix = std::vector<double>;

// (rows x inner) (inner x columns), sums in the order of the inner index.
Matrix product(const Matrix& a, const Matrix& b, std::size_t rows, std::size_t inner, std::size_t columns) {
  Matrix out(rows * columns, 0.0);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t k = 0; k < inner; ++k)
      for (std::size_t j = 0; j < columns; ++j) out[i * columns + j] += a[i * inner + k] * b[k * columns + j];
  return out;
}
double quadratic(const std::vector<double>& x, const Matrix& m) {
  const std::size_t n = x.size();
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) sum += x[i] * m[i * n + j] * x[j];
  return sum;
}

// The law of a step's innovations given what is pinned at it.
struct Conditional {
  std::vector<std::size_t> pin;  // places in CellShocks::pins; factors without volatility have no innovation to condition on
  std::vector<std::size_t> factor;  // the pins' factors
  Matrix inverse;                   // C00+
  Matrix beta;                      // C10 C00+, [factor x pin]; identity rows for pins
  Matrix covariance;                // C11 - C10 C00+ C01, [factor x factor]; 0 for pins
};

class Propagation {
 public:
  Propagation(const Job& job, CellShocks& cell) : model_(job.market), ids_(job.factor_ids), cell_(cell) {
    for (const DriverShock& s : cell.driver_shocks) drivers_.push_back(static_cast<std::size_t>(s.driver));
    for (int n = 1; n <= model_.steps; ++n) add_step(n);
  }

  void fill_pin_beta() {
    if (cell_.pins.empty()) return;
    const std::size_t factors = model_.factors.size(), pins = cell_.pins.size();
    for (const std::size_t s : of_step_) {
      const Conditional& given = laws_[s];
      Matrix beta(factors * pins, 0.0);
      for (std::size_t i = 0; i < factors; ++i)
        for (std::size_t p = 0; p < given.pin.size(); ++p)
          beta[i * pins + given.pin[p]] = given.beta[i * given.pin.size() + p];
      cell_.pin_beta.push_back(std::move(beta));
    }
  }

  // Without propagation a driver moves alone, else every innovation by its regression on all shocked drivers' end values.
  void fill_driver_beta(const std::string& where, std::vector<std::string>& messages) {
    const std::size_t factors = model_.factors.size(), shocks = drivers_.size();
    if (shocks == 0) return;
    const Matrix inverse = cell_.propagate ? pseudo_inverse(end_covariance(drivers_), shocks) : Matrix{};
    if (cell_.propagate) check_attainable(inverse, where, messages);
    for (const std::size_t s : of_step_) {
      Matrix beta(factors * shocks, 0.0);
      if (cell_.propagate)
        beta = product(columns(laws_[s].covariance, drivers_), inverse, factors, shocks, shocks);
      else
        for (std::size_t d = 0; d < shocks; ++d) beta[drivers_[d] * shocks + d] = 1;
      cell_.driver_beta.push_back(std::move(beta));
    }
  }

  // How far out what is pinned lies: z*' C00+ z* over the steps, plus the drivers' end values given the pins.
  struct Distance {
    double squared = 0, degrees = 0;
    void add(const std::vector<double>& x, const Matrix& covariance, const Matrix& inverse) {
      squared += quadratic(x, inverse);
      const Matrix projection = product(covariance, inverse, x.size(), x.size(), x.size());
      double rank = 0;
      for (std::size_t i = 0; i < x.size(); ++i) rank += projection[i * x.size() + i];
      degrees += std::round(rank);
    }
  };
  Distance distance() const {
    Distance out;
    for (int n = 1; n <= model_.steps; ++n)
      out.add(pinned(n), columns_rows(model_.correlation, law(n).factor), law(n).inverse);
    std::vector<double> gap;
    std::vector<std::size_t> set;
    for (const DriverShock& s : cell_.driver_shocks) {
      if (!s.set) continue;
      set.push_back(static_cast<std::size_t>(s.driver));
      gap.push_back(s.amount - end_mean(set.back()));
    }
    const Matrix covariance = end_covariance(set);
    out.add(gap, covariance, pseudo_inverse(covariance, set.size()));
    return out;
  }

 private:
  void add_step(int n) {
    std::vector<std::size_t> active;
    for (std::size_t p = 0; p < cell_.pins.size(); ++p)
      if (n <= cell_.pins[p].last && random(cell_.pins[p].factor)) active.push_back(p);
    const auto same = std::find_if(laws_.begin(), laws_.end(), [&](const Conditional& c) { return c.pin == active; });
    of_step_.push_back(static_cast<std::size_t>(same - laws_.begin()));
    if (same == laws_.end()) laws_.push_back(condition(active));
  }
  bool random(FactorIndex f) const {
    const Factor& factor = model_.factors[static_cast<std::size_t>(f)];
    return factor.process == Process::driver || factor.volatility > 0;
  }
  Conditional condition(const std::vector<std::size_t>& active) const {
    Conditional out;
    out.pin = active;
    for (const std::size_t p : active) out.factor.push_back(static_cast<std::size_t>(cell_.pins[p].factor));
    const std::size_t factors = model_.factors.size(), pins = active.size();
    out.inverse = pseudo_inverse(columns_rows(model_.correlation, out.factor), pins);
    const Matrix across = columns(model_.correlation, out.factor);
    out.beta = product(across, out.inverse, factors, pins, pins);
    for (std::size_t p = 0; p < pins; ++p)
      for (std::size_t q = 0; q < pins; ++q) out.beta[out.factor[p] * pins + q] = p == q ? 1 : 0;
    out.covariance = model_.correlation;
    for (std::size_t i = 0; i < factors; ++i)
      for (std::size_t j = 0; j < factors; ++j) {
        double& c = out.covariance[i * factors + j];
        for (std::size_t p = 0; p < pins; ++p) c -= out.beta[i * pins + p] * across[j * pins + p];
        const auto is_pinned = [&](std::size_t f) {
          return std::find(out.factor.begin(), out.factor.end(), f) != out.factor.end();
        };
        if (is_pinned(i) || is_pinned(j)) c = 0;
      }
    return out;
  }

  const Conditional& law(int n) const { return laws_[of_step_[static_cast<std::size_t>(n) - 1]]; }
  std::vector<double> pinned(int n) const {
    std::vector<double> z;
    for (const std::size_t p : law(n).pin) z.push_back(cell_.pins[p].innovation[static_cast<std::size_t>(n)]);
    return z;
  }
  // Columns `of`, all rows; and both.
  Matrix columns(const Matrix& m, const std::vector<std::size_t>& of) const {
    const std::size_t factors = model_.factors.size();
    Matrix out;
    for (std::size_t i = 0; i < factors; ++i)
      for (const std::size_t j : of) out.push_back(m[i * factors + j]);
    return out;
  }
  Matrix columns_rows(const Matrix& m, const std::vector<std::size_t>& of) const {
    Matrix out;
    for (const std::size_t i : of)
      for (const std::size_t j : of) out.push_back(m[i * model_.factors.size() + j]);
    return out;
  }
  // Of D_N given the pins.
  Matrix end_covariance(const std::vector<std::size_t>& drivers) const {
    Matrix out(drivers.size() * drivers.size(), 0.0);
    for (int n = 1; n <= model_.steps; ++n) {
      const Matrix step = columns_rows(law(n).covariance, drivers);
      for (std::size_t e = 0; e < out.size(); ++e) out[e] += step[e] / model_.steps;
    }
    return out;
  }
  double end_mean(std::size_t driver) const {
    double sum = 0;
    for (int n = 1; n <= model_.steps; ++n) {
      const std::vector<double> z = pinned(n);
      for (std::size_t p = 0; p < z.size(); ++p) sum += law(n).beta[driver * z.size() + p] * z[p];
    }
    return sum / std::sqrt(static_cast<double>(model_.steps));
  }
  // Where drivers determine each other, or pins determine drivers, only some end values are possible.
  void check_attainable(const Matrix& inverse, const std::string& where, std::vector<std::string>& messages) const {
    const std::size_t n = drivers_.size();
    std::vector<double> gap(n);
    for (std::size_t d = 0; d < n; ++d) {
      const DriverShock& s = cell_.driver_shocks[d];
      gap[d] = s.set ? s.amount - end_mean(drivers_[d]) : s.amount;
    }
    const Matrix reached = product(product(end_covariance(drivers_), inverse, n, n, n), gap, n, n, 1);
    for (std::size_t d = 0; d < n; ++d)
      if (std::abs(reached[d] - gap[d]) > 1e-6 * std::max(1.0, std::abs(gap[d]))) {
        std::ostringstream text;
        text << where << "driver " << ids_[drivers_[d]] << " cannot be shocked by " << cell_.driver_shocks[d].amount
             << ": its correlation with what else the cell pins or shocks leaves it no choice";
        messages.push_back(text.str());
      }
  }

  const FactorModel& model_;
  const std::vector<std::string>& ids_;
  CellShocks& cell_;
  std::vector<std::size_t> drivers_;  // of driver_shocks
  std::vector<Conditional> laws_;     // one per set of active pins
  std::vector<std::size_t> of_step_;  // [step - 1]
};

// A pinned factor without volatility off its one possible path: no distance measures that.
bool pins_certainty(const Job& job, const CellShocks& cell) {
  return std::any_of(cell.pins.begin(), cell.pins.end(), [&](const Pin& pin) {
    const Factor& f = job.market.factors[static_cast<std::size_t>(pin.factor)];
    return f.process != Process::driver && f.volatility == 0;
  });
}

}  // namespace

void compile_propagation(const Job& job, const std::string& where, CellShocks& cell, std::vector<std::string>& messages) {
  if (cell.pins.empty() && cell.driver_shocks.empty()) return;
  Propagation propagation(job, cell);
  if (cell.propagate) propagation.fill_pin_beta();
  propagation.fill_driver_beta(where, messages);
  if (pins_certainty(job, cell)) {
    cell.distance = cell.distance_tail = std::numeric_limits<double>::quiet_NaN();
    return;
  }
  const auto [squared, degrees] = propagation.distance();
  cell.distance = std::sqrt(std::max(squared, 0.0));
  cell.distance_tail = degrees > 0 ? gamma_tails(degrees / 2, std::max(squared, 0.0) / 2).upper : 1;
}

}  // namespace tailcube
