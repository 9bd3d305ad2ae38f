#include "kernels/credit/defaults.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "kernels/credit/sample.h"
#include "tests/catch_any.h"
#include "tests/unit/credit/plain_defaults.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

constexpr std::uint32_t drivers = 3;
const std::vector<BucketSpec> specs = {
    {0.001, {{FactorIndex{0}, 0.5}}, 300},
    {0.01, {}, 40},
    {0.02, {{FactorIndex{0}, 0.3}, {FactorIndex{2}, -0.4}}, 1},
    {0.05, {{FactorIndex{1}, 0.6}}, 7},
    {0.2, {{FactorIndex{2}, 0.9}}, 100},
    {0.9, {{FactorIndex{1}, 0.3}}, 25},
};

Block drawn(const CreditModel& model, std::uint64_t first_scenario = 0) {
  Block block = make_block(7, first_scenario, drivers, model.steps);
  CreditScratch scratch;
  draw_defaults(model, scratch, block);
  return block;
}
void redraw(const CreditModel& model, Block& block) {
  CreditScratch scratch;
  draw_defaults(model, scratch, block);
}
using Steps = std::map<std::pair<std::uint32_t, int>, int>;  // (obligor, lane) -> step
Steps steps_of(const Block& block) {
  Steps out;
  for (const Default& d : block.defaults) out[{static_cast<std::uint32_t>(d.obligor), d.lane}] = d.step;
  return out;
}

}  // namespace

TEST_CASE("defaults equal a plain scalar loop") {
  for (const Sampler sampler : {Sampler::sparse, Sampler::per_obligor})
    for (const int steps : {1, 2, 9, 10, 12, 17, 18, 20}) {
      const CreditModel model = make_model(specs, steps, sampler);
      CreditScratch scratch;
      Block block;
      for (std::uint64_t first = 0; first < 64 * 12; first += 64) {
        block.seed = 7, block.first_scenario = first;
        draw_drivers(block, drivers, steps);
        draw_defaults(model, scratch, block);
        CAPTURE(static_cast<int>(sampler), steps, first);
        REQUIRE(block.defaults.size() > 1000);
        REQUIRE(block.defaults == plain_defaults(model, block));
        for (std::size_t lane = 0; lane < lanes; ++lane) {
          double sum = 0;
          for (const Bucket& b : model.buckets) sum += b.count * normal_cdf(plain_distances(model, b, block, lane).back());
          REQUIRE(block.mean_conditional_pd[lane] ==
                  Approx(sum / static_cast<double>(model.obligors.size())).epsilon(1e-13));
        }
      }
    }
}

// Also where a bucket is left out, which leaves its obligors, and where some are in default already.
TEST_CASE("a block knows where the defaults of each obligor begin") {
  for (const Sampler sampler : {Sampler::sparse, Sampler::per_obligor})
    for (const std::ptrdiff_t left_out : {0, 2, 5}) {
      CreditModel model = make_model(specs, 4, sampler);
      model.buckets.erase(model.buckets.begin() + left_out);
      for (const std::uint64_t id : {1u, 2u}) model.obligors.push_back({StreamId{id}, 0.4}), ++model.in_default;
      Block block = drawn(model);
      std::fill(block.first_default.begin(), block.first_default.end(), 77u);
      redraw(model, block);
      REQUIRE(block.first_default.size() == model.obligors.size() + 1);
      REQUIRE(block.first_default.front() == 0);
      REQUIRE(block.first_default.back() == block.defaults.size());
      for (std::size_t o = 0; o < model.obligors.size(); ++o) {
        REQUIRE(block.first_default[o] <= block.first_default[o + 1]);
        for (std::uint32_t i = block.first_default[o]; i < block.first_default[o + 1]; ++i)
          REQUIRE(static_cast<std::size_t>(block.defaults[i].obligor) == o);
      }
    }
}

TEST_CASE("the t copula scales the threshold by one mixing variable per scenario") {
  for (const Sampler sampler : {Sampler::sparse, Sampler::per_obligor}) {
    CreditModel model = make_model(specs, 1, sampler);
    model.dof = 4;
    model.mixing = stream("mixing", "credit");
    CreditScratch scratch;
    for (std::uint64_t first = 0; first < 64 * 4; first += 64) {
      Block block = make_block(7, first, drivers, 1);
      draw_defaults(model, scratch, block);
      REQUIRE(block.defaults == plain_defaults(model, block));
    }
  }
}

