#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "src/model/model.h"

namespace tailcube {

// Some of a table's positions, in this order (quarantine.cpp).
Positions selected(const Positions&, std::span<const std::uint32_t> rows);

// Takes positions out of the pools and accounts that are referred to, and nothing else.
void take_out_of_pools(Job&, const std::function<bool(const std::string& id)>& out);

}  // namespace tailcube
