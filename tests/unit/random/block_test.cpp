// A scenario alone is the same scenario in any block, at every instruction set.
#include <bit>
#include <string>
#include <vector>

#include "kernels/math/functions.h"
#include "kernels/random/stream.h"
#include "tests/catch_any.h"

using namespace tailcube;

TEST_CASE("blocks give the bits of single draws at every width") {
  const std::uint64_t seed = 20240229;
  const StreamId id = stream("test", "blocks");
  for (const std::string name : {"avx512", "avx2"}) {
    REQUIRE(limit_simd(name));
    INFO(simd_name());
    for (const std::uint32_t first : {0u, 64u, 128000u, 0x7fffffc0u, 0xffffffc0u})
      for (const std::uint32_t draw : {0u, 1u, 2u, 1000u, 0x7fffffffu}) {
        std::array<std::uint32_t, lanes> some_words;
        std::array<double, lanes> some_uniforms, some_normals;
        words(seed, id, first, draw, some_words);
        uniforms(seed, id, first, draw, some_uniforms);
        normals(seed, id, first, draw, some_normals);
        for (std::uint32_t i = 0; i < lanes; ++i) {
          INFO("scenario " << first + i << ", draw " << draw);
          CHECK(some_words[i] == word(seed, id, first + i, draw));
          CHECK(some_uniforms[i] == uniform(seed, id, first + i, draw));
          CHECK(some_normals[i] == normal(seed, id, first + i, draw));
        }
      }
  }
  limit_simd("avx512");
}

TEST_CASE("draws at any addresses are the draws one by one at every width") {
  std::array<StreamId, lanes> ids;
  std::array<std::uint32_t, lanes> scenarios;
  for (std::uint32_t i = 0; i < lanes; ++i) {
    ids[i] = stream("test", std::to_string(i / 3));
    scenarios[i] = i % 5 == 0 ? 0xffffffffu - i : 977 * i;
  }
  for (const std::string name : {"avx512", "avx2"}) {
    REQUIRE(limit_simd(name));
    for (const std::uint32_t draw : {0u, 1u, 0x7fffffffu}) {
      std::array<double, lanes> found;
      uniforms(20240229, ids, scenarios, draw, found);
      for (std::size_t i = 0; i < ids.size(); ++i) CHECK(found[i] == uniform(20240229, ids[i], scenarios[i], draw));
    }
  }
  limit_simd("avx512");
}

TEST_CASE("gathered scenarios get the bits of single draws at every width") {
  const StreamId id = stream("test", "gathered");
  std::array<std::uint32_t, lanes> scenario;
  for (std::uint32_t i = 0; i < lanes; ++i) scenario[i] = i % 7 == 0 ? 0xffffffffu - i : 389 * i + i / 4;
  const ScenarioLanes gathered(scenario);
  for (const std::string name : {"avx512", "avx2"}) {
    REQUIRE(limit_simd(name));
    std::array<std::uint32_t, lanes> some_words;
    std::array<double, lanes> some_uniforms, some_normals;
    words(20240229, id, gathered, 5, some_words);
    uniforms(20240229, id, gathered, 5, some_uniforms);
    normals(20240229, id, gathered, 5, some_normals);
    for (std::size_t i = 0; i < lanes; ++i) {
      INFO("scenario " << scenario[i]);
      CHECK(some_words[i] == word(20240229, id, scenario[i], 5));
      CHECK(some_uniforms[i] == uniform(20240229, id, scenario[i], 5));
      CHECK(some_normals[i] == normal(20240229, id, scenario[i], 5));
    }
  }
  limit_simd("avx512");
}

TEST_CASE("consecutive draws are the draws one by one") {
  const StreamId id = stream("test", "consecutive");
  std::vector<double> all(7 * lanes);
  normal_draws(3, id, 640, 11, all);
  for (std::uint32_t i = 0; i < 7; ++i) {
    std::array<double, lanes> one;
    normals(3, id, 640, 11 + i, one);
    CHECK(std::equal(one.begin(), one.end(), all.begin() + i * lanes));
  }
}

TEST_CASE("many normals at both widths have the same bits") {
  const StreamId id = stream("test", "widths");
  std::vector<double> wide(2000 * lanes), narrow(wide.size());
  limit_simd("avx512");
  normal_draws(9, id, 0, 0, wide);
  limit_simd("avx2");
  normal_draws(9, id, 0, 0, narrow);
  limit_simd("avx512");
  CHECK(wide == narrow);
}
