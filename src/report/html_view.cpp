#include "src/report/html_view.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <numeric>
#include <unordered_map>

namespace tailcube::html {
namespace {

constexpr double number_bytes = 6.5;  // with its comma
constexpr std::size_t top_nodes = 12;

}  // namespace

std::string plain_number(double value, double error) {
  const std::string text = number_with_error(value, error);
  const std::size_t at = text.find(" ±");
  return at == std::string::npos ? text
                                 : text.substr(0, at + 1) + "<span class=\"error\">" + text.substr(at + 1) + "</span>";
}

Estimate give_or_take(double value, double error) {
  return {value, error / normal_95, value - error, value + error, 0, true};
}

View::View(const Cube& c, const ReportOrigin& o)
    : cube(c),
      origin(o),
      money(money_scale(largest_amount(c), c.currency)),
      horizon(static_cast<int>(c.horizon_years.size()) - 1),
      level(ranking_confidence(c)) {
  ranked.resize(cube.cells.size());
  std::iota(ranked.begin(), ranked.end(), 0);
  const auto total = [&](int cell) {
    const double value = shortfall(cell, 0, horizon, level).value;
    return std::isnan(value) ? -HUGE_VAL : value;
  };
  std::stable_sort(ranked.begin(), ranked.end(), [&](int a, int b) { return total(a) > total(b); });
  worst = ranked.front();
  std::stable_partition(ranked.begin(), ranked.end(), [](int cell) { return cell == 0; });
  for (int n = 0; n < nodes(); ++n)
    if (depth(n) <= 1 && top.size() < top_nodes) top.push_back(n);
  std::unordered_map<std::string_view, int> place;
  for (int n = 0; n < nodes(); ++n) place.emplace(cube.nodes[static_cast<std::size_t>(n)], n);
  for (std::size_t e = 0; e < cube.edges.size(); ++e) {
    const auto parent = place.find(cube.edge_parent[e]), child = place.find(cube.edge_child[e]);
    if (parent == place.end() || child == place.end() || !child->first.starts_with(cube.edge_parent[e] + "/")) continue;
    edges.push_back({parent->second, child->second, e});
    parents.push_back(parent->second);
  }
  std::sort(parents.begin(), parents.end());
  parents.erase(std::unique(parents.begin(), parents.end()), parents.end());
  if (!parents.empty()) split = parents.front();
  read_parts(place);
  detail(0);
}

void View::read_parts(const std::unordered_map<std::string_view, int>& place) {
  std::map<std::string_view, int> column_place;
  std::map<std::pair<int, std::string_view>, int> value_place;
  for (std::size_t p = 0; p < cube.parts.size(); ++p) {
    const auto parent = place.find(cube.part_parent[p]);
    if (parent == place.end()) continue;
    const auto [column, new_column] = column_place.try_emplace(cube.part_column[p], static_cast<int>(columns.size()));
    if (new_column) columns.push_back({cube.part_column[p], {}});
    std::vector<std::string>& values = columns[static_cast<std::size_t>(column->second)].values;
    const auto [value, new_value] =
        value_place.try_emplace({column->second, cube.part_value[p]}, static_cast<int>(values.size()));
    if (new_value) values.push_back(cube.part_value[p]);
    parts.push_back({parent->second, column->second, value->second, p});
  }
  std::stable_sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) { return a.parent < b.parent; });
}

std::vector<View::Part> View::parts_by(int column, int parent) const {
  std::vector<Part> found;
  for (const Part& part : parts)
    if (part.parent == parent && part.column == column) found.push_back(part);
  return found;
}

void View::detail(std::size_t bytes) {
  const auto first_parts = static_cast<std::size_t>(
      std::count_if(parts.begin(), parts.end(), [&](const Part& part) { return part.parent == parts.front().parent; }));
  const double numbers =
      nodes() * (2.0 + 4 * levels()) +
      (2.0 * static_cast<double>(edges.size() + first_parts) + static_cast<double>(parents.size())) * levels();
  const auto fit = 1 + static_cast<std::size_t>(static_cast<double>(bytes) / (number_bytes * horizons() * numbers));
  detailed.assign(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(std::min(fit, ranked.size())));
  std::sort(detailed.begin(), detailed.end());
}

Estimate View::expected(int cell, int node, int h, int quantity) const {
  static const Figure& figure = *figure_of("mean");
  return estimate(cube, figure, {quantity, cell, node, h, 0});
}

Estimate View::var(int cell, int node, int h, int k) const {
  static const Figure& figure = *figure_of("var");
  return estimate(cube, figure, {economic, cell, node, h, k});
}

Estimate View::shortfall(int cell, int node, int h, int k, int quantity) const {
  static const Figure& figure = *figure_of("es");
  return estimate(cube, figure, {quantity, cell, node, h, k});
}

double View::error_shown(double se) const {
  return std::isfinite(se) ? std::strtod(significant(se / money.divisor, 4).c_str(), nullptr) : se;
}

