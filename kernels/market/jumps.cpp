#include "kernels/market/jumps.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace tailcube {
namespace {

// k or more jumps where u < P(at least k jumps): inversion from the side of many jumps, where uniforms are fine.
int count_jumps(const std::vector<double>& tail, double u) {
  const auto more = [u](double p) { return u < p; };
  return static_cast<int>(std::find_if_not(tail.begin(), tail.end(), more) - tail.begin());
}

double jump_sum(const Factor& f, int count, double z) {
  return count * f.jump_mean + f.jump_volatility * std::sqrt(static_cast<double>(count)) * z;
}

}  // namespace

bool draw_jumps(const Factor& f, const Transition& t, const Block& block, int step, Lanes out) {
  const auto first = static_cast<std::uint32_t>(block.first_scenario);
  const auto draw = static_cast<std::uint32_t>(step) - 1;
  std::array<std::uint32_t, lanes> high;
  words(block.seed, f.jump_count, first, 2 * draw, high);
  // The high word alone rules out most lanes: u >= high 2^-32.
  const auto limit = static_cast<std::uint64_t>(t.jump_tail.front() * 0x1p32);
  const auto candidates = std::count_if(high.begin(), high.end(), [&](std::uint32_t w) { return w <= limit; });
  if (candidates == 0) return false;

  constexpr int few = 8;  // below, single draws are cheaper than a row of all lanes; both give the same bits
  alignas(64) std::array<double, lanes> u, z;
  if (candidates > few) {
    uniforms(block.seed, f.jump_count, first, draw, u);
    normals(block.seed, f.jump_size, first, draw, z);
  }
  bool jumped = false;
  std::fill(out.begin(), out.end(), 0.0);
  for (std::uint32_t l = 0; l < lanes; ++l) {
    if (high[l] > limit) continue;
    const int count = count_jumps(t.jump_tail, candidates > few ? u[l] : uniform(block.seed, f.jump_count, first + l, draw));
    if (count == 0) continue;
    out[l] = jump_sum(f, count, candidates > few ? z[l] : normal(block.seed, f.jump_size, first + l, draw));
    jumped = true;
  }
  return jumped;
}

}  // namespace tailcube
