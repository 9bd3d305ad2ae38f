// One thread's blocks. What several cells see alike is computed for the first of them that needs it.
#include <algorithm>
#include <iterator>
#include <utility>

#include "kernels/evaluate.h"

namespace tailcube {
namespace {

constexpr int nobody = -2;                 // -1 is the unshocked cell
constexpr std::uint32_t nothing = ~0u;     // no version
constexpr std::size_t drawn_together = 8;  // versions of the defaults

std::size_t ledger_doubles(const CompiledBook& book) {
  return ((book.published_values ? 4 : 3) * book.leaf_of_row.size() + book.gauge_rows.size()) * book.market.valued.size() *
         lanes;
}

// Ledger k holds version k of every stage; the last one, in turn, also those beyond.
std::size_t ledger_count(const CompiledBook& book, const Sharing& sharing) {
  const std::size_t most = std::max<std::size_t>(2, kept_ledger_bytes / (1 + ledger_doubles(book) * sizeof(double)));
  return std::min<std::size_t>(sharing.stage_versions(), most);
}

std::size_t scene_count(const Sharing& sharing) { return 2 + std::min(drawn_together, sharing.defaulting_cells().size()); }

}  // namespace

Workspace::Scene::Scene(const CompiledBook& book) : paths(nobody), defaults(nothing), discounts(nothing) {
  block.seed = book.seed;
  block.factors = LaneTable(book.market.rows(), book.market.steps + 1);
  if (!book.market.bridged.empty()) {
    block.lows = LaneTable(book.market.factors.size(), book.market.steps + 1);
    block.landings.resize(book.market.factors.size());
  }
  block.discounts = LaneTable(book.market.discounts.size(), static_cast<int>(book.market.valued.size()));
  block.weight.fill(unit_weight);
}

Workspace::Workspace(const CompiledBook& book, CellRange cells)
    : book_(book),
      sharing_(book, cells),
      innovations_(book.market.factors.size(), book.market.steps + 1),
      scratch_(book.market.factors.size(), book.market.steps + 1),
      publisher_(book.publishing.get()) {
  for (std::size_t i = 0; i < scene_count(sharing_); ++i) scenes_.emplace_back(book);
  const auto valued = static_cast<int>(book.market.valued.size());
  for (std::size_t i = 0; i < ledger_count(book, sharing_); ++i) {
    Ledger& ledger = ledgers_.emplace_back();
    for (LaneTable* table : {&ledger.value, &ledger.cash, &ledger.credit_loss})
      *table = LaneTable(book.leaf_of_row.size(), valued);
    if (book.published_values) ledger.published_value = LaneTable(book.leaf_of_row.size(), valued);
    ledger.gauges = LaneTable(book.gauge_rows.size(), valued);
  }
  held_.resize(book.stages.size() * ledgers_.size());
  keeping_.resize(book.stages.size());
  valuation_.of_row.resize(book.leaf_of_row.size());
  valuation_.of_gauge_row.resize(book.gauge_rows.size());
  mean_conditional_pd_.resize(1 + sharing_.defaulting_cells().size());
  known_pd_.resize(mean_conditional_pd_.size());
  // Batches and posting report no more than there is room for. Where each position has a row, as many as it may take to
  // count every scenario of each.
  constexpr std::size_t least = 4096, most = std::size_t{1} << 20;
  const std::size_t room = book.detail == Detail::position ? std::size_t{8} * lanes * book.leaf_of_row.size() : 0;
  faults.reserve(std::clamp(room, least, most));
  found_.reserve(faults.capacity());
}

std::size_t workspace_bytes(const CompiledBook& book) {
  const Sharing sharing(book, {0, static_cast<int>(book.cells.size())});
  const std::size_t scenes = scene_count(sharing);
  const std::size_t factors = book.market.factors.size() * static_cast<std::size_t>(book.market.steps + 1) * lanes;
  const std::size_t discounts = book.market.discounts.size() * book.market.valued.size() * lanes;
  const std::size_t lows = book.market.bridged.empty() ? 0 : factors;
  const std::size_t published =
      book.market.published.size() * static_cast<std::size_t>(book.market.steps + 1) * lanes * sizeof(double);
  std::size_t bytes =
      (book.publishing ? publisher_bytes(*book.publishing) + scenes * published : 0) +
      ((2 + scenes) * factors + scenes * (lows + discounts) + ledger_count(book, sharing) * ledger_doubles(book) +
       (1 + sharing.defaulting_cells().size()) * lanes) *
          sizeof(double);
  for (std::size_t s = 0; s < book.stages.size(); ++s) {
    const Batch& batch = *book.stages[s].batch;
    bytes += batch.bytes_per_thread + (sharing.keeps(s) ? keeping(batch)->bytes_kept : 0);
  }
  // Credit: a mask and a number per obligor of the largest bucket, the mask once for each cell drawn together; where the
  // defaults of each obligor begin, for each scene; a bucket's points, those of a cell and their scores, and defaults of
  // each scene, at a mean conditional PD of 10 %.
  std::size_t largest = 0;
  for (const Bucket& bucket : book.credit.buckets) largest = std::max<std::size_t>(largest, bucket.count);
  const std::size_t defaults = book.credit.obligors.size() / 10 + 1 + book.credit.in_default;
  return bytes + (largest * 16 + book.credit.obligors.size() * sizeof(std::uint32_t)) * scenes +
         (largest * 8 + defaults * sizeof(Default) * scenes) * std::size_t{lanes};
}

void Workspace::start(std::uint64_t first_scenario, std::size_t scenarios) { begin(first_scenario, nullptr, scenarios); }

void Workspace::start(std::span<const std::uint32_t> scenarios) {
  gathered_.fill(scenarios.back());
  std::copy(scenarios.begin(), scenarios.end(), gathered_.begin());
  begin(0, gathered_.data(), scenarios.size());
}

void Workspace::begin(std::uint64_t first_scenario, const std::uint32_t* gathered, std::size_t scenarios) {
  for (Scene& scene : scenes_) {
    scene.block.first_scenario = first_scenario;
    scene.block.gathered = gathered;
    scene.block.scenarios = scenarios;
    scene.paths = nobody;
    scene.defaults = scene.discounts = nothing;
    scene.published = false;
  }
  for (Held& held : held_) held.version = nothing;
  for (Keeping& keeping : keeping_) keeping.version = nothing;
  std::fill(known_pd_.begin(), known_pd_.end(), std::uint8_t{0});
  wanted_.clear();
  draw_innovations(book_.market, scenes_[0].block, innovations_);
}

void Workspace::want(std::span<const int> cells) {
  wanted_.assign(known_pd_.size(), 0);
  for (const int cell : cells) wanted_[sharing_[cell].defaults] = 1;
}

// Scene 0 is the unshocked cell's, scene 1 that of cells whose defaults are the unshocked ones, the others go round among
// the versions of the defaults.
Workspace::Scene& Workspace::scene_of(std::uint32_t defaults) {
  return scenes_[defaults == 0 ? 1 : 2 + (defaults - 1) % drawn_together];
}

void Workspace::walk(int cell, Scene& scene) {
  if (scene.paths == cell) return;
  const CellShocks* const before = scene.paths < 0 ? nullptr : &book_.cells[static_cast<std::size_t>(scene.paths)];
  scene.paths = cell;
  scene.published = false;
  if (cell < 0) return draw_paths(book_.market, book_.unshocked, innovations_, nullptr, scratch_, scene.block);
  walk(-1, scenes_[0]);
  draw_paths(book_.market, book_.cells[static_cast<std::size_t>(cell)], innovations_, &scenes_[0].block, scratch_,
             scene.block, before);
}

// Draws the defaults of this version, and with it those of its neighbours and of the unshocked cell that are wanted: they
// share the random numbers.
void Workspace::draw(std::uint32_t version) {
  std::vector<Block*> blocks;
  std::vector<std::uint32_t> versions;
  if (scenes_[0].defaults == nothing && (version == 0 || (sharing_.unshocked_defaults() && wanted(0)))) {
    walk(-1, scenes_[0]);
    scenes_[0].defaults = 0;
    blocks.push_back(&scenes_[0].block), versions.push_back(0);
  }
  const std::vector<int>& cells = sharing_.defaulting_cells();
  const std::size_t begin = version == 0 ? 0 : (version - 1) / drawn_together * drawn_together;
  for (std::size_t i = begin; i < std::min(begin + drawn_together, cells.size()); ++i) {
    const auto other = static_cast<std::uint32_t>(i + 1);
    Scene& scene = scene_of(other);
    if (other != version && (!wanted(other) || scene.defaults == other)) continue;
    walk(cells[i], scene);
    scene.defaults = other;
    blocks.push_back(&scene.block), versions.push_back(scene.defaults);
  }
  draw_defaults(book_.credit, credit_, blocks);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    mean_conditional_pd_[versions[i]] = blocks[i]->mean_conditional_pd;
    known_pd_[versions[i]] = 1;
  }
}

