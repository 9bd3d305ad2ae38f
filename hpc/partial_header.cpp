#include "hpc/partial_header.h"

#include <algorithm>
#include <utility>

#include "src/report/build_info.h"

namespace tailcube {

PartialHeader partial_header(const Job& job, const CompiledBook& book, std::vector<std::string> quarantined) {
  PartialHeader header;
  PartialIdentity& id = header.identity;
  id.program = "tailcube " + program_version() + " (" + program_commit() + ", " + compiler() + ")";
  id.tally_digest = job.tally_digest;
  id.seed = job.seed;
  id.unit = book.unit;
  id.cells = static_cast<int>(job.cells.size());
  id.cell_shape = tally_shape(job, book, {0, 1});
  id.settings = tally_settings(job);
  id.quarantined = std::move(quarantined);
  std::sort(id.quarantined.begin(), id.quarantined.end());
  header.job = job.name;
  header.job_digest = job.digest;
  header.scenarios = job.scenarios;
  header.wanted = ScenarioSet({{0, job.scenarios}});
  return header;
}

}  // namespace tailcube
