#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <tuple>

#include "hpc/cube_whole.h"
#include "src/app/commands.h"
#include "src/app/exit_codes.h"
#include "src/app/failure.h"
#include "src/app/replay_input.h"
#include "src/input/digest.h"
#include "src/report/html_report.h"
#include "src/report/money.h"

namespace tailcube {
namespace {

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string all{std::istreambuf_iterator<char>(file), {}};
  if (!file) throw FileError(path.string() + ": cannot be read");
  return all;
}

ReportOrigin origin(const std::filesystem::path& path, const CubeFile& file) {
  const std::string bytes = bytes_of(path);
  const CubeHeader& header = file.header;
  ReportOrigin from;
  from.file = path.filename().string();
  from.sha256 = sha256(bytes);
  from.bytes = bytes.size();
  from.title = header.title;
  from.source = header.source;
  from.job_digest = header.job_digest;
  from.sampler = header.sampler;
  from.tail_mode = header.tail_mode;
  from.format_version = header.format_version;
  from.seed = header.seed;
  from.loss_unit = header.loss_unit;
  from.job = file.provenance.job;
  from.defaults_used = file.provenance.defaults_used;
  for (const InputFile& input : file.provenance.inputs) from.input_digests.emplace_back(input.path, input.sha256);
  const std::filesystem::path record = path.parent_path() / "run.json";
  if (std::filesystem::is_regular_file(record)) from.run_record = bytes_of(record);
  return from;
}

// Why there are no stories, in a line: what is the matter first, what to do about it last.
std::string one_line(const std::string& text) {
  const std::size_t first = text.find('\n'), last = text.rfind('\n');
  if (first == std::string::npos) return text;
  const auto more = std::count(text.begin() + static_cast<std::ptrdiff_t>(first) + 1, text.end(), '\n');
  return text.substr(0, first) + (more > 0 ? " (and " + std::to_string(more) + " more)" : "") + "; " + text.substr(last + 1);
}

// The job of the cube, or why it cannot be had.
std::pair<std::optional<Job>, std::string> job_of(const std::filesystem::path& path, const CubeFile& file,
                                                  const Options& options) {
  std::optional<Job> job;
  Failure failure;
  try {
    failure = attempt([&] { job = read_job_of(path, file, job_folder(path, file.provenance, options.job_folder)); });
  } catch (const Stop& stop) {
    failure = {stop.exit_code, stop.text};
  }
  return {std::move(job), one_line(failure.text)};
}

}  // namespace

int report_command(const Options& options) {
  std::filesystem::path path = options.input;
  if (std::filesystem::is_directory(path)) path /= "cube.h5";
  if (!std::filesystem::exists(path)) {
    log_error(path.string() + ": no such file");
    return exit_code::missing;
  }
  ReportPage page;
  Failure failure = attempt([&] {
    const CubeFile file = read_cube_file(path);
    ReportOptions wanted;
    wanted.charts = !options.without_charts;
    wanted.stories = options.stories;
    std::optional<Job> job;
    if (options.stories > 0) std::tie(job, wanted.no_job) = job_of(path, file, options);
    if (job) wanted.job = &*job;
    page = html_report(file.cube, origin(path, file), wanted);
  });
  if (failure.exit_code == exit_code::io) failure.exit_code = exit_code::invalid;  // a cube that cannot be read is input
  const std::filesystem::path to = options.output.empty() ? path.parent_path() / "report.html" : options.output;
  if (failure.exit_code == exit_code::ok)
    failure = attempt([&] { write_whole_file(to, {std::as_bytes(std::span<const char>(page.html))}); });
  if (failure.exit_code != exit_code::ok) {
    log_error(failure.text);
    return failure.exit_code;
  }
  std::cout << to.string() << ": " << bytes_text(static_cast<double>(page.html.size())) << ", charts "
            << (options.without_charts    ? "left out"
                : chart_library().empty() ? "not built in"
                                          : "by " + chart_library())
            << ", stories ";
  if (!page.no_stories.empty())
    std::cout << "none: " << page.no_stories << "\n";
  else if (page.cells_told == 0)
    std::cout << "left out\n";
  else
    std::cout << "of " << page.cells_told << (page.cells_told == 1 ? " cell\n" : " cells\n");
  return exit_code::ok;
}

}  // namespace tailcube
