// Which of the compiled instruction sets the lane kernels use.
#include <hwy/highway.h>

#include "kernels/math/functions.h"

namespace tailcube {

bool limit_simd(std::string_view name) {
  if (name == "avx512") {
    hwy::DisableTargets(0);
  } else if (name == "avx2") {
    hwy::DisableTargets(HWY_AVX2 - 1);  // wider sets have lower bits
  } else {
    return false;
  }
  return true;
}

const char* simd_name() {
  const auto usable = hwy::SupportedTargets();
  return hwy::TargetName(usable & -usable);  // better ones have lower bits
}

}  // namespace tailcube
