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
  if (m.known && block.gathered == nullptr && m.seed == block.seed && m.first_scenario == block.first_scenario &&
      m.stream == model.mixing && m.dof == model.dof)
    return m.scale.data();
  if (model.dof > 0) {
    uniforms(block.seed, model.mixing, block.numbers(), 0, m.scale);
    for (double& s : m.scale) s = std::sqrt(chi_squared_quantile(s, model.dof) / model.dof);
  } else {
    m.scale.fill(1);
  }
  m.known = block.gathered == nullptr, m.seed = block.seed, m.first_scenario = block.first_scenario;
  m.stream = model.mixing, m.dof = model.dof;
  return m.scale.data();
}

// What the cells of a block make of one bucket.
class BucketSampler {
 public:
  BucketSampler(const CreditModel& model, const Bucket& bucket, CreditScratch& scratch, std::span<Block* const> cells)
      : model_(model), bucket_(bucket), scratch_(scratch), cells_(cells) {
    scratch.label.resize(bucket.count);
    scratch.hit.resize(bucket.count * (model.sampler == Sampler::sparse ? 1 : cells.size()));
  }

  void sparse(const LaneTable& hazard) {
    alignas(64) std::array<double, lanes> furthest{};
    for (std::size_t c = 0; c < cells_.size(); ++c)
      for (std::size_t l = 0; l < lane_count; ++l) furthest[l] = std::max(furthest[l], bucket_.count * hazard(c, 0)[l]);
    sample::points(cells_[0]->seed, bucket_.stream, scenarios(), bucket_.count, furthest.data(), scratch_.points);
    for (std::size_t c = 0; c < cells_.size(); ++c) {
      std::fill(scratch_.hit.begin(), scratch_.hit.end(), 0);
      find_hits(hazard(c, 0).data(), furthest);
      const std::size_t before = emit(*cells_[c], scratch_.hit.data());
      if (model_.steps == 1) continue;
      place_marks(*cells_[c], before);
      if (compare_marks())
        running_to_marks(c);
      else
        sample::scores_of_marks(bucket_.count, scratch_.score);
      find_steps(c, before);
    }
  }

  void per_obligor(const LaneTable& pd) {
    sample::compare(cells_[0]->seed, scenarios(), {model_.obligors.data() + bucket_.first, bucket_.count}, pd.data(),
                    cells_.size(), scratch_.hit.data());
    for (std::size_t c = 0; c < cells_.size(); ++c) {
      const std::size_t before = emit(*cells_[c], scratch_.hit.data() + c * bucket_.count);
      if (model_.steps == 1) continue;
      resize_scores(*cells_[c], before, 0.5);
      for (std::size_t i = before; i < cells_[c]->defaults.size(); ++i) {
        const Default& d = cells_[c]->defaults[i];
        scratch_.lane[i - before] = d.lane;
        scratch_.score[i - before] =
            uniform(cells_[c]->seed, model_.obligors[static_cast<std::size_t>(d.obligor)].stream, scenarios()[d.lane], 0);
      }
      for (std::size_t i = 0; i < scratch_.score.size(); i += lane_count) normal_quantile(scores(i), scores(i));
      find_steps(c, before);
    }
  }

 private:
  ScenarioLanes scenarios() const { return cells_[0]->numbers(); }

  // A default's step is where M_n passes its score, or count times hazard its mark, which is the same but for a tie in the
  // last digits. The scores are computed where fewer of them are expected; the rule knows nothing of cells or scenarios.
  bool compare_marks() const { return bucket_.count * normal_cdf(bucket_.threshold.back()) > model_.steps; }
  // M_n to count times hazard, in place.
  void running_to_marks(std::size_t cell) {
    alignas(64) std::array<double, lanes> pd;
    for (int n = 0; n < model_.steps; ++n) {
      const Lanes running = scratch_.running(cell, n);
      sample::conditional(running.data(), pd.data(), running.data());
      for (double& x : running) x *= bucket_.count;
    }
  }

  // The points below a cell's hazard: all of them, if no other's is above.
  void find_hits(const double* hazard, const std::array<double, lanes>& furthest) {
    alignas(64) std::array<double, lanes> limit;
    for (std::size_t l = 0; l < lane_count; ++l) limit[l] = bucket_.count * hazard[l];
    points_ = &scratch_.points;
    if (limit != furthest) {
      sample::below(scratch_.points, limit.data(), scratch_.below);
      points_ = &scratch_.below;
    }
    std::uint64_t* const hit = scratch_.hit.data();
    const std::uint64_t* const key = points_->key.data();
    for (std::size_t i = 0; i < points_->size; ++i) hit[key[i] >> 6] |= std::uint64_t{1} << (key[i] & 63);
  }