TEST_CASE("terminal timing looks at the last step only") {
  for (const Sampler sampler : {Sampler::sparse, Sampler::per_obligor}) {
    CreditModel model = make_model(specs, 6, sampler);
    model.timing = Timing::terminal;
    for (std::size_t b = 0; b < specs.size(); ++b) {
      model.buckets[b].threshold = default_curve(specs[b].pd_1y, 1.0 / 6, 6);
      for (double& c : model.buckets[b].threshold) c = marginal_threshold(c);
    }
    Block block = drawn(model);
    REQUIRE(block.defaults == plain_defaults(model, block));
    const std::vector<Default> before = block.defaults;
    for (int n = 1; n < 6; ++n)
      for (double& d : block.factors(0u, n)) d += 1;
    redraw(model, block);
    REQUIRE(block.defaults == before);
  }
}

TEST_CASE("nobody defaults at steps without a threshold") {
  for (const Sampler sampler : {Sampler::sparse, Sampler::per_obligor}) {
    CreditModel model = make_model(specs, 6, sampler);
    for (Bucket& bucket : model.buckets)
      for (const std::size_t n : {0u, 3u, 5u}) bucket.threshold[n] = never;
    const Block block = drawn(model);
    REQUIRE(block.defaults == plain_defaults(model, block));
    std::array<int, 7> at{};
    for (const Default& d : block.defaults) ++at.at(d.step);
    for (const int n : {1, 4, 6}) REQUIRE(at[static_cast<std::size_t>(n)] == 0);
    for (const int n : {2, 3, 5}) REQUIRE(at[static_cast<std::size_t>(n)] > 0);
  }
}

TEST_CASE("instruction sets give the same defaults") {
  const std::string widest = simd_name();
  if (!widest.starts_with("AVX3")) WARN("only " << widest << " here");
  for (const Sampler sampler : {Sampler::sparse, Sampler::per_obligor})
    for (const int steps : {1, 12, 20}) {
      const CreditModel model = make_model(specs, steps, sampler);
      for (std::uint64_t first = 0; first < 64 * 20; first += 64) {
        const Block wide = drawn(model, first);
        REQUIRE(limit_simd("avx2"));
        const Block narrow = drawn(model, first);
        limit_simd("avx512");
        REQUIRE(wide.defaults == narrow.defaults);
        REQUIRE(wide.mean_conditional_pd == narrow.mean_conditional_pd);
      }
    }
}

TEST_CASE("a scenario does not know its neighbours") {
  for (const Sampler sampler : {Sampler::sparse, Sampler::per_obligor}) {
    const CreditModel model = make_model(specs, 4, sampler);
    Block block = drawn(model, 128);
    const Steps before = steps_of(block);
    constexpr int kept = 37;
    for (std::uint32_t f = 0; f < drivers; ++f)
      for (int n = 1; n <= 4; ++n)
        for (std::size_t l = 0; l < lanes; ++l)
          if (l != kept) block.factors(f, n)[l] = -3 + 0.1 * static_cast<double>(l);
    redraw(model, block);
    std::size_t same = 0;
    Steps after = steps_of(block);
    for (const auto& [who, step] : before)
      if (who.second == kept) {
        REQUIRE(after.at(who) == step);
        ++same;
      }
    REQUIRE(same > 10);
    REQUIRE(static_cast<std::size_t>(
                std::count_if(after.begin(), after.end(), [](const auto& e) { return e.first.second == kept; })) == same);
  }
}

TEST_CASE("a harsher cell never has fewer defaults, nor later ones") {
  for (const Sampler sampler : {Sampler::sparse, Sampler::per_obligor}) {
    std::vector<BucketSpec> positive = specs;
    positive[2].loadings[1].loading = 0.4;
    const CreditModel model = make_model(positive, 12, sampler);
    for (std::uint64_t first = 0; first < 64 * 10; first += 64) {
      Block block = drawn(model, first);
      const Steps base = steps_of(block);
      for (std::uint32_t f = 0; f < drivers; ++f)
        for (int n = 5; n <= 12; ++n)
          for (double& d : block.factors(f, n)) d -= 0.5 * f;
      redraw(model, block);
      const Steps harsh = steps_of(block);
      REQUIRE(harsh.size() > base.size());
      for (const auto& [who, step] : base) {
        REQUIRE(harsh.count(who) == 1);
        REQUIRE(harsh.at(who) <= step);
      }
    }
  }
}

TEST_CASE("what happens after a default does not change it") {
  constexpr int known = 7;
  for (const Sampler sampler : {Sampler::sparse, Sampler::per_obligor}) {
    const CreditModel model = make_model(specs, 12, sampler);
    for (std::uint64_t first = 0; first < 64 * 10; first += 64) {
      Block block = drawn(model, first);
      const auto early = [&] {
        Steps out = steps_of(block);
        std::erase_if(out, [](const auto& e) { return e.second > known; });
        return out;
      };
      const Steps before = early();
      for (std::uint32_t f = 0; f < drivers; ++f)
        for (int n = known + 1; n <= 12; ++n)
          for (std::size_t l = 0; l < lanes; ++l) block.factors(f, n)[l] = l % 2 ? 2.5 : -2.5;
      redraw(model, block);
      REQUIRE(before.size() > 100);
      REQUIRE(early() == before);
    }
  }
}

