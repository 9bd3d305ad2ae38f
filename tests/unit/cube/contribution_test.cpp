// Euler contributions: worked by hand, against the reference cube, whatever the split of the scenarios, and their errors by
// repeated simulation.
#include "src/cube/contribution.h"
#include "kernels/math/functions.h"
#include "kernels/random/stream.h"
#include "samples.h"
#include "tests/catch_any.h"
#include "tests/reference.h"

using namespace tailcube;

namespace {

// One child's contribution, from losses of parent and child by scenario.
ContributionEstimate contribution(const Tail::Worst& worst, const std::vector<Units>& child, Confidence alpha,
                                  std::int64_t surely_kept = 1001) {
  const auto n = static_cast<std::int64_t>(child.size());
  const auto cut = tail_cut(worst, n, surely_kept, alpha);
  REQUIRE(cut);
  EdgeSums sums;
  for (std::int64_t rank = 0; rank < cut->size(); ++rank) {
    LossPowers& part = rank < cut->worse - cut->near ? sums.far : rank < cut->worse ? sums.near : sums.tied;
    part.add(child[worst.scenario[static_cast<std::size_t>(rank)]]);
  }
  return estimate_contribution(sums, *cut, n, alpha);
}

ContributionEstimate contribution(const std::vector<Units>& parent, const std::vector<Units>& child, Confidence alpha) {
  Tally tally = test::tally_of(parent, false);
  return contribution(tally.tail.worst(), child, alpha);
}

std::vector<Units> sum(const std::vector<std::vector<Units>>& children) {
  std::vector<Units> out(children[0].size());
  for (const auto& child : children)
    for (std::size_t s = 0; s < out.size(); ++s) out[s] += child[s];
  return out;
}

}  // namespace

TEST_CASE("contributions worked by hand") {
  // Ten scenarios at 75 %: the 2.5 worst, which are 5, 3 and half of 8.
  const std::vector<Units> a = {0, 10, 20, 70, -5, 80, 1, 2, 10, 4}, b = {1, 2, 3, 20, 0, 40, 1, -1, 30, 5};
  const auto of_a = contribution(sum({a, b}), a, {75, 100}), of_b = contribution(sum({a, b}), b, {75, 100});
  CHECK(of_a.value == Approx((80 + 70 + 0.5 * 10) / 2.5));
  CHECK(of_b.value == Approx((40 + 20 + 0.5 * 30) / 2.5));
  CHECK(of_a.value + of_b.value == Approx(test::sorted_estimate(sum({a, b}), {75, 100}).expected_shortfall));
  CHECK(of_a.standard_error > 0);
  // One scenario says nothing about its error.
  CHECK(contribution(sum({a, b}), a, {9, 10}).value == Approx(80));
  CHECK(std::isnan(contribution(sum({a, b}), a, {9, 10}).standard_error));
}

TEST_CASE("scenarios whose loss is VaR share what is missing alike") {
  // Twelve at 75 %: three scenarios, the one of 9 and of the three of 5 as many as are missing, the first two.
  const std::vector<Units> parent = {5, 1, 9, 5, 0, 0, 5, 2, 0, 0, 1, 1}, child = {1, 0, 4, 2, 0, 0, 6, 2, 0, 0, 1, 1};
  CHECK(contribution(parent, child, {75, 100}).value == Approx((4 + 1 + 2) / 3.0));
  Tally tally = test::tally_of(parent, false);
  const auto cut = tail_cut(tally.tail.worst(), 12, 1001, {75, 100});
  REQUIRE(cut);
  CHECK(*cut == TailCut{1, 2, 0});
}

TEST_CASE("a cut does not depend on how scenarios were split") {
  // Half of the losses beyond VaR are one number, which covers far more scenarios than any keeper lists.
  constexpr std::int64_t n = 60'000;
  const StreamId id = stream("test", "split");
  std::vector<Units> losses(n);
  for (std::uint32_t s = 0; s < n; ++s) {
    const double u = uniform(9, id, s, 0);
    losses[s] = u < 0.01 ? 1000 + static_cast<Units>(1e5 * u) : u < 0.6 ? 500 : 0;
  }
  const auto cut_of = [&](std::size_t parts) {
    Tail all({98, 100, 1001, true});
    for (std::size_t p = 0; p < parts; ++p) {
      Tail part({98, 100, 1001, true});
      const std::size_t from = losses.size() / parts * p;
      part.add(std::span(losses).subspan(from, losses.size() / parts), {}, from);
      all.merge(part);
    }
    const Tail::Worst worst = all.worst();
    const auto cut = tail_cut(worst, n, 1001, {98, 100});
    REQUIRE(cut);
    const std::span listed = worst.scenario.first(static_cast<std::size_t>(cut->size()));
    return std::pair(*cut, std::vector<std::uint32_t>(listed.begin(), listed.end()));
  };
  const auto whole = cut_of(1);
  CHECK(whole.first.tied > 100);
  for (const std::size_t parts : {2u, 5u, 30u}) CHECK(cut_of(parts) == whole);
}

