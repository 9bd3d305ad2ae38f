#pragma once
// Checks of whole jobs: the input reader, the engine and the estimators together. Every check allows four standard errors
// (false alarm 6.3e-5 each, were the seed to change). Figures of one cube are correlated; only expected losses of different
// seeds are pooled.
#include <cmath>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/acceptance.h"
#include "tests/catch_any.h"
#include "tests/reference.h"
#include "tests/run_job.h"

namespace tailcube::test {

inline std::string number(double x) {
  std::ostringstream out;
  out.precision(17);
  out << x;
  return out.str();
}
inline std::string key(const Confidence& c) {
  std::ostringstream out;
  out << c.value();
  return out.str();
}
inline std::string sampler(bool sparse) { return sparse ? "sparse" : "per_obligor"; }

// The text of a job over the tables that `tables` names, "exposure" being read from exposure.csv.
struct JobText {
  int seed = 0, scenarios = 100'000;
  std::string step = "1Y";
  int steps = 1;
  std::vector<std::string> tables = {};
  std::string confidence = "[0.95, 0.99, 0.999]";
  int tail_scenarios = 1000;
  std::string time = {}, cube = "levels = []", credit = {};  // further lines of these sections
  std::string text() const {
    std::string files = "factors = \"factors.csv\"\ncorrelation = \"correlation.csv\"\n";
    for (const std::string& t : tables) {
      if (t == "exposure" || t == "invoice") files += "obligors = \"obligors.csv\"\n";
      files += "positions." + t + " = \"" + t + ".csv\"\n";
    }
    return "[run]\nname = \"job\"\nseed = " + std::to_string(seed) + "\nscenarios = " + std::to_string(scenarios) +
           "\ncurrency = \"USD\"\n[time]\nstep = \"" + step + "\"\nsteps = " + std::to_string(steps) + "\n" + time +
           "\n[files]\n" + files + "[cube]\nconfidence = " + confidence +
           "\ntail_scenarios = " + std::to_string(tail_scenarios) + "\n" + cube + "\n[credit]\n" + credit + "\n";
  }
};

inline std::string correlation_table(const std::vector<std::string>& ids, const nlohmann::json& c) {
  std::string head = "id", rows;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    head += "," + ids[i];
    rows += ids[i];
    for (std::size_t j = 0; j < ids.size(); ++j) rows += "," + number(c.is_null() ? i == j : c[i][j].get<double>());
    rows += "\n";
  }
  return head + "\n" + rows;
}

// Obligors with their exposures, on drivers D0, D1, ... (independent if `correlation` is null).
struct Credit {
  double pd;
  std::vector<std::pair<int, double>> loadings;
  double lgd = 1, ead = 1;
};
inline Files pool_files(int drivers, const nlohmann::json& correlation, const std::vector<Credit>& pool) {
  Files files;
  std::vector<std::string> ids;
  files["factors.csv"] = "id,kind\n";
  for (int d = 0; d < drivers; ++d) {
    ids.push_back("D" + std::to_string(d));
    files["factors.csv"] += ids.back() + ",driver\n";
  }
  files["correlation.csv"] = correlation_table(ids, correlation);
  std::string obligors = "id,pd_1y,loadings,lgd\n", exposures = "id,obligor,ead\n";
  for (std::size_t i = 0; i < pool.size(); ++i) {
    const std::string id = "o" + std::to_string(i);
    std::string loadings;
    for (const auto& [d, a] : pool[i].loadings)
      loadings += (loadings.empty() ? "" : " ") + ids[static_cast<std::size_t>(d)] + ":" + number(a);
    obligors += id + "," + number(pool[i].pd) + "," + loadings + "," + number(pool[i].lgd) + "\n";
    exposures += "e" + id + "," + id + "," + number(pool[i].ead) + "\n";
  }
  files["obligors.csv"] = std::move(obligors);
  files["exposure.csv"] = std::move(exposures);
  return files;
}

