#include "src/app/simd.h"

#include <hwy/targets.h>

namespace tailcube {

// Better targets have lower bits.
void leave_out_beyond_avx2() { hwy::DisableTargets(HWY_AVX2 - 1); }

std::string simd_name() {
  const auto supported = hwy::SupportedTargets();
  return hwy::TargetName(supported & -supported);
}

}  // namespace tailcube
