// What a value costs in each accumulator, alone and with hundreds of tallies live: CPU ns per value, best of a few rounds.
#include <cmath>
#include <cstdio>
#include <ctime>
#include <random>

#include "kernels/tally/tally.h"

using namespace tailcube;

namespace {

double now() { return 1e9 * static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

std::vector<Units> lognormal_losses(std::size_t n) {
  std::mt19937_64 random(3);
  std::normal_distribution<double> normal;
  std::vector<Units> x(n);
  for (Units& v : x) v = std::llround(1024 * 1e6 * (std::exp(1.2 * normal(random)) - 1));
  return x;
}

// `block` scenarios a call, the tallies in turn, as the engine does it.
template <class Accumulator, class Fold>
void measure(const char* name, std::size_t tallies, std::size_t block, const Accumulator& start, const Fold& fold) {
  static const std::vector<Units> values = lognormal_losses(std::size_t{1} << 20);
  const std::size_t calls = values.size() / block;
  std::vector<Accumulator> all(tallies, start);
  const std::size_t blocks = std::max<std::size_t>(1, (std::size_t{50} << 20) / (tallies * block));
  double best = 1e300;
  std::uint64_t scenario = 0;
  for (int round = 0; round < 5; ++round) {
    const double begin = now();
    for (std::size_t b = 0; b < blocks; ++b, scenario += block)
      for (std::size_t i = 0; i < tallies; ++i)
        fold(all[i], std::span<const Units>(values).subspan((b * tallies + i) * 37 % calls * block, block), scenario);
    best = std::min(best, now() - begin);
  }
  std::printf("%-34s %4zu tallies, %4zu a call: %.2f ns/value\n", name, tallies, block,
              best / static_cast<double>(blocks * tallies * block));
}

void all_with(std::size_t tallies, std::size_t block) {
  using Losses = std::span<const Units>;
  const Tail::Keep fixed{95, 100, 1001, false}, growing{95, 100, 1001, true};
  measure("moments", tallies, block, Moments{}, [](Moments& m, Losses x, std::uint64_t) { m.add(x); });
  measure("histogram, 3 bits", tallies, block, Histogram(3), [](Histogram& h, Losses x, std::uint64_t) { h.add(x); });
  measure("histogram, 7 bits with sums", tallies, block, Histogram(7, true),
          [](Histogram& h, Losses x, std::uint64_t) { h.add(x); });
  measure("tail of 1 001", tallies, block, Tail(fixed), [](Tail& t, Losses x, std::uint64_t s) { t.add(x, {}, s); });
  measure("tail of 5 %, growing", tallies, block, Tail(growing),
          [](Tail& t, Losses x, std::uint64_t s) { t.add(x, {}, s); });
  measure("tally, exact", tallies, block, Tally{{}, Histogram(3), Tail(growing)},
          [](Tally& t, Losses x, std::uint64_t s) { t.fold(x, {}, s); });
  measure("tally, binned", tallies, block, Tally{{}, Histogram(7, true), Tail(fixed)},
          [](Tally& t, Losses x, std::uint64_t s) { t.fold(x, {}, s); });
}

}  // namespace

int main() {
  all_with(1, 4096);
  all_with(800, 4096);
  all_with(800, 64);
}
