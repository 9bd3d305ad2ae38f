#include "kernels/credit/defaults.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "kernels/credit/recoveries.h"
#include "kernels/credit/sample.h"
#include "kernels/math/functions.h"

namespace tailcube {
namespace {

constexpr std::size_t lane_count = static_cast<std::size_t>(lanes);

// sqrt(W / dof), one W per scenario; 1 for the Gaussian copula. All cells of a block share it.
const double* scale(const CreditModel& model, CreditScratch& scratch, const Block& block) {
  CreditScratch::Mixing& m = scratch.mixing;
  if (m.known && m.seed == block.seed && m.first_scenario == block.first_scenario && m.stream == model.mixing &&
      m.dof == model.dof)
    return m.scale.data();
  if (model.dof > 0) {
    uniforms(block.seed, model.mixing, static_cast<std::uint32_t>(block.first_scenario), 0, m.scale);
    for (double& s : m.scale) s = std::sqrt(chi_squared_quantile(s, model.dof) / model.dof);
  } else {
    m.scale.fill(1);
  }
  m.known = true, m.seed = block.seed, m.first_scenario = block.first_scenario;
  m.stream = model.mixing, m.dof = model.dof;
  return m.scale.data();
}

class BucketSampler {
 public:
  BucketSampler(const CreditModel& model, const Bucket& bucket, CreditScratch& scratch, Block& block)
      : model_(model), bucket_(bucket), scratch_(scratch), block_(block) {}

  void sparse(const double* hazard) {
    scratch_.key.clear();
    scratch_.mark.clear();
    sample::Walk walk(block_.seed, bucket_.stream, first_scenario(), bucket_.count, hazard);
    sample::Arrivals arrivals;
    for (bool more = true; more;) {
      more = sample::walk(walk, arrivals);
      model_.steps == 1 ? mark_hits(arrivals) : keep_first(arrivals);
    }
    const std::size_t before = emit();
    if (model_.steps == 1) return;
    place_marks(before);
    for (std::size_t i = 0; i < scratch_.score.size(); i += lane_count) to_scores_of_marks(i);
    find_steps(before);
  }

  void per_obligor(const double* pd) {
    sample::compare(block_.seed, first_scenario(), {model_.obligors.data() + bucket_.first, bucket_.count}, pd,
                    scratch_.hit.data());
    const std::size_t before = emit();
    if (model_.steps == 1) return;
    resize_scores(before);
    for (std::size_t i = before; i < block_.defaults.size(); ++i) {
      const Default& d = block_.defaults[i];
      scratch_.score[i - before] =
          uniform(block_.seed, model_.obligors[static_cast<std::size_t>(d.obligor)].stream, first_scenario() + d.lane, 0);
    }
    for (std::size_t i = 0; i < scratch_.score.size(); i += lane_count) normal_quantile(scores(i), scores(i));
    find_steps(before);
  }

 private:
  std::uint32_t first_scenario() const { return static_cast<std::uint32_t>(block_.first_scenario); }

  void mark_hits(const sample::Arrivals& arrivals) {
    for (std::size_t i = 0; i < arrivals.size; ++i)
      scratch_.hit[arrivals.key[i] >> 6] |= std::uint64_t{1} << (arrivals.key[i] & 63);
  }
  // Only an obligor's first arrival counts.
  void keep_first(const sample::Arrivals& arrivals) {
    for (std::size_t i = 0; i < arrivals.size; ++i) {
      std::uint64_t& hit = scratch_.hit[arrivals.key[i] >> 6];
      const std::uint64_t bit = std::uint64_t{1} << (arrivals.key[i] & 63);
      if (hit & bit) continue;
      hit |= bit;
      scratch_.key.push_back(arrivals.key[i]);
      scratch_.mark.push_back(arrivals.mark[i]);
    }
  }

