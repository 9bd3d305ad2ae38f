#pragma once
#include <cstdint>
#include <span>

#include "kernels/instruments/instrument.h"

namespace tailcube {

// Some of a table's positions, in this order (quarantine.cpp).
Positions selected(const Positions&, std::span<const std::uint32_t> rows);

}  // namespace tailcube
