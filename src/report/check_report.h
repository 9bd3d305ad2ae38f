#pragma once
// What `check` prints: what the job is, what was assumed, and what deserves a second look.
#include <iosfwd>

#include "src/engine/engine.h"
#include "src/model/model.h"

namespace tailcube {

void write_check_report(std::ostream&, const Job&, const CompiledBook&, const CompiledCredit&);

}  // namespace tailcube
