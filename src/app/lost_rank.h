#pragma once
// The end of a run in which a rank hangs or its host is cut off.
#include <memory>

#include "hpc/checkpoint.h"
#include "hpc/communicator.h"

namespace tailcube {

// Collective. From now on a rank that is silent for so long is named in one line, with its host, and every rank that can
// still be reached ends: with 75 if there is a checkpoint by then (the same command goes on), otherwise with 70.
void watch_ranks(Communicator&, double patience_seconds, const std::shared_ptr<const CheckpointFiles>&);

}  // namespace tailcube
