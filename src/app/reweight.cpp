// Risk under another view of the world, from the scenarios of a finished cube.
#include <algorithm>
#include <cmath>
#include <iostream>

#include "src/app/exit_codes.h"
#include "src/app/failure.h"
#include "src/app/reweight_options.h"
#include "src/cube/reverse.h"
#include "src/report/money.h"
#include "src/report/reweight_report.h"

namespace tailcube {
namespace {

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out.append(out.empty() ? "" : "\n").append(line);
  return out;
}

// The node and those right below it.
std::vector<int> nodes_of(const Job& job, int node) {
  std::vector<int> out = {node};
  for (std::size_t n = static_cast<std::size_t>(node) + 1; n < job.nodes.size(); ++n)
    if (!is_none(job.nodes[n].parent) && static_cast<int>(job.nodes[n].parent) == node) out.push_back(static_cast<int>(n));
  return out;
}

class Weighing {
 public:
  explicit Weighing(const ReweightOptions& options)
      : options_(options), at_(revisit(options.at, CubePart::all)), cube_(at_.file.cube) {
    std::vector<ViewText> texts = options.views;
    bool propagate = options.propagate;
    try {
      if (!options.file.empty()) {
        if (!std::filesystem::exists(options.file)) throw Stop{exit_code::missing, options.file.string() + ": no such file"};
        const std::vector<ViewText> more = read_view_file(options.file, propagate);
        texts.insert(texts.end(), more.begin(), more.end());
      }
      views_ = read_views(at_.job, texts);
    } catch (const BadViews& bad) {
      throw Stop{options.file.empty() ? exit_code::usage : exit_code::invalid, joined(bad.messages)};
    }
    propagate_ = propagate;
    for (const ViewText& text : texts) texts_.push_back(text.text);
    if (views_.moved.empty() && views_.constraints.empty())
      throw Stop{exit_code::usage, "the views change nothing: no mean, volatility or probability is other than the run's"};
    nodes_ = nodes_of(at_.job, at_.node);
  }

  void weigh() {
    draw();
    try {
      const GaussianView density(
          at_.job.market.correlation, at_.job.market.factors.size(), views_.mean, views_.scale,
          propagate_ ? std::span<const std::uint32_t>(views_.moved) : std::span<const std::uint32_t>());
      std::vector<double> log_weights(sample_.size(), 0);
      for (std::size_t i = 0; i < sample_.size() && !views_.moved.empty(); ++i)
        log_weights[i] = density.log_ratio(std::span(sample_.innovation).subspan(i * sample_.factors, sample_.factors));
      EntropyViews fitted = constraints();
      add_entropy_views(fitted, Reweighting::design(cube_.scenarios, certain_, sample_.size()), log_weights);
      const Reweighting weights(cube_.scenarios, certain_, log_weights, std::move(fitted));
      refuse_few(weights, density);
      report(weights, density.effective_share());
    } catch (const ImpossibleView& impossible) {
      throw Stop{exit_code::usage, impossible.what()};
    }
  }

 private:
  // The worst of the nodes, and every k-th of the others.
  void draw() {
    std::vector<std::uint32_t> scenarios;
    const auto ranks = static_cast<std::size_t>(cube_.tail_ranks);
    for (const int node : nodes_) {
      const std::size_t first = cube_.at(0, at_.cell, node, at_.horizon) * ranks;
      for (std::size_t r = first; r < first + ranks && cube_.tail_valid[r] != 0; ++r) {
        if (cube_.tail_weight[r] != 1)
          throw Stop{exit_code::invalid, at_.path.string() + ": its scenarios have weights, which reweight does not know"};
        scenarios.push_back(static_cast<std::uint32_t>(cube_.tail_scenario[r]));
      }
    }
    std::sort(scenarios.begin(), scenarios.end());
    scenarios.erase(std::unique(scenarios.begin(), scenarios.end()), scenarios.end());
    certain_ = scenarios.size();
    const std::int64_t step = std::max<std::int64_t>(1, cube_.scenarios / static_cast<std::int64_t>(options_.sample));
    for (std::int64_t s = step / 2; s < cube_.scenarios; s += step) {
      const auto number = static_cast<std::uint32_t>(s);
      const auto worst = scenarios.begin() + static_cast<std::ptrdiff_t>(certain_);
      if (!std::binary_search(scenarios.begin(), worst, number)) scenarios.push_back(number);
    }
    if (scenarios.size() == certain_ && static_cast<std::int64_t>(certain_) < cube_.scenarios)
      throw Stop{exit_code::usage, "--sample: no scenario besides the worst is left to be weighed; ask for more"};
    sample_ = ScenarioSampler(at_.job, at_.cell, at_.horizon, cube_.unit)(scenarios, threads_or_cores(options_.threads));
    compared_ = compare_with_tail(at_, sample_);
  }

