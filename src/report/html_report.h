#pragma once
// The cube as one HTML page that needs nothing else: no network, no file beside it (docs/report.md).
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "src/cube/cube.h"

namespace tailcube {

// Where the cube comes from: what the file says beside its numbers, and the record of its run.
struct ReportOrigin {
  std::string file, sha256;  // name of the cube file and the digest of its bytes
  std::size_t bytes = 0;
  std::string title, source, job_digest, sampler, tail_mode, format_version;
  std::int64_t seed = 0;
  double loss_unit = 0;
  std::string job;  // /provenance
  std::vector<std::string> defaults_used;
  std::vector<std::pair<std::string, std::string>> input_digests;  // file, SHA-256
  std::string run_record;                                          // run.json as it is; empty: not there
};

struct ReportOptions {
  bool charts = true;        // false: the tables alone, as when the program was built without the chart library
  int stories = 3;           // of each cell's worst scenarios, how many are told; 0: none
  const Job* job = nullptr;  // that of the cube; stories need it
  std::string no_job;        // why there is none
};

struct ReportPage {
  std::string html;
  int cells_told = 0;      // cells with stories
  std::string no_stories;  // why there are none; empty: there are, or none were asked for
};
// Every text of the cube is escaped; the page's security policy allows its own script and style and nothing else.
ReportPage html_report(const Cube&, const ReportOrigin&, const ReportOptions& = {});

// The chart library that the program was built with, "D3 (12 modules)"; empty: none.
std::string chart_library();

}  // namespace tailcube
