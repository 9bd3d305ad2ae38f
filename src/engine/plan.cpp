// How many cells at a time, how many scenarios a tile: so that the memory given is enough, by arithmetic and not by luck.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "kernels/posting.h"
#include "kernels/tally/slices.h"
#include "src/engine/engine.h"
#include "src/engine/parts.h"

namespace tailcube {
namespace {

std::string megabytes(std::size_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f MB", static_cast<double>(bytes) / 1e6);
  return text;
}

// What a rank holds besides tallies and workspaces: the program with its libraries, the job, the compiled batches, the cube.
std::size_t fixed_bytes(const Job& job, const CompiledBook& book) {
  std::size_t positions = 0;
  for (const PositionTable& table : job.tables) positions += table.positions.size();
  if (job.chain)
    for (const ChainLink& link : job.chain->links)
      for (const PositionTable& table : link.tables) positions += table.positions.size();
  const std::size_t cube_points = job.cells.size() * job.nodes.size() * job.report_steps.size();
  const std::size_t cube =
      cube_points *
      (static_cast<std::size_t>(quantities(job.published_values)) * (6 + 8 * job.confidence.size()) * 8 +
       static_cast<std::size_t>(job.tail_scenarios) * 25 + std::size_t{4096} + static_cast<std::size_t>(book.gauges) * 16);
  const std::size_t published = job.published_values ? 400 + 8 * job.report_steps.size() : 0;
  return 60'000'000 + positions * (1'000 + published) + job.obligors.size() * 200 + cube;
}

// The second look, for contributions: at rank 0 the tails of every cell, one of them three times over where it is sent and
// read; of cells looked at together where each scenario of a tail is, and their list of scenarios; sums of each thread; the
// cube's part.
std::size_t contribution_bytes(const Job& job, std::uint64_t scenarios, std::size_t threads) {
  const std::size_t cells = job.cells.size(), nodes = job.nodes.size(), horizons = job.report_steps.size();
  const std::size_t parents = nodes == 1 && job.contribute_by.empty() ? 0 : job.contributions.size();
  const double tail = std::ceil(static_cast<double>(scenarios) * (1 - job.confidence.front().value()));
  const std::size_t least = static_cast<std::size_t>(tally_settings(job).keep.at_least);
  const std::size_t listed =
      job.binned ? std::min(least, static_cast<std::size_t>(tail) + 1) : static_cast<std::size_t>(tail) + 1;
  constexpr std::size_t entry = 12, sums_of_edge = 96;
  const std::size_t sums = parents == 0 ? 0 : 2 * nodes * horizons * job.confidence.size();
  const std::size_t all = parents * horizons * listed, together = std::min<std::size_t>(cells, 16);
  const std::size_t distinct = std::min<std::size_t>(scenarios, all * together);
  return all * entry * (cells + 3 + together) + distinct * 32 + sums * (sums_of_edge * (threads + 3) + 16 * cells) +
         (parents == 0 ? 0 : nodes * horizons * lanes * sizeof(Units) * threads);
}

// What cube.contribute_by adds to the second look: positions once more with a row for each group that is told apart, their
// ledgers (one, or two where cells differ, or what is kept) and rounded rows in each thread, losses and sums of the parts;
// what is chosen from is summed at the same time, without squares, as defaults are told: of a PD of 10 % in a block.
std::size_t parts_bytes(const Job& job, const CompiledBook& book, std::size_t threads) {
  if (job.contribute_by.empty()) return 0;
  const PartChoice::Size most = PartChoice(job).most();
  const std::size_t horizons = job.report_steps.size(), block = horizons * lanes * sizeof(double);
  const std::size_t copies = job.cells.size() > 1 ? 2 : 1;
  std::size_t positions = 0, rows = 0, ledger = 0;
  for (std::size_t t = 0; t < job.tables.size(); ++t) {
    positions += job.tables[t].positions.size();
    rows += most.rows[t];
    ledger += most.rows[t] * (3 + job.tables[t].instrument->gauges.size() +
                              (job.ratios ? job.tables[t].instrument->ratio_gauges.size() : 0));
  }
  const auto sums = [&](std::size_t parts, std::size_t sum) {
    const std::size_t of_cell = parts * horizons * 3 * job.confidence.size() * sum;
    const std::size_t together = std::min(job.cells.size(), static_cast<std::size_t>(cells_looked_at(of_cell)));
    return of_cell * together * (threads + 2) + parts * block * threads;
  };
  const std::size_t together = std::min<std::size_t>(job.cells.size(), 16);
  const std::size_t told = positions * lanes / 10 * (horizons + 1) * sizeof(double) + together * job.nodes.size() * block;
  const std::size_t estimates = most.chosen * horizons * job.confidence.size() * 16 * job.cells.size();
  return positions * 1'200 + workspace_bytes(book) * threads +
         (ledger * copies + rows + book.leaf_of_row.size()) * block * threads +
         std::min(ledger * block * job.cells.size(), kept_ledger_bytes) * threads + job.obligors.size() * 100 +
         sums(most.crowded, 16) + sums(most.chosen, 32) + (most.crowded > 0 ? told * threads : 0) + estimates;
}

// Tiles are as large as the loss sheet allows, and small enough that every thread of every rank gets several.
std::uint64_t tile_size(std::uint64_t scenarios, std::size_t slots, std::size_t sheet_budget, int ranks, int threads) {
  const std::uint64_t fair = scenarios / (16 * static_cast<std::uint64_t>(ranks)) + 1;
  const std::uint64_t fits = sheet_budget / (slots * sizeof(Units)) / lanes * lanes;
  const std::uint64_t least = static_cast<std::uint64_t>(lanes) * static_cast<std::uint64_t>(threads);
  const std::uint64_t wanted = std::clamp<std::uint64_t>(fair, least, std::max<std::uint64_t>(8192, 4 * least));
  return std::max<std::uint64_t>(lanes, std::min((wanted + lanes - 1) / lanes * lanes, fits));
}

}  // namespace

Shape tally_shape(const Job& job, const CompiledBook& book, CellRange cells) {
  Shape shape;
  shape.cells = cells.end - cells.begin;
  shape.quantities = quantities(book.published_values);
  shape.nodes = static_cast<int>(job.nodes.size());
  shape.horizons = static_cast<int>(job.report_steps.size());
  shape.gauges = book.gauges;
  return shape;
}

TallySettings tally_settings(const Job& job) {
  TallySettings settings;
  settings.binned = job.binned;
  settings.keep.alpha_numerator = job.confidence.front().numerator;
  settings.keep.alpha_denominator = job.confidence.front().denominator;
  settings.keep.at_least = std::max<std::int64_t>(1001, job.tail_scenarios + 1);
  settings.keep.grows = !job.binned;
  return settings;
}

Plan make_plan(const Job& job, const CompiledBook& book, std::size_t memory_bytes, int ranks, int threads,
               std::uint64_t part) {
  Plan plan;
  const std::uint64_t scenarios = part == 0 ? job.scenarios : part;
  const int cells = static_cast<int>(job.cells.size());
  const Shape one = tally_shape(job, book, {0, 1});
  const std::size_t slots = one.losses();
  plan.unit = book.unit;
  plan.budget_bytes = memory_bytes;
  plan.fixed_bytes = fixed_bytes(job, book) + contribution_bytes(job, job.scenarios, static_cast<std::size_t>(threads));
  plan.second_look_bytes = parts_bytes(job, book, static_cast<std::size_t>(threads));
  if (plan.second_look_bytes > 0 && plan.fixed_bytes + plan.second_look_bytes > memory_bytes)
    throw InvalidJob({"the second look for cube.contribute_by needs " +
                      megabytes(plan.fixed_bytes + plan.second_look_bytes) + " a rank, --memory allows " +
                      megabytes(memory_bytes) +
                      ": give more memory or fewer threads, or name fewer columns or cube.contributions"});
  plan.workspace_bytes = workspace_bytes(book) * static_cast<std::size_t>(threads);
  const std::size_t tally = tally_bytes(tally_settings(job), static_cast<std::int64_t>(scenarios), book.largest_loss);
  plan.tally_bytes_per_cell = slots * tally + one.gauge_slots() * sizeof(Moments) * static_cast<std::size_t>(threads + 2);
  // While ranks are reduced a rank holds a parcel for another and one from it, and each thread a tally of that.
  const auto messages = [&](std::size_t group) {
    const std::size_t parcel = std::min(parcel_bytes + tally, group * plan.tally_bytes_per_cell);
    return ranks > 1 ? 2 * parcel + static_cast<std::size_t>(threads) * tally : 0;
  };
  const std::size_t one_cell = plan.tally_bytes_per_cell + messages(1);
  const std::size_t least_sheet = sheet_bytes(one, lanes);
  const std::size_t least = plan.fixed_bytes + plan.workspace_bytes + one_cell + least_sheet;
  if (least > memory_bytes)
    throw InvalidJob({"one stress cell needs " + megabytes(least) + " a rank, --memory allows " + megabytes(memory_bytes) +
                      (job.binned ? ": give more memory, or use fewer nodes or horizons"
                                  : ": give more memory, use fewer nodes or horizons, or set cube.tail = \"binned\"")});
  const std::size_t left = memory_bytes - plan.fixed_bytes - plan.workspace_bytes;
  const std::size_t sheet_budget = std::max(least_sheet, std::min({left / 4, left - one_cell, std::size_t{64'000'000}}));
  auto most = static_cast<std::size_t>(cells);
  while (most > 1 && most * plan.tally_bytes_per_cell + messages(most) > left - sheet_budget) --most;
  const int groups = static_cast<int>((static_cast<std::size_t>(cells) + most - 1) / most);
  const int largest = (cells + groups - 1) / groups;
  for (int g = 0; g < groups; ++g)
    plan.groups.push_back(
        {static_cast<int>(std::int64_t{cells} * g / groups), static_cast<int>(std::int64_t{cells} * (g + 1) / groups)});
  plan.tile_scenarios = tile_size(scenarios, slots * static_cast<std::size_t>(largest), sheet_budget, ranks, threads);
  for (std::uint64_t begin = 0; begin < scenarios; begin += plan.tile_scenarios)
    plan.tiles.push_back({begin, std::min(scenarios, begin + plan.tile_scenarios)});
  plan.message_bytes = messages(static_cast<std::size_t>(largest));
  plan.sheet_bytes = sheet_bytes(tally_shape(job, book, {0, largest}), plan.tile_scenarios);
  plan.total_bytes = plan.fixed_bytes + plan.workspace_bytes + plan.message_bytes + plan.sheet_bytes +
                     plan.tally_bytes_per_cell * static_cast<std::size_t>(largest);
  plan.total_bytes = std::max(plan.total_bytes, plan.fixed_bytes + plan.second_look_bytes);
  char text[1024];
  std::snprintf(text, sizeof text,
                "%d stress cells x %d nodes x %d horizons x %d quantities, %s tail\n"
                "%d group(s) of at most %d cells; %zu tiles of %llu scenarios each\n"
                "memory a rank: program, book and cube %s + %d thread(s) %s + tallies %s a cell + losses of a tile %s + "
                "messages between ranks %s = "
                "%s of %s allowed\n"
                "loss unit %.6g %s\n",
                cells, one.nodes, one.horizons, one.quantities, job.binned ? "binned" : "exact", groups, largest,
                plan.tiles.size(), static_cast<unsigned long long>(plan.tile_scenarios), megabytes(plan.fixed_bytes).c_str(),
                threads, megabytes(plan.workspace_bytes).c_str(), megabytes(plan.tally_bytes_per_cell).c_str(),
                megabytes(plan.sheet_bytes).c_str(), megabytes(plan.message_bytes).c_str(),
                megabytes(plan.total_bytes).c_str(), megabytes(plan.budget_bytes).c_str(), plan.unit, job.currency.c_str());
  plan.explanation = text;
  if (plan.second_look_bytes > 0)
    plan.explanation +=
        "second look for cube.contribute_by, after the tallies: " + megabytes(plan.fixed_bytes + plan.second_look_bytes) +
        " a rank\n";
  return plan;
}

}  // namespace tailcube
