#pragma once
// The head of a partial of a job.
#include <string>
#include <vector>

#include "hpc/partial_file.h"
#include "src/engine/engine.h"

namespace tailcube {

// Of this program and job: wants the whole job, is not a shard. `quarantined`: "instrument id", of the positions that are
// not in the job any more.
PartialHeader partial_header(const Job&, const CompiledBook&, std::vector<std::string> quarantined = {});

}  // namespace tailcube
