#include "src/report/selection.h"

#include <fnmatch.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <numeric>
#include <optional>
#include <set>
#include <string_view>

#include "src/cube/cube.h"
#include "src/report/figures.h"
#include "src/report/money.h"

namespace tailcube {
namespace {

constexpr std::string_view root = "total/";
constexpr std::size_t names_listed = 12;

std::vector<int> all_of(std::size_t count) {
  std::vector<int> places(count);
  std::iota(places.begin(), places.end(), 0);
  return places;
}

std::string_view below_root(std::string_view name) { return name.starts_with(root) ? name.substr(root.size()) : name; }

// The first of the rules that finds something decides: a name with a star in it is first of all a name.
std::vector<int> find(const std::vector<std::string>& names, const std::string& pattern) {
  const bool glob = pattern.find_first_of("*?[") != std::string::npos;
  const auto like = [&](const std::string& text) { return fnmatch(pattern.c_str(), text.c_str(), 0) == 0; };
  const std::function<bool(const std::string&)> rules[] = {
      [&](const std::string& name) { return name == pattern; },
      [&](const std::string& name) { return below_root(name) == pattern; },
      [&](const std::string& name) { return glob && (like(name) || like(std::string(below_root(name)))); },
      [&](const std::string& name) { return !glob && name.starts_with(pattern); },
      [&](const std::string& name) { return !glob && below_root(name).starts_with(pattern); },
  };
  std::vector<int> found;
  for (const auto& rule : rules) {
    for (std::size_t i = 0; i < names.size(); ++i)
      if (rule(names[i])) found.push_back(static_cast<int>(i));
    if (!found.empty()) break;
  }
  return found;
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), names_listed); ++i) text += (i ? ", '" : "'") + names[i] + "'";
  if (names.size() > names_listed) text += " and " + std::to_string(names.size() - names_listed) + " more";
  return text;
}

[[noreturn]] void refuse(const std::string& option, const std::string& pattern, const std::string& says,
                         const std::vector<std::string>& names) {
  throw BadFilter(option + " '" + pattern + "' " + says + " " + listed(names));
}

std::optional<double> number(std::string_view text, std::string_view& rest) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || !std::isfinite(value)) return std::nullopt;
  rest = text.substr(static_cast<std::size_t>(end - text.data()));
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  return value;
}

std::optional<double> years_of(std::string_view text) {
  std::string_view unit;
  const auto count = number(text, unit);
  if (!count) return std::nullopt;
  if (unit.empty() || unit == "Y" || unit == "y") return *count;
  if (unit == "M" || unit == "m") return *count / 12;
  if (unit == "W" || unit == "w") return *count * 7 / 365;
  if (unit == "D" || unit == "d") return *count / 365;
  return std::nullopt;
}

std::optional<double> level_of(std::string_view text) {
  std::string_view unit;
  const auto value = number(text, unit);
  if (!value || (!unit.empty() && unit != "%")) return std::nullopt;
  return unit == "%" || *value >= 1 ? *value / 100 : *value;
}

// Places of an axis of numbers; `text` is how each is printed, `read` how a filter is.
std::vector<int> numbers(const std::vector<double>& values, const std::vector<std::string>& patterns,
                         const std::string& option, const std::function<std::string(double)>& text,
                         const std::function<std::optional<double>(std::string_view)>& read) {
  if (patterns.empty()) return all_of(values.size());
  std::set<int> chosen;
  for (const std::string& pattern : patterns) {
    const auto wanted = read(pattern);
    const std::size_t before = chosen.size();
    bool found = false;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (text(values[i]) != pattern && !(wanted && std::abs(values[i] - *wanted) <= 1e-6 * values[i])) continue;
      chosen.insert(static_cast<int>(i));
      found = true;
    }
    if (!found && before == chosen.size()) {
      std::vector<std::string> there;
      there.reserve(values.size());
      for (const double value : values) there.push_back(text(value));
      refuse(option, pattern, "is none of", there);
    }
  }
  return {chosen.begin(), chosen.end()};
}

}  // namespace

void refuse_what(const std::string& name, const std::string& others) {
  std::string text = "--what '" + name + "' is none of ";
  for (const Figure& each : figures()) text.append(each.name).append(", ");
  throw BadFilter(text + others);
}

std::vector<int> matching(const std::vector<std::string>& names, const std::vector<std::string>& patterns,
                          const std::string& option) {
  if (patterns.empty()) return all_of(names.size());
  std::set<int> chosen;
  for (const std::string& pattern : patterns) {
    const std::vector<int> found = find(names, pattern);
    if (found.empty()) refuse(option, pattern, "finds none of", names);
    chosen.insert(found.begin(), found.end());
  }
  return {chosen.begin(), chosen.end()};
}

Selection select(const Cube& cube, const Filters& filters) {
  std::vector<double> levels;
  for (const Confidence& confidence : cube.confidence) levels.push_back(confidence.value());
  std::vector<std::string> horizons = filters.horizons;
  for (std::string& horizon : horizons)
    if (horizon == "last" && !cube.horizon_years.empty()) horizon = horizon_text(cube.horizon_years.back());
  return {matching(cube.quantities, filters.quantities, "--quantity"), matching(cube.cells, filters.cells, "--cell"),
          matching(cube.nodes, filters.nodes, "--node"),
          numbers(cube.horizon_years, horizons, "--horizon", horizon_text, years_of),
          numbers(levels, filters.confidences, "--confidence", percent, level_of)};
}

}  // namespace tailcube
