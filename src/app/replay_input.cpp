#include "src/app/replay_input.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

#include "src/app/cube_input.h"
#include "src/app/exit_codes.h"
#include "src/app/failure.h"
#include "src/engine/replay.h"
#include "src/input/digest.h"
#include "src/input/job_text.h"
#include "src/report/build_info.h"

namespace tailcube {
namespace {

namespace fs = std::filesystem;

// What a folder has of the tables that a run read.
struct Found {
  struct Problem {
    std::string file, text;
  };
  std::vector<Problem> problems;
  std::size_t missing = 0, tables = 0;
  int exit_code() const { return missing > 0 ? exit_code::missing : exit_code::invalid; }
};

Found look_at(const fs::path& folder, const Provenance& provenance) {
  Found found;
  for (std::size_t i = 1; i < provenance.inputs.size(); ++i) {  // the first is the job, whose text the cube has
    const auto& [name, digest] = provenance.inputs[i];
    const fs::path path = folder / name;
    ++found.tables;
    std::error_code error;
    std::ifstream file(path, std::ios::binary);
    std::stringstream text;
    if (fs::is_directory(path, error) || !file || !(text << file.rdbuf())) {
      ++found.missing;
      found.problems.push_back({name, fs::is_directory(path, error) ? "cannot be read: it is a directory"
                                      : fs::exists(path, error)     ? "cannot be read: no permission, or empty"
                                                                    : "cannot be read: No such file or directory"});
    } else if (const std::string now = sha256(text.str()); now != digest) {
      found.problems.push_back({name, "is not the file of the run: its SHA-256 is " + now.substr(0, 16) +
                                          "..., the cube has " + digest.substr(0, 16) + "..."});
    }
  }
  return found;
}

// The folder that was asked for: every problem of it, a line each.
[[noreturn]] void refuse_inputs(const fs::path& folder, const Found& found) {
  std::string lines;
  for (const auto& [file, text] : found.problems) lines += (folder / file).string() + ": " + text + "\n";
  throw Stop{found.exit_code(),
             lines +
                 "a scenario can only be replayed from the input of its run: give the folder that holds it "
                 "with --job FOLDER"};
}

// A folder of several that were looked at, on a line.
std::string line(const fs::path& folder, const char* which, const Found& found) {
  constexpr std::size_t listed = 3;
  std::string text = folder.string() + ", " + which + ": ";
  if (found.missing == found.tables) return text + "has none of the " + std::to_string(found.tables) + " files";
  for (std::size_t i = 0; i < std::min(listed, found.problems.size()); ++i)
    text += (i > 0 ? "; " : "") + found.problems[i].file + " " + found.problems[i].text;
  if (found.problems.size() > listed) text += "; and " + std::to_string(found.problems.size() - listed) + " more";
  return text;
}

struct Place {
  fs::path folder;
  const char* which;
};
std::vector<Place> places(const fs::path& cube) {
  const fs::path beside = fs::absolute(cube).lexically_normal().parent_path();
  std::vector<Place> all{
      {fs::current_path(), "the current folder"}, {beside, "that of the cube"}, {beside.parent_path(), "the one around it"}};
  if (const fs::path job = recorded_job(cube); !job.empty())
    all.push_back({job.parent_path(), "where the job lay, by run.json"});
  std::vector<Place> once;
  for (const Place& place : all)
    if (std::none_of(once.begin(), once.end(), [&](const Place& p) { return p.folder == place.folder; }))
      once.push_back(place);
  return once;
}

// "key = value", "key = value (3 000 rows)".
std::map<std::string, std::string> by_key(const std::vector<std::string>& defaults_used) {
  std::map<std::string, std::string> values;
  for (const std::string& text : defaults_used) {
    const std::size_t equals = text.find(" = ");
    if (equals == std::string::npos) continue;
    std::string value = text.substr(equals + 3);
    const std::size_t rows = value.rfind(" (");
    if (rows != std::string::npos && (value.ends_with(" row)") || value.ends_with(" rows)"))) value.resize(rows);
    values.emplace(text.substr(0, equals), std::move(value));
  }
  return values;
}

// Settings and columns whose default has another value now. One that only one of the programs knows does not count: the
// other computed as if there were none.
std::string other_defaults(const std::vector<std::string>& then, const std::vector<std::string>& now) {
  std::string text;
  const std::map<std::string, std::string> current = by_key(now);
  for (const auto& [key, value] : by_key(then))
    if (const auto found = current.find(key); found != current.end() && found->second != value)
      text.append(text.empty() ? "" : ", ").append(key).append(" = ").append(value).append(" (now ").append(found->second) +=
          ')';
  return text;
}

}  // namespace

fs::path job_folder(const fs::path& cube, const Provenance& provenance, const fs::path& given) {
  if (provenance.job.empty() || provenance.inputs.empty())
    throw Stop{exit_code::invalid, cube.string() + ": holds no job (/provenance/job) that could be run again"};
  if (!given.empty()) {
    fs::path folder = fs::is_regular_file(given) ? given.parent_path() : given;
    if (const Found found = look_at(folder, provenance); !found.problems.empty()) refuse_inputs(folder, found);
    return folder;
  }
  std::string tried;
  bool whole = false;  // a folder has all of the files, though others
  for (const auto& [folder, which] : places(cube)) {
    const Found found = look_at(folder, provenance);
    if (found.problems.empty()) return folder;
    tried += "\n" + line(folder, which, found);
    whole |= found.missing == 0;
  }
  throw Stop{whole ? exit_code::invalid : exit_code::missing,
             cube.string() + ": the files of its job are in none of these folders; give theirs with --job FOLDER" + tried};
}

Job read_job_of(const fs::path& cube, const CubeFile& file, const fs::path& folder) {
  const Provenance& provenance = file.provenance;
  Job job = read_job_text(folder / provenance.inputs.front().path, provenance.job);
  if (const std::string others = other_defaults(provenance.defaults_used, job.defaults_used); !others.empty())
    throw Stop{exit_code::invalid, cube.string() + ": was made with other defaults: " + others + "; replay it with " +
                                       file.header.source + "; this is " + program_version()};
  leave_out(job, file.cube.quarantined);
  return job;
}

}  // namespace tailcube
