// Contributions by the values of columns: against the tree, added up in whole units, the choice of who is told apart, and a
// book where they are known.
#include <filesystem>
#include <map>
#include <set>

#include "kernels/posting.h"
#include "src/cube/second_look.h"
#include "tests/catch_any.h"
#include "tests/run_job.h"

using namespace tailcube;

namespace {

Job tiny(const std::vector<std::string>& settings) {
  std::vector<std::string> all = {"run.scenarios=1500"};
  all.insert(all.end(), settings.begin(), settings.end());
  return read_job(std::filesystem::path(TAILCUBE_SOURCE_DIR) / "tests" / "data" / "tiny" / "job.toml", all);
}

std::size_t place(const std::vector<std::string>& names, const std::string& name) {
  const auto at = std::find(names.begin(), names.end(), name);
  INFO(name);
  REQUIRE(at != names.end());
  return static_cast<std::size_t>(at - names.begin());
}

// Every cell, horizon and confidence.
template <class Look>
void for_each(const Cube& cube, const Look& look) {
  for (int cell = 0; cell < static_cast<int>(cube.cells.size()); ++cell)
    for (int h = 0; h < static_cast<int>(cube.horizon_years.size()); ++h)
      for (int k = 0; k < static_cast<int>(cube.confidence.size()); ++k) look(cell, h, k);
}

}  // namespace

TEST_CASE("a value whose positions are a leaf contributes what the leaf does") {
  const Cube cube = test::run(tiny({"cube.contribute_by=[\"pool\"]"}));
  std::size_t compared = 0;
  for (std::size_t edge = 0; edge < cube.edges.size(); ++edge) {
    const std::string& path = cube.edge_child[edge];
    if (std::count(path.begin(), path.end(), '/') != 2) continue;  // a book
    const std::string name = "pool=" + path.substr(path.rfind('/') + 1) + " in " + cube.edge_parent[edge];
    const std::size_t part = place(cube.parts, name);
    for_each(cube, [&](int cell, int h, int k) {
      CAPTURE(name, cell, h, k);
      const std::size_t a = cube.at_edge(cell, edge, h, k), b = cube.at_part(cell, part, h, k);
      CHECK(cube.contribution[a] == cube.contribution_by[b]);
      CHECK((cube.contribution_se[a] == cube.contribution_by_se[b] ||
             (std::isnan(cube.contribution_se[a]) && std::isnan(cube.contribution_by_se[b]))));
      ++compared;
    });
  }
  CHECK(compared > 100);
}

TEST_CASE("parts add up to the run's losses, in every scenario and to the unit") {
  const Job job = tiny(
      {"cube.contribute_by=[\"obligor\", \"currency\", \"collateral_factor\", \"position\"]", "cube.contribute_top=1000"});
  const CompiledBook book = compile(job, Detail::leaf);
  const CompiledCredit credit = compile_credit(job);
  const LookBook look(job, book, credit, contribution_edges(job), PartChoice(job).chosen({}));
  const LookBook plain(book, contribution_edges(job));
  const std::vector<std::uint32_t> scenarios = {3, 64, 65, 700, 701, 1100, 1499};
  const std::size_t nodes = job.nodes.size(), width = job.report_steps.size() * lanes;
  const CellRange cells{0, static_cast<int>(job.cells.size())};
  std::map<std::pair<int, int>, std::vector<Units>> seen[2];  // [with parts](cell, block)
  const LookBook* looks[2] = {&plain, &look};
  for (int with : {0, 1}) {
    Evaluator evaluator(looks[with]->book(), cells, 1);
    std::vector<Units> losses, rows;
    const auto see = [&](int, int cell, std::size_t first, std::size_t, const Valuation& valuation) {
      looks[with]->losses(valuation, losses, rows);
      seen[with][{cell, static_cast<int>(first)}] = losses;
    };
    evaluator.gather(scenarios, see, {});
  }
  std::size_t moved = 0;  // losses of parts
  for (const auto& [where, losses] : seen[1]) {
    const std::vector<Units>& of_run = seen[0].at(where);
    REQUIRE(losses.size() == (nodes + look.parts().all.size()) * width);
    CHECK(std::equal(of_run.begin(), of_run.end(), losses.begin()));
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<Units>> sums;  // by parent and column
    for (std::size_t part = 0; part < look.parts().all.size(); ++part) {
      std::vector<Units>& sum = sums[{look.parts().all[part].parent, look.parts().all[part].column}];
      sum.resize(width);
      for (std::size_t i = 0; i < width; ++i) sum[i] += losses[(nodes + part) * width + i];
      moved += losses[(nodes + part) * width] != 0;
    }
    CHECK(sums.size() == job.contributions.size() * 4);
    for (const auto& [key, sum] : sums) {
      const std::size_t node = static_cast<std::size_t>(job.contributions[key.first]);
      CAPTURE(job.nodes[node].path, job.contribute_by[key.second].name);
      CHECK(std::equal(sum.begin(), sum.end(), of_run.begin() + static_cast<std::ptrdiff_t>(node * width)));
    }
  }
  CHECK(moved > 100);
}