TEST_CASE("cells that share a block's draws get what each gets alone") {
  for (const Sampler sampler : {Sampler::sparse, Sampler::per_obligor})
    for (const int steps : {1, 12}) {
      const CreditModel model = make_model(specs, steps, sampler);
      CreditScratch scratch;
      std::vector<Block> blocks;
      std::vector<Block*> cells;
      constexpr std::array shifts{0.0, -1.5, 0.7, -4.0};
      // Of the first cells none is the worst in all scenarios, of the others one.
      for (const bool in_turn : {true, false})
        for (std::size_t cell = 0; cell < shifts.size(); ++cell) {
          blocks.push_back(make_block(7, 192, drivers, steps));
          for (std::uint32_t f = 0; f < drivers; ++f)
            for (int n = 1; n <= steps; ++n)
              for (std::size_t l = 0; l < lanes; ++l)
                blocks.back().factors(f, n)[l] += shifts[(cell + (in_turn ? l : 0)) % shifts.size()];
        }
      for (const std::size_t first : {0u, 4u})
        for (const char* simd : {"avx512", "avx2"}) {
          cells.clear();
          for (std::size_t c = first; c < first + shifts.size(); ++c) cells.push_back(&blocks[c]);
          REQUIRE(limit_simd(simd));
          draw_defaults(model, scratch, cells);
          limit_simd("avx512");
          for (Block* block : cells) {
            const std::vector<Default> together = block->defaults;
            const std::vector<std::uint32_t> begin = block->first_default;
            const auto mean = block->mean_conditional_pd;
            std::fill(block->first_default.begin(), block->first_default.end(), 77u);
            redraw(model, *block);
            REQUIRE(block->defaults.size() > 100);
            REQUIRE(together == block->defaults);
            REQUIRE(begin == block->first_default);
            REQUIRE(mean == block->mean_conditional_pd);
          }
        }
    }
}

TEST_CASE("adding an obligor changes its own bucket only, or nothing else at all") {
  const CreditModel model = make_model(specs, 3, Sampler::sparse);
  std::vector<BucketSpec> more = specs;
  more[4].count += 1;
  const CreditModel larger = make_model(more, 3, Sampler::sparse);
  const auto outside = [](const CreditModel& m, const Block& block, std::uint32_t from) {
    Steps out;
    for (const Default& d : block.defaults) {
      const auto who = static_cast<std::uint32_t>(d.obligor);
      if (who < m.buckets[4].first) out[{who, d.lane}] = d.step;
      if (who >= m.buckets[5].first) out[{who - from, d.lane}] = d.step;
    }
    return out;
  };
  REQUIRE(outside(model, drawn(model), 0) == outside(larger, drawn(larger), 1));

  CreditModel own = model, own_larger = larger;
  own.sampler = own_larger.sampler = Sampler::per_obligor;
  const std::uint32_t added = own.buckets[5].first;  // the new one is last in bucket 4
  Steps before = steps_of(drawn(own)), after;
  for (const auto& [who, step] : steps_of(drawn(own_larger)))
    if (who.first != added) after[{who.first - (who.first > added), who.second}] = step;
  REQUIRE(before == after);
}

TEST_CASE("a uniform whose high word ties is decided by its low word") {
  // Lane 5's uniform is known: put the conditional PD just above it, then just below.
  CreditModel model = make_model({{0.5, {}, 1}}, 1, Sampler::per_obligor);
  const double u = uniform(7, model.obligors[0].stream, 5, 0);
  for (const double shift : {0x1p-45, 0x1p-49, -0x1p-49, -0x1p-45}) {
    std::array<double, lanes> pd{};
    pd[5] = u + shift;
    std::uint64_t hit = 0;
    sample::compare(7, 0, model.obligors, pd.data(), 1, &hit);
    REQUIRE(hit == (shift > 0 ? std::uint64_t{1} << 5 : 0));
  }
}

TEST_CASE("PDs of zero and one") {
  for (const Sampler sampler : {Sampler::sparse, Sampler::per_obligor}) {
    const Block nothing = drawn(make_model({{0, {{FactorIndex{0}, 0.5}}, 50}}, 3, sampler));
    REQUIRE(nothing.defaults.empty());
    REQUIRE(nothing.mean_conditional_pd[0] == 0);
    const Block all = drawn(make_model({{1, {{FactorIndex{0}, 0.5}}, 50}}, 3, sampler));
    REQUIRE(all.defaults.size() == 50 * lanes);
    for (const Default& d : all.defaults) REQUIRE(d.step == 1);
    REQUIRE(all.mean_conditional_pd[0] == 1);
  }
}

TEST_CASE("no obligors, no defaults") {
  CreditModel model;
  model.steps = 2;
  REQUIRE(drawn(model).defaults.empty());
}
