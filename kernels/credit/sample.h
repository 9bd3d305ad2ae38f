#pragma once
// The inner loops of draw_defaults over the 64 scenarios of a block, chosen by instruction set; the same bits from each.
#include <array>
#include <cstdint>
#include <span>

#include "kernels/credit/defaults.h"

namespace tailcube::sample {

// M_n = max over k <= n of (c_k scale - sum a_j D_j,k) / residual, [step 1 .. n][lane]. Given the drivers, an obligor whose
// eps is the u-quantile defaults by n iff u < Phi(M_n). Terminal timing: D at the last step for every k.
void distances(const CreditModel&, const Bucket&, const LaneTable& factors, const double* scale, double* running);

// Phi(M), and the hazard -log(1 - Phi(M)) to 1e-14 relative, capped at 40.
void conditional(const double* last, double* pd, double* hazard);

// Sparse sampling of one bucket. The first arrivals of its obligors, each exponential with rate 1 in hazard, lie on a
// Poisson process of rate `count` whose points are labelled uniformly. Event k (draws 2k and 2k + 1 of the bucket's stream)
// is one 64-bit number r: the label is floor(r count / 2^64), its bias below count / 2^64; the remainder of that product is
// the uniform of the gap, resolved to 2^-53 or count / 2^64, whichever is larger.
struct Walk {
  Walk(std::uint64_t seed, StreamId, std::uint32_t first_scenario, std::uint32_t count, const double* hazard);
  std::uint64_t seed;
  StreamId stream;
  std::uint32_t count;
  // Where the walk stands: groups of four scenarios (a counter of Philox each) of which one at least is below its limit.
  static constexpr std::size_t groups = lanes / 4, padded = groups + 8;
  std::uint32_t event = 0;
  std::size_t active = groups;
  alignas(64) std::array<std::uint64_t, padded> group{};                     // scenario div 4
  alignas(64) std::array<std::array<double, padded>, 4> limit{}, arrived{};  // count times hazard, [scenario mod 4]
};
struct Arrivals {
  static constexpr std::size_t capacity = 1024;
  std::size_t size = 0;
  alignas(64) std::array<std::uint64_t, capacity + 8> key;  // label << 6 | lane
  alignas(64) std::array<double, capacity + 8> mark;        // count times hazard
};
// Arrivals below the limits, each lane's in rising order, to `out`, from its start. True: there are more.
bool walk(Walk&, Arrivals& out);

// Each obligor's own 53-bit uniform (draw 0 of its stream) against the conditional PD: bit `lane` of hit[i] is its default.
void compare(std::uint64_t seed, std::uint32_t first_scenario, std::span<const Obligor>, const double* pd,
             std::uint64_t* hit);

}  // namespace tailcube::sample