double View::shortfall_se(int cell, int node, int h, int k) const {
  return error_shown(cube.expected_shortfall_se[cube.at(economic, cell, node, h, k)]);
}

Estimate View::contribution(int cell, const Edge& edge, int h, int k) const {
  const double value = cube.contribution[cube.at_edge(cell, edge.at, h, k)];
  Estimate found = give_or_take(value, normal_95 * contribution_se(cell, edge, h, k) * money.divisor);
  found.flag = shortfall(cell, edge.parent, h, k).flag;
  return found;
}

double View::contribution_se(int cell, const Edge& edge, int h, int k) const {
  return error_shown(cube.contribution_se[cube.at_edge(cell, edge.at, h, k)]);
}

Estimate View::contribution_by(int cell, const Part& part, int h, int k) const {
  Estimate found = give_or_take(cube.contribution_by[cube.at_part(cell, part.at, h, k)],
                                normal_95 * contribution_by_se(cell, part, h, k) * money.divisor);
  found.flag = shortfall(cell, part.parent, h, k).flag;
  return found;
}

double View::contribution_by_se(int cell, const Part& part, int h, int k) const {
  return error_shown(cube.contribution_by_se[cube.at_part(cell, part.at, h, k)]);
}

double View::relative_error(int cell, int h, int k) const {
  const double value = shown(shortfall(cell, 0, h, k).value), se = shortfall_se(cell, 0, h, k);
  return value > 0 && std::isfinite(se) ? se / value : std::nan("");
}

std::string View::gauge(int gauge, int cell) const {
  const std::size_t at = cube.at(gauge, cell, 0, horizon);
  const double mean = cube.gauge_mean[at], half = normal_95 * cube.gauge_se[at];
  if (cube.gauge_units[static_cast<std::size_t>(gauge)] != "1") return amount(give_or_take(mean, half));
  return plain_number(mean, half);
}

std::string View::scenarios_for(double relative_error) const {
  if (std::isnan(relative_error)) return "n/a";
  if (relative_error <= 0.01) return "reached";
  const double needed = static_cast<double>(cube.scenarios) * std::pow(relative_error / 0.01, 2);
  return grouped(std::strtod(significant(needed, 2).c_str(), nullptr));
}

double View::largest_share(int k) const {
  double largest = 0;
  for (const int cell : detailed)
    for (int n = 0; n < nodes(); ++n)
      for (int h = 0; h < horizons(); ++h) {
        const double share = shown(shortfall(cell, n, h, k).value) / shown(cube.base_value[static_cast<std::size_t>(n)]);
        if (std::isfinite(share)) largest = std::max(largest, share);
      }
  return largest;
}

std::string View::number(double amount) const {
  if (!std::isfinite(amount)) return "null";
  std::string text = grouped(amount / money.divisor, money.decimals);
  std::erase(text, ',');
  return text;
}

std::string View::error_number(double error) const {
  if (!std::isfinite(error)) return "null";
  std::string text = money.error(error);
  std::erase(text, ',');
  return text;
}

double View::shown(double amount) const {
  return std::isfinite(amount) ? std::strtod(number(amount).c_str(), nullptr) : amount;
}

std::string View::amount(const Estimate& e) const {
  if (std::isnan(e.value)) return "n/a";
  std::string text = money(e.value) + " <span class=\"error\">±" + (std::isnan(e.error()) ? "?" : money.error(e.error()));
  if (e.flag & var_is_bracket) text += "*";
  if (e.flag & few_tail_scenarios) text += "!";
  return text + "</span>";
}

std::string View::share(double loss, double base) const {
  const double ratio = shown(loss) / shown(base);
  return std::isfinite(ratio) && shown(base) > 0 ? grouped(100 * ratio, 1) + " %" : "";
}

std::string View::heat(double share, double largest) {
  if (!std::isfinite(share) || !(largest > 0)) return {};
  return "h" + std::to_string(std::clamp(static_cast<int>(std::floor(9 * share / largest)), 0, 8));
}

std::string View::level_text(int k) const {
  std::string text = percent(cube.confidence[static_cast<std::size_t>(k)].value());
  if (const std::size_t at = text.find(' '); at != std::string::npos) text.replace(at, 1, "\u00a0");  // no break there
  return text;
}
std::string View::horizon_name(int h) const { return horizon_text(cube.horizon_years[static_cast<std::size_t>(h)]); }

std::string View::node_name(int n) const {
  const std::string& path = cube.nodes[static_cast<std::size_t>(n)];
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

int View::depth(int n) const { return tailcube::depth(cube.nodes[static_cast<std::size_t>(n)]); }

std::string View::name_below(int child, int parent) const {
  return cube.nodes[static_cast<std::size_t>(child)].substr(cube.nodes[static_cast<std::size_t>(parent)].size() + 1);
}

}  // namespace tailcube::html