// Losses of every cell and of the blocks of these scenarios, as LookBook has them.
std::vector<std::vector<Units>> losses_of(const LookBook& look, CellRange cells,
                                          const std::vector<std::uint32_t>& scenarios) {
  std::vector<std::vector<Units>> out;
  std::vector<Units> losses, rows;
  const auto see = [&](int, int, std::size_t, std::size_t, const Valuation& valuation) {
    look.losses(valuation, losses, rows);
    out.push_back(losses);
  };
  Evaluator(look.book(), cells, 1).gather(scenarios, see, {});
  return out;
}

TEST_CASE("a position that is told apart loses what it loses on a row of its own") {
  const Job job = tiny({"cube.contribute_by=[\"position\"]", "cube.contribute_top=1000", "cube.contributions=\"all\""});
  const CompiledBook book = compile(job, Detail::leaf);
  const CompiledCredit credit = compile_credit(job);
  const CompiledBook oracle = compile(job, Detail::position, credit, book.unit);
  const std::vector<std::uint32_t> scenarios = {3, 64, 65, 700, 701, 1100, 1499};
  const CellRange cells{0, static_cast<int>(job.cells.size())};
  const std::size_t nodes = job.nodes.size(), width = job.report_steps.size() * lanes;
  std::vector<std::vector<Units>> alone;
  Evaluator(oracle, cells, 1)
      .gather(scenarios,
              [&](int, int, std::size_t, std::size_t, const Valuation& valuation) {
                row_losses(oracle, valuation, alone.emplace_back(oracle.leaf_of_row.size() * width).data());
              },
              {});
  std::map<std::string, std::size_t> row;  // of the oracle
  for (const PositionTable& table : job.tables)
    for (const std::string& id : table.positions.id) row.emplace(id, row.size());

  const ContributionEdges tree = contribution_edges(job);
  const auto together = losses_of(LookBook(book, tree), cells, scenarios);
  const auto all = looks(book, tree);
  CHECK(all.size() > 3);
  std::size_t parents = 0, compared = 0, others = 0;
  for (const std::vector<std::uint32_t>& some : all) {
    parents += some.size();
    const LookBook look(job, book, credit, edges_of(tree, some), PartChoice(job).chosen({}, some));
    const auto seen = losses_of(look, cells, scenarios);
    REQUIRE(seen.size() == alone.size());
    for (std::size_t i = 0; i < seen.size(); ++i) {
      for (const ContributionEdges::Edge& edge : edges_of(tree, some).edges)
        for (const int node : {edge.parent, edge.child}) {
          const auto from = static_cast<std::ptrdiff_t>(static_cast<std::size_t>(node) * width);
          CAPTURE(job.nodes[static_cast<std::size_t>(node)].path);
          CHECK(std::equal(seen[i].begin() + from, seen[i].begin() + from + static_cast<std::ptrdiff_t>(width),
                           together[i].begin() + from));
        }
      for (std::size_t part = 0; part < look.parts().all.size(); ++part) {
        Units furthest = 0;
        const std::size_t mine = (nodes + part) * width, his = row.at(look.parts().all[part].value) * width;
        for (std::size_t k = 0; k < width; ++k)
          furthest = std::max(furthest, std::abs(seen[i][mine + k] - alone[i][his + k]));
        CAPTURE(look.parts().all[part].value);
        CHECK(furthest <= 20);  // the one that gets what rounding leaves of a leaf, by position
        ++compared, others += furthest != 0;
      }
    }
  }
  CHECK(parents == tree.parents.size());
  CHECK(compared > 500);
  CHECK(others * 3 < compared);
}

