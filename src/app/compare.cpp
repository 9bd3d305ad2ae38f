#include "src/report/compare.h"

#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <sstream>

#include "src/app/commands.h"
#include "src/app/cube_input.h"
#include "src/app/exit_codes.h"
#include "src/app/terminal.h"
#include "src/input/digest.h"
#include "src/report/compare_report.h"
#include "src/report/figures.h"

namespace tailcube {
namespace {

namespace fs = std::filesystem;

// The contents of an input file, from whichever of the folders still has it as it was.
std::optional<std::string> contents(const std::string& name, const std::string& digest,
                                    const std::vector<fs::path>& folders) {
  for (const fs::path& folder : folders) {
    std::error_code ignored;
    if (!fs::is_regular_file(folder / name, ignored)) continue;
    std::ifstream in(folder / name, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    if (sha256(text) != digest) continue;
    constexpr std::string_view mark = "\xEF\xBB\xBF";
    return text.starts_with(mark) ? text.substr(mark.size()) : text;
  }
  return std::nullopt;
}

std::string digest_of(const Provenance& provenance, const std::string& file) {
  const auto found = std::find_if(provenance.inputs.begin(), provenance.inputs.end(),
                                  [&](const InputFile& input) { return input.path == file; });
  return found == provenance.inputs.end() ? std::string() : found->sha256;
}

std::string file_of(const std::vector<std::pair<std::string, std::string>>& files, const std::string& role) {
  const auto found = std::find_if(files.begin(), files.end(), [&](const auto& file) { return file.first == role; });
  return found == files.end() ? std::string() : found->second;
}

void read_tables(InputChange& change, const Provenance& a, const Provenance& b, const std::vector<fs::path>& folders,
                 const std::vector<std::string>& levels) {
  if (change.before.empty() || change.after.empty()) {  // all of its rows
    const bool gone = change.after.empty();
    const std::string& name = gone ? change.before : change.after;
    const auto text = contents(name, digest_of(gone ? a : b, name), folders);
    if (!text) {
      change.unread = "it is not there any more as it was";
      return;
    }
    const std::string empty = text->substr(0, text->find('\n')) + "\n";
    change.table = gone ? table_changes(*text, empty, levels) : table_changes(empty, *text, levels);
    return;
  }
  const auto before = contents(change.before, digest_of(a, change.before), folders);
  const auto after = contents(change.after, digest_of(b, change.after), folders);
  if (before && after) {
    change.table = table_changes(*before, *after, levels);
  } else {
    change.unread = std::string(before ? "b's" : after ? "a's" : "neither") + " version is not there any more";
    change.unread += "; name folders that have them with --inputs";
  }
}

std::vector<InputChange> input_changes(const Provenance& a, const Provenance& b, const std::vector<fs::path>& folders) {
  const auto files_a = job_files(a.job), files_b = job_files(b.job);
  std::vector<std::string> roles;
  for (const auto* files : {&files_a, &files_b})
    for (const auto& [role, file] : *files)
      if (std::find(roles.begin(), roles.end(), role) == roles.end()) roles.push_back(role);
  std::vector<InputChange> changes;
  for (const std::string& role : roles) {
    InputChange change{role, file_of(files_a, role), file_of(files_b, role), "", {}};
    if (digest_of(a, change.before) == digest_of(b, change.after)) continue;
    try {
      read_tables(change, a, b, folders, job_levels(b.job));
    } catch (const std::runtime_error& error) {
      change.unread = error.what();
    }
    changes.push_back(std::move(change));
  }
  return changes;
}

Causes causes_of(const LoadedCube& a, const LoadedCube& b, std::vector<fs::path> folders) {
  const Provenance &before = a.provenance, &after = b.provenance;
  for (const LoadedCube* cube : {&a, &b}) {
    const fs::path here = cube->path.has_parent_path() ? cube->path.parent_path() : fs::path(".");
    folders.insert(folders.end(), {here, here / ".."});
    if (const fs::path job = recorded_job(cube->path); !job.empty()) folders.push_back(job.parent_path());
  }
  folders.emplace_back(".");
  Causes causes;
  causes.program_before = a.header.source;
  causes.program_after = b.header.source;
  causes.same_job = a.header.job_digest == b.header.job_digest;
  causes.settings = job_changes(before.job, after.job);
  causes.inputs = input_changes(before, after, folders);
  count_positions(causes);
  return causes;
}

}  // namespace

int compare_command(const Options& options) {
  bool differs = false;
  const int code = run_reader([&] {
    LeftOut left_out{"distribution", "concentration"};
    const std::vector<std::string>& what = options.figures.what;
    if (std::find(what.begin(), what.end(), contribution_figure().name) == what.end())
      left_out.insert(left_out.end(), {"contribution", "contribution_by"});
    const LoadedCube a = load_cube(options.input, left_out), b = load_cube(options.figures.second, left_out);
    CompareRequest request{options.figures.filters,  options.figures.what,  options.figures.relative,
                           options.figures.absolute, options.figures.sigma, false};
    request.same_scenarios =
        a.header.seed == b.header.seed && a.header.sampler == b.header.sampler && a.header.scenarios == b.header.scenarios;
    const Comparison comparison = compare(a.cube, b.cube, request);
    const Causes causes = causes_of(a, b, options.figures.inputs);
    const CompareReport report{a.cube, causes, comparison, request, a.path.string(), b.path.string()};
    if (options.figures.format == "json") {
      std::cout << comparison_json(report);
    } else {
      const Terminal terminal = standard_terminal();
      std::ostringstream out;
      write_comparison(out, report, terminal);
      std::cout << wrapped(out.str(), terminal.columns);
    }
    differs = !comparison.beyond.empty();
  });
  return code == exit_code::ok && differs ? exit_code::differs : code;
}

}  // namespace tailcube
