#include "src/app/replay_input.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "src/app/exit_codes.h"
#include "src/app/failure.h"
#include "src/engine/replay.h"
#include "src/input/digest.h"
#include "src/input/job_text.h"
#include "src/report/build_info.h"

namespace tailcube {
namespace {

namespace fs = std::filesystem;

struct Problems {
  std::string lines;
  int exit_code = exit_code::invalid;
  void add(const std::string& line) { lines += line + "\n"; }
};

// What the tables are now against what the cube says they were; all of it at once.
void check_tables(const Provenance& provenance, const fs::path& folder) {
  Problems problems;
  for (std::size_t i = 1; i < provenance.inputs.size(); ++i) {
    const auto& [name, digest] = provenance.inputs[i];
    const fs::path path = folder / name;
    std::ifstream file(path, std::ios::binary);
    std::stringstream text;
    if (fs::is_directory(path) || !file || !(text << file.rdbuf())) {
      problems.exit_code = exit_code::missing;
      problems.add(path.string() + ": cannot be read: " +
                   (fs::is_directory(path) ? "it is a directory"
                    : fs::exists(path)     ? "no permission, or empty"
                                           : std::strerror(ENOENT)));
    } else if (const std::string now = sha256(text.str()); now != digest) {
      problems.add(path.string() + ": is not the file of the run: its SHA-256 is " + now.substr(0, 16) +
                   "..., the cube has " + digest.substr(0, 16) + "...");
    }
  }
  if (problems.lines.empty()) return;
  throw Stop{problems.exit_code, problems.lines +
                                     "a scenario can only be replayed from the input of its run: give the folder that "
                                     "holds it with --job FOLDER"};
}

// The first line that one has and the other lacks.
std::string first_difference(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  for (std::size_t i = 0; i < std::max(a.size(), b.size()); ++i)
    if (i >= a.size() || i >= b.size() || a[i] != b[i]) return i < a.size() ? a[i] : b[i];
  return {};
}

}  // namespace

fs::path job_folder(const fs::path& cube, const Provenance& provenance, const fs::path& given) {
  if (!given.empty()) return fs::is_regular_file(given) ? given.parent_path() : given;
  const fs::path beside = fs::absolute(cube).parent_path();
  const auto has_all = [&](const fs::path& folder) {
    return std::all_of(provenance.inputs.begin(), provenance.inputs.end(),
                       [&](const InputFile& input) { return fs::exists(folder / input.path); });
  };
  for (const fs::path& folder : {fs::path("."), beside, beside.parent_path()})
    if (has_all(folder)) return folder;
  throw Stop{exit_code::missing,
             cube.string() + ": the files of its job are neither here nor beside it; give their folder with --job FOLDER"};
}

Job read_job_of(const fs::path& cube, const CubeFile& file, const fs::path& folder) {
  const Provenance& provenance = file.provenance;
  if (provenance.job.empty() || provenance.inputs.empty())
    throw Stop{exit_code::invalid, cube.string() + ": holds no job (/provenance/job) that could be run again"};
  check_tables(provenance, folder);
  Job job = read_job_text(folder / provenance.inputs.front().path, provenance.job);
  if (job.defaults_used != provenance.defaults_used)
    throw Stop{exit_code::invalid, cube.string() + ": was made with other defaults, for instance \"" +
                                       first_difference(provenance.defaults_used, job.defaults_used) +
                                       "\": replay it with " + file.header.source + "; this is " + program_version()};
  leave_out(job, file.cube.quarantined);
  return job;
}

}  // namespace tailcube