void Workspace::fetch_defaults(int cell, Scene& scene) {
  const std::uint32_t version = sharing_[cell].defaults;
  if (scene.defaults == version) return;
  if (scenes_[0].defaults == nothing || version != 0) draw(version);
  if (version == 0 && cell >= 0) {
    scene.block.defaults = scenes_[0].block.defaults;
    scene.block.first_default = scenes_[0].block.first_default;
    scene.defaults = 0;
  }
}

// What the book publishes; links that are the unshocked cell's come from there. First of all those: drawing for several
// cells walks their scenes.
void Workspace::publish(int cell, Scene& scene) {
  const std::vector<std::uint8_t>& unshocked = sharing_[cell].unshocked_links;
  if (cell >= 0 && std::find(unshocked.begin(), unshocked.end(), 1) != unshocked.end()) publish(-1, scenes_[0]);
  if (book_.publishing->reads_defaults) fetch_defaults(cell, scene);
  walk(cell, scene);
  if (std::exchange(scene.published, true)) return;
  if (cell < 0)
    publisher_.publish(scene.block);
  else
    publisher_.publish(scene.block, unshocked, &scenes_[0].block);
}

void Workspace::swap_borrowed(Scene& scene, Scene& unshocked) {
  if (scene.borrows_defaults) {
    std::swap(scene.block.defaults, unshocked.block.defaults);
    std::swap(scene.block.first_default, unshocked.block.first_default);
  }
  if (scene.borrows_discounts) std::swap(scene.block.discounts, unshocked.block.discounts);
}

