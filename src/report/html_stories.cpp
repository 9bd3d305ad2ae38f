#include "src/report/html_stories.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <span>

#include "src/report/html_parts.h"
#include "src/report/html_story_tables.h"
#include "src/report/replay_common.h"
#include "src/report/replay_story.h"

namespace tailcube::html {
namespace {

class CellTeller {
 public:
  CellTeller(const View& view, const Job& job, int cell)
      : view_(view), job_(job), cell_(cell), replayer_(job, cell, view.cube.unit) {}
  // The HTML; empty where a scenario is not the run's: then `difference` says so.
  std::string tell(int told);
  std::string difference;

 private:
  std::vector<std::uint64_t> worst() const;
  const View& view_;
  const Job& job_;
  int cell_;
  Replayer replayer_;
};

std::vector<std::uint64_t> CellTeller::worst() const {
  const Cube& cube = view_.cube;
  const auto ranks = static_cast<std::size_t>(cube.tail_ranks);
  std::vector<std::uint64_t> out;
  for (std::size_t rank = 0; rank < ranks && out.size() < StoryLimits::alike; ++rank) {
    const std::size_t at = cube.at(0, cell_, 0, view_.horizon) * ranks + rank;
    if (cube.tail_valid[at] == 0) break;
    out.push_back(static_cast<std::uint64_t>(cube.tail_scenario[at]));
  }
  return out;
}

std::string CellTeller::tell(int told) {
  const std::vector<std::uint64_t> scenarios = worst();
  if (scenarios.empty()) return {};
  const auto sample = replayer_.sample(job_.report_steps[static_cast<std::size_t>(view_.horizon)], Common::sampled);
  const std::vector<Common::Factor> usual = usual_moves(job_, sample);
  CommonTraits traits(job_, view_.cube, cell_, 0, view_.horizon, 0);
  std::string stories;
  int met = 0;
  for (std::size_t at = 0; at < scenarios.size(); at += replayer_.together()) {
    const std::size_t some = std::min(replayer_.together(), scenarios.size() - at);
    for (const Replay& replay : replayer_(std::span(scenarios).subspan(at, some))) {
      const TailCheck check = check_against_tail(view_.cube, cell_, replay);
      if (!check.differences.empty()) {
        difference = difference_text(view_.cube, cell_, replay, check);
        return {};
      }
      traits.add(replay);
      if (met++ < told)
        stories += story_html(view_, {job_, view_.cube, cell_, 0, view_.horizon, 0, replay, check}, usual, met == 1);
    }
  }
  return alike_html(view_, traits.finish(sample)) + stories;
}

}  // namespace

Stories tell_stories(const View& view, const Job& job, const StoryLimits& limits) {
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  Stories stories;
  std::size_t bytes = 0;
  for (const int cell : view.ranked) {
    if (!stories.cells.empty() &&
        (bytes > limits.bytes || std::chrono::duration<double>(Clock::now() - begin).count() > limits.seconds))
      break;
    if (!std::binary_search(view.detailed.begin(), view.detailed.end(), cell)) continue;
    CellTeller teller(view, job, cell);
    std::string html = teller.tell(limits.scenarios);
    if (!teller.difference.empty()) return {{}, teller.difference};
    if (html.empty()) continue;  // nothing is listed
    bytes += html.size();
    stories.cells.push_back({cell, std::move(html)});
  }
  return stories;
}

std::string stories_html(const View& view, const Stories& stories) {
  const std::string head = "<h3>What happened in the worst</h3>\n";
  if (!stories.why_not.empty()) return head + note("No stories here: " + escaped(stories.why_not));
  std::string text = head +
                     note("Of the worst scenarios of the total after " + view.horizon_name(view.horizon) +
                          ", computed again and equal to the cube's figures to the bit. Moves are in per cent of today's "
                          "value, of credit drivers in "
                          "standard deviations (σ), else differences (0.01 is a percentage point).") +
                     "<p class=\"note\" id=\"stories-note\"></p>\n";
  for (const Stories::OfCell& of : stories.cells) {
    text += "<div class=\"stories\" data-cell=\"" + std::to_string(of.cell) + (of.cell == 0 ? "\">\n" : "\" hidden>\n") +
            of.html + "</div>\n";
  }
  return text;
}

}  // namespace tailcube::html
