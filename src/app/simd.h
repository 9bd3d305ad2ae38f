#pragma once
// Which vector instructions the kernels' dispatch uses; the results do not depend on it.
#include <string>

namespace tailcube {
void leave_out_beyond_avx2();
std::string simd_name();  // of the best instructions in use: "AVX2", "AVX3_ZEN4"
}  // namespace tailcube
