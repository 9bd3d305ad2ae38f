#pragma once
// Stage 2: who defaults, when, and at what loss. Obligors are grouped in buckets of equal loadings and PD curve.
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/random/stream.h"

namespace tailcube {

struct Loading {
  FactorIndex driver;
  double loading;  // a, not squared
  friend auto operator<=>(const Loading&, const Loading&) = default;
};
struct Bucket {
  StreamId stream{};              // named by loadings and PD curve, never by place
  std::vector<Loading> loadings;  // path loadings kappa a
  double residual = 1;            // sqrt(1 - kappa^2 a'Ca)
  std::vector<double>
      threshold;  // c_n at steps 1 .. n: default by n iff X_k <= c_k for some k <= n (terminal: by PD(t_n), for X_N)
  std::uint32_t first = 0, count = 0;  // its obligors, contiguous, by id
};
struct Obligor {
  StreamId stream{};  // stream("default", id)
  double loss_given_default = 0;
};
// What a default loses, where that is random: LGD = Phi(centre + sum loading D + own eta), D at the default's step.
struct RecoveryLaw {
  double centre = 0, own = 0;
  std::vector<Loading> loadings;
};
struct RecoveryDraw {        // of one obligor
  StreamId stream{};         // stream("lgd", id), of eta
  std::uint32_t law = none;  // of CreditModel::recovery_laws; `none`: Obligor::loss_given_default
};
enum class Sampler : std::uint8_t { sparse, per_obligor };  // equal in law, different draws: part of the job's identity
enum class Timing : std::uint8_t { adapted, terminal };

struct CreditModel {
  std::vector<Obligor> obligors;  // of the buckets, then those in default already
  std::vector<Bucket> buckets;
  Sampler sampler = Sampler::sparse;
  Timing timing = Timing::adapted;
  double dof = 0;  // 0: Gaussian copula; else t with one mixing variable per scenario
  StreamId mixing{};
  int steps = 0;
  std::vector<RecoveryLaw> recovery_laws;
  std::vector<RecoveryDraw> recoveries;  // per obligor; empty: none of them is random
  std::uint32_t in_default = 0;          // the last of `obligors`, by id, in no bucket: default at step 1 in every scenario
};

namespace sample {
struct Points {  // of a bucket's Poisson process, in no order (sample.h)
  std::size_t size = 0;
  std::vector<std::uint64_t> key;  // label << 6 | lane
  std::vector<double> mark;        // count times hazard
  void make_room(std::size_t more);
};
}  // namespace sample

// Reusable memory of one thread. Holds no state that a result depends on.
struct CreditScratch {
  LaneTable running;                            // [cell][step - 1][lane]: M_n of one bucket
  LaneTable pd, hazard;                         // [cell][0][lane]: by the last step
  sample::Points points, below;                 // of one bucket; those of one cell
  std::vector<std::uint64_t> hit;               // per obligor of a bucket, bit = lane
  std::vector<double> score;                    // normal scores of points
  std::vector<std::uint16_t> point_step, step;  // of points; of defaults
  std::vector<std::uint32_t> label;
  struct Mixing {  // sqrt(W / dof) of the last block
    bool known = false;
    std::uint64_t seed = 0, first_scenario = 0;
    StreamId stream{};
    double dof = 0;
    alignas(64) std::array<double, lanes> scale{};
  } mixing;
};

// Reads the drivers' rows of Block::factors; writes Block::defaults, first_default and mean_conditional_pd.
// Given the drivers (and W), an obligor defaults by step n with probability Phi(M_n), M_n = max over k <= n of
// (c_k sqrt(W / dof) - sum a_j D_j,k) / residual; its one uniform decides whether and when. Draws do not depend on the
// drivers: in a cell with lower D no obligor escapes that defaulted, and none defaults later.
void draw_defaults(const CreditModel&, CreditScratch&, Block&);
// The same for several cells of one block of scenarios, which share the draws. Each gets what it gets alone.
void draw_defaults(const CreditModel&, CreditScratch&, std::span<Block* const> cells);

}  // namespace tailcube
