#include "kernels/tally/moments.h"

#include "samples.h"
#include "tests/catch_any.h"

using namespace tailcube;

TEST_CASE("moments are the sums they are named after") {
  const std::vector<Units> x = {3, -5, 0, 7};
  Moments m;
  m.add(x);
  CHECK(m.count == 4);
  CHECK(m.positive == 2);
  CHECK(bool(m.weight == Wide{4} * unit_weight));
  CHECK(bool(m.positive_weight == Wide{2} * unit_weight));
  CHECK(bool(m.sum == Wide{5} << sum_fraction_bits));
  CHECK(bool(m.sum_of_squares == 83));
  CHECK(bool(m.weighted_squares == 83));
}

TEST_CASE("moments of any size and length are a plain loop's") {
  std::mt19937_64 random(8);
  for (const int bits : {0, 1, 31, 32, 33, 45, 46, 47, 55})
    for (const std::size_t n : {1u, 3u, 64u, 4095u, 4096u, 4101u, 9000u}) {
      CAPTURE(bits, n);
      std::vector<Units> x(n);
      const Units largest = Units{1} << bits;
      for (Units& v : x) v = static_cast<Units>(random() % static_cast<std::uint64_t>(2 * largest + 1)) - largest;
      x[0] = largest, x[n / 2] = -largest;
      Wide sum = 0, squares = 0;
      std::int64_t positive = 0;
      for (const Units v : x) sum += v, squares += Wide{v} * v, positive += v > 0;
      Moments m;
      m.add(x);
      CHECK(m.count == static_cast<std::int64_t>(n));
      CHECK(m.positive == positive);
      CHECK(bool(m.sum == sum * (Wide{1} << sum_fraction_bits)));
      CHECK(bool(m.sum_of_squares == squares));
      CHECK(bool(m.weighted_squares == squares));
    }
}

TEST_CASE("weights of one written out are the same as no weights") {
  const auto x = test::sample(test::Law::symmetric, 1000, 1);
  Moments plain, weighted;
  plain.add(x);
  weighted.add(x, std::vector<std::int64_t>(x.size(), unit_weight));
  CHECK(bool(plain == weighted));
}

TEST_CASE("weighted moments round each term once") {
  // w = 3/8 and 1 + 2^-56: w x = 1.125 and 5 + 5 2^-56, w x^2 = 3.375 and 25 + 25 2^-56, (w x)^2 = 1.2656 and 25 + 50 2^-56.
  Moments m;
  m.add(std::vector<Units>{3, 5}, std::vector<std::int64_t>{3 * unit_weight / 8, unit_weight + 1});
  CHECK(bool(m.weight == Wide{unit_weight} + 3 * unit_weight / 8 + 1));
  CHECK(bool(m.weight_squared == Wide{9} * unit_weight / 64 + unit_weight + 2));
  CHECK(bool(m.sum == (Wide{49} << sum_fraction_bits) / 8));
  CHECK(bool(m.sum_of_squares == 28));
  CHECK(bool(m.weighted_squares == 26));
  // A large loss with a small weight: w x^2 = 2^-40 2^90 = 2^50 although x^2 w has 146 bits before the shift.
  Moments rare;
  rare.add(std::vector<Units>{-(Units{1} << 45)}, std::vector<std::int64_t>{unit_weight >> 40});
  CHECK(bool(rare.sum_of_squares == Wide{1} << 50));
  CHECK(bool(rare.weighted_squares == Wide{1} << 10));
  CHECK(bool(rare.sum == -(Wide{1} << (5 + sum_fraction_bits))));
}

TEST_CASE("moments notice a sum that becomes too large") {
  const Units large = (Units{1} << 62) - 1;
  Moments m;
  m.add(std::vector<Units>{large, -large});
  CHECK(bool(m.sum == 0));
  CHECK_THROWS_AS(
      [&] {
        for (int i = 0; i < 64; ++i) m.add(std::vector<Units>{large, large});
      }(),
      std::overflow_error);
  CHECK_THROWS_AS(Moments{}.add(std::vector<Units>(8, large)), std::overflow_error);
  Moments a, b;
  for (int i = 0; i < 3; ++i) a.add(std::vector<Units>{large, large});
  b = a;
  CHECK_THROWS_AS(a.merge(b), std::overflow_error);
}