TEST_CASE("contributions of the reference cube") {
  const auto file = test::reference("cube_small");
  if (!file) return;
  const auto& in = (*file)["inputs"];
  std::size_t checked = 0;
  for (const auto& expected : (*file)["expected"]["results"]) {
    CAPTURE(expected.dump());
    const std::string name = expected["horizon"];
    std::size_t h = 0;
    while (in["horizons"][h] != name) ++h;
    std::vector<std::vector<Units>> children(in["positions"].size());
    for (const auto& scenario : in["losses_cents"])
      for (std::size_t p = 0; p < children.size(); ++p) children[p].push_back(scenario[h][p].get<Units>());
    const auto parent = sum(children);
    const Confidence alpha =
        test::decimal(expected["alpha"].is_string() ? expected["alpha"].get<std::string>() : expected["alpha"].dump());
    for (std::size_t p = 0; p < children.size(); ++p, ++checked)
      CHECK(contribution(parent, children[p], alpha).value / 100 ==
            Approx(expected["euler_ES"][p].get<double>()).epsilon(1e-12));
  }
  CHECK(checked > 0);
}

TEST_CASE("errors of contributions cover as often as they say") {
  // Normal children with covariance c: the contribution to ES is Cov(x, L) / sd(L) phi(z) / (1 - alpha) (Tasche 2000). The
  // third hedges: its contribution is negative. 2 000 repetitions of 2 000 scenarios at 95 %: 4.9 standard deviations of a
  // count.
  constexpr int repetitions = 2000;
  constexpr std::uint32_t n = 2000;
  constexpr double scale = 0x1p24, z = 1.6448536269514722;
  const double mix[3][3] = {{1, 0, 0}, {0.5, 2, 0}, {-0.6, -0.3, 0.5}};
  double variance = 0, covariance[3] = {}, total[3] = {};
  for (int k = 0; k < 3; ++k) total[k] = mix[0][k] + mix[1][k] + mix[2][k], variance += total[k] * total[k];
  for (int i = 0; i < 3; ++i)
    for (int k = 0; k < 3; ++k) covariance[i] += mix[i][k] * total[k];
  const double per_sd = normal_pdf(z) / 0.05;
  int covered[3] = {};
  double sum_of[3] = {}, squares[3] = {}, mean_square_error[3] = {};
  for (int r = 0; r < repetitions; ++r) {
    std::vector<std::vector<Units>> children(3, std::vector<Units>(n));
    for (std::uint32_t s = 0; s < n; s += lanes) {
      alignas(64) std::array<double, 3 * lanes> x;
      normal_draws(500 + static_cast<std::uint64_t>(r), stream("test", "euler"), s, 0, x);
      for (std::uint32_t l = 0; l < lanes && s + l < n; ++l)
        for (std::size_t i = 0; i < 3; ++i) {
          double loss = 0;
          for (std::size_t k = 0; k < 3; ++k) loss += mix[i][k] * x[k * lanes + l];
          children[i][s + l] = std::llround(scale * loss);
        }
    }
    const std::vector<Units> parent = sum(children);
    Tally tally = test::tally_of(parent, false, 1001, {95, 100});
    const Tail::Worst worst = tally.tail.worst();
    for (std::size_t i = 0; i < 3; ++i) {
      const auto e = contribution(worst, children[i], {95, 100});
      const double error = e.value / scale - covariance[i] / std::sqrt(variance) * per_sd;
      covered[i] += std::fabs(error) <= normal_975 * e.standard_error / scale;
      sum_of[i] += error, squares[i] += error * error;
      mean_square_error[i] += e.standard_error / scale * e.standard_error / scale;
    }
  }
  const auto tolerance = [](double p) { return 4.9 * std::sqrt(p * (1 - p) / repetitions); };
  for (std::size_t i = 0; i < 3; ++i) {
    const double share = static_cast<double>(covered[i]) / repetitions, bias = sum_of[i] / repetitions;
    const double spread = squares[i] / repetitions - bias * bias;
    INFO("child " << i << ": covered " << share << ", bias " << bias << ", variance " << spread << ", as estimated "
                  << mean_square_error[i] / repetitions);
    CHECK(share > 0.93 - tolerance(0.93));
    CHECK(share < 0.95 + tolerance(0.95));
    CHECK(std::fabs(mean_square_error[i] / repetitions / spread - 1) < 4.9 * std::sqrt(2.0 / repetitions) + 0.05);
  }
}
