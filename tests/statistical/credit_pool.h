#pragma once
// Pools with known loss distributions, drawn with draw_defaults itself.
#include <cmath>
#include <map>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "kernels/credit/defaults.h"
#include "kernels/credit/thresholds.h"
#include "kernels/math/functions.h"
#include "tests/acceptance.h"
#include "tests/catch_any.h"
#include "tests/reference.h"

namespace tailcube::test {

using Json = nlohmann::json;

struct PoolObligor {
  double pd;
  std::vector<Loading> loadings;
  int units;
};
struct CreditPool {
  std::vector<PoolObligor> obligors;
  std::vector<std::vector<double>> correlation;  // of the drivers
  double dof = 0;
  int steps = 1;
  // The loss by each of these steps; the last step if empty.
  std::vector<int> horizons;
  bool conditioned = true;  // false: the mistake of taking marginal quantiles for thresholds
};

inline std::vector<std::vector<double>> cholesky(const std::vector<std::vector<double>>& c) {
  std::vector<std::vector<double>> l(c.size(), std::vector<double>(c.size(), 0.0));
  for (std::size_t i = 0; i < c.size(); ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = c[i][j];
      for (std::size_t k = 0; k < j; ++k) sum -= l[i][k] * l[j][k];
      l[i][j] = i == j ? std::sqrt(sum) : sum / l[j][j];
    }
  return l;
}

class PoolRun {
 public:
  PoolRun(const CreditPool& pool, Sampler sampler, std::uint64_t seed) : pool_(pool), root_(cholesky(pool.correlation)) {
    model_.sampler = sampler;
    model_.steps = pool.steps;
    model_.dof = pool.dof;
    model_.mixing = stream("mixing", "credit");
    std::map<std::pair<double, std::vector<Loading>>, std::vector<int>> groups;
    for (const PoolObligor& o : pool.obligors) groups[{o.pd, o.loadings}].push_back(o.units);
    for (const auto& [law, units] : groups) add(law.first, law.second, units);
    block_.seed = seed;
    block_.factors = LaneTable(root_.size(), pool.steps + 1);
  }
  const CreditModel& model() const { return model_; }
  const Block& block() const { return block_; }

  void next() {
    draw_drivers();
    draw_defaults(model_, scratch_, block_);
    block_.first_scenario += lanes;
  }
  // [horizon][scenario]
  std::vector<std::vector<int>> losses(std::size_t scenarios) {
    const std::vector<int> horizons = pool_.horizons.empty() ? std::vector<int>{pool_.steps} : pool_.horizons;
    std::vector<std::vector<int>> out(horizons.size(), std::vector<int>(scenarios, 0));
    for (std::size_t first = 0; first < scenarios; first += lanes) {
      next();
      for (const Default& d : block_.defaults)
        for (std::size_t h = 0; h < horizons.size(); ++h)
          if (d.step <= horizons[h]) out[h][first + d.lane] += units_[static_cast<std::size_t>(d.obligor)];
    }
    return out;
  }

 private:
  void add(double pd, const std::vector<Loading>& loadings, const std::vector<int>& units) {
    double square = 0;
    for (const Loading& a : loadings)
      for (const Loading& b : loadings)
        square += a.loading * b.loading *
                  pool_.correlation[static_cast<std::size_t>(a.driver)][static_cast<std::size_t>(b.driver)];
    Bucket bucket;
    bucket.stream = stream("bucket", std::to_string(model_.buckets.size()));
    bucket.loadings = loadings;
    bucket.residual = std::sqrt(1 - square);
    const std::vector<double> curve = default_curve(pd, 1.0 / pool_.steps, pool_.steps);
    if (pool_.conditioned)
      bucket.threshold = adapted_passage(curve, square, pool_.dof).threshold;
    else
      for (const double p : curve) bucket.threshold.push_back(marginal_threshold(p, pool_.dof));
    bucket.first = static_cast<std::uint32_t>(model_.obligors.size());
    bucket.count = static_cast<std::uint32_t>(units.size());
    for (const int u : units) {
      model_.obligors.push_back({stream("default", std::to_string(model_.obligors.size())), 1});
      units_.push_back(u);
    }
    model_.buckets.push_back(std::move(bucket));
  }
  void draw_drivers() {
    std::vector<std::array<double, lanes>> sum(root_.size(), std::array<double, lanes>{});
    alignas(64) std::array<double, lanes> z;
    for (int n = 1; n <= pool_.steps; ++n) {
      for (std::size_t k = 0; k < root_.size(); ++k) {
        normals(block_.seed, stream("factor", std::to_string(k)), static_cast<std::uint32_t>(block_.first_scenario),
                static_cast<std::uint32_t>(n), z);
        for (std::size_t i = k; i < root_.size(); ++i)
          for (std::size_t l = 0; l < lanes; ++l) sum[i][l] += root_[i][k] * z[l];
      }
      for (std::size_t i = 0; i < root_.size(); ++i)
        for (std::size_t l = 0; l < lanes; ++l) block_.factors(i, n)[l] = sum[i][l] / std::sqrt(static_cast<double>(n));
    }
  }