// The share of scenarios with a loss above v (or at least v), from the list of the worst, which must reach below v; and the
// mean loss of those scenarios.
struct Beyond {
  std::uint64_t count = 0;
  double share = 0, mean = 0, mean_error = 0;
};
inline Beyond beyond(const Cube& cube, int cell, int horizon, double v, bool or_equal = false) {
  const std::size_t first = ((static_cast<std::size_t>(cell) * cube.nodes.size()) * cube.horizon_years.size() +
                             static_cast<std::size_t>(horizon)) *
                            static_cast<std::size_t>(cube.tail_ranks);
  Beyond out;
  double sum = 0, squares = 0;
  for (std::size_t rank = 0; rank < static_cast<std::size_t>(cube.tail_ranks) && cube.tail_valid[first + rank]; ++rank) {
    const double loss = cube.tail_loss[first + rank];
    if (loss > v || (or_equal && loss == v)) {
      ++out.count, sum += loss, squares += loss * loss;
      continue;
    }
    const double n = static_cast<double>(out.count);
    out.share = n / static_cast<double>(cube.scenarios);
    out.mean = sum / n;
    out.mean_error = std::sqrt((squares / n - out.mean * out.mean) / (n - 1));
    return out;
  }
  FAIL("the list of the worst scenarios is too short for " << v);
  return out;
}

struct Acceptance {
  std::string name;
  void check(const std::string& what, double x, double se, double reference, double reference_se = 0) const {
    INFO(name << ": " << what << " = " << x << " +- " << se << ", expected " << reference << " +- " << reference_se
              << ", z = " << z_score(x, se, reference, reference_se));
    CHECK(agrees(x, se, reference, reference_se));
  }
  // By the exact law of the number of hits.
  void check_probability(const std::string& what, std::uint64_t hits, std::int64_t trials, double p) const {
    INFO(name << ": " << what << ", " << hits << " of " << trials << ", expected " << p * static_cast<double>(trials));
    CHECK(covers(hits, static_cast<std::uint64_t>(trials), p));
  }
  // The error of VaR is that of its order-statistic interval; `lattice` is the step of the losses, if they have one.
  void check_var(const Cube& cube, std::size_t at, const std::string& what, double reference, double lattice = 0) const {
    const double se = (cube.value_at_risk_upper[at] - cube.value_at_risk_lower[at]) / (2 * 1.96);
    check("VaR " + what, cube.value_at_risk[at], std::hypot(se, lattice / std::sqrt(12)), reference);
  }
  void check_es(const Cube& cube, std::size_t at, const std::string& what, double reference, double reference_se = 0) const {
    check("ES " + what, cube.expected_shortfall[at], cube.expected_shortfall_se[at], reference, reference_se);
  }
};

// EL, and ES at each confidence; the error of ES is the cube's own.
inline void check_risk(const Acceptance& accept, const Cube& cube, int cell, int horizon, double expected_loss,
                       const nlohmann::json& risk) {
  const std::size_t at = cube.at(0, cell, 0, horizon);
  accept.check("EL", cube.expected_loss[at], cube.expected_loss_se[at], expected_loss);
  for (std::size_t c = 0; c < cube.confidence.size(); ++c) {
    const std::string alpha = key(cube.confidence[c]);
    const auto& r = risk.at(alpha);
    const std::size_t i = cube.at(0, cell, 0, horizon, static_cast<int>(c));
    accept.check_es(cube, i, alpha, r.at("ES"), r.value("ES_se", 0.0));
    if (!r.contains("P_L_gt_VaR")) continue;
    const double v = r.at("VaR"), n = static_cast<double>(cube.scenarios);
    for (const bool or_equal : {false, true}) {
      const double p = r.at(or_equal ? "P_L_ge_VaR" : "P_L_gt_VaR");
      accept.check((or_equal ? "P(L >= VaR) " : "P(L > VaR) ") + alpha, beyond(cube, cell, horizon, v, or_equal).share,
                   std::sqrt(p * (1 - p) / n), p, r.value("P_se", 0.0));
    }
  }
}

}  // namespace tailcube::test
