#pragma once
// What a lognormal factor does inside the steps, given where it stands at them: Brownian bridges between jumps.
#include "kernels/market/market.h"

namespace tailcube {

// Block::lows and Block::landings of a factor, from its simulated values in Block::factors before any overlay; it does not
// jump before step `jumps_after` has passed. Draws nothing that the values at the steps depend on.
//   lowest value of a piece: uniform (n - 1)(K + 1) + piece of `bridge`
//   time of jump i of step n, its part of their sum, the diffusion there: number (n - 1) K + i of `jump_time` (uniforms),
//   `jump_part` and `bridge_path` (normals); K is the length of Transition::jump_tail.
void draw_lows(const FactorModel&, std::size_t factor, int jumps_after, Block&);

// An overlay inside the steps: what it does at step n - 1 it does until step n.
void overlay_lows(const Shock&, int steps, Block&);

}  // namespace tailcube
