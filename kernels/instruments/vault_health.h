#pragma once
// What ratios of vaults are made of, as gauges: collateral, debt, what is between them, and how many vaults are how healthy.
#include <algorithm>
#include <vector>

#include "kernels/instruments/instrument.h"
#include "kernels/instruments/vault_path.h"

namespace tailcube {

inline std::vector<Gauge> health_gauges() {
  return {{"collateral", "money"},     {"debt", "money"},        {"equity", "money"},
          {"health_below_1", "1"},     {"health_1_to_1.1", "1"}, {"health_1.1_to_1.25", "1"},
          {"health_1.25_to_1.5", "1"}, {"health_1.5_to_2", "1"}, {"health_2_or_more", "1"}};
}
// Of one vault by its worth, money; whatever its quantity.
inline VaultHealth vault_health(double collateral, double debt, double threshold, double quantity) {
  VaultHealth out{quantity * collateral, quantity * debt, {}};
  const auto band = std::upper_bound(health_levels.begin(), health_levels.end(), collateral * threshold / debt);
  if (collateral > 0) out.vaults[static_cast<std::size_t>(band - health_levels.begin())] = 1;
  return out;
}
// Adds them to `to(k)`, gauge k of these.
template <class To>
void add_health(const VaultHealth& health, const To& to) {
  to(0) += health.collateral;
  to(1) += health.debt;
  to(2) += health.collateral - health.debt;
  for (std::size_t band = 0; band < health.vaults.size(); ++band) to(3 + band) += health.vaults[band];
}
// To the ledger's gauge rows from `first` on.
inline void add_health(const VaultHealth& health, std::size_t first, int valued, std::size_t lane, Ledger& ledger) {
  add_health(health, [&](std::size_t k) -> double& { return ledger.gauges(first + k, valued)[lane]; });
}

}  // namespace tailcube
