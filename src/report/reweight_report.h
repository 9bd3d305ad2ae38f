#pragma once
// Risk under another view, beside that of the run, for people and for programs (docs/reverse.md).
#include <iosfwd>
#include <string>

#include "src/cube/cube.h"
#include "src/cube/reweight.h"

namespace tailcube {

struct ReweightReport {
  const Job& job;
  const Cube& cube;
  int cell, horizon;
  std::vector<std::string> views;  // as given
  bool propagate;
  std::size_t certain, sampled, compared;  // scenarios for sure, of the others, losses found equal to the cube's
  const Reweighting& weights;
  double expected_share;  // effective, in closed form, of the views on innovations alone
  bool fitted;            // there are views that the weights were fitted to
  struct Factor {         // of the views
    std::uint32_t factor;
    Measured innovation;
    double innovation_deviation;
    Measured move;
  };
  std::vector<Factor> factors;
  struct Node {
    int node;
    Measured mean;                    // in the job's currency
    std::vector<TailUnderView> tail;  // by confidence, in the job's currency
  };
  std::vector<Node> nodes;  // the one asked for, then those below it
};

void write_reweight_text(std::ostream&, const ReweightReport&);
void write_reweight_csv(std::ostream&, const ReweightReport&);
std::string reweight_json(const ReweightReport&);  // with a line break at its end

}  // namespace tailcube
