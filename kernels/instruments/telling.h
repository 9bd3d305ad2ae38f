#pragma once
// Batches that can tell what single defaults take away.
#include <cstdint>
#include <span>

#include "kernels/instruments/keeping.h"

namespace tailcube {

// Hears what defaults take away, position by position.
class DefaultListener {
 public:
  struct Hit {
    std::uint32_t position;  // of the batch's, in the order in which it was compiled
    std::uint32_t lane;
  };
  virtual ~DefaultListener() = default;
  // loss[hit][valued step]: value + cash had the position's obligor not defaulted, less value + cash; the job's currency.
  virtual void hear(std::span<const Hit>, const double* loss) noexcept = 0;
};

// Batches that correct a book in which nobody defaults. Of a position without an obligor nothing is taken away.
class TellingBatch : public KeepingBatch {
 public:
  // The same as `evaluate`, or as `evaluate_keeping` where there is a `kept`; tells of every default that takes something
  // away once.
  virtual void evaluate_telling(const Block&, Ledger&, Faults&, Kept* kept, DefaultListener&) const noexcept = 0;
  // What the position's holder pays out at a default, in the job's currency: drawn on its commitment.
  virtual double drawn(std::uint32_t position, const Default&, const Block&) const noexcept = 0;
};

}  // namespace tailcube
