#pragma once
// Batches whose work is mostly the same for cells that differ in a few factors.
#include "kernels/instruments/instrument.h"

namespace tailcube {

// What a batch keeps from one cell of a block to the next.
struct Kept {
  struct Memory {
    virtual ~Memory() = default;
  };
  bool known = false;              // `memory` is of this block and of a cell that agrees in all but `reads_apart`
  std::unique_ptr<Memory> memory;  // for the batch to make and to use again; may be of another block
};

class KeepingBatch : public Batch {
 public:
  // The same as `evaluate`, in every bit.
  virtual void evaluate_keeping(const Block&, Ledger&, Faults&, Kept&) const noexcept = 0;

  std::vector<FactorIndex> reads_apart;  // of `reads`, ascending: those that what is kept does not depend on
  std::size_t bytes_kept = 0;            // per thread, at a PD of some percent
};

// The batch if there is something that it could keep.
inline const KeepingBatch* keeping(const Batch& batch) {
  const auto* const able = dynamic_cast<const KeepingBatch*>(&batch);
  return able != nullptr && !able->reads_apart.empty() ? able : nullptr;
}

}  // namespace tailcube
