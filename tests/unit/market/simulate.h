#pragma once
// Small markets for tests, and scenarios of them.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "kernels/market/correlation.h"
#include "kernels/market/market.h"

namespace tailcube::test {

inline Factor factor(Process process, const std::string& id) {
  Factor f;
  f.process = process;
  f.innovation = stream("factor", id);
  f.jump_count = stream("jump_count", id);
  f.jump_size = stream("jump_size", id);
  f.bridge = stream("bridge", id);
  f.bridge_path = stream("bridge_path", id);
  f.jump_time = stream("jump_time", id);
  f.jump_part = stream("jump_part", id);
  return f;
}
// Uncorrelated where `correlation` is empty.
inline FactorModel market(std::vector<Factor> factors, double step_years, int steps, std::vector<double> correlation = {}) {
  FactorModel m;
  const std::size_t n = factors.size();
  if (correlation.empty()) {
    correlation.assign(n * n, 0.0);
    for (std::size_t i = 0; i < n; ++i) correlation[i * n + i] = 1;
  }
  m.factors = std::move(factors);
  m.correlation = std::move(correlation);
  cholesky(m.correlation, n, m.root);
  m.step_years = step_years;
  m.steps = steps;
  m.valued = {steps};
  prepare(m);
  return m;
}
inline CellShocks unshocked(const FactorModel& m) {
  CellShocks cell;
  for (const Factor& f : m.factors) cell.initial.push_back(f.initial);
  cell.touched.assign(m.factors.size(), 0);
  return cell;
}

struct Simulation {
  Simulation(const FactorModel& m, std::uint64_t seed)
      : innovations(m.factors.size(), m.steps + 1), scratch(m.factors.size(), m.steps + 1) {
    std::fill_n(innovations.data(), innovations.size(), 0.0);  // step 0 is never drawn
    block.seed = seed;
    block.factors = LaneTable(m.factors.size(), m.steps + 1);
    block.lows = LaneTable(m.factors.size(), m.steps + 1);
    block.landings.resize(m.factors.size());
    block.discounts = LaneTable(m.discounts.size(), static_cast<int>(m.valued.size()));
  }
  void draw(const FactorModel& m, const CellShocks& cell, std::uint64_t first_scenario, const Block* base = nullptr) {
    block.first_scenario = first_scenario;
    draw_innovations(m, block, innovations);
    draw_paths(m, cell, innovations, base, scratch, block);
  }
  LaneTable innovations, scratch;
  Block block;
};

// Calls use(block) for the blocks of scenarios 0 .. count - 1.
template <class Use>
void simulate(const FactorModel& m, const CellShocks& cell, std::uint64_t seed, std::uint64_t count, Use use) {
  Simulation s(m, seed);
  for (std::uint64_t first = 0; first < count; first += lanes) {
    s.draw(m, cell, first);
    use(s.block);
  }
}
// Values of one factor at one step.
inline std::vector<double> values(const FactorModel& m, std::size_t factor, int step, std::uint64_t seed,
                                  std::uint64_t count) {
  std::vector<double> out;
  simulate(m, unshocked(m), seed, count, [&](const Block& b) {
    const auto row = b.factors(factor, step);
    out.insert(out.end(), row.begin(), row.end());
  });
  return out;
}
inline bool same_bytes(ConstLanes a, ConstLanes b) { return std::memcmp(a.data(), b.data(), a.size_bytes()) == 0; }
inline bool same_bytes(const LaneTable& a, const LaneTable& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

// Standard scores of sample statistics against exact ones; |z| <= 4 fails by chance once in 15 800 (seeds are fixed, so a
// passing test stays passing).
inline double mean_score(const std::vector<double>& x, double mean, double variance) {
  double sum = 0;
  for (const double v : x) sum += v - mean;
  return sum / static_cast<double>(x.size()) / std::sqrt(variance / static_cast<double>(x.size()));
}
inline double variance_score(const std::vector<double>& x, double mean, double variance) {
  double sum = 0, fourth = 0;
  for (const double v : x) {
    const double square = (v - mean) * (v - mean);
    sum += square - variance;
    fourth += (square - variance) * (square - variance);
  }
  return sum / std::sqrt(fourth);
}
inline double quantile_score(const std::vector<double>& x, double probability, double quantile) {
  const auto below = static_cast<double>(std::count_if(x.begin(), x.end(), [&](double v) { return v <= quantile; }));
  const auto n = static_cast<double>(x.size());
  return (below / n - probability) / std::sqrt(probability * (1 - probability) / n);
}

}  // namespace tailcube::test
