#include "kernels/instruments/vault_groups.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <span>
#include <tuple>

namespace tailcube {
namespace {

using Line = VaultGroups::Line;

auto alike(const Line& l) { return std::tie(l.pair, l.lends, l.terms); }
// What has no collateral is never liquidated.
double lowest(std::span<const Line> by_ratio) {
  const auto alive = std::find_if(by_ratio.begin(), by_ratio.end(), [](const Line& line) { return line.vault.ratio() > 0; });
  return alive == by_ratio.end() ? std::numeric_limits<double>::infinity() : alive->vault.ratio();
}

}  // namespace

VaultGroups::VaultGroups(std::vector<Line> lines, bool apart) {
  const auto before = [](const Line& a, const Line& b) {
    const auto key = [](const Line& l) { return std::tuple_cat(alike(l), std::tie(l.row)); };
    return key(a) != key(b) ? key(a) < key(b) : a.vault.ratio() < b.vault.ratio();
  };
  std::stable_sort(lines.begin(), lines.end(), before);
  for (std::size_t begin = 0, end = 0; begin < lines.size(); begin = end) {
    struct OfRow {
      double lowest;
      std::span<const Line> lines;
    };
    std::vector<OfRow> rows;
    while (end < lines.size() && alike(lines[end]) == alike(lines[begin])) {
      const std::size_t first = end;
      while (end < lines.size() && lines[end].row == lines[first].row && alike(lines[end]) == alike(lines[first])) ++end;
      const std::span<const Line> mine = std::span(lines).subspan(first, end - first);
      rows.push_back({lowest(mine), mine});
    }
    // Rows that are liquidated in the same scenarios go together.
    std::stable_sort(rows.begin(), rows.end(), [](const OfRow& a, const OfRow& b) { return a.lowest < b.lowest; });
    if (pairs.empty() || pairs.back().pair != lines[begin].pair)
      pairs.push_back({lines[begin].pair, groups.size(), groups.size(), {}});
    const std::size_t together = apart ? 1 : most_rows;
    for (std::size_t r = 0; r < rows.size(); r += together) {
      Group group{lines[begin].lends, lines[begin].terms, {}};
      std::vector<VaultTable::Vault> table;
      for (std::size_t i = r; i < std::min(r + together, rows.size()); ++i) {
        for (const Line& line : rows[i].lines)
          table.push_back(line.vault), table.back().row = static_cast<std::uint32_t>(i - r);
        group.rows.push_back(rows[i].lines.front().row);
      }
      std::stable_sort(table.begin(), table.end(), [](const auto& a, const auto& b) { return a.ratio() < b.ratio(); });
      tables.add(table, group.rows.size() > 1 ? most_rows : 1);
      groups.push_back(std::move(group));
    }
    pairs.back().end = groups.size();
  }
}

}  // namespace tailcube
