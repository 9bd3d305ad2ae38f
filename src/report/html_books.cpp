// What the contracts' own accounting shows of a book, and how it is levered: for cubes that have it.
#include <algorithm>
#include <cmath>

#include "src/report/figures.h"
#include "src/report/html_sections.h"
#include "src/report/money.h"
#include "src/report/ratios.h"

namespace tailcube::html {
namespace {

int quantity(const Cube& cube, const char* name) {
  const auto at = std::find(cube.quantities.begin(), cube.quantities.end(), name);
  return at == cube.quantities.end() ? -1 : static_cast<int>(at - cube.quantities.begin());
}

// Of the first cell, node by node: at the last horizon, as the other tables.
std::string published(const View& view, int published, int gap) {
  const Cube& cube = view.cube;
  const std::string level = view.level_text(view.level);
  Table t{"t-published",
          "Cell " + cube.cells[0] + ", after " + view.horizon_name(view.horizon) + ", in " + view.money.unit,
          {"Node", "Value today", "Published today", "Expected loss", "Published loss", "ES " + level,
           "Published ES " + level, "Mean gap", "Gap, worst " + level},
          {}};
  for (const int n : view.top) {
    const auto node = static_cast<std::size_t>(n);
    const auto mean = [&](int q) { return view.amount(view.expected(0, n, view.horizon, q)); };
    const auto worst = [&](int q) { return view.amount(view.shortfall(0, n, view.horizon, view.level, q)); };
    t.rows.push_back({{breakable(view.node_name(n)), ""},
                      {view.money(cube.base_value[node]), ""},
                      {view.money(cube.base_published_value[node]), ""},
                      {mean(0), ""},
                      {mean(published), ""},
                      {worst(0), ""},
                      {worst(published), ""},
                      {mean(gap), ""},
                      {worst(gap), ""}});
  }
  return "<h3>What the books show</h3>\n" + table(t) +
         "<p class=\"note\">Published: by the contracts' own accounting, which need not follow the market or a default at "
         "once. Gap: published value less value, what the books hide; the worst: its mean in the scenarios where it is "
         "largest.</p>\n";
}

std::string levered(const View& view) {
  const Cube& cube = view.cube;
  Table t{"t-ratios",
          "Cell " + cube.cells[0] + ": today, and after " + view.horizon_name(view.horizon),
          {"Node", "Collateral over debt, today", "then", "Loan-to-value, today", "then", "Leverage, today", "then"},
          {}};
  for (const int n : view.top) {
    std::vector<Cell> row{{breakable(view.node_name(n)), ""}};
    bool any = false;
    for (const Ratio ratio : {Ratio::collateralisation, Ratio::loan_to_value, Ratio::leverage}) {
      const RatioEstimate e = estimate_ratio(cube, ratio, 0, n, view.horizon);
      any |= std::isfinite(e.today);
      row.push_back({std::isfinite(e.today) ? significant(e.today, 4) : "n/a", ""});
      row.push_back({std::isfinite(e.value) ? plain_number(e.value, normal_95 * e.standard_error) : "n/a", ""});
    }
    if (any) t.rows.push_back(std::move(row));
  }
  return "<h3>Collateral and debt</h3>\n" + table(t) +
         "<p class=\"note\">Ratios of sums over vaults, mortgages and fund tokens; then: of their means over scenarios. "
         "Leverage is collateral over what debt leaves of it.</p>\n";
}

}  // namespace

Section books(const View& view) {
  const int shown = quantity(view.cube, "published"), gap = quantity(view.cube, "gap");
  return section("books", "Books and leverage",
                 (shown < 0 || gap < 0 ? "" : published(view, shown, gap)) + (has_ratios(view.cube) ? levered(view) : ""));
}

bool has_books(const View& view) { return quantity(view.cube, "gap") >= 0 || has_ratios(view.cube); }

}  // namespace tailcube::html
