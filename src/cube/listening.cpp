// A look at the tree that hears what defaults take away.
#include <map>
#include <memory>
#include <mutex>

#include "kernels/posting.h"
#include "src/cube/second_look.h"
#include "src/cube/tail_reader.h"

namespace tailcube {
namespace {

// A batch of the run that writes down what it tells, by ledger: each thread has its own.
class Recorded final : public KeepingBatch {
 public:
  struct Told final : DefaultListener {
    void hear(std::span<const Hit> some, const double* loss_of) noexcept override {
      hits.insert(hits.end(), some.begin(), some.end());
      loss.insert(loss.end(), loss_of, loss_of + some.size() * horizons);
    }
    std::size_t horizons = 0;
    std::vector<Hit> hits;
    std::vector<double> loss;
  };
  // Of all batches of a book, since a ledger serves one after the other.
  class Notes {
   public:
    Told& of(const Ledger& ledger) {
      const std::lock_guard guard(mutex_);
      return told_[&ledger];
    }

   private:
    std::mutex mutex_;
    std::map<const Ledger*, Told> told_;
  };
  Recorded(std::shared_ptr<Batch> batch, const TellingBatch& telling, Notes& notes)
      : KeepingBatch(telling), batch_(std::move(batch)), telling_(telling), notes_(notes) {}
  void evaluate(const Block& block, Ledger& ledger, Faults& faults) const noexcept override {
    telling_.evaluate_telling(block, ledger, faults, nullptr, begin(ledger));
  }
  void evaluate_keeping(const Block& block, Ledger& ledger, Faults& faults, Kept& kept) const noexcept override {
    telling_.evaluate_telling(block, ledger, faults, &kept, begin(ledger));
  }

 private:
  Told& begin(const Ledger& ledger) const {
    Told& told = notes_.of(ledger);
    told.hits.clear(), told.loss.clear();
    told.horizons = static_cast<std::size_t>(ledger.value.steps());
    return told;
  }
  std::shared_ptr<Batch> batch_;
  const TellingBatch& telling_;
  Notes& notes_;
};

}  // namespace

std::vector<ContributionSums> listen(const LookBook& look, std::span<const CellTails> tails, CellRange cells,
                                     std::span<const std::uint32_t> scenarios, int threads, const Poll& poll,
                                     const Hear& hear) {
  const std::size_t horizons = look.book().market.valued.size(), width = horizons * lanes;
  const std::size_t nodes = look.book().parent.size();
  const ContributionSums empty(look.edges().edges.size(), horizons, confidences_of(tails));
  std::vector<ContributionSums> all(tails.size(), empty);
  if (scenarios.empty()) return all;
  CompiledBook book = look.book();
  Recorded::Notes notes;
  std::vector<std::uint8_t> tells(book.stages.size(), 0);
  for (std::size_t s = 0; s < book.stages.size(); ++s)
    if (const auto* telling = dynamic_cast<const TellingBatch*>(book.stages[s].batch.get()); telling != nullptr) {
      book.stages[s].batch = std::make_shared<Recorded>(book.stages[s].batch, *telling, notes);
      tells[s] = 1;
    }
  struct Thread {
    std::vector<ContributionSums> sums;
    std::vector<std::vector<Units>> losses;  // [cell]: of the block, as LookBook has them
    std::vector<Units> row;
    std::size_t first = 0, count = 0;  // the block
  };
  std::vector<Thread> own(static_cast<std::size_t>(threads), Thread{all, {}, {}});
  std::vector<TailReader> readers;
  readers.reserve(tails.size());
  for (const CellTails& of_cell : tails) readers.emplace_back(look, of_cell, scenarios);
  // Adds a block up once all of its stages have been seen.
  const auto finish = [&](Thread& mine) {
    for (std::size_t cell = 0; cell < tails.size() && mine.count > 0; ++cell) {
      if (!readers[cell].needs(mine.first)) continue;
      std::vector<Units>& losses = mine.losses[cell];
      for (std::size_t node = nodes; node-- > 1;) {
        Units* const to = &losses[static_cast<std::size_t>(book.parent[node]) * width];
        for (std::size_t i = 0; i < width; ++i) to[i] += losses[node * width + i];
      }
      readers[cell].add(mine.first, mine.count, losses, mine.sums[cell]);
    }
    mine.losses.assign(tails.size(), std::vector<Units>(nodes * width, 0));
  };
  const auto see = [&](int thread, std::size_t s, std::span<const int> alike, std::size_t first, std::size_t count,
                       const Ledger& ledger) {
    Thread& mine = own[static_cast<std::size_t>(thread)];
    if (mine.count == 0 || mine.first != first) finish(mine);
    mine.first = first, mine.count = count;
    mine.row.resize(width);
    const Stage& stage = book.stages[s];
    for (std::uint32_t r = 0; r < stage.row_count; ++r) {
      const std::size_t row = static_cast<std::size_t>(stage.first_row) + r;
      ledger_losses(ledger, row, book.unit, book.today[row], mine.row.data());
      for (const int cell : alike) {
        Units* const to = &mine.losses[static_cast<std::size_t>(cell - cells.begin)]
                                      [static_cast<std::size_t>(book.leaf_of_row[row]) * width];
        for (std::size_t i = 0; i < width; ++i) to[i] += mine.row[i];
      }
    }
    if (tells[s] == 0) return;
    const Recorded::Told& told = notes.of(ledger);
    hear(thread, look.table(s), alike, first, told.hits, told.loss.data());
  };
  const auto needed = [&](int cell, std::size_t first) {
    return readers[static_cast<std::size_t>(cell - cells.begin)].needs(first);
  };
  Evaluator(book, cells, threads).gather_stages(scenarios, see, poll, needed);
  for (Thread& mine : own) finish(mine);
  for (const Thread& thread : own)
    for (std::size_t cell = 0; cell < all.size(); ++cell) all[cell].merge(thread.sums[cell]);
  return all;
}

}  // namespace tailcube
