// Which scenarios of the job a run evaluates: all of them, a shard of them, or those that a smaller run lacks; and the
// .tally file that it leaves.
#include <spdlog/spdlog.h>

#include "hpc/partial_header.h"
#include "hpc/partial_merge.h"
#include "src/app/exit_codes.h"
#include "src/app/failure.h"
#include "src/app/run.h"
#include "src/input/input.h"
#include "src/report/money.h"

namespace tailcube {

namespace fs = std::filesystem;

// Rank 0 knows the scenarios, every rank how many they are.
void Run::choose_part() {
  meet(world_, attempt([&] {
         if (!leads()) return;
         split_ = ScenarioSet({{0, job_.scenarios}});
         if (!options_.extend.empty()) open_base();
         wanted_ = is_shard()
                       ? split_.part(static_cast<std::uint64_t>(options_.shard), static_cast<std::uint64_t>(options_.shards))
                       : split_;
         if (wanted_.empty())
           throw InvalidJob({"--shard " + std::to_string(options_.shard) + "/" + std::to_string(options_.shards) +
                             ": there are fewer blocks of " + std::to_string(lanes) +
                             " scenarios than shards; use fewer shards"});
       }));
  part_scenarios_ = std::stoull(broadcast(world_, std::to_string(wanted_.size())));
  if (is_shard()) record_.shard = std::to_string(options_.shard) + "/" + std::to_string(options_.shards);
  if (is_part()) record_.scenarios_wanted = wanted_.text();
}

void Run::open_base() {
  if (!fs::exists(options_.extend)) throw InvalidInput({{options_.extend, 0, 0, "", "no such file"}}, exit_code::missing);
  base_ = std::make_unique<PartialReader>(options_.extend);
  split_ = split_.without(base_->header().wanted);
  if (split_.empty())
    throw InvalidJob({options_.extend.string() + ": holds all " + std::to_string(job_.scenarios) +
                      " scenarios of the job; ask for more with --set run.scenarios=NUMBER"});
}

// Before anything is evaluated: a shard only has to fit, what is added to must be whole.
void Run::check_base() const {
  if (!base_) return;
  const std::string problem = part_problem(partial_header(job_, *book_), *base_);
  if (!problem.empty()) throw InvalidJob({problem});
  if (!is_shard()) base_->check_all();
}

// Whether every rank is done before it begins: a task that is started again costs nothing.
bool Run::shard_is_there() {
  if (!is_shard()) return false;
  bool there = false;
  meet(world_, attempt([&] {
         if (leads() && !options_.overwrite && fs::exists(output_->tally())) there = find_shard();
       }));
  return broadcast(world_, there ? "there" : "") == "there";
}

bool Run::find_shard() const {
  const std::string path = output_->tally().string();
  try {
    const PartialReader shard(path);
    const PartialHeader mine = header();
    const PartialHeader& theirs = shard.header();
    std::string what = difference(mine.identity, theirs.identity);
    if (what.empty() && (theirs.job_digest != mine.job_digest || theirs.wanted != mine.wanted))
      what = std::to_string(theirs.scenarios) + " scenarios, of them " + theirs.wanted.text();
    if (!what.empty())
      throw FileError(path + ": exists already and belongs to another job: " + what +
                      "; choose another folder with -o, or replace it with --overwrite");
    shard.check_all();
    spdlog::info("{}: is complete", path);
    return true;
  } catch (const BadPartial& bad) {
    spdlog::warn("{}; it is evaluated again", bad.what());
    return false;
  }
}

// A part cannot know which positions the other scenarios would have left out.
void Run::refuse_part(const FaultLog& faults) {
  if (!is_part()) return;
  if (leads()) output_->checkpoints().remove();
  meet(world_, {exit_code::invalid, tailcube::describe(ValuationFault(faults), job_, *book_) +
                                        "; what has to be left out depends on all scenarios: run the job whole, without " +
                                        "--shard and --extend, or take the position out of it"});
}

void Run::open_tally() {
  kept_.reset();  // that of an earlier round of quarantine
  if (!is_shard() && !options_.keep_tally) return;
  PartialHeader mine = header();
  mine.rounds.clear();
  if (!is_shard()) mine.wanted = ScenarioSet({{0, job_.scenarios}});
  kept_ = std::make_unique<PartialWriter>(output_->tally(), mine);
}

// At rank 0, complete groups of cells in rising order.
void Run::deliver(CellRange cells, Tallies&& tallies) {
  if (!base_ && !kept_) return estimator_->add(cells, std::move(tallies));
  std::vector<Tallies> each = split_cells(std::move(tallies));
  for (int cell = cells.begin; cell < cells.end; ++cell) try {
      CellPart part{wanted_, std::move(each[static_cast<std::size_t>(cell - cells.begin)])};
      if (base_ && !is_shard()) add_part(*base_, cell, part);
      if (kept_) kept_->add(cell, part);
      if (!is_shard()) estimator_->add({cell, cell + 1}, std::move(part.tallies));
    } catch (const FileError&) {
      work_failure_ = exit_code::io;
      throw;
    } catch (const BadPartial&) {
      work_failure_ = exit_code::invalid;
      throw;
    }
}

void Run::conclude_tally() {
  if (!kept_) return;
  kept_->finish();
  const auto bytes = static_cast<double>(fs::file_size(output_->tally()));
  spdlog::info("{}: {} scenarios, {}", output_->tally().string(), grouped(static_cast<double>(wanted_.size())),
               bytes_text(bytes));
}

}  // namespace tailcube