// Tails of any scenarios, with the losses that they have.
std::vector<CellTails> tails_of(const Job& job, const LookBook& look, const std::vector<std::uint32_t>& scenarios) {
  const std::vector<std::vector<Units>> losses = losses_of(look, {0, static_cast<int>(job.cells.size())}, scenarios);
  std::vector<CellTails> out(job.cells.size());
  for (std::size_t cell = 0; cell < out.size(); ++cell)
    for (const ContributionEdges::Parent& parent : look.edges().parents)
      for (std::size_t h = 0; h < job.report_steps.size(); ++h) {
        CellTails::List& list = out[cell].lists.emplace_back();
        const auto at =
            static_cast<std::ptrdiff_t>((static_cast<std::size_t>(parent.node) * job.report_steps.size() + h) * lanes);
        list.scenario = scenarios;
        list.loss.assign(losses[cell].begin() + at,
                         losses[cell].begin() + at + static_cast<std::ptrdiff_t>(scenarios.size()));
        list.cut = {{static_cast<std::int64_t>(scenarios.size()) - 2, 2, 1}};
      }
  return out;
}

TEST_CASE("parts that are looked at alone have the sums that they have beside the tree") {
  const Job job = tiny({"cube.contribute_by=[\"sector\", \"obligor\", \"position\"]", "cube.contribute_top=3"});
  const CompiledBook book = compile(job, Detail::leaf);
  const CompiledCredit credit = compile_credit(job);
  const ContributionEdges tree = contribution_edges(job);
  const PartChoice choice(job);
  const Parts crowded = choice.crowded();
  std::vector<std::uint8_t> kept(crowded.all.size(), 0);
  for (std::size_t first = 0, last = 0; first < kept.size(); first = last) {
    while (last < kept.size() && crowded.all[last].parent == crowded.all[first].parent &&
           crowded.all[last].column == crowded.all[first].column)
      ++last;
    for (std::size_t i = 0; i < 3; ++i) kept[first + i * (last - first) / 3] = 1;
  }
  const std::vector<std::uint32_t> scenarios = {3, 64, 65, 700, 701, 1100, 1499};
  const LookBook whole(job, book, credit, tree, choice.chosen(kept)),
      named = LookBook::named(job, book, credit, tree, choice.chosen(kept));
  CHECK(whole.whole());
  CHECK_FALSE(named.whole());
  const std::vector<Part>& parts = whole.parts().all;
  REQUIRE(named.parts().all.size() == parts.size());
  CHECK(named.edges().edges.size() == parts.size());
  const std::vector<CellTails> tails = tails_of(job, whole, scenarios);
  const CellRange cells{0, static_cast<int>(job.cells.size())};
  const auto all = look_again(whole, tails, cells, scenarios, 1, {}),
             some = look_again(named, tails, cells, scenarios, 1, {});
  std::size_t exact = 0, near = 0, others = 0;
  const auto nodes = static_cast<int>(job.nodes.size());
  for (std::size_t e = 0, edge = 0; e < whole.edges().edges.size(); ++e) {
    if (whole.edges().edges[e].child < nodes) continue;
    REQUIRE(named.edges().edges[edge] == whole.edges().edges[e]);
    const Part& part = whole.part(whole.edges().edges[e]);
    others += part.value == other_values;
    for (std::size_t cell = 0; cell < tails.size(); ++cell)
      for (std::size_t h = 0; h < job.report_steps.size(); ++h)
        for (std::size_t segment = 0; segment < 3; ++segment) {
          const LossPowers &a = some[cell].at(edge, h)[segment], &b = all[cell].at(e, h)[segment];
          ++(a.sum == b.sum && a.squares == b.squares ? exact : near);
          CAPTURE(part.value);
          CHECK(std::abs(static_cast<std::int64_t>(a.sum - b.sum)) <= 100);  // what rounding leaves of a leaf
          CHECK(static_cast<double>(a.squares) == Approx(static_cast<double>(b.squares)).epsilon(1e-3).margin(1e6));
        }
    ++edge;
  }
  CHECK(others > 5);
  CHECK(exact > 4 * near);
}

