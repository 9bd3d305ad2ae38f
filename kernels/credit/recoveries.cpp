#include "kernels/credit/recoveries.h"

namespace tailcube {

void draw_recoveries(const CreditModel& model, Block& block) {
  const std::size_t count = model.obligors.size();
  for (std::size_t i = count - model.in_default; i < count; ++i)
    for (std::uint16_t lane = 0; lane < lanes; ++lane)
      block.defaults.push_back({ObligorIndex{static_cast<std::uint32_t>(i)}, lane, 1, model.obligors[i].loss_given_default});
  for (double& mean : block.mean_conditional_pd) mean += model.in_default / static_cast<double>(count);
}

}  // namespace tailcube
