#pragma once
// Runs a whole job in this process: files -> read_job -> compile -> tiles -> cube. For tests that check numbers, not
// programs.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "src/cube/cube.h"
#include "src/cube/part_ranking.h"
#include "src/cube/second_look.h"
#include "src/input/input.h"

namespace tailcube::test {

// A folder that goes away with the object.
class Folder {
 public:
  Folder() {
    static int count = 0;
    path_ =
        std::filesystem::temp_directory_path() / ("tailcube-" + std::to_string(::getpid()) + "-" + std::to_string(count++));
    std::filesystem::create_directories(path_);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
  }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

using Files = std::map<std::string, std::string>;  // name -> text; "job.toml" among them

inline Job load(const Files& files, const std::vector<std::string>& settings = {}) {
  const Folder folder;
  for (const auto& [name, text] : files) folder.write(name, text);
  return read_job(folder / "job.toml", settings);
}

// Sets the tree's contributions; which values of columns are told apart, as PartChoice::chosen takes it; of all parents
// together. Empty: there is nothing to choose.
inline std::vector<std::uint8_t> kept_parts(const Job& job, const CompiledBook& book, const CompiledCredit& credit,
                                            const PartChoice& choice, Estimator& estimator, int threads) {
  Parts crowded = choice.crowded();
  if (crowded.all.empty()) return {};
  const CellRange cells{0, static_cast<int>(book.cells.size())};
  const auto whole = estimator.contributions().tails(cells);
  PartRanking ranking(job, book, credit, std::move(crowded));
  const LookBook tree(book, contribution_edges(job));
  const std::vector<std::uint32_t> all = scenarios_of(whole);
  PartRanking::Defaults defaults(ranking, whole, cells, all, threads);
  const auto seen = listen(tree, whole, cells, all, threads, {}, std::bind_front(&PartRanking::Defaults::hear, &defaults));
  const std::vector<RankingSums> heard = defaults.sums();
  std::vector<RankingSums> sums[2];
  for (const PartRanking::Look look : PartRanking::looks) {
    std::vector<CellTails> tails;
    for (const CellTails& of_cell : whole) tails.push_back(ranking.tails(look, of_cell));
    sums[static_cast<std::size_t>(look)] = ranking.sums(look, tails, cells, scenarios_of(tails), threads, {});
  }
  for (std::size_t cell = 0; cell < whole.size(); ++cell) {
    estimator.set_contributions(static_cast<int>(cell), tree.edges(), seen[cell]);
    sums[0][cell].merge(heard[cell]);
    ranking.add(whole[cell], sums[0][cell], sums[1][cell], static_cast<std::int64_t>(job.scenarios), job.confidence);
  }
  return ranking.kept(job.contribute_top);
}

// The contributions to expected shortfall, all parents looked at together.
inline void look_again(const Job& job, const CompiledBook& book, Estimator& estimator, int threads) {
  const ContributionEdges tree = contribution_edges(job);
  const CellRange cells{0, static_cast<int>(book.cells.size())};
  if (tree.parents.empty()) return;
  const auto tails = estimator.contributions().tails(cells);
  std::optional<LookBook> look;
  if (job.contribute_by.empty()) {
    look.emplace(book, tree);
  } else {
    const CompiledCredit credit = compile_credit(job);
    const PartChoice choice(job);
    const std::vector<std::uint8_t> kept = kept_parts(job, book, credit, choice, estimator, threads);
    Parts parts = choice.chosen(kept);
    estimator.set_parts(parts.all);
    if (kept.empty())
      look.emplace(job, book, credit, tree, std::move(parts));
    else
      look.emplace(LookBook::named(job, book, credit, tree, std::move(parts)));
  }
  const auto sums = tailcube::look_again(*look, tails, cells, scenarios_of(tails), threads, {});
  for (int cell = 0; cell < cells.end; ++cell)
    estimator.set_contributions(cell, look->edges(), sums[static_cast<std::size_t>(cell)]);
}

inline Cube run(const Job& job, int threads = 1, std::size_t memory = std::size_t{4} << 30) {
  const CompiledBook book = compile(job, Detail::leaf);
  const Plan plan = make_plan(job, book, memory, 1, threads);
  Estimator estimator(job, book);
  for (const CellRange group : plan.groups) {
    Tallies tallies(tally_shape(job, book, group), tally_settings(job));
    Evaluator evaluate(book, group, threads);
    for (const Tile tile : plan.tiles) evaluate(tile, tallies, {});
    estimator.add(group, std::move(tallies));
  }
  look_again(job, book, estimator, threads);
  return estimator.finish();
}

inline Cube run(const Files& files, const std::vector<std::string>& settings = {}) { return run(load(files, settings)); }

}  // namespace tailcube::test