// The cell's scene, complete as far as a stage reads it.
Workspace::Scene& Workspace::prepare(int cell, const Batch& batch) {
  const Sharing::Cell& mine = sharing_[cell];
  Scene& scene = cell < 0 ? scenes_[0] : scene_of(mine.defaults);
  const bool reads_book =
      !batch.reads.empty() && static_cast<std::size_t>(batch.reads.back()) >= book_.market.factors.size();
  if (reads_book) publish(cell, scene);
  scene.borrows_defaults = batch.reads_defaults && cell >= 0 && mine.defaults == 0 && scene.defaults != 0;
  if (scene.borrows_defaults)
    fetch_defaults(-1, scenes_[0]);
  else if (batch.reads_defaults)
    fetch_defaults(cell, scene);
  walk(cell, scene);
  const bool discounts = !batch.reads_curves.empty() && scene.discounts != mine.discounts;
  scene.borrows_discounts = discounts && scenes_[0].discounts == mine.discounts;
  if (discounts && !scene.borrows_discounts) discount(book_.market, scene.block), scene.discounts = mine.discounts;
  swap_borrowed(scene, scenes_[0]);
  return scene;
}

void Workspace::evaluate(std::size_t stage, int cell, Ledger& ledger) {
  const Batch& batch = *book_.stages[stage].batch;
  Scene& scene = prepare(cell, batch);
  const Block& block = scene.block;
  const std::uint32_t version = sharing_[cell].kept[stage];
  found_.clear();
  std::swap(ledger.scratch, memory_);
  if (sharing_.keeps(stage, version)) {
    auto& [of, kept] = keeping_[stage];
    kept.known = std::exchange(of, version) == version;
    keeping(batch)->evaluate_keeping(block, ledger, found_, kept);
  } else {
    batch.evaluate(block, ledger, found_);
  }
  if (book_.published_values && batch.published_today.empty())
    std::copy_n(ledger.value(book_.stages[stage].first_row, 0).data(),
                book_.stages[stage].row_count * book_.market.valued.size() * lanes,
                ledger.published_value(book_.stages[stage].first_row, 0).data());
  std::swap(ledger.scratch, memory_);
  swap_borrowed(scene, scenes_[0]);
  scene.borrows_defaults = scene.borrows_discounts = false;
}

void Workspace::each_stage(std::span<const int> cells, const SeeStage& see) {
  std::vector<int> alike;
  Ledger& ledger = ledgers_.front();
  want(cells);
  for (std::size_t i = 0; i < cells.size(); ++i)
    for (std::size_t s = 0; s < book_.stages.size(); ++s) {
      const std::uint32_t version = sharing_[cells[i]].stages[s];
      const auto has_it = [&](int cell) { return sharing_[cell].stages[s] == version; };
      if (std::any_of(cells.begin(), cells.begin() + static_cast<std::ptrdiff_t>(i), has_it)) continue;
      alike.clear();
      std::copy_if(cells.begin() + static_cast<std::ptrdiff_t>(i), cells.end(), std::back_inserter(alike), has_it);
      evaluate(s, version == 0 ? -1 : cells[i], ledger);
      see(s, alike, ledger);
    }
}

const Valuation& Workspace::cell(int index) {
  faults.clear();
  const Sharing::Cell& mine = sharing_[index];
  const bool gathered = scenes_[0].block.gathered != nullptr;
  if (!gathered && !known_pd_[mine.defaults]) draw(mine.defaults);
  valuation_.mean_conditional_pd = gathered ? nullptr : &mean_conditional_pd_[mine.defaults];
  for (std::size_t s = 0; s < book_.stages.size(); ++s) {
    const std::size_t slot = std::min<std::size_t>(mine.stages[s], ledgers_.size() - 1);
    Held& held = held_[s * ledgers_.size() + slot];
    if (held.version != mine.stages[s]) {
      // A version is the unshocked cell's wherever it comes first: its block serves for all.
      evaluate(s, mine.stages[s] == 0 ? -1 : index, ledgers_[slot]);
      held.version = mine.stages[s];
      held.faults = found_;
    }
    const Stage& stage = book_.stages[s];
    std::fill_n(valuation_.of_row.begin() + static_cast<std::ptrdiff_t>(stage.first_row), stage.row_count, &ledgers_[slot]);
    std::fill_n(valuation_.of_gauge_row.begin() + stage.first_gauge, stage.gauge_count, &ledgers_[slot]);
    for (const Fault& f : held.faults)
      if (faults.size() < faults.capacity()) faults.push_back(f);
  }
  return valuation_;
}

}  // namespace tailcube
