#pragma once
// The recursion behind thresholds.h: first passages of an obligor whose driver, eps and mixing variable are integrated out.
#include <array>
#include <cmath>
#include <span>
#include <vector>

#include "kernels/block.h"
#include "kernels/credit/score_law.h"
#include "kernels/credit/thresholds.h"

namespace tailcube {

// sqrt(W / dof) of the t copula's mixing variable W ~ chi^2 with dof degrees of freedom, and its probability.
struct MixingNode {
  double scale, weight;
};
// Trapezoid rule in log W, whose density is analytic: the weights sum to 1 within 1e-8 (plus `resolution`); nodes lighter
// than `resolution` are left out. One node of 1 for dof = 0, the Gaussian copula.
std::vector<MixingNode> mixing_nodes(double dof, double resolution);

class Recursion {
 public:
  // lowest and highest: of the thresholds to come. Nodes of (W, eps) lighter than `resolution` are left out.
  Recursion(double squared_loading, double lowest, double highest, std::span<const MixingNode>, double resolution);

  void start(double threshold);
  // P(first passage at step k) if its threshold were this, the derivative, and P(both of two equal obligors ...): the larger
  // of two eps has density 2 Phi phi.
  struct Flux {
    double hit, slope, joint;
  };
  Flux flux(int k, double threshold) const;
  // Adds the law of D_k where the first passage is at step k.
  void scores(int k, double threshold, ScoreLaw&) const;
  void advance(int k, double threshold);

 private:
  struct Node {                   // surviving paths given eps and W
    double eps, scale, weight;    // weight: phi(eps) d eps P(W)
    double origin = 0;            // the first grid point
    std::vector<double> density;  // of B_k at origin + j spacing; empty once nobody survives
  };
  double barrier_of(const Node& node, int k, double threshold) const {
    return std::sqrt(static_cast<double>(k)) * (threshold * node.scale - residual_ * node.eps) / loading_;
  }
  struct NodeFlux {
    double hit, slope;
  };
  static NodeFlux flux(const Node&, double barrier);
  void advance(Node&, int k, double barrier);

  double loading_, residual_;
  std::vector<Node> nodes_;
  std::vector<double> row_;
};

}  // namespace tailcube