  // Appends the hits as defaults at step 1, by (obligor, lane); returns where they start.
  std::size_t emit() {
    std::vector<Default>& defaults = block_.defaults;
    const std::size_t before = defaults.size();
    std::size_t count = 0;
    for (std::uint32_t i = 0; i < bucket_.count; ++i) {
      scratch_.offset[i] = static_cast<std::uint32_t>(count);
      count += static_cast<std::size_t>(std::popcount(scratch_.hit[i]));
    }
    defaults.resize(before + count);
    Default* out = defaults.data() + before;
    for (std::uint32_t i = 0; i < bucket_.count; ++i) {
      const ObligorIndex obligor{bucket_.first + i};
      const double lgd = model_.obligors[bucket_.first + i].loss_given_default;
      for (std::uint64_t bits = scratch_.hit[i]; bits != 0; bits &= bits - 1)
        *out++ = {obligor, static_cast<std::uint16_t>(std::countr_zero(bits)), 1, lgd};
    }
    return before;
  }

  void resize_scores(std::size_t before) {
    const std::size_t count = block_.defaults.size() - before;
    scratch_.score.assign((count + lane_count - 1) / lane_count * lane_count, 0.5);  // whole vectors
  }
  Lanes scores(std::size_t from) { return Lanes(scratch_.score.data() + from, lane_count); }

  void place_marks(std::size_t before) {
    resize_scores(before);
    for (std::size_t i = 0; i < scratch_.key.size(); ++i) {
      const std::uint64_t label = scratch_.key[i] >> 6, below = (std::uint64_t{1} << (scratch_.key[i] & 63)) - 1;
      const auto rank = static_cast<std::size_t>(std::popcount(scratch_.hit[label] & below));
      scratch_.score[scratch_.offset[label] + rank] = scratch_.mark[i] / bucket_.count;
    }
  }
  // Phi^-1(1 - exp(-t)), from the smaller of the two tails.
  void to_scores_of_marks(std::size_t from) {
    alignas(64) std::array<double, lanes> survival;
    const Lanes t = scores(from);
    for (std::size_t l = 0; l < lane_count; ++l) survival[l] = -t[l];
    exp(survival, survival);
    alignas(64) std::array<double, lanes> tail;
    for (std::size_t l = 0; l < lane_count; ++l) {
      const double small = t[l] * (1 - t[l] / 2 * (1 - t[l] / 3 * (1 - t[l] / 4 * (1 - t[l] / 5 * (1 - t[l] / 6)))));
      tail[l] = std::max(0x1p-1000, t[l] < 0x1p-6 ? small : std::min(1 - survival[l], survival[l]));
    }
    normal_quantile(tail, tail);
    for (std::size_t l = 0; l < lane_count; ++l) t[l] = survival[l] < 0.5 ? -tail[l] : tail[l];
  }

  // The first n with score < M_n; rounding cannot push it past the last step, where it was found to default.
  void find_steps(std::size_t before) {
    for (std::size_t i = before; i < block_.defaults.size(); ++i) {
      Default& d = block_.defaults[i];
      const double score = scratch_.score[i - before];
      int low = 0, high = model_.steps - 1;
      while (low < high) {
        const int middle = (low + high) / 2;
        score < scratch_.running(0, middle)[d.lane] ? high = middle : low = middle + 1;
      }
      d.step = static_cast<std::uint16_t>(low + 1);
    }
  }

  const CreditModel& model_;
  const Bucket& bucket_;
  CreditScratch& scratch_;
  Block& block_;
};

}  // namespace

void draw_defaults(const CreditModel& model, CreditScratch& scratch, Block& block) {
  block.defaults.clear();
  block.mean_conditional_pd.fill(0);
  if (model.obligors.empty()) return;
  const double* const mixing = scale(model, scratch, block);
  if (scratch.running.steps() != model.steps) scratch.running = LaneTable(1, model.steps);
  alignas(64) std::array<double, lanes> pd, hazard;
  for (const Bucket& bucket : model.buckets) {
    sample::distances(model, bucket, block.factors, mixing, scratch.running.data());
    sample::conditional(scratch.running(0, model.steps - 1).data(), pd.data(), hazard.data());
    for (std::size_t l = 0; l < lane_count; ++l) block.mean_conditional_pd[l] += bucket.count * pd[l];
    scratch.hit.assign(bucket.count, 0);
    scratch.offset.resize(bucket.count);
    BucketSampler sampler(model, bucket, scratch, block);
    model.sampler == Sampler::sparse ? sampler.sparse(hazard.data()) : sampler.per_obligor(pd.data());
  }
  for (double& mean : block.mean_conditional_pd) mean /= static_cast<double>(model.obligors.size());
  draw_recoveries(model, block);
}

}  // namespace tailcube
