#include <algorithm>
#include <cmath>
#include <random>

#include "src/report/html_drivers.h"
#include "src/report/html_report.h"
#include "tests/catch_any.h"

namespace tailcube {
namespace {

// Any figures that go together: ES above VaR, intervals around both, children that add up.
Cube cube_of(int cells, int books, int pools) {
  std::mt19937_64 random(5);
  const auto amount = [&](double scale) { return scale * (1 + static_cast<double>(random() >> 11) * 0x1p-53); };
  Cube cube;
  cube.quantities = {"economic", "credit"};
  for (int c = 0; c < cells; ++c)
    cube.cells.push_back("fund=-" + std::to_string(c / 10) + "0%,coin=-" + std::to_string(c % 10) + "0%");
  cube.nodes = {"total"};
  for (int b = 0; b < books; ++b) {
    cube.nodes.push_back("total/book_" + std::to_string(b));
    for (int p = b; p < pools; p += books)
      cube.nodes.push_back("total/book_" + std::to_string(b) + "/pool_" + std::to_string(p));
  }
  cube.horizon_years = {0.25, 0.5, 0.75, 1};
  cube.confidence = {{9, 10}, {95, 100}, {99, 100}};
  cube.scenarios = 1'000'000;
  cube.currency = "USD";
  cube.gauges = {"defaults", "liquidated"};
  cube.gauge_units = {"1", "USD"};
  const std::size_t nodes = cube.nodes.size(), all = cube.cells.size() * nodes * 4;
  for (std::size_t n = 0; n < nodes; ++n) cube.base_value.push_back(amount(5e9));
  cube.cell_distance.assign(cube.cells.size(), 0);
  cube.cell_conditional_pd.assign(cube.cells.size(), 0.02);
  cube.cell_propagates.assign(cube.cells.size(), 0);
  cube.fault_count.assign(cube.cells.size() * nodes, 0);
  cube.fault_share.assign(cube.cells.size() * nodes, 0);
  for (std::size_t i = 0; i < 2 * all; ++i) {
    for (auto* member : {&cube.expected_loss, &cube.gauge_mean}) member->push_back(amount(1e8));
    for (auto* member : {&cube.expected_loss_se, &cube.gauge_se}) member->push_back(amount(1e5));
  }
  for (std::size_t i = 0; i < 3 * 2 * all; ++i) {
    const double var = amount(5e8), es = var + amount(1e8), error = amount(5e6);
    cube.value_at_risk.push_back(var), cube.expected_shortfall.push_back(es);
    cube.value_at_risk_lower.push_back(var - error), cube.expected_shortfall_lower.push_back(es - error);
    cube.value_at_risk_upper.push_back(var + error), cube.expected_shortfall_upper.push_back(es + error);
    cube.expected_shortfall_se.push_back(error / 2);
    cube.estimate_flag.push_back(few_tail_scenarios);
  }
  cube.tail_ranks = 50;
  for (std::size_t i = 0; i < 50 * all; ++i) {
    cube.tail_scenario.push_back(static_cast<std::int64_t>(random() % 1000));
    cube.tail_loss.push_back(amount(1e9));
    cube.tail_weight.push_back(1);
    cube.tail_valid.push_back(1);
  }
  for (int edge = 0; edge <= 60; ++edge) cube.bin_edge.push_back(1e6 * std::pow(1.2, edge));
  for (std::size_t i = 0; i < 60 * all; ++i) cube.bin_weight.push_back(static_cast<double>(random() % 100'000));
  for (std::size_t n = 1; n < nodes; ++n)
    for (const std::string& parent : {std::string("total"), cube.nodes[n].substr(0, cube.nodes[n].rfind('/'))}) {
      if (!cube.edges.empty() && cube.edge_parent.back() == parent && cube.edge_child.back() == cube.nodes[n]) continue;
      cube.edge_parent.push_back(parent), cube.edge_child.push_back(cube.nodes[n]), cube.edges.push_back(cube.nodes[n]);
    }
  for (std::size_t i = 0; i < 12 * cube.cells.size() * cube.edges.size(); ++i) {
    cube.contribution.push_back(amount(1e7)), cube.contribution_se.push_back(amount(1e5));
  }
  return cube;
}

// The same, split up by columns below the total and every book.
Cube with_columns(Cube cube) {
  for (const std::string& parent : cube.nodes)
    for (const char* column : {"obligor", "sector"})
      for (int i = 0; i < 22 && std::count(parent.begin(), parent.end(), '/') < 2; ++i) {
        cube.part_parent.push_back(parent), cube.part_column.emplace_back(column);
        cube.part_value.push_back(std::string(column) + "_" +
                                  std::to_string(100 * static_cast<int>(parent.size()) + 10 * parent.back() + i));
        cube.parts.push_back(cube.part_value.back() + " in " + parent);
      }
  const std::size_t all = cube.cells.size() * cube.parts.size() * cube.horizon_years.size() * cube.confidence.size();
  for (std::size_t i = 0; i < all; ++i) {
    cube.contribution_by.push_back(1e6 * static_cast<double>(1 + i % 977));
    cube.contribution_by_se.push_back(1e3 * static_cast<double>(1 + i % 89));
  }
  return cube;
}

ReportOrigin origin() {
  ReportOrigin from;
  from.title = "any", from.file = "cube.h5";
  return from;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_CASE("a page keeps to its size, however wide the cube") {
  for (const auto& [cells, pools] : {std::pair{100, 190}, {5, 190}, {100, 2}, {11, 1000}}) {
    CAPTURE(cells, pools);
    const std::string page = html_report(cube_of(cells, 9, pools), origin()).html;
    CHECK(page.size() < 1'500'000);
    CHECK(has(page, cells > 11 || pools > 190 ? "Nodes are shown for " : "What this page leaves out"));
  }
}

TEST_CASE("columns of every node keep to the page, or are left out with a word") {
  const Cube small = with_columns(cube_of(2, 2, 4)), wide = with_columns(cube_of(100, 20, 180));
  const std::string all = html_report(small, origin()).html, some = html_report(wide, origin()).html;
  CHECK(some.size() < 1'500'000);
  CHECK(has(some, "other columns add is shown for the total only"));
  CHECK_FALSE(has(all, "other columns add is shown"));
  const html::View view(small, origin());
  REQUIRE(view.parts.size() == 3 * 2 * 22);
  CHECK(view.parts_by(1, 4).front().at == view.parts_by(0, 4).front().at + 22);
  CHECK(view.parts_by(1, 1).size() == 22);
  CHECK(view.parts_by(1, 2).empty());
}

TEST_CASE("parts of a node that is none of the tree are left out") {
  Cube cube = with_columns(cube_of(1, 2, 4));
  cube.part_parent[0] = "nowhere";
  CHECK(html::View(cube, origin()).parts.size() == cube.parts.size() - 1);
}

TEST_CASE("the figures alone say what parts count less for being together") {
  Cube cube = cube_of(1, 2, 4);
  REQUIRE(cube.nodes.size() == 7);
  const html::View view(cube, origin());
  const auto es = [&](int n) { return view.shown(view.shortfall(0, n, 3, 2).value); };
  const auto error = [&](int n) { return view.shown(view.shortfall(0, n, 3, 2).error()); };
  const html::Estimate whole = html::diversification_of(view, 0, 0, 3, 2);
  const double scale = view.money.divisor;
  CHECK(whole.value / scale == Approx(es(1) + es(4) - es(0)));
  CHECK(whole.error() / scale == Approx(error(0) + error(1) + error(4)));
  const html::View::Edge& edge = view.edges[html::parts_of(view, 1, false).front()];
  const html::Estimate part = html::diversification(view, 0, edge, 3, 2);
  CHECK(part.value / scale == Approx(es(edge.child) - view.shown(view.contribution(0, edge, 3, 2).value)));
  CHECK(part.error() / scale == Approx(error(edge.child) + 1.959963984540054 * view.contribution_se(0, edge, 3, 2)));
  CHECK(html::parts_of(view, 0, false).size() == 2);
  CHECK(html::parts_of(view, 0, true).size() == 6);
}

TEST_CASE("edges that are none of the tree are left out") {
  Cube cube = cube_of(1, 2, 4);
  const std::size_t before = html::View(cube, origin()).edges.size();
  cube.edge_parent[0] = "nowhere";
  cube.edge_child[1] = "total";
  CHECK(html::View(cube, origin()).edges.size() == before - 2);
  CHECK(has(html_report(cube, origin()).html, "id=\"t-drivers\""));
}

TEST_CASE("what is not in the cube is said in a line") {
  Cube cube = cube_of(1, 2, 4);
  cube.edges.clear(), cube.edge_parent.clear(), cube.edge_child.clear();
  const ReportPage page = html_report(cube, origin(), {true, 3, nullptr, "the job is <gone>"});
  CHECK(has(page.html, "cube.contributions"));
  CHECK_FALSE(has(page.html, "id=\"t-drivers\""));
  CHECK(has(page.html, "No stories here: the job is &lt;gone&gt;"));
  CHECK(page.no_stories == "the job is <gone>");
  CHECK(html_report(cube, origin(), {true, 0, nullptr, ""}).no_stories.empty());
}

TEST_CASE("contributions that were not computed are named so") {
  Cube cube = cube_of(2, 2, 4);
  for (auto* member : {&cube.contribution, &cube.contribution_se}) member->assign(member->size(), std::nan(""));
  const std::string page = html_report(cube, origin()).html;
  CHECK(has(page, "does not reach VaR"));
  CHECK(has(page, "these hurt most, each alone"));
}

}  // namespace
}  // namespace tailcube
