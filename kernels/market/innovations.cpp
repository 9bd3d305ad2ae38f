#include "kernels/market/lane_loops.h"
#include "kernels/market/market.h"

namespace tailcube {

void draw_innovations(const FactorModel& model, const Block& block, LaneTable& innovations) {
  const auto first = static_cast<std::uint32_t>(block.first_scenario);
  for (std::size_t i = 0; i < model.factors.size(); ++i)
    for (int n = 1; n <= model.steps; ++n)
      normals(block.seed, model.factors[i].innovation, first, static_cast<std::uint32_t>(n - 1), innovations(i, n));
  market::triangular_product(model.root.data(), model.factors.size(), model.steps, innovations.data());
}

}  // namespace tailcube
