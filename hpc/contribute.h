#pragma once
// The second look: the scenarios of the tails that contributions are made of, evaluated again on all ranks.
#include "hpc/worker.h"
#include "src/cube/cube.h"

namespace tailcube {

// Every rank calls it, with the same book; `estimator` has all groups and is null but on rank 0, where it gets the
// contributions. Blocks of a cell's scenarios are shared out evenly. Ends the same way on every rank: complete, stopped (on
// any rank; `stop` says by what), or by WorkFailed.
Ended contribute(const CompiledBook&, const Job&, Communicator&, const WorkSettings&, Estimator* estimator, int& stop);
// On this rank alone; throws what went wrong as it is.
Ended contribute(const CompiledBook&, const Job&, const WorkSettings&, Estimator&, int& stop);

}  // namespace tailcube
