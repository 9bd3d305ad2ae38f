// One scenario of a finished cube, told; or what its worst scenarios have in common.
#include <algorithm>
#include <iostream>
#include <span>

#include "src/app/exit_codes.h"
#include "src/app/failure.h"
#include "src/app/replay_options.h"
#include "src/report/build_info.h"
#include "src/report/money.h"
#include "src/report/replay_common.h"
#include "src/report/replay_story.h"

namespace tailcube {
namespace {

class Telling {
 public:
  explicit Telling(const ReplayOptions& options)
      : options_(options), at_(revisit(options.at, CubePart::tail, [&](const Revisit& at) {
          const std::int64_t scenarios = at.file.cube.scenarios;
          if (options.scenario && *options.scenario >= static_cast<std::uint64_t>(scenarios))
            refuse("--scenario: the cube has scenarios 0 to " + std::to_string(scenarios - 1) + ", not " +
                   std::to_string(*options.scenario));
        })) {
    replayer_ = std::make_unique<Replayer>(at_.job, at_.cell, at_.file.cube.unit);
  }

  void tell() { options_.scenario ? tell_one() : tell_worst(); }

 private:
  void tell_one() {
    const Replay replay = (*replayer_)(*options_.scenario);
    const TailCheck check = checked(replay);
    const Story story{at_.job, at_.file.cube, at_.cell, at_.node, at_.horizon, options_.at.most, replay, check};
    using Format = RevisitOptions::Format;
    if (options_.at.format == Format::text) write_story_text(std::cout, story);
    if (options_.at.format == Format::csv) write_story_csv(std::cout, story);
    if (options_.at.format == Format::json) std::cout << story_json(story);
  }

  void tell_worst() {
    const Cube& cube = at_.file.cube;
    const std::vector<std::uint64_t> scenarios = worst();
    CommonTraits traits(at_.job, cube, at_.cell, at_.node, at_.horizon, options_.at.most);
    for (std::size_t at = 0; at < scenarios.size(); at += replayer_->together()) {
      const std::size_t some = std::min(replayer_->together(), scenarios.size() - at);
      for (const Replay& replay : (*replayer_)(std::span(scenarios).subspan(at, some))) {
        checked(replay);
        traits.add(replay);
      }
    }
    const Common common =
        traits.finish(replayer_->sample(at_.job.report_steps[static_cast<std::size_t>(at_.horizon)], Common::sampled));
    using Format = RevisitOptions::Format;
    if (options_.at.format == Format::text) write_common_text(std::cout, common);
    if (options_.at.format == Format::csv) write_common_csv(std::cout, common);
    if (options_.at.format == Format::json) std::cout << common_json(common);
  }

  // The first that /tail lists for the node.
  std::vector<std::uint64_t> worst() const {
    const Cube& cube = at_.file.cube;
    const auto ranks = static_cast<std::size_t>(cube.tail_ranks), wanted = static_cast<std::size_t>(options_.worst);
    const std::size_t first = cube.at(0, at_.cell, at_.node, at_.horizon) * ranks;
    std::size_t there = 0;
    while (there < ranks && cube.tail_valid[first + there] != 0) ++there;
    if (wanted > there)
      refuse("--worst: the cube lists " + std::to_string(there) + " scenarios of a node, not " + std::to_string(wanted));
    const auto begin = cube.tail_scenario.begin() + static_cast<std::ptrdiff_t>(first);
    return {begin, begin + options_.worst};
  }

  // A replay that is not the run's is no replay: code 70.
  TailCheck checked(const Replay& replay) const {
    TailCheck check = check_against_tail(at_.file.cube, at_.cell, replay);
    if (check.differences.empty()) return check;
    throw Stop{exit_code::internal, difference_text(at_.file.cube, at_.cell, replay, check) + ". The cube was written by " +
                                        at_.file.header.source + "; this is tailcube " + program_version() + " (commit " +
                                        program_commit() + ", " + compiler() + ")"};
  }

  const ReplayOptions& options_;
  Revisit at_;
  std::unique_ptr<Replayer> replayer_;
};

}  // namespace

int replay_command(int argc, const char* const* argv) {
  const ParsedReplay parsed = parse_replay(argc, argv);
  if (!parsed.options) return print(parsed.refusal);
  return run_revisit([&] { Telling(*parsed.options).tell(); });
}

}  // namespace tailcube
