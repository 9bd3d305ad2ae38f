#pragma once
// What the worst scenarios of a node have in common.
#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "src/cube/cube.h"
#include "src/engine/replay.h"

namespace tailcube {

// Over the worst scenarios. The error is the standard error of the mean as if they had been drawn from the tail one by one;
// NaN of a single one.
struct MeanOfWorst {
  double sum = 0, squares = 0;
  std::size_t count = 0;  // of scenarios in which it appears: what that means stands beside it
  void add(double value) { sum += value, squares += value * value; }
  double mean(std::size_t scenarios) const;
  double error(std::size_t scenarios) const;
};

// From today to this value: relative for prices (lognormal kinds), else the difference; a driver in standard deviations.
double factor_move(const Factor&, double value);
bool moves_relatively(const Factor&);

struct Common {
  const Job& job;
  const Cube& cube;
  int cell, node, horizon;
  std::size_t most;                      // rows of long lists; 0: all
  std::vector<std::uint64_t> scenarios;  // worst first
  MeanOfWorst loss;                      // of the node; its losses are in /tail
  struct Factor {
    std::uint32_t factor;
    MeanOfWorst move;                    // from today to the horizon
    double usual_mean, usual_deviation;  // of the same over `sampled` scenarios of the cell, whatever they lose
    double distance(std::size_t n) const { return (move.mean(n) - usual_mean) / usual_deviation; }
  };
  std::vector<Factor> factors;      // largest distance first
  std::vector<MeanOfWorst> gauges;  // of the node
  struct Part {
    std::uint32_t place;  // of the job's nodes, obligors, or of Replay::positions
    MeanOfWorst loss;
  };
  std::vector<Part> nodes;      // below the node, largest first; counted where they lose
  std::vector<Part> obligors;   // that default by the horizon, with the loss of their positions in the node; counted there
  std::vector<Part> positions;  // counted where they are among the `leading` largest losses
  std::vector<std::pair<std::uint32_t, std::uint32_t>> position;  // (table, place) of Replay::positions
  static constexpr std::size_t leading = 20, sampled = 8192;
};

// How factors usually move: `sample` as below; `move` is empty. In the order of the job's factors.
std::vector<Common::Factor> usual_moves(const Job&, const std::vector<std::vector<double>>& sample);

// `replays`, called for each scenario in turn, need not be kept.
class CommonTraits {
 public:
  CommonTraits(const Job&, const Cube&, int cell, int node, int horizon, std::size_t most);
  void add(const Replay&);
  // `sample`: factor values at the horizon, [factor][scenario].
  Common finish(const std::vector<std::vector<double>>& sample);

 private:
  Common out_;
  std::vector<std::uint32_t> of_position_, of_obligor_;  // places in the lists, `none`: not there yet
};

void write_common_text(std::ostream&, const Common&);
void write_common_csv(std::ostream&, const Common&);
std::string common_json(const Common&);  // with a line break at its end

}  // namespace tailcube
