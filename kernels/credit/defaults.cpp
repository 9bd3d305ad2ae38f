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
      start(*cells_[c], scratch_.hit.data());
      if (model_.steps > 1) {
        const double* score = points_->mark.data();
        if (compare_marks()) {
          running_to_marks(c);
        } else {
          resize_scores(points_->size, 1);
          std::copy_n(points_->mark.begin(), points_->size, scratch_.score.begin());
          sample::scores_of_marks(bucket_.count, scratch_.score);
          score = scratch_.score.data();
        }
        scratch_.point_step.resize(points_->size);
        find_steps(c, *points_, score, scratch_.point_step);
        place_steps();
      }
      emit(*cells_[c]);
    }
  }

  void per_obligor(const LaneTable& pd) {
    sample::compare(cells_[0]->seed, scenarios(), {model_.obligors.data() + bucket_.first, bucket_.count}, pd.data(),
                    cells_.size(), scratch_.hit.data());
    for (std::size_t c = 0; c < cells_.size(); ++c) {
      start(*cells_[c], scratch_.hit.data() + c * bucket_.count);
      emit(*cells_[c]);
      if (model_.steps == 1) continue;
      const std::span defaults = std::span(cells_[c]->defaults).subspan(before_);
      sample::Points& points = scratch_.points;  // every default is one
      points.size = 0;
      points.make_room(count_ + lane_count);
      points.size = count_;
      resize_scores(count_, 0.5);
      for (std::size_t i = 0; i < count_; ++i) {
        const Default& d = defaults[i];
        points.key[i] = d.lane;
        scratch_.score[i] =
            uniform(cells_[c]->seed, model_.obligors[static_cast<std::size_t>(d.obligor)].stream, scenarios()[d.lane], 0);
      }
      for (std::size_t i = 0; i < count_; i += lane_count) normal_quantile(scores(i), scores(i));
      find_steps(c, points, scratch_.score.data(), scratch_.step);
      for (std::size_t i = 0; i < count_; ++i) defaults[i].step = scratch_.step[i];
    }
  }

 private:
  ScenarioLanes scenarios() const { return cells_[0]->numbers(); }

  // A point's step is where M_n passes its score, or count times hazard its mark, which is the same but for a tie in the
  // last digits. The scores are computed where fewer of them are expected; the rule knows nothing of cells or scenarios.
  bool compare_marks() const { return bucket_.count * normal_cdf(bucket_.threshold.back()) > model_.steps; }
  // M_n to count times hazard, in place.
  void running_to_marks(std::size_t cell) {
    alignas(64) std::array<double, lanes> pd;
    for (int n = 0; n + 1 < model_.steps; ++n) {  // nobody asks for the last
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

  // Finds the places of a cell's hits behind the defaults of earlier buckets, by (obligor, lane), all at the last step.
  void start(Block& block, const std::uint64_t* hit) {
    hit_ = hit, before_ = block.defaults.size(), count_ = labels_ = 0;
    first_ = block.first_default.data() + bucket_.first;
    for (std::uint32_t i = 0; i < bucket_.count; ++i) {
      first_[i] = static_cast<std::uint32_t>(before_ + count_);
      scratch_.label[labels_] = i;
      labels_ += hit[i] != 0;
      count_ += static_cast<std::size_t>(std::popcount(hit[i]));
    }
    scratch_.step.assign(count_ + always, static_cast<std::uint16_t>(model_.steps));
  }

  // Appends the hits as defaults. How many lanes an obligor has is anybody's guess: four entries are written whatever their
  // number, which costs less than guessing wrong.
  void emit(Block& block) {
    block.defaults.resize(before_ + count_ + always);
    const Obligor* const obligors = model_.obligors.data() + bucket_.first;
    for (std::size_t k = 0; k < labels_; ++k) {
      const std::uint32_t label = scratch_.label[k];
      Default* out = block.defaults.data() + first_[label];
      const std::uint16_t* step = scratch_.step.data() + (first_[label] - before_);
      const ObligorIndex obligor{bucket_.first + label};
      const double lgd = obligors[label].loss_given_default;
      std::uint64_t bits = hit_[label];
      const auto next = [&] {
        *out++ = {obligor, static_cast<std::uint16_t>(std::countr_zero(bits)), *step++, lgd};
        bits &= bits - 1;
      };
      for (std::size_t i = 0; i < always; ++i) next();
      while (bits != 0) next();
    }
    block.defaults.resize(before_ + count_);
  }

  void resize_scores(std::size_t count, double blank) {
    scratch_.score.assign((count + lane_count - 1) / lane_count * lane_count, blank);  // whole vectors
  }
  Lanes scores(std::size_t from) { return Lanes(scratch_.score.data() + from, lane_count); }

  void find_steps(std::size_t cell, const sample::Points& points, const double* score, std::vector<std::uint16_t>& step) {
    sample::find_steps(scratch_.running(cell, 0).data(), model_.steps, points, score, step.data());
  }
  // An obligor's first point decides.
  void place_steps() {
    const std::uint64_t* const key = points_->key.data();
    const std::uint16_t* const found = scratch_.point_step.data();
    std::uint16_t* const step = scratch_.step.data();
    for (std::size_t i = 0; i < points_->size; ++i) {
      const std::uint64_t label = key[i] >> 6, before_lane = (std::uint64_t{1} << (key[i] & 63)) - 1;
      const std::size_t at = first_[label] - before_ + static_cast<std::size_t>(std::popcount(hit_[label] & before_lane));
      step[at] = std::min(step[at], found[i]);
    }
  }

  static constexpr std::size_t always = 4;
  const CreditModel& model_;
  const Bucket& bucket_;
  CreditScratch& scratch_;
  std::span<Block* const> cells_;
  // Of the cell at hand.
  const sample::Points* points_ = nullptr;
  const std::uint64_t* hit_ = nullptr;
  std::uint32_t* first_ = nullptr;
  std::size_t before_ = 0, count_ = 0, labels_ = 0;  // defaults of earlier buckets; of this one; of how many obligors
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
