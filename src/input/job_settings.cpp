// [run], [time], [cube], [credit] and [sampling].
#include <algorithm>
#include <charconv>
#include <set>

#include "src/input/reading.h"

namespace tailcube {
namespace {

constexpr std::int64_t largest_scenarios = (std::int64_t{1} << 32) - 1;

void read_run(Reading& reading) {
  Section run(reading.context(), "run");
  Job& job = reading.job;
  job.name = run.text("name", job.name);
  job.seed = static_cast<std::uint64_t>(run.integer("seed", {0, std::numeric_limits<std::int64_t>::max()}));
  job.scenarios = static_cast<std::uint64_t>(run.integer("scenarios", {1, largest_scenarios}));
  if (const auto* node = run.find("currency"); !node) {
    run.missing("currency", "an id, for instance \"USD\"");
  } else if (const auto* text = node->as_string(); text && is_id(text->get())) {
    job.currency = text->get();
  } else {
    run.wrong(*node, "currency", id_rule);
  }
  if (const auto* node = run.find("as_of"); !node) {
    run.use_default("as_of", "\"\"");
  } else if (node->is_string()) {
    job.as_of = node->as_string()->get();
  } else if (node->is_date()) {
    job.as_of = canonical(*node);
  } else {
    run.wrong(*node, "as_of", "a date or a text");
  }
  job.quarantine = run.word("faults", "fail|quarantine", "", 0) == 1;
  run.finish();
}

// "2W" in years; nothing if it is not a step.
std::optional<double> years_of_step(std::string_view text) {
  int count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end + 1 != text.data() + text.size() || count < 1 || count > 36500) return std::nullopt;
  switch (*end) {
    case 'D':
      return count / 365.0;
    case 'W':
      return 7 * count / 365.0;
    case 'M':
      return count / 12.0;
    case 'Q':
      return count / 4.0;
    case 'Y':
      return count;
    default:
      return std::nullopt;
  }
}

void read_report_steps(Section& time, Job& job, int last_step) {
  const auto* node = time.find("report");
  const std::string rule = "a list of steps from 1 to " + std::to_string(last_step);
  if (!node) {
    time.use_default("report", "[" + std::to_string(job.steps) + "]");
    job.report_steps = {job.steps};
    return;
  }
  const auto* array = node->as_array();
  if (!array || array->empty()) return time.wrong(*node, "report", rule);
  std::set<int> steps;
  for (const auto& element : *array) {
    const auto* step = element.as_integer();
    if (!step || step->get() < 1 || step->get() > last_step)
      time.wrong(element, "report", "a step from 1 to " + std::to_string(last_step));
    else if (!steps.insert(static_cast<int>(step->get())).second)
      time.error(element, "report", canonical(element) + " is there twice");
  }
  job.report_steps.assign(steps.begin(), steps.end());
}

void read_time(Reading& reading) {
  Section time(reading.context(), "time");
  Job& job = reading.job;
  constexpr std::string_view rule = "a number from 1 to 36500 with D, W, M, Q or Y, for instance \"1M\"";
  if (const auto* node = time.find("step"); !node) {
    time.missing("step", rule);
  } else if (const auto years = node->is_string() ? years_of_step(node->as_string()->get()) : std::nullopt) {
    job.step_years = *years;
  } else {
    time.wrong(*node, "step", rule);
  }
  const std::size_t before = reading.issues.total();
  job.steps = static_cast<int>(time.integer("steps", {1, largest_steps}));
  if (reading.issues.total() == before) reading.last_step = job.steps;
  read_report_steps(time, job, reading.last_step);
  time.finish();
  job.market.step_years = job.step_years;
  job.market.steps = job.steps;
  job.market.valued = job.report_steps;
}

// "0.990" is {99, 100}: exact, without trailing zeros, at most nine decimals so that a rank fits 64 bits.
std::optional<Confidence> confidence_of(std::string_view text) {
  std::int64_t exponent = 0;
  const std::size_t e = text.find_first_of("eE");
  if (e != std::string_view::npos) {
    std::string_view digits = text.substr(e + 1);
    if (digits.starts_with('+')) digits.remove_prefix(1);
    if (std::from_chars(digits.data(), digits.data() + digits.size(), exponent).ec != std::errc()) return std::nullopt;
    text = text.substr(0, e);
  }
  if (text.starts_with('+')) text.remove_prefix(1);
  const std::size_t point = std::min(text.find('.'), text.size());
  std::string digits(text.substr(0, point));
  if (point < text.size()) digits += text.substr(point + 1);
  std::int64_t decimals = static_cast<std::int64_t>(digits.size() - point) - exponent;
  while (!digits.empty() && digits.back() == '0') digits.pop_back(), --decimals;
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
  if (digits.empty() || decimals < 1 || decimals > 9 || static_cast<std::int64_t>(digits.size()) > decimals)
    return std::nullopt;
  if (digits.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  Confidence out{std::stoll(digits), 1};
  for (std::int64_t i = 0; i < decimals; ++i) out.denominator *= 10;
  return out;
}

void read_confidence(Reading& reading, Section& cube) {
  constexpr std::string_view rule = "a number above 0 and below 1 with at most 9 decimals, for instance 0.999";
  auto& levels = reading.job.confidence;
  const auto* node = cube.find("confidence");
  if (!node) {
    levels = {{95, 100}, {99, 100}, {999, 1000}};
    cube.use_default("confidence", "[0.95, 0.99, 0.999]");
    return;
  }
  const auto* array = node->as_array();
  if (!array || array->empty()) return cube.wrong(*node, "confidence", "a list of numbers above 0 and below 1");
  for (const auto& element : *array) {
    const auto level =
        element.is_floating_point() ? confidence_of(reading.toml.number_text(element, "cube.confidence")) : std::nullopt;
    if (!level)
      cube.wrong(element, "confidence", rule);
    else if (std::find(levels.begin(), levels.end(), *level) != levels.end())
      cube.error(element, "confidence", canonical(element) + " is there twice");
    else
      levels.push_back(*level);
  }
  std::sort(levels.begin(), levels.end(), [](const Confidence& a, const Confidence& b) {
    return a.numerator * (1'000'000'000 / a.denominator) < b.numerator * (1'000'000'000 / b.denominator);
  });
}

void read_levels(Reading& reading, Section& cube) {
  auto& levels = reading.job.levels;
  const auto* node = cube.find("levels");
  if (!node) return cube.use_default("levels", "[]");
  const auto* array = node->as_array();
  if (!array) return cube.wrong(*node, "levels", "a list of position columns");
  for (const auto& element : *array) {
    const auto* name = element.as_string();
    if (!name || !is_id(name->get()))
      cube.wrong(element, "levels", id_rule);
    else if (std::find(levels.begin(), levels.end(), name->get()) != levels.end())
      cube.error(element, "levels", canonical(element) + " is there twice");
    else
      levels.push_back(name->get());
  }
}

// Which nodes they are is known with the positions.
void read_outside(Reading& reading, Section& cube) {
  const auto* node = cube.find("outside");
  if (!node) return;  // no default to list: what a job without it says is what it always said
  reading.outside = node->as_array();
  if (!reading.outside) cube.wrong(*node, "outside", "a list of nodes below the total, for instance [\"fund/loans\"]");
}

void read_cube(Reading& reading) {
  Section cube(reading.context(), "cube");
  const std::size_t before = reading.issues.total();
  read_levels(reading, cube);
  read_outside(reading, cube);
  read_contribute_by(reading, cube);
  reading.levels_known = reading.issues.total() == before;
  read_confidence(reading, cube);
  reading.job.binned = cube.word("tail", "exact|binned", "", 0) == 1;
  read_contributions(reading, cube);
  // No defaults to list, as for `outside`.
  if (cube.find("published")) reading.job.published_values = cube.boolean("published", false);
  if (cube.find("ratios")) reading.job.ratios = cube.boolean("ratios", false);
  reading.job.tail_scenarios = static_cast<int>(cube.integer("tail_scenarios", {1, 100'000}, 1000));
  cube.finish();
}

void read_credit(Reading& reading) {
  Section credit(reading.context(), "credit");
  CreditSettings& out = reading.job.credit;
  const bool student = credit.word("copula", "gaussian|t", "", 0) == 1;
  if (student) {
    out.dof = credit.number("dof", {1, 1000, "between 1 and 1000"});
  } else if (const auto* dof = credit.find("dof")) {
    credit.error(*dof, "dof", "only a t copula has degrees of freedom; copula is \"gaussian\"");
  }
  out.timing = credit.word("timing", "adapted|terminal", "", 0) == 0 ? Timing::adapted : Timing::terminal;
  out.matched = credit.word("joint", "matched|raw", "", 0) == 0;
  out.sampler = credit.word("sampler", "sparse|per_obligor", "", 0) == 0 ? Sampler::sparse : Sampler::per_obligor;
  credit.finish();
}

}  // namespace

void read_settings(Reading& reading) {
  read_run(reading);
  read_time(reading);
  read_cube(reading);
  read_credit(reading);
  Section sampling(reading.context(), "sampling");
  sampling.word("method", "plain", "importance|qmc", 0);
  sampling.finish();
}

}  // namespace tailcube
