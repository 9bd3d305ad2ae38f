#pragma once
// Losses and ways to split them, for the tests of the tally.
#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "kernels/tally/tally.h"

namespace tailcube::test {

enum class Law { lognormal, symmetric, lumpy, zero };

// Lognormal losses with gains; losses of both signs with heavy tails; a few loss sizes with many ties; nothing but zero.
inline std::vector<Units> sample(Law law, std::size_t n, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  std::student_t_distribution<double> heavy(3);
  std::vector<Units> x(n);
  for (Units& v : x) {
    if (law == Law::lognormal) v = std::llround(1024 * 1e6 * (std::exp(1.2 * normal(random)) - 0.5));
    if (law == Law::symmetric) v = std::llround(1024 * 1e5 * heavy(random));
    if (law == Law::lumpy) v = random() % 20 == 0 ? 256'000 * static_cast<Units>(1 + random() % 4) : 0;
    if (law == Law::zero) v = 0;
  }
  return x;
}

inline constexpr Law all_laws[] = {Law::lognormal, Law::symmetric, Law::lumpy, Law::zero};

// Calls add(owner, first, count) for blocks of 64 scenarios in random order, each with a random owner.
template <class Add>
void in_random_partition(std::size_t n, std::size_t owners, std::mt19937_64& random, Add add) {
  std::vector<std::size_t> blocks((n + 63) / 64);
  for (std::size_t i = 0; i < blocks.size(); ++i) blocks[i] = i * 64;
  std::shuffle(blocks.begin(), blocks.end(), random);
  for (const std::size_t first : blocks) add(random() % owners, first, std::min<std::size_t>(64, n - first));
}

}  // namespace tailcube::test
