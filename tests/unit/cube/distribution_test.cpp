#include "src/cube/distribution.h"

#include <random>

#include "samples.h"
#include "tests/catch_any.h"

using namespace tailcube;

TEST_CASE("the bins of the distribution hold the losses between their edges") {
  std::mt19937_64 random(5);
  std::normal_distribution<double> normal;
  const double unit = 1.0 / 1024;
  std::vector<std::vector<Units>> x(3);
  for (int i = 0; i < 2000; ++i) {
    x[0].push_back(std::llround(1e9 * std::exp(normal(random))));
    x[1].push_back(std::llround(-1e6 * normal(random)));
    x[2].push_back(random() % 2 ? 0 : -7);
  }
  Distribution distribution(3);
  for (std::size_t p = 0; p < 3; ++p) {
    Histogram h(p == 1 ? 7 : 3, p == 1);
    h.add(x[p]);
    distribution.add(p, h);
  }
  Cube cube;
  cube.unit = unit;
  distribution.write(cube);
  const std::size_t bins = cube.bin_edge.size() - 1;
  REQUIRE(cube.bin_count.size() == 3 * bins);
  CHECK(bins < 400);
  CHECK(std::is_sorted(cube.bin_edge.begin(), cube.bin_edge.end(), std::less_equal<>()));
  for (std::size_t p = 0; p < 3; ++p)
    for (std::size_t b = 0; b < bins; ++b) {
      const auto inside = std::count_if(x[p].begin(), x[p].end(), [&](Units v) {
        const double money = static_cast<double>(v) * unit;
        return cube.bin_edge[b] <= money && money < cube.bin_edge[b + 1];
      });
      REQUIRE(cube.bin_count[p * bins + b] == inside);
      REQUIRE(cube.bin_weight[p * bins + b] == static_cast<double>(inside));
    }
}

TEST_CASE("a distribution of nothing") {
  Cube cube;
  cube.unit = 1;
  Distribution(2).write(cube);
  CHECK(cube.bin_edge.empty());
  CHECK(cube.bin_count.empty());
}
