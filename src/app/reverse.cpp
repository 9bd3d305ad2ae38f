// Which moves of factors, and whose defaults, go with a loss above a limit.
#include <cmath>
#include <iostream>
#include <limits>

#include "src/app/exit_codes.h"
#include "src/app/failure.h"
#include "src/app/reverse_options.h"
#include "src/report/money.h"
#include "src/report/reverse_report.h"

namespace tailcube {
namespace {

constexpr std::size_t usual_scenarios = 8192;

// What lies beyond the limit, as far as /tail knows.
struct Beyond {
  double limit = 0, lower = std::numeric_limits<double>::quiet_NaN(), upper = lower;
  std::vector<std::uint32_t> scenarios;  // worst first
};

class KeptTail {
 public:
  KeptTail(const Revisit& at) : cube_(at.file.cube), node_(cube_.nodes[static_cast<std::size_t>(at.node)]) {
    const auto ranks = static_cast<std::size_t>(cube_.tail_ranks);
    first_ = cube_.at(0, at.cell, at.node, at.horizon) * ranks;
    while (kept_ < ranks && cube_.tail_valid[first_ + kept_] != 0) ++kept_;
  }

  Beyond beyond(const ReverseOptions& wanted) const {
    const std::string option = wanted.quantile ? "--quantile" : "--loss";
    Beyond out;
    if (wanted.quantile) {
      const Confidence q{std::llround(*wanted.quantile * 1e9), 1'000'000'000};
      const auto place = static_cast<std::size_t>(cube_.scenarios - quantile_rank(cube_.scenarios, q));
      if (place >= kept_) refuse_deep(option, "scenarios beyond it are");
      out.limit = loss(place);
      const RankInterval ranks = order_statistic_ranks(cube_.scenarios, q);
      const auto bound = [&](std::int64_t rank) {
        const auto at = static_cast<std::size_t>(cube_.scenarios - rank);
        return rank > 0 && at < kept_ ? loss(at) : std::numeric_limits<double>::quiet_NaN();
      };
      out.lower = bound(ranks.lower), out.upper = bound(ranks.upper);
    } else {
      out.limit = *wanted.loss;
      if (static_cast<std::int64_t>(kept_) < cube_.scenarios && (kept_ == 0 || out.limit < loss(kept_ - 1)))
        refuse_deep(option, "scenarios lose more than " + amount(out.limit) + " is");
    }
    for (std::size_t i = 0; i < kept_ && loss(i) > out.limit; ++i)
      out.scenarios.push_back(static_cast<std::uint32_t>(cube_.tail_scenario[first_ + i]));
    if (out.scenarios.size() < least_beyond) refuse_few(option, out);
    return out;
  }

 private:
  double loss(std::size_t place) const { return cube_.tail_loss[first_ + place]; }
  std::string amount(double money) const { return grouped(money, 0) + " " + cube_.currency; }
  std::string allowed() const {
    const double share = 1 - static_cast<double>(kept_) / static_cast<double>(cube_.scenarios);
    return "The cube lists the " + grouped(static_cast<double>(kept_)) + " worst of " +
           grouped(static_cast<double>(cube_.scenarios)) + " scenarios of " + node_ +
           (kept_ == 0 ? ""
                       : ", down to a loss of " + amount(loss(kept_ - 1)) + " (--quantile " + significant(share, 6) + ")");
  }
  [[noreturn]] void refuse_deep(const std::string& option, const std::string& what) const {
    throw Stop{exit_code::usage, option + ": which " + what + " not known. " + allowed() +
                                     "; more are listed by a run with a larger cube.tail_scenarios"};
  }
  [[noreturn]] void refuse_few(const std::string& option, const Beyond& beyond) const {
    std::string text = option + ": " + std::to_string(beyond.scenarios.size()) + " of " +
                       grouped(static_cast<double>(cube_.scenarios)) + " scenarios lose more than " + amount(beyond.limit) +
                       "; fewer than " + std::to_string(least_beyond) + " do not tell causes from chance. ";
    text += kept_ <= least_beyond ? "Run more scenarios, with cube.tail_scenarios above " + std::to_string(least_beyond)
                                  : "Ask for a loss below " + amount(loss(least_beyond - 1)) + ", or run more scenarios";
    throw Stop{exit_code::usage, text + ". " + allowed()};
  }

  const Cube& cube_;
  std::string node_;
  std::size_t first_ = 0, kept_ = 0;
};

// Every k-th scenario.
std::vector<std::uint32_t> some_of(std::int64_t scenarios, std::size_t most) {
  const auto step = std::max<std::int64_t>(1, scenarios / static_cast<std::int64_t>(most));
  std::vector<std::uint32_t> out;
  for (std::int64_t s = 0; s < scenarios && out.size() < most; s += step) out.push_back(static_cast<std::uint32_t>(s));
  return out;
}

void reverse(const ReverseOptions& options) {
  Beyond beyond;
  const Revisit at = revisit(options.at, CubePart::tail, [&](const Revisit& r) { beyond = KeptTail(r).beyond(options); });
  const Cube& cube = at.file.cube;
  const ScenarioSampler sampler(at.job, at.cell, at.horizon, cube.unit);
  const int threads = threads_or_cores(options.threads);
  const ScenarioSample tail = sampler(beyond.scenarios, threads);
  const std::size_t compared = compare_with_tail(at, tail);
  const ScenarioSample usual = sampler(some_of(cube.scenarios, usual_scenarios), threads);
  const ReverseStress stress =
      reverse_stress(at.job, at.node, at.horizon, tail, usual, static_cast<std::size_t>(options.clusters));
  const std::string replay =
      "tailcube replay " + options.at.cube.string() + (at.is_first_cell ? "" : " --cell \"" + cube.cells.front() + "\"");
  const ReverseReport report{at.job,     cube,         replay,           at.cell,      at.node,
                             at.horizon, beyond.limit, options.quantile, beyond.lower, beyond.upper,
                             tail,       usual.size(), compared,         stress,       options.at.most};
  using Format = RevisitOptions::Format;
  if (options.at.format == Format::text) write_reverse_text(std::cout, report);
  if (options.at.format == Format::csv) write_reverse_csv(std::cout, report);
  if (options.at.format == Format::json) std::cout << reverse_json(report);
}

}  // namespace

int reverse_command(int argc, const char* const* argv) {
  const ParsedReverse parsed = parse_reverse(argc, argv);
  if (!parsed.options) return print(parsed.refusal);
  return run_revisit([&] { reverse(*parsed.options); });
}

}  // namespace tailcube
