#include "kernels/market/jumps.h"

#include <array>

#include "kernels/market/lane_loops.h"

namespace tailcube {

int draw_jump_counts(const Factor& f, const Transition& t, const Block& block, int step, Lanes count) {
  alignas(64) std::array<double, lanes> u;
  // k or more jumps where u < P(at least k): inversion from the side of many jumps, where uniforms are fine.
  uniforms(block.seed, f.jump_count, block.numbers(), static_cast<std::uint32_t>(step) - 1, u);
  return market::count_below(t.jump_tail, u, count);
}

bool draw_jumps(const Factor& f, const Transition& t, const Block& block, int step, Lanes out) {
  const ScenarioLanes scenario = block.numbers();
  const auto draw = static_cast<std::uint32_t>(step) - 1;
  alignas(64) std::array<double, lanes> count, z{};
  const int jumping = draw_jump_counts(f, t, block, step, count);
  if (jumping == 0) return false;

  constexpr int few = 6;  // up to here single draws are cheaper than a row of all lanes; both give the same bits
  if (jumping > few)
    normals(block.seed, f.jump_size, scenario, draw, z);
  else
    for (std::uint32_t l = 0; l < lanes; ++l)
      if (count[l] > 0) z[l] = normal(block.seed, f.jump_size, scenario[l], draw);
  market::sums_of_normals(f.jump_mean, f.jump_volatility, count, z, out);
  return true;
}

}  // namespace tailcube
