// One scenario of a finished cube, told; or what its worst scenarios have in common.
#include <algorithm>
#include <cmath>
#include <iostream>
#include <span>

#include "src/app/exit_codes.h"
#include "src/app/failure.h"
#include "src/app/replay_input.h"
#include "src/app/replay_options.h"
#include "src/input/issues.h"
#include "src/report/build_info.h"
#include "src/report/money.h"
#include "src/report/replay_common.h"
#include "src/report/replay_story.h"

namespace tailcube {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const std::string& text) { throw Stop{exit_code::usage, text}; }

int place_of(const std::string& option, const std::string& name, const std::vector<std::string>& known) {
  for (std::size_t i = 0; i < known.size(); ++i)
    if (known[i] == name) return static_cast<int>(i);
  const std::vector<std::string_view> names(known.begin(), known.end());
  refuse(option + ": the cube has no " + in_quotes(name) + Issues().suggest(name, names));
}

// Years as a number, or "3 months" as the tables write it; without the blank and the plural, too.
int horizon_of(const std::string& text, const std::vector<double>& years) {
  if (text.empty()) return static_cast<int>(years.size()) - 1;
  double number = 0;
  const bool is_number = parse_number(text, number) == NumberText::number;
  std::string all;
  for (std::size_t h = 0; h < years.size(); ++h) {
    if (is_number ? std::abs(number - years[h]) < 5e-4 : text == horizon_text(years[h])) return static_cast<int>(h);
    all += (h ? ", " : "") + horizon_text(years[h]);
  }
  refuse("--horizon: the cube has no " + in_quotes(text) + "; it has " + all + " (or a number of years)");
}

class Telling {
 public:
  explicit Telling(const ReplayOptions& options) : options_(options), path_(options.cube) {
    if (fs::is_directory(path_)) path_ /= "cube.h5";
    if (!fs::exists(path_)) throw Stop{exit_code::missing, path_.string() + ": no such file"};
    const ReplayOptions& wanted = options;
    std::size_t cell = 0;
    file_ = read_cube_cell(path_, [&](const std::vector<std::string>& cells) {
      return cell = wanted.cell.empty() ? 0 : static_cast<std::size_t>(place_of("--cell", wanted.cell, cells));
    });
    const Cube& cube = file_.cube;
    node_ = wanted.node.empty() ? 0 : place_of("--node", wanted.node, cube.nodes);
    horizon_ = horizon_of(wanted.horizon, cube.horizon_years);
    if (wanted.scenario && *wanted.scenario >= static_cast<std::uint64_t>(cube.scenarios))
      refuse("--scenario: the cube has scenarios 0 to " + std::to_string(cube.scenarios - 1) + ", not " +
             std::to_string(*wanted.scenario));
    job_ = read_job_of(path_, file_, job_folder(path_, file_.provenance, wanted.job));
    job_.digest = file_.header.job_digest;
    job_.cells = {job_.cells.at(cell)};
    replayer_ = std::make_unique<Replayer>(job_, only_cell, cube.unit);
  }

  void tell() { options_.scenario ? tell_one() : tell_worst(); }

 private:
  void tell_one() {
    const Replay replay = (*replayer_)(*options_.scenario);
    const TailCheck check = checked(replay);
    const Story story{job_, file_.cube, only_cell, node_, horizon_, options_.most, replay, check};
    using Format = ReplayOptions::Format;
    if (options_.format == Format::text) write_story_text(std::cout, story);
    if (options_.format == Format::csv) write_story_csv(std::cout, story);
    if (options_.format == Format::json) std::cout << story_json(story);
  }

  void tell_worst() {
    const Cube& cube = file_.cube;
    const std::vector<std::uint64_t> scenarios = worst();
    CommonTraits traits(job_, cube, only_cell, node_, horizon_, options_.most);
    for (std::size_t at = 0; at < scenarios.size(); at += replayer_->together()) {
      const std::size_t some = std::min(replayer_->together(), scenarios.size() - at);
      for (const Replay& replay : (*replayer_)(std::span(scenarios).subspan(at, some))) {
        checked(replay);
        traits.add(replay);
      }
    }
    const Common common =
        traits.finish(replayer_->sample(job_.report_steps[static_cast<std::size_t>(horizon_)], Common::sampled));
    using Format = ReplayOptions::Format;
    if (options_.format == Format::text) write_common_text(std::cout, common);
    if (options_.format == Format::csv) write_common_csv(std::cout, common);
    if (options_.format == Format::json) std::cout << common_json(common);
  }

  // The first that /tail lists for the node.
  std::vector<std::uint64_t> worst() const {
    const Cube& cube = file_.cube;
    const auto ranks = static_cast<std::size_t>(cube.tail_ranks), wanted = static_cast<std::size_t>(options_.worst);
    const std::size_t first = cube.at(0, only_cell, node_, horizon_) * ranks;
    std::size_t there = 0;
    while (there < ranks && cube.tail_valid[first + there] != 0) ++there;
    if (wanted > there)
      refuse("--worst: the cube lists " + std::to_string(there) + " scenarios of a node, not " + std::to_string(wanted));
    const auto begin = cube.tail_scenario.begin() + static_cast<std::ptrdiff_t>(first);
    return {begin, begin + options_.worst};
  }

  // A replay that is not the run's is no replay: code 70.
  TailCheck checked(const Replay& replay) const {
    TailCheck check = check_against_tail(file_.cube, only_cell, replay);
    if (check.differences.empty()) return check;
    throw Stop{exit_code::internal, difference_text(file_.cube, only_cell, replay, check) + ". The cube was written by " +
                                        file_.header.source + "; this is tailcube " + program_version() + " (commit " +
                                        program_commit() + ", " + compiler() + ")"};
  }

  const ReplayOptions& options_;
  fs::path path_;
  CubeFile file_;
  Job job_;
  static constexpr int only_cell = 0;  // of the cube and the job, as they are read here
  int node_ = 0, horizon_ = 0;
  std::unique_ptr<Replayer> replayer_;
};

}  // namespace

int replay_command(int argc, const char* const* argv) {
  const ParsedReplay parsed = parse_replay(argc, argv);
  if (!parsed.options) {
    (parsed.refusal.exit_code == exit_code::ok ? std::cout : std::cerr) << parsed.refusal.text;
    return parsed.refusal.exit_code;
  }
  Failure failure;
  try {
    failure = attempt([&] { Telling(*parsed.options).tell(); });
  } catch (const Stop& stop) {
    failure = {stop.exit_code, stop.text};
  }
  if (failure.exit_code == exit_code::io) failure.exit_code = exit_code::invalid;  // a cube that cannot be read is input
  if (failure.exit_code != exit_code::ok) log_error(failure.text);
  return failure.exit_code;
}

}  // namespace tailcube
