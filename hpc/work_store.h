#pragma once
// What becomes of the tallies at rank 0, which alone holds them: hpc/checkpoint.h, or a test's own.
#include <optional>

#include "hpc/scenario_set.h"
#include "kernels/evaluate.h"

namespace tailcube {

class WorkStore {
 public:
  virtual ~WorkStore() = default;
  // What was done of a cell before work began.
  virtual ScenarioSet done(int cell) const = 0;
  // The tallies of cells with the same scenarios done, more than none. Asked for once, before save() or finish() of them.
  virtual Tallies load(CellRange) = 0;
  // The round is to end, so that save() can be called. Asked often.
  virtual bool due() = 0;
  // What there is of a group of cells: they go on afterwards, or the work stops.
  virtual void save(CellRange, Tallies&, const ScenarioSet& done) = 0;
  // All there is to be. Groups come in rising order, each once.
  virtual void finish(CellRange, Tallies&&, const ScenarioSet& done) = 0;
};

}  // namespace tailcube