  const CreditPool pool_;
  std::vector<std::vector<double>> root_;
  CreditModel model_;
  std::vector<int> units_;
  CreditScratch scratch_;
  Block block_;
};

struct Known {  // a number and its standard error, 0 if exact
  double value, error;
};
inline Known known(const Json& j) { return j.is_object() ? Known{j["p"], j["se"]} : Known{j.get<double>(), 0}; }

struct Moments4 {
  double mean, sd, mean_error, sd_error;
};
template <class T>
Moments4 moments(const std::vector<T>& x) {
  const double n = static_cast<double>(x.size());
  double mean = 0, m2 = 0, m4 = 0;
  for (const T v : x) mean += static_cast<double>(v) / n;
  for (const T v : x) {
    const double d = static_cast<double>(v) - mean;
    m2 += d * d / n, m4 += d * d * d * d / n;
  }
  return {mean, std::sqrt(m2), std::sqrt(m2 / n), std::sqrt((m4 - m2 * m2) / n / (4 * m2))};
}

// Which numbers of a reference the losses miss: mean, standard deviation, exceedance probabilities, and the whole
// distribution by Pearson's chi-squared over the listed levels (false alarm 1e-6).
inline std::vector<std::string> misses(const std::vector<int>& losses, const Json& expected) {
  std::vector<std::string> out;
  const auto n = static_cast<double>(losses.size());
  const Moments4 m = moments(losses);
  const auto miss = [&](const std::string& what, double found, double error, const Known& reference) {
    if (!agrees(found, error, reference.value, reference.error))
      out.push_back(what + ": " + std::to_string(found) + " +- " + std::to_string(error) + ", expected " +
                    std::to_string(reference.value));
  };
  for (const char* name : {"EL", "mean", "EL_exact"})
    if (expected.contains(name)) miss(name, m.mean, m.mean_error, {expected[name], 0});
  if (expected.contains("std")) miss("std", m.sd, m.sd_error, {expected["std"], 0});
  const auto at_least = [&](int level) {
    return static_cast<double>(std::count_if(losses.begin(), losses.end(), [=](int x) { return x >= level; }));
  };
  const auto exceedance = [&](const std::string& what, double hits, const Known& p) {
    if (p.error > 0)
      miss(what, hits / n, std::sqrt(p.value * (1 - p.value) / n), p);
    else if (!covers(static_cast<std::uint64_t>(hits), losses.size(), std::min(1.0, p.value), 6e-5))
      out.push_back(what + ": " + std::to_string(hits / n) + ", expected " + std::to_string(p.value));
  };
  std::map<int, Known> level;
  for (const auto& [key, p] : expected["P_L_ge"].items())
    if (std::stoi(key) > 0) level[std::stoi(key)] = known(p);
  for (const auto& [k, p] : level) exceedance("P(L >= " + std::to_string(k) + ")", at_least(k), p);
  const char* risk = expected.contains("risk") ? "risk" : "risk_in_units_of_defaults";
  for (const auto& [alpha, at_alpha] : expected[risk].items()) {
    const auto& r = at_alpha;  // clang 14 does not capture a structured binding
    const int var = static_cast<int>(r["VaR"].get<double>());
    const auto error = [&](const char* name) { return r.contains(name) ? r[name].get<double>() : r.value("P_se", 0.0); };
    exceedance("P(L >= VaR " + alpha + ")", at_least(var), {r["P_L_ge_VaR"], error("P_L_ge_VaR_se")});
    exceedance("P(L > VaR " + alpha + ")", at_least(var + 1), {r["P_L_gt_VaR"], error("P_L_gt_VaR_se")});
  }
  double chi_squared = 0, above = 1, hits_above = n;
  int cells = 0;
  const auto cell = [&](double probability, double hits) {
    chi_squared += (hits - n * probability) * (hits - n * probability) / (n * probability);
    ++cells;
  };
  for (const auto& [k, p] : level) {
    if (p.error > 0 || (above - p.value) * n < 10 || p.value * n < 10) continue;
    cell(above - p.value, hits_above - at_least(k));
    above = p.value, hits_above = at_least(k);
  }
  if (cells > 0) {
    cell(above, hits_above);
    if (!plausible_chi_squared(chi_squared, cells - 1))
      out.push_back("chi-squared " + std::to_string(chi_squared) + " over " + std::to_string(cells) + " cells");
  }
  return out;
}

}  // namespace tailcube::test
