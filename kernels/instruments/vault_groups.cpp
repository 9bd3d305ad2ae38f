#include "kernels/instruments/vault_groups.h"

#include <algorithm>
#include <limits>
#include <span>
#include <tuple>

namespace tailcube {
namespace {

using Entry = VaultGroups::Entry;

auto alike(const Entry& e) { return std::tie(e.pair, e.lends, e.terms); }
// What has no collateral is never liquidated.
double lowest(std::span<const Entry> by_ratio) {
  const auto alive =
      std::find_if(by_ratio.begin(), by_ratio.end(), [](const Entry& entry) { return entry.vault.ratio() > 0; });
  return alive == by_ratio.end() ? std::numeric_limits<double>::infinity() : alive->vault.ratio();
}

}  // namespace

VaultGroups::VaultGroups(std::vector<Entry> entries, bool apart) {
  const auto before = [](const Entry& a, const Entry& b) {
    const auto key = [](const Entry& e) { return std::tuple_cat(alike(e), std::tie(e.row)); };
    return key(a) != key(b) ? key(a) < key(b) : a.vault.ratio() < b.vault.ratio();
  };
  std::stable_sort(entries.begin(), entries.end(), before);
  for (std::size_t begin = 0, end = 0; begin < entries.size(); begin = end) {
    struct OfRow {
      double lowest;
      std::span<const Entry> entries;
    };
    std::vector<OfRow> rows;
    for (end = begin + 1; end < entries.size() && alike(entries[end]) == alike(entries[begin]);) ++end;
    for (std::size_t first = begin, next = 0; first < end; first = next) {
      for (next = first + 1; next < end && entries[next].row == entries[first].row;) ++next;
      const std::span<const Entry> mine = std::span(entries).subspan(first, next - first);
      rows.push_back({lowest(mine), mine});
    }
    // Rows that are liquidated in the same scenarios go together.
    std::stable_sort(rows.begin(), rows.end(), [](const OfRow& a, const OfRow& b) { return a.lowest < b.lowest; });
    if (pairs.empty() || pairs.back().pair != entries[begin].pair)
      pairs.push_back({entries[begin].pair, groups.size(), groups.size(), {}});
    const std::size_t together = apart ? 1 : most_rows;
    for (std::size_t r = 0; r < rows.size(); r += together) {
      Group group{entries[begin].lends, entries[begin].terms, {}};
      std::vector<VaultTable::Vault> table;
      for (std::size_t i = r; i < std::min(r + together, rows.size()); ++i) {
        for (const Entry& entry : rows[i].entries)
          table.push_back(entry.vault), table.back().row = static_cast<std::uint32_t>(i - r);
        group.rows.push_back(rows[i].entries.front().row);
      }
      std::stable_sort(table.begin(), table.end(), [](const auto& a, const auto& b) { return a.ratio() < b.ratio(); });
      tables.add(table, group.rows.size() > 1 ? most_rows : 1);
      groups.push_back(std::move(group));
    }
    pairs.back().end = groups.size();
  }
}

}  // namespace tailcube