TEST_CASE("the values that contribute most are told apart") {
  const std::string by = "cube.contribute_by=[\"obligor\", \"position\"]";
  const Cube all = test::run(tiny({by, "cube.contribute_top=1000"})),
             few = test::run(tiny({by, "cube.contribute_top=3"}), 2);
  REQUIRE(all.part_value.size() > 60);
  std::set<std::pair<std::string, std::string>> groups;  // parent, column
  for (std::size_t part = 0; part < all.parts.size(); ++part) groups.insert({all.part_parent[part], all.part_column[part]});
  std::size_t cut = 0;
  for (const auto& [parent, column] : groups) {
    CAPTURE(parent, column);
    std::map<std::string, std::size_t> whole, chosen;
    for (std::size_t part = 0; part < all.parts.size(); ++part)
      if (all.part_parent[part] == parent && all.part_column[part] == column) whole[all.part_value[part]] = part;
    for (std::size_t part = 0; part < few.parts.size(); ++part)
      if (few.part_parent[part] == parent && few.part_column[part] == column) chosen[few.part_value[part]] = part;
    const std::size_t named = whole.size() - whole.count("(none)");
    CHECK(whole.count("(none)") == chosen.count("(none)"));
    CHECK(whole.count("(others)") == 0);
    CHECK(chosen.count("(others)") == (named > 3 ? 1 : 0));
    CHECK(chosen.size() == std::min<std::size_t>(3, named) + chosen.count("(none)") + chosen.count("(others)"));
    // The largest share of any estimate decides.
    const int node = static_cast<int>(place(few.nodes, parent));
    std::map<std::string, double> share;
    for_each(all, [&](int cell, int h, int k) {
      double sum = 0;
      for (const auto& [value, part] : whole)
        if (value != "(none)") sum += std::fabs(all.contribution_by[all.at_part(cell, part, h, k)]);
      for (const auto& [value, part] : whole)
        if (value != "(none)" && sum > 0)
          share[value] = std::max(share[value], std::fabs(all.contribution_by[all.at_part(cell, part, h, k)]) / sum);
    });
    double least_kept = 1, largest_left = 0;
    for (const auto& [value, of_value] : share)
      if (chosen.count(value) != 0)
        least_kept = std::min(least_kept, of_value);
      else
        largest_left = std::max(largest_left, of_value), ++cut;
    CHECK(least_kept >= largest_left);
    // What is not told apart is one part; rounding moves a few units.
    const double units = 2.0 * static_cast<double>(whole.size()) * all.unit;
    for_each(all, [&](int cell, int h, int k) {
      double rest = 0, sum = 0;
      for (const auto& [value, part] : whole) {
        const double amount = all.contribution_by[all.at_part(cell, part, h, k)];
        if (chosen.count(value) == 0)
          rest += amount;
        else
          CHECK(std::fabs(few.contribution_by[few.at_part(cell, chosen.at(value), h, k)] - amount) <= units);
      }
      for (const auto& [value, part] : chosen) {
        const double amount = few.contribution_by[few.at_part(cell, part, h, k)];
        if (value == "(others)") CHECK(std::fabs(amount - rest) <= units);
        sum += amount;
      }
      CHECK(sum == Approx(few.expected_shortfall[few.at(0, cell, node, h, k)]).epsilon(1e-12).margin(1e-9));
    });
  }
  CHECK(cut > 20);
}

TEST_CASE("positions of one price contribute by their size") {
  const test::Files files = {
      {"job.toml",
       "[run]\nseed = 3\nscenarios = 4000\ncurrency = \"USD\"\n[time]\nstep = \"1M\"\nsteps = 1\n[files]\n"
       "factors = \"factors.csv\"\npositions.holding = \"holdings.csv\"\n[market]\nuncorrelated = [\"ETH\"]\n"
       "[cube]\nconfidence = [0.95]\ncontribute_by = [\"chain\", \"position\"]\n"},
      {"factors.csv", "id,kind,initial,drift,volatility\nETH,lognormal,4000,0,0.8\n"},
      {"holdings.csv", "id,factor,quantity,chain\nA,ETH,5,main\nB,ETH,-1,rollup\nC,ETH,2,main\nD,ETH,4,\n"}};
  const Cube cube = test::run(files);
  CHECK(cube.edges.empty());
  const double shortfall = cube.expected_shortfall[cube.at(0, 0, 0, 0, 0)];
  const double error = cube.expected_shortfall_se[cube.at(0, 0, 0, 0, 0)];
  const std::map<std::string, double> shares = {{"chain=main in total", 0.7},   {"chain=rollup in total", -0.1},
                                                {"chain=(none) in total", 0.4}, {"position=A in total", 0.5},
                                                {"position=B in total", -0.1},  {"position=C in total", 0.2},
                                                {"position=D in total", 0.4}};
  CHECK(cube.parts == std::vector<std::string>{"chain=main in total", "chain=rollup in total", "chain=(none) in total",
                                               "position=A in total", "position=B in total", "position=C in total",
                                               "position=D in total"});
  const double unit_error = cube.contribution_by_se[cube.at_part(0, place(cube.parts, "position=A in total"), 0, 0)] / 0.5;
  CHECK(unit_error == Approx(error).epsilon(0.05));  // it takes the loss at VaR from a window, not from one scenario
  for (const auto& [name, share] : shares) {
    CAPTURE(name);
    const std::size_t at = cube.at_part(0, place(cube.parts, name), 0, 0);
    CHECK(std::fabs(cube.contribution_by[at] - share * shortfall) <= 4 * cube.unit);
    CHECK(cube.contribution_by_se[at] == Approx(std::fabs(share) * unit_error).epsilon(1e-4));
  }
}
