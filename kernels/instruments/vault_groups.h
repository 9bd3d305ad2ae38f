#pragma once
// The vaults of a batch as tables: one for vaults of the same pair and terms, of up to four rows.
#include <compare>
#include <cstdint>
#include <vector>

#include "kernels/block.h"
#include "kernels/instruments/vault_path.h"

namespace tailcube {

// Vaults whose debt grows and costs the same share of a unit of collateral, and that are monitored alike.
struct VaultPair {
  FactorIndex collateral, debt;
  double rate;
  bool always;
  friend auto operator<=>(const VaultPair&, const VaultPair&) = default;
};

struct VaultGroups {
  static constexpr std::size_t most_rows = 4;  // of a table; see VaultPath
  struct Entry {
    VaultPair pair;
    bool lends;
    VaultTerms terms;
    std::uint32_t row;
    VaultTable::Vault vault;
  };
  struct Group {
    bool lends;
    VaultTerms terms;
    std::vector<std::uint32_t> rows;  // of the batch
  };
  struct OfPair {
    VaultPair pair;
    std::size_t begin, end;      // groups
    std::vector<double> growth;  // of a unit of debt, [step]; the batch's to fill
  };
  VaultGroups() = default;
  // `apart`: each row has a table of its own.
  VaultGroups(std::vector<Entry>, bool apart);

  std::vector<OfPair> pairs;  // in the order of groups
  std::vector<Group> groups;
  VaultTable tables;  // of each group: 1 row or most_rows
};

}  // namespace tailcube
