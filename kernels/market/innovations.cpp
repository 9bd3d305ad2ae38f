#include "kernels/market/lane_loops.h"
#include "kernels/market/market.h"

namespace tailcube {

void draw_innovations(const FactorModel& model, const Block& block, LaneTable& innovations) {
  const std::size_t row = static_cast<std::size_t>(model.steps) * lanes;
  for (std::size_t i = 0; i < model.factors.size(); ++i)
    normal_draws(block.seed, model.factors[i].innovation, block.numbers(), 0, {innovations(i, 1).data(), row});
  market::triangular_product(model.root.data(), model.root_first.data(), model.factors.size(), model.steps,
                             innovations.data());
}

}  // namespace tailcube