  EntropyViews constraints() const {
    EntropyViews out;
    out.count = views_.constraints.size();
    for (const Views::Constraint& c : views_.constraints) out.target.push_back(c.target);
    out.value.reserve(sample_.size() * out.count);
    for (std::size_t i = 0; i < sample_.size(); ++i)
      for (const Views::Constraint& c : views_.constraints)
        out.value.push_back(c(sample_.value_of(i, c.factor), sample_.innovation_of(i, c.factor)));
    return out;
  }

  void refuse_few(const Reweighting& weights, const GaussianView& density) const {
    if (weights.effective() >= least_effective) return;
    std::string text = "the view is too far from the run: of " + grouped(static_cast<double>(sample_.size())) +
                       " scenarios that were weighed " + significant(weights.effective(), 3) + " are effectively left";
    if (views_.constraints.empty()) text += " (" + significant(100 * density.effective_share(), 2) + " % of any number)";
    text += ", and below " + significant(least_effective, 3) + " an error cannot be trusted. ";
    if (!propagate_ && !views_.moved.empty())
      text += "What helps: --propagate, where other factors follow (this view moves some against their correlation); ";
    else
      text += "What helps: ";
    throw Stop{
        exit_code::usage,
        text + "a milder view; a larger --sample; or a run of the job with the view as its drift, volatility or stress"};
  }

  void report(const Reweighting& weights, double expected_share) const {
    ReweightReport out{at_.job,   cube_,      at_.cell,       at_.horizon,
                       texts_,    propagate_, certain_,       sample_.size() - certain_,
                       compared_, weights,    expected_share, !views_.constraints.empty(),
                       {},        {}};
    std::vector<std::uint32_t> shown = views_.moved;
    for (const Views::Constraint& c : views_.constraints) shown.push_back(c.factor);
    std::sort(shown.begin(), shown.end());
    shown.erase(std::unique(shown.begin(), shown.end()), shown.end());
    std::vector<double> y(sample_.size());
    for (const std::uint32_t f : shown) {
      for (std::size_t i = 0; i < y.size(); ++i) y[i] = sample_.innovation_of(i, f);
      ReweightReport::Factor row{f, weights.mean(y), weights.deviation(y), {}};
      for (std::size_t i = 0; i < y.size(); ++i) y[i] = move_of(at_.job.market.factors[f], sample_.value_of(i, f));
      row.move = weights.mean(y);
      out.factors.push_back(row);
    }
    for (const int node : nodes_) {
      for (std::size_t i = 0; i < y.size(); ++i)
        y[i] = static_cast<double>(sample_.loss_of(i, static_cast<std::size_t>(node))) * cube_.unit;
      ReweightReport::Node row{node, weights.mean(y), {}};
      for (const Confidence& level : cube_.confidence) row.tail.push_back(weights.tail(y, level));
      out.nodes.push_back(std::move(row));
    }
    using Format = RevisitOptions::Format;
    if (options_.at.format == Format::text) write_reweight_text(std::cout, out);
    if (options_.at.format == Format::csv) write_reweight_csv(std::cout, out);
    if (options_.at.format == Format::json) std::cout << reweight_json(out);
  }

  const ReweightOptions& options_;
  Revisit at_;
  const Cube& cube_;
  Views views_;
  bool propagate_ = false;
  std::vector<std::string> texts_;
  std::vector<int> nodes_;
  std::size_t certain_ = 0, compared_ = 0;
  ScenarioSample sample_;
};

}  // namespace

int reweight_command(int argc, const char* const* argv) {
  const ParsedReweight parsed = parse_reweight(argc, argv);
  if (!parsed.options) return print(parsed.refusal);
  return run_revisit([&] { Weighing(*parsed.options).weigh(); });
}

}  // namespace tailcube
