#pragma once
#include <limits>

namespace tailcube {

// What is not known, or does not apply.
inline constexpr double no_number = std::numeric_limits<double>::quiet_NaN();

}  // namespace tailcube
