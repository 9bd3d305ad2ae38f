#include "src/report/show.h"

#include <cmath>
#include <limits>
#include <sstream>

#include "src/report/figures.h"
#include "src/report/ratios.h"
#include "tests/catch_any.h"

namespace tailcube {
namespace {

using Places = std::vector<int>;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// Every figure of a node is its place on the axes, so that a table shows which number was taken: 1e6 x (100 cell + 10 node +
// horizon) and a half-width of 1000.
Cube numbered_cube() {
  Cube cube;
  cube.quantities = {"economic", "credit"};
  cube.cells = {"base", "btc=-50%", "btc=-50% *"};
  cube.nodes = {"total", "total/credit", "total/credit/a", "total/credit/b", "total/property"};
  cube.horizon_years = {1.0 / 12, 0.25, 1};
  cube.confidence = {{95, 100}, {99, 100}, {999, 1000}};
  cube.scenarios = 20000;
  cube.currency = "USD";
  cube.base_value = {5e8, 3e8, 1e8, 2e8, 2e8};
  for (int q = 0; q < 2; ++q)
    for (int c = 0; c < 3; ++c)
      for (int n = 0; n < 5; ++n)
        for (int h = 0; h < 3; ++h) {
          const double value = 1e6 * (100 * c + 10 * n + h) + 5e9 * q;
          cube.expected_loss.push_back(value);
          cube.expected_loss_se.push_back(1000 / normal_95);
          for (int k = 0; k < 3; ++k) {
            for (auto* values : {&cube.value_at_risk, &cube.expected_shortfall}) values->push_back(value + 1e5 * k);
            for (auto* values : {&cube.value_at_risk_lower, &cube.expected_shortfall_lower})
              values->push_back(value + 1e5 * k - 1000);
            for (auto* values : {&cube.value_at_risk_upper, &cube.expected_shortfall_upper})
              values->push_back(value + 1e5 * k + 1000);
            cube.estimate_flag.push_back(0);
          }
        }
  return cube;
}

std::string shown(const Cube& cube, ShowRequest request = {}, Terminal terminal = {}) {
  std::ostringstream out;
  show(out, cube, request, terminal);
  return out.str();
}
bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// Of 400 draws of collateral and debt that move together: the error of a ratio of means is that of the mean of
// (numerator - ratio x denominator) / mean denominator.
TEST_CASE("ratios of sums have the error of the delta method") {
  std::vector<double> collateral, debt, equity;
  for (int i = 0; i < 400; ++i) {
    debt.push_back(700 + 40 * std::sin(i) + 10 * std::cos(7 * i));
    collateral.push_back(1000 + 60 * std::sin(i) + 50 * std::sin(3 * i + 1));
    equity.push_back(collateral.back() - debt.back());
  }
  const auto mean = [](const std::vector<double>& x) {
    double sum = 0;
    for (const double v : x) sum += v;
    return sum / static_cast<double>(x.size());
  };
  const auto error = [&](const std::vector<double>& x) {
    double sum = 0;
    for (const double v : x) sum += (v - mean(x)) * (v - mean(x));
    return std::sqrt(sum / static_cast<double>(x.size() * (x.size() - 1)));
  };
  Cube cube = numbered_cube();
  CHECK_FALSE(has_ratios(cube));
  cube.gauges = {"bad_debt", "collateral", "debt", "equity"};
  cube.gauge_units = {"USD", "USD", "USD", "USD"};
  const std::size_t places = cube.cells.size() * cube.nodes.size() * cube.horizon_years.size();
  cube.gauge_mean.assign(4 * places, 0.0), cube.gauge_se = cube.gauge_mean;
  cube.gauge_today.assign(4 * cube.nodes.size(), 0.0);
  CHECK(has_ratios(cube));
  const std::vector<double>* const samples[] = {&collateral, &debt, &equity};
  const double today[] = {1000, 700, 300};
  for (int g = 1; g < 4; ++g) {
    cube.gauge_mean[cube.at(g, 2, 3, 1)] = mean(*samples[g - 1]);
    cube.gauge_se[cube.at(g, 2, 3, 1)] = error(*samples[g - 1]);
    cube.gauge_today[static_cast<std::size_t>(g) * 5 + 3] = today[g - 1];
  }
  const auto check = [&](Ratio ratio, double now, const std::vector<double>& over, const std::vector<double>& under) {
    const RatioEstimate e = estimate_ratio(cube, ratio, 2, 3, 1);
    std::vector<double> influence;
    for (std::size_t i = 0; i < over.size(); ++i)
      influence.push_back((over[i] - mean(over) / mean(under) * under[i]) / mean(under));
    CHECK(e.today == Approx(now).margin(0.005));
    CHECK(e.value == Approx(mean(over) / mean(under)).epsilon(1e-12));
    CHECK(e.standard_error == Approx(error(influence)).epsilon(1e-9));
  };
  check(Ratio::collateralisation, 1.43, collateral, debt);
  check(Ratio::loan_to_value, 0.7, debt, collateral);
  check(Ratio::leverage, 3.33, collateral, equity);
  CHECK(std::isnan(estimate_ratio(cube, Ratio::leverage, 0, 0, 0).value));
  ShowRequest request;
  request.what = {"gauges"};
  request.filters.nodes = {"total/credit/b"};
  request.filters.cells = {"btc=-50% *"};
  request.filters.horizons = {"3M"};
  const std::string text = shown(cube, request);
  INFO(text);
  CHECK(has(text, "Ratios of means: today, and cell btc=-50% *, after 3 months"));
  CHECK(has(text, "1.429"));
  CHECK(has(text, "0.7"));
  CHECK(has(text, "3.333"));
  CHECK(has(text, "  0 at all of these nodes: bad_debt\n"));
  CHECK_FALSE(has(text, "bad_debt, USD"));
  CHECK(has(text, "collateral, USD"));
}

TEST_CASE("a filter is a name, else a glob, else a beginning") {
  const Cube cube = numbered_cube();
  const auto nodes = [&](std::vector<std::string> patterns) { return matching(cube.nodes, patterns, "--node"); };
  CHECK(nodes({}) == Places{0, 1, 2, 3, 4});
  CHECK(nodes({"total"}) == Places{0});
  CHECK(nodes({"total/credit"}) == Places{1});
  CHECK(nodes({"credit"}) == Places{1});
  CHECK(nodes({"credit/*"}) == Places{2, 3});
  CHECK(nodes({"credit*"}) == Places{1, 2, 3});
  CHECK(nodes({"*/b"}) == Places{3});
  CHECK(nodes({"cred"}) == Places{1, 2, 3});
  CHECK(nodes({"property", "total", "prop"}) == Places{0, 4});
  CHECK(matching(cube.cells, {"btc=-50% *"}, "--cell") == Places{2});  // a name, though it looks like a glob
  CHECK_THROWS_WITH(
      nodes({"total", "credti"}),
      "--node 'credti' finds none of 'total', 'total/credit', 'total/credit/a', 'total/credit/b', 'total/property'");
}

TEST_CASE("horizons and confidences are found as they are written") {
  const Cube cube = numbered_cube();
  const auto horizons = [&](std::vector<std::string> p) { return select(cube, {{}, {}, std::move(p), {}, {}}).horizons; };
  CHECK(horizons({"3M"}) == Places{1});
  CHECK(horizons({"1 month", "12M"}) == Places{0, 2});
  CHECK(horizons({"0.25", "last"}) == Places{1, 2});
  CHECK_THROWS_WITH(horizons({"2Y"}), "--horizon '2Y' is none of '1 month', '3 months', '1 year'");
  const auto levels = [&](std::vector<std::string> p) { return select(cube, {{}, {}, {}, std::move(p), {}}).confidences; };
  CHECK(levels({"99"}) == Places{1});
  CHECK(levels({"99.9%", "0.95"}) == Places{0, 2});
  CHECK_THROWS_AS(levels({"9"}), BadFilter);
  CHECK_THROWS_AS(levels({"high"}), BadFilter);
}

TEST_CASE("show prints the numbers of the places that were asked for") {
  const std::string text = shown(numbered_cube(), {{{"btc=-50%"}, {"credit/b"}, {"3M"}, {"99.9"}, {"economic"}}, {"es"}});
  INFO(text);
  CHECK(has(text, "By node: economic loss, cell btc=-50%, after 3 months, in USD thousand"));
  CHECK(has(text, "131,200 ±1"));  // cell 1, node 3, horizon 1, confidence 2
  CHECK_FALSE(has(text, "131,100"));
  CHECK_FALSE(has(text, "By horizon"));
  CHECK_FALSE(has(text, "By cell"));
  CHECK_FALSE(has(text, "not shown"));
}

TEST_CASE("without filters show compares nodes, horizons and cells at the confidence that ranks") {
  const std::string text = shown(numbered_cube());
  INFO(text);
  CHECK(has(text, "By node: economic loss, cell base, after 1 year"));
  CHECK(has(text, "By horizon: ES 99 %, economic loss, cell base, in USD thousand"));
  CHECK(has(text, "By cell: ES 99 %, economic loss after 1 year, in USD thousand"));
  CHECK(has(text, "    b  "));
  CHECK(has(text, "242,100 ±1"));  // cell 2, the property
  CHECK(has(text, "not shown: 2 more cells, --cell '*'"));
  CHECK(has(text, "not shown: 1 more kind of loss, --quantity '*'"));
  CHECK(has(text, "not shown: 2 more horizons"));
}

// Of the total 60, 25 and -5 % of its ES in the first cell and at the last horizon, in that order at every confidence.
Cube split_cube() {
  Cube cube = numbered_cube();
  cube.edge_parent = {"total", "total", "total", "total", "total/credit"};
  cube.edge_child = {"total/credit", "total/credit/a", "total/credit/b", "total/property", "total/credit/a"};
  for (std::size_t e = 0; e < 5; ++e) cube.edges.push_back(cube.edge_child[e] + " in " + cube.edge_parent[e]);
  cube.contribution.assign(3 * 5 * 3 * 3, nan);
  cube.contribution_se = cube.contribution;
  const double share[] = {0.6, 0.85, -0.25, 0.4, 1};
  for (int e = 0; e < 5; ++e)
    for (int k = 0; k < 3; ++k) {
      const std::size_t at = cube.at_edge(0, static_cast<std::size_t>(e), 2, k);
      const int parent = e == 4 ? 1 : 0;
      cube.contribution[at] = share[e] * cube.expected_shortfall[cube.at(0, 0, parent, 2, k)];
      cube.contribution_se[at] = 1000 / normal_95;
    }
  return cube;
}

TEST_CASE("contributions are shown with their errors and shares") {
  const std::string text = shown(split_cube(), {{}, {"contributions"}});
  INFO(text);
  CHECK(has(text, "Contributions to the ES of total: economic loss, cell base, after 1 year, in USD"));
  CHECK(has(text, "2,100,000 ±1,000  100 %"));  // the total at 99 %
  CHECK(has(text, "1,260,000 ±1,000   60 %"));
  CHECK(has(text, "-525,000 ±1,000  -25 %"));
  CHECK(has(text, "Contributions to ES 99 % of total"));
  CHECK(text.find("  credit    ██") < text.find("  property  ██"));  // bars, largest first
  CHECK_FALSE(has(text, "By node"));
  CHECK_FALSE(has(text, "Contributions to the ES of total/credit"));
  const std::string credit = shown(split_cube(), {{{}, {"credit"}, {}, {"99"}, {}}, {"contributions"}});
  CHECK(has(credit, "Contributions to the ES of total/credit:"));
  CHECK_FALSE(has(credit, "property"));
  CHECK(has(shown(split_cube(), {{{"btc=-50%"}, {}, {}, {}, {}}, {"contributions"}}), "n/a"));
  CHECK_THROWS_WITH(shown(split_cube(), {{{}, {"property"}, {}, {}, {}}, {"contributions"}}),
                    "--node: the cube has contributions to 'total', 'total/credit'");
  CHECK_THROWS_AS(shown(numbered_cube(), {{}, {"contributions"}}), BadFilter);
}

TEST_CASE("contributions by column follow those of the nodes, largest first") {
  Cube cube = split_cube();
  for (const char* sector : {"energy", "retail", "(none)"}) {
    cube.part_parent.emplace_back("total");
    cube.part_column.emplace_back("sector");
    cube.part_value.emplace_back(sector);
    cube.parts.push_back("sector=" + cube.part_value.back() + " in total");
  }
  cube.contribution_by.assign(3 * 3 * 3 * 3, nan);
  cube.contribution_by_se = cube.contribution_by;
  const double share[] = {0.25, 0.7, 0.05};
  for (int p = 0; p < 3; ++p)
    for (int k = 0; k < 3; ++k) {
      const std::size_t at = cube.at_part(0, static_cast<std::size_t>(p), 2, k);
      cube.contribution_by[at] = share[p] * cube.expected_shortfall[cube.at(0, 0, 0, 2, k)];
      cube.contribution_by_se[at] = 1000 / normal_95;
    }
  const std::string text = shown(cube, {{}, {"contributions"}});
  INFO(text);
  CHECK(has(text, "Contributions by sector to the ES of total: economic loss, cell base, after 1 year"));
  CHECK(has(text, "1,470,000 ±1,000   70 %"));
  const std::size_t table = text.find("Contributions by sector to the ES");
  CHECK(text.find("    retail", table) < text.find("    energy", table));
  CHECK(text.find("    energy", table) < text.find("    (none)", table));
  CHECK(has(text, "  retail  ██"));
  cube.edges.clear(), cube.edge_parent.clear(), cube.edge_child.clear();
  CHECK(has(shown(cube, {{}, {"contributions"}}), "Contributions by sector"));
}

TEST_CASE("a contribution that lowers the expected shortfall has its bar to the left") {
  Cube cube = split_cube();
  for (std::size_t i = 0; i < cube.contribution.size(); ++i)
    if (i / 9 == 3) cube.contribution[i] *= -1;  // of the property
  const std::string text = shown(cube, {{}, {"contributions"}}, {80, false});
  INFO(text);
  CHECK(has(text, "bars to the left lower the ES"));
  const std::size_t credit = text.rfind("  credit  "), property = text.rfind("  property  ");
  const auto first = [&](std::size_t from) { return width(text.substr(from, text.find("█", from) - from)); };
  CHECK(first(credit) > first(property) + 15);
}

TEST_CASE("no line is wider than the terminal") {
  for (const std::size_t columns : {60U, 80U, 132U}) {
    std::istringstream lines(shown(numbered_cube(), {}, {columns, false}) +
                             shown(split_cube(), {{}, {"contributions"}}, {columns, false}));
    for (std::string line; std::getline(lines, line);) {
      INFO(columns << ": " << line);
      CHECK(width(line) <= columns);
    }
  }
}

TEST_CASE("colour is there when it is wanted, and only then") {
  CHECK(has(shown(numbered_cube(), {}, {80, true}), "\033[1m"));
  CHECK_FALSE(has(shown(numbered_cube(), {}, {80, false}), "\033"));
}

TEST_CASE("figures that are doubtful are marked, and the marks explained") {
  Cube cube = numbered_cube();
  cube.estimate_flag[cube.at(0, 0, 0, 2, 1)] = few_tail_scenarios | var_is_bracket;
  cube.expected_shortfall_upper[cube.at(0, 0, 1, 2, 1)] = nan;
  cube.expected_shortfall[cube.at(0, 0, 2, 2, 1)] = nan;
  const std::string text = shown(cube, {{{"base"}, {}, {"1Y"}, {"99"}, {}}, {"es"}});
  INFO(text);
  CHECK(has(text, "±1*!"));
  CHECK(has(text, "±?"));
  CHECK(has(text, "n/a"));
  CHECK(has(text, "! fewer than 100 scenarios"));
  CHECK(has(text, "* binned tail"));
  CHECK(has(text, "±? too few"));
  CHECK_THROWS_AS(shown(cube, {{}, {"esx"}}), BadFilter);
}

TEST_CASE("the shares of the distribution add up, with an error also where nothing was seen") {
  Cube cube = numbered_cube();
  cube.bin_edge = {-100, 0, 100, 200, 400, 5000};
  const std::size_t places = 3 * 5 * 3;
  for (std::size_t i = 0; i < places; ++i)
    for (const int count : {100, 9000, 899, 0, 1}) {
      cube.bin_count.push_back(count);
      cube.bin_weight.push_back(count);
    }
  const std::string text = shown(cube, {{{"base"}, {"total"}, {}, {}, {}}, {"distribution"}});
  INFO(text);
  CHECK(has(text, "Distribution of the loss of total: economic loss, cell base, after 1 year, in USD"));
  // Both bins begin less than an 18th of the range apart and share a row. Wilson's interval of 1 of 10 000.
  CHECK(has(text, "0.010 ±0.047"));
  CHECK(has(text, "100.000 ±0.038"));
}

TEST_CASE("groups of the file that are not looked at are named, so that they are not read") {
  using Groups = std::vector<std::string_view>;
  CHECK(groups_not_shown({{}, {"es", "gauges"}}) ==
        Groups{"concentration", "distribution", "tail", "contribution", "contribution_by"});
  CHECK(groups_not_shown({{}, {"tail", "contributions"}}) == Groups{"concentration", "distribution"});
  CHECK(groups_not_shown({}) == Groups{"concentration", "tail", "contribution", "contribution_by"});
  CHECK_THROWS_AS(groups_not_shown({{}, {"esx"}}), BadFilter);
}

TEST_CASE("numbers keep the digits that their error allows") {
  CHECK(number_with_error(0.031234, 0.00041) == "0.03123 ±0.00041");
  CHECK(number_with_error(12345.6, 78.9) == "12,346 ±79");
  CHECK(number_with_error(2, 0) == "2 ±0");
  CHECK(number_with_error(2, nan) == "2 ±?");
}

TEST_CASE("bars are as long as they say") {
  CHECK(width(bar(3)) == 3);
  CHECK(bar(1.5) == "█▌");
  CHECK(bar(1, 3) == "█▒▒");
  CHECK(bar(-2, -1).empty());
}

}  // namespace
}  // namespace tailcube
