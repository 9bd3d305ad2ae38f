#pragma once
// The inner loops of draw_defaults over the 64 scenarios of a block, chosen by instruction set; the same bits from each.
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/credit/defaults.h"

namespace tailcube::sample {

// M_n = max over k <= n of (c_k scale - sum a_j D_j,k) / residual, [step 1 .. n][lane]. Given the drivers, an obligor whose
// eps is the u-quantile defaults by n iff u < Phi(M_n). Terminal timing: D at the last step for every k.
void distances(const CreditModel&, const Bucket&, const LaneTable& factors, const double* scale, double* running);

// Phi(M), and the hazard -log(1 - Phi(M)) to 1e-14 relative, capped at 40.
void conditional(const double* last, double* pd, double* hazard);

// Sparse sampling of one bucket. The first arrivals of its obligors, each exponential with rate 1 in hazard, lie on a
// Poisson process of rate 1 in count times hazard whose points are labelled uniformly. It is drawn band by band: how many
// points a band holds, then a label and a place within the band for each. A band is as wide as all below it together, but no
// wider than 32, so that few points are drawn beyond a limit; the first is 1, or about count / 32 if that is less.
struct Band {
  explicit Band(std::uint32_t count);
  void next();
  std::uint32_t index = 0;
  double lower = 0, width;                          // count times hazard
  static constexpr int narrowest = -5, widest = 5;  // log2 of the width, which is a power of two
};
// bound(P(N > j)), j = 0, 1, ..., of the number N of points in a band.
const std::vector<std::uint64_t>& band_tail(double width);

// The points with a mark below limit[lane]. The number of points of band b is decided by the uniform b of the bucket's
// stream; point k of band b is the 64-bit number r in the words 2 (k mod 2), 2 (k mod 2) + 1 of the counter {64 b + k div 2,
// scenario} of the stream's complement. The label is floor(r count / 2^64), its bias below count / 2^64; the remainder of
// that product is the uniform that places it, resolved to 2^-53 or count / 2^64, whichever is larger. For up to 2^25
// obligors.
void points(std::uint64_t seed, StreamId, ScenarioLanes, std::uint32_t count, const double* limit, Points&);
// Those of them with a mark below another limit[lane], in their order.
void below(const Points&, const double* limit, Points& out);

// Each obligor's own 53-bit uniform (draw 0 of its stream) against the conditional PD of each cell, pd[cell][lane]: bit
// `lane` of hit[cell][obligor] is its default.
void compare(std::uint64_t seed, ScenarioLanes, std::span<const Obligor>, const double* pd, std::size_t cells,
             std::uint64_t* hit);

// Marks, count times hazard, of whole vectors of `lanes` turned into normal scores: Phi^-1(1 - exp(-mark / count)), from the
// smaller of the two tails.
void scores_of_marks(double count, std::span<double> marks);

// The first n with score < M_n, for each of the points; the last step at the latest: rounding cannot push a default past the
// step where it was found. Scores and keys are read in whole vectors, of up to 8.
void find_steps(const double* running, int steps, const Points& points, const double* score, std::uint16_t* step);

}  // namespace tailcube::sample