  // Appends the hits as defaults at step 1, by (obligor, lane); returns where they start. How many lanes an obligor has is
  // anybody's guess: four entries are written whatever their number, which costs less than guessing wrong.
  std::size_t emit(Block& block, const std::uint64_t* hit) {
    std::vector<Default>& defaults = block.defaults;
    const std::size_t before = defaults.size();
    std::size_t count = 0, labels = 0;
    std::uint32_t* const first = block.first_default.data() + bucket_.first;
    for (std::uint32_t i = 0; i < bucket_.count; ++i) {
      first[i] = static_cast<std::uint32_t>(before + count);
      scratch_.label[labels] = i;
      labels += hit[i] != 0;
      count += static_cast<std::size_t>(std::popcount(hit[i]));
    }
    constexpr std::size_t always = 4;
    defaults.resize(before + count + always);
    const Obligor* const obligors = model_.obligors.data() + bucket_.first;
    for (std::size_t k = 0; k < labels; ++k) {
      const std::uint32_t label = scratch_.label[k];
      Default* out = defaults.data() + first[label];
      const ObligorIndex obligor{bucket_.first + label};
      const double lgd = obligors[label].loss_given_default;
      std::uint64_t bits = hit[label];
      const auto next = [&] {
        *out++ = {obligor, static_cast<std::uint16_t>(std::countr_zero(bits)), 1, lgd};
        bits &= bits - 1;
      };
      for (std::size_t i = 0; i < always; ++i) next();
      while (bits != 0) next();
    }
    defaults.resize(before + count);
    return before;
  }

  void resize_scores(const Block& block, std::size_t before, double blank) {
    const std::size_t count = block.defaults.size() - before;
    scratch_.score.assign((count + lane_count - 1) / lane_count * lane_count, blank);  // whole vectors
    scratch_.lane.assign(scratch_.score.size(), 0);
  }
  Lanes scores(std::size_t from) { return Lanes(scratch_.score.data() + from, lane_count); }

  // An obligor's first point decides.
  void place_marks(const Block& block, std::size_t before) {
    resize_scores(block, before, 1e300);
    const sample::Points& p = *points_;
    const std::uint64_t *const key = p.key.data(), *const hit = scratch_.hit.data();
    double* const score = scratch_.score.data();
    const std::uint32_t* const first = block.first_default.data() + bucket_.first;
    for (std::size_t i = 0; i < p.size; ++i) {
      const std::uint64_t label = key[i] >> 6, before_lane = (std::uint64_t{1} << (key[i] & 63)) - 1;
      const std::size_t at = first[label] - before + static_cast<std::size_t>(std::popcount(hit[label] & before_lane));
      score[at] = std::min(score[at], p.mark[i]);
      scratch_.lane[at] = static_cast<std::uint32_t>(key[i] & 63);
    }
  }
  void find_steps(std::size_t cell, std::size_t before) {
    sample::find_steps(scratch_.running(cell, 0).data(), model_.steps, scratch_.score.data(), scratch_.lane.data(),
                       std::span(cells_[cell]->defaults).subspan(before));
  }

  const CreditModel& model_;
  const Bucket& bucket_;
  CreditScratch& scratch_;
  std::span<Block* const> cells_;
  const sample::Points* points_ = nullptr;  // of the cell at hand
};

}  // namespace

void draw_defaults(const CreditModel& model, CreditScratch& scratch, std::span<Block* const> cells) {
  for (Block* block : cells) {
    block->defaults.clear();
    block->first_default.resize(model.obligors.size() + 1);
    block->first_default.back() = 0;
    block->mean_conditional_pd.fill(0);
  }
  if (model.obligors.empty() || cells.empty()) return;
  const double* const mixing = scale(model, scratch, *cells[0]);
  if (scratch.running.steps() != model.steps || scratch.running.series() < cells.size()) {
    scratch.running = LaneTable(cells.size(), model.steps);
    scratch.pd = LaneTable(cells.size(), 1);
    scratch.hazard = LaneTable(cells.size(), 1);
  }
  std::uint32_t next = 0;  // obligor; those of no bucket have no default
  const auto nobody_until = [&](std::uint32_t end) {
    for (Block* block : cells)
      std::fill(block->first_default.begin() + next, block->first_default.begin() + end,
                static_cast<std::uint32_t>(block->defaults.size()));
  };
  for (const Bucket& bucket : model.buckets) {
    nobody_until(bucket.first);
    next = bucket.first + bucket.count;
    for (std::size_t c = 0; c < cells.size(); ++c) {
      sample::distances(model, bucket, cells[c]->factors, mixing, scratch.running(c, 0).data());
      const Lanes pd = scratch.pd(c, 0);
      sample::conditional(scratch.running(c, model.steps - 1).data(), pd.data(), scratch.hazard(c, 0).data());
      for (std::size_t l = 0; l < lane_count; ++l) cells[c]->mean_conditional_pd[l] += bucket.count * pd[l];
    }
    BucketSampler sampler(model, bucket, scratch, cells);
    model.sampler == Sampler::sparse ? sampler.sparse(scratch.hazard) : sampler.per_obligor(scratch.pd);
  }
  nobody_until(static_cast<std::uint32_t>(model.obligors.size()) + 1);
  for (Block* block : cells) {
    for (double& mean : block->mean_conditional_pd) mean /= static_cast<double>(model.obligors.size());
    draw_recoveries(model, *block);
  }
}

void draw_defaults(const CreditModel& model, CreditScratch& scratch, Block& block) {
  Block* const one[] = {&block};
  draw_defaults(model, scratch, one);
}

}  // namespace tailcube
