#pragma once
// The checkpoint of a run: what of it has been evaluated, in its output folder as checkpoint.tally, with the one before as
// checkpoint.previous.tally. A kill at any moment leaves at least one of them whole, once there was one.
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hpc/partial_file.h"
#include "hpc/work_store.h"

namespace tailcube {

struct CheckpointFiles {
  // `prefix`: for several runs in one folder.
  explicit CheckpointFiles(const std::filesystem::path& folder, const std::string& prefix = {})
      : latest(folder / (prefix + "checkpoint.tally")),
        previous(folder / (prefix + "checkpoint.previous.tally")),
        next(folder / (prefix + "checkpoint.next.tally")) {}
  std::filesystem::path latest, previous, next;  // `next`: whole, and about to become the latest
  bool any() const;                              // there is something to go on with, or to refuse
  void remove() const;                           // all of them; what cannot be removed stays
};

// The newest of the folder's checkpoints in which every byte is as it was written; null if there is none. A newer one that
// is damaged is removed, with a warning. Throws BadPartial if all are damaged.
std::shared_ptr<const PartialReader> find_checkpoint(const CheckpointFiles&,
                                                     const std::function<void(const std::string&)>& warn);

// Keeps the tallies of a run at rank 0: passes on what is complete, and writes what there is when it is due.
class Checkpoint final : public WorkStore {
 public:
  using Warn = std::function<void(const std::string&)>;
  using Complete = std::function<void(CellRange, Tallies&&)>;
  struct Settings {
    double every_seconds = 600;  // 0: only when the work stops, and where a group's tallies leave the memory
    bool exact = false;          // never later, however long a checkpoint takes; otherwise they take 1 % of the time at most
    bool last = false;           // one of the complete work, too: it is to be kept
  };
  struct Cost {
    int written = 0, failed = 0;
    double seconds = 0;       // wall clock at rank 0, since they were due
    std::uint64_t bytes = 0;  // written, all together
  };
  // `source`: what work goes on with, or null. A file that cannot be written is warned of and tried again when the next one
  // is due.
  Checkpoint(const CheckpointFiles&, const PartialHeader&, std::shared_ptr<const PartialReader> source, const Settings&,
             Complete, Warn);

  ScenarioSet done(int cell) const override;
  Tallies load(CellRange) override;
  bool due() override;
  void save(CellRange, Tallies&, const ScenarioSet& done) override;
  void finish(CellRange, Tallies&&, const ScenarioSet& done) override;

  void save_header();  // a checkpoint without tallies
  bool on_disk() const { return source_ != nullptr; }
  std::uint64_t scenario_cells() const;  // in the last checkpoint that was written or is gone on with
  const Cost& cost() const { return cost_; }
  void add(const Cost& earlier);  // to its own, of a run that had another checkpoint before

 private:
  using Clock = std::chrono::steady_clock;
  void write(CellRange, Tallies*, const ScenarioSet& done);
  void write_file(CellRange, std::vector<CellPart>&);
  bool stored(CellRange, const ScenarioSet& done) const;
  double since_last() const;

  CheckpointFiles files_;
  PartialHeader header_;
  std::shared_ptr<const PartialReader> source_;  // what of the other cells is on disk
  Settings settings_;
  Complete complete_;
  Warn warn_;
  Cost cost_;
  Clock::time_point last_ = Clock::now();
  std::optional<Clock::time_point> due_since_;
  double last_seconds_ = 0;  // that the last one took
};

}  // namespace tailcube
