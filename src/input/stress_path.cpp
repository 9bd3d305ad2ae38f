#include "src/input/stress_path.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace tailcube {

std::optional<PathSpec> PathReader::read(Section& section, const toml::node& name) {
  const auto* text = name.as_string();
  if (text)
    if (const auto it = read_.find(text->get()); it != read_.end()) return it->second;
  SourceFile* file = reading_.open(section, name, "path");
  auto out = file ? read_file(*file) : std::nullopt;
  if (text) read_[text->get()] = out;
  return out;
}

std::optional<PathSpec> PathReader::read_file(SourceFile& file) {
  PathSpec out;
  const std::size_t before = reading_.issues.total();
  Csv csv(file, reading_.issues);
  if (!csv.next()) return std::nullopt;
  read_header(csv, file, out);
  if (reading_.issues.total() != before) return std::nullopt;
  while (csv.next()) read_row(csv, file, out);
  if (reading_.issues.total() == before) check(file, out);
  if (reading_.issues.total() != before || !reading_.factors.known) return std::nullopt;
  return out;
}

void PathReader::read_header(Csv& csv, const SourceFile& file, PathSpec& path) {
  const auto& cells = csv.cells();
  const auto complain = [&](std::string_view column, std::string text) {
    reading_.issues.add({file.shown, csv.line(), 0, std::string(column), std::move(text)});
  };
  if (cells[0] != "step") complain("step", "the first column of a path is \"step\", found " + in_quotes(cells[0]));
  if (cells.size() < 2) complain("", "a path has a column for each factor that it holds");
  for (std::size_t i = 1; i < cells.size(); ++i) {
    if (std::find(cells.begin() + 1, cells.begin() + static_cast<std::ptrdiff_t>(i), cells[i]) !=
        cells.begin() + static_cast<std::ptrdiff_t>(i))
      complain(cells[i], "the column is there twice");
    path.factors.push_back(
        reading_.factor(cells[i], Reading::Want::either, [&](std::string why) { complain(cells[i], std::move(why)); }));
  }
}

void PathReader::read_row(Csv& csv, const SourceFile& file, PathSpec& path) {
  const auto& cells = csv.cells();
  const auto complain = [&](std::string_view column, std::string text) {
    reading_.issues.add({file.shown, csv.line(), 0, std::string(column), std::move(text)});
  };
  if (cells.size() != path.factors.size() + 1)
    return complain("",
                    std::to_string(cells.size()) + " cells, but the header has " + std::to_string(path.factors.size() + 1));
  int step = -1;
  const auto [end, error] = std::from_chars(cells[0].data(), cells[0].data() + cells[0].size(), step);
  if (error != std::errc() || end != cells[0].data() + cells[0].size() || step < 0 || step > largest_steps)
    return complain("step", in_quotes(cells[0]) + " is not a step from 0 to " + std::to_string(largest_steps));
  if (!path.step.empty() && step <= path.step.back())
    return complain("step", std::to_string(step) + " does not come after step " + std::to_string(path.step.back()));
  path.step.push_back(step);
  auto& values = path.value.emplace_back();
  for (std::size_t i = 0; i < path.factors.size(); ++i) values.push_back(cell(csv, file, path, i));
}

double PathReader::cell(Csv& csv, const SourceFile& file, const PathSpec& path, std::size_t column) {
  const std::string_view text = csv.cells()[column + 1];
  if (text.empty() || is_none(path.factors[column])) return std::nan("");
  const auto index = static_cast<std::size_t>(path.factors[column]);
  const Process process = reading_.job.market.factors[index].process;
  const Range range = process == Process::lognormal || process == Process::log_ou ? positive : any;
  double value = 0;
  std::string problem = number_problem(text, range, value);
  if (problem.empty()) return value;
  reading_.issues.add({file.shown, csv.line(), 0, reading_.job.factor_ids[index], std::move(problem)});
  return std::nan("");
}

void PathReader::check(const SourceFile& file, const PathSpec& path) {
  if (path.step.empty() || path.step.back() == 0)
    return reading_.issues.add({file.shown, 0, 0, "step", "a path needs a row for a step after today"});
  for (std::size_t i = 0; i < path.factors.size(); ++i) {
    if (is_none(path.factors[i])) continue;
    const auto index = static_cast<std::size_t>(path.factors[i]);
    if (!reading_.factor_good[index]) continue;
    const double today = reading_.job.market.factors[index].initial;  // 0 for a driver
    const double first = path.step[0] == 0 ? path.value[0][i] : today;
    if (std::abs(first - today) > 1e-6 * std::max(std::abs(first), std::abs(today)))
      reading_.issues.add({file.shown, 0, 0, reading_.job.factor_ids[index],
                           shown(first) + " at step 0 is not today's value, " + shown(today) + " in files.factors"});
    bool any_value = false;
    for (std::size_t row = 0; row < path.step.size(); ++row)
      any_value |= path.step[row] > 0 && !std::isnan(path.value[row][i]);
    if (!any_value)
      reading_.issues.add({file.shown, 0, 0, reading_.job.factor_ids[index], "the column is blank after today"});
  }
}

}  // namespace tailcube
